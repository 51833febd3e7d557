/*
 * Every message of the configuration parser, word by word. The cases stand in
 * tests/fixtures/config/: a wrong text and what is said about it. A text leaves out what it is not
 * about: listen, versions and rules are added below it when it has none (unless its title says
 * `bare`). A title that says `rules` is parsed as a list of rules alone.
 *
 *   test_config_messages                what ctest runs
 *   test_config_messages --print FILE   FILE with the messages as they are now
 */
#include "tests/unit/config/helper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX (64 * 1024)

static const struct {
    const char *key;
    const char *text;
} standard[] = {
    {"\nlisten:", "listen: [\"127.0.0.1:8080\"]\n"},
    {"\nversions:", "versions: {blue: {endpoints: [\"127.0.0.1:5001\"]}, "
                    "green: {endpoints: [\"127.0.0.1:5101\"]}}\n"},
    {"\nrules:", "rules: [{name: main, stable: blue, weights: {blue: 1, green: 0}}]\n"},
};

struct wrong_case {
    struct tn_str title;
    struct tn_str text;
    struct tn_str expected;
};

static bool has_word(struct tn_str title, const char *word)
{
    return memmem(title.ptr, title.len, word, strlen(word)) != NULL;
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, TEXT_MAX);
    assert_non_null(text);
    size_t len = fread(text, 1, TEXT_MAX - 1, file);
    assert_true(len > 0 && len < TEXT_MAX - 1);
    fclose(file);
    return text;
}

/* "=== title\ntext>>>\nmessages\n=== ..."; false at the end. */
static bool next_case(const char **cursor, struct wrong_case *ret_case)
{
    const char *title = strstr(*cursor, "=== ");
    if (!title) {
        return false;
    }
    const char *text = strchr(title, '\n') + 1;
    const char *line = strncmp(text, ">>>\n", 4) == 0 ? text : strstr(text, "\n>>>\n");
    assert_non_null(line);
    const char *end_of_text = line == text ? text : line + 1;
    const char *expected = end_of_text + 4;
    const char *next = strncmp(expected, "=== ", 4) == 0 ? expected : strstr(expected, "\n=== ");
    const char *end = !next ? expected + strlen(expected) : next == expected ? next : next + 1;
    ret_case->title = (struct tn_str){title + 4, (size_t)(text - title) - 5};
    ret_case->text = (struct tn_str){text, (size_t)(end_of_text - text)};
    ret_case->expected = (struct tn_str){expected, (size_t)(end - expected)};
    *cursor = end;
    return true;
}

static char *complete(const struct wrong_case *wrong)
{
    char *text = calloc(1, TEXT_MAX * 2);
    assert_non_null(text);
    text[0] = '\n';
    memcpy(text + 1, wrong->text.ptr, wrong->text.len);
    if (has_word(wrong->title, "bare")) {
        return text;
    }
    for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++) {
        if (!strstr(text, standard[i].key)) {
            memcpy(text + strlen(text), standard[i].text, strlen(standard[i].text));
        }
    }
    return text;
}

static int parse_rules_alone(struct tn_str text, struct px_messages *messages)
{
    struct px_messages none;
    struct px_config *config = NULL;
    struct px_rule **rules = NULL;
    uint32_t count = 0;
    struct wrong_case empty = {.title = TN_STR(""), .text = TN_STR("")};
    char *base = complete(&empty);
    px_messages_init(&none);
    assert_int_equal(px_config_parse(tn_str_of(base), "t.yaml", "etc", &none, &config), 0);
    int r = px_config_parse_rules(text, "t.yaml", config, messages, &rules, &count);
    if (r == 0) {
        px_rules_free(rules, count);
    }
    px_config_free(config);
    px_messages_deinit(&none);
    free(base);
    return r;
}

/* What is said about a text; empty when nothing is. */
static char *messages_of(const struct wrong_case *wrong)
{
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    char *text = complete(wrong);
    int r;
    if (has_word(wrong->title, "rules alone")) {
        r = parse_rules_alone(wrong->text, &messages);
    } else {
        r = px_config_parse(tn_str_of(text + 1), "t.yaml", "etc", &messages, &config);
    }
    assert_int_equal(r, messages.error_count > 0 ? -EINVAL : 0);
    px_config_free(config);
    char *said = px_messages_format(&messages);
    assert_non_null(said);
    px_messages_deinit(&messages);
    free(text);
    return said;
}

static void path_of(const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s/%s.txt", TURNOUT_FIXTURES, name);
}

static void test_messages_are_those_of_the_file(void **state)
{
    char path[512];
    path_of(*state, path, sizeof(path));
    char *text = read_text(path);
    const char *cursor = text;
    struct wrong_case wrong;
    unsigned count = 0;
    unsigned failed = 0;
    while (next_case(&cursor, &wrong)) {
        char *said = messages_of(&wrong);
        count++;
        if (!tn_str_equal(tn_str_of(said), wrong.expected)) {
            failed++;
            print_error("%s: %.*s\nexpected:\n%.*sfound:\n%s\n", (const char *)*state,
                        TN_STR_ARGS(wrong.title), TN_STR_ARGS(wrong.expected), said);
        }
        free(said);
    }
    free(text);
    print_message("%s: %u cases\n", (const char *)*state, count);
    assert_true(count > 0);
    assert_int_equal(failed, 0);
}

static int print_anew(const char *path)
{
    char *text = read_text(path);
    const char *cursor = text;
    const char *first = strstr(text, "=== ");
    struct wrong_case wrong;
    printf("%.*s", (int)(first - text), text);
    while (next_case(&cursor, &wrong)) {
        char *said = messages_of(&wrong);
        printf("=== %.*s\n%.*s>>>\n%s", TN_STR_ARGS(wrong.title), TN_STR_ARGS(wrong.text), said);
        free(said);
    }
    free(text);
    return 0;
}

#define FILE_TEST(name)                                                                            \
    {                                                                                              \
        "messages_of_" name, test_messages_are_those_of_the_file, NULL, NULL,                      \
            (void *)(uintptr_t)name                                                                \
    }

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--print") == 0) {
        return print_anew(argv[2]);
    }
    const struct CMUnitTest tests[] = {
        FILE_TEST("yaml"),   FILE_TEST("top"),    FILE_TEST("versions"), FILE_TEST("rules"),
        FILE_TEST("match"),  FILE_TEST("sticky"), FILE_TEST("mirror"),   FILE_TEST("compare"),
        FILE_TEST("limits"), FILE_TEST("guard"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Holds docs/reference/configuration.md to the parser: its files parse, every key stands in it, and
 * the defaults it names are those that a file gets that leaves the key out.
 */
#include "tests/unit/config/helper.h"

#include "proxy/config/parse.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGE_MAX (128 * 1024)

static int read_page(void **state)
{
    FILE *file = fopen(TURNOUT_REFERENCE, "r");
    char *page = calloc(1, PAGE_MAX);
    if (!file || !page || fread(page, 1, PAGE_MAX - 1, file) == 0) {
        return -1;
    }
    fclose(file);
    *state = page;
    return 0;
}

static int free_page(void **state)
{
    free(*state);
    return 0;
}

static void test_reference_its_files_are_right(void **state)
{
    const char *cursor = *state;
    unsigned count = 0;
    while ((cursor = strstr(cursor, "```yaml\n"))) {
        const char *text = cursor + 8;
        const char *end = strstr(text, "```");
        assert_non_null(end);
        char *copy = tn_str_dup((struct tn_str){text, (size_t)(end - text)});
        px_config_free(helper_parse(copy));
        free(copy);
        cursor = end + 3;
        count++;
    }
    assert_int_equal(count, 1);
}

static bool has_key(const char *page, struct tn_str key)
{
    static const char *const around[][2] = {{"`", "`"}, {"`", ":"}, {"{", ":"}, {", ", ":"}};
    for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
        struct px_text text = {0};
        px_text_add(&text, "%s%.*s%s", around[i][0], TN_STR_ARGS(key), around[i][1]);
        if (strstr(page, text.bytes)) {
            return true;
        }
    }
    return false;
}

/* What "known are a, b, c" lists; each must stand in the page as a key. */
static unsigned check_keys(const char *page, const char *said)
{
    unsigned count = 0;
    for (const char *list = strstr(said, "known are "); list; list = strstr(list, "known are ")) {
        list += strlen("known are ");
        while (*list != '\n') {
            struct tn_str key = {list, strcspn(list, ",\n")};
            if (!has_key(page, key)) {
                fail_msg("%.*s is not in the page", TN_STR_ARGS(key));
            }
            list += key.len + (list[key.len] == ',' ? 2 : 0);
            count++;
        }
    }
    return count;
}

static void test_reference_every_key_is_in_it(void **state)
{
    char *said = helper_parse_wrong(
        "qqqqqqq: 1\n"
        "listen: [{qqqqqqq: 1}]\n"
        "store: {qqqqqqq: 1}\n"
        "log: {qqqqqqq: 1}\n"
        "limits: {qqqqqqq: 1}\n"
        "versions: {a: {endpoints: ['127.0.0.1:1'], qqqqqqq: 1, health: {qqqqqqq: 1}}}\n"
        "rules:\n"
        "- name: main\n"
        "  weights: {a: 1}\n"
        "  qqqqqqq: 1\n"
        "  match: [{qqqqqqq: 1}, {path: {qqqqqqq: 1}}, {headers: [{qqqqqqq: 1}]}]\n"
        "  sticky: {qqqqqqq: 1}\n"
        "  mirror: [{qqqqqqq: 1, compare: {qqqqqqq: 1, groups: [{qqqqqqq: 1}], normalize: "
        "[{qqqqqqq: 1}]}, baseline: {qqqqqqq: 1}}]\n"
        "  guard: {qqqqqqq: 1}\n"
        "  goals: [{qqqqqqq: 1}]\n"
        "  timeouts: {qqqqqqq: 1}\n");
    unsigned count = check_keys(*state, said);
    if (count < 97) {
        fail_msg("only %u keys found in:\n%s", count, said);
    }
    free(said);
}

/* One row "| `key` | `default` | low to high | meaning |". */
struct row {
    char key[32];
    char value[32];
    char low[32];
    char high[32];
};

/* The text up to the first of `ends`; gives what follows it. */
static const char *take(const char *text, const char *ends, char *ret_part)
{
    size_t len = strcspn(text, ends);
    assert_true(len > 0 && len < 32);
    memcpy(ret_part, text, len);
    ret_part[len] = '\0';
    return text + len;
}

static bool next_row(const char **cursor, struct row *ret_row)
{
    const char *text = strstr(*cursor, "\n| `");
    if (!text) {
        return false;
    }
    text = take(text + 4, "`", ret_row->key);
    text = take(strchr(text + 1, '`') + 1, "`", ret_row->value);
    text = take(strstr(text, "| ") + 2, " ", ret_row->low);
    assert_memory_equal(text, " to ", 4);
    *cursor = take(text + 4, " ", ret_row->high);
    return true;
}

static void limits_text(const struct px_limits *l, char *text, size_t size)
{
    snprintf(text, size,
             "%u %u %u %u %u %lu %lu %lu %lu %lu %u %u %u %u %u %lu %u %u %u %lu %lu %lu %lu %lu "
             "%u %lu %lu %lu %lu %lu",
             l->http.request_line_bytes, l->http.head_bytes, l->http.field_count,
             l->http.trailer_bytes, l->http.chunk_extra_bytes, l->client_head_ms,
             l->body_floor_bytes_per_s, l->body_grace_ms, l->keep_alive_idle_ms,
             l->upstream_idle_ms, l->upstream_idle_count, l->upstream_requests,
             l->side_buffer_bytes, l->interim_responses, l->queue_length, l->queue_ms,
             l->connections, l->mirror_in_flight, l->mirror_buffer_bytes, l->mirror_memory_bytes,
             l->mirror_connect_ms, l->mirror_total_ms, l->stop_delay_ms, l->stop_grace_ms,
             l->ejection_failures, l->ejection_ms, l->ejection_max_ms,
             l->response_floor_bytes_per_s, l->response_grace_ms, l->memory_bytes);
}

static void parse_limit(const char *key, const char *value, char *ret_text, size_t size)
{
    char text[1024];
    snprintf(text, sizeof(text), "%slimits: {%s: %s}\n", helper_base, key, value);
    struct px_config *config = helper_parse(text);
    limits_text(&config->limits, ret_text, size);
    px_config_free(config);
}

/* Bounds that a limit cannot have alone: others bind it. */
static bool is_bound(const char *key)
{
    return strcmp(key, "mirror_connect") == 0 || strcmp(key, "mirror_total") == 0 ||
           strcmp(key, "ejection_time") == 0 || strcmp(key, "ejection_max_time") == 0 ||
           strcmp(key, "head") == 0;
}

static void test_reference_defaults_and_ranges_of_limits(void **state)
{
    const char *cursor = strstr(*state, "\n## Limits");
    const char *end = strstr(cursor, "\n## What");
    unsigned count = 0;
    char wanted[512];
    char found[512];
    struct px_limits standard;
    struct row row;
    px_limits_default(&standard);
    limits_text(&standard, wanted, sizeof(wanted));
    cursor = strstr(cursor, "\n| ---");
    while (cursor < end && next_row(&cursor, &row) && cursor < end) {
        parse_limit(row.key, row.value, found, sizeof(found));
        assert_string_equal(found, wanted);
        if (!is_bound(row.key)) {
            parse_limit(row.key, row.low, found, sizeof(found));
            parse_limit(row.key, row.high, found, sizeof(found));
        }
        count++;
    }
    assert_int_equal(count, 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_its_files_are_right),
        cmocka_unit_test(test_reference_every_key_is_in_it),
        cmocka_unit_test(test_reference_defaults_and_ranges_of_limits),
    };
    return cmocka_run_group_tests(tests, read_page, free_page);
}

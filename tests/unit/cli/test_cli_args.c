#include "capture.h"
#include "cli/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct values {
    const char *share;
    const char *output;
    bool dry_run;
    bool watch;
    struct cli_list headers;
};

static const struct cli_option options[] = {
    {CLI_OPTION_TEXT, 0, "share", "PERCENT", "how much", offsetof(struct values, share)},
    {CLI_OPTION_TEXT, 'o', "output", "FORMAT", "how", offsetof(struct values, output)},
    {CLI_OPTION_FLAG, 0, "dry-run", NULL, "do not", offsetof(struct values, dry_run)},
    {CLI_OPTION_FLAG, 'w', "watch", NULL, "again", offsetof(struct values, watch)},
    {CLI_OPTION_LIST, 'H', "header", "FIELD", "carries", offsetof(struct values, headers)},
    {CLI_OPTION_LATER, 'n', "ttl", NULL, NULL, 0},
};

static const struct cli_syntax syntax = {
    .command = "turnout test",
    .usage = "[options] WORD",
    .about = "About.",
    .examples = "  turnout test",
    .words_min = 1,
    .words_max = 2,
    .words_name = "WORD",
};

struct run {
    struct capture capture;
    struct values values;
    struct cli_parse parse;
    bool ok;
};

/* Arguments up to NULL. */
static void run(struct run *run, const char *const *arguments)
{
    char *argv[20] = {(char *)(uintptr_t) "test"};
    int argc = 1;

    for (; arguments[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
    *run = (struct run){0};
    capture_start(&run->capture);
    run->parse = (struct cli_parse){
        .context = &run->capture.context,
        .syntax = &syntax,
        .groups = {{options, sizeof(options) / sizeof(options[0]), &run->values}},
        .group_count = 1};
    run->ok = cli_parse(&run->parse, argc, argv);
}

#define RUN(r, ...) run(r, (const char *const[]){__VA_ARGS__, NULL})

static void expect_refused(const char *message, int exit_code, const char *const *arguments)
{
    struct run r;
    char expected[300];

    run(&r, arguments);
    assert_false(r.ok);
    assert_int_equal(r.parse.exit_code, exit_code);
    snprintf(expected, sizeof(expected), "turnout test: %s\n%s", message,
             exit_code == CLI_WRONG_USAGE ? "See 'turnout test --help'.\n" : "");
    assert_string_equal(capture_err(&r.capture), expected);
    assert_string_equal(capture_out(&r.capture), "");
    capture_end(&r.capture);
}

#define REFUSED(message, ...)                                                                      \
    expect_refused(message, CLI_WRONG_USAGE, (const char *const[]){__VA_ARGS__, NULL})

static void test_args_take_values_in_both_forms(void **state)
{
    struct run r;

    (void)state;
    RUN(&r, "--share", "10%", "word", "--output=json", "--dry-run");
    assert_true(r.ok);
    assert_string_equal(r.values.share, "10%");
    assert_string_equal(r.values.output, "json");
    assert_true(r.values.dry_run);
    assert_false(r.values.watch);
    assert_int_equal(r.parse.words.count, 1);
    assert_string_equal(r.parse.words.items[0], "word");
    capture_end(&r.capture);
}

static void test_args_take_letters_together_and_apart(void **state)
{
    static const char *const forms[][3] = {
        {"-wo", "json", "word"}, {"-wojson", "word"}, {"-o", "json", "word"}, {"-ojson", "word"}};

    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct run r;
        const char *const arguments[] = {forms[i][0], forms[i][1], forms[i][2], NULL};

        run(&r, arguments);
        assert_true(r.ok);
        assert_string_equal(r.values.output, "json");
        assert_int_equal(r.values.watch, i < 2);
        capture_end(&r.capture);
    }
}

static void test_args_collect_lists(void **state)
{
    struct run r;

    (void)state;
    RUN(&r, "-H", "a: 1", "--header=b: 2", "word", "-Hc: 3");
    assert_true(r.ok);
    assert_int_equal(r.values.headers.count, 3);
    assert_string_equal(r.values.headers.items[0], "a: 1");
    assert_string_equal(r.values.headers.items[1], "b: 2");
    assert_string_equal(r.values.headers.items[2], "c: 3");
    capture_end(&r.capture);
}

static void test_args_end_options_at_two_dashes(void **state)
{
    struct run r;

    (void)state;
    RUN(&r, "-w", "--", "--share", "-o");
    assert_true(r.ok);
    assert_int_equal(r.parse.words.count, 2);
    assert_string_equal(r.parse.words.items[0], "--share");
    assert_string_equal(r.parse.words.items[1], "-o");
    capture_end(&r.capture);
}

static void test_args_take_a_single_dash_as_a_word(void **state)
{
    struct run r;

    (void)state;
    RUN(&r, "-");
    assert_true(r.ok);
    assert_string_equal(r.parse.words.items[0], "-");
    capture_end(&r.capture);
}

static void test_args_refuse_unknown_options_with_a_suggestion(void **state)
{
    (void)state;
    REFUSED("unknown option '--shaer' (did you mean '--share'?)", "--shaer", "1");
    REFUSED("unknown option '--dryrun' (did you mean '--dry-run'?)", "--dryrun", "w");
    REFUSED("unknown option '--helpp' (did you mean '--help'?)", "--helpp");
    REFUSED("unknown option '--completely-else'", "--completely-else=3");
    REFUSED("unknown option '-z'", "-wz");
}

static void test_args_refuse_values_that_are_missing_or_too_much(void **state)
{
    (void)state;
    REFUSED("--share needs a value: --share PERCENT", "w", "--share");
    REFUSED("--share needs a value: --share PERCENT", "--share", "--dry-run");
    REFUSED("--output needs a value: --output FORMAT", "w", "-o");
    REFUSED("--share is empty: expected PERCENT", "--share=", "w");
    REFUSED("--share is empty: expected PERCENT", "--share", "", "w");
    REFUSED("--dry-run takes no value", "--dry-run=yes", "w");
    REFUSED("--share is given twice: '1%' and '2%'", "--share", "1%", "--share", "2%");
}

static void test_args_count_words(void **state)
{
    (void)state;
    REFUSED("WORD is missing", "-w");
    REFUSED("unexpected argument 'c'", "a", "b", "c");
}

static void test_args_refuse_too_many_of_a_list(void **state)
{
    const char *arguments[2 * CLI_LIST_MAX + 4] = {NULL};
    char *argv[2 * CLI_LIST_MAX + 4] = {NULL};
    struct run r = {0};

    (void)state;
    for (size_t i = 0; i < 2 * CLI_LIST_MAX + 2; i++)
        arguments[i] = i % 2 == 0 ? "-H" : "a: 1";
    argv[0] = (char *)(uintptr_t) "test";
    for (size_t i = 0; arguments[i]; i++)
        argv[i + 1] = (char *)(uintptr_t)arguments[i];
    capture_start(&r.capture);
    r.parse = (struct cli_parse){.context = &r.capture.context,
                                 .syntax = &syntax,
                                 .groups = {{options, 6, &r.values}},
                                 .group_count = 1};
    assert_false(cli_parse(&r.parse, 2 * CLI_LIST_MAX + 3, argv));
    assert_non_null(strstr(capture_err(&r.capture), "--header is given more than 32 times"));
    capture_end(&r.capture);
}

static void test_args_know_what_comes_later(void **state)
{
    (void)state;
    expect_refused("--ttl is not yet supported", CLI_FAILED,
                   (const char *const[]){"--ttl", "30m", "w", NULL});
    expect_refused("--ttl is not yet supported", CLI_FAILED,
                   (const char *const[]){"-n", "prod", "w", NULL});
}

static void test_args_give_help_in_spite_of_mistakes(void **state)
{
    struct run r;

    (void)state;
    RUN(&r, "--nonsense", "--help");
    assert_false(r.ok);
    assert_int_equal(r.parse.exit_code, CLI_DONE);
    assert_non_null(strstr(capture_out(&r.capture), "Usage: turnout test [options] WORD"));
    assert_string_equal(capture_err(&r.capture), "");
    capture_end(&r.capture);
}

static void test_args_take_help_behind_two_dashes_as_a_word(void **state)
{
    struct run r;

    (void)state;
    RUN(&r, "--", "--help");
    assert_true(r.ok);
    capture_end(&r.capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_args_take_values_in_both_forms),
        cmocka_unit_test(test_args_take_letters_together_and_apart),
        cmocka_unit_test(test_args_collect_lists),
        cmocka_unit_test(test_args_end_options_at_two_dashes),
        cmocka_unit_test(test_args_take_a_single_dash_as_a_word),
        cmocka_unit_test(test_args_refuse_unknown_options_with_a_suggestion),
        cmocka_unit_test(test_args_refuse_values_that_are_missing_or_too_much),
        cmocka_unit_test(test_args_count_words),
        cmocka_unit_test(test_args_refuse_too_many_of_a_list),
        cmocka_unit_test(test_args_know_what_comes_later),
        cmocka_unit_test(test_args_give_help_in_spite_of_mistakes),
        cmocka_unit_test(test_args_take_help_behind_two_dashes_as_a_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

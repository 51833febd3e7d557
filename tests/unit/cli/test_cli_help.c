#include "capture.h"
#include "cli/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct values {
    const char *file;
    bool flag;
};

static const struct cli_option options[] = {
    {CLI_OPTION_TEXT, 'f', "file", "FILE", "a file\nof two lines", offsetof(struct values, file)},
    {CLI_OPTION_FLAG, 0, "a-flag-with-a-very-long-name", NULL, "wide",
     offsetof(struct values, flag)},
    {CLI_OPTION_LATER, 0, "secret", NULL, NULL, 0},
};

static const struct cli_syntax syntax = {.command = "turnout test",
                                         .usage = "-f FILE",
                                         .about = "About it.",
                                         .examples = "  turnout test -f x"};

static void test_help_lines_up_and_hides_what_comes_later(void **state)
{
    struct capture capture;
    struct values values = {0};
    const struct cli_parse parse = {.context = &capture.context,
                                    .syntax = &syntax,
                                    .groups = {{options, 3, &values}},
                                    .group_count = 1};

    (void)state;
    capture_start(&capture);
    cli_print_help(&parse, capture.context.out);
    assert_string_equal(capture_out(&capture), "Usage: turnout test -f FILE\n\n"
                                               "About it.\n\n"
                                               "Options\n"
                                               "  -f, --file FILE           a file\n"
                                               "                            of two lines\n"
                                               "      --a-flag-with-a-very-long-name\n"
                                               "                            wide\n"
                                               "  -h, --help                this text\n\n"
                                               "Examples\n"
                                               "  turnout test -f x\n");
    capture_end(&capture);
}

static int seen;

static int first(struct cli_context *context, int argc, char **argv)
{
    (void)context;
    seen = argc;
    assert_string_equal(argv[0], "first");
    return 42;
}

static const struct cli_subcommand subcommands[] = {{"first", "the first", first},
                                                    {"second", "the second", first}};

static const struct cli_syntax group = {.command = "turnout group",
                                        .usage = "first|second",
                                        .about = "Groups.",
                                        .examples = "  turnout group first"};

static int dispatch(struct capture *capture, const char *a, const char *b)
{
    char *argv[] = {(char *)(uintptr_t) "group", (char *)(uintptr_t)a, (char *)(uintptr_t)b, NULL};

    capture_start(capture);
    return cli_dispatch(&capture->context, &group, subcommands, 2, b ? 3 : a ? 2 : 1, argv);
}

static void test_dispatch_runs_with_its_own_arguments(void **state)
{
    struct capture capture;

    (void)state;
    assert_int_equal(dispatch(&capture, "first", "x"), 42);
    assert_int_equal(seen, 2);
    capture_end(&capture);
}

static void test_dispatch_shows_what_there_is(void **state)
{
    struct capture capture;

    (void)state;
    assert_int_equal(dispatch(&capture, "--help", NULL), CLI_DONE);
    assert_string_equal(capture_out(&capture),
                        "Usage: turnout group first|second\n\nGroups.\n\n"
                        "  first      the first\n"
                        "  second     the second\n\n"
                        "Examples\n  turnout group first\n\n"
                        "'turnout group first --help' shows the options of one of them.\n");
    capture_end(&capture);
}

static void test_dispatch_refuses_what_it_does_not_know(void **state)
{
    struct capture capture;

    (void)state;
    assert_int_equal(dispatch(&capture, "frist", NULL), CLI_WRONG_USAGE);
    assert_string_equal(capture_err(&capture),
                        "turnout group: unknown 'frist' (did you mean 'first'?)\n"
                        "See 'turnout group --help'.\n");
    capture_end(&capture);
    assert_int_equal(dispatch(&capture, "zzz", NULL), CLI_WRONG_USAGE);
    assert_non_null(strstr(capture_err(&capture), "unknown 'zzz': expected first|second\n"));
    capture_end(&capture);
    assert_int_equal(dispatch(&capture, NULL, NULL), CLI_WRONG_USAGE);
    assert_non_null(strstr(capture_err(&capture), "what? Expected first|second\n"));
    capture_end(&capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help_lines_up_and_hides_what_comes_later),
        cmocka_unit_test(test_dispatch_runs_with_its_own_arguments),
        cmocka_unit_test(test_dispatch_shows_what_there_is),
        cmocka_unit_test(test_dispatch_refuses_what_it_does_not_know),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

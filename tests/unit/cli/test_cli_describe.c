#include "cli/complete.h"
#include "cli/describe.h"
#include "fake_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct values {
    const char *file;
    bool flag;
    struct cli_list many;
};

static const struct cli_option options[] = {
    {CLI_OPTION_TEXT, 'f', "file", "FILE", "a file", offsetof(struct values, file)},
    {CLI_OPTION_FLAG, 0, "flag", NULL, "a flag", offsetof(struct values, flag)},
    {CLI_OPTION_LIST, 0, "many", "N", "numbers", offsetof(struct values, many)},
    {CLI_OPTION_LATER, 0, "secret", NULL, NULL, 0},
};

static const struct cli_syntax leaf_syntax = {.command = "turnout group leaf",
                                              .usage = "WORD [options]",
                                              .about = "About it.",
                                              .examples = "  turnout group leaf x",
                                              .words_min = 1,
                                              .words_max = 2,
                                              .words_name = "WORD"};

static int runs;

static int leaf(struct cli_context *context, int argc, char **argv)
{
    struct values values = {0};
    struct cli_parse parse = {.context = context,
                              .syntax = &leaf_syntax,
                              .groups = {{options, 4, &values}},
                              .group_count = 1};

    if (!cli_parse(&parse, argc, argv))
        return parse.exit_code;
    runs++;
    return CLI_DONE;
}

static const struct cli_syntax group_syntax = {
    .command = "turnout group", .usage = "leaf", .about = "Groups.", .examples = "  turnout group"};

static int group(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_subcommand subcommands[] = {{"leaf", "the leaf", leaf}};

    return cli_dispatch(context, &group_syntax, subcommands, 1, argc, argv);
}

static void test_describe_tells_every_table_and_runs_nothing(void **state)
{
    static const struct cli_verb verbs[] = {{"group", "the group", group}};
    static const struct cli_section sections[] = {{"Section", verbs, 1}};
    struct capture capture;

    (void)state;
    capture_start(&capture);
    assert_int_equal(cli_describe(&capture.context, sections, 1, "1.2.3"), CLI_DONE);
    json_t *told = json_loads(capture_out(&capture), 0, NULL);
    json_t *wanted = capture_json(
        "[{'title':'Section','verbs':[{'name':'group','summary':'the group','command':{"
        "'command':'turnout group','usage':'leaf','about':'Groups.','examples':'  turnout group',"
        "'subcommands':[{'name':'leaf','summary':'the leaf','command':{"
        "'command':'turnout group leaf','usage':'WORD [options]','about':'About it.',"
        "'examples':'  turnout group leaf x','words_min':1,'words_max':2,'words_name':'WORD',"
        "'options':[{'name':'file','letter':'f','value':'FILE','help':'a file','kind':'text'},"
        "{'name':'flag','help':'a flag','kind':'flag'},"
        "{'name':'many','value':'N','help':'numbers','kind':'list'}]}}]}}]}]");
    assert_true(json_equal(json_object_get(told, "sections"), wanted));
    assert_string_equal(json_string_value(json_object_get(told, "version")), "1.2.3");
    assert_int_equal(runs, 0);
    /* The words are asked for again once nobody describes. */
    assert_null(capture.context.description);
    json_decref(told);
    json_decref(wanted);
    capture_end(&capture);
}

static void test_exits_are_told_in_one_line(void **state)
{
    struct capture capture;

    (void)state;
    capture_start(&capture);
    cli_print_exits(capture.context.out);
    assert_non_null(strstr(capture_out(&capture), "Exit codes: 0 done, 1 refused or failed, 2 "));
    assert_non_null(strstr(capture_out(&capture), "3 stale revision, 4 timed out"));
    capture_end(&capture);
}

static const struct fake_answer answers[] = {
    {"GET /v1/status", 200,
     "{'revision':7,'versions':[{'name':'blue','endpoints':[{'index':0},{'index':1}]},"
     "{'name':'green','endpoints':[]},{'endpoints':[{'index':3}]}]}"},
    {"GET /v1/rules", 200, "{'rules':[{'name':'testers'},{},{'name':'main'}]}"},
    {NULL, 0, NULL}};

static void completes(const char *words, const char *wanted, int code)
{
    struct fake_server *server = fake_server_start(answers);
    struct capture capture;

    assert_int_equal(fake_server_run(server, &capture, cli_complete, words), code);
    assert_string_equal(capture_out(&capture), wanted);
    if (code != CLI_WRONG_USAGE)
        assert_string_equal(capture_err(&capture), "");
    capture_end(&capture);
    fake_server_stop(server);
}

static void test_complete_prints_a_name_a_line(void **state)
{
    (void)state;
    completes("--complete|versions", "blue\ngreen\n", CLI_DONE);
    completes("--complete|targets", "blue\nblue/0\nblue/1\ngreen\n", CLI_DONE);
    completes("--complete|rules", "testers\nmain\n", CLI_DONE);
    completes("--complete|revision", "7\n", CLI_DONE);
}

static void test_complete_refuses_what_it_does_not_know(void **state)
{
    (void)state;
    completes("--complete|colours", "", CLI_WRONG_USAGE);
    completes("--complete", "", CLI_WRONG_USAGE);
}

static void test_complete_is_silent_when_nobody_answers(void **state)
{
    char *argv[] = {(char *)(uintptr_t) "--complete", (char *)(uintptr_t) "versions",
                    (char *)(uintptr_t) "--admin", (char *)(uintptr_t) "unix:/nowhere/at.all",
                    NULL};
    struct capture capture;

    (void)state;
    capture_start(&capture);
    assert_int_equal(cli_complete(&capture.context, 4, argv), CLI_FAILED);
    assert_string_equal(capture_out(&capture), "");
    assert_string_equal(capture_err(&capture), "");
    capture_end(&capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe_tells_every_table_and_runs_nothing),
        cmocka_unit_test(test_exits_are_told_in_one_line),
        cmocka_unit_test(test_complete_prints_a_name_a_line),
        cmocka_unit_test(test_complete_refuses_what_it_does_not_know),
        cmocka_unit_test(test_complete_is_silent_when_nobody_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

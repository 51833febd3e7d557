#include "fake_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INSTANCE(index, build, phase, why)                                                         \
    "{'index':" #index ",'phase':'" phase "','build':'" build "','why':'" why                      \
    "','up':true,'mode':'active'}"

#define STATUS                                                                                     \
    "{'sentence':'update 7 canary build 1 to 2: step 2 of 4','problem':null,'update':{'course':"   \
    "'forward','step':1,'steps':[{'step':'start','ppm':0},{'step':'share','ppm':50000},{'step':"   \
    "'switch','ppm':0}]},'versions':[{'name':'blue','build':'1','share_ppm':950000,"               \
    "'mirror_ppm':0,'match':false,'verdict':'inconclusive','instances':[" INSTANCE(                \
        0, "1", "ready",                                                                           \
        "") "," INSTANCE(1, "1", "failed",                                                         \
                         "exit code 1: no disk") "]},"                                             \
                                                 "{'name':'green','build':'2','share_ppm':50000,'" \
                                                 "mirror_ppm':0,'match':false,"                    \
                                                 "'verdict':'same','instances':[]}]}"

static const struct fake_answer engine[] = {
    {"POST /v1/updates", 200, STATUS},
    {"POST /v1/plan", 200, "{'text':'first this\\nthen that\\n'}"},
    {"POST /v1/abort", 200, STATUS},
    {"POST /v1/promote", 200, STATUS},
    {"POST /v1/pause", 409, "{'detail':'no update is under way'}"},
    {"POST /v1/retry", 200, "{'sentence':'s','problem':'the disk is full','versions':[]}"},
    {"GET /v1/status", 200, "{'sentence':'it is done','update':{'course':'done'},'versions':[]}"},
    {"GET /v1/updates", 200, "{'ended':[{'text':'first'},{'text':'second'}]}"},
    {NULL, 0, NULL},
};

static int run(struct fake_server *server, struct capture *capture, const char *words)
{
    fake_server_option = "--engine";
    return fake_server_run(server, capture, cli_update, words);
}

static void expect_sent(const char *words, const char *line, const char *body)
{
    struct fake_server *server = fake_server_start(engine);
    struct capture capture;
    json_t *expected = capture_json(body);
    json_t *sent;

    assert_int_equal(run(server, &capture, words), CLI_DONE);
    assert_string_equal(fake_server_line(server, 0), line);
    sent = json_loads(fake_server_body(server, 0), 0, NULL);
    if (!json_equal(sent, expected))
        fail_msg("%s: sent %s", words, fake_server_body(server, 0));
    json_decref(sent);
    json_decref(expected);
    capture_end(&capture);
    fake_server_stop(server);
}

static void expect_refused(const char *words, const char *part)
{
    struct fake_server *server = fake_server_start(engine);
    struct capture capture;

    assert_int_equal(run(server, &capture, words), CLI_WRONG_USAGE);
    if (!strstr(capture_err(&capture), part))
        fail_msg("%s: %s", words, capture_err(&capture));
    assert_int_equal(fake_server_count(server), 0);
    capture_end(&capture);
    fake_server_stop(server);
}

static void test_update_sends_what_is_asked(void **state)
{
    (void)state;
    unsetenv("USER");
    expect_sent("update|rolling|--to|2", "POST /v1/updates", "{'strategy':'rolling','to':'2'}");
    expect_sent(
        "update|rolling|--to|2|--max-surge|25%|--max-unavailable|1|--across", "POST /v1/updates",
        "{'strategy':'rolling','to':'2','max_surge':'25%','max_unavailable':1,'across':true}");
    expect_sent("update|blue-green|--to|2|--keep|10m|--test|http://h/|--approve|--header|A=b",
                "POST /v1/updates",
                "{'strategy':'blue-green','to':'2','keep_ms':600000,'test':'http://h/',"
                "'approve':true,'headers':[{'name':'A','value':'b'}]}");
    expect_sent("update|canary|--to|2|--steps|0.1,10,100|--for|5m|--after-requests|200|"
                "--per-request|--max-error-rate|2%|--max-p99|300ms|--decide-within|1h|"
                "--on-undecided|abort|--verdict|--min-requests|30",
                "POST /v1/updates",
                "{'strategy':'canary','to':'2','shares':[1000,100000,1000000],'for_ms':300000,"
                "'after_requests':200,'per_request':true,'max_error_rate_ppm':20000,"
                "'max_p99_ms':300,'decide_within_ms':3600000,'on_undecided':'abort',"
                "'verdict':true,'min_requests':30}");
    expect_sent("update|ab|--to|2|--by|cookie|--split|30%|--metric|order", "POST /v1/updates",
                "{'strategy':'ab','to':'2','by':'cookie','split_ppm':300000,'metric':'order'}");
    expect_sent("update|shadow|--to|2|--percent|25|--accept-shadow-data|--reset-disks|"
                "--accept-separate-disks",
                "POST /v1/updates",
                "{'strategy':'shadow','to':'2','ppm':250000,'accept_shadow_data':true,"
                "'reset_disks':true,'accept_separate_disks':true}");
    expect_sent("update|recreate|--to|2|--progress|1m|--drain|2s|--min-ready|3s|--reason|why|"
                "--author|ann",
                "POST /v1/updates",
                "{'strategy':'recreate','to':'2','progress_ms':60000,'drain_ms':2000,"
                "'min_ready_ms':3000,'reason':'why','author':'ann'}");
    expect_sent("update|abort|--reason|why", "POST /v1/abort", "{'reason':'why'}");
    expect_sent("update|promote|--full", "POST /v1/promote", "{'full':true}");
}

static void test_update_refuses_what_it_cannot_read(void **state)
{
    (void)state;
    expect_refused("update|rolling", "--to BUILD is missing");
    expect_refused("update|canary|--to|2|--steps|1,x", "--steps");
    expect_refused("update|canary|--to|2|--for|5", "--for");
    expect_refused("update|canary|--to|2|--after-requests|many", "--after-requests");
    expect_refused("update|rolling|--to|2|--percent|3", "unknown option '--percent'");
    expect_refused("update|roling|--to|2", "did you mean 'rolling'");
    expect_refused("update|ab|--to|2|--header|x", "--header");
}

static void test_update_plan_changes_nothing(void **state)
{
    struct fake_server *server = fake_server_start(engine);
    struct capture capture;

    (void)state;
    assert_int_equal(run(server, &capture, "update|plan|rolling|--to|2"), CLI_DONE);
    assert_string_equal(capture_out(&capture), "first this\nthen that\n");
    capture_end(&capture);
    assert_int_equal(run(server, &capture, "update|rolling|--to|2|--dry-run"), CLI_DONE);
    assert_string_equal(fake_server_line(server, 0), "POST /v1/plan");
    assert_string_equal(fake_server_line(server, 1), "POST /v1/plan");
    capture_end(&capture);
    fake_server_stop(server);
}

static void test_update_shows_the_sentence_first_and_boxes(void **state)
{
    struct fake_server *server = fake_server_start(engine);
    struct capture capture;

    (void)state;
    assert_int_equal(run(server, &capture, "update|canary|--to|2"), CLI_DONE);
    assert_string_equal(capture_out(&capture),
                        "update 7 canary build 1 to 2: step 2 of 4\n"
                        "  blue     build 1      share 95%   [0 b1 ready] [1 b1 failed]\n"
                        "  green    build 2      share 5%    (no instances) verdict same\n"
                        "  steps: start \xe2\x86\x92 [share 5%] \xe2\x86\x92 switch\n"
                        "  blue/1 failed: exit code 1: no disk\n");
    capture_end(&capture);
    fake_server_stop(server);
}

static void test_update_verbs_say_how_it_went(void **state)
{
    struct fake_server *server = fake_server_start(engine);
    struct capture capture;

    (void)state;
    assert_int_equal(run(server, &capture, "update|pause"), CLI_FAILED);
    assert_string_equal(capture_err(&capture), "turnout update pause: no update is under way\n");
    capture_end(&capture);
    /* Taken, and not yet done. */
    assert_int_equal(run(server, &capture, "update|retry"), CLI_TIMED_OUT);
    assert_non_null(strstr(capture_err(&capture), "the disk is full"));
    capture_end(&capture);
    assert_int_equal(run(server, &capture, "update|status|-w"), CLI_DONE);
    assert_string_equal(capture_out(&capture), "it is done\n");
    capture_end(&capture);
    assert_int_equal(run(server, &capture, "update|list"), CLI_DONE);
    assert_string_equal(capture_out(&capture), "second\nfirst\n");
    capture_end(&capture);
    fake_server_stop(server);
}

static void test_update_tells_where_it_looked_for_an_engine(void **state)
{
    struct capture capture;
    char verb[] = "status";
    char name[] = "update";
    char option[] = "--engine=unix:/nonexistent/e.sock";
    char *argv[] = {name, verb, option, NULL};

    (void)state;
    capture_start(&capture);
    assert_int_equal(cli_update(&capture.context, 3, argv), CLI_FAILED);
    assert_non_null(strstr(capture_err(&capture),
                           "no running engine at unix:/nonexistent/e.sock. Start one with"));
    capture_end(&capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_update_sends_what_is_asked),
        cmocka_unit_test(test_update_refuses_what_it_cannot_read),
        cmocka_unit_test(test_update_plan_changes_nothing),
        cmocka_unit_test(test_update_shows_the_sentence_first_and_boxes),
        cmocka_unit_test(test_update_verbs_say_how_it_went),
        cmocka_unit_test(test_update_tells_where_it_looked_for_an_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "fake_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define STATUS(revision, green_up)                                                                 \
    "{'name':'turnout','version':'0.1.0','pid':4711,'uptime_s':65,'state':'running','durable':"    \
    "true,'revision':" #revision ",'versions':[{'name':'blue','build':'1','endpoints':["           \
    "{'index':0,'address':'127.0.0.1:5001','up':true,'probed':true,'mode':'active'}]},"            \
    "{'name':'green','build':'','endpoints':[{'index':0,'address':'127.0.0.1:5101','up':" green_up \
    ",'probed':true,'mode':'active','detail':'connection refused'}]}]}"

#define SHARE(revision, green_weight)                                                              \
    "{'revision':" #revision ",'rules':[{'name':'main','versions':[{'name':'blue','weight':1,"     \
    "'target_ppm':500000},{'name':'green','weight':" #green_weight ",'target_ppm':500000}]}]}"

#define RULES "{'revision':7,'rules':[{'name':'main','weights':{'blue':1}}]}"

static const struct fake_answer all_up[] = {{"GET /v1/status", 200, STATUS(7, "true")},
                                            {"GET /v1/share", 200, SHARE(7, 1)},
                                            {"GET /v1/rules", 200, RULES},
                                            {NULL, 0, NULL}};

static void test_get_prints_a_table(void **state)
{
    struct fake_server *server = fake_server_start(all_up);
    struct capture capture;

    (void)state;
    assert_int_equal(fake_server_run(server, &capture, cli_get, "get"), CLI_DONE);
    assert_int_equal(strncmp(capture_out(&capture), "revision 7; turnout 0.1.0 at /tmp/", 34), 0);
    assert_non_null(strstr(capture_out(&capture), "main  blue (build 1)    50%"));
    assert_string_equal(capture_err(&capture), "");
    capture_end(&capture);
    fake_server_stop(server);
}

static void test_get_prints_the_documents(void **state)
{
    struct fake_server *server = fake_server_start(all_up);
    struct capture capture;
    json_t *rules = capture_json(RULES);
    json_t *share = capture_json(SHARE(7, 1));
    json_t *status = capture_json(STATUS(7, "true"));

    (void)state;
    assert_int_equal(fake_server_run(server, &capture, cli_get, "get|-o|json"), CLI_DONE);
    json_t *whole = json_loads(capture_out(&capture), 0, NULL);
    assert_true(json_equal(json_object_get(whole, "rules"), json_object_get(rules, "rules")));
    assert_true(json_equal(json_object_get(whole, "share"), share));
    assert_true(json_equal(json_object_get(whole, "status"), status));
    capture_end(&capture);
    assert_int_equal(fake_server_run(server, &capture, cli_get, "get|--output=yaml"), CLI_DONE);
    assert_int_equal(strncmp(capture_out(&capture), "revision: 7\nrules:\n  - name: main\n", 34),
                     0);
    capture_end(&capture);
    json_decref(whole);
    json_decref(rules);
    json_decref(share);
    json_decref(status);
    fake_server_stop(server);
}

static void test_get_tries_thrice_for_one_revision(void **state)
{
    static const struct fake_answer moving[] = {{"GET /v1/status", 200, STATUS(7, "true")},
                                                {"GET /v1/share", 200, SHARE(6, 1)},
                                                {"GET /v1/rules", 200, RULES},
                                                {NULL, 0, NULL}};
    struct fake_server *server = fake_server_start(moving);
    struct capture capture;

    (void)state;
    assert_int_equal(fake_server_run(server, &capture, cli_get, "get"), CLI_DONE);
    assert_int_equal(fake_server_count(server), 9);
    capture_end(&capture);
    fake_server_stop(server);
}

static void test_get_tells_what_failed(void **state)
{
    static const struct fake_answer broken[] = {
        {"GET /v1/status", 200, STATUS(7, "true")},
        {"GET /v1/share", 500, "{'detail':'out of memory'}"},
        {NULL, 0, NULL}};
    struct fake_server *server = fake_server_start(broken);
    struct capture capture;

    (void)state;
    assert_int_equal(fake_server_run(server, &capture, cli_get, "get"), CLI_FAILED);
    assert_string_equal(capture_err(&capture), "turnout get: out of memory\n");
    capture_end(&capture);
    assert_int_equal(fake_server_run(server, &capture, cli_get, "get|-o|xml"), CLI_WRONG_USAGE);
    capture_end(&capture);
    fake_server_stop(server);
}

static void expect_status(const char *status, const char *share, int code, const char *words,
                          const char *err)
{
    const struct fake_answer answers[] = {
        {"GET /v1/status", 200, status}, {"GET /v1/share", 200, share}, {NULL, 0, NULL}};
    struct fake_server *server = fake_server_start(answers);
    struct capture capture;

    assert_int_equal(fake_server_run(server, &capture, cli_status, "status|--timeout|0s"), code);
    if (!strstr(capture_out(&capture), words))
        fail_msg("%s", capture_out(&capture));
    assert_string_equal(capture_err(&capture), err);
    capture_end(&capture);
    fake_server_stop(server);
}

static void test_status_wants_only_versions_with_weight_or_mirror(void **state)
{
    (void)state;
    expect_status(STATUS(7, "true"), SHARE(7, 1), CLI_DONE, "green           1/1  yes\n", "");
    expect_status(STATUS(7, "false"), SHARE(7, 0), CLI_DONE,
                  "green           0/1  no\n"
                  "  green/0  127.0.0.1:5101  down: connection refused\n",
                  "");
    expect_status(STATUS(7, "false"), SHARE(7, 1), CLI_TIMED_OUT, "green           0/1  yes\n",
                  "turnout status: green has no healthy endpoint (0 of 1)\n");
    expect_status(STATUS(7, "false"),
                  "{'rules':[{'name':'m','versions':[{'name':'blue','weight':1}],"
                  "'mirrors':[{'to':'green'}]}]}",
                  CLI_TIMED_OUT, "green           0/1  yes\n",
                  "turnout status: green has no healthy endpoint (0 of 1)\n");
}

static void expect_all_up(const char *status, const char *share)
{
    const struct fake_answer answers[] = {
        {"GET /v1/status", 200, status}, {"GET /v1/share", 200, share}, {NULL, 0, NULL}};
    struct fake_server *server = fake_server_start(answers);
    struct capture capture;

    if (fake_server_run(server, &capture, cli_status, "status|--timeout|0s") != CLI_DONE)
        fail_msg("%s", capture_err(&capture));
    capture_end(&capture);
    fake_server_stop(server);
}

static void test_status_wants_nobody_who_is_cut_or_switched_off(void **state)
{
    (void)state;
    expect_all_up("{'name':'turnout','version':'0','pid':1,'uptime_s':1,'revision':7,'versions':["
                  "{'name':'green','mode':'cut','endpoints':[{'index':0,'up':false}]}]}",
                  SHARE(7, 1));
    expect_all_up(STATUS(7, "false"),
                  "{'revision':7,'rules':[{'name':'t','switched_off':true,'versions':["
                  "{'name':'green','weight':1}]},"
                  "{'name':'main','versions':[{'name':'blue','weight':1}]}]}");
}

static void test_status_head_names_the_process(void **state)
{
    (void)state;
    expect_status(STATUS(7, "true"), SHARE(7, 1), CLI_DONE,
                  ", pid 4711, up 1 min, revision 7\n\n"
                  "VERSION          UP  WANTED\n"
                  "blue (build 1)  1/1  yes\n",
                  "");
}

static void test_status_ends_at_once_on_a_refusal(void **state)
{
    static const struct fake_answer refuses[] = {{"GET /v1/status", 403, "{'detail':'not you'}"},
                                                 {NULL, 0, NULL}};
    struct fake_server *server = fake_server_start(refuses);
    struct capture capture;

    (void)state;
    assert_int_equal(fake_server_run(server, &capture, cli_status, "status|--timeout|5m"),
                     CLI_FAILED);
    assert_string_equal(capture_err(&capture), "turnout status: not you\n");
    assert_int_equal(fake_server_count(server), 1);
    capture_end(&capture);
    assert_int_equal(fake_server_run(server, &capture, cli_status, "status|--timeout|5"),
                     CLI_WRONG_USAGE);
    capture_end(&capture);
    fake_server_stop(server);
}

static const struct fake_answer explains[] = {
    {"GET /v1/explain", 200,
     "{'revision':7,'rule':'main','version':'green','build':'2','endpoint':{'index':1,"
     "'address':'127.0.0.1:5102'},'reason':'slot','mirrors':['blue','red'],"
     "'steps':['one','two\\u001b[2J']}"},
    {NULL, 0, NULL}};

static void test_explain_shows_the_decision(void **state)
{
    struct fake_server *server = fake_server_start(explains);
    struct capture capture;

    (void)state;
    assert_int_equal(fake_server_run(server, &capture, cli_explain, "explain"), CLI_DONE);
    assert_string_equal(
        capture_out(&capture),
        "green (build 2), endpoint 1 at 127.0.0.1:5102, by rule main of revision 7\n"
        "  because     slot: dealt by the rule's counter: the next request may get another\n"
        "  mirrored to blue, red\n\n"
        "   1. one\n"
        "   2. two?[2J\n");
    assert_string_equal(fake_server_line(server, 0), "GET /v1/explain?method=GET&path=%2F");
    capture_end(&capture);
    fake_server_stop(server);
}

static void test_explain_says_when_it_may_be_several(void **state)
{
    static const struct fake_answer several[] = {
        {"GET /v1/explain", 200,
         "{'revision':7,'rule':'main','version':'blue','build':'','endpoint':null,'endpoints':[{"
         "'index':0,'address':'127.0.0.1:5001'},{'index':1,'address':'127.0.0.1:5002'}],"
         "'reason':'only','mirrors':[],'steps':[]}"},
        {NULL, 0, NULL}};
    struct fake_server *server = fake_server_start(several);
    struct capture capture;

    (void)state;
    assert_int_equal(fake_server_run(server, &capture, cli_explain, "explain"), CLI_DONE);
    assert_non_null(
        strstr(capture_out(&capture), "blue, one of 2 endpoints, by rule main of revision 7\n"));
    capture_end(&capture);
    fake_server_stop(server);
}

static void test_explain_escapes_what_it_asks(void **state)
{
    struct fake_server *server = fake_server_start(explains);
    struct capture capture;

    (void)state;
    assert_int_equal(fake_server_run(server, &capture, cli_explain,
                                     "explain|-X|POST|-H|X-A: b=c|-HX-D=e|--cookie|k=v&w|"
                                     "--client|::1|/a?b=c d"),
                     CLI_DONE);
    assert_string_equal(fake_server_line(server, 0),
                        "GET /v1/explain?method=POST&path=%2Fa%3Fb%3Dc%20d&header=X-A%3A%20b%3Dc"
                        "&header=X-D%3A%20e&cookie=k%3Dv%26w&client=%3A%3A1");
    capture_end(&capture);
    fake_server_stop(server);
}

static void test_explain_refuses_what_is_no_request(void **state)
{
    static const char *const rows[] = {"explain|index", "explain|-H|X", "explain|--cookie|k",
                                       "explain|/a|/b", "explain|http://a/b"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fake_server *server = fake_server_start(explains);
        struct capture capture;

        assert_int_equal(fake_server_run(server, &capture, cli_explain, rows[i]), CLI_WRONG_USAGE);
        assert_int_equal(fake_server_count(server), 0);
        capture_end(&capture);
        fake_server_stop(server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get_prints_a_table),
        cmocka_unit_test(test_get_prints_the_documents),
        cmocka_unit_test(test_get_tries_thrice_for_one_revision),
        cmocka_unit_test(test_get_tells_what_failed),
        cmocka_unit_test(test_status_wants_only_versions_with_weight_or_mirror),
        cmocka_unit_test(test_status_wants_nobody_who_is_cut_or_switched_off),
        cmocka_unit_test(test_status_head_names_the_process),
        cmocka_unit_test(test_status_ends_at_once_on_a_refusal),
        cmocka_unit_test(test_explain_shows_the_decision),
        cmocka_unit_test(test_explain_says_when_it_may_be_several),
        cmocka_unit_test(test_explain_escapes_what_it_asks),
        cmocka_unit_test(test_explain_refuses_what_is_no_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

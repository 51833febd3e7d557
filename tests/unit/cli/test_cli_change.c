#include "fake_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CHANGED                                                                                    \
    "{'revision':8,'changed':true,'durable':true,'before':[{'name':'main','weights':{'a':1}}],"    \
    "'after':[{'name':'main','weights':{'b':1}}]}"

static const struct fake_answer takes_all[] = {
    {"PUT /v1/weights", 200, CHANGED}, {"PUT /v1/share", 200, CHANGED},
    {"PUT /v1/mirror", 200, CHANGED},  {"PUT /v1/rules", 200, CHANGED},
    {"POST /v1/route", 200, CHANGED},  {"POST /v1/reload", 200, CHANGED},
    {"POST /v1/abort", 200, CHANGED},  {"POST /v1/promote", 200, CHANGED},
    {"PUT /v1/mode", 200, CHANGED},    {NULL, 0, NULL},
};

/* One change; what it sent is the given line and body (' for "). */
static void expect_sent(cli_verb_fn *verb, const char *words, const char *line, const char *body)
{
    struct fake_server *server = fake_server_start(takes_all);
    struct capture capture;
    json_t *expected = capture_json(body);

    assert_int_equal(fake_server_run(server, &capture, verb, words), CLI_DONE);
    assert_string_equal(capture_err(&capture), "");
    assert_string_equal(capture_out(&capture), "revision 8\n\n"
                                               "RULE  TRAFFIC  BEFORE  AFTER\n"
                                               "main  a        100%    -\n"
                                               "      b        -       100%\n");
    assert_int_equal(fake_server_count(server), 1);
    assert_string_equal(fake_server_line(server, 0), line);
    assert_non_null(strstr(fake_server_head(server, 0), "Content-Type: application/json\r\n"));
    assert_null(strstr(fake_server_head(server, 0), "If-Match"));
    json_t *sent = json_loads(fake_server_body(server, 0), 0, NULL);
    if (!json_equal(sent, expected))
        fail_msg("%s: sent %s", words, fake_server_body(server, 0));
    json_decref(sent);
    json_decref(expected);
    capture_end(&capture);
    fake_server_stop(server);
}

/* Nothing is sent; the message has the part. */
static void expect_refused(cli_verb_fn *verb, const char *words, const char *part)
{
    struct fake_server *server = fake_server_start(takes_all);
    struct capture capture;

    assert_int_equal(fake_server_run(server, &capture, verb, words), CLI_WRONG_USAGE);
    if (!strstr(capture_err(&capture), part))
        fail_msg("%s: %s", words, capture_err(&capture));
    assert_string_equal(capture_out(&capture), "");
    assert_int_equal(fake_server_count(server), 0);
    capture_end(&capture);
    fake_server_stop(server);
}

static void test_set_sends_weights_shares_and_mirrors(void **state)
{
    (void)state;
    expect_sent(cli_set, "set|weights|blue=999,green=1", "PUT /v1/weights",
                "{'weights':{'blue':999,'green':1}}");
    expect_sent(cli_set, "set|share|green=0.1%", "PUT /v1/share", "{'share':{'green':1000}}");
    expect_sent(cli_set, "set|mirror|green=25 %", "PUT /v1/mirror", "{'to':'green','ppm':250000}");
    expect_sent(cli_set, "set|mirror|green=off", "PUT /v1/mirror", "{'to':'green','ppm':0}");
}

static void test_abort_and_promote_send_what_is_asked(void **state)
{
    (void)state;
    expect_sent(cli_abort, "abort", "POST /v1/abort", "{}");
    expect_sent(cli_abort, "abort|--rule|main", "POST /v1/abort", "{'rule':'main'}");
    expect_sent(cli_promote, "promote", "POST /v1/promote", "{}");
    expect_sent(cli_promote, "promote|green|--accept-shadow-data|--rule|main", "POST /v1/promote",
                "{'version':'green','accept_shadow_data':true,'rule':'main'}");
    expect_refused(cli_abort, "abort|green", "unexpected argument 'green'");
    expect_refused(cli_promote, "promote|green|blue", "unexpected argument 'blue'");
}

static void test_modes_send_versions_and_endpoints(void **state)
{
    (void)state;
    expect_sent(cli_drain, "drain|green", "PUT /v1/mode", "{'version':'green','mode':'draining'}");
    expect_sent(cli_drain, "drain|blue/12|--timeout|5m", "PUT /v1/mode",
                "{'version':'blue','endpoint':12,'mode':'draining','timeout_ms':300000}");
    expect_sent(cli_cut, "cut|green", "PUT /v1/mode", "{'version':'green','mode':'cut'}");
    expect_sent(cli_cut, "cut|green/0|--abort-open|--reason|why", "PUT /v1/mode",
                "{'version':'green','endpoint':0,'mode':'cut','abort_open':true,'reason':'why'}");
    expect_sent(cli_undrain, "undrain|green/1", "PUT /v1/mode",
                "{'version':'green','endpoint':1,'mode':'active'}");
}

static void test_modes_refuse_what_is_no_target(void **state)
{
    static const char *const wrong[] = {"cut|green/",        "cut|/1",        "cut|green/x",
                                        "cut|green/-1",      "cut|green/1/2", "cut|green/+1",
                                        "cut|green/99999999"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        expect_refused(cli_cut, wrong[i], "expected a version, or one endpoint by its number");
    expect_refused(cli_cut, "cut", "VERSION or VERSION/ENDPOINT is missing");
    expect_refused(cli_drain, "drain|green|--timeout|30", "--timeout");
    expect_refused(cli_undrain, "undrain|green|--rule|main", "--rule");
}

static void test_set_refuses_the_other_kind_of_number(void **state)
{
    (void)state;
    expect_refused(cli_set, "set|weights|blue=10%", "a weight is a plain number");
    expect_refused(cli_set, "set|share|green=10", "green=10%");
    expect_refused(cli_set, "set|mirror|green=10", "green=10%");
    expect_refused(cli_set, "set|share", "VERSION=PERCENT is missing");
    expect_refused(cli_set, "set|shares|green=10%", "did you mean 'share'?");
}

static void test_every_change_takes_the_common_options(void **state)
{
    struct fake_server *server = fake_server_start(takes_all);
    struct capture capture;
    json_t *expected = capture_json("{'share':{'green':10000},'rule':'main','reason':'r','author':"
                                    "'a','dry_run':true}");

    (void)state;
    fake_server_run(server, &capture, cli_set,
                    "set|share|green=1%|--rule|main|--reason=r|--author|a|--if-revision|7|"
                    "--dry-run");
    assert_non_null(strstr(fake_server_head(server, 0), "If-Match: \"7\"\r\n"));
    json_t *sent = json_loads(fake_server_body(server, 0), 0, NULL);
    assert_true(json_equal(sent, expected));
    json_decref(sent);
    json_decref(expected);
    capture_end(&capture);
    fake_server_stop(server);
    expect_refused(cli_set, "set|share|green=1%|--if-revision|seven", "--if-revision 'seven'");
    expect_refused(cli_reload, "reload|--rule|main", "unknown option '--rule'");
}

static void test_changes_with_text_that_is_not_utf8_end_in_a_message(void **state)
{
    (void)state;
    expect_refused(cli_set, "set|share|gr\xff=1%", "not a name in UTF-8");
}

static void test_set_rules_sends_the_file(void **state)
{
    struct fake_server *server = fake_server_start(takes_all);
    struct capture capture;
    char path[] = "/tmp/turnout-rules-XXXXXX";
    char words[100];
    int fd = mkstemp(path);

    (void)state;
    assert_int_equal(write(fd, "- {name: a}\n", 12), 12);
    close(fd);
    snprintf(words, sizeof(words), "set|rules|-f|%s|--reason|a b&c|--if-revision|3", path);
    assert_int_equal(fake_server_run(server, &capture, cli_set, words), CLI_DONE);
    assert_string_equal(fake_server_line(server, 0), "PUT /v1/rules?reason=a%20b%26c");
    assert_non_null(strstr(fake_server_head(server, 0), "Content-Type: text/yaml\r\n"));
    assert_non_null(strstr(fake_server_head(server, 0), "If-Match: \"3\"\r\n"));
    assert_string_equal(fake_server_body(server, 0), "- {name: a}\n");
    capture_end(&capture);
    unlink(path);
    assert_int_equal(fake_server_run(server, &capture, cli_set, words), CLI_FAILED);
    assert_non_null(strstr(capture_err(&capture), "No such file or directory"));
    capture_end(&capture);
    fake_server_stop(server);
    expect_refused(cli_set, "set|rules", "-f FILE is missing");
    expect_refused(cli_set, "set|rules|-f|x|--rule|main", "unknown option '--rule'");
    snprintf(words, sizeof(words), "set|rules|-f|/dev/null|--if-revision|x");
    expect_refused(cli_set, words, "--if-revision 'x'");
}

static void test_route_sends_each_strategy(void **state)
{
    (void)state;
    expect_sent(cli_route, "route|all|green", "POST /v1/route",
                "{'strategy':'all','version':'green'}");
    expect_sent(cli_route, "route|canary|--stable|blue|--canary|green|--share|10%",
                "POST /v1/route",
                "{'strategy':'canary','stable':'blue','canary':'green','share_ppm':100000,"
                "'per_request':false}");
    expect_sent(cli_route, "route|canary|--stable|blue|--canary|green|--share|0.1%|--per-request",
                "POST /v1/route",
                "{'strategy':'canary','stable':'blue','canary':'green','share_ppm':1000,"
                "'per_request':true}");
    expect_sent(cli_route, "route|shadow|--stable|blue|--canary|green|--percent|25",
                "POST /v1/route",
                "{'strategy':'shadow','stable':'blue','canary':'green','ppm':250000}");
    expect_sent(cli_route,
                "route|ab|--stable|blue|--canary|green|--header|X-V=1|--header|X-W: 2|--cookie|k=v",
                "POST /v1/route",
                "{'strategy':'ab','stable':'blue','canary':'green','headers':[{'name':'X-V',"
                "'value':'1'},{'name':'X-W','value':'2'}],'cookies':[{'name':'k','value':'v'}]}");
    expect_sent(cli_route, "route|ab|--by|header:X-User|--split|blue=50,green=50", "POST /v1/route",
                "{'strategy':'ab','by':'header:X-User','split':{'blue':50,'green':50}}");
    expect_sent(cli_route,
                "route|ab|--by|client_ip|--split|blue=1,green=2|--seed|spring|--stable|blue",
                "POST /v1/route",
                "{'strategy':'ab','by':'client_ip','split':{'blue':1,'green':2},'seed':'spring',"
                "'stable':'blue'}");
}

static void test_route_says_what_is_missing(void **state)
{
    (void)state;
    expect_refused(cli_route, "route|all", "VERSION is missing");
    expect_refused(cli_route, "route|canary|--canary|g|--share|1%", "--stable VERSION is missing");
    expect_refused(cli_route, "route|canary|--stable|b|--share|1%", "--canary VERSION is missing");
    expect_refused(cli_route, "route|canary|--stable|b|--canary|g", "--share PERCENT is missing");
    expect_refused(cli_route, "route|shadow|--stable|b|--canary|g", "--percent PERCENT is missing");
    expect_refused(cli_route, "route|shadow|--canary|g", "--stable VERSION is missing");
    expect_refused(cli_route, "route|ab|--stable|b|--canary|g", "who gets the canary?");
    expect_refused(cli_route, "route|ab|--header|a=b|--canary|g", "--stable VERSION is missing");
    expect_refused(cli_route, "route|ab|--header|a=b|--stable|g", "--canary VERSION is missing");
    expect_refused(cli_route, "route|ab|--by|client_ip", "--split is missing");
}

static void test_route_refuses_what_does_not_go_together(void **state)
{
    (void)state;
    expect_refused(cli_route, "route|canary|--stable|b|--canary|b|--share|1%", "both name 'b'");
    expect_refused(cli_route, "route|canary|--stable|b|--canary|g|--share|10", "--share 10%");
    expect_refused(cli_route, "route|shadow|--stable|b|--canary|g|--percent|101", "at most 100%");
    expect_refused(cli_route, "route|ab|--stable|b|--canary|b|--header|a=b", "both name 'b'");
    expect_refused(cli_route, "route|ab|--stable|b|--canary|g|--header|a", "expected NAME=VALUE");
    expect_refused(cli_route, "route|ab|--stable|b|--canary|g|--cookie|a: b",
                   "expected NAME=VALUE");
    expect_refused(cli_route, "route|ab|--stable|b|--canary|g|--header|a=b|--seed|s",
                   "--seed goes with --by");
    expect_refused(cli_route, "route|ab|--stable|b|--canary|g|--header|a=b|--split|b=1",
                   "--split goes with --by");
    expect_refused(cli_route, "route|ab|--by|client_ip|--split|b=1|--cookie|a=b", "give one");
    expect_refused(cli_route, "route|ab|--by|client_ip|--split|b=1|--canary|b",
                   "--canary goes with --header or --cookie");
    expect_refused(cli_route, "route|ab|--by|client_ip|--split|b=1%", "--split b=1%");
}

static void test_reload_sends_an_empty_object(void **state)
{
    (void)state;
    expect_sent(cli_reload, "reload", "POST /v1/reload", "{}");
    expect_sent(cli_reload, "reload|--dry-run|--reason|x", "POST /v1/reload",
                "{'dry_run':true,'reason':'x'}");
}

static void test_reload_dry_run_tells_settings_and_what_stays(void **state)
{
    static const struct fake_answer previews[] = {
        {"POST /v1/reload", 200,
         "{'revision':12,'changed':true,'dry_run':true,'durable':true,'before':[],'after':[],"
         "'notes':[],'reload':{'file':'t.yaml','settings':["
         "{'name':'limit queue','before':'128','after':'7'},"
         "{'name':'version green','before':null,'after':'127.0.0.1:9'}],'kept':["
         "{'rule':'main','state':'changed','members':['weights','stable'],'revision':12,"
         "'what':'share','author':'ada'},"
         "{'rule':'x','state':'added','members':[],'revision':9,'what':'route','author':null},"
         "{'rule':'y','state':'removed','members':[],'revision':null,'what':null,"
         "'author':null}]}}"},
        {NULL, 0, NULL}};
    static const char wanted[] =
        "dry run: a reload would change\n\n"
        "SETTING              BEFORE  AFTER\n"
        "limit queue          128     7\n"
        "version green (new)  -       127.0.0.1:9\n\n"
        "main: kept, weights, stable set by 'set share' (revision 12, ada); its text in the file "
        "is as last applied\n"
        "x: kept, made by 'route' (revision 9); the file has no such rule\n"
        "y: stays away, removed at run time, before what the history keeps; its text in the file "
        "is as last applied\n";
    struct fake_server *server = fake_server_start(previews);
    struct capture capture;

    (void)state;
    assert_int_equal(fake_server_run(server, &capture, cli_reload, "reload|--dry-run"), CLI_DONE);
    assert_string_equal(capture_out(&capture), wanted);
    capture_end(&capture);
    fake_server_stop(server);
}

static void test_changes_tell_a_refusal(void **state)
{
    static const struct fake_answer refuses[] = {
        {"POST /v1/route", 422, "{'detail':'unknown version'}"},
        {"POST /v1/reload", 412, "{'detail':'the rules are at revision 9, not 7'}"},
        {NULL, 0, NULL}};
    struct fake_server *server = fake_server_start(refuses);
    struct capture capture;

    (void)state;
    assert_int_equal(fake_server_run(server, &capture, cli_route, "route|all|x"), CLI_FAILED);
    assert_string_equal(capture_err(&capture), "turnout route all: unknown version\n");
    assert_string_equal(capture_out(&capture), "");
    capture_end(&capture);
    assert_int_equal(fake_server_run(server, &capture, cli_reload, "reload|--if-revision|7"),
                     CLI_STALE);
    assert_string_equal(capture_err(&capture),
                        "turnout reload: the rules are at revision 9, not 7\n");
    capture_end(&capture);
    fake_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_sends_weights_shares_and_mirrors),
        cmocka_unit_test(test_abort_and_promote_send_what_is_asked),
        cmocka_unit_test(test_modes_send_versions_and_endpoints),
        cmocka_unit_test(test_modes_refuse_what_is_no_target),
        cmocka_unit_test(test_set_refuses_the_other_kind_of_number),
        cmocka_unit_test(test_every_change_takes_the_common_options),
        cmocka_unit_test(test_changes_with_text_that_is_not_utf8_end_in_a_message),
        cmocka_unit_test(test_set_rules_sends_the_file),
        cmocka_unit_test(test_route_sends_each_strategy),
        cmocka_unit_test(test_route_says_what_is_missing),
        cmocka_unit_test(test_route_refuses_what_does_not_go_together),
        cmocka_unit_test(test_reload_sends_an_empty_object),
        cmocka_unit_test(test_reload_dry_run_tells_settings_and_what_stays),
        cmocka_unit_test(test_changes_tell_a_refusal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "fake_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RESULTS(same, body, unanswered)                                                            \
    "{'same':" #same ",'status':0,'headers':0,'body':" #body ",'unanswered':" #unanswered          \
    ",'skipped':0}"
#define MIRROR                                                                                     \
    "'rule':'main','to':'green','build':'2','mirror':{'percent':25,'selected':100,'answered':98,"  \
    "'dropped':{'in_flight':1},'failed':{'timeout':1},'passed_over':{'not_sampled':300,'size':0}}"
#define FIELD(path, kind, count, noise)                                                            \
    "{'kind':'" kind "','path':'" path "','count':" #count ",'noise':" noise                       \
    ",'first':'2026-11-03T07:59:00Z','last':'2026-11-03T07:59:57Z','request_id':'id-1'}"
#define REPORT(failing)                                                                            \
    "{'revision':7,'window_s':600,'mirrors':[{" MIRROR ",'compare':{'since':"                      \
    "'2026-11-03T07:00:00Z','failing':" failing ",'results':" RESULTS(                             \
        95, 4, 1) ",'groups':["                                                                    \
                  "{'name':null,'results':" RESULTS(95, 4, 1) ",'fields':[" FIELD(                 \
                      "/now", "value", 99,                                                         \
                      "true") "," FIELD("/a\\\\u001b[31m", "value", 4,                             \
                                        "false") "],'latency':{'primary_p50_ms':1.25}}]}}]}"

static const struct fake_answer answers[] = {{"GET /v1/mirror-report", 200, REPORT("0.05")},
                                             {NULL, 0, NULL}};

static int run(const struct fake_answer *list, struct capture *capture, const char *words)
{
    struct fake_server *server = fake_server_start(list);
    int code = fake_server_run(server, capture, cli_mirror, words);

    fake_server_stop(server);
    return code;
}

static void test_mirror_report_is_read_at_a_glance(void **state)
{
    struct capture capture;
    const char *out;

    (void)state;
    assert_int_equal(run(answers, &capture, "mirror|report|--since|10m"), CLI_DONE);
    out = capture_out(&capture);
    assert_non_null(strstr(out, "main mirrored to green (build 2), 25%\n"));
    assert_non_null(
        strstr(out, "400 of the rule; 100 mirrored (25.00%), 300 not: not_sampled 300"));
    assert_non_null(strstr(out, "98 answered, 1 dropped: in_flight 1, 1 failed: timeout 1\n"));
    assert_non_null(
        strstr(out, "in the last 10 min: 95 same (95.96%), 4 different (4.04%); 1 una"));
    assert_non_null(strstr(out, "(other)        99  4 (4.04%)           1     1.2 ms"));
    /* what is real comes first, and nothing of a service reaches the terminal */
    assert_true(strstr(out, "/a?[31m") < strstr(out, "/now"));
    assert_null(strchr(out, 27));
    assert_non_null(strstr(out, "noise"));
    capture_end(&capture);
}

static void test_mirror_report_fails_over_a_limit(void **state)
{
    static const struct fake_answer nothing[] = {{"GET /v1/mirror-report", 200, REPORT("null")},
                                                 {NULL, 0, NULL}};
    static const struct fake_answer none[] = {
        {"GET /v1/mirror-report", 200, "{'mirrors':[{" MIRROR ",'compare':null}]}"},
        {NULL, 0, NULL}};
    struct capture capture;

    (void)state;
    assert_int_equal(run(answers, &capture, "mirror|report|--fail-over|5%"), CLI_DONE);
    capture_end(&capture);
    assert_int_equal(run(answers, &capture, "mirror|report|--fail-over|4.9%"), CLI_FAILED);
    assert_non_null(strstr(capture_err(&capture), "main to green: 5.00% of the requests differed"));
    capture_end(&capture);
    assert_int_equal(run(nothing, &capture, "mirror|report|--fail-over|5%"), CLI_FAILED);
    assert_non_null(strstr(capture_err(&capture), "nothing was compared"));
    capture_end(&capture);
    assert_int_equal(run(none, &capture, "mirror|report|--fail-over|5%"), CLI_FAILED);
    assert_non_null(strstr(capture_out(&capture), "nothing: the mirror has no 'compare'"));
    capture_end(&capture);
}

static void test_mirror_report_shows_pairs(void **state)
{
    static const struct fake_answer pairs[] = {
        {"GET /v1/mirror-pairs", 200,
         "{'revision':7,'mirrors':[{'rule':'main','to':'green','build':'2','keep_pairs':5,'bytes':"
         "900,'not_kept':2,'pairs':[{'at':'2026-11-03T07:59:00Z','group':null,'path':'/"
         "a\\u001b[1m',"
         "'request_id':'id-1','result':'body','fields':[{'kind':'value','path':'/price','noise':"
         "false}],'more_fields':false,'primary':{'status':200,'headers':{'Location':null},"
         "'content_encoding':null,'body':'one\\ntwo\\u009b2J','body_form':'text','body_bytes':"
         "7,'body_cut':false},'shadow':{'status':201,'headers':{'Location':'/b'},"
         "'content_encoding':'gzip','body':'AA==','body_form':'base64','body_bytes':1,"
         "'body_cut':false}}]},{'rule':'main','to':'red','keep_pairs':0,'pairs':[]}]}"},
        {NULL, 0, NULL}};
    struct capture capture;
    const char *out;

    (void)state;
    assert_int_equal(run(pairs, &capture, "mirror|report|--pairs"), CLI_DONE);
    out = capture_out(&capture);
    assert_non_null(strstr(out, "main mirrored to green: 1 of the last 5 pairs that differ\n"));
    assert_non_null(strstr(out, "2 found no room"));
    assert_non_null(strstr(out, "\n/a?[1m, body, request id-1, "));
    assert_non_null(strstr(out, "  value  /price\n"));
    assert_non_null(strstr(out, "  user     200\n    Location: (none)\n    one\n    two??2J\n"));
    assert_non_null(strstr(out, "  mirror   201\n    Location: /b\n    (1 bytes that are no text"));
    assert_non_null(strstr(out, "main mirrored to red: nothing is kept"));
    assert_null(strchr(out, 27));
    capture_end(&capture);
    assert_int_equal(run(pairs, &capture, "mirror|report|--pairs|-o|json"), CLI_DONE);
    assert_non_null(strstr(capture_out(&capture), "\"body\": \"AA==\""));
    capture_end(&capture);
}

static void test_mirror_report_wrong_usage(void **state)
{
    static const char *const wrong[] = {"mirror|report|--since|61m",
                                        "mirror|report|--since|10",
                                        "mirror|report|--fail-over|1",
                                        "mirror|report|-o|xml",
                                        "mirror|report|--pairs|--since|1m",
                                        "mirror|report|--pairs|--fail-over|1%",
                                        "mirror|reprot",
                                        "mirror"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct capture capture;

        assert_int_equal(run(answers, &capture, wrong[i]), CLI_WRONG_USAGE);
        capture_end(&capture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mirror_report_is_read_at_a_glance),
        cmocka_unit_test(test_mirror_report_fails_over_a_limit),
        cmocka_unit_test(test_mirror_report_shows_pairs),
        cmocka_unit_test(test_mirror_report_wrong_usage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

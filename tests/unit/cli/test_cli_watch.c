#include "capture.h"
#include "cli/watch_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One event; data with ' for ". */
static void take(struct cli_watched *watched, const char *name, const char *id, const char *data)
{
    json_t *json = capture_json(data);
    char *text = json_dumps(json, JSON_COMPACT);
    const struct tn_client_event event = {name, id, {text, strlen(text)}};

    assert_int_equal(cli_watch_take(watched, &event), 0);
    free(text);
    json_decref(json);
}

static void test_watch_tells_what_happens_in_words(void **state)
{
    static const struct {
        const char *name, *data, *words;
    } rows[] = {
        {"revision",
         "{'revision':8,'what':'share','author':'ann','reason':'try it','rules':['main','b']}",
         "revision 8: share (main, b) by ann: try it"},
        {"revision", "{'revision':9,'what':'abort','author':null,'reason':null,'rules':[]}",
         "revision 9: abort"},
        {"revision",
         "{'revision':9,'what':'cut','rules':[],'modes':[{'name':'green/1','after':'cut'}]}",
         "revision 9: cut (green/1 cut)"},
        {"health",
         "{'version':'green','endpoint':1,'address':'127.0.0.1:5102','up':false,'ejected':false,"
         "'mode':'active','detail':'connection refused'}",
         "green/1 (127.0.0.1:5102) is down: connection refused"},
        {"health",
         "{'version':'green','endpoint':1,'address':'a:1','up':true,'ejected':true,"
         "'mode':'draining','detail':''}",
         "green/1 (a:1) is up, ejected, draining"},
        {"verdict", "{'rule':'main','version':'green','verdict':'worse','unit':'user'}",
         "rule main: green is worse, by user"},
        {"split", "{'rule':'main','mismatch':true}",
         "rule main: the split is not what was asked for"},
        {"split", "{'rule':'main','mismatch':false}",
         "rule main: the split is again what was asked for"},
        {"durable", "{'durable':false}",
         "the rules in force are NOT durable: a restart loses them"},
        {"durable", "{'durable':true}", "the rules in force are on the disk again"},
        {"ttl", "{'revision':8,'until':'2026-11-03T08:30:00Z','rules':['main'],'modes':[]}",
         "revision 8 goes back by itself at 2026-11-03T08:30:00Z (main)"},
        {"guard", "{'rule':'main','reason':'green: 5 requests in a row failed'}",
         "the guard aborts rule main: green: 5 requests in a row failed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct capture capture;
        struct cli_watched watched = {.context = &capture.context, .prints_story = true};
        char line[256];

        capture_start(&capture);
        take(&watched, rows[i].name, "", rows[i].data);
        snprintf(line, sizeof(line), "2026-11-03T08:00:00Z  %s\n", rows[i].words);
        assert_string_equal(capture_out(&capture), line);
        cli_watched_deinit(&watched);
        capture_end(&capture);
    }
}

static void test_watch_keeps_the_newest_of_the_story(void **state)
{
    struct capture capture;
    struct cli_watched watched = {.context = &capture.context};

    (void)state;
    setenv("TZ", "UTC", 1);
    capture_start(&capture);
    for (int i = 1; i <= CLI_STORY_MAX + 2; i++) {
        char data[96];

        snprintf(data, sizeof(data), "{'revision':%d,'what':'share','reason':'\\u009b2J'}", i);
        take(&watched, "revision", "", data);
    }
    assert_int_equal(watched.story.count, CLI_STORY_MAX);
    assert_int_equal(watched.story.told, CLI_STORY_MAX + 2);
    /* nothing of it can move the cursor */
    assert_string_equal(watched.story.lines[0], "08:00:00  revision 3: share: ??2J");
    assert_string_equal(capture_out(&capture), "");
    cli_watched_deinit(&watched);
    capture_end(&capture);
}

static void test_watch_pictures_replace_what_is_known(void **state)
{
    struct capture capture;
    struct cli_watched watched = {.context = &capture.context};

    (void)state;
    capture_start(&capture);
    take(&watched, "reset", "7", "{'revision':7,'why':'new'}");
    assert_string_equal(watched.last_id, "7");
    take(&watched, "state", "7", "{'revision':7,'status':{'pid':1},'rules':[{'name':'main'}]}");
    take(&watched, "stats", "7", "{'revision':7,'rules':[]}");
    take(&watched, "stats", "8", "[]");         /* no picture */
    take(&watched, "something new", "8", "{}"); /* of a later version */
    assert_string_equal(watched.last_id, "8");
    assert_int_equal(json_integer_value(json_object_get(watched.documents.status, "pid")), 1);
    assert_int_equal(json_array_size(json_object_get(watched.documents.rules, "rules")), 1);
    assert_int_equal(json_integer_value(json_object_get(watched.documents.share, "revision")), 7);
    take(&watched, "bye", "8", "{'why':'handover'}");
    assert_string_equal(watched.bye, "handover");
    cli_watched_deinit(&watched);
    capture_end(&capture);
}

static void test_watch_lines_have_every_version_and_mirror(void **state)
{
    static const char *const share =
        "{'rules':[{'name':'main','versions':["
        "{'name':'blue','target_ppm':950000,'requests':950,'bound':1.0,'errors':0,'p50_ms':9.0,"
        "'p99_ms':9.0,'recent':{'seconds':10,'requests_per_s':12.34,'p50_ms':1.2,'p99_ms':14.0}},"
        "{'name':'green','target_ppm':50000,'requests':50,'bound':null,'errors':2,'p50_ms':1.5,"
        "'p99_ms':null,'finding':{'verdict':'inconclusive'}}],"
        "'mirrors':[{'to':'green','selected':10,'sent':9,'answered':8,'dropped':{'memory':1},"
        "'failed':{'reset':1,'timeout':0}}]}]}";
    struct capture capture;
    struct cli_watched watched = {.context = &capture.context};

    (void)state;
    capture_start(&capture);
    take(&watched, "stats", "", share);
    take(&watched, "state", "",
         "{'revision':1,'rules':[],'status':{'ttls':[{'until':'2026-11-03T08:29:30.5Z',"
         "'rules':['main'],'modes':[]}],'versions':[{'name':'green','endpoints':[{'up':true},"
         "{'up':false}]}]}}");
    cli_watch_print_lines(&watched);
    assert_string_equal(
        capture_out(&capture),
        "2026-11-03T08:00:00Z  main  blue  asked 95%  got 95.00% ±0.10%  requests 950 (12.3/s)  "
        "errors 0  p50 1.2 ms  p99 14 ms  reverts in 29 min\n"
        "2026-11-03T08:00:00Z  main  green  asked 5%  got 5.00%  requests 50  errors 2  "
        "p50 1.5 ms  p99 -  inconclusive  up 1/2  reverts in 29 min\n"
        "2026-11-03T08:00:00Z  main  mirror to green  selected 10  sent 9  answered 8  dropped 1  "
        "failed 1\n");
    cli_watched_deinit(&watched);
    capture_end(&capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch_tells_what_happens_in_words),
        cmocka_unit_test(test_watch_keeps_the_newest_of_the_story),
        cmocka_unit_test(test_watch_pictures_replace_what_is_known),
        cmocka_unit_test(test_watch_lines_have_every_version_and_mirror),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

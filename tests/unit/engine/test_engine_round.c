#include "rig.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state)
{
    (void)state;
    rig_open();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_close();
    return 0;
}

static char *sentence(void)
{
    return en_sentence(&rig.core);
}

static void assert_says(const char *part)
{
    char *text = sentence();

    if (!strstr(text, part))
        fail_msg("%s", text);
    free(text);
}

/* --- all strategies, and an engine that dies everywhere ------------------------------------------
 */

static const struct way {
    const char *request, *version;
    unsigned least_ready, most_there;
    bool is_mixed, is_promoted;
} ways[] = {
    {"{'strategy': 'rolling', 'to': '2'}", "blue", 2, 3, true, false},
    {"{'strategy': 'rolling', 'to': '2', 'max_surge': 1}", "green", 2, 6, true, false},
    {"{'strategy': 'best-effort', 'to': '2'}", "blue", 2, 3, true, false},
    {"{'strategy': 'ramped', 'to': '2'}", "green", 3, 4, true, false},
    {"{'strategy': 'recreate', 'to': '2'}", "blue", 0, 3, false, false},
    {"{'strategy': 'blue-green', 'to': '2', 'keep_ms': 0}", "green", 3, 6, false, false},
    {"{'strategy': 'canary', 'to': '2', 'for_ms': 300, 'keep_ms': 0}", "green", 3, 6, true, false},
    {"{'strategy': 'ab', 'to': '2', 'keep_ms': 0, 'headers': [{'name': 'A', 'value': 'b'}]}",
     "green", 3, 6, false, true},
    {"{'strategy': 'shadow', 'to': '2', 'keep_ms': 0}", "green", 3, 6, false, true},
};

static void run_way(const struct way *way)
{
    assert_int_equal(rig_order("start", way->request), 200);
    if (way->is_promoted) {
        assert_int_equal(rig_run(200), STRATEGY_FORWARD);
        assert_true(rig.core.action.is_for_person);
        assert_int_equal(rig.proxy.state.share_ppm[1], 0);
        assert_int_equal(rig_order("promote", "{}"), 200);
        rig_round();
    }
    if (rig_run(400) != STRATEGY_DONE || !rig_serves(way->version, "2"))
        fail_msg("%s: %s", way->request, sentence());
    if (rig.least_ready < way->least_ready || rig.most_there > way->most_there ||
        (rig.were_builds_mixed && !way->is_mixed))
        fail_msg("%s: ready %u, there %u, mixed %d", way->request, rig.least_ready, rig.most_there,
                 rig.were_builds_mixed);
}

static void test_round_leads_every_strategy_to_its_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        run_way(&ways[i]);
        assert_says(": done ");
        tear_down(NULL);
        set_up(NULL);
    }
}

/* After each single change that an update makes, once. */
static void test_round_survives_death_after_any_change(void **state)
{
    unsigned deaths = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        for (int at = 1;; at++) {
            unsigned died;

            tear_down(NULL);
            set_up(NULL);
            /* Where it starts or is promoted the order itself must be answered: die later. */
            if (ways[i].is_promoted)
                break;
            assert_int_equal(rig_order("start", ways[i].request), 200);
            rig.die_in = at;
            if (rig_run(400) != STRATEGY_DONE || !rig_serves(ways[i].version, "2"))
                fail_msg("%s, died after change %d: %s", ways[i].request, at, sentence());
            assert_true(rig.least_ready >= ways[i].least_ready);
            assert_true(!rig.were_builds_mixed || ways[i].is_mixed);
            died = rig.deaths;
            deaths += died;
            if (died == 0)
                break;
        }
    }
    assert_true(deaths > 40);
}

/* --- going back --------------------------------------------------------------------------------
 */

static void test_round_abort_is_answered_when_it_is_done(void **state)
{
    (void)state;
    rig_order("start", "{'strategy': 'canary', 'to': '2', 'shares': [50000, 1000000], 'for_ms': "
                       "600000}");
    rig_run(30);
    assert_int_equal(rig.proxy.state.share_ppm[1], 50000);
    assert_int_equal(rig_order("abort", "{'author': 'ann', 'reason': 'no'}"), 200);
    assert_int_equal(rig.proxy.state.share_ppm[1], 0); /* with the answer, not later */
    assert_int_equal(rig_run(100), STRATEGY_RETURNED);
    assert_true(rig_serves("blue", "1"));
    assert_says("by ann (no)");
    assert_int_equal(rig_order("abort", "{}"), 409);
}

static void test_round_abort_in_place_replaces_back(void **state)
{
    (void)state;
    rig_order("start", "{'strategy': 'rolling', 'to': '2'}");
    for (int i = 0; i < 8; i++)
        rig_round();
    assert_string_equal(rig.instances[0][2].build, "2");
    assert_int_equal(rig_order("abort", "{}"), 200);
    assert_int_equal(rig_run(100), STRATEGY_RETURNED);
    assert_true(rig_serves("blue", "1"));
}

static void test_round_takes_a_persons_abort_as_its_own(void **state)
{
    (void)state;
    rig_order("start", "{'strategy': 'canary', 'to': '2', 'shares': [50000, 1000000], 'for_ms': "
                       "600000}");
    rig_run(30);
    rig_person_abort();
    rig.proxy.revision++;
    rig.changes[0] = '\0';
    assert_int_equal(rig_run(100), STRATEGY_RETURNED);
    assert_true(rig_serves("blue", "1"));
    assert_null(strstr(rig.changes, "/v1/route"));
    assert_null(strstr(rig.changes, "/v1/weights"));
    assert_says("taken back");
}

static void test_round_takes_a_persons_cut_as_its_own(void **state)
{
    (void)state;
    rig_order("start", "{'strategy': 'canary', 'to': '2', 'shares': [50000, 1000000], 'for_ms': "
                       "600000}");
    rig_run(30);
    rig.proxy.versions[1].mode = STRATEGY_CUT;
    rig.proxy.revision++;
    rig_run(100);
    assert_int_equal(rig.core.update->record.course, STRATEGY_RETURNED);
    assert_int_equal(rig.proxy.state.share_ppm[0], 1000000);
}

static void test_round_waits_when_the_rule_was_taken_over(void **state)
{
    (void)state;
    rig_order("start", "{'strategy': 'canary', 'to': '2', 'shares': [50000, 1000000], 'for_ms': "
                       "300}");
    while (rig.proxy.state.share_ppm[1] != 50000)
        rig_round();
    rig.proxy.state.share_ppm[1] = 200000; /* more than we had: no abort */
    rig.proxy.state.share_ppm[0] = 800000;
    rig.proxy.revision++;
    assert_int_equal(rig_run(50), STRATEGY_FORWARD);
    assert_true(rig.core.action.is_for_person);
    assert_int_equal(rig.proxy.state.share_ppm[1], 200000);
    assert_int_equal(rig_order("resume", "{}"), 200);
    rig_round();
    assert_int_equal(rig_run(200), STRATEGY_DONE);
}

static void test_round_goes_back_when_worse(void **state)
{
    (void)state;
    rig_order("start", "{'strategy': 'canary', 'to': '2', 'shares': [50000, 1000000]}");
    while (rig.proxy.state.share_ppm[1] != 50000)
        rig_round();
    rig_round();
    rig.proxy.figures[1] = (struct en_proxy_figures){
        .requests = 212, .errors = 17, .users = 9, .verdict = STRATEGY_VERDICT_WORSE};
    rig.proxy.figures[0] = (struct en_proxy_figures){.requests = 1000, .errors = 2};
    assert_int_equal(rig_run(100), STRATEGY_RETURNED);
    assert_says(", worse: 5xx 8.0 % vs 0.2 % (n=212), at most 9 users saw an error; all on blue");
}

static void test_round_goes_back_over_a_limit(void **state)
{
    (void)state;
    rig_order("start", "{'strategy': 'canary', 'to': '2', 'shares': [50000, 1000000], 'for_ms': "
                       "600000, 'max_p99_ms': 100, 'min_requests': 20}");
    rig_run(30);
    rig.proxy.figures[1] = (struct en_proxy_figures){.requests = 19, .p99_ms = 300};
    rig_run(5);
    assert_int_equal(rig.core.update->record.course, STRATEGY_FORWARD);
    rig.proxy.figures[1].requests = 20;
    assert_int_equal(rig_run(100), STRATEGY_RETURNED);
    assert_says("over limit");
}

static void test_round_goes_back_from_a_build_that_never_gets_ready(void **state)
{
    (void)state;
    rig.never_ready = "bad";
    rig_order("start", "{'strategy': 'blue-green', 'to': 'bad', 'progress_ms': 3000}");
    assert_int_equal(rig_run(100), STRATEGY_RETURNED);
    assert_true(rig_serves("blue", "1"));
    assert_int_equal(rig.least_ready, 3);
}

/* --- evidence ----------------------------------------------------------------------------------
 */

static void test_round_counts_requests_from_the_steps_own_beginning(void **state)
{
    (void)state;
    rig.proxy.figures[1].requests = 5000; /* of before */
    rig_order("start", "{'strategy': 'canary', 'to': '2', 'shares': [50000, 1000000], "
                       "'after_requests': 100}");
    while (rig.proxy.state.share_ppm[1] != 50000)
        rig_round();
    for (int i = 0; i < 10; i++)
        rig_round();
    assert_int_equal(rig.proxy.state.share_ppm[1], 50000);
    rig.proxy.figures[1].requests += 99;
    rig_round();
    assert_int_equal(rig.core.observation.figures.requests, 99);
    assert_int_equal(rig.proxy.state.share_ppm[1], 50000);
    rig.proxy.figures[1].requests += 1;
    assert_int_equal(rig_run(300), STRATEGY_DONE);
}

/* --- trouble -----------------------------------------------------------------------------------
 */

static void test_round_tries_again_what_failed(void **state)
{
    json_t *status;

    (void)state;
    rig.platform_error = -EIO;
    assert_int_equal(rig_order("start", "{'strategy': 'rolling', 'to': '2'}"), 200);
    rig_run(30);
    assert_true(rig.core.told.failures > 1 && rig.core.told.failures < 20); /* later each time */
    status = en_status_json(&rig.core);
    assert_string_equal(json_string_value(json_object_get(status, "problem")),
                        "the platform is tired");
    json_decref(status);
    rig.platform_error = 0;
    assert_int_equal(rig_run(300), STRATEGY_DONE);
    assert_string_equal(rig.core.told.why, "");
}

static void test_round_looks_anew_when_its_revision_is_stale(void **state)
{
    (void)state;
    rig.proxy_error = -ESTALE;
    rig_order("start", "{'strategy': 'rolling', 'to': '2'}");
    rig_run(5);
    assert_int_equal(rig.core.told.failures, 0);
    rig.proxy_error = 0;
    assert_int_equal(rig_run(300), STRATEGY_DONE);
}

static void test_round_takes_no_step_without_the_proxy(void **state)
{
    (void)state;
    rig_order("start", "{'strategy': 'rolling', 'to': '2'}");
    rig_round();
    rig.is_proxy_gone = true;
    rig.changes[0] = '\0';
    for (int i = 0; i < 20; i++)
        rig_round();
    assert_null(strstr(rig.changes, "/v1/"));
    assert_true(rig.least_ready >= 2);
    assert_says("the proxy does not answer; 0 of 1 proxies agree");
    rig.is_proxy_gone = false;
    assert_int_equal(rig_run(300), STRATEGY_DONE);
}

/* --- orders ------------------------------------------------------------------------------------
 */

static void test_orders_refuse_what_makes_no_sense(void **state)
{
    (void)state;
    assert_int_equal(rig_order("start", "{'strategy': 'rolling'}"), 422);
    assert_int_equal(rig_order("start", "{'strategy': 'rolling', 'to': '7'}"), 422);
    assert_int_equal(rig_order("start", "{'strategy': 'rolling', 'to': '1'}"), 422); /* runs */
    assert_int_equal(rig_order("start", "{'strategy': 'roling', 'to': '2'}"), 422);
    assert_int_equal(rig_order("start", "{'strategy': 'rolling', 'to': '2', 'surge': 1}"), 422);
    assert_int_equal(rig_order("start", "{'strategy': 'rolling', 'to': '2', 'hooks': 1}"), 422);
    assert_int_equal(
        rig_order("start", "{'strategy': 'rolling', 'to': '2', 'max_unavailable': 'x'}"), 422);
    assert_int_equal(rig_order("start", "{'strategy': 'ab', 'to': '2'}"), 422);
    assert_int_equal(rig_order("start", "{'strategy': 'canary', 'to': '2', 'shares': [5, 5]}"),
                     422);
    assert_int_equal(rig_order("pause", "{}"), 409);
    assert_int_equal(rig_order("undo", "{}"), 409);
    assert_null(rig.core.update);
    rig.proxy.state.share_ppm[0] = 900000;
    assert_int_equal(rig_order("start", "{'strategy': 'rolling', 'to': '2'}"), 422);
    rig.is_proxy_gone = true;
    assert_int_equal(rig_order("start", "{'strategy': 'rolling', 'to': '2'}"), 503);
}

static void test_orders_take_one_update_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(rig_order("start", "{'strategy': 'rolling', 'to': '2', 'dry_run': true}"),
                     200);
    assert_null(rig.core.update);
    assert_int_equal(rig_order("plan", "{'strategy': 'rolling', 'to': '2'}"), 200);
    assert_null(rig.core.update);
    assert_int_equal(rig_order("start", "{'strategy': 'rolling', 'to': '2'}"), 200);
    assert_int_equal(rig.core.update->id, 1);
    assert_int_equal(rig_order("start", "{'strategy': 'rolling', 'to': '2'}"), 409);
    rig_run(300);
    assert_int_equal(rig_order("undo", "{}"), 200);
    assert_int_equal(rig.core.update->id, 2);
    assert_int_equal(rig_run(300), STRATEGY_DONE);
    assert_true(rig_serves("blue", "1"));
    assert_int_equal(json_array_size(rig.core.ended), 2);
}

static void test_orders_pause_and_resume(void **state)
{
    unsigned made;

    (void)state;
    rig_order("start", "{'strategy': 'rolling', 'to': '2'}");
    rig_round();
    rig_order("pause", "{}");
    for (int i = 0; i < 10; i++)
        rig_round();
    made = rig.made;
    for (int i = 0; i < 20; i++)
        rig_round();
    assert_int_equal(rig.made, made);
    assert_int_equal(rig.core.update->record.course, STRATEGY_FORWARD);
    rig_order("resume", "{}");
    assert_int_equal(rig_run(300), STRATEGY_DONE);
}

static void test_tell_has_what_people_and_programs_need(void **state)
{
    json_t *status;
    char *metrics;

    (void)state;
    rig_order("start", "{'strategy': 'rolling', 'to': '2', 'author': 'ann'}");
    rig_run(300);
    status = en_status_json(&rig.core);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(status, "update"), "course")), "done");
    assert_int_equal(json_array_size(json_object_get(status, "versions")), 2);
    json_decref(status);
    metrics = en_metrics_text(&rig.core);
    assert_non_null(
        strstr(metrics, "turnout_update_total{strategy=\"rolling\",result=\"done\"} 1"));
    assert_non_null(strstr(metrics, "turnout_update_phase{phase=\"done\"} 1"));
    assert_non_null(strstr(metrics, "turnout_update_phase{phase=\"forward\"} 0"));
    assert_non_null(strstr(metrics, "to_build=\"2\"} 1"));
    free(metrics);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round_leads_every_strategy_to_its_end),
        TEST(test_round_survives_death_after_any_change),
        TEST(test_round_abort_is_answered_when_it_is_done),
        TEST(test_round_abort_in_place_replaces_back),
        TEST(test_round_takes_a_persons_abort_as_its_own),
        TEST(test_round_takes_a_persons_cut_as_its_own),
        TEST(test_round_waits_when_the_rule_was_taken_over),
        TEST(test_round_goes_back_when_worse),
        TEST(test_round_goes_back_over_a_limit),
        TEST(test_round_goes_back_from_a_build_that_never_gets_ready),
        TEST(test_round_counts_requests_from_the_steps_own_beginning),
        TEST(test_round_tries_again_what_failed),
        TEST(test_round_looks_anew_when_its_revision_is_stale),
        TEST(test_round_takes_no_step_without_the_proxy),
        TEST(test_orders_refuse_what_makes_no_sense),
        TEST(test_orders_take_one_update_at_a_time),
        TEST(test_orders_pause_and_resume),
        TEST(test_tell_has_what_people_and_programs_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

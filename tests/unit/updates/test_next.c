/* Times, numbers and words of single answers: what the walk's worlds leave out. */
#include "strategies/updates/planner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS 5000000u

static struct strategy_plan plan;
static struct strategy_observation seen;
static struct strategy_action action;

static void begin(enum strategy_kind kind, uint32_t replicas)
{
    strategy_plan_init(&plan, kind);
    plan.replicas = replicas;
    memset(&seen, 0, sizeof(seen));
    seen.now_ms = NOW_MS;
    seen.proxies = (struct strategy_proxies){.count = 3, .agreed = 3};
    seen.figures.verdict = seen.figures.goal = STRATEGY_VERDICT_INCONCLUSIVE;
    seen.record.step_since_ms = NOW_MS;
    seen.versions[STRATEGY_FROM].replicas = seen.versions[STRATEGY_FROM].count = replicas;
    for (uint32_t i = 0; i < replicas; i++)
        seen.versions[STRATEGY_FROM].instances[i] = (struct strategy_instance){
            .exists = true, .is_ready = true, .is_up = true, .ready_for_ms = 1000000};
}

/* TO has all its instances, at this step. */
static void begin_at(enum strategy_step_kind kind)
{
    struct strategy_version *to = &seen.versions[STRATEGY_TO];

    *to = seen.versions[STRATEGY_FROM];
    to->build = STRATEGY_BUILD_TARGET;
    for (uint32_t i = 0; i < to->count; i++)
        to->instances[i].build = STRATEGY_BUILD_TARGET;
    for (uint32_t i = 0; i < plan.step_count; i++)
        if (plan.steps[i].kind == kind) {
            seen.record.step = i;
            return;
        }
    fail_msg("no such step");
}

static void add(enum strategy_step_kind kind, uint32_t percent, struct strategy_evidence evidence)
{
    struct strategy_step step = {.kind = kind, .ppm = percent * 10000, .evidence = evidence};

    assert_int_equal(strategy_plan_add(&plan, &step), 0);
}

static void complete(void)
{
    char problem[STRATEGY_PROBLEM_LEN];

    if (strategy_plan_complete(&plan, problem) != 0)
        fail_msg("%s", problem);
}

static void ask(void)
{
    strategy_update_next(&plan, &seen, &action);
}

static bool says(enum strategy_command_kind kind, uint32_t index)
{
    for (uint32_t i = 0; i < action.count; i++)
        if (action.commands[i].kind == kind && action.commands[i].index == index)
            return true;
    return false;
}

static void test_next_drained_endpoints_get_their_time(void **state)
{
    struct strategy_instance *last;

    (void)state;
    begin(STRATEGY_KIND_ROLLING, 2);
    complete();
    seen.versions[STRATEGY_FROM].build = STRATEGY_BUILD_TARGET;
    last = &seen.versions[STRATEGY_FROM].instances[1];
    last->mode = STRATEGY_DRAINING;
    last->mode_for_ms = 4000;
    last->open = 3;
    ask();
    assert_int_equal(action.wait, STRATEGY_WAIT_QUIET);
    assert_int_equal(action.again_ms, 6000);
    assert_int_equal(action.count, 0);
    assert_int_equal(action.record.waiting_since_ms, 0);
    last->open = 0;
    last->bound = 1;
    ask();
    assert_int_equal(action.wait, STRATEGY_WAIT_QUIET);
    last->bound = 0;
    ask();
    assert_true(says(STRATEGY_DO_REPLACE, 1));
    last->open = last->bound = UINT32_MAX;
    ask();
    assert_int_equal(action.wait, STRATEGY_WAIT_QUIET);
    last->mode_for_ms = 10000;
    ask();
    assert_true(says(STRATEGY_DO_REPLACE, 1));
}

static void test_next_ready_counts_only_after_min_ready(void **state)
{
    struct strategy_instance *last;

    (void)state;
    begin(STRATEGY_KIND_ROLLING, 2);
    plan.min_ready_ms = 30000;
    complete();
    seen.versions[STRATEGY_FROM].build = STRATEGY_BUILD_TARGET;
    last = &seen.versions[STRATEGY_FROM].instances[1];
    last->build = STRATEGY_BUILD_TARGET;
    last->mode = STRATEGY_DRAINING;
    last->ready_for_ms = 12000;
    ask();
    assert_int_equal(action.count, 0);
    assert_int_equal(action.again_ms, 18000);
    last->ready_for_ms = 30000;
    ask();
    assert_true(says(STRATEGY_DO_UNDRAIN, 1));
}

static void test_next_no_progress_is_back_after_its_deadline(void **state)
{
    (void)state;
    begin(STRATEGY_KIND_BLUE_GREEN, 2);
    complete();
    begin_at(STRATEGY_STEP_START);
    seen.versions[STRATEGY_TO].instances[1].is_ready = false;
    ask();
    assert_int_equal(action.wait, STRATEGY_WAIT_STARTED);
    assert_int_equal(action.done, 1);
    assert_int_equal(action.of, 2);
    assert_int_equal(action.record.waiting_since_ms, NOW_MS);
    assert_int_equal(action.again_ms, 600000);
    seen.record = action.record;
    seen.now_ms += 599999;
    ask();
    assert_int_equal(action.record.course, STRATEGY_FORWARD);
    assert_int_equal(action.again_ms, 1);
    seen.now_ms += 1;
    ask();
    assert_int_equal(action.record.course, STRATEGY_BACK);
    assert_int_equal(action.record.cause, STRATEGY_CAUSE_DEADLINE);
    assert_int_equal(action.count, 0);
}

static void test_next_progress_begins_the_deadline_anew(void **state)
{
    (void)state;
    begin(STRATEGY_KIND_BLUE_GREEN, 3);
    complete();
    begin_at(STRATEGY_STEP_START);
    seen.versions[STRATEGY_TO].instances[1].is_ready = false;
    seen.versions[STRATEGY_TO].instances[2].is_ready = false;
    ask();
    seen.record = action.record;
    seen.now_ms += 700000;
    seen.versions[STRATEGY_TO].instances[1].is_ready = true;
    ask();
    assert_int_equal(action.record.course, STRATEGY_FORWARD);
    assert_int_equal(action.record.waiting_since_ms, seen.now_ms);
    /* what comes and goes is no progress */
    seen.record = action.record;
    seen.versions[STRATEGY_TO].instances[1].is_ready = false;
    ask();
    seen.record = action.record;
    seen.now_ms += 600000;
    seen.versions[STRATEGY_TO].instances[1].is_ready = true;
    ask();
    assert_int_equal(action.record.cause, STRATEGY_CAUSE_DEADLINE);
}

static void test_next_stuck_on_the_way_back_waits_for_a_person(void **state)
{
    (void)state;
    begin(STRATEGY_KIND_ROLLING, 2);
    complete();
    seen.record.course = STRATEGY_BACK;
    seen.record.waiting_since_ms = NOW_MS - 600000;
    seen.record.progress = 100;
    seen.versions[STRATEGY_FROM].instances[1].is_ready = false;
    ask();
    assert_int_equal(action.wait, STRATEGY_WAIT_STUCK);
    assert_true(action.is_for_person);
    assert_true(action.record.is_stuck);
    seen.record = action.record;
    seen.wishes.retry = true;
    ask();
    assert_false(action.record.is_stuck);
    assert_int_equal(action.record.waiting_since_ms, NOW_MS);
    assert_int_equal(action.wait, STRATEGY_WAIT_STARTED);
    seen.wishes.retry = false;
    seen.versions[STRATEGY_FROM].instances[1].is_ready = true;
    ask();
    assert_int_equal(action.record.course, STRATEGY_RETURNED);
}

static void test_next_evidence_is_waited_for_in_words(void **state)
{
    (void)state;
    begin(STRATEGY_KIND_CANARY, 1);
    plan.decide_within_ms = 100000;
    add(STRATEGY_STEP_SHARE, 5,
        (struct strategy_evidence){.for_ms = 60000, .requests = 200, .verdict = true});
    complete();
    begin_at(STRATEGY_STEP_SHARE);
    seen.rule.share_ppm = 50000;
    ask();
    assert_int_equal(action.record.evidence_since_ms, NOW_MS);
    seen.record = action.record;
    seen.now_ms += 50000;
    seen.figures.requests = 7;
    ask();
    assert_int_equal(action.wait, STRATEGY_WAIT_REQUESTS);
    assert_int_equal(action.done, 7);
    assert_int_equal(action.of, 200);
    assert_int_equal(action.again_ms, 50000);
    seen.figures.requests = 200;
    ask();
    assert_int_equal(action.wait, STRATEGY_WAIT_VERDICT);
    seen.figures.verdict = STRATEGY_VERDICT_SAME;
    ask();
    assert_int_equal(action.wait, STRATEGY_WAIT_TIME);
    assert_int_equal(action.again_ms, 10000);
    seen.now_ms += 10000;
    ask();
    assert_int_equal(action.record.step, seen.record.step + 1);
    assert_int_equal(action.record.evidence_since_ms, 0);
    seen.figures.verdict = STRATEGY_VERDICT_INCONCLUSIVE;
    seen.now_ms += 40000;
    ask();
    assert_int_equal(action.wait, STRATEGY_WAIT_UNDECIDED);
    assert_true(action.is_for_person);
    plan.on_undecided = STRATEGY_UNDECIDED_ABORT;
    ask();
    assert_int_equal(action.record.cause, STRATEGY_CAUSE_UNDECIDED);
}

static void test_next_evidence_has_no_deadline_of_its_own(void **state)
{
    (void)state;
    begin(STRATEGY_KIND_CANARY, 1);
    add(STRATEGY_STEP_SHARE, 5, (struct strategy_evidence){.requests = 200});
    complete();
    begin_at(STRATEGY_STEP_SHARE);
    seen.rule.share_ppm = 50000;
    seen.record.evidence_since_ms = 1;
    seen.record.waiting_since_ms = 1;
    seen.now_ms = 14ull * 86400000;
    ask();
    assert_int_equal(action.record.course, STRATEGY_FORWARD);
    assert_int_equal(action.wait, STRATEGY_WAIT_REQUESTS);
    assert_int_equal(action.record.waiting_since_ms, 0);
}

static void test_next_worse_goals_go_back(void **state)
{
    (void)state;
    begin(STRATEGY_KIND_AB, 1);
    add(STRATEGY_STEP_MATCH, 0, (struct strategy_evidence){.goal = true});
    complete();
    begin_at(STRATEGY_STEP_MATCH);
    seen.rule.has_match = true;
    seen.figures.goal = STRATEGY_VERDICT_WORSE;
    ask();
    assert_int_equal(action.record.cause, STRATEGY_CAUSE_GOAL);
    seen.record = action.record;
    ask();
    assert_int_equal(action.commands[0].kind, STRATEGY_DO_STABLE);
    assert_int_equal(action.commands[0].part, STRATEGY_FROM);
}

static void test_next_endpoints_held_by_a_person_are_left_alone(void **state)
{
    struct strategy_instance *last;

    (void)state;
    begin(STRATEGY_KIND_ROLLING, 1);
    complete();
    seen.versions[STRATEGY_FROM].build = STRATEGY_BUILD_TARGET;
    last = &seen.versions[STRATEGY_FROM].instances[0];
    last->build = STRATEGY_BUILD_TARGET;
    last->mode = STRATEGY_DRAINING;
    last->is_held = true;
    ask();
    assert_int_equal(action.count, 0);
    assert_int_equal(action.record.course, STRATEGY_DONE);
}

static void test_next_proxies_are_counted(void **state)
{
    (void)state;
    begin(STRATEGY_KIND_ROLLING, 2);
    complete();
    seen.proxies.agreed = 2;
    ask();
    assert_int_equal(action.wait, STRATEGY_WAIT_PROXIES);
    assert_int_equal(action.done, 2);
    assert_int_equal(action.of, 3);
    assert_int_equal(action.count, 0);
    seen.proxies = (struct strategy_proxies){.count = 3, .agreed = 3, .silent = 1};
    ask();
    assert_int_equal(action.wait, STRATEGY_WAIT_PROXIES);
    seen.proxies = (struct strategy_proxies){0};
    ask();
    assert_int_equal(action.wait, STRATEGY_WAIT_PROXIES);
}

static void test_next_hooks_are_named(void **state)
{
    (void)state;
    begin(STRATEGY_KIND_ROLLING, 1);
    plan.hooks =
        1u << STRATEGY_HOOK_BEFORE | 1u << STRATEGY_HOOK_AFTER | 1u << STRATEGY_HOOK_ROLLBACK;
    complete();
    ask();
    assert_true(says(STRATEGY_DO_HOOK, STRATEGY_WHOLE_VERSION));
    assert_int_equal(action.commands[0].hook, STRATEGY_HOOK_BEFORE);
    assert_int_equal(action.wait, STRATEGY_WAIT_HOOK);
    seen.hooks[STRATEGY_HOOK_BEFORE] = STRATEGY_HOOK_BAD;
    ask();
    assert_int_equal(action.wait, STRATEGY_WAIT_HOOK_FAILED);
    assert_int_equal(action.hook, STRATEGY_HOOK_BEFORE);
    assert_true(action.is_for_person);
    seen.record.course = STRATEGY_BACK;
    seen.versions[STRATEGY_FROM].build = STRATEGY_BUILD_TARGET;
    ask();
    assert_int_equal(action.commands[action.count - 1].hook, STRATEGY_HOOK_ROLLBACK);
    seen.record.course = STRATEGY_RETURNED;
    ask();
    assert_int_equal(action.count, 1);
    assert_int_equal(action.commands[0].hook, STRATEGY_HOOK_AFTER);
    seen.hooks[STRATEGY_HOOK_AFTER] = STRATEGY_HOOK_RUNNING;
    ask();
    assert_int_equal(action.count, 0);
    assert_int_equal(action.wait, STRATEGY_WAIT_NOTHING);
}

static void test_next_a_pause_on_the_way_back_still_leads_users_away(void **state)
{
    (void)state;
    begin(STRATEGY_KIND_ROLLING, 2);
    complete();
    seen.record.course = STRATEGY_BACK;
    seen.wishes.pause = true;
    seen.versions[STRATEGY_FROM].build = STRATEGY_BUILD_TARGET;
    seen.versions[STRATEGY_FROM].instances[1].build = STRATEGY_BUILD_TARGET;
    ask();
    assert_int_equal(action.count, 1);
    assert_true(says(STRATEGY_DO_DRAIN, 1));
    seen.versions[STRATEGY_FROM].instances[1].mode = STRATEGY_DRAINING;
    ask();
    assert_int_equal(action.count, 0);
    assert_int_equal(action.wait, STRATEGY_WAIT_RESUME);
    assert_true(action.is_for_person);
}

static void test_next_all_of_a_large_version_are_drained_in_one_action(void **state)
{
    (void)state;
    begin(STRATEGY_KIND_ROLLING, STRATEGY_REPLICAS_MAX);
    complete();
    seen.record.course = STRATEGY_BACK;
    seen.versions[STRATEGY_FROM].build = STRATEGY_BUILD_TARGET;
    for (uint32_t i = 1; i < STRATEGY_REPLICAS_MAX; i++)
        seen.versions[STRATEGY_FROM].instances[i].build = STRATEGY_BUILD_TARGET;
    ask();
    for (uint32_t i = 1; i < STRATEGY_REPLICAS_MAX; i++)
        assert_true(says(STRATEGY_DO_DRAIN, i));
    assert_false(says(STRATEGY_DO_DRAIN, 0));
}

static void test_next_the_same_question_has_the_same_answer(void **state)
{
    struct strategy_action first;

    (void)state;
    begin(STRATEGY_KIND_CANARY, 4);
    complete();
    memset(&action, 0, sizeof(action));
    ask();
    first = action;
    memset(&action, 0, sizeof(action));
    ask();
    assert_memory_equal(&first, &action, sizeof(action));
    assert_int_equal(first.commands[0].kind, STRATEGY_DO_SET_BUILD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_drained_endpoints_get_their_time),
        cmocka_unit_test(test_next_ready_counts_only_after_min_ready),
        cmocka_unit_test(test_next_no_progress_is_back_after_its_deadline),
        cmocka_unit_test(test_next_progress_begins_the_deadline_anew),
        cmocka_unit_test(test_next_stuck_on_the_way_back_waits_for_a_person),
        cmocka_unit_test(test_next_evidence_is_waited_for_in_words),
        cmocka_unit_test(test_next_evidence_has_no_deadline_of_its_own),
        cmocka_unit_test(test_next_worse_goals_go_back),
        cmocka_unit_test(test_next_endpoints_held_by_a_person_are_left_alone),
        cmocka_unit_test(test_next_proxies_are_counted),
        cmocka_unit_test(test_next_hooks_are_named),
        cmocka_unit_test(test_next_a_pause_on_the_way_back_still_leads_users_away),
        cmocka_unit_test(test_next_all_of_a_large_version_are_drained_in_one_action),
        cmocka_unit_test(test_next_the_same_question_has_the_same_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Plans: what is refused and in which words, how numbers are rounded, what is told beforehand. */
#include "strategies/updates/planner.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char problem[STRATEGY_PROBLEM_LEN];
static char text[4096];

static struct strategy_plan make(enum strategy_kind kind, uint32_t replicas)
{
    struct strategy_plan plan;

    strategy_plan_init(&plan, kind);
    plan.replicas = replicas;
    plan.from = "blue";
    plan.to = "green";
    plan.from_build = "1";
    plan.to_build = "2";
    problem[0] = '\0';
    return plan;
}

static void add(struct strategy_plan *plan, enum strategy_step_kind kind, uint32_t percent)
{
    struct strategy_step step = {.kind = kind, .ppm = percent * 10000};

    assert_int_equal(strategy_plan_add(plan, &step), 0);
}

static void assert_refused(struct strategy_plan *plan, const char *why)
{
    assert_int_equal(strategy_plan_complete(plan, problem), -EINVAL);
    if (strstr(problem, why) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", problem, why);
    assert_true(strlen(problem) + 1 < STRATEGY_PROBLEM_LEN);
}

static void assert_taken(struct strategy_plan *plan)
{
    if (strategy_plan_complete(plan, problem) != 0)
        fail_msg("%s", problem);
}

static void test_plan_surge_rounds_up_and_unavailable_down(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_ROLLING, 5);

    (void)state;
    plan.surge = (struct strategy_amount){.value = 25, .is_percent = true};
    plan.unavailable = (struct strategy_amount){.value = 25, .is_percent = true};
    assert_taken(&plan);
    assert_int_equal(plan.surge_count, 2);
    assert_int_equal(plan.unavailable_count, 1);
    assert_true(plan.is_across);
}

static void test_plan_surge_and_unavailable_of_nothing_are_refused(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_ROLLING, 3);

    (void)state;
    plan.unavailable.value = 0;
    assert_refused(&plan, "both 0");
    plan = make(STRATEGY_KIND_ROLLING, 3);
    plan.unavailable = (struct strategy_amount){.value = 25, .is_percent = true};
    assert_refused(&plan, "both 0");
    plan = make(STRATEGY_KIND_ROLLING, 3);
    plan.unavailable.value = 4;
    assert_refused(&plan, "at most N");
}

static void test_plan_numbers_that_a_strategy_does_not_have_are_refused(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_RAMPED, 3);

    (void)state;
    plan.unavailable.value = 1;
    assert_refused(&plan, "ramped never has fewer");
    plan = make(STRATEGY_KIND_RAMPED, 3);
    plan.surge.value = 0;
    assert_refused(&plan, "surge of at least 1");
    plan = make(STRATEGY_KIND_BEST_EFFORT, 3);
    plan.surge.value = 1;
    assert_refused(&plan, "best-effort never has more");
    plan = make(STRATEGY_KIND_BEST_EFFORT, 3);
    plan.unavailable = (struct strategy_amount){0};
    assert_refused(&plan, "at least 1 unavailable");
    plan = make(STRATEGY_KIND_RECREATE, 3);
    plan.is_across = true;
    assert_refused(&plan, "use blue-green");
    plan = make(STRATEGY_KIND_RECREATE, 3);
    plan.unavailable = (struct strategy_amount){.value = 1};
    assert_refused(&plan, "use rolling");
    plan = make(STRATEGY_KIND_ROLLING, 0);
    assert_refused(&plan, "replicas must be 1 to 128");
    plan = make(STRATEGY_KIND_ROLLING, STRATEGY_REPLICAS_MAX + 1);
    assert_refused(&plan, "replicas must be 1 to 128");
}

static void test_plan_best_effort_takes_a_quarter_and_at_least_one(void **state)
{
    static const uint32_t expected[] = {1, 1, 1, 1, 1, 1, 1, 1, 2};

    (void)state;
    for (uint32_t n = 1; n <= 8; n++) {
        struct strategy_plan plan = make(STRATEGY_KIND_BEST_EFFORT, n);

        assert_taken(&plan);
        assert_int_equal(plan.unavailable_count, expected[n]);
    }
}

static void test_plan_shares_only_grow(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_CANARY, 1);

    (void)state;
    add(&plan, STRATEGY_STEP_SHARE, 10);
    add(&plan, STRATEGY_STEP_SHARE, 10);
    assert_refused(&plan, "step 2 (share): shares only grow");
    plan = make(STRATEGY_KIND_CANARY, 1);
    add(&plan, STRATEGY_STEP_SHARE, 0);
    assert_refused(&plan, "above 0 %");
    plan = make(STRATEGY_KIND_CANARY, 1);
    add(&plan, STRATEGY_STEP_SHARE, 101);
    assert_refused(&plan, "at most 100 %");
}

static void test_plan_steps_that_make_no_sense_are_refused(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_SHADOW, 1);
    struct strategy_step early = {.kind = STRATEGY_STEP_PAUSE, .evidence = {.requests = 5}};

    (void)state;
    add(&plan, STRATEGY_STEP_SHARE, 10);
    assert_refused(&plan, "step 1 (share): is no step of shadow");
    plan = make(STRATEGY_KIND_ROLLING, 1);
    add(&plan, STRATEGY_STEP_PAUSE, 0);
    assert_refused(&plan, "is no step of rolling");
    plan = make(STRATEGY_KIND_STEPS, 1);
    add(&plan, STRATEGY_STEP_SWITCH, 0);
    assert_refused(&plan, "is no step of steps");
    plan = make(STRATEGY_KIND_STEPS, 1);
    assert_refused(&plan, "has no steps");
    plan = make(STRATEGY_KIND_STEPS, 1);
    assert_int_equal(strategy_plan_add(&plan, &early), 0);
    assert_refused(&plan, "share, match or mirror first");
    plan = make(STRATEGY_KIND_STEPS, 1);
    add(&plan, STRATEGY_STEP_KEEP, 0);
    assert_refused(&plan, "keep needs a time");
    plan = make(STRATEGY_KIND_STEPS, 1);
    add(&plan, STRATEGY_STEP_KEEP, 0);
    add(&plan, STRATEGY_STEP_PAUSE, 0);
    assert_refused(&plan, "keep comes last");
    plan = make(STRATEGY_KIND_AB, 1);
    assert_refused(&plan, "who sees the new build");
    plan = make(STRATEGY_KIND_SHADOW, 1);
    assert_refused(&plan, "--percent 25");
}

static void test_plan_takes_so_many_steps_and_no_more(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_STEPS, 1);
    struct strategy_step pause = {.kind = STRATEGY_STEP_PAUSE};

    (void)state;
    for (int i = 0; i < STRATEGY_OWN_STEPS_MAX; i++)
        assert_int_equal(strategy_plan_add(&plan, &pause), 0);
    assert_int_equal(strategy_plan_add(&plan, &pause), -EINVAL);
    assert_taken(&plan);
    assert_true(plan.step_count <= STRATEGY_STEPS_MAX);
}

static void test_plan_disks_without_a_contract_are_refused_with_three_ways_out(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_BLUE_GREEN, 2);

    (void)state;
    plan.has_disks = true;
    plan.last_served = "2026-11-03";
    assert_refused(&plan,
                   "green has its own disks, last served on 2026-11-03: users who move there");
    assert_non_null(strstr(problem, "state: shared, disposable, independent, handover"));
    assert_non_null(strstr(problem, "use rolling"));
    assert_non_null(strstr(problem, "--accept-separate-disks"));
    plan = make(STRATEGY_KIND_BLUE_GREEN, 2);
    plan.has_disks = plan.accepts_separate_disks = true;
    assert_taken(&plan);
    plan = make(STRATEGY_KIND_ROLLING, 2);
    plan.has_disks = true;
    assert_taken(&plan);
    plan = make(STRATEGY_KIND_BLUE_GREEN, 2);
    assert_taken(&plan);
}

static void test_plan_shadow_data_is_accepted_or_reset(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_SHADOW, 2);

    (void)state;
    plan.has_disks = true;
    plan.state = STRATEGY_STATE_INDEPENDENT;
    add(&plan, STRATEGY_STEP_MIRROR, 25);
    assert_refused(&plan, "--reset-disks or --accept-shadow-data");
    plan = make(STRATEGY_KIND_BLUE_GREEN, 2);
    plan.has_disks = plan.is_shadowed = true;
    plan.state = STRATEGY_STATE_INDEPENDENT;
    assert_refused(&plan, "--reset-disks or --accept-shadow-data");
    plan = make(STRATEGY_KIND_BLUE_GREEN, 2);
    plan.has_disks = plan.is_shadowed = plan.accepts_shadow_data = true;
    plan.state = STRATEGY_STATE_INDEPENDENT;
    assert_taken(&plan);
    plan = make(STRATEGY_KIND_ROLLING, 2);
    plan.resets_disks = true;
    assert_refused(&plan, "keeps every disk");
}

static void test_plan_handover_moves_all_in_one_go(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_BLUE_GREEN, 2);

    (void)state;
    plan.has_disks = true;
    plan.state = STRATEGY_STATE_HANDOVER;
    assert_refused(&plan, "hooks prepare and commit");
    plan = make(STRATEGY_KIND_CANARY, 2);
    plan.has_disks = true;
    plan.state = STRATEGY_STATE_HANDOVER;
    plan.hooks = 1u << STRATEGY_HOOK_PREPARE | 1u << STRATEGY_HOOK_COMMIT;
    assert_refused(&plan, "users can't be let in by parts");
    plan.kind = STRATEGY_KIND_RAMPED;
    plan.surge.value = 1;
    plan.step_count = 0;
    assert_refused(&plan, "users can't be let in by parts");
}

static void test_plan_idle_instances_would_count_above_the_limit(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_RAMPED, 2);

    (void)state;
    plan.idle_replicas = 1;
    assert_refused(&plan, "green still runs idle instances");
}

static const char *describe(struct strategy_plan *plan)
{
    size_t length;

    assert_taken(plan);
    length = strategy_plan_describe(plan, text, sizeof(text));
    assert_int_equal(length, strlen(text));
    return text;
}

static void assert_says(const char *what)
{
    if (strstr(text, what) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", text, what);
}

static void test_plan_describe_tells_each_step_and_the_data(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_CANARY, 4);
    struct strategy_step step = {
        .kind = STRATEGY_STEP_SHARE,
        .ppm = 1000,
        .evidence = {.for_ms = 600000, .requests = 500, .verdict = true, .person = true}};

    (void)state;
    plan.has_disks = true;
    plan.state = STRATEGY_STATE_INDEPENDENT;
    plan.last_served = "2026-11-03";
    assert_int_equal(strategy_plan_add(&plan, &step), 0);
    describe(&plan);
    assert_says("canary: build 1 to build 2, from blue to green\n");
    assert_says("  1. green gets build 2: 4 instances, ready and up at every proxy; no user is "
                "there\n");
    assert_says("  2. 0.1 % of the users to green; on after 10m, 500 requests, a verdict of better "
                "or same, somebody's promote\n");
    assert_says("  3. green is stable, with all traffic, in one change\n");
    assert_says("  4. blue is drained and stopped (open requests and bound users get 10s)\n");
    assert_says("back: everybody to blue in one change, as long as it is not being stopped; by "
                "itself when worse, over a limit, or after 10m without progress\n");
    assert_says("data (state: independent): users who move meet other data: green has its own "
                "disks, last served on 2026-11-03.");
}

static void test_plan_describe_tells_of_gaps_and_limits(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_RECREATE, 1);

    (void)state;
    describe(&plan);
    assert_says("1. blue is cut: 503 and Retry-After from here on");
    assert_says("2. all stop (1 instance)");
    assert_says("each instance keeps its disk");
    plan = make(STRATEGY_KIND_ROLLING, 1);
    describe(&plan);
    assert_says("nobody is served while all are away");
    plan = make(STRATEGY_KIND_RAMPED, 3);
    describe(&plan);
    assert_says("at least 3 ready, at most 4 in all");
    plan = make(STRATEGY_KIND_BLUE_GREEN, 3);
    describe(&plan);
    assert_says("blue is kept: back is one switch; on after 10m");
    assert_null(strstr(text, "mirrored"));
    plan = make(STRATEGY_KIND_BLUE_GREEN, 3);
    plan.has_disks = plan.is_shadowed = plan.accepts_shadow_data = true;
    plan.state = STRATEGY_STATE_INDEPENDENT;
    describe(&plan);
    assert_says("what mirrored requests wrote stays on the disks of green");
}

static void test_plan_describe_never_writes_beyond_its_buffer(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_BLUE_GREEN, 3);
    size_t whole;

    (void)state;
    describe(&plan);
    whole = strlen(text);
    for (size_t size = 0; size < 80; size++) {
        char small[81];

        memset(small, 'x', sizeof(small));
        assert_int_equal(strategy_plan_describe(&plan, small, size), whole);
        for (size_t i = size; i < sizeof(small); i++)
            assert_int_equal(small[i], 'x');
        if (size > 0) {
            assert_int_equal(strlen(small), size - 1);
            assert_memory_equal(small, text, size - 1);
        }
    }
}

static void test_plan_words_are_those_of_the_verbs(void **state)
{
    (void)state;
    assert_string_equal(strategy_kind_word(STRATEGY_KIND_BEST_EFFORT), "best-effort");
    assert_string_equal(strategy_kind_word(STRATEGY_KIND_BLUE_GREEN), "blue-green");
    assert_string_equal(strategy_state_word(STRATEGY_STATE_HANDOVER), "handover");
    assert_string_equal(strategy_step_word(STRATEGY_STEP_APPROVE), "approve");
    assert_string_equal(strategy_cause_word(STRATEGY_CAUSE_WORSE), "worse");
    assert_string_equal(strategy_command_word(STRATEGY_DO_SET_BUILD), "set-build");
    assert_string_equal(strategy_hook_word(STRATEGY_HOOK_TEST), "test");
    for (int i = 0; i < STRATEGY_WAIT_COUNT; i++)
        assert_true(strlen(strategy_wait_words(i)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_surge_rounds_up_and_unavailable_down),
        cmocka_unit_test(test_plan_surge_and_unavailable_of_nothing_are_refused),
        cmocka_unit_test(test_plan_numbers_that_a_strategy_does_not_have_are_refused),
        cmocka_unit_test(test_plan_best_effort_takes_a_quarter_and_at_least_one),
        cmocka_unit_test(test_plan_shares_only_grow),
        cmocka_unit_test(test_plan_steps_that_make_no_sense_are_refused),
        cmocka_unit_test(test_plan_takes_so_many_steps_and_no_more),
        cmocka_unit_test(test_plan_disks_without_a_contract_are_refused_with_three_ways_out),
        cmocka_unit_test(test_plan_shadow_data_is_accepted_or_reset),
        cmocka_unit_test(test_plan_handover_moves_all_in_one_go),
        cmocka_unit_test(test_plan_idle_instances_would_count_above_the_limit),
        cmocka_unit_test(test_plan_describe_tells_each_step_and_the_data),
        cmocka_unit_test(test_plan_describe_tells_of_gaps_and_limits),
        cmocka_unit_test(test_plan_describe_never_writes_beyond_its_buffer),
        cmocka_unit_test(test_plan_words_are_those_of_the_verbs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

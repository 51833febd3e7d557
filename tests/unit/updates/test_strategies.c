/* What each strategy does when all goes well, and what it does when somebody aborts half way: the
 * commands one after the other, on a platform in good order. */
#include "tests/unit/updates/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char trace[4096];

static void tell(const struct strategy_command *command)
{
    size_t length = strlen(trace);
    const char *part = command->part == STRATEGY_FROM ? "from" : "to";
    char detail[32] = "";

    switch (command->kind) {
    case STRATEGY_DO_SET_BUILD:
        snprintf(detail, sizeof(detail), " %s",
                 command->build == STRATEGY_BUILD_TARGET ? "target" : "starting");
        break;
    case STRATEGY_DO_SCALE:
        snprintf(detail, sizeof(detail), " %u", command->count);
        break;
    case STRATEGY_DO_SHARE:
    case STRATEGY_DO_MIRROR:
        snprintf(detail, sizeof(detail), " %u", command->ppm);
        break;
    case STRATEGY_DO_HOOK:
        snprintf(detail, sizeof(detail), " %s", strategy_hook_word(command->hook));
        break;
    default:
        if (command->index != STRATEGY_WHOLE_VERSION)
            snprintf(detail, sizeof(detail), "-%u", command->index);
        break;
    }
    snprintf(trace + length, sizeof(trace) - length, "%s %s%s; ",
             strategy_command_word(command->kind), part, detail);
}

static struct strategy_plan make(enum strategy_kind kind, uint32_t replicas)
{
    struct strategy_plan plan;

    strategy_plan_init(&plan, kind);
    plan.replicas = replicas;
    plan.state = STRATEGY_STATE_DISPOSABLE;
    return plan;
}

static void add(struct strategy_plan *plan, enum strategy_step_kind kind, uint32_t percent)
{
    struct strategy_step step = {.kind = kind, .ppm = percent * 10000};

    assert_int_equal(strategy_plan_add(plan, &step), 0);
}

/* Runs to the end; `promotes`: a person promotes whatever is asked; an abort comes with the
 * abort_at-th command. Only what comes after it is told. */
static enum strategy_course run(struct strategy_plan *plan, bool promotes, uint32_t abort_at)
{
    static const struct world_rules rules = {.disturbances = WORLD_ENDLESS};
    struct strategy_action action;
    struct world_event event;
    struct world world;
    struct world before;
    char problem[STRATEGY_PROBLEM_LEN] = "";
    uint32_t commands = 0;

    if (strategy_plan_complete(plan, problem) != 0)
        fail_msg("%s", problem);
    world_init(&world, plan, &rules);
    trace[0] = '\0';
    for (int i = 0; i < 2000; i++) {
        before = world;
        assert_null(walk_ask(&world, plan, &action));
        assert_null(walk_obey(&world, plan, &action));
        for (uint32_t j = 0; j < action.count; j++)
            tell(&action.commands[j]);
        commands += action.count;
        if (abort_at > 0 && commands >= abort_at && !world.abort) {
            world.abort = 1;
            trace[0] = '\0';
        } else if (memcmp(&before, &world, sizeof(world)) != 0) {
            continue;
        } else if (action.is_for_person && promotes) {
            world.promoted = (uint8_t)(world.step + 1);
            world.has_promoted = 1;
        } else if (!world_find_fair(&world, plan, false, &event) || action.is_for_person) {
            break;
        } else {
            world_happen(&world, plan, &event);
        }
    }
    return world.course;
}

static void test_updates_rolling_replaces_from_the_highest(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_ROLLING, 2);

    (void)state;
    assert_int_equal(run(&plan, false, 0), STRATEGY_DONE);
    assert_string_equal(trace, "set-build from target; drain from-1; replace from-1; "
                               "undrain from-1; drain from-0; replace from-0; undrain from-0; ");
}

static void test_updates_rolling_goes_back_one_by_one(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_ROLLING, 2);

    (void)state;
    assert_int_equal(run(&plan, false, 4), STRATEGY_RETURNED);
    assert_string_equal(trace, "drain from-1; set-build from starting; replace from-1; "
                               "undrain from-1; ");
}

static void test_updates_rolling_with_a_surge_goes_across(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_ROLLING, 2);

    (void)state;
    plan.surge.value = 1;
    plan.unavailable.value = 0;
    assert_int_equal(run(&plan, false, 0), STRATEGY_DONE);
    assert_true(plan.is_across);
}

static void test_updates_ramped_starts_before_it_stops(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_RAMPED, 2);

    (void)state;
    assert_int_equal(run(&plan, false, 0), STRATEGY_DONE);
    assert_string_equal(trace, "set-build to target; scale to 1; share to 500000; drain from-1; "
                               "scale from 1; scale to 2; share to 1000000; stable to; drain from; "
                               "scale from 0; undrain from; undrain from-1; ");
}

static void test_updates_ramped_goes_back_the_same_way(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_RAMPED, 2);

    (void)state;
    assert_int_equal(run(&plan, false, 6), STRATEGY_RETURNED);
    assert_string_equal(trace, "drain to; drain to-1; scale to 1; scale from 2; undrain from-1; "
                               "stable from; scale to 0; set-build to starting; undrain to; "
                               "undrain to-1; ");
}

static void test_updates_best_effort_replaces_as_many_as_may_be_missing(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_BEST_EFFORT, 4);

    (void)state;
    plan.unavailable = (struct strategy_amount){.value = 50, .is_percent = true};
    assert_int_equal(run(&plan, false, 0), STRATEGY_DONE);
    assert_memory_equal(trace, "set-build from target; drain from-3; drain from-2; ", 51);
}

static void test_updates_recreate_never_has_two_builds(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_RECREATE, 3);

    (void)state;
    assert_int_equal(run(&plan, false, 0), STRATEGY_DONE);
    assert_string_equal(trace, "cut from; scale from 0; set-build from target; scale from 3; "
                               "undrain from; ");
    plan = make(STRATEGY_KIND_RECREATE, 3);
    assert_int_equal(run(&plan, false, 4), STRATEGY_RETURNED);
    assert_string_equal(trace, "scale from 0; set-build from starting; scale from 3; "
                               "undrain from; ");
}

static void test_updates_blue_green_switches_once(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_BLUE_GREEN, 3);

    (void)state;
    add(&plan, STRATEGY_STEP_MATCH, 0);
    add(&plan, STRATEGY_STEP_TEST, 0);
    add(&plan, STRATEGY_STEP_APPROVE, 0);
    assert_int_equal(run(&plan, true, 0), STRATEGY_DONE);
    assert_string_equal(trace, "set-build to target; scale to 3; match to; hook to test; "
                               "stable to; drain from; scale from 0; undrain from; ");
    plan = make(STRATEGY_KIND_BLUE_GREEN, 3);
    assert_int_equal(run(&plan, true, 3), STRATEGY_RETURNED);
    assert_string_equal(trace, "stable from; drain to; scale to 0; set-build to starting; "
                               "undrain to; ");
}

static void test_updates_blue_green_hands_data_over_while_nobody_is_served(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_BLUE_GREEN, 1);

    (void)state;
    plan.state = STRATEGY_STATE_HANDOVER;
    plan.has_disks = true;
    plan.hooks = 1u << STRATEGY_HOOK_PREPARE | 1u << STRATEGY_HOOK_COMMIT;
    plan.keep_ms = 0;
    assert_int_equal(run(&plan, true, 0), STRATEGY_DONE);
    assert_string_equal(trace, "set-build to target; scale to 1; hook to prepare; cut from; "
                               "hook to commit; stable to; scale from 0; undrain from; ");
}

static void test_updates_canary_has_a_verdict_at_each_share(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_CANARY, 2);

    (void)state;
    assert_int_equal(run(&plan, false, 0), STRATEGY_DONE);
    assert_string_equal(trace, "set-build to target; scale to 2; share to 10000; share to 100000; "
                               "share to 500000; share to 1000000; stable to; drain from; "
                               "scale from 0; undrain from; ");
    plan = make(STRATEGY_KIND_CANARY, 2);
    assert_int_equal(run(&plan, false, 4), STRATEGY_RETURNED);
    assert_string_equal(trace, "stable from; drain to; scale to 0; set-build to starting; "
                               "undrain to; ");
}

static void test_updates_ab_waits_for_a_person(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_AB, 1);

    (void)state;
    add(&plan, STRATEGY_STEP_MATCH, 0);
    assert_int_equal(run(&plan, false, 0), STRATEGY_FORWARD);
    assert_string_equal(trace, "set-build to target; scale to 1; match to; ");
    plan = make(STRATEGY_KIND_AB, 1);
    add(&plan, STRATEGY_STEP_MATCH, 0);
    assert_int_equal(run(&plan, true, 0), STRATEGY_DONE);
}

static void test_updates_shadow_shows_no_user_the_build_before_a_person_promotes(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_SHADOW, 1);

    (void)state;
    add(&plan, STRATEGY_STEP_MIRROR, 25);
    assert_int_equal(run(&plan, false, 0), STRATEGY_FORWARD);
    assert_string_equal(trace, "set-build to target; scale to 1; mirror to 250000; ");
    plan = make(STRATEGY_KIND_SHADOW, 1);
    plan.has_disks = plan.resets_disks = true;
    plan.state = STRATEGY_STATE_INDEPENDENT;
    add(&plan, STRATEGY_STEP_MIRROR, 25);
    assert_int_equal(run(&plan, true, 0), STRATEGY_DONE);
    assert_string_equal(trace, "reset-disks to; set-build to target; scale to 1; mirror to 250000; "
                               "mirror to 0; scale to 0; reset-disks to; scale to 1; stable to; "
                               "drain from; scale from 0; undrain from; ");
}

static void test_updates_own_lists_are_carried_out_in_order(void **state)
{
    struct strategy_plan plan = make(STRATEGY_KIND_STEPS, 1);
    struct strategy_step keep = {.kind = STRATEGY_STEP_KEEP, .evidence = {.for_ms = 1000}};

    (void)state;
    add(&plan, STRATEGY_STEP_MIRROR, 25);
    add(&plan, STRATEGY_STEP_SHARE, 5);
    add(&plan, STRATEGY_STEP_PAUSE, 0);
    assert_int_equal(strategy_plan_add(&plan, &keep), 0);
    assert_int_equal(run(&plan, true, 0), STRATEGY_DONE);
    assert_string_equal(trace, "set-build to target; scale to 1; mirror to 250000; mirror to 0; "
                               "share to 50000; stable to; drain from; scale from 0; "
                               "undrain from; ");
    assert_int_equal(plan.steps[plan.step_count - 2].kind, STRATEGY_STEP_KEEP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_updates_rolling_replaces_from_the_highest),
        cmocka_unit_test(test_updates_rolling_goes_back_one_by_one),
        cmocka_unit_test(test_updates_rolling_with_a_surge_goes_across),
        cmocka_unit_test(test_updates_ramped_starts_before_it_stops),
        cmocka_unit_test(test_updates_ramped_goes_back_the_same_way),
        cmocka_unit_test(test_updates_best_effort_replaces_as_many_as_may_be_missing),
        cmocka_unit_test(test_updates_recreate_never_has_two_builds),
        cmocka_unit_test(test_updates_blue_green_switches_once),
        cmocka_unit_test(test_updates_blue_green_hands_data_over_while_nobody_is_served),
        cmocka_unit_test(test_updates_canary_has_a_verdict_at_each_share),
        cmocka_unit_test(test_updates_ab_waits_for_a_person),
        cmocka_unit_test(test_updates_shadow_shows_no_user_the_build_before_a_person_promotes),
        cmocka_unit_test(test_updates_own_lists_are_carried_out_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

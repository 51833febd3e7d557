/*
 * Random runs with up to 50 replicas: the promises of the walk where it can't go. Every run has a
 * random plan and random events, more or less hostile; the planner must keep its promises, and
 * once the platform is left in order it must end, or wait for a person.
 * As a ctest a few thousand runs. test_updates_random RUNS [SEED]: so many.
 */
#include "tests/unit/updates/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "strategies/traffic/mix.h"

struct run {
    uint64_t random;
    struct strategy_plan plan;
    struct world world;
    struct world_rules rules;
    uint64_t moves;
};

struct ends {
    uint64_t done, returned, held, moves;
};

static uint32_t draw(struct run *run, uint32_t below)
{
    run->random = strategy_mix64(run->random + 0x9e3779b97f4a7c15u);
    return (uint32_t)((run->random >> 32) * below >> 32);
}

static void add_steps(struct run *run, enum strategy_step_kind kind)
{
    uint32_t percent = 0;
    uint32_t count = 1 + draw(run, 4);

    for (uint32_t i = 0; i < count && percent < 100; i++) {
        struct strategy_step step = {.kind = kind,
                                     .ppm = (percent += 1 + draw(run, 100 - percent)) * 10000};

        step.evidence.for_ms = draw(run, 2) * 300000;
        step.evidence.requests = draw(run, 2) * 100;
        step.evidence.verdict = draw(run, 2) == 1;
        step.evidence.person = draw(run, 4) == 0;
        (void)strategy_plan_add(&run->plan, &step);
    }
}

static bool make_plan(struct run *run)
{
    static const enum strategy_step_kind own[] = {[STRATEGY_KIND_CANARY] = STRATEGY_STEP_SHARE,
                                                  [STRATEGY_KIND_AB] = STRATEGY_STEP_MATCH,
                                                  [STRATEGY_KIND_SHADOW] = STRATEGY_STEP_MIRROR,
                                                  [STRATEGY_KIND_STEPS] = STRATEGY_STEP_SHARE};
    enum strategy_kind kind = draw(run, STRATEGY_KIND_COUNT);
    struct strategy_plan *plan = &run->plan;
    char problem[STRATEGY_PROBLEM_LEN];

    strategy_plan_init(plan, kind);
    /* small ones are most of what there is */
    plan->replicas = 1 + draw(run, 1 + draw(run, WORLD_REPLICAS));
    plan->state = STRATEGY_STATE_DISPOSABLE;
    plan->min_ready_ms = draw(run, 2) * 5000;
    if (kind == STRATEGY_KIND_ROLLING || kind == STRATEGY_KIND_RAMPED)
        plan->surge = (struct strategy_amount){.value = draw(run, 101), .is_percent = true};
    if (kind == STRATEGY_KIND_ROLLING || kind == STRATEGY_KIND_BEST_EFFORT)
        plan->unavailable = (struct strategy_amount){.value = draw(run, 101), .is_percent = true};
    if (kind == STRATEGY_KIND_BEST_EFFORT)
        plan->is_across = draw(run, 3) == 0;
    if (plan->is_across && draw(run, 3) == 0 && kind >= STRATEGY_KIND_BLUE_GREEN)
        plan->idle_replicas = draw(run, plan->replicas + 1);
    if (draw(run, 3) == 0)
        plan->decide_within_ms = 3000000;
    plan->on_undecided = draw(run, 2);
    if (kind >= STRATEGY_KIND_CANARY)
        add_steps(run, own[kind]);
    return strategy_plan_complete(plan, problem) == 0;
}

/* Most events are the platform's; people and faults are as frequent as this run is hostile. */
static bool happen(struct run *run, uint32_t hostility)
{
    struct world_event events[WORLD_EVENTS_MAX];
    struct world_event event;
    uint32_t count = world_events(&run->world, &run->plan, &run->rules, events);

    for (int i = 0; i < 8; i++) {
        event = events[draw(run, count)];
        if (event.kind < WORLD_EVENT_EXPIRE || draw(run, 1000) < hostility)
            break;
    }
    if (event.kind >= WORLD_EVENT_EXPIRE && draw(run, 1000) >= hostility &&
        !world_find_fair(&run->world, &run->plan, false, &event))
        return false;
    world_happen(&run->world, &run->plan, &event);
    return true;
}

/* The engine, which may be killed after any of its commands. */
static const char *ask(struct run *run, bool is_killed, bool *ret_held)
{
    struct strategy_action action;
    const char *broken = walk_ask(&run->world, &run->plan, &action);

    if (broken != NULL)
        return broken;
    *ret_held = action.is_for_person;
    if (is_killed && action.count > 0)
        action.count = draw(run, action.count);
    return walk_obey(&run->world, &run->plan, &action);
}

static bool is_ended(const struct world *world)
{
    return world->course == STRATEGY_DONE || world->course == STRATEGY_RETURNED;
}

/* Whatever it waits for, somebody says it. */
static void say(struct world *world)
{
    world->pause = 0;
    if (world->owner == STRATEGY_OWNER_OTHER)
        world->owner = STRATEGY_OWNER_OURS;
    if (world->course == STRATEGY_FORWARD)
        world->promoted = world->step + 1 <= UINT8_MAX ? (uint8_t)(world->step + 1) : UINT8_MAX;
    world->has_promoted = 1;
}

/* Everything is in order from here on: to an end, in a number of moves that N allows. In every
 * other run people answer, and it must have ended; else it may wait for them. */
static const char *finish(struct run *run, bool *ret_held)
{
    bool has_people = draw(run, 2) == 1;
    struct world_event event;
    struct world before;
    const char *broken;

    for (uint32_t i = 0; i < 2000 + 400 * run->plan.replicas; i++) {
        if (is_ended(&run->world))
            return NULL;
        before = run->world;
        broken = ask(run, false, ret_held);
        run->moves++;
        if (broken != NULL)
            return broken;
        if (memcmp(&before, &run->world, sizeof(before)) != 0)
            continue;
        if (world_find_fair(&run->world, &run->plan, false, &event))
            world_happen(&run->world, &run->plan, &event);
        else if (!*ret_held)
            return "waits for what will never come";
        else if (has_people)
            say(&run->world);
        else
            return NULL;
    }
    return "goes round in circles";
}

static const char *run_once(struct run *run, struct ends *ends)
{
    uint32_t hostility = (const uint32_t[]){0, 5, 50, 300}[draw(run, 4)];
    uint32_t length = draw(run, 60 + 40 * run->plan.replicas);
    const char *broken = NULL;
    bool is_held = false;

    run->rules = (struct world_rules){.fallen_max = draw(run, 4),
                                      .disturbances = WORLD_ENDLESS,
                                      .has_person_share = draw(run, 2) == 1,
                                      .has_unseen = true,
                                      .has_blips = true};
    world_init(&run->world, &run->plan, &run->rules);
    for (uint32_t i = 0; i < length && !is_ended(&run->world) && broken == NULL; i++) {
        run->moves++;
        if (draw(run, 3) == 0)
            broken = ask(run, draw(run, 4) == 0, &is_held);
        else if (happen(run, hostility))
            broken = promise_of_world(&run->world, &run->plan);
    }
    if (broken == NULL)
        broken = finish(run, &is_held);
    ends->done += run->world.course == STRATEGY_DONE;
    ends->returned += run->world.course == STRATEGY_RETURNED;
    ends->held += !is_ended(&run->world);
    ends->moves += run->moves;
    return broken;
}

static bool run_all(uint64_t runs, uint64_t seed)
{
    static struct run run;
    struct ends ends = {0};
    uint64_t refused = 0;

    for (uint64_t i = 0; i < runs; i++) {
        const char *broken;

        memset(&run, 0, sizeof(run));
        run.random = strategy_mix64(seed) + strategy_mix64(i);
        while (!make_plan(&run))
            refused++;
        broken = run_once(&run, &ends);
        if (broken != NULL) {
            printf("run %llu of seed %llu: %s N=%u surge %u unavailable %u: %s\n  ",
                   (unsigned long long)i, (unsigned long long)seed,
                   strategy_kind_word(run.plan.kind), run.plan.replicas, run.plan.surge_count,
                   run.plan.unavailable_count, broken);
            world_print(&run.world, &run.plan);
            return false;
        }
    }
    printf("random: %llu runs, N up to %d, %llu moves; %llu done, %llu back, %llu held; %llu plans "
           "refused\n",
           (unsigned long long)runs, WORLD_REPLICAS, (unsigned long long)ends.moves,
           (unsigned long long)ends.done, (unsigned long long)ends.returned,
           (unsigned long long)ends.held, (unsigned long long)refused);
    return ends.done > 0 && ends.returned > 0;
}

static void test_updates_keep_their_promises_in_random_runs(void **state)
{
    (void)state;
    assert_true(run_all(getenv("TURNOUT_LONG") != NULL ? 1000000 : 2000, 20260907));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_updates_keep_their_promises_in_random_runs),
    };

    if (argc > 1)
        return run_all(strtoull(argv[1], NULL, 10), argc > 2 ? strtoull(argv[2], NULL, 10) : 1) ? 0
                                                                                                : 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

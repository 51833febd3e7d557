#include "tests/unit/updates/walk.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct list {
    struct walk_case *cases;
    uint32_t count, max, replicas;
    uint8_t disturbances;
};

static struct strategy_plan *add(struct list *list, enum strategy_kind kind, const char *what)
{
    struct walk_case *walk = &list->cases[list->count];

    assert(list->count < list->max);
    list->count++;
    memset(walk, 0, sizeof(*walk));
    snprintf(walk->name, sizeof(walk->name), "%s N=%u%s%s", strategy_kind_word(kind),
             list->replicas, *what ? " " : "", what);
    strategy_plan_init(&walk->plan, kind);
    walk->plan.replicas = list->replicas;
    walk->plan.state = STRATEGY_STATE_DISPOSABLE;
    walk->plan.keep_ms = kind == STRATEGY_KIND_BLUE_GREEN ? 300000 : 0;
    walk->rules.disturbances = list->disturbances;
    walk->rules.has_person_share = true;
    walk->rules.fallen_max = list->replicas <= 3 ? 2 : 1;
    walk->rules.has_unseen = list->replicas <= 3;
    walk->rules.has_blips = list->replicas <= 2;
    walk->has_stale = list->replicas <= 2;
    return &walk->plan;
}

static void step(struct strategy_plan *plan, enum strategy_step_kind kind, uint32_t percent,
                 struct strategy_evidence evidence)
{
    struct strategy_step given = {.kind = kind, .ppm = percent * 10000, .evidence = evidence};
    int error = strategy_plan_add(plan, &given);

    assert(error == 0);
    (void)error;
}

static void finish(struct list *list)
{
    char problem[STRATEGY_PROBLEM_LEN];

    if (strategy_plan_complete(&list->cases[list->count - 1].plan, problem) != 0) {
        fprintf(stderr, "%s: %s\n", list->cases[list->count - 1].name, problem);
        assert(false);
    }
}

static void add_moving(struct list *list, enum strategy_kind kind, uint32_t surge,
                       uint32_t unavailable)
{
    char what[64];
    struct strategy_plan *plan;

    snprintf(what, sizeof(what), "surge %u unavailable %u", surge, unavailable);
    plan = add(list, kind, what);
    plan->surge = (struct strategy_amount){.value = surge};
    plan->unavailable = (struct strategy_amount){.value = unavailable};
    if (surge == 0 && kind == STRATEGY_KIND_BEST_EFFORT)
        plan->is_across = true;
    finish(list);
}

static void add_in_place(struct list *list)
{
    uint32_t n = list->replicas;
    struct strategy_plan *plan;

    add_moving(list, STRATEGY_KIND_ROLLING, 0, 1);
    if (n > 1)
        add_moving(list, STRATEGY_KIND_ROLLING, 0, 2);
    if (n <= 2) {
        plan = add(list, STRATEGY_KIND_ROLLING, "hooks");
        plan->hooks = 1u << STRATEGY_HOOK_BEFORE | 1u << STRATEGY_HOOK_INSTANCE;
        finish(list);
    }
    if (n > 2) {
        plan = add(list, STRATEGY_KIND_BEST_EFFORT, "");
        plan->unavailable = (struct strategy_amount){.value = n - 1};
        finish(list);
    }
    add(list, STRATEGY_KIND_RECREATE, "");
    finish(list);
}

static void add_ramps(struct list *list)
{
    uint32_t n = list->replicas;

    add_moving(list, STRATEGY_KIND_RAMPED, 1, 0);
    if (n > 1)
        add_moving(list, STRATEGY_KIND_RAMPED, 2, 0);
    add_moving(list, STRATEGY_KIND_ROLLING, 1, 1);
    add_moving(list, STRATEGY_KIND_BEST_EFFORT, 0, 1);
}

static void add_blue_green(struct list *list)
{
    uint32_t n = list->replicas;
    struct strategy_plan *plan = add(list, STRATEGY_KIND_BLUE_GREEN, "");

    finish(list);
    plan = add(list, STRATEGY_KIND_BLUE_GREEN, "preview, test, approve");
    step(plan, STRATEGY_STEP_MATCH, 0, (struct strategy_evidence){0});
    step(plan, STRATEGY_STEP_TEST, 0, (struct strategy_evidence){0});
    step(plan, STRATEGY_STEP_APPROVE, 0, (struct strategy_evidence){0});
    plan->keep_ms = 0;
    if (n <= 2) {
        plan->hooks = 1u << STRATEGY_HOOK_CONFIRM;
        plan->idle_replicas = 1;
    }
    finish(list);
    plan = add(list, STRATEGY_KIND_BLUE_GREEN, "handover, new disks");
    plan->state = STRATEGY_STATE_HANDOVER;
    plan->has_disks = plan->resets_disks = true;
    plan->hooks = 1u << STRATEGY_HOOK_PREPARE | 1u << STRATEGY_HOOK_COMMIT;
    plan->keep_ms = 0;
    finish(list);
}

static void add_trials(struct list *list)
{
    uint32_t n = list->replicas;
    struct strategy_plan *plan = add(list, STRATEGY_KIND_CANARY, "");

    plan->decide_within_ms = 3000000;
    step(plan, STRATEGY_STEP_SHARE, 5,
         (struct strategy_evidence){.for_ms = 300000, .requests = 200, .verdict = true});
    step(plan, STRATEGY_STEP_SHARE, 100, (struct strategy_evidence){0});
    plan->on_undecided = STRATEGY_UNDECIDED_ABORT;
    finish(list);
    plan = add(list, STRATEGY_KIND_AB, "");
    step(plan, STRATEGY_STEP_MATCH, 0, (struct strategy_evidence){.goal = true});
    plan->decide_within_ms = 3000000;
    finish(list);
    plan = add(list, STRATEGY_KIND_SHADOW, "");
    plan->state = STRATEGY_STATE_INDEPENDENT;
    plan->has_disks = plan->resets_disks = n <= 3;
    step(plan, STRATEGY_STEP_MIRROR, 25, (struct strategy_evidence){.requests = 1000});
    finish(list);
    if (n > 2)
        return;
    plan = add(list, STRATEGY_KIND_STEPS, "");
    step(plan, STRATEGY_STEP_MIRROR, 25, (struct strategy_evidence){.requests = 1000});
    step(plan, STRATEGY_STEP_PAUSE, 0, (struct strategy_evidence){0});
    step(plan, STRATEGY_STEP_SHARE, 5, (struct strategy_evidence){.for_ms = 300000});
    step(plan, STRATEGY_STEP_APPROVE, 0, (struct strategy_evidence){0});
    step(plan, STRATEGY_STEP_KEEP, 0, (struct strategy_evidence){.for_ms = 300000});
    plan->hooks = n == 1 ? 1u << STRATEGY_HOOK_STEP : 0;
    finish(list);
}

uint32_t walk_cases(uint32_t replicas, uint8_t disturbances, struct walk_case *ret_cases,
                    uint32_t max)
{
    struct list list = {
        .cases = ret_cases, .max = max, .replicas = replicas, .disturbances = disturbances};

    add_in_place(&list);
    add_ramps(&list);
    add_blue_green(&list);
    add_trials(&list);
    return list.count;
}

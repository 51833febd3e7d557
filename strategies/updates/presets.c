#include "strategies/updates/kinds.h"

#include <assert.h>

const struct strategy_kind_ops *strategy_kind_of(const struct strategy_plan *plan)
{
    static const struct strategy_kind_ops *const kinds[] = {
        [STRATEGY_KIND_ROLLING] = &strategy_rolling,
        [STRATEGY_KIND_RAMPED] = &strategy_ramped,
        [STRATEGY_KIND_BEST_EFFORT] = &strategy_best_effort,
        [STRATEGY_KIND_RECREATE] = &strategy_recreate,
        [STRATEGY_KIND_BLUE_GREEN] = &strategy_blue_green,
        [STRATEGY_KIND_CANARY] = &strategy_canary,
        [STRATEGY_KIND_AB] = &strategy_ab,
        [STRATEGY_KIND_SHADOW] = &strategy_shadow,
        [STRATEGY_KIND_STEPS] = &strategy_own_list,
    };

    assert((unsigned)plan->kind < STRATEGY_KIND_COUNT);
    return kinds[plan->kind];
}

struct strategy_step *strategy_put(struct strategy_plan *plan, enum strategy_step_kind kind)
{
    struct strategy_step *step = &plan->steps[plan->step_count];

    assert(plan->step_count < STRATEGY_STEPS_MAX);
    plan->step_count++;
    *step = (struct strategy_step){.kind = kind};
    return step;
}

static bool shows_users(const struct strategy_step *step)
{
    return step->kind == STRATEGY_STEP_SHARE || step->kind == STRATEGY_STEP_MATCH;
}

void strategy_put_first(struct strategy_plan *plan, const struct strategy_own_steps *own)
{
    bool is_shadowed = false;

    strategy_put(plan, STRATEGY_STEP_START);
    for (uint32_t i = 0; i < own->count; i++) {
        const struct strategy_step *step = &own->steps[i];

        if (step->kind == STRATEGY_STEP_KEEP) {
            plan->keep_ms = step->evidence.for_ms;
            continue;
        }
        if (plan->resets_disks && is_shadowed && shows_users(step)) {
            strategy_put(plan, STRATEGY_STEP_RESTART);
            is_shadowed = false;
        }
        is_shadowed |= step->kind == STRATEGY_STEP_MIRROR && step->ppm > 0;
        *strategy_put(plan, step->kind) = *step;
    }
    if (plan->resets_disks && is_shadowed)
        strategy_put(plan, STRATEGY_STEP_RESTART);
}

void strategy_put_last(struct strategy_plan *plan)
{
    if (plan->state == STRATEGY_STATE_HANDOVER)
        strategy_put(plan, STRATEGY_STEP_HANDOVER);
    strategy_put(plan, STRATEGY_STEP_SWITCH);
    if (plan->keep_ms > 0)
        strategy_put(plan, STRATEGY_STEP_KEEP)->evidence.for_ms = plan->keep_ms;
    strategy_put(plan, STRATEGY_STEP_STOP);
}

bool strategy_put_ramp(struct strategy_plan *plan, struct strategy_text *problem)
{
    if (plan->idle_replicas > 0) {
        strategy_say(problem, plan->to);
        return strategy_refuse(problem, " still runs idle instances, which would count above the "
                                        "limit: stop them first, or use blue-green");
    }
    strategy_put(plan, STRATEGY_STEP_RAMP);
    strategy_put(plan, STRATEGY_STEP_SWITCH);
    strategy_put(plan, STRATEGY_STEP_STOP);
    return true;
}

bool strategy_has_own(const struct strategy_own_steps *own, enum strategy_step_kind kind)
{
    for (uint32_t i = 0; i < own->count; i++)
        if (own->steps[i].kind == kind)
            return true;
    return false;
}

bool strategy_refuse(struct strategy_text *problem, const char *sentence)
{
    strategy_say(problem, sentence);
    return false;
}

bool strategy_has_ramp(const struct strategy_plan *plan)
{
    for (uint32_t i = 0; i < plan->step_count; i++)
        if (plan->steps[i].kind == STRATEGY_STEP_RAMP)
            return true;
    return false;
}

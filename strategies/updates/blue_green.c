#include "strategies/updates/kinds.h"

static void init(struct strategy_plan *plan)
{
    plan->is_across = true;
    plan->keep_ms = 600000;
}

static bool complete(struct strategy_plan *plan, const struct strategy_own_steps *own,
                     struct strategy_text *problem)
{
    (void)problem;
    strategy_put_first(plan, own);
    strategy_put_last(plan);
    return true;
}

const struct strategy_kind_ops strategy_blue_green = {
    .init = init,
    .complete = complete,
    .own_steps = 1u << STRATEGY_STEP_MATCH | 1u << STRATEGY_STEP_MIRROR | 1u << STRATEGY_STEP_TEST |
                 1u << STRATEGY_STEP_APPROVE | 1u << STRATEGY_STEP_PAUSE | 1u << STRATEGY_STEP_KEEP,
    .what = "the idle version gets the build, then one switch: no request is split",
};

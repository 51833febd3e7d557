#include "strategies/updates/kinds.h"

static void init(struct strategy_plan *plan)
{
    plan->is_across = true;
}

static bool complete(struct strategy_plan *plan, const struct strategy_own_steps *own,
                     struct strategy_text *problem)
{
    if (own->count == 0)
        return strategy_refuse(problem, "the plan has no steps: say at least one, as in "
                                        "- {share: 5%, for: 10m}");
    strategy_put_first(plan, own);
    strategy_put_last(plan);
    return true;
}

const struct strategy_kind_ops strategy_own_list = {
    .init = init,
    .complete = complete,
    .own_steps = 1u << STRATEGY_STEP_SHARE | 1u << STRATEGY_STEP_MATCH |
                 1u << STRATEGY_STEP_MIRROR | 1u << STRATEGY_STEP_TEST |
                 1u << STRATEGY_STEP_APPROVE | 1u << STRATEGY_STEP_PAUSE | 1u << STRATEGY_STEP_KEEP,
    .what = "a list of steps of one's own",
};

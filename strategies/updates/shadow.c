#include "strategies/updates/kinds.h"

static void init(struct strategy_plan *plan)
{
    plan->is_across = true;
}

static bool complete(struct strategy_plan *plan, const struct strategy_own_steps *own,
                     struct strategy_text *problem)
{
    struct strategy_step *step = NULL;

    if (!strategy_has_own(own, STRATEGY_STEP_MIRROR))
        return strategy_refuse(problem, "shadow needs a share of requests to mirror: say "
                                        "--percent 25");
    strategy_put_first(plan, own);
    /* The last of what is asked before anybody sees the new build is a person. */
    for (uint32_t i = 0; i < plan->step_count; i++)
        if (plan->steps[i].kind != STRATEGY_STEP_RESTART)
            step = &plan->steps[i];
    step->evidence.person = true;
    strategy_put_last(plan);
    return true;
}

const struct strategy_kind_ops strategy_shadow = {
    .init = init,
    .complete = complete,
    .own_steps = 1u << STRATEGY_STEP_MIRROR | 1u << STRATEGY_STEP_TEST |
                 1u << STRATEGY_STEP_APPROVE | 1u << STRATEGY_STEP_PAUSE | 1u << STRATEGY_STEP_KEEP,
    .what = "a mirrored share and its comparison; no user sees the new build until a person "
            "promotes",
};

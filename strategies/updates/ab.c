#include "strategies/updates/kinds.h"

static void init(struct strategy_plan *plan)
{
    plan->is_across = true;
}

static bool complete(struct strategy_plan *plan, const struct strategy_own_steps *own,
                     struct strategy_text *problem)
{
    struct strategy_step *last;

    if (!strategy_has_own(own, STRATEGY_STEP_MATCH) && !strategy_has_own(own, STRATEGY_STEP_SHARE))
        return strategy_refuse(problem, "ab needs to know who sees the new build: say --header, "
                                        "--cookie, or --by and --split");
    strategy_put_first(plan, own);
    /* Whatever the figures say, a person decides what comes of a trial. */
    last = &plan->steps[plan->step_count - 1];
    last->evidence.person = true;
    strategy_put_last(plan);
    return true;
}

const struct strategy_kind_ops strategy_ab = {
    .init = init,
    .complete = complete,
    .own_steps = 1u << STRATEGY_STEP_SHARE | 1u << STRATEGY_STEP_MATCH | 1u << STRATEGY_STEP_TEST |
                 1u << STRATEGY_STEP_APPROVE | 1u << STRATEGY_STEP_PAUSE | 1u << STRATEGY_STEP_KEEP,
    .what = "those who match or are drawn see the new build, until a person promotes",
};

#include "strategies/updates/kinds.h"

static void init(struct strategy_plan *plan)
{
    plan->unavailable.value = 1;
}

static bool complete(struct strategy_plan *plan, const struct strategy_own_steps *own,
                     struct strategy_text *problem)
{
    (void)own;
    if (plan->surge_count + plan->unavailable_count == 0)
        return strategy_refuse(problem, "surge and unavailable are both 0, so no instance could be "
                                        "replaced: say --max-unavailable 1 or --max-surge 1");
    /* A stateful set has no surge: one more than N can only run in the other version. */
    if (plan->surge_count > 0)
        plan->is_across = true;
    return !plan->is_across || strategy_put_ramp(plan, problem);
}

const struct strategy_kind_ops strategy_rolling = {
    .init = init,
    .complete = complete,
    .in_place = strategy_in_place,
    .what = "instances are replaced a few at a time",
};

#include "strategies/updates/kinds.h"

static void init(struct strategy_plan *plan)
{
    plan->unavailable = (struct strategy_amount){.value = 25, .is_percent = true};
}

static bool complete(struct strategy_plan *plan, const struct strategy_own_steps *own,
                     struct strategy_text *problem)
{
    (void)own;
    if (plan->surge_count > 0)
        return strategy_refuse(problem, "best-effort never has more than N instances: leave out "
                                        "--max-surge, or use rolling");
    if (plan->unavailable_count == 0 && plan->unavailable.value == 0)
        return strategy_refuse(problem, "best-effort needs at least 1 unavailable, or no instance "
                                        "could be replaced: say --max-unavailable 1");
    /* a percentage of a few instances rounds down to none */
    if (plan->unavailable_count == 0)
        plan->unavailable_count = 1;
    return !plan->is_across || strategy_put_ramp(plan, problem);
}

const struct strategy_kind_ops strategy_best_effort = {
    .init = init,
    .complete = complete,
    .in_place = strategy_in_place,
    .what = "as many at once as may be missing; never more than N instances",
};

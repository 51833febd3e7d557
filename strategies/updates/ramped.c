#include "strategies/updates/kinds.h"

static void init(struct strategy_plan *plan)
{
    plan->surge.value = 1;
    plan->is_across = true;
}

static bool complete(struct strategy_plan *plan, const struct strategy_own_steps *own,
                     struct strategy_text *problem)
{
    (void)own;
    if (plan->unavailable_count > 0)
        return strategy_refuse(problem, "ramped never has fewer than N ready: leave out "
                                        "--max-unavailable, or use rolling");
    if (plan->surge_count == 0)
        return strategy_refuse(problem, "ramped needs a surge of at least 1, or no instance could "
                                        "be replaced: say --max-surge 1");
    return strategy_put_ramp(plan, problem);
}

const struct strategy_kind_ops strategy_ramped = {
    .init = init,
    .complete = complete,
    .what = "a new instance first, then an old one goes: never fewer than N ready",
};

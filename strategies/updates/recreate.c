#include "strategies/updates/kinds.h"

static void init(struct strategy_plan *plan)
{
    plan->unavailable = (struct strategy_amount){.value = 100, .is_percent = true};
}

static bool complete(struct strategy_plan *plan, const struct strategy_own_steps *own,
                     struct strategy_text *problem)
{
    (void)own;
    if (plan->is_across)
        return strategy_refuse(problem, "recreate stops the version that serves and starts it "
                                        "again: across the pair use blue-green");
    if (plan->surge_count > 0 || plan->unavailable_count != plan->replicas)
        return strategy_refuse(problem, "recreate replaces all at once: leave out --max-surge and "
                                        "--max-unavailable, or use rolling");
    return true;
}

const struct strategy_kind_ops strategy_recreate = {
    .init = init,
    .complete = complete,
    .in_place = strategy_recreate_in_place,
    .what = "all stop, then all start with the new build: an announced gap, never two builds",
};

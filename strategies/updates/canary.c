#include "strategies/updates/kinds.h"

static void init(struct strategy_plan *plan)
{
    plan->is_across = true;
}

static bool complete(struct strategy_plan *plan, const struct strategy_own_steps *own,
                     struct strategy_text *problem)
{
    static const uint32_t percents[] = {1, 10, 50, 100};

    (void)problem;
    strategy_put_first(plan, own);
    for (size_t i = 0; i < 4 && !strategy_has_own(own, STRATEGY_STEP_SHARE); i++) {
        struct strategy_step *step = strategy_put(plan, STRATEGY_STEP_SHARE);

        step->ppm = percents[i] * 10000;
        step->evidence.verdict = step->ppm < STRATEGY_ALL_PPM;
    }
    strategy_put_last(plan);
    return true;
}

const struct strategy_kind_ops strategy_canary = {
    .init = init,
    .complete = complete,
    .own_steps = 1u << STRATEGY_STEP_SHARE | 1u << STRATEGY_STEP_MATCH |
                 1u << STRATEGY_STEP_MIRROR | 1u << STRATEGY_STEP_TEST |
                 1u << STRATEGY_STEP_APPROVE | 1u << STRATEGY_STEP_PAUSE | 1u << STRATEGY_STEP_KEEP,
    .what = "a growing share, with a verdict at each step",
};

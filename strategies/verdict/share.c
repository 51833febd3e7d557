#include "strategies/verdict/mixture.h"

/*
 * The interval of one share: all p under which the mixture's likelihood ratio stayed below 1/error.
 * Its logarithm is convex in p with its lowest point at the observed share, so each end is found by
 * halving.
 */
static double end_of(const struct strategy_counts *counts, double mixed, double inside,
                     double outside)
{
    double limit = mixed + log(STRATEGY_VERDICT_ERROR);

    if (strategy_log_likelihood(counts, outside) > limit)
        return outside;
    for (int i = 0; i < 60; i++) {
        double middle = (inside + outside) / 2;

        if (strategy_log_likelihood(counts, middle) > limit)
            inside = middle;
        else
            outside = middle;
    }
    return outside;
}

void strategy_share_interval(const struct strategy_counts *counts,
                             struct strategy_interval *ret_interval)
{
    double share;
    double mixed;

    assert(counts->events <= counts->of);
    if (counts->of == 0) {
        *ret_interval = (struct strategy_interval){0, 0, 1};
        return;
    }
    share = (double)counts->events / (double)counts->of;
    mixed = strategy_log_mixture(counts, NULL);
    *ret_interval = (struct strategy_interval){share, end_of(counts, mixed, share, 0),
                                               end_of(counts, mixed, share, 1)};
}

/*
 * mixture: how likely counts are under one share, and under a mixture of many.
 *
 * Not for other rooms. The ratio of the two is a martingale under the true share, whoever looks
 * (Ville 1939; method of mixtures: Robbins 1970). The mixture is of Betas with means from 0.5 down
 * to two in a million, one quarter each time; with two versions each component gives both the same
 * Beta, because their error shares are mostly of one order, and half of the weight is on a
 * candidate that may be anything. Units: natural logarithms. Pure. Threads: any.
 */
#ifndef STRATEGY_VERDICT_MIXTURE_H
#define STRATEGY_VERDICT_MIXTURE_H

#include "strategies/verdict/verdict.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

static inline double strategy_log_beta(double a, double b)
{
    return lgamma(a) + lgamma(b) - lgamma(a + b);
}

/* Of counts that come from one Beta(a, b). */
static inline double strategy_log_beta_mixture(const struct strategy_counts *counts, double a,
                                               double b)
{
    double events = (double)counts->events;
    double others = (double)(counts->of - counts->events);

    return strategy_log_beta(a + events, b + others) - strategy_log_beta(a, b);
}

/* -INFINITY where it cannot be. */
static inline double strategy_log_likelihood(const struct strategy_counts *counts, double share)
{
    double sum = 0;

    if (counts->events > 0)
        sum += share > 0 ? (double)counts->events * log(share) : -INFINITY;
    if (counts->of > counts->events)
        sum += share < 1 ? (double)(counts->of - counts->events) * log1p(-share) : -INFINITY;
    return sum;
}

/* stable NULL: of one version alone. */
double strategy_log_mixture(const struct strategy_counts *candidate,
                            const struct strategy_counts *stable);

#endif

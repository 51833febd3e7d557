#include "strategies/verdict/mixture.h"

#define KEYS_ERROR 0.001
/* How far the mixture's shares lie from those asked for: as if 500 keys had been seen before. */
#define CONCENTRATION 500.0
/* Beyond this, so few bits are left that one more says little. */
#define FULL_PART 0.999

bool strategy_slots_mismatch(const uint64_t *counts, const uint32_t *weights, uint32_t count,
                             double bound)
{
    double total = 0;
    double sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        total += (double)counts[i];
        sum += weights[i];
    }
    for (uint32_t i = 0; i < count && sum > 0; i++) {
        if (fabs((double)counts[i] - total * weights[i] / sum) > bound + 1e-6)
            return true;
    }
    return false;
}

/*
 * Multinomial counts against the shares asked for, mixed over a Dirichlet around them (Lindon,
 * Malek 2022): a martingale if they are right.
 */
bool strategy_keys_mismatch(const double *counts, const uint32_t *weights, uint32_t count)
{
    double sum = 0;
    double total = 0;
    double evidence = 0;

    for (uint32_t i = 0; i < count; i++)
        sum += weights[i];
    for (uint32_t i = 0; i < count && sum > 0; i++) {
        double share = weights[i] / sum;

        if (weights[i] == 0)
            continue; /* a version without weight may still have users who are bound to it */
        total += counts[i];
        evidence += lgamma(CONCENTRATION * share + counts[i]) - lgamma(CONCENTRATION * share) -
                    counts[i] * log(share);
    }
    evidence -= lgamma(CONCENTRATION + total) - lgamma(CONCENTRATION);
    return total > 0 && evidence >= -log(KEYS_ERROR);
}

/* Linear counting (Whang, Vander-Zanden, Taylor 1990). */
double strategy_users(uint64_t set, uint64_t size, double *ret_variance)
{
    double part = (double)set / (double)size;
    double load;

    assert(set <= size && size > 0);
    load = -log1p(-(part < FULL_PART ? part : FULL_PART));
    *ret_variance = (double)size * (exp(load) - load - 1);
    return (double)size * load;
}

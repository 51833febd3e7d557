#include "strategies/verdict/verdict.h"

double strategy_quantile(const uint64_t *buckets, const uint64_t *bounds, uint32_t count,
                         double part)
{
    double total = 0;
    double before = 0;

    for (uint32_t i = 0; i < count; i++)
        total += (double)buckets[i];
    if (!(total > 0))
        return -1;
    for (uint32_t i = 0; i + 1 < count; i++) {
        double here = (double)buckets[i];
        double low = i == 0 ? 0 : (double)bounds[i - 1];

        if (here > 0 && before + here >= part * total)
            return low + ((double)bounds[i] - low) * (part * total - before) / here;
        before += here;
    }
    return (double)bounds[count - 2]; /* that, or more */
}

#include "strategies/traffic/mix.h"
#include "strategies/traffic/strategy.h"

#include <assert.h>
#include <math.h>

/*
 * Each version draws an exponential time of rate `weight` from the key, the earliest wins. A change
 * of one weight moves only that version's time, so a key moves to it or away from it and never
 * between two others.
 */
static double time_of(uint64_t key, uint64_t id)
{
    uint64_t hash = strategy_mix64(key ^ strategy_mix64(id));

    /* the middle of one of 2^53 steps: never 0 and never 1 */
    return -log(((double)(hash >> 11) + 0.5) * 0x1p-53);
}

uint32_t strategy_rendezvous(uint64_t key, const uint64_t *ids, const uint32_t *weights,
                             uint32_t count)
{
    uint32_t best = STRATEGY_NONE;
    double best_time = 0;

    assert(count <= STRATEGY_VERSIONS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        double time;

        if (weights[i] == 0)
            continue;
        assert(weights[i] <= STRATEGY_WEIGHT_MAX);
        time = time_of(key, ids[i]) / weights[i];
        if (best == STRATEGY_NONE || time < best_time ||
            (time == best_time && ids[i] < ids[best])) {
            best = i;
            best_time = time;
        }
    }
    return best;
}

#include "strategies/traffic/slots.h"

#include "strategies/traffic/mix.h"
#include "strategies/traffic/strategy.h"

#include <assert.h>

/*
 * One version of weight w against all that is left, total W >= 2w. Its j-th slot lies in stratum
 * [jW/w, (j+1)W/w), which need not end on a whole number. A place that two strata share belongs to
 * either one by a coin as uneven as its two parts; a stratum takes an end that it owns with w/W and
 * else one of its whole places. So *every* place is taken with exactly w/W, whatever its number,
 * and no page of assets can fall in step. (Strata rounded to whole places leave 60/40 with five
 * assets at 1/3 and 1/2 for good.) W >= 2w leaves at least one whole place in each stratum.
 *
 * n = period * W + place: a period holds w whole strata, so all arithmetic is within one period
 * and no n is too large.
 */
struct level {
    uint64_t seed;
    uint64_t strata; /* in the periods before */
    uint32_t weight;
    uint32_t total;
};

/* Does the place that boundary j cuts in two belong to the stratum before it? cut: the part that
 * lies before, in w-ths. */
static bool belongs_before(const struct level *level, uint32_t j, uint32_t cut)
{
    uint64_t hash = strategy_mix64(~level->seed ^ strategy_mix64(level->strata + j));

    return strategy_scale(hash, level->weight) < cut;
}

/* Where stratum j of this period has its slot. */
static uint32_t place_of(const struct level *level, uint32_t j)
{
    uint64_t start = (uint64_t)j * level->total;
    uint64_t end = start + level->total;
    uint32_t first = (uint32_t)(start / level->weight);
    uint32_t last = (uint32_t)(end / level->weight);
    uint32_t first_cut = (uint32_t)(start % level->weight);
    uint32_t last_cut = (uint32_t)(end % level->weight);
    uint32_t whole = first + (first_cut > 0);
    uint64_t hash = strategy_mix64(level->seed ^ strategy_mix64(level->strata + j));
    uint32_t draw = strategy_scale(hash, level->total);

    if (draw < level->weight) {
        if (first_cut > 0 && !belongs_before(level, j, first_cut))
            return first;
    } else if (draw < 2 * level->weight) {
        if (last_cut > 0 && belongs_before(level, j + 1, last_cut))
            return last;
    }
    return whole + strategy_scale(strategy_mix64(hash), last - whole);
}

/*
 * Whether `place` is a slot of this level's version. ret_before: its slots before `place` within
 * the period.
 */
static bool is_slot(const struct level *level, uint32_t place, uint32_t *ret_before)
{
    uint64_t scaled = (uint64_t)place * level->weight;
    uint32_t j = (uint32_t)(scaled / level->total);
    uint32_t at = place_of(level, j);

    *ret_before = j + (at < place);
    if (at == place)
        return true;
    /* the next stratum may begin within this very place */
    if (at > place || (uint64_t)(j + 1) * level->total >= ((uint64_t)place + 1) * level->weight)
        return false;
    return place_of(level, j + 1) == place;
}

/* Places of the versions with weight, smallest weight first; equal ones in the order given. */
static uint32_t sort_by_weight(const uint32_t *weights, uint32_t count, uint32_t *ret_order)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = used;

        assert(weights[i] <= STRATEGY_WEIGHT_MAX);
        if (weights[i] == 0)
            continue;
        while (at > 0 && weights[ret_order[at - 1]] > weights[i]) {
            ret_order[at] = ret_order[at - 1];
            at--;
        }
        ret_order[at] = i;
        used++;
    }
    return used;
}

uint32_t strategy_slot_rank(uint64_t seed, const uint32_t *weights, uint32_t count, uint64_t n,
                            uint64_t *ret_rank)
{
    uint32_t order[STRATEGY_VERSIONS_MAX];
    uint32_t used;
    uint32_t total = 0;
    uint32_t place;
    uint64_t period;

    assert(count > 0 && count <= STRATEGY_VERSIONS_MAX);
    for (uint32_t i = 0; i < count; i++)
        total += weights[i];
    assert(total > 0);
    used = sort_by_weight(weights, count, order);
    period = n / total;
    place = (uint32_t)(n % total);
    for (uint32_t i = 0; i + 1 < used; i++) {
        uint32_t weight = weights[order[i]];
        struct level level = {strategy_mix64(seed + i), period * weight, weight, total};
        uint32_t before;

        if (is_slot(&level, place, &before)) {
            *ret_rank = level.strata + before;
            return order[i];
        }
        place -= before;
        total -= weight;
    }
    *ret_rank = period * total + place;
    return order[used - 1];
}

uint32_t strategy_slot(uint64_t seed, const uint32_t *weights, uint32_t count, uint64_t n)
{
    uint64_t rank;

    return strategy_slot_rank(seed, weights, count, n, &rank);
}

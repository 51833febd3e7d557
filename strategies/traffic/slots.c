#include "strategies/traffic/slots.h"

#include "strategies/traffic/mix.h"
#include "strategies/traffic/strategy.h"

#include <assert.h>

/*
 * Two parties of weights w <= W - w: the smaller one's j-th slot lies in stratum [jW/w, (j+1)W/w),
 * which need not end on a whole number. A place that two strata share belongs to either one by a
 * coin as uneven as its two parts; a stratum takes an end that it owns with w/W and else one of its
 * whole places (W >= 2w leaves it one). So *every* place is taken with exactly w/W, whatever its
 * number, and no page of assets can fall in step. (Strata rounded to whole places leave 60/40 with
 * five assets at 1/3 and 1/2 for good.)
 *
 * More than two: a tree of such pairs over the versions sorted by weight. Each level adds less than
 * one to the error, so it stays below log2(count), rounded up. (One version after the other adds up
 * to count - 1.)
 *
 * n = period * W + place: a period holds w whole strata, so all arithmetic is within one period
 * and no n is too large.
 */
struct level {
    uint64_t seed;
    uint64_t strata; /* in the periods before */
    uint32_t weight; /* the smaller party's */
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

/* Is `place` the smaller party's? ret_before: its slots before `place` within the period. */
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

static uint32_t sum(const uint32_t *weights, const uint32_t *order, uint32_t count)
{
    uint32_t total = 0;

    for (uint32_t i = 0; i < count; i++)
        total += weights[order[i]];
    return total;
}

uint32_t strategy_slot_rank(uint64_t seed, const uint32_t *weights, uint32_t count, uint64_t n,
                            uint64_t *ret_rank)
{
    uint32_t sorted[STRATEGY_VERSIONS_MAX];
    const uint32_t *order = sorted; /* those of the branch that n is in */
    uint32_t total;
    uint32_t place;
    uint64_t period;

    assert(count > 0 && count <= STRATEGY_VERSIONS_MAX);
    count = sort_by_weight(weights, count, sorted);
    total = sum(weights, sorted, count);
    assert(total > 0);
    period = n / total;
    place = (uint32_t)(n % total);
    for (uint32_t node = 1; count > 1;) {
        uint32_t light = count == 3 ? 2 : count / 2; /* three: a pair against the heaviest */
        uint32_t light_total = sum(weights, order, light);
        bool is_light_smaller = light_total <= total - light_total;
        uint32_t smaller = is_light_smaller ? light_total : total - light_total;
        struct level level = {strategy_mix64(seed + node), period * smaller, smaller, total};
        uint32_t before;
        bool is_smaller = is_slot(&level, place, &before);
        bool is_light = is_smaller == is_light_smaller;

        place = is_smaller ? before : place - before;
        total = is_light ? light_total : total - light_total;
        order += is_light ? 0 : light;
        count = is_light ? light : count - light;
        node = 2 * node + is_light;
    }
    *ret_rank = period * total + place;
    return order[0];
}

uint32_t strategy_slot(uint64_t seed, const uint32_t *weights, uint32_t count, uint64_t n)
{
    uint64_t rank;

    return strategy_slot_rank(seed, weights, count, n, &rank);
}

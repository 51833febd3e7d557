#include "strategies/traffic/balances.h"
#include "strategies/traffic/mix.h"

#include <assert.h>

/* Of the open endpoints: how many, the warmest, and all warmth together. */
struct open {
    uint32_t count;
    uint32_t warmest;
    uint32_t warmth;
};

static struct open look_at(const struct strategy_endpoint_question *question)
{
    struct open open = {0, 0, 0};

    for (uint32_t i = 0; i < question->count; i++) {
        uint32_t warmth;

        if (!strategy_is_open(&question->endpoints[i]))
            continue;
        warmth = strategy_warmth(&question->endpoints[i]);
        open.count++;
        open.warmth += warmth;
        if (warmth > open.warmest)
            open.warmest = warmth;
    }
    return open;
}

/* The k-th of the open ones. */
static uint32_t find_open(const struct strategy_endpoint_question *question, uint32_t k)
{
    for (uint32_t place = 0;; place++) {
        assert(place < question->count);
        if (strategy_is_open(&question->endpoints[place]) && k-- == 0)
            return place;
    }
}

/* One of the open ones, as likely as it is warm. */
static uint32_t draw_open(const struct strategy_endpoint_question *question, uint32_t draw)
{
    for (uint32_t place = 0;; place++) {
        uint32_t warmth;

        assert(place < question->count);
        if (!strategy_is_open(&question->endpoints[place]))
            continue;
        warmth = strategy_warmth(&question->endpoints[place]);
        if (draw < warmth)
            return place;
        draw -= warmth;
    }
}

/*
 * The n-th place, if it is open. The turns of a closed one are dealt in turn over the open ones, so
 * that its neighbour doesn't get them all. An endpoint that is colder than the warmest takes as
 * many of its turns as it is warm compared with that one, and draws lots with all others for the
 * rest: then each gets just its warmth's part of everything. (a part w/max of 1/N turns, and w/W
 * of the rest: both are the same number times w.)
 */
uint32_t strategy_round_robin(const struct strategy_endpoint_question *question)
{
    const struct strategy_endpoint *endpoint;
    struct open open;
    uint32_t place;
    uint64_t hash;

    if (question->count == 0)
        return STRATEGY_NONE;
    assert(question->count <= STRATEGY_ENDPOINTS_MAX);
    place = (uint32_t)(question->n % question->count);
    endpoint = &question->endpoints[place];
    if (strategy_is_open(endpoint) && endpoint->cold == 0)
        return place;
    open = look_at(question);
    if (open.count == 0)
        return STRATEGY_NONE;
    hash = strategy_mix64(question->n);
    if (strategy_is_open(endpoint) &&
        strategy_scale(hash, open.warmest) < strategy_warmth(endpoint))
        return place;
    if (open.warmth < open.count * open.warmest)
        return draw_open(question, strategy_scale(strategy_mix64(hash), open.warmth));
    /* + place: two closed endpoints don't send their turns of one round to the same place */
    return find_open(question, (uint32_t)((question->n / question->count + place) % open.count));
}

#include "strategies/traffic/balances.h"

/* A cold endpoint counts each of its requests for as many as it is cold. */
static bool is_idler(const struct strategy_endpoint *a, const struct strategy_endpoint *b)
{
    return ((uint64_t)a->in_flight + 1) * strategy_warmth(b) <
           ((uint64_t)b->in_flight + 1) * strategy_warmth(a);
}

/* The fewest in flight; among equals the next in turn. */
uint32_t strategy_least_requests(const struct strategy_endpoint_question *question)
{
    uint32_t best = STRATEGY_NONE;
    uint32_t start = question->count > 0 ? (uint32_t)(question->n % question->count) : 0;

    for (uint32_t i = 0; i < question->count; i++) {
        uint32_t place = start + i < question->count ? start + i : start + i - question->count;

        if (!strategy_is_open(&question->endpoints[place]))
            continue;
        if (best == STRATEGY_NONE ||
            is_idler(&question->endpoints[place], &question->endpoints[best]))
            best = place;
    }
    return best;
}

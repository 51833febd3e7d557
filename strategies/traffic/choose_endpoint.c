#include "strategies/traffic/mix.h"
#include "strategies/traffic/strategy.h"

#include <assert.h>
#include <string.h>

/* Of a draining endpoint only those stay who belong to it by key. */
static bool is_open_to_anybody(const struct strategy_endpoint *endpoint)
{
    return endpoint->up && !endpoint->tried && !endpoint->full && endpoint->mode == STRATEGY_ACTIVE;
}

static bool is_open_to_its_own(const struct strategy_endpoint *endpoint)
{
    return endpoint->up && !endpoint->tried && !endpoint->full && endpoint->mode != STRATEGY_CUT;
}

/*
 * The n-th place, if it is open. The turns of a closed one are dealt in turn over the open ones, so
 * that its neighbour doesn't get them all.
 */
static uint32_t choose_round_robin(const struct strategy_endpoint_question *question)
{
    uint32_t open = 0;
    uint32_t place;

    if (question->count == 0)
        return STRATEGY_NONE;
    place = (uint32_t)(question->n % question->count);
    if (is_open_to_anybody(&question->endpoints[place]))
        return place;
    for (uint32_t i = 0; i < question->count; i++)
        open += is_open_to_anybody(&question->endpoints[i]);
    if (open == 0)
        return STRATEGY_NONE;
    /* + place: two closed endpoints don't send their turns of one round to the same place */
    open = (uint32_t)((question->n / question->count + place) % open);
    for (place = 0;; place++) {
        if (is_open_to_anybody(&question->endpoints[place]) && open-- == 0)
            return place;
    }
}

/* The fewest in flight; among equals the next in turn. */
static uint32_t choose_least_requests(const struct strategy_endpoint_question *question)
{
    uint32_t best = STRATEGY_NONE;
    uint32_t start = question->count > 0 ? (uint32_t)(question->n % question->count) : 0;

    for (uint32_t i = 0; i < question->count; i++) {
        uint32_t place = start + i < question->count ? start + i : start + i - question->count;
        const struct strategy_endpoint *endpoint = &question->endpoints[place];

        if (!is_open_to_anybody(endpoint))
            continue;
        if (best == STRATEGY_NONE || endpoint->in_flight < question->endpoints[best].in_flight)
            best = place;
    }
    return best;
}

/*
 * Rendezvous over the index: the same key is on the same ordinal of every version, and an endpoint
 * that comes or goes moves only its own users. Without a key: in turn.
 */
static uint32_t choose_hash(const struct strategy_endpoint_question *question)
{
    uint32_t best = STRATEGY_NONE;
    uint64_t best_score = 0;

    if (!question->has_key)
        return choose_round_robin(question);
    for (uint32_t i = 0; i < question->count; i++) {
        const struct strategy_endpoint *endpoint = &question->endpoints[i];
        uint64_t score;

        if (!is_open_to_its_own(endpoint))
            continue;
        score = strategy_mix64(question->key ^ strategy_mix64(endpoint->index));
        if (best == STRATEGY_NONE || score > best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}

static const struct strategy_balance_ops balances[] = {
    [STRATEGY_ROUND_ROBIN] = {"round_robin", choose_round_robin},
    [STRATEGY_LEAST_REQUESTS] = {"least_requests", choose_least_requests},
    [STRATEGY_HASH] = {"hash", choose_hash},
};

#define BALANCE_COUNT (sizeof(balances) / sizeof(balances[0]))

const struct strategy_balance_ops *strategy_balance_ops(enum strategy_balance balance)
{
    assert((unsigned)balance < BALANCE_COUNT);
    return &balances[balance];
}

const struct strategy_balance_ops *strategy_find_balance(const char *name,
                                                         enum strategy_balance *ret_balance)
{
    for (unsigned i = 0; i < BALANCE_COUNT; i++) {
        if (strcmp(balances[i].name, name) == 0) {
            *ret_balance = (enum strategy_balance)i;
            return &balances[i];
        }
    }
    return NULL;
}

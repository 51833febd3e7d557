/*
 * balances: the ways to choose an endpoint, one file each, and what they share.
 *
 * Not for other rooms: strategy.h is their door. Shapes, errors, threads: as there. To add one: a
 * function here, a file of its name, and a row in choose_endpoint.c (README.md shows it).
 */
#ifndef STRATEGY_TRAFFIC_BALANCES_H
#define STRATEGY_TRAFFIC_BALANCES_H

#include "strategies/traffic/strategy.h"

uint32_t strategy_round_robin(const struct strategy_endpoint_question *question);
uint32_t strategy_least_requests(const struct strategy_endpoint_question *question);
uint32_t strategy_hash(const struct strategy_endpoint_question *question);

static inline bool strategy_can_answer(const struct strategy_endpoint *endpoint)
{
    return endpoint->up && !endpoint->tried && !endpoint->full;
}

static inline bool strategy_is_open(const struct strategy_endpoint *endpoint)
{
    return strategy_can_answer(endpoint) && endpoint->mode == STRATEGY_ACTIVE;
}

/* Of a draining endpoint those stay who belong to it by key. */
static inline bool strategy_is_open_to_its_own(const struct strategy_endpoint *endpoint)
{
    return strategy_can_answer(endpoint) && endpoint->mode != STRATEGY_CUT;
}

/* What it may get of a full share, in thousandths: never 0. */
static inline uint32_t strategy_warmth(const struct strategy_endpoint *endpoint)
{
    return endpoint->cold < STRATEGY_WARM ? STRATEGY_WARM - endpoint->cold : 1;
}

#endif

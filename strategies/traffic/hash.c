#include "strategies/traffic/balances.h"
#include "strategies/traffic/mix.h"

/*
 * Rendezvous over the index: the same key is on the same ordinal of every version, and an endpoint
 * that comes or goes moves only its own users. How cold it is plays no part: users would move
 * twice. Without a key: in turn.
 */
uint32_t strategy_hash(const struct strategy_endpoint_question *question)
{
    uint32_t best = STRATEGY_NONE;
    uint64_t best_score = 0;

    if (!question->has_key)
        return strategy_round_robin(question);
    for (uint32_t i = 0; i < question->count; i++) {
        const struct strategy_endpoint *endpoint = &question->endpoints[i];
        uint64_t score;

        if (!strategy_is_open_to_its_own(endpoint))
            continue;
        score = strategy_mix64(question->key ^ strategy_mix64(endpoint->index));
        if (best == STRATEGY_NONE || score > best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}

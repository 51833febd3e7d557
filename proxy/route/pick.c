#include "proxy/route/pick.h"

#include <assert.h>

/* Its probes are answered, and so are its requests. */
static bool is_well(const struct px_endpoint *endpoint)
{
    return atomic_load_explicit(&endpoint->up, memory_order_relaxed) &&
           !atomic_load_explicit(&endpoint->ejected, memory_order_relaxed);
}

/* New, and its first probe is under way: it may be as good as any. */
static bool is_unknown(const struct px_endpoint *endpoint)
{
    return !atomic_load_explicit(&endpoint->probed, memory_order_relaxed) &&
           !atomic_load_explicit(&endpoint->ejected, memory_order_relaxed);
}

static bool lets_in(const struct px_endpoint *endpoint, bool has_key)
{
    uint32_t mode = atomic_load_explicit(&endpoint->mode, memory_order_relaxed);

    return mode == STRATEGY_ACTIVE || (has_key && mode == STRATEGY_DRAINING);
}

static bool any_well(const struct px_snapshot_version *version, bool has_key)
{
    for (uint32_t i = 0; i < version->endpoint_count; i++) {
        if (is_well(version->endpoints[i]) && lets_in(version->endpoints[i], has_key))
            return true;
    }
    return false;
}

bool px_pick_is_open(const struct px_snapshot_version *version, uint32_t place, bool has_key)
{
    const struct px_endpoint *endpoint = version->endpoints[place];

    return lets_in(endpoint, has_key) &&
           (is_well(endpoint) || (is_unknown(endpoint) && !any_well(version, has_key)));
}

bool px_pick_any_open(const struct px_snapshot_version *version, bool has_key)
{
    if (any_well(version, has_key))
        return true;
    for (uint32_t i = 0; i < version->endpoint_count; i++) {
        if (is_unknown(version->endpoints[i]) && lets_in(version->endpoints[i], has_key))
            return true;
    }
    return false;
}

bool px_pick_has_room(const struct px_snapshot_version *version, const struct px_endpoint *endpoint)
{
    return atomic_load_explicit(&endpoint->in_flight, memory_order_relaxed) < version->max_requests;
}

uint32_t px_pick_cold(const struct px_snapshot_version *version, const struct px_endpoint *endpoint,
                      uint64_t now_ms)
{
    uint64_t since_ms = atomic_load_explicit(&endpoint->up_since_ms, memory_order_relaxed);

    if (version->slow_start_ms == 0)
        return 0;
    return strategy_cold(now_ms > since_ms ? now_ms - since_ms : 0, version->slow_start_ms);
}

/* Copies of mirrors are work like any other, but take no room. */
static void describe(const struct px_pick_question *question, struct strategy_endpoint *endpoints)
{
    const struct px_snapshot_version *version = question->version;
    bool takes_unknown = !any_well(version, question->has_key);

    for (uint32_t i = 0; i < version->endpoint_count; i++) {
        const struct px_endpoint *endpoint = version->endpoints[i];
        uint32_t in_flight = atomic_load_explicit(&endpoint->in_flight, memory_order_relaxed);

        endpoints[i] = (struct strategy_endpoint){
            .index = endpoint->index,
            .in_flight = in_flight + atomic_load_explicit(&endpoint->copies, memory_order_relaxed),
            .cold = px_pick_cold(version, endpoint, question->loop->now_ms),
            .mode = (uint8_t)atomic_load_explicit(&endpoint->mode, memory_order_relaxed),
            .up = is_well(endpoint) || (takes_unknown && is_unknown(endpoint)),
            .full = in_flight >= version->max_requests,
        };
    }
}

uint32_t px_pick_home(const struct px_snapshot_version *version, uint64_t key)
{
    struct strategy_endpoint endpoints[PX_ENDPOINTS_MAX];
    const struct strategy_endpoint_question all_open = {
        .endpoints = endpoints, .count = version->endpoint_count, .has_key = true, .key = key};

    assert(version->endpoint_count <= PX_ENDPOINTS_MAX);
    for (uint32_t i = 0; i < version->endpoint_count; i++)
        endpoints[i] =
            (struct strategy_endpoint){.index = version->endpoints[i]->index, .up = true};
    return strategy_balance_ops(STRATEGY_HASH)->choose(&all_open);
}

/* Asks the strategy, which sees all endpoints at once. */
static uint32_t ask(const struct px_pick_question *question, enum strategy_balance balance,
                    uint64_t n)
{
    const struct px_snapshot_version *version = question->version;
    struct strategy_endpoint endpoints[PX_ENDPOINTS_MAX];
    const struct strategy_endpoint_question put = {.endpoints = endpoints,
                                                   .count = version->endpoint_count,
                                                   .n = n,
                                                   .has_key = question->has_key,
                                                   .key = question->key};

    uint32_t place = STRATEGY_NONE;

    assert(version->endpoint_count <= PX_ENDPOINTS_MAX);
    describe(question, endpoints);
    for (uint32_t i = 0; i < question->tried_count; i++) {
        if (question->tried[i] < version->endpoint_count)
            endpoints[question->tried[i]].tried = true;
    }
    if (!question->ignores_room)
        place = strategy_balance_ops(balance)->choose(&put);
    if (place != STRATEGY_NONE)
        return place;
    for (uint32_t i = 0; i < version->endpoint_count; i++)
        endpoints[i].full = false;
    return strategy_balance_ops(balance)->choose(&put);
}

uint32_t px_pick_endpoint(const struct px_pick_question *question)
{
    const struct px_snapshot_version *version = question->version;
    enum strategy_balance balance = question->is_keyed ? STRATEGY_HASH : version->balance;
    uint64_t *counter = &question->loop->endpoint_n[version->stat % PX_VERSIONS_MAX];
    uint64_t n = strategy_mix(question->loop->start ^ version->id) + *counter;

    if (version->endpoint_count == 0)
        return STRATEGY_NONE;
    if (!question->is_dry && !(balance == STRATEGY_HASH && question->has_key))
        (*counter)++;
    if (balance == STRATEGY_ROUND_ROBIN && question->tried_count == 0) {
        uint32_t place = (uint32_t)(n % version->endpoint_count);

        /* what round_robin answers whatever the others are like: don't look at all 1,000 */
        if (is_well(version->endpoints[place]) && lets_in(version->endpoints[place], false) &&
            px_pick_cold(version, version->endpoints[place], question->loop->now_ms) == 0 &&
            (question->ignores_room || px_pick_has_room(version, version->endpoints[place])))
            return place;
    }
    return ask(question, balance, n);
}

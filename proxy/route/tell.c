#include "proxy/route/context.h"
#include "proxy/route/pick.h"

#include <stdio.h>

#define SPECIAL_MAX 16 /* endpoints that have something to be said of */

static uint32_t load(const _Atomic uint32_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

bool px_route_may_meet(const struct px_snapshot *snapshot, const struct px_decision *decision,
                       uint32_t place)
{
    const struct px_snapshot_version *version = &snapshot->versions[decision->version];
    const struct px_snapshot_rule *rule = &snapshot->rules[decision->rule];

    if (decision->has_endpoint_key)
        return place == decision->endpoint;
    if (!px_pick_is_open(version, place, false))
        return false;
    if (px_pick_has_room(version, version->endpoints[place]) ||
        (decision->gets_key && rule->rule->sticky.scope_endpoint))
        return true;
    /* full: only when all are, and then there is a queue */
    return !px_pick_has_room(version, version->endpoints[decision->endpoint]);
}

/* Why it gets no requests, or fewer; NULL: it is like any other. */
static const char *find_trait(const struct px_snapshot_version *version,
                              const struct px_endpoint *endpoint, uint64_t now_ms, char *buffer,
                              size_t size)
{
    uint32_t cold = px_pick_cold(version, endpoint, now_ms);
    uint32_t mode = load(&endpoint->mode);

    if (mode == STRATEGY_CUT)
        return "cut";
    if (!atomic_load_explicit(&endpoint->up, memory_order_relaxed))
        return atomic_load_explicit(&endpoint->probed, memory_order_relaxed) ? "down"
                                                                             : "not probed yet";
    if (atomic_load_explicit(&endpoint->ejected, memory_order_relaxed))
        return "up, but its requests failed: it gets none for a while";
    if (mode == STRATEGY_DRAINING)
        return "draining: only for users who belong to it by key";
    if (!px_pick_has_room(version, endpoint)) {
        snprintf(buffer, size, "full: it has max_requests %u", version->max_requests);
        return buffer;
    }
    if (cold > 0) {
        snprintf(
            buffer, size, "up since %.1f s, at %u%% of a share by slow_start",
            (double)(now_ms - atomic_load_explicit(&endpoint->up_since_ms, memory_order_relaxed)) /
                1000,
            (STRATEGY_WARM - cold) / 10);
        return buffer;
    }
    return NULL;
}

void px_route_tell_health(const struct px_route_context *context,
                          const struct px_snapshot_version *version)
{
    uint32_t told = 0;
    uint32_t more = 0;

    for (uint32_t i = 0; i < version->endpoint_count; i++) {
        const struct px_endpoint *endpoint = version->endpoints[i];
        char buffer[128];
        const char *trait =
            find_trait(version, endpoint, context->loop->now_ms, buffer, sizeof(buffer));

        if (!trait)
            continue;
        if (told++ < SPECIAL_MAX)
            px_route_say(context->explain, "endpoint %s is %s", endpoint->label, trait);
        else
            more++;
    }
    if (more > 0)
        px_route_say(context->explain, "and %u more endpoints of %s are not like the others", more,
                     version->name);
}

/* All that it may be, with their load if that decides. Returns how many. */
static uint32_t list_choices(const struct px_route_context *context,
                             const struct px_decision *decision, char *buffer, size_t size)
{
    const struct px_snapshot_version *version = &context->snapshot->versions[decision->version];
    uint32_t count = 0;
    size_t used = 0;

    buffer[0] = '\0';
    for (uint32_t i = 0; i < version->endpoint_count; i++) {
        const struct px_endpoint *endpoint = version->endpoints[i];
        char load_text[32] = "";
        int len;

        if (!px_route_may_meet(context->snapshot, decision, i))
            continue;
        count++;
        if (used >= size)
            continue;
        if (version->balance == STRATEGY_LEAST_REQUESTS)
            snprintf(load_text, sizeof(load_text), " with %u under way",
                     load(&endpoint->in_flight) + load(&endpoint->copies));
        len = snprintf(buffer + used, size - used, "%s%s%s", used > 0 ? ", " : "", endpoint->label,
                       load_text);
        used += len > 0 ? (size_t)len : 0;
    }
    return count;
}

static const char *why_keyed(const struct px_decision *decision)
{
    if (decision->is_spilled)
        return "by key, spilled";
    if (decision->is_pinned)
        return "by key, scope endpoint";
    return decision->has_key ? "by key, balance hash" : "by the client's address, balance hash";
}

static void tell_choice(const struct px_route_context *context, const struct px_decision *decision)
{
    const struct px_snapshot_version *version = &context->snapshot->versions[decision->version];
    const char *balance = strategy_balance_ops(version->balance)->name;
    const char *chosen = version->endpoints[decision->endpoint]->label;
    char choices[384];

    if (decision->has_endpoint_key)
        px_route_say(context->explain, "endpoint: %s (%s)", chosen, why_keyed(decision));
    else if (list_choices(context, decision, choices, sizeof(choices)) == 1)
        px_route_say(context->explain, "endpoint: %s (%s, and no other is open)", chosen, balance);
    else if (decision->gets_key &&
             (context->rule->rule->sticky.scope_endpoint || version->balance == STRATEGY_HASH))
        px_route_say(context->explain, "endpoint: where the new id belongs: one of %s", choices);
    else if (version->balance == STRATEGY_LEAST_REQUESTS)
        px_route_say(context->explain, "endpoint: by least_requests: one of %s", choices);
    else
        px_route_say(context->explain, "endpoint: by %s, each data loop in its own turn: one of %s",
                     balance, choices);
}

void px_route_tell_endpoint(const struct px_route_context *context,
                            const struct px_decision *decision)
{
    const struct px_snapshot_version *version = &context->snapshot->versions[decision->version];
    const struct px_limits *limits = context->snapshot->limits;

    tell_choice(context, decision);
    if (px_pick_has_room(version, version->endpoints[decision->endpoint]))
        return;
    px_route_say(context->explain,
                 "it has max_requests %u: the request waits its turn (queue %u, queue_timeout "
                 "%llu ms) or gets 503",
                 version->max_requests, limits->queue_length, (unsigned long long)limits->queue_ms);
}

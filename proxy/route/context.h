/*
 * context: what the steps of one decision share within this room.
 *
 * Not for other rooms (route.h is their door), and not kept after the decision.
 * Shapes: all pointers but explain are set; rule is NULL until one matched. Ownership: none.
 * Threads: as route.h.
 */
#ifndef PX_ROUTE_CONTEXT_H
#define PX_ROUTE_CONTEXT_H

#include "proxy/route/route.h"

struct px_route_context {
    const struct px_snapshot *snapshot;
    const struct px_snapshot_rule *rule;
    struct px_route_loop *loop;
    const struct px_route_request *request;
    const struct px_explain *explain; /* NULL on the request path */
};

/* Tells one step; nothing without explain. Lines are cut at 511 bytes and are valid UTF-8: control
 * characters and all other bytes become '?'. */
void px_route_say(const struct px_explain *explain, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "blue=90 green=10" into buffer, terminated, cut if it must be. Returns buffer. */
char *px_route_weights_text(const struct px_route_context *context, char *buffer, size_t size);

/* The name of the rule's version at this place of its weights. */
static inline const char *px_route_version_name(const struct px_route_context *context,
                                                uint32_t place)
{
    return context->snapshot->versions[context->rule->versions[place]].name;
}

/* The rule's version at this place of its weights. */
static inline const struct px_snapshot_version *
px_route_version(const struct px_route_context *context, uint32_t place)
{
    return &context->snapshot->versions[context->rule->versions[place]];
}

/* Takes the next number of a deal; explain only looks at it. */
static inline uint64_t px_route_take(const struct px_route_context *context, struct px_deal *deal)
{
    if (context->explain)
        return atomic_load_explicit(&deal->n, memory_order_relaxed);
    return atomic_fetch_add_explicit(&deal->n, 1, memory_order_relaxed);
}

/* tell.c, for explain: what is special about a version's endpoints; which one it will be. */
void px_route_tell_health(const struct px_route_context *context,
                          const struct px_snapshot_version *version);
void px_route_tell_endpoint(const struct px_route_context *context,
                            const struct px_decision *decision);

/* mirrors.c: sets mirrors and passes. */
void px_route_mirrors(const struct px_route_context *context, struct px_decision *decision);

#endif

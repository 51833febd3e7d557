/*
 * events: GET /v1/events: what changes in the proxy, told to whoever follows it.
 *
 * Not for the streams themselves (lib/api/events.h).
 * Shapes: each event has JSON as data, as openapi.yaml says. `revision` (with the revision as id)
 * is told when every loop has switched, and the last PX_EVENTS_KEPT are kept for readers who come
 * again with Last-Event-ID; others begin with `reset`. `state` and `stats` are pictures: only the
 * newest counts. `health`, `verdict`, `split`, `ttl` and `durable` tell what differs between two
 * looks; a look is four times a second at the most, more seldom where pictures are large, and there
 * is none while nobody follows. Units: ms. Errors: -ENOMEM; an event that there is no memory for
 * becomes a `reset`. Ownership: px_events_close() after the admin listener was closed, and while no
 * counters are asked for. Threads: control.
 */
#ifndef PX_ADMIN_EVENTS_H
#define PX_ADMIN_EVENTS_H

#include "lib/api/events.h"
#include "proxy/admin/admin.h"

#define PX_EVENTS_KEPT 64
#define PX_EVENTS_LOOK_MS 250

struct px_events_options {
    struct tn_loop *loop;
    struct px_admin *admin; /* its collecting is raised while counters are asked for */
    struct tn_api_events_limits limits;
};

int px_events_new(const struct px_events_options *options, struct px_events **ret_events);

/* A change is in force in every loop. */
void px_events_changed(struct px_events *events, const struct px_change *change);

/* The guard aborts a rule. NULL is fine. */
void px_events_guard(struct px_events *events, const char *rule, const char *why);

/* Every stream ends, with a `bye` that says why ("stopping", "handover"; a constant). NULL is fine.
 */
void px_events_end(struct px_events *events, const char *why);

/* NULL is fine: zeros. */
struct tn_api_events_counts px_events_counts(const struct px_events *events);

/* NULL is fine. */
void px_events_close(struct px_events *events);

#endif

/*
 * admin: the resources of the admin interface and of the metrics listener.
 *
 * Not for connections (lib/api) and not for what a change does (rulebook.h).
 * Shapes: two tables of routes for tn_api_open_…; their context is a struct px_admin. The shapes of
 * requests and answers are in openapi.yaml, which a test holds against the real answers. Units: as
 * in openapi.yaml. Errors: problems (RFC 9457). Ownership: the parts belong to the server; they
 * outlive the listeners. Threads: control.
 */
#ifndef PX_ADMIN_ADMIN_H
#define PX_ADMIN_ADMIN_H

#include "lib/api/api.h"
#include "proxy/admin/rulebook.h"
#include "proxy/health/health.h"
#include "proxy/route/route.h"

struct px_events;
struct px_leases;

struct px_admin {
    struct px_rulebook *book;
    struct px_registry *registry;
    struct px_health *health;
    struct px_events *events; /* NULL: not yet */
    struct px_leases *leases; /* the same */
    struct px_publisher publisher;
    const struct tn_clock *clock;
    struct px_route_loop *route; /* of the control thread, for explain */
    uint32_t loop_count;
    uint64_t started_ns; /* monotonic */
    uint64_t started_wall_ns;
    uint64_t memory_limit_bytes; /* in force; 0: none */
    uint64_t refused_tokens;     /* wrong ones that were shown */
    bool is_ready;               /* the first probes are in */
    bool is_stopping;            /* readyz says so */
    bool is_over;                /* the loops have stopped: nobody to ask for counters */
    /* POST /v1/takeover by ourselves or root: it answers. body: borrowed. May be NULL. */
    void (*on_takeover)(void *context, struct tn_api_call *call, const json_t *body);
    void *on_takeover_context;

    /* private */
    uint32_t collecting; /* calls that wait for counters */
    void (*on_quiet)(void *context);
    void *on_quiet_context;
};

extern const struct tn_api_route px_admin_routes[];
extern const size_t px_admin_route_count;

/* Read only: /metrics /healthz /readyz /status. */
extern const struct tn_api_route px_metrics_routes[];
extern const size_t px_metrics_route_count;

/* is_over is set; on_quiet once no call waits for counters any more: at once, or later. */
void px_admin_quiet(struct px_admin *admin, void (*on_quiet)(void *context), void *context);

#endif

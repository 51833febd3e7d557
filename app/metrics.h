/*
 * metrics: requests by route and status, and their text for Prometheus.
 *
 * Not for the number of visits (store.h keeps it). Label values come from fixed lists and the
 * options only, so that no client can make new ones.
 * Errors: none. Threads: add from any; a scrape sees each number whole, not all at one instant.
 */
#ifndef APP_METRICS_H
#define APP_METRICS_H

#include "app/page.h"
#include "app/store.h"
#include "app/text.h"

#include <stdatomic.h>
#include <stdbool.h>

#define APP_ROUTES(X)                                                                              \
    X(VISIT, "/")                                                                                  \
    X(COUNT, "/count")                                                                             \
    X(VERSION, "/version")                                                                         \
    X(HEALTHZ, "/healthz")                                                                         \
    X(READYZ, "/readyz")                                                                           \
    X(METRICS, "/metrics")                                                                         \
    X(FAVICON, "/favicon.ico")                                                                     \
    X(IMPORT, "/import")                                                                           \
    X(ECHO_SIZE, "/echo-size")                                                                     \
    X(BYTES, "/bytes")                                                                             \
    X(OTHER, "other")

#define APP_ROUTE_ENUM(name, path) APP_ROUTE_##name,
enum app_route { APP_ROUTES(APP_ROUTE_ENUM) APP_ROUTE_COUNT_OF };

#define APP_METRICS_CODES 600

struct app_metrics {
    atomic_ulong requests[APP_ROUTE_COUNT_OF][APP_METRICS_CODES];
};

void app_metrics_init(struct app_metrics *metrics);

/* status outside 100 to 599 is not counted. */
void app_metrics_add(struct app_metrics *metrics, enum app_route route, unsigned status);

void app_metrics_render(struct app_metrics *metrics, const struct app_identity *identity,
                        const struct app_store_snapshot *store, bool is_ready,
                        struct app_text *text);

#endif

#include "app/metrics.h"

#include <inttypes.h>

#define ROUTE_PATH(name, path) path,
static const char *const paths[] = {APP_ROUTES(ROUTE_PATH)};

void app_metrics_init(struct app_metrics *metrics)
{
    for (unsigned route = 0; route < APP_ROUTE_COUNT_OF; route++) {
        for (unsigned code = 0; code < APP_METRICS_CODES; code++) {
            atomic_init(&metrics->requests[route][code], 0);
        }
    }
}

void app_metrics_add(struct app_metrics *metrics, enum app_route route, unsigned status)
{
    if (status >= 100 && status < APP_METRICS_CODES) {
        atomic_fetch_add_explicit(&metrics->requests[route][status], 1, memory_order_relaxed);
    }
}

static void add_number(struct app_text *text, const char *name, const char *type, const char *help,
                       uint64_t value)
{
    app_text_add(text, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name,
                 value);
}

void app_metrics_render(struct app_metrics *metrics, const struct app_identity *identity,
                        const struct app_store_snapshot *store, bool is_ready,
                        struct app_text *text)
{
    app_text_add(text, "# HELP counter_info Who this is.\n# TYPE counter_info gauge\n"
                       "counter_info{version=");
    app_text_add_json(text, identity->version);
    app_text_add(text, ",build=");
    app_text_add_json(text, identity->build);
    app_text_add(text, ",name=");
    app_text_add_json(text, identity->name);
    app_text_add(text, "} 1\n");
    add_number(text, "counter_ready", "gauge", "1 if /readyz says ready.", is_ready);
    add_number(text, "counter_visits", "gauge",
               "Visits on disk, over all restarts and with those imported.", store->visits);
    add_number(text, "counter_commits_total", "counter", "Batches of visits made durable.",
               store->commits);
    add_number(text, "counter_commit_failures_total", "counter",
               "Attempts to write that the disk refused.", store->failures);
    app_text_add(text, "# HELP counter_requests_total Answers by route and status.\n"
                       "# TYPE counter_requests_total counter\n");
    for (unsigned route = 0; route < APP_ROUTE_COUNT_OF; route++) {
        for (unsigned code = 0; code < APP_METRICS_CODES; code++) {
            unsigned long count =
                atomic_load_explicit(&metrics->requests[route][code], memory_order_relaxed);
            if (count > 0) {
                app_text_add(text, "counter_requests_total{route=\"%s\",code=\"%u\"} %lu\n",
                             paths[route], code, count);
            }
        }
    }
}

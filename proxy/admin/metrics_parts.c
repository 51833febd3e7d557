#include "proxy/admin/prom.h"
#include "proxy/admin/resources.h"

#include <stdio.h>

/* --- endpoints ---------------------------------------------------------------------------------
 */

typedef uint64_t(endpoint_fn)(struct px_endpoint *endpoint, const struct px_stats_endpoint *counts);

static uint64_t get_up(struct px_endpoint *endpoint, const struct px_stats_endpoint *counts)
{
    (void)counts;
    return atomic_load(&endpoint->up);
}

static uint64_t get_in_flight(struct px_endpoint *endpoint, const struct px_stats_endpoint *counts)
{
    (void)counts;
    return atomic_load(&endpoint->in_flight) + atomic_load(&endpoint->copies);
}

static uint64_t get_requests(struct px_endpoint *endpoint, const struct px_stats_endpoint *counts)
{
    (void)endpoint;
    return counts->requests;
}

static uint64_t get_connects(struct px_endpoint *endpoint, const struct px_stats_endpoint *counts)
{
    (void)endpoint;
    return counts->connects;
}

static uint64_t get_failures(struct px_endpoint *endpoint, const struct px_stats_endpoint *counts)
{
    (void)endpoint;
    return counts->connect_failures;
}

static uint64_t get_resets(struct px_endpoint *endpoint, const struct px_stats_endpoint *counts)
{
    (void)endpoint;
    return counts->resets;
}

static uint64_t get_open(struct px_endpoint *endpoint, const struct px_stats_endpoint *counts)
{
    (void)endpoint;
    return counts->open;
}

static uint64_t get_ejections(struct px_endpoint *endpoint, const struct px_stats_endpoint *counts)
{
    (void)counts;
    return endpoint->ejections;
}

static uint64_t get_ejected(struct px_endpoint *endpoint, const struct px_stats_endpoint *counts)
{
    (void)counts;
    return atomic_load(&endpoint->ejected);
}

static uint64_t get_idle(struct px_endpoint *endpoint, const struct px_stats_endpoint *counts)
{
    (void)endpoint;
    return counts->idle;
}

static void put_endpoints(struct px_prom *prom, const struct px_snapshot *snapshot,
                          const struct px_stats *stats)
{
    static const struct {
        const char *name, *type, *help;
        endpoint_fn *get;
    } families[] = {
        {"turnout_endpoint_up", "gauge", "1 when the endpoint answers its probes.", get_up},
        {"turnout_ejections_total", "counter",
         "Times that it got no requests for a while, because they failed in a row.", get_ejections},
        {"turnout_endpoint_ejected", "gauge", "1 while it gets none.", get_ejected},
        {"turnout_upstream_requests_total", "counter", "Requests sent, retries included.",
         get_requests},
        {"turnout_upstream_in_flight", "gauge", "Connections in use, of all data loops.",
         get_in_flight},
        {"turnout_upstream_connects_total", "counter", "Connections that were tried.",
         get_connects},
        {"turnout_upstream_connect_failures_total", "counter", "Connections that failed.",
         get_failures},
        {"turnout_upstream_resets_total", "counter", "Connections that broke in use.", get_resets},
        {"turnout_upstream_connections", "gauge", "Open connections.", get_open},
        {"turnout_upstream_connections_idle", "gauge", "Open connections that nobody uses.",
         get_idle},
    };

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        px_prom_family(prom, families[i].name, families[i].type, families[i].help);
        for (uint32_t v = 0; v < snapshot->version_count; v++) {
            const struct px_snapshot_version *version = &snapshot->versions[v];

            for (uint32_t e = 0; e < version->endpoint_count; e++) {
                struct px_endpoint *endpoint = version->endpoints[e];
                char index[16];

                snprintf(index, sizeof(index), "%u", endpoint->index);
                px_prom_count(prom, "", PX_PROM_LABELS("version", version->name, "endpoint", index),
                              families[i].get(endpoint, &stats->endpoints[endpoint->slot]));
            }
        }
    }
}

static void put_versions(struct px_prom *prom, const struct px_snapshot *snapshot)
{
    px_prom_family(prom, "turnout_version_info", "gauge", "What runs in a version.");
    for (uint32_t v = 0; v < snapshot->version_count; v++)
        px_prom_count(prom, "",
                      PX_PROM_LABELS("version", snapshot->versions[v].name, "build",
                                     snapshot->versions[v].build),
                      1);
}

/* Requests that wait, or waited, for an endpoint with less than max_requests. */
static void put_queues(struct px_prom *prom, const struct px_snapshot *snapshot,
                       const struct px_stats *stats)
{
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } families[] = {
        {"turnout_upstream_queued", "gauge", "Requests that wait for max_requests.",
         offsetof(struct px_stats_version, queued)},
        {"turnout_upstream_queue_waits_total", "counter", "Requests that had to wait.",
         offsetof(struct px_stats_version, queue_waits)},
        {"turnout_upstream_queue_timeouts_total", "counter",
         "Requests that waited for queue_timeout in vain.",
         offsetof(struct px_stats_version, queue_timeouts)},
        {"turnout_upstream_queue_full_total", "counter",
         "Requests refused because too many waited already.",
         offsetof(struct px_stats_version, queue_full)},
    };

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        px_prom_family(prom, families[i].name, families[i].type, families[i].help);
        for (uint32_t v = 0; v < snapshot->version_count; v++) {
            const struct px_stats_version *counts = &stats->versions[snapshot->versions[v].stat];
            uint64_t count;

            memcpy(&count, (const char *)counts + families[i].offset, sizeof(count));
            px_prom_count(prom, "", PX_PROM_LABELS("version", snapshot->versions[v].name), count);
        }
    }
}

/* --- mirrors -----------------------------------------------------------------------------------
 */

typedef void(mirror_fn)(struct px_prom *prom, const char *rule, const char *to,
                        const struct px_stats_mirror *mirror);

static void put_selected(struct px_prom *prom, const char *rule, const char *to,
                         const struct px_stats_mirror *mirror)
{
    px_prom_count(prom, "", PX_PROM_LABELS("rule", rule, "to", to), mirror->selected);
}

static void put_sent(struct px_prom *prom, const char *rule, const char *to,
                     const struct px_stats_mirror *mirror)
{
    px_prom_count(prom, "", PX_PROM_LABELS("rule", rule, "to", to), mirror->sent);
}

static void put_answered(struct px_prom *prom, const char *rule, const char *to,
                         const struct px_stats_mirror *mirror)
{
    px_prom_count(prom, "", PX_PROM_LABELS("rule", rule, "to", to), mirror->answered);
}

static void put_queued(struct px_prom *prom, const char *rule, const char *to,
                       const struct px_stats_mirror *mirror)
{
    px_prom_count(prom, "", PX_PROM_LABELS("rule", rule, "to", to), px_stats_mirror_queued(mirror));
}

static void put_mirror_in_flight(struct px_prom *prom, const char *rule, const char *to,
                                 const struct px_stats_mirror *mirror)
{
    px_prom_count(prom, "", PX_PROM_LABELS("rule", rule, "to", to),
                  px_stats_mirror_in_flight(mirror));
}

static void put_dropped(struct px_prom *prom, const char *rule, const char *to,
                        const struct px_stats_mirror *mirror)
{
    for (uint32_t i = 0; i < PX_MIRROR_DROP_COUNT; i++)
        px_prom_count(prom, "",
                      PX_PROM_LABELS("rule", rule, "to", to, "reason", px_mirror_drop_label(i)),
                      mirror->dropped[i]);
}

static void put_failed(struct px_prom *prom, const char *rule, const char *to,
                       const struct px_stats_mirror *mirror)
{
    for (uint32_t i = 0; i < PX_MIRROR_FAIL_COUNT; i++)
        px_prom_count(prom, "",
                      PX_PROM_LABELS("rule", rule, "to", to, "reason", px_mirror_fail_label(i)),
                      mirror->failed[i]);
}

static void put_passed_over(struct px_prom *prom, const char *rule, const char *to,
                            const struct px_stats_mirror *mirror)
{
    for (uint32_t i = 0; i < PX_MIRROR_PASS_COUNT; i++)
        px_prom_count(prom, "",
                      PX_PROM_LABELS("rule", rule, "to", to, "reason", px_mirror_pass_label(i)),
                      mirror->passed_over[i]);
}

static void put_compared(struct px_prom *prom, const char *rule, const char *to,
                         const struct px_stats_mirror *mirror)
{
    for (uint32_t i = 0; i < PX_COMPARE_RESULT_COUNT; i++)
        px_prom_count(prom, "",
                      PX_PROM_LABELS("rule", rule, "to", to, "result", px_compare_result_label(i)),
                      mirror->compared[i]);
}

static void put_compare_waiting(struct px_prom *prom, const char *rule, const char *to,
                                const struct px_stats_mirror *mirror)
{
    px_prom_count(prom, "", PX_PROM_LABELS("rule", rule, "to", to), mirror->compare_waiting);
}

/* Second requests to the version that answers: they are no mirror's. */
static void put_baselines(struct px_prom *prom, const struct px_admin *admin,
                          const struct px_stats *stats)
{
    px_prom_family(prom, "turnout_compare_baseline_total", "counter",
                   "Second requests to the version that answers, by what came of comparing.");
    for (uint32_t r = 0; r < PX_RULES_MAX; r++) {
        for (uint32_t i = 0; stats->baselines[r] && i < PX_COMPARE_RESULT_COUNT; i++)
            px_prom_count(prom, "",
                          PX_PROM_LABELS("rule", px_registry_rule_name(admin->registry, r),
                                         "result", px_compare_result_label(i)),
                          stats->baselines[r]->compared[i]);
    }
}

static void put_mirrors(struct px_prom *prom, const struct px_admin *admin,
                        const struct px_stats *stats)
{
    static const struct {
        const char *name, *type, *help;
        mirror_fn *one;
    } families[] = {
        {"turnout_mirror_selected_total", "counter", "Requests that were to be mirrored.",
         put_selected},
        {"turnout_mirror_sent_total", "counter", "Copies whose first byte went out.", put_sent},
        {"turnout_mirror_answered_total", "counter", "Copies that were answered.", put_answered},
        {"turnout_mirror_dropped_total", "counter", "Copies of which nothing was sent.",
         put_dropped},
        {"turnout_mirror_failed_total", "counter", "Copies that were sent and not answered.",
         put_failed},
        {"turnout_mirror_passed_over_total", "counter",
         "Requests of the rule that were not to be mirrored.", put_passed_over},
        {"turnout_mirror_queued", "gauge", "Copies that wait for a connection.", put_queued},
        {"turnout_mirror_in_flight", "gauge", "Copies that wait for an answer.",
         put_mirror_in_flight},
        {"turnout_compare_total", "counter",
         "Copies whose answers were compared with the user's, by result.", put_compared},
        {"turnout_compare_waiting", "gauge", "Answers that wait to be compared.",
         put_compare_waiting},
    };

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        px_prom_family(prom, families[i].name, families[i].type, families[i].help);
        for (uint32_t r = 0; r < PX_RULES_MAX; r++) {
            for (uint32_t v = 0; v < PX_VERSIONS_MAX; v++) {
                if (stats->mirrors[r][v])
                    families[i].one(prom, px_registry_rule_name(admin->registry, r),
                                    px_registry_version_name(admin->registry, v),
                                    stats->mirrors[r][v]);
            }
        }
    }
    put_baselines(prom, admin, stats);
    px_prom_family(prom, "turnout_mirror_memory_bytes", "gauge",
                   "Bytes that copies hold, of all data loops.");
    px_prom_count(prom, "", PX_PROM_BARE, stats->mirror_memory_bytes);
    px_prom_family(prom, "turnout_mirror_pair_bytes", "gauge",
                   "Bytes that pairs of answers kept by keep_pairs hold, of all data loops.");
    px_prom_count(prom, "", PX_PROM_BARE, stats->mirror_pair_bytes);
}

static void put_retries(struct px_prom *prom, const struct px_stats *stats)
{
    px_prom_family(prom, "turnout_retries_total", "counter", "Requests that were sent again.");
    for (uint32_t i = 0; i < PX_RETRY_COUNT; i++)
        px_prom_count(prom, "", PX_PROM_LABELS("reason", px_retry_label(i)), stats->retries[i]);
}

void px_metrics_put_parts(struct px_prom *prom, const struct px_admin *admin,
                          const struct px_stats *stats)
{
    const struct px_snapshot *snapshot = px_rulebook_snapshot(admin->book);

    put_endpoints(prom, snapshot, stats);
    put_versions(prom, snapshot);
    put_queues(prom, snapshot, stats);
    put_mirrors(prom, admin, stats);
    put_retries(prom, stats);
}

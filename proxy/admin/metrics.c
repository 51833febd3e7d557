#include "lib/base/process.h"
#include "proxy/admin/events.h"
#include "proxy/admin/prom.h"
#include "proxy/admin/resources.h"

#include <stdio.h>
#include <stdlib.h>

struct scrape {
    struct px_prom prom;
    const struct px_admin *admin;
    const struct px_stats *stats;
    const struct px_snapshot *snapshot;
};

/* Requests that no rule was asked for, and those that nobody answered, have an empty name. */
static const char *rule_name(const struct scrape *scrape, uint32_t stat)
{
    const char *name = px_registry_rule_name(scrape->admin->registry, stat);

    return stat == PX_STATS_NO_RULE || !name ? "" : name;
}

static const char *version_name(const struct scrape *scrape, uint32_t stat)
{
    const char *name = px_registry_version_name(scrape->admin->registry, stat);

    return stat == PX_STATS_NOBODY || !name ? "" : name;
}

typedef void(cell_fn)(struct scrape *scrape, const char *rule, const char *version,
                      const struct px_stats_cell *cell);

/* Of the cells that stand for "no rule" and "no version", only those that counted something. */
static bool is_told(const struct px_stats_cell *cell, uint32_t rule, uint32_t version)
{
    uint64_t sum = 0;

    if (!cell || (rule != PX_STATS_NO_RULE && version != PX_STATS_NOBODY))
        return cell != NULL;
    for (uint32_t i = 0; i < PX_STATS_CODES; i++)
        sum += cell->codes[i];
    for (uint32_t i = 0; i < STRATEGY_REASON_COUNT; i++)
        sum += cell->decisions[i];
    return sum > 0;
}

static void each_cell(struct scrape *scrape, cell_fn *one)
{
    for (uint32_t r = 0; r <= PX_RULES_MAX; r++) {
        for (uint32_t v = 0; v <= PX_VERSIONS_MAX; v++) {
            if (is_told(scrape->stats->cells[r][v], r, v))
                one(scrape, rule_name(scrape, r), version_name(scrape, v),
                    scrape->stats->cells[r][v]);
        }
    }
}

static void put_codes(struct scrape *scrape, const char *rule, const char *version,
                      const struct px_stats_cell *cell)
{
    for (uint32_t i = 0; i < PX_STATS_CODES; i++) {
        if (cell->codes[i] > 0)
            px_prom_count(
                &scrape->prom, "",
                PX_PROM_LABELS("rule", rule, "version", version, "code", px_stats_code_label(i)),
                cell->codes[i]);
    }
}

static void put_durations(struct scrape *scrape, const char *rule, const char *version,
                          const struct px_stats_cell *cell)
{
    uint64_t count = 0;
    char bound[32] = "+Inf";

    for (uint32_t i = 0; i < PX_STATS_BUCKETS; i++) {
        count += cell->buckets[i];
        if (i + 1 < PX_STATS_BUCKETS)
            snprintf(bound, sizeof(bound), "%.15g", (double)px_stats_bucket_us[i] / 1e6);
        else
            snprintf(bound, sizeof(bound), "+Inf");
        px_prom_count(&scrape->prom, "_bucket",
                      PX_PROM_LABELS("rule", rule, "version", version, "le", bound), count);
    }
    px_prom_real(&scrape->prom, "_sum", PX_PROM_LABELS("rule", rule, "version", version),
                 (double)cell->duration_us / 1e6);
    px_prom_count(&scrape->prom, "_count", PX_PROM_LABELS("rule", rule, "version", version), count);
}

static void put_decisions(struct scrape *scrape, const char *rule, const char *version,
                          const struct px_stats_cell *cell)
{
    for (uint32_t i = 0; i < STRATEGY_REASON_COUNT; i++) {
        if (cell->decisions[i] > 0)
            px_prom_count(
                &scrape->prom, "",
                PX_PROM_LABELS("rule", rule, "version", version, "reason", strategy_reason_word(i)),
                cell->decisions[i]);
    }
}

static void put_failed_over(struct scrape *scrape, const char *rule, const char *version,
                            const struct px_stats_cell *cell)
{
    for (uint32_t to = 0; to < PX_VERSIONS_MAX; to++) {
        if (cell->failed_over_to[to] > 0)
            px_prom_count(
                &scrape->prom, "",
                PX_PROM_LABELS("rule", rule, "from", version, "to", version_name(scrape, to)),
                cell->failed_over_to[to]);
    }
}

static void put_aborted(struct scrape *scrape, const char *rule, const char *version,
                        const struct px_stats_cell *cell)
{
    px_prom_count(&scrape->prom, "", PX_PROM_LABELS("rule", rule, "version", version),
                  cell->aborted);
}

static void put_tunnels_opened(struct scrape *scrape, const char *rule, const char *version,
                               const struct px_stats_cell *cell)
{
    px_prom_count(&scrape->prom, "", PX_PROM_LABELS("rule", rule, "version", version),
                  cell->tunnels_opened);
}

static void put_spilled(struct scrape *scrape, const char *rule, const char *version,
                        const struct px_stats_cell *cell)
{
    if (cell->spilled > 0)
        px_prom_count(&scrape->prom, "", PX_PROM_LABELS("rule", rule, "version", version),
                      cell->spilled);
}

static void put_bytes_in(struct scrape *scrape, const char *rule, const char *version,
                         const struct px_stats_cell *cell)
{
    px_prom_count(&scrape->prom, "", PX_PROM_LABELS("rule", rule, "version", version),
                  cell->client_bytes_in);
}

static void put_bytes_out(struct scrape *scrape, const char *rule, const char *version,
                          const struct px_stats_cell *cell)
{
    px_prom_count(&scrape->prom, "", PX_PROM_LABELS("rule", rule, "version", version),
                  cell->client_bytes_out);
}

static void put_traffic(struct scrape *scrape)
{
    static const struct {
        const char *name, *type, *help;
        cell_fn *one;
    } families[] = {
        {"turnout_requests_total", "counter", "Requests by rule, version and status code.",
         put_codes},
        {"turnout_request_duration_seconds", "histogram",
         "From the complete request head to the last byte of the answer, or of a 101.",
         put_durations},
        {"turnout_decisions_total", "counter", "Why requests went where they went.", put_decisions},
        {"turnout_failed_over_total", "counter",
         "Requests meant for a version that could not answer, answered by another.",
         put_failed_over},
        {"turnout_spilled_total", "counter",
         "Requests of users whose own endpoint was gone, sent to another (on_missing: spill).",
         put_spilled},
        {"turnout_responses_aborted_total", "counter", "Answers broken off after their head.",
         put_aborted},
        {"turnout_tunnels_opened_total", "counter", "Connections that became tunnels (101).",
         put_tunnels_opened},
        {"turnout_request_bytes_total", "counter", "Bytes received from clients.", put_bytes_in},
        {"turnout_response_bytes_total", "counter", "Bytes sent to clients.", put_bytes_out},
    };

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        px_prom_family(&scrape->prom, families[i].name, families[i].type, families[i].help);
        each_cell(scrape, families[i].one);
    }
}

static void put_shares(struct scrape *scrape)
{
    px_prom_family(&scrape->prom, "turnout_share_target_ratio", "gauge",
                   "Share of a rule's requests that a version is to get.");
    for (uint32_t r = 0; r < scrape->snapshot->rule_count; r++) {
        const struct px_snapshot_rule *rule = &scrape->snapshot->rules[r];
        uint64_t sum = 0;

        for (uint32_t i = 0; i < rule->version_count; i++)
            sum += rule->weights[i];
        for (uint32_t i = 0; i < rule->version_count; i++)
            px_prom_real(&scrape->prom, "",
                         PX_PROM_LABELS("rule", rule->rule->name, "version",
                                        scrape->snapshot->versions[rule->versions[i]].name),
                         (double)rule->weights[i] / (double)sum);
    }
}

typedef int64_t(gauge_fn)(const struct px_stats_cell *cell);

static int64_t get_in_flight(const struct px_stats_cell *cell)
{
    return cell->in_flight;
}

static int64_t get_tunnels(const struct px_stats_cell *cell)
{
    return (int64_t)cell->tunnels;
}

/* Of each version that some rule names, over all rules. */
static void put_gauge(struct scrape *scrape, const char *name, const char *help, gauge_fn *get)
{
    px_prom_family(&scrape->prom, name, "gauge", help);
    for (uint32_t v = 0; v < PX_VERSIONS_MAX; v++) {
        int64_t sum = 0;
        bool is_used = false;

        for (uint32_t r = 0; r < PX_RULES_MAX; r++) {
            if (!scrape->stats->cells[r][v])
                continue;
            is_used = true;
            sum += get(scrape->stats->cells[r][v]);
        }
        if (is_used)
            px_prom_real(&scrape->prom, "", PX_PROM_LABELS("version", version_name(scrape, v)),
                         (double)sum);
    }
}

static void put_followers(struct scrape *scrape)
{
    struct px_prom *prom = &scrape->prom;
    struct tn_api_events_counts counts = px_events_counts(scrape->admin->events);

    px_prom_family(prom, "turnout_event_readers", "gauge", "Who follows /v1/events.");
    px_prom_count(prom, "", PX_PROM_BARE, counts.readers);
    px_prom_family(prom, "turnout_event_readers_refused_total", "counter",
                   "Readers of /v1/events who were one too many.");
    px_prom_count(prom, "", PX_PROM_BARE, counts.refused);
    px_prom_family(prom, "turnout_event_readers_slow_total", "counter",
                   "Streams of /v1/events that were ended because their reader lagged.");
    px_prom_count(prom, "", PX_PROM_BARE, counts.slow);
}

static void put_process(struct scrape *scrape)
{
    struct px_prom *prom = &scrape->prom;
    const struct px_stats *stats = scrape->stats;
    px_prom_family(prom, "turnout_client_connections", "gauge", "Open client connections.");
    px_prom_count(prom, "", PX_PROM_BARE, stats->client_connections);
    px_prom_family(prom, "turnout_client_connections_total", "counter",
                   "Client connections that were accepted.");
    px_prom_count(prom, "", PX_PROM_BARE, stats->client_connections_total);
    px_prom_family(prom, "turnout_client_refused_total", "counter",
                   "Client connections over the limit.");
    px_prom_count(prom, "", PX_PROM_BARE, stats->client_refused);
    px_prom_family(prom, "turnout_memory_refused_total", "counter",
                   "Connections and requests refused at the memory limit.");
    px_prom_count(prom, "", PX_PROM_BARE, stats->memory_refused);
    px_prom_family(prom, "turnout_memory_limit_bytes", "gauge",
                   "From where on new work is refused; 0: no limit.");
    px_prom_count(prom, "", PX_PROM_BARE, scrape->admin->memory_limit_bytes);
    px_prom_family(prom, "turnout_memory_used_bytes", "gauge",
                   "Resident memory without files: what the limit is held against.");
    px_prom_count(prom, "", PX_PROM_BARE, tn_process_memory());
    px_prom_family(prom, "turnout_accept_failures_total", "counter",
                   "Times that a connection waited for want of descriptors or memory.");
    px_prom_count(prom, "", PX_PROM_BARE, stats->accept_failures);
    px_prom_family(prom, "turnout_client_slow_readers_total", "counter",
                   "Client connections closed because their answers were taken too slowly.");
    px_prom_count(prom, "", PX_PROM_BARE, stats->client_slow_readers);
    px_prom_family(prom, "turnout_log_dropped_total", "counter",
                   "Access log lines that a blocked or full log lost.");
    px_prom_count(prom, "", PX_PROM_BARE, stats->log_dropped);
    px_prom_family(prom, "turnout_build_info", "gauge", "Version of Turnout.");
    px_prom_count(prom, "", PX_PROM_LABELS("version", TURNOUT_VERSION), 1);
    px_prom_family(prom, "process_start_time_seconds", "gauge",
                   "Start of the process, in seconds since 1970.");
    px_prom_real(prom, "", PX_PROM_BARE, (double)(scrape->admin->started_wall_ns / 1000000) / 1000);
}

char *px_metrics_text(const struct px_admin *admin, const struct px_stats *stats)
{
    struct scrape scrape = {
        .admin = admin, .stats = stats, .snapshot = px_rulebook_snapshot(admin->book)};

    put_traffic(&scrape);
    put_shares(&scrape);
    put_gauge(&scrape, "turnout_requests_in_flight",
              "Requests that were decided and are not yet answered, and open tunnels.",
              get_in_flight);
    put_gauge(&scrape, "turnout_tunnels", "Open tunnels, such as WebSockets.", get_tunnels);
    px_metrics_put_verdicts(&scrape.prom, admin, stats);
    px_metrics_put_parts(&scrape.prom, admin, stats);
    px_metrics_put_rules(&scrape.prom, admin, stats);
    put_followers(&scrape);
    put_process(&scrape);
    return px_prom_finish(&scrape.prom);
}

static void render(struct px_admin *admin, struct tn_api_call *call, const struct px_stats *stats)
{
    char *text = px_metrics_text(admin, stats);

    if (text)
        tn_api_answer(call, 200, "text/plain; version=0.0.4; charset=utf-8",
                      (struct tn_str){text, strlen(text)});
    else
        tn_api_problem(call, 503, "out of memory");
    free(text);
}

void px_admin_get_metrics(struct tn_api_call *call, void *context)
{
    px_admin_with_stats(context, call, render);
}

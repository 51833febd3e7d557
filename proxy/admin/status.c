#include "proxy/admin/finding.h"
#include "proxy/admin/modes.h"
#include "proxy/admin/resources.h"

#include <unistd.h>

static json_t *endpoint_json(const struct px_admin *admin, struct px_endpoint *endpoint)
{
    const char *detail = admin->health ? px_health_detail(admin->health, endpoint) : "";
    const char *until = px_mode_until(px_rulebook_modes(admin->book), endpoint->label);

    return json_pack("{s:i, s:s, s:b, s:b, s:b, s:s, s:s?, s:i, s:i, s:s}", "index",
                     endpoint->index, "address", endpoint->address.text, "up",
                     atomic_load(&endpoint->up), "probed", atomic_load(&endpoint->probed),
                     "ejected", atomic_load(&endpoint->ejected), "mode",
                     px_mode_word(atomic_load(&endpoint->mode)), "until", until, "in_flight",
                     atomic_load(&endpoint->in_flight), "tunnels", atomic_load(&endpoint->tunnels),
                     "detail", detail);
}

static json_t *version_json(const struct px_admin *admin, const struct px_snapshot_version *version)
{
    json_t *endpoints = json_array();
    uint32_t healthy = 0;

    for (uint32_t i = 0; i < version->endpoint_count; i++) {
        healthy += atomic_load(&version->endpoints[i]->up);
        tn_json_append(&endpoints, endpoint_json(admin, version->endpoints[i]));
    }
    return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:i, s:o}", "name", version->name, "build",
                     version->build, "mode", px_mode_word(version->mode), "until",
                     px_mode_until(px_rulebook_modes(admin->book), version->name), "shadowed_since",
                     px_rulebook_shadowed_since(admin->book, version->name), "healthy", healthy,
                     "endpoints", endpoints);
}

json_t *px_status_json(const struct px_admin *admin)
{
    const struct px_snapshot *snapshot = px_rulebook_snapshot(admin->book);
    struct px_rulebook_state state = px_rulebook_state(admin->book);
    uint64_t now_ns = admin->clock->monotonic_ns(admin->clock->context);
    const char *store = px_rulebook_config(admin->book)->store_file;
    char at[TN_RFC3339_SIZE];
    char started[TN_RFC3339_SIZE];
    json_t *versions = json_array();

    for (uint32_t i = 0; i < snapshot->version_count; i++)
        tn_json_append(&versions, version_json(admin, &snapshot->versions[i]));
    return json_pack("{s:s, s:s, s:i, s:s, s:I, s:s, s:b, s:I, s:s, s:b, s:s?, s:i, s:o, s:o}",
                     "name", "turnout", "version", TURNOUT_VERSION, "pid", (int)getpid(),
                     "started_at", tn_clock_rfc3339(admin->started_wall_ns, started), "uptime_s",
                     (json_int_t)((now_ns - admin->started_ns) / 1000000000), "state",
                     admin->is_stopping ? "stopping" : "running", "ready",
                     admin->is_ready && !admin->is_stopping, "revision", (json_int_t)state.revision,
                     "applied_at", tn_clock_rfc3339(state.applied_wall_ns, at), "durable",
                     state.is_durable, "store", store, "loops", (int)admin->loop_count, "versions",
                     versions, "ttls", px_rulebook_ttls(admin->book));
}

void px_admin_get_status(struct tn_api_call *call, void *context)
{
    struct px_admin *admin = context;

    px_admin_add_etag(admin, call);
    tn_api_answer_json(call, 200, px_status_json(admin));
}

/* --- /status of the metrics listener: what is summed over all proxies ---------------------------
 */

static json_t *codes_json(const struct px_stats_cell *cell)
{
    json_t *codes = json_object();

    for (uint32_t i = 0; i < PX_STATS_CODES; i++) {
        if (cell->codes[i] > 0)
            tn_json_set(&codes, px_stats_code_label(i), json_integer((json_int_t)cell->codes[i]));
    }
    return codes;
}

static json_t *cell_json(const char *version, const struct px_stats_cell *cell)
{
    json_t *buckets = json_array();
    json_t *decisions = json_object();

    for (uint32_t i = 0; i < PX_STATS_BUCKETS; i++)
        tn_json_append(&buckets, json_integer((json_int_t)cell->buckets[i]));
    for (uint32_t i = 0; i < STRATEGY_REASON_COUNT; i++) {
        if (cell->decisions[i] > 0)
            tn_json_set(&decisions, strategy_reason_word(i),
                        json_integer((json_int_t)cell->decisions[i]));
    }
    return json_pack("{s:s?, s:o, s:o, s:o, s:I, s:I, s:I, s:I}", "version", version, "codes",
                     codes_json(cell), "decisions", decisions, "buckets", buckets, "duration_us",
                     (json_int_t)cell->duration_us, "failed_over", (json_int_t)cell->failed_over,
                     "in_flight", (json_int_t)cell->in_flight, "tunnels",
                     (json_int_t)cell->tunnels);
}

static json_t *rule_counts_json(const struct px_admin *admin, const struct px_stats *stats,
                                const struct px_snapshot_rule *rule)
{
    const struct px_snapshot *snapshot = px_rulebook_snapshot(admin->book);
    const struct px_stats_trial *trial = px_stats_trial(stats, rule);
    json_t *findings = json_array();
    json_t *cells = json_array();

    for (uint32_t v = 0; v <= PX_VERSIONS_MAX; v++) {
        const char *name = px_registry_version_name(admin->registry, v);

        if (stats->cells[rule->stat][v])
            tn_json_append(
                &cells, cell_json(v == PX_STATS_NOBODY ? NULL : name, stats->cells[rule->stat][v]));
    }
    for (uint32_t i = 0; trial && i < rule->version_count; i++) {
        json_t *finding = px_finding_json(rule, trial, i);

        tn_json_set(&finding, "version", json_string(snapshot->versions[rule->versions[i]].name));
        tn_json_append(&findings, finding);
    }
    return json_pack("{s:s, s:o, s:o, s:o}", "name", rule->rule->name, "versions", cells,
                     "findings", findings, "split",
                     trial ? px_split_json(rule, trial) : json_null());
}

static void render_full_status(struct px_admin *admin, struct tn_api_call *call,
                               const struct px_stats *stats)
{
    const struct px_snapshot *snapshot = px_rulebook_snapshot(admin->book);
    json_t *status = px_status_json(admin);
    json_t *rules = json_array();
    json_t *bounds = json_array();

    for (uint32_t i = 0; i < snapshot->rule_count; i++)
        tn_json_append(&rules, rule_counts_json(admin, stats, &snapshot->rules[i]));
    for (uint32_t i = 0; i + 1 < PX_STATS_BUCKETS; i++)
        tn_json_append(&bounds, json_integer((json_int_t)px_stats_bucket_us[i]));
    tn_json_set(&status, "rules", rules);
    tn_json_set(&status, "bucket_us", bounds);
    tn_api_answer_json(call, 200, status);
}

void px_admin_get_full_status(struct tn_api_call *call, void *context)
{
    px_admin_with_stats(context, call, render_full_status);
}

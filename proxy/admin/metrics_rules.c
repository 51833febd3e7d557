#include "proxy/admin/prom.h"
#include "proxy/admin/resources.h"

/* Seconds since 1970, to the millisecond: what a double holds and a person reads. */
static double seconds(uint64_t wall_ns)
{
    return (double)(wall_ns / 1000000) / 1000;
}

/* What abort would go back to: whether that could answer is worth an alert of its own. */
static void put_stable(struct px_prom *prom, const struct px_snapshot *snapshot)
{
    px_prom_family(prom, "turnout_rule_stable", "gauge",
                   "1 for the version that abort of this rule goes back to.");
    for (uint32_t r = 0; r < snapshot->rule_count; r++) {
        const struct px_rule *rule = snapshot->rules[r].rule;

        if (rule->stable)
            px_prom_count(prom, "", PX_PROM_LABELS("rule", rule->name, "version", rule->stable), 1);
    }
}

void px_metrics_put_rules(struct px_prom *prom, const struct px_admin *admin,
                          const struct px_stats *stats)
{
    struct px_rulebook_state state = px_rulebook_state(admin->book);

    put_stable(prom, px_rulebook_snapshot(admin->book));
    px_prom_family(prom, "turnout_rules_revision", "gauge",
                   "Lowest rules revision that a data loop gives to new requests.");
    px_prom_count(prom, "", PX_PROM_BARE, stats->revision);
    px_prom_family(prom, "turnout_rules_applied_timestamp_seconds", "gauge",
                   "When the rules revision was made.");
    px_prom_real(prom, "", PX_PROM_BARE, seconds(state.applied_wall_ns));
    px_prom_family(prom, "turnout_ttl_expiry_timestamp_seconds", "gauge",
                   "When the next change with a ttl goes back by itself; 0: none is to.");
    px_prom_real(prom, "", PX_PROM_BARE, seconds(px_rulebook_next_ttl(admin->book)));
    px_prom_family(prom, "turnout_store_durable", "gauge",
                   "1 when the rules in force are on the disk.");
    px_prom_count(prom, "", PX_PROM_BARE, state.is_durable);
    /* Nothing to alert about where nobody asked for a store: no sample then. */
    px_prom_family(prom, "turnout_store_connected", "gauge", "1 when there is a store.");
    if (state.has_store)
        px_prom_count(prom, "", PX_PROM_BARE, 1);
    px_prom_family(prom, "turnout_config_last_reload_successful", "gauge",
                   "1 when the last reload took the file; the start counts as one.");
    px_prom_count(prom, "", PX_PROM_BARE, state.is_reload_ok);
    px_prom_family(prom, "turnout_config_last_reload_success_timestamp_seconds", "gauge",
                   "When the file was last taken.");
    px_prom_real(prom, "", PX_PROM_BARE, seconds(state.reloaded_wall_ns));
    px_prom_family(prom, "turnout_admin_refused_tokens_total", "counter",
                   "Wrong tokens that were shown to the admin interface.");
    px_prom_count(prom, "", PX_PROM_BARE, admin->refused_tokens);
}

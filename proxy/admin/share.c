#include "proxy/admin/finding.h"
#include "proxy/admin/resources.h"

#include <string.h>

#define PPM 1000000

/* Bounds from the start of the sequence, simulated over all weights (docs/reference): two versions
 * 1.0, three 1.9, four 2.7, five 3.3; each further version adds at most one. */
double px_share_bound(uint32_t positive_count)
{
    static const double bounds[] = {0, 0, 1.0, 1.9, 2.7, 3.3};
    const uint32_t known = sizeof(bounds) / sizeof(bounds[0]);

    return positive_count < known ? bounds[positive_count]
                                  : bounds[known - 1] + (positive_count - known + 1);
}

double px_share_quantile_ms(const uint64_t *buckets, double part)
{
    uint64_t total = 0;
    double wanted;
    double before = 0;

    for (uint32_t i = 0; i < PX_STATS_BUCKETS; i++)
        total += buckets[i];
    if (total == 0)
        return -1;
    wanted = part * (double)total;
    for (uint32_t i = 0; i + 1 < PX_STATS_BUCKETS; i++) {
        double count = (double)buckets[i];
        double low = i == 0 ? 0 : (double)px_stats_bucket_us[i - 1];
        double high = (double)px_stats_bucket_us[i];

        if (count > 0 && before + count >= wanted)
            return (low + (high - low) * (wanted - before) / count) / 1000;
        before += count;
    }
    return (double)px_stats_bucket_us[PX_STATS_BUCKETS - 2] / 1000; /* that, or more */
}

/* What was counted since the weights were set. */
static void since(const struct px_stats_cell *now, const struct px_stats_cell *base,
                  struct px_stats_cell *ret_cell)
{
    memset(ret_cell, 0, sizeof(*ret_cell));
    if (!now)
        return;
    *ret_cell = *now;
    if (!base)
        return;
    for (uint32_t i = 0; i < PX_STATS_CODES; i++)
        ret_cell->codes[i] -= base->codes[i];
    for (uint32_t i = 0; i < STRATEGY_REASON_COUNT; i++)
        ret_cell->decisions[i] -= base->decisions[i];
    for (uint32_t i = 0; i < PX_STATS_BUCKETS; i++)
        ret_cell->buckets[i] -= base->buckets[i];
    ret_cell->failed_over -= base->failed_over;
}

/* Charged to the version that was asked for, whoever answered. */
uint64_t px_share_count_wanted(const struct px_stats_cell *cell)
{
    uint64_t count = cell->failed_over;

    for (uint32_t i = 0; i < STRATEGY_REASON_COUNT; i++) {
        if (i != STRATEGY_REASON_FAILOVER)
            count += cell->decisions[i];
    }
    return count;
}

uint64_t px_share_count_errors(const struct px_stats_cell *cell)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < PX_STATS_CODES; i++) {
        if (px_stats_code_label(i)[0] == '5')
            count += cell->codes[i];
    }
    return count;
}

static json_t *number_or_null(double value, bool is_known)
{
    return is_known ? json_real(value) : json_null();
}

static json_t *ms_json(const struct px_stats_cell *cell, double part)
{
    double ms = px_share_quantile_ms(cell->buckets, part);

    /* three decimals: microseconds are what was measured */
    return number_or_null((double)(int64_t)(ms * 1000 + 0.5) / 1000, ms >= 0);
}

struct rule_view {
    const struct px_snapshot *snapshot;
    const struct px_snapshot_rule *rule;
    struct px_stats_cell cells[PX_VERSIONS_MAX]; /* by place in the rule */
    struct px_stats_cell nobody;
    const struct px_stats_trial *trial; /* NULL: nothing to find out */
    uint64_t total;
    uint64_t weight_sum;
    uint32_t positive_count;
};

static void look(const struct px_admin *admin, const struct px_stats *stats,
                 const struct px_snapshot *snapshot, uint32_t place, struct rule_view *ret_view)
{
    const struct px_snapshot_rule *rule = &snapshot->rules[place];
    const struct px_baseline *base = px_rulebook_baseline(admin->book, rule->stat);
    struct px_stats_cell *const *cells = stats->cells[rule->stat];

    *ret_view = (struct rule_view){
        .snapshot = snapshot, .rule = rule, .trial = px_stats_trial(stats, rule)};
    for (uint32_t i = 0; i < rule->version_count; i++) {
        uint32_t stat = snapshot->versions[rule->versions[i]].stat;

        since(cells[stat], base ? &base->cells[stat] : NULL, &ret_view->cells[i]);
        ret_view->total += px_share_count_wanted(&ret_view->cells[i]);
        ret_view->weight_sum += rule->weights[i];
        ret_view->positive_count += rule->weights[i] > 0;
    }
    since(cells[PX_STATS_NOBODY], base ? &base->cells[PX_STATS_NOBODY] : NULL, &ret_view->nobody);
}

/* Each is charged to the version that should have answered; nobody's are those that none should. */
static uint64_t count_unanswered(const struct rule_view *view)
{
    uint64_t count = view->nobody.decisions[STRATEGY_REASON_UNAVAILABLE];

    for (uint32_t i = 0; i < view->rule->version_count; i++)
        count += view->cells[i].decisions[STRATEGY_REASON_UNAVAILABLE];
    return count;
}

static json_t *version_json(const struct rule_view *view, uint32_t place)
{
    const struct px_snapshot_rule *rule = view->rule;
    const struct px_stats_cell *cell = &view->cells[place];
    const struct px_snapshot_version *version = &view->snapshot->versions[rule->versions[place]];
    uint64_t requests = px_share_count_wanted(cell);
    bool is_dealt = rule->rule->sticky.by == PX_STICKY_NONE;

    return json_pack(
        "{s:s, s:s, s:i, s:I, s:I, s:o, s:o, s:I, s:I, s:o, s:o, s:o}", "name", version->name,
        "build", version->build, "weight", (int)rule->weights[place], "target_ppm",
        (json_int_t)(((uint64_t)rule->weights[place] * PPM + view->weight_sum / 2) /
                     view->weight_sum),
        "requests", (json_int_t)requests, "achieved_ppm",
        view->total ? json_integer((json_int_t)((requests * PPM + view->total / 2) / view->total))
                    : json_null(),
        "bound", number_or_null(px_share_bound(view->positive_count), is_dealt), "errors",
        (json_int_t)px_share_count_errors(cell), "failed_over", (json_int_t)cell->failed_over,
        "p50_ms", ms_json(cell, 0.5), "p99_ms", ms_json(cell, 0.99), "finding",
        view->trial ? px_finding_json(rule, view->trial, place) : json_null());
}

static void mirror_since(const struct px_stats_mirror *now, const struct px_stats_mirror *base,
                         struct px_stats_mirror *ret_mirror)
{
    memset(ret_mirror, 0, sizeof(*ret_mirror));
    if (!now)
        return;
    *ret_mirror = *now;
    if (!base)
        return;
    ret_mirror->selected -= base->selected;
    ret_mirror->sent -= base->sent;
    ret_mirror->answered -= base->answered;
    for (uint32_t i = 0; i < PX_MIRROR_DROP_COUNT; i++)
        ret_mirror->dropped[i] -= base->dropped[i];
    for (uint32_t i = 0; i < PX_MIRROR_FAIL_COUNT; i++)
        ret_mirror->failed[i] -= base->failed[i];
    for (uint32_t i = 0; i < PX_MIRROR_PASS_COUNT; i++)
        ret_mirror->passed_over[i] -= base->passed_over[i];
}

json_t *px_share_mirror_json(const struct px_admin *admin, const struct px_stats *stats,
                             const struct px_snapshot_rule *rule,
                             const struct px_snapshot_mirror *mirror)
{
    const struct px_baseline *base = px_rulebook_baseline(admin->book, rule->stat);
    uint32_t to = px_rulebook_snapshot(admin->book)->versions[mirror->to].stat;
    json_t *dropped = json_object();
    json_t *failed = json_object();
    json_t *passed = json_object();
    struct px_stats_mirror counts;

    mirror_since(stats->mirrors[rule->stat][to], base ? &base->mirrors[to] : NULL, &counts);
    for (uint32_t i = 0; i < PX_MIRROR_DROP_COUNT; i++)
        tn_json_set(&dropped, px_mirror_drop_label(i), json_integer((json_int_t)counts.dropped[i]));
    for (uint32_t i = 0; i < PX_MIRROR_FAIL_COUNT; i++)
        tn_json_set(&failed, px_mirror_fail_label(i), json_integer((json_int_t)counts.failed[i]));
    for (uint32_t i = 0; i < PX_MIRROR_PASS_COUNT; i++)
        tn_json_set(&passed, px_mirror_pass_label(i),
                    json_integer((json_int_t)counts.passed_over[i]));
    return json_pack("{s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "to", mirror->mirror->to,
                     "percent", (double)mirror->mirror->ppm / 10000, "selected",
                     (json_int_t)counts.selected, "sent", (json_int_t)counts.sent, "answered",
                     (json_int_t)counts.answered, "queued",
                     (json_int_t)px_stats_mirror_queued(&counts), "in_flight",
                     (json_int_t)px_stats_mirror_in_flight(&counts), "dropped", dropped, "failed",
                     failed, "passed_over", passed);
}

static json_t *sticky_json(const struct px_sticky *sticky)
{
    switch (sticky->by) {
    case PX_STICKY_COOKIE:
        return json_string("cookie");
    case PX_STICKY_HEADER:
        return json_sprintf("header:%s", sticky->name);
    case PX_STICKY_OWN_COOKIE:
        return json_sprintf("cookie:%s", sticky->name);
    case PX_STICKY_CLIENT_IP:
        return json_string("client_ip");
    default:
        return json_null();
    }
}

static json_t *rule_json(const struct px_admin *admin, const struct px_stats *stats,
                         const struct rule_view *view)
{
    const struct px_baseline *base = px_rulebook_baseline(admin->book, view->rule->stat);
    uint64_t since_ns = base && base->since_wall_ns ? base->since_wall_ns : admin->started_wall_ns;
    json_t *versions = json_array();
    json_t *mirrors = json_array();
    char at[TN_RFC3339_SIZE];

    for (uint32_t i = 0; i < view->rule->version_count; i++)
        tn_json_append(&versions, version_json(view, i));
    for (uint32_t i = 0; i < view->rule->mirror_count; i++)
        tn_json_append(&mirrors,
                       px_share_mirror_json(admin, stats, view->rule, &view->rule->mirrors[i]));
    json_t *rule = json_pack(
        "{s:s, s:s?, s:o, s:s, s:I, s:o, s:o, s:o}", "name", view->rule->rule->name, "stable",
        view->rule->rule->stable, "sticky", sticky_json(&view->rule->rule->sticky), "since",
        tn_clock_rfc3339(since_ns, at), "unanswered", (json_int_t)count_unanswered(view),
        "versions", versions, "mirrors", mirrors, "split",
        view->trial ? px_split_json(view->rule, view->trial) : json_null());
    if (view->rule->rule->is_switched_off)
        tn_json_set(&rule, "switched_off", json_true());
    return rule;
}

json_t *px_share_json(const struct px_admin *admin, const struct px_stats *stats)
{
    const struct px_snapshot *snapshot = px_rulebook_snapshot(admin->book);
    json_t *rules = json_array();

    for (uint32_t i = 0; i < snapshot->rule_count; i++) {
        struct rule_view view;

        look(admin, stats, snapshot, i, &view);
        tn_json_append(&rules, rule_json(admin, stats, &view));
    }
    return json_pack("{s:I, s:o}", "revision", (json_int_t)snapshot->revision, "rules", rules);
}

static void render(struct px_admin *admin, struct tn_api_call *call, const struct px_stats *stats)
{
    px_admin_add_etag(admin, call);
    tn_api_answer_json(call, 200, px_share_json(admin, stats));
}

void px_admin_get_share(struct tn_api_call *call, void *context)
{
    px_admin_with_stats(context, call, render);
}

#include "proxy/admin/resources.h"

#include "lib/api/query.h"
#include "proxy/config/units.h"

#include <errno.h>
#include <stdlib.h>

#define MINUTES_MAX (PX_LEDGER_MINUTES - 1)

_Static_assert(PX_LEDGER_BUCKETS == PX_STATS_BUCKETS, "one quantile for both");

struct question {
    uint32_t minutes; /* PX_LEDGER_ALL: since the comparison was begun */
    char rule[128];   /* "": every rule */
};

/* --- parts -------------------------------------------------------------------------------------
 */

static json_t *results_json(const uint64_t *counts)
{
    json_t *object = json_object();

    for (uint32_t i = 0; i < PX_COMPARE_RESULT_COUNT; i++)
        tn_json_set(&object, px_compare_result_label(i), json_integer((json_int_t)counts[i]));
    return object;
}

/* Different or not answered, of all that were compared or should have been; null of none. */
static json_t *failing_json(const uint64_t *counts)
{
    uint64_t failing = counts[PX_COMPARE_STATUS] + counts[PX_COMPARE_HEADERS] +
                       counts[PX_COMPARE_BODY] + counts[PX_COMPARE_UNANSWERED];
    uint64_t all = failing + counts[PX_COMPARE_SAME];

    return all ? json_real((double)failing / (double)all) : json_null();
}

static json_t *quantile_json(const uint64_t *buckets, double part)
{
    double ms = px_share_quantile_ms(buckets, part);

    return ms < 0 ? json_null() : json_real((double)(int64_t)(ms * 1000 + 0.5) / 1000);
}

static json_t *latency_json(const uint64_t *primary, const uint64_t *shadow)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "primary_p50_ms", quantile_json(primary, 0.5),
                     "primary_p99_ms", quantile_json(primary, 0.99), "shadow_p50_ms",
                     quantile_json(shadow, 0.5), "shadow_p99_ms", quantile_json(shadow, 0.99));
}

static json_t *hash_json(uint64_t hash)
{
    return hash ? json_sprintf("%016llx", (unsigned long long)hash) : json_null();
}

static json_t *time_json(uint64_t seconds)
{
    char at[TN_RFC3339_SIZE];

    return json_string(tn_clock_rfc3339(seconds * 1000000000, at));
}

static json_t *field_json(const struct px_ledger *ledger, const struct px_ledger_group *group,
                          const struct px_ledger_field *field, uint32_t minutes)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:b, s:o, s:o, s:s, s:o, s:o}", "kind",
                     px_compare_kind_label(field->kind), "path", field->path, "count",
                     (json_int_t)px_count_window(ledger, &field->differs, minutes), "baseline",
                     (json_int_t)field->baseline.total, "noise", px_ledger_is_noise(group, field),
                     "first", time_json(field->first_s), "last", time_json(field->last_s),
                     "request_id", field->request_id, "primary", hash_json(field->primary),
                     "shadow", hash_json(field->shadow));
}

/* --- groups ------------------------------------------------------------------------------------
 */

/* What all groups of a mirror add up to. */
struct total {
    uint64_t results[PX_COMPARE_RESULT_COUNT];
    uint64_t skipped[PX_COMPARE_SKIP_COUNT];
    uint64_t primary[PX_LEDGER_BUCKETS];
    uint64_t shadow[PX_LEDGER_BUCKETS];
    uint64_t baselines, baseline_other;
};

static json_t *group_json(const struct px_ledger *ledger, const struct px_ledger_group *group,
                          uint32_t minutes, struct total *total)
{
    uint64_t results[PX_COMPARE_RESULT_COUNT];
    uint64_t primary[PX_LEDGER_BUCKETS];
    uint64_t shadow[PX_LEDGER_BUCKETS];
    json_t *fields = json_array();

    px_ledger_results(ledger, group, minutes, results);
    for (uint32_t i = 0; i < PX_COMPARE_RESULT_COUNT; i++)
        total->results[i] += results[i];
    for (uint32_t i = 0; i < PX_COMPARE_SKIP_COUNT; i++)
        total->skipped[i] += px_count_window(ledger, &group->skipped[i], minutes);
    for (uint32_t i = 0; i < PX_LEDGER_BUCKETS; i++) {
        primary[i] = px_count_window(ledger, &group->primary_us[i], minutes);
        shadow[i] = px_count_window(ledger, &group->shadow_us[i], minutes);
        total->primary[i] += primary[i];
        total->shadow[i] += shadow[i];
    }
    total->baselines += group->baselines.total;
    total->baseline_other += group->baseline_other.total;
    for (uint32_t i = 0; i < group->field_count; i++) {
        if (px_count_window(ledger, &group->fields[i].differs, minutes) > 0)
            tn_json_append(&fields, field_json(ledger, group, &group->fields[i], minutes));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "name",
                     group->name[0] ? json_string(group->name) : json_null(), "results",
                     results_json(results), "failing", failing_json(results), "fields", fields,
                     "other_fields",
                     (json_int_t)px_count_window(ledger, &group->field_other, minutes), "baselines",
                     (json_int_t)group->baselines.total, "latency", latency_json(primary, shadow));
}

static json_t *compare_json(struct px_ledger *ledger, const struct px_stats_mirror *counters,
                            uint32_t minutes)
{
    struct total total = {0};
    json_t *groups = json_array();
    json_t *skipped = json_object();

    for (uint32_t i = 0; i < ledger->group_count; i++)
        tn_json_append(&groups, group_json(ledger, ledger->groups[i], minutes, &total));
    for (uint32_t i = 0; i < PX_COMPARE_SKIP_COUNT; i++)
        tn_json_set(&skipped, px_compare_skip_label(i), json_integer((json_int_t)total.skipped[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:o, s:{s:I, s:I}, s:o, s:I}", "since",
                     time_json(ledger->since_s), "results", results_json(total.results), "failing",
                     failing_json(total.results), "skipped", skipped, "waiting",
                     (json_int_t)counters->compare_waiting, "latency",
                     latency_json(total.primary, total.shadow), "baseline", "compared",
                     (json_int_t)total.baselines, "skipped", (json_int_t)total.baseline_other,
                     "groups", groups, "lost", (json_int_t)ledger->lost);
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static json_t *mirror_json(const struct px_admin *admin, const struct px_stats *stats,
                           const struct px_snapshot_rule *rule,
                           const struct px_snapshot_mirror *mirror, uint32_t minutes)
{
    const struct px_snapshot_version *to = &px_rulebook_snapshot(admin->book)->versions[mirror->to];
    struct px_ledger *ledger = stats->ledgers[rule->stat][to->stat];
    uint64_t now_s = admin->clock->wall_ns(admin->clock->context) / 1000000000;
    bool is_compared = mirror->mirror->compare && ledger;

    if (is_compared)
        px_ledger_advance(ledger, now_s);
    return json_pack(
        "{s:s, s:s, s:s, s:o, s:o}", "rule", rule->rule->name, "to", to->name, "build", to->build,
        "mirror", px_share_mirror_json(admin, stats, rule, mirror), "compare",
        is_compared ? compare_json(ledger, stats->mirrors[rule->stat][to->stat], minutes)
                    : json_null());
}

static void render(struct px_admin *admin, struct tn_api_call *call, const struct px_stats *stats,
                   void *context)
{
    const struct question *question = context;
    const struct px_snapshot *snapshot = px_rulebook_snapshot(admin->book);
    json_t *mirrors = json_array();

    for (uint32_t i = 0; i < snapshot->rule_count; i++) {
        const struct px_snapshot_rule *rule = &snapshot->rules[i];

        if (question->rule[0] && strcmp(question->rule, rule->rule->name) != 0)
            continue;
        for (uint32_t k = 0; k < rule->mirror_count; k++)
            tn_json_append(&mirrors,
                           mirror_json(admin, stats, rule, &rule->mirrors[k], question->minutes));
    }
    px_admin_add_etag(admin, call);
    tn_api_answer_json(
        call, 200,
        json_pack("{s:I, s:o, s:o}", "revision", (json_int_t)snapshot->revision, "window_s",
                  question->minutes == PX_LEDGER_ALL ? json_null()
                                                     : json_integer(question->minutes * 60),
                  "mirrors", mirrors));
}

static int refuse(struct tn_api_call *call, const char *text)
{
    tn_api_problem(call, 422, "%s", text);
    return -EINVAL;
}

static int take(struct tn_api_call *call, const struct px_snapshot *snapshot, const char *name,
                const char *value, struct question *question)
{
    uint64_t ms;

    if (strcmp(name, "since") == 0) {
        if (px_units_parse_duration(tn_str_of(value), &ms) != 0 || ms == 0 ||
            ms > MINUTES_MAX * 60000ull)
            return refuse(call, "since must be a duration of at most 60m, such as 10m");
        question->minutes = (uint32_t)((ms + 59999) / 60000);
        return 0;
    }
    if (strcmp(name, "rule") != 0)
        return refuse(call, "unknown parameter: rule, since");
    if (px_snapshot_find_rule(snapshot, value) == STRATEGY_NONE ||
        strlen(value) >= sizeof(question->rule)) {
        tn_api_problem(call, 422, "there is no rule '%.64s'", value);
        return -EINVAL;
    }
    memcpy(question->rule, value, strlen(value) + 1);
    return 0;
}

void px_admin_get_mirror_report(struct tn_api_call *call, void *context)
{
    struct px_admin *admin = context;
    struct tn_str rest = tn_http_view(call->head, call->head->query);
    struct question *question = calloc(1, sizeof(*question));
    char buffer[1024];
    const char *name;
    const char *value;
    int r;

    if (!question) {
        tn_api_problem(call, 503, "out of memory");
        return;
    }
    while ((r = tn_api_query_next(&rest, buffer, sizeof(buffer), &name, &value)) == 1) {
        if (take(call, px_rulebook_snapshot(admin->book), name, value, question) != 0) {
            free(question);
            return;
        }
    }
    if (r < 0) {
        refuse(call, "the query is not well encoded");
        free(question);
        return;
    }
    px_admin_with_ledgers(admin, call, render, question);
}

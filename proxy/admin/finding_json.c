#include "proxy/admin/finding.h"
#include "proxy/admin/resources.h"

static json_t *interval_json(const struct strategy_interval *interval)
{
    return json_pack("{s:f, s:f, s:f}", "value", interval->value, "low", interval->low, "high",
                     interval->high);
}

/* null while nothing was counted: an interval from 0 to 1 says as much, but looks like a figure. */
static json_t *share_json(const struct px_comparison *comparison)
{
    return comparison->counts.of > 0 ? interval_json(&comparison->share) : json_null();
}

static json_t *difference_json(const struct px_comparison *comparison)
{
    return comparison->has_difference ? interval_json(&comparison->difference) : json_null();
}

static json_t *verdict_json(const struct px_comparison *comparison)
{
    return comparison->has_verdict ? json_string(strategy_verdict_word(comparison->verdict))
                                   : json_null();
}

static json_t *margin_json(const struct px_comparison *comparison)
{
    return comparison->has_difference ? json_real(comparison->margin) : json_null();
}

static json_t *ms_json(const struct px_stats_arm *arm, double part)
{
    double us = strategy_quantile(arm->buckets, px_stats_bucket_us, PX_STATS_BUCKETS, part);

    return us < 0 ? json_null() : json_real((double)(int64_t)(us + 0.5) / 1000);
}

static json_t *goal_json(const struct px_snapshot_rule *rule, const struct px_stats_trial *trial,
                         uint32_t place, uint32_t goal)
{
    const struct px_stats_arm *arm = &trial->arms[place];
    struct px_comparison found;

    px_find_goal(rule, trial, place, goal, &found);
    return json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "name", rule->rule->goals[goal].name,
        "unit", px_unit_word(arm->crowd ? PX_UNIT_USER : PX_UNIT_REQUEST), "requests",
        (json_int_t)arm->goals[goal], "count", (json_int_t)found.counts.events, "of",
        (json_int_t)found.counts.of, "share", share_json(&found), "difference",
        difference_json(&found), "margin", margin_json(&found), "verdict", verdict_json(&found));
}

json_t *px_finding_json(const struct px_snapshot_rule *rule, const struct px_stats_trial *trial,
                        uint32_t place)
{
    const struct px_stats_arm *arm = &trial->arms[place];
    json_t *goals = json_array();
    struct px_finding found;

    px_find(rule, trial, place, &found);
    for (uint32_t i = 0; i < trial->goal_count; i++)
        tn_json_append(&goals, goal_json(rule, trial, place, i));
    return json_pack(
        "{s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:s?, s:o, s:o, s:o, s:o}", "unit",
        px_unit_word(found.unit), "requests", (json_int_t)arm->requests, "errors",
        (json_int_t)arm->errors, "users",
        found.has_users ? json_integer((json_int_t)(found.users + 0.5)) : json_null(),
        "error_share", share_json(&found.errors), "difference", difference_json(&found.errors),
        "margin", margin_json(&found.errors), "sample",
        found.sample < 0 ? json_null() : json_integer((json_int_t)(found.sample + 0.5)), "verdict",
        verdict_json(&found.errors), "why", found.errors.why, "p50_ms", ms_json(arm, 0.5), "p90_ms",
        ms_json(arm, 0.9), "p99_ms", ms_json(arm, 0.99), "goals", goals);
}

json_t *px_split_json(const struct px_snapshot_rule *rule, const struct px_stats_trial *trial)
{
    const char *test;
    enum px_split split = px_find_split(rule, trial, &test);

    return json_pack("{s:o, s:s, s:s?}", "mismatch",
                     split == PX_SPLIT_UNKNOWN ? json_null()
                                               : json_boolean(split == PX_SPLIT_WRONG),
                     "test", test, "bias", px_find_bias(rule));
}

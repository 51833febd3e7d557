#include "proxy/admin/finding.h"

#include "proxy/admin/resources.h"

#include <assert.h>

const char *px_unit_word(enum px_unit unit)
{
    return unit == PX_UNIT_USER ? "user" : "request";
}

const char *px_find_bias(const struct px_snapshot_rule *rule)
{
    if (rule->rule->match_count > 0 && rule->only != STRATEGY_NONE)
        return "chosen by match: who asks for it is not who else asks";
    if (rule->trial && rule->trial->is_bound_before)
        return "users were bound while other weights were in force";
    return NULL;
}

static uint64_t least(const struct px_snapshot_rule *rule)
{
    return rule->rule->guard.is_set ? rule->rule->guard.min_requests : PX_VERDICT_MIN_REQUESTS;
}

/* Why there can be no comparison with stable, or NULL. */
static const char *find_obstacle(const struct px_snapshot_rule *rule,
                                 const struct px_stats_trial *trial, uint32_t place,
                                 bool *ret_has_verdict)
{
    *ret_has_verdict = false;
    if (rule->stable == STRATEGY_NONE)
        return "no stable version to compare with";
    if (place == rule->stable)
        return "this is stable";
    if (px_find_bias(rule))
        return px_find_bias(rule);
    *ret_has_verdict = true;
    if (trial->arms[place].requests < least(rule))
        return "too few requests";
    if (trial->arms[rule->stable].requests < least(rule))
        return "too few requests of stable";
    return NULL;
}

static double share_of(const struct strategy_counts *counts)
{
    return counts->of > 0 ? (double)counts->events / (double)counts->of : 0;
}

static double users_of(const struct px_stats_bits *bits, double *ret_variance)
{
    return strategy_users(px_stats_bits_count(bits), PX_STATS_USER_BITS, ret_variance);
}

static void find_sample(const struct px_snapshot_rule *rule, const struct px_stats_trial *trial,
                        uint32_t place, struct px_finding *finding)
{
    const struct px_stats_arm *arm = &trial->arms[place];
    const struct px_stats_arm *stable;
    double both;

    finding->sample = -1;
    if (rule->stable == STRATEGY_NONE || place == rule->stable)
        return;
    stable = &trial->arms[rule->stable];
    both = (double)(arm->requests + stable->requests);
    if (finding->unit == PX_UNIT_USER)
        finding->sample = strategy_sample_by_user(arm->crowd->own, arm->crowd->stable);
    else if (stable->errors > 0 && both > 0)
        finding->sample = strategy_sample((double)stable->errors / (double)stable->requests,
                                          (double)arm->requests / both);
}

void px_find(const struct px_snapshot_rule *rule, const struct px_stats_trial *trial,
             uint32_t place, struct px_finding *ret_finding)
{
    const struct px_stats_arm *arm = &trial->arms[place];
    struct px_comparison *errors = &ret_finding->errors;
    double variance;

    *ret_finding = (struct px_finding){.unit = arm->crowd ? PX_UNIT_USER : PX_UNIT_REQUEST};
    errors->counts = (struct strategy_counts){arm->errors, arm->requests};
    if (arm->crowd) {
        ret_finding->has_users = true;
        ret_finding->users = users_of(&arm->crowd->seen, &variance);
        strategy_share_interval_by_user(arm->crowd->buckets, &errors->share);
    } else {
        strategy_share_interval(&errors->counts, &errors->share);
    }
    find_sample(rule, trial, place, ret_finding);
    errors->why = find_obstacle(rule, trial, place, &errors->has_verdict);
    if (errors->why)
        return;
    errors->has_difference = true;
    errors->margin = strategy_margin((double)trial->arms[rule->stable].errors /
                                     (double)trial->arms[rule->stable].requests);
    if (arm->crowd) {
        strategy_difference_by_user(arm->crowd->own, arm->crowd->stable, &errors->difference);
    } else {
        struct strategy_counts stable = {trial->arms[rule->stable].errors,
                                         trial->arms[rule->stable].requests};

        strategy_difference(&errors->counts, &stable, &errors->difference);
    }
    errors->verdict = strategy_judge(&errors->difference, errors->margin);
}

/* --- goals ---------------------------------------------------------------------------------------
 */

static struct strategy_counts goal_counts(const struct px_stats_arm *arm, uint32_t goal)
{
    struct strategy_counts counts = {arm->goals[goal], arm->requests};
    double variance;

    if (arm->crowd) {
        counts.events = (uint64_t)(users_of(&arm->crowd->reached[goal], &variance) + 0.5);
        counts.of = (uint64_t)(users_of(&arm->crowd->seen, &variance) + 0.5);
    }
    if (counts.events > counts.of)
        counts.events = counts.of; /* estimates, or requests that were still under way */
    return counts;
}

void px_find_goal(const struct px_snapshot_rule *rule, const struct px_stats_trial *trial,
                  uint32_t place, uint32_t goal, struct px_comparison *ret_comparison)
{
    struct px_comparison *found = ret_comparison;
    struct strategy_counts stable;

    assert(goal < trial->goal_count);
    *found = (struct px_comparison){.counts = goal_counts(&trial->arms[place], goal)};
    strategy_share_interval(&found->counts, &found->share);
    found->why = find_obstacle(rule, trial, place, &found->has_verdict);
    if (found->why)
        return;
    stable = goal_counts(&trial->arms[rule->stable], goal);
    found->has_difference = true;
    found->margin = strategy_margin(share_of(&stable));
    strategy_difference(&found->counts, &stable, &found->difference);
    found->verdict = strategy_judge(&found->difference, found->margin);
    /* a goal is wanted: more of it is better */
    if (found->verdict == STRATEGY_VERDICT_WORSE)
        found->verdict = STRATEGY_VERDICT_BETTER;
    else if (found->verdict == STRATEGY_VERDICT_BETTER)
        found->verdict = STRATEGY_VERDICT_WORSE;
}

/* --- split ---------------------------------------------------------------------------------------
 */

double px_find_slot_bound(uint32_t positive_count)
{
    return 2 * px_share_bound(positive_count);
}

static bool is_dealt_wrong(const struct px_snapshot_rule *rule, const struct px_stats_trial *trial)
{
    uint64_t counts[PX_VERSIONS_MAX];
    uint32_t positive = 0;

    for (uint32_t i = 0; i < rule->version_count; i++) {
        counts[i] = trial->arms[i].dealt;
        positive += rule->weights[i] > 0;
    }
    return strategy_slots_mismatch(counts, rule->weights, rule->version_count,
                                   px_find_slot_bound(positive));
}

/* Estimates know less than counts do: as if fewer had been seen. */
static bool are_keys_wrong(const struct px_snapshot_rule *rule, const struct px_stats_trial *trial)
{
    double counts[PX_VERSIONS_MAX];
    bool is_issued = rule->rule->sticky.by == PX_STICKY_COOKIE;
    double users = 0;
    double variance = 0;

    for (uint32_t i = 0; i < rule->version_count; i++) {
        double own = 0;

        counts[i] =
            is_issued ? (double)trial->arms[i].issued : users_of(&trial->arms[i].crowd->seen, &own);
        users += counts[i];
        variance += own;
    }
    for (uint32_t i = 0; i < rule->version_count; i++)
        counts[i] *= users > 0 ? users / (users + variance) : 0;
    return strategy_keys_mismatch(counts, rule->weights, rule->version_count);
}

enum px_split px_find_split(const struct px_snapshot_rule *rule, const struct px_stats_trial *trial,
                            const char **ret_test)
{
    bool is_wrong;

    *ret_test = rule->rule->sticky.by == PX_STICKY_NONE     ? "slots"
                : rule->rule->sticky.by == PX_STICKY_COOKIE ? "keys"
                                                            : "users";
    if (rule->only != STRATEGY_NONE || !rule->trial || atomic_load(&rule->trial->is_uneven))
        return PX_SPLIT_UNKNOWN;
    is_wrong = rule->rule->sticky.by == PX_STICKY_NONE ? is_dealt_wrong(rule, trial)
                                                       : are_keys_wrong(rule, trial);
    return is_wrong ? PX_SPLIT_WRONG : PX_SPLIT_RIGHT;
}

#include "proxy/config/trial.h"

#include "proxy/config/registry.h"

#include <errno.h>
#include <stdlib.h>

static bool is_same_text(const json_t *a, const json_t *b, const char *key)
{
    const json_t *x = json_object_get(a, key);
    const json_t *y = json_object_get(b, key);
    return x == y || (x && y && json_equal(x, y));
}

/* Who asks, how he is known, and what counts. Out of memory: not the same, which loses figures
 * and not their truth. */
static bool asks_the_same(const struct px_rule *a, const struct px_rule *b)
{
    json_t *x = px_rule_to_json(a);
    json_t *y = px_rule_to_json(b);
    bool is_same = x && y && is_same_text(x, y, "match") && is_same_text(x, y, "sticky") &&
                   is_same_text(x, y, "goals") && a->is_switched_off == b->is_switched_off;
    json_decref(x);
    json_decref(y);
    return is_same;
}

static bool has_same_versions(const struct px_snapshot *previous,
                              const struct px_snapshot_rule *before, const struct px_snapshot *next,
                              const struct px_snapshot_rule *rule)
{
    if (before->version_count != rule->version_count || before->stable != rule->stable) {
        return false;
    }
    for (uint32_t i = 0; i < rule->version_count; i++) {
        const struct px_snapshot_version *a = &previous->versions[before->versions[i]];
        const struct px_snapshot_version *b = &next->versions[rule->versions[i]];
        if (a->id != b->id || strcmp(a->build, b->build) != 0) {
            return false;
        }
    }
    return true;
}

static bool is_needed(const struct px_snapshot_rule *rule)
{
    return rule->version_count > 1 || rule->rule->guard.is_set || rule->rule->goal_count > 0;
}

int px_trial_build(struct px_registry *registry, const struct px_snapshot *previous,
                   const struct px_snapshot_rule *before, const struct px_snapshot *next,
                   struct px_snapshot_rule *rule)
{
    if (!is_needed(rule)) {
        return 0;
    }
    /* deals are kept as long as weights and seed are */
    if (before && before->trial && before->deal == rule->deal &&
        has_same_versions(previous, before, next, rule) &&
        (before->rule == rule->rule || asks_the_same(before->rule, rule->rule))) {
        rule->trial = before->trial;
        rule->trial->references++;
        return 0;
    }
    rule->trial = calloc(1, sizeof(*rule->trial));
    if (!rule->trial) {
        return -ENOMEM;
    }
    rule->trial->number = ++registry->trials;
    rule->trial->references = 1;
    rule->trial->is_bound_before = before && before->trial &&
                                   before->rule->sticky.affinity_session &&
                                   rule->rule->sticky.affinity_session;
    return 0;
}

void px_trial_give(struct px_trial *trial)
{
    if (trial && --trial->references == 0) {
        free(trial);
    }
}

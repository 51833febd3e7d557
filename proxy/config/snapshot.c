#include "proxy/config/deal.h"
#include "proxy/config/registry.h"
#include "proxy/config/trial.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

/* What one build hands around. */
struct build {
    struct px_registry *registry;
    const struct px_snapshot_plan *plan;
    struct px_snapshot *snapshot;
    char **ret_why;
};

static int refuse(struct build *build, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(struct build *build, int code, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (build->ret_why && !*build->ret_why) {
        *build->ret_why = tn_str_dup(tn_str_of(text));
    }
    return code;
}

uint32_t px_snapshot_find_version(const struct px_snapshot *snapshot, const char *name)
{
    for (uint32_t i = 0; snapshot && i < snapshot->version_count; i++) {
        if (strcmp(snapshot->versions[i].name, name) == 0) {
            return i;
        }
    }
    return STRATEGY_NONE;
}

uint32_t px_snapshot_find_rule(const struct px_snapshot *snapshot, const char *name)
{
    for (uint32_t i = 0; snapshot && i < snapshot->rule_count; i++) {
        if (strcmp(snapshot->rules[i].rule->name, name) == 0) {
            return i;
        }
    }
    return STRATEGY_NONE;
}

/* --- versions --------------------------------------------------------------------------------- */

static int build_endpoints(struct build *build, const struct px_version *said,
                           const struct px_snapshot_version *before,
                           struct px_snapshot_version *version)
{
    version->endpoints = calloc(said->endpoint_count, sizeof(struct px_endpoint *));
    if (!version->endpoints) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < said->endpoint_count; i++) {
        struct px_endpoint *hint =
            before && i < before->endpoint_count ? before->endpoints[i] : NULL;
        int r = px_registry_take_endpoint(build->registry, said->name, i, &said->endpoints[i], hint,
                                          &version->endpoints[i]);
        if (r == -E2BIG) {
            return refuse(build, r, "more than %d endpoints, with those that are still in use",
                          PX_ENDPOINTS_MAX);
        }
        if (r < 0) {
            return r;
        }
        version->endpoint_count++;
    }
    return 0;
}

static int build_version(struct build *build, const struct px_version *said,
                         struct px_snapshot_version *version)
{
    uint32_t number = px_snapshot_find_version(build->plan->previous, said->name);
    const struct px_snapshot_version *before =
        number == STRATEGY_NONE ? NULL : &build->plan->previous->versions[number];
    *version = (struct px_snapshot_version){
        .name = said->name,
        .build = said->build,
        .id = XXH3_64bits(said->name, strlen(said->name)),
        .mode = before ? before->mode : STRATEGY_ACTIVE,
        .loose_mode = before ? before->loose_mode : STRATEGY_ACTIVE,
        .balance = said->balance,
        .max_requests = said->max_requests,
        .slow_start_ms = said->slow_start_ms,
        .health = said->health,
    };
    int r = px_registry_version_number(build->registry, said->name, &version->stat);
    if (r == -E2BIG) {
        return refuse(build, r,
                      "version '%s': more than %d names of versions were used since the start",
                      said->name, PX_VERSIONS_MAX);
    }
    return r < 0 ? r : build_endpoints(build, said, before, version);
}

static int build_versions(struct build *build)
{
    const struct px_config *config = build->plan->config;
    struct px_snapshot *snapshot = build->snapshot;
    snapshot->versions = calloc(config->version_count, sizeof(*snapshot->versions));
    if (!snapshot->versions) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < config->version_count; i++) {
        int r = build_version(build, &config->versions[i], &snapshot->versions[i]);
        snapshot->version_count++;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* --- deals ------------------------------------------------------------------------------------ */

static uint32_t weight_of(const struct px_rule *rule, const char *version)
{
    for (uint32_t i = 0; i < rule->weight_count; i++) {
        if (strcmp(rule->weights[i].version, version) == 0) {
            return rule->weights[i].weight;
        }
    }
    return 0;
}

/* Leaving a version out and giving it 0 is the same here: neither gets a slot. */
static bool has_same_weights(const struct px_rule *a, const struct px_rule *b)
{
    for (uint32_t i = 0; i < a->weight_count; i++) {
        if (weight_of(b, a->weights[i].version) != a->weights[i].weight) {
            return false;
        }
    }
    for (uint32_t i = 0; i < b->weight_count; i++) {
        if (weight_of(a, b->weights[i].version) != b->weights[i].weight) {
            return false;
        }
    }
    return true;
}

static int build_deal(struct build *build, const struct px_snapshot_rule *before,
                      struct px_snapshot_rule *rule)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < rule->version_count; i++) {
        sum += rule->weights[i];
    }
    if (before && before->seed == rule->seed && has_same_weights(before->rule, rule->rule)) {
        rule->deal = px_deal_keep(before->deal);
        return 0;
    }
    return px_deal_new(rule->seed, build->plan->revision, sum, &rule->deal);
}

static int build_mirror(struct build *build, const struct px_snapshot_rule *before,
                        const struct px_snapshot_rule *rule, struct px_snapshot_mirror *mirror)
{
    const struct px_mirror *said = mirror->mirror;
    uint64_t seed = XXH3_64bits_withSeed(said->to, strlen(said->to), rule->seed);
    mirror->to = px_snapshot_find_version(build->snapshot, said->to);
    assert(mirror->to != STRATEGY_NONE);
    mirror->compare_id = said->compare ? px_compare_id(said) : 0;
    if (said->compare && mirror->compare_id == 0) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; before && i < before->mirror_count; i++) {
        const struct px_snapshot_mirror *other = &before->mirrors[i];
        if (strcmp(other->mirror->to, said->to) == 0 && other->mirror->ppm == said->ppm &&
            other->deal->seed == seed) {
            mirror->deal = px_deal_keep(other->deal);
            return 0;
        }
    }
    return px_deal_new(seed, build->plan->revision, STRATEGY_WEIGHT_MAX, &mirror->deal);
}

/* --- rules ------------------------------------------------------------------------------------ */

static void add_version(const struct px_snapshot *snapshot, struct px_snapshot_rule *rule,
                        const char *name, uint32_t weight)
{
    uint32_t number = px_snapshot_find_version(snapshot, name);
    assert(number != STRATEGY_NONE && rule->version_count < PX_VERSIONS_MAX);
    rule->versions[rule->version_count] = number;
    rule->weights[rule->version_count] = weight;
    rule->ids[rule->version_count] = snapshot->versions[number].id;
    rule->version_count++;
}

static void resolve_versions(const struct px_snapshot *snapshot, struct px_snapshot_rule *rule)
{
    const struct px_rule *said = rule->rule;
    uint32_t positive = 0;
    for (uint32_t i = 0; i < said->weight_count; i++) {
        if (said->weights[i].weight > 0) {
            positive++;
            rule->only = rule->version_count;
        }
        if (said->stable && strcmp(said->weights[i].version, said->stable) == 0) {
            rule->stable = rule->version_count;
        }
        add_version(snapshot, rule, said->weights[i].version, said->weights[i].weight);
    }
    if (positive != 1) {
        rule->only = STRATEGY_NONE;
    }
    if (said->stable && rule->stable == STRATEGY_NONE) {
        rule->stable = rule->version_count;
        add_version(snapshot, rule, said->stable, 0);
    }
}

static int build_keys(struct build *build, struct px_snapshot_rule *rule)
{
    const char *path = rule->rule->sticky.key_file;
    if (!path) {
        return 0;
    }
    int r = px_registry_take_keys(build->registry, build->plan->config, path, build->ret_why,
                                  &rule->cookie_keys);
    if (r < 0 && r != -ENOMEM) {
        return refuse(build, r, "key file %.160s: %s", path, strerror(-r));
    }
    return r;
}

static int build_rule(struct build *build, const struct px_rule *said,
                      struct px_snapshot_rule *rule)
{
    uint32_t number = px_snapshot_find_rule(build->plan->previous, said->name);
    const struct px_snapshot_rule *before =
        number == STRATEGY_NONE ? NULL : &build->plan->previous->rules[number];
    const char *seed = said->sticky.seed ? said->sticky.seed : said->name;
    *rule = (struct px_snapshot_rule){
        .rule = said,
        .seed = XXH3_64bits(seed, strlen(seed)),
        .stable = STRATEGY_NONE,
        .only = STRATEGY_NONE,
    };
    resolve_versions(build->snapshot, rule);
    int r = px_registry_rule_number(build->registry, said->name, &rule->stat);
    if (r == -E2BIG) {
        return refuse(build, r, "rule '%s': more than %d names of rules were used since the start",
                      said->name, PX_RULES_MAX);
    }
    r = r < 0 ? r : build_deal(build, before, rule);
    for (uint32_t i = 0; r == 0 && i < said->mirror_count; i++) {
        struct px_snapshot_mirror *mirror = &rule->mirrors[rule->mirror_count++];
        mirror->mirror = &said->mirrors[i];
        r = build_mirror(build, before, rule, mirror);
    }
    r = r < 0
            ? r
            : px_trial_build(build->registry, build->plan->previous, before, build->snapshot, rule);
    return r < 0 ? r : build_keys(build, rule);
}

static int build_rules(struct build *build)
{
    struct px_snapshot *snapshot = build->snapshot;
    const struct px_snapshot_plan *plan = build->plan;
    if (plan->rule_count > PX_RULES_MAX) {
        return refuse(build, -E2BIG, "%u rules, at most %d are allowed", plan->rule_count,
                      PX_RULES_MAX);
    }
    snapshot->rules = calloc(plan->rule_count, sizeof(*snapshot->rules));
    if (!snapshot->rules) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < plan->rule_count; i++) {
        int r = build_rule(build, plan->rules[i], &snapshot->rules[i]);
        snapshot->rule_count++;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void deinit_rule(struct px_registry *registry, struct px_snapshot_rule *rule)
{
    px_deal_give(rule->deal);
    px_trial_give(rule->trial);
    for (uint32_t i = 0; i < rule->mirror_count; i++) {
        px_deal_give(rule->mirrors[i].deal);
    }
    if (rule->cookie_keys) {
        px_registry_give_keys(registry, rule->cookie_keys);
    }
}

void px_snapshot_free(struct px_registry *registry, struct px_snapshot *snapshot)
{
    if (!snapshot) {
        return;
    }
    for (uint32_t i = 0; i < snapshot->rule_count; i++) {
        deinit_rule(registry, &snapshot->rules[i]);
    }
    for (uint32_t i = 0; i < snapshot->version_count; i++) {
        struct px_snapshot_version *version = &snapshot->versions[i];
        for (uint32_t k = 0; k < version->endpoint_count; k++) {
            px_registry_give_endpoint(registry, version->endpoints[k]);
        }
        free(version->endpoints);
    }
    if (snapshot->owned_rules) {
        px_rules_free(snapshot->owned_rules, snapshot->rule_count);
    }
    px_config_free(snapshot->config);
    free(snapshot->loop_uses);
    free(snapshot->versions);
    free(snapshot->rules);
    free(snapshot);
}

/* The last step, which cannot fail: until here everything is still the caller's. */
static void own_rules(struct build *build, struct px_rule **array)
{
    const struct px_snapshot_plan *plan = build->plan;
    for (uint32_t i = 0; i < plan->rule_count; i++) {
        array[i] = plan->rules[i];
        if (plan->rules == plan->config->rules) {
            px_rule_ref(array[i]);
        }
    }
    if (plan->rules != plan->config->rules) {
        free(plan->rules);
    }
    build->snapshot->owned_rules = array;
    build->snapshot->config = px_config_ref(plan->config);
}

int px_snapshot_build(struct px_registry *registry, const struct px_snapshot_plan *plan,
                      char **ret_why, struct px_snapshot **ret_snapshot)
{
    uint32_t rule_names = registry->rule_name_count;
    uint32_t version_names = registry->version_name_count;
    struct px_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    struct px_rule **array = calloc(plan->rule_count + 1, sizeof(struct px_rule *));
    struct build build = {
        .registry = registry, .plan = plan, .snapshot = snapshot, .ret_why = ret_why};
    int r = snapshot && array ? 0 : -ENOMEM;
    if (r == 0) {
        snapshot->revision = plan->revision;
        snapshot->limits = &plan->config->limits;
        snapshot->trusted = plan->config->trusted;
        snapshot->trusted_count = plan->config->trusted_count;
        r = build_versions(&build);
    }
    if (r == 0) {
        r = build_rules(&build);
    }
    if (r < 0) {
        px_snapshot_free(registry, snapshot);
        px_registry_forget(registry, rule_names, version_names);
        free(array);
        return r;
    }
    own_rules(&build, array);
    *ret_snapshot = snapshot;
    return 0;
}

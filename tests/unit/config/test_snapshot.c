#include "tests/unit/config/helper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Stands for the keys of route/cookie.h. */
struct px_cookie_keys {
    char path[64];
};

static unsigned load_count;
static unsigned keys_alive;
static int load_result;

static int load_keys(const char *path, char **ret_why, struct px_cookie_keys **ret_keys)
{
    load_count++;
    if (load_result < 0) {
        *ret_why = tn_str_dup(TN_STR("cookie.keys:1: too short"));
        return load_result;
    }
    struct px_cookie_keys *keys = calloc(1, sizeof(*keys));
    assert_non_null(keys);
    snprintf(keys->path, sizeof(keys->path), "%s", path);
    keys_alive++;
    *ret_keys = keys;
    return 0;
}

static void free_keys(struct px_cookie_keys *keys)
{
    keys_alive--;
    free(keys);
}

static const struct px_registry_ops ops = {load_keys, free_keys};

struct fixture {
    struct px_registry *registry;
    struct px_config *config;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    assert_int_equal(px_registry_new(&ops, &fixture->registry), 0);
    fixture->config = helper_parse(helper_base);
    load_count = 0;
    load_result = 0;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    px_config_free(fixture->config);
    px_registry_free(fixture->registry);
    assert_int_equal(keys_alive, 0);
    free(fixture);
    return 0;
}

static int try_build(struct fixture *fixture, const char *rules, uint64_t revision,
                     const struct px_snapshot *previous, char **ret_why,
                     struct px_snapshot **ret_snapshot)
{
    struct px_snapshot_plan plan = {
        .config = fixture->config, .revision = revision, .previous = previous};
    plan.rules = helper_rules(fixture->config, rules, &plan.rule_count);
    int r = px_snapshot_build(fixture->registry, &plan, ret_why, ret_snapshot);
    if (r < 0) {
        px_rules_free(plan.rules, plan.rule_count); /* still ours */
    }
    return r;
}

static struct px_snapshot *build(struct fixture *fixture, const char *rules, uint64_t revision,
                                 const struct px_snapshot *previous)
{
    struct px_snapshot *snapshot = NULL;
    char *why = NULL;
    assert_int_equal(try_build(fixture, rules, revision, previous, &why, &snapshot), 0);
    assert_null(why);
    return snapshot;
}

static void drop(struct fixture *fixture, struct px_snapshot *snapshot)
{
    px_snapshot_free(fixture->registry, snapshot);
}

/* --- names become numbers --------------------------------------------------------------------- */

static void test_snapshot_names_are_resolved(void **state)
{
    struct fixture *fixture = *state;
    struct px_snapshot *snapshot =
        build(fixture,
              "[{name: a, match: [{path: /a}], weights: {red: 1}},"
              " {name: main, stable: green, weights: {blue: 1, green: 2, red: 0},"
              "  mirror: [{to: red, percent: 5}]}]",
              7, NULL);
    assert_int_equal(snapshot->revision, 7);
    assert_int_equal(snapshot->version_count, 3);
    assert_string_equal(snapshot->versions[1].name, "green");
    assert_int_equal(snapshot->versions[1].endpoint_count, 2);
    assert_string_equal(snapshot->versions[1].endpoints[1]->label, "green/1");
    assert_int_equal(snapshot->versions[1].max_requests, 512);
    assert_string_equal(snapshot->versions[1].health.path, "/readyz");
    assert_true(snapshot->versions[0].id != snapshot->versions[1].id);
    assert_int_equal(snapshot->rule_count, 2);
    const struct px_snapshot_rule *rule = &snapshot->rules[1];
    assert_string_equal(rule->rule->name, "main");
    assert_int_equal(rule->version_count, 3);
    assert_int_equal(rule->versions[1], 1);
    assert_int_equal(rule->weights[1], 2);
    assert_true(rule->ids[1] == snapshot->versions[1].id);
    assert_int_equal(rule->stable, 1);
    assert_int_equal(rule->only, STRATEGY_NONE);
    assert_int_equal(rule->mirror_count, 1);
    assert_int_equal(rule->mirrors[0].to, 2);
    assert_int_equal(rule->mirrors[0].mirror->ppm, 50000);
    assert_int_equal(snapshot->rules[0].only, 0);
    assert_int_equal(snapshot->rules[0].versions[0], 2);
    assert_int_equal(snapshot->rules[0].stable, STRATEGY_NONE);
    assert_null(rule->cookie_keys);
    assert_int_equal(px_snapshot_find_rule(snapshot, "main"), 1);
    assert_int_equal(px_snapshot_find_rule(snapshot, "b"), STRATEGY_NONE);
    assert_int_equal(px_snapshot_find_version(snapshot, "red"), 2);
    assert_int_equal(px_snapshot_find_version(snapshot, "re"), STRATEGY_NONE);
    drop(fixture, snapshot);
}

static void test_snapshot_stable_without_weight_is_a_candidate(void **state)
{
    struct fixture *fixture = *state;
    struct px_snapshot *snapshot =
        build(fixture, "[{name: main, stable: blue, weights: {green: 1}}]", 1, NULL);
    const struct px_snapshot_rule *rule = &snapshot->rules[0];
    assert_int_equal(rule->version_count, 2);
    assert_int_equal(rule->versions[0], 1);
    assert_int_equal(rule->versions[1], 0);
    assert_int_equal(rule->weights[1], 0);
    assert_int_equal(rule->stable, 1);
    assert_int_equal(rule->only, 0);
    drop(fixture, snapshot);
}

static void test_snapshot_ids_are_the_same_everywhere(void **state)
{
    struct fixture *fixture = *state;
    struct px_snapshot *snapshot = build(
        fixture, "[{name: main, weights: {blue: 1}, sticky: {by: client_ip, seed: s}}]", 1, NULL);
    /* XXH3 of the bytes: another replica, built another day, must find the same */
    assert_true(snapshot->versions[0].id == 0xa9d131d3cc362513ull);
    assert_true(snapshot->rules[0].seed == 0xd6b9d4d14ff6be13ull);
    uint64_t id = snapshot->versions[0].id;
    uint64_t seed = snapshot->rules[0].seed;
    drop(fixture, snapshot);
    struct px_registry *other;
    assert_int_equal(px_registry_new(&ops, &other), 0);
    struct fixture replica = {.registry = other, .config = fixture->config};
    snapshot = build(&replica,
                     "[{name: other, match: [{path: /a}], weights: {red: 1}},"
                     " {name: renamed, weights: {blue: 1}, sticky: {by: client_ip, seed: s}}]",
                     99, NULL);
    assert_true(snapshot->versions[0].id == id);
    assert_true(snapshot->rules[1].seed == seed);
    drop(&replica, snapshot);
    px_registry_free(other);
}

static void test_snapshot_numbers_for_counters_stay(void **state)
{
    struct fixture *fixture = *state;
    struct px_snapshot *first = build(fixture,
                                      "[{name: a, match: [{path: /a}], weights: {red: 1}},"
                                      " {name: main, weights: {blue: 1}}]",
                                      1, NULL);
    struct px_snapshot *second = build(fixture,
                                       "[{name: new, match: [{path: /a}], weights: {red: 1}},"
                                       " {name: main, weights: {blue: 1}}]",
                                       2, first);
    assert_int_equal(first->rules[1].stat, second->rules[1].stat);
    assert_int_equal(second->rules[0].stat, 2); /* not a's: its counter goes on to say a */
    drop(fixture, first);
    struct px_snapshot *third = build(fixture, "[{name: a, weights: {red: 1}}]", 3, second);
    assert_int_equal(third->rules[0].stat, 0);
    assert_string_equal(px_registry_rule_name(fixture->registry, 2), "new");
    assert_int_equal(third->versions[2].stat, 2);
    drop(fixture, second);
    drop(fixture, third);
}

/* --- deals ------------------------------------------------------------------------------------ */

static void test_snapshot_a_deal_goes_on_while_weights_stay(void **state)
{
    struct fixture *fixture = *state;
    struct px_snapshot *first =
        build(fixture, "[{name: main, stable: blue, weights: {blue: 90, green: 10}}]", 1, NULL);
    first->rules[0].deal->n += 5;
    uint64_t n = first->rules[0].deal->n;
    /* everything else of the rule may change; 0 and absent are the same */
    struct px_snapshot *second =
        build(fixture,
              "[{name: a, match: [{path: /}], weights: {red: 1}}, {name: main, stable: blue, "
              "weights: {red: 0, green: 10, blue: 90}, max_body: 5, mirror: [{to: red}]}]",
              2, first);
    assert_ptr_equal(second->rules[1].deal, first->rules[0].deal);
    assert_int_equal(second->rules[1].deal->references, 2);
    drop(fixture, first);
    assert_true(second->rules[1].deal->n == n);
    drop(fixture, second);
}

/* Figures are about one question: who asks, who answers, what counts. */
static void test_snapshot_a_trial_goes_on_while_its_question_stays(void **state)
{
    static const char *const same[] = {"guard: {worse: abort}", "max_body: 5",
                                       "mirror: [{to: red}]", "on_unhealthy: failover"};
    static const char *const others[] = {
        "sticky: {by: client_ip}", "goals: [{name: a, match: {path: /x}}]", "match: [{path: /y}]"};
    struct fixture *fixture = *state;
    char text[512];
    struct px_snapshot *first =
        build(fixture, "[{name: main, stable: blue, weights: {blue: 9, green: 1}}]", 1, NULL);
    uint64_t number = first->rules[0].trial->number;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        snprintf(text, sizeof(text),
                 "[{name: main, stable: blue, weights: {blue: 9, green: 1}, %s}]", same[i]);
        struct px_snapshot *next = build(fixture, text, i + 2, first);
        assert_ptr_equal(next->rules[0].trial, first->rules[0].trial);
        drop(fixture, next);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        snprintf(text, sizeof(text),
                 "[{name: main, stable: blue, weights: {blue: 9, green: 1}, %s}%s]", others[i],
                 i < 2 ? "" : ", {name: last, weights: {blue: 1}}");
        struct px_snapshot *next = build(fixture, text, i + 10, first);
        assert_true(next->rules[0].trial->number > number);
        drop(fixture, next);
    }
    drop(fixture, first);
}

static void test_snapshot_one_version_alone_is_no_trial(void **state)
{
    struct fixture *fixture = *state;
    struct px_snapshot *snapshot = build(
        fixture,
        "[{name: a, match: [{path: /}], weights: {green: 1}}, {name: b, match: [{path: /b}], "
        "weights: {green: 1}, guard: {consecutive_failures: 3}}, {name: main, weights: {blue: 1}}]",
        1, NULL);
    assert_null(snapshot->rules[0].trial);
    assert_non_null(snapshot->rules[1].trial);
    assert_null(snapshot->rules[2].trial);
    drop(fixture, snapshot);
}

static void test_snapshot_bindings_before_new_weights_are_known(void **state)
{
    struct fixture *fixture = *state;
    struct px_snapshot *snapshots[4];
    static const char *const weights[] = {"blue: 9, green: 1", "blue: 9, green: 1",
                                          "blue: 8, green: 2"};
    for (uint32_t i = 0; i < 3; i++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "[{name: main, stable: blue, weights: {%s}, sticky: {by: cookie, affinity: "
                 "session, key_file: k}}]",
                 weights[i]);
        snapshots[i] = build(fixture, text, i + 1, i > 0 ? snapshots[i - 1] : NULL);
        assert_int_equal(snapshots[i]->rules[0].trial->is_bound_before, i == 2);
    }
    for (uint32_t i = 0; i < 3; i++) {
        drop(fixture, snapshots[i]);
    }
}

static void test_snapshot_new_weights_are_a_new_deal(void **state)
{
    struct fixture *fixture = *state;
    static const char with_seed[] = "[{name: main, stable: blue, weights: {blue: 90, green: 10}, "
                                    "sticky: {by: cookie, seed: x}}]";
    static const char *const others[] = {
        "[{name: main, stable: blue, weights: {blue: 91, green: 10}}]",
        "[{name: main, stable: blue, weights: {blue: 10, green: 90}}]",
        "[{name: main, stable: blue, weights: {blue: 90, green: 10, red: 1}}]",
        "[{name: main, stable: blue, weights: {blue: 90}}]",
        "[{name: other, stable: blue, weights: {blue: 90, green: 10}}]",
        with_seed,
    };
    struct px_snapshot *first =
        build(fixture, "[{name: main, stable: blue, weights: {blue: 90, green: 10}}]", 1, NULL);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct px_snapshot *second = build(fixture, others[i], 2, first);
        assert_ptr_not_equal(second->rules[0].deal, first->rules[0].deal);
        drop(fixture, second);
    }
    drop(fixture, first);
}

static void test_snapshot_a_deal_starts_where_the_revision_says(void **state)
{
    struct fixture *fixture = *state;
    const char *rules = "[{name: main, stable: blue, weights: {blue: 90, green: 10}, "
                        "mirror: [{to: green, percent: 25}]}]";
    uint64_t starts[20];
    for (uint64_t revision = 0; revision < 20; revision++) {
        struct px_snapshot *snapshot = build(fixture, rules, revision, NULL);
        const struct px_snapshot_rule *rule = &snapshot->rules[0];
        starts[revision] = rule->deal->n;
        assert_true(rule->deal->n <= UINT32_MAX);
        assert_int_equal(rule->deal->n % 100, 0); /* at the start of a cycle */
        assert_int_equal(rule->mirrors[0].deal->n % 1000000, 0);
        assert_true(rule->deal->seed == rule->seed);
        assert_true(rule->mirrors[0].deal->seed != rule->seed);
        for (uint64_t i = 0; i < revision; i++) {
            assert_true(starts[i] != starts[revision]);
        }
        drop(fixture, snapshot);
        snapshot = build(fixture, rules, revision, NULL);
        assert_true(snapshot->rules[0].deal->n == starts[revision]);
        drop(fixture, snapshot);
    }
}

static void test_snapshot_mirrors_go_on_while_they_stay(void **state)
{
    struct fixture *fixture = *state;
    struct px_snapshot *first =
        build(fixture,
              "[{name: main, weights: {blue: 1}, mirror: [{to: green, percent: 25}, {to: red}]}]",
              1, NULL);
    struct px_snapshot *second =
        build(fixture,
              "[{name: main, stable: blue, weights: {blue: 1, green: 1}, mirror: [{to: red, "
              "methods: [POST]}, {to: green, percent: 26}]}]",
              2, first);
    assert_ptr_equal(second->rules[0].mirrors[0].deal, first->rules[0].mirrors[1].deal);
    assert_ptr_not_equal(second->rules[0].mirrors[1].deal, first->rules[0].mirrors[0].deal);
    drop(fixture, second);
    drop(fixture, first);
}

/* --- endpoints, modes, configs ---------------------------------------------------------------- */

static void test_snapshot_endpoints_outlive_configs(void **state)
{
    struct fixture *fixture = *state;
    const char *rules = "[{name: main, weights: {blue: 1}}]";
    struct px_snapshot *first = build(fixture, rules, 1, NULL);
    first->versions[0].endpoints[1]->up = true;
    first->versions[1].mode = STRATEGY_CUT;
    px_config_free(fixture->config);
    /* blue/0 is gone, so that blue/1 is blue/0 now; red is new at the same address */
    fixture->config = helper_parse("listen: ['127.0.0.1:8080']\n"
                                   "versions:\n"
                                   "  green: {endpoints: ['127.0.0.1:5101', '127.0.0.1:5102']}\n"
                                   "  blue: {endpoints: ['127.0.0.1:5002', '127.0.0.1:5003']}\n"
                                   "rules: [{name: main, weights: {blue: 1, green: 0}}]\n");
    struct px_snapshot *second = build(fixture, rules, 2, first);
    assert_string_equal(first->versions[0].name, "blue"); /* its config is still there */
    assert_ptr_equal(second->versions[0].endpoints[0], first->versions[1].endpoints[0]);
    assert_int_equal(second->versions[0].mode, STRATEGY_CUT);
    assert_int_equal(second->versions[1].mode, STRATEGY_ACTIVE);
    assert_true(second->versions[0].stat == first->versions[1].stat);
    struct px_endpoint *moved = second->versions[1].endpoints[0];
    assert_ptr_not_equal(moved, first->versions[0].endpoints[1]);
    assert_string_equal(moved->label, "blue/0");
    assert_true(moved->up);
    assert_false(second->versions[1].endpoints[1]->up);
    assert_int_equal(px_registry_endpoint_count(fixture->registry), 8);
    drop(fixture, first);
    assert_int_equal(px_registry_endpoint_count(fixture->registry), 4);
    drop(fixture, second);
    assert_int_equal(px_registry_endpoint_count(fixture->registry), 0);
}

static void test_snapshot_shares_the_rules_of_the_config(void **state)
{
    struct fixture *fixture = *state;
    struct px_snapshot *snapshot = NULL;
    const struct px_snapshot_plan plan = {.config = fixture->config,
                                          .rules = fixture->config->rules,
                                          .rule_count = fixture->config->rule_count,
                                          .revision = 1};
    assert_int_equal(px_snapshot_build(fixture->registry, &plan, NULL, &snapshot), 0);
    assert_ptr_equal(snapshot->rules[0].rule, fixture->config->rules[0]);
    assert_int_equal(fixture->config->rules[0]->references, 2);
    assert_ptr_equal(snapshot->limits, &fixture->config->limits);
    drop(fixture, snapshot);
    assert_int_equal(fixture->config->rules[0]->references, 1);
    drop(fixture, NULL);
}

/* --- refusals leave nothing behind ------------------------------------------------------------ */

static void test_snapshot_refused_builds_use_up_no_names(void **state)
{
    struct fixture *fixture = *state;
    struct px_snapshot *snapshot = NULL;
    char *why = NULL;
    load_result = -EACCES;
    int r = try_build(fixture,
                      "[{name: a, match: [{path: /a}], weights: {red: 1}}, {name: main, weights: "
                      "{blue: 1}, sticky: {by: cookie, key_file: ./k}, mirror: [{to: green}]}]",
                      1, NULL, &why, &snapshot);
    assert_int_equal(r, -EACCES);
    assert_null(snapshot);
    assert_string_equal(why, "cookie.keys:1: too short");
    free(why);
    assert_null(px_registry_rule_name(fixture->registry, 0));
    assert_null(px_registry_version_name(fixture->registry, 0));
    assert_int_equal(px_registry_endpoint_count(fixture->registry), 0);
    assert_int_equal(fixture->config->references, 1);
}

static void test_snapshot_refuses_one_name_too_many(void **state)
{
    struct fixture *fixture = *state;
    struct px_snapshot *snapshot = NULL;
    char rules[128];
    for (uint32_t i = 0; i < PX_RULES_MAX; i++) {
        snprintf(rules, sizeof(rules), "[{name: rule-%u, weights: {blue: 1}}]", i);
        drop(fixture, build(fixture, rules, i, NULL));
    }
    char *why = NULL;
    int r = try_build(fixture, "[{name: more, weights: {blue: 1}}]", 999, NULL, &why, &snapshot);
    assert_int_equal(r, -E2BIG);
    assert_string_equal(why, "rule 'more': more than 128 names of rules were used since the start");
    free(why);
    drop(fixture, build(fixture, "[{name: rule-0, weights: {blue: 1}}]", 1000, NULL));
}

static void test_snapshot_refuses_more_rules_than_fit(void **state)
{
    struct fixture *fixture = *state;
    struct px_snapshot *snapshot = NULL;
    struct px_rule *all[PX_RULES_MAX + 1];
    char *why = NULL;
    for (size_t i = 0; i < PX_RULES_MAX + 1; i++) {
        all[i] = fixture->config->rules[0];
    }
    const struct px_snapshot_plan plan = {
        .config = fixture->config, .rules = all, .rule_count = PX_RULES_MAX + 1};
    assert_int_equal(px_snapshot_build(fixture->registry, &plan, &why, &snapshot), -E2BIG);
    assert_string_equal(why, "129 rules, at most 128 are allowed");
    free(why);
}

/* One version of so many endpoints, from a port on. */
static struct px_config *parse_many(const char *version, uint32_t count, uint32_t port)
{
    size_t size = 64 * 1024;
    char *text = calloc(1, size);
    assert_non_null(text);
    size_t len = (size_t)snprintf(text, size,
                                  "listen: ['127.0.0.1:0']\nversions: {%s: {endpoints: [", version);
    for (uint32_t i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, size - len, "'127.0.0.1:%u',", port + i);
    }
    snprintf(text + len, size - len, "]}}\nrules: [{name: main, weights: {%s: 1}}]\n", version);
    struct px_config *config = helper_parse(text);
    free(text);
    return config;
}

static struct px_snapshot *build_own(struct fixture *fixture, struct px_config *config,
                                     const struct px_snapshot *previous, int wanted, char **ret_why)
{
    struct px_snapshot *snapshot = NULL;
    const struct px_snapshot_plan plan = {.config = config,
                                          .rules = config->rules,
                                          .rule_count = config->rule_count,
                                          .previous = previous};
    assert_int_equal(px_snapshot_build(fixture->registry, &plan, ret_why, &snapshot), wanted);
    return snapshot;
}

static void test_snapshot_endpoints_in_use_count(void **state)
{
    struct fixture *fixture = *state;
    char *why = NULL;
    struct px_config *first_config = parse_many("blue", 1000, 10000);
    struct px_config *second_config = parse_many("blue", 1000, 10001);
    struct px_snapshot *first = build_own(fixture, first_config, NULL, 0, &why);
    /* as long as a loop still uses the first one, there is no slot for other endpoints */
    assert_null(build_own(fixture, second_config, first, -E2BIG, &why));
    assert_string_equal(why, "more than 1000 endpoints, with those that are still in use");
    free(why);
    why = NULL;
    assert_int_equal(px_registry_endpoint_count(fixture->registry), 1000);
    drop(fixture, first);
    drop(fixture, build_own(fixture, second_config, NULL, 0, &why));
    px_config_free(first_config);
    px_config_free(second_config);
}

static void test_snapshot_refuses_one_version_name_too_many(void **state)
{
    struct fixture *fixture = *state;
    char *why = NULL;
    char name[16];
    for (uint32_t i = 0; i <= PX_VERSIONS_MAX; i++) {
        snprintf(name, sizeof(name), "v%u", i);
        struct px_config *config = parse_many(name, 1, 5000);
        drop(fixture, build_own(fixture, config, NULL, i < PX_VERSIONS_MAX ? 0 : -E2BIG, &why));
        px_config_free(config);
    }
    assert_string_equal(why,
                        "version 'v16': more than 16 names of versions were used since the start");
    free(why);
}

/* --- cookie keys ------------------------------------------------------------------------------ */

static const char sticky_rules[] =
    "[{name: a, match: [{path: /a}], weights: {red: 1}, sticky: {by: cookie, key_file: k1}},"
    " {name: b, match: [{path: /b}], weights: {red: 1}, sticky: {by: cookie, key_file: ./k1}},"
    " {name: main, weights: {blue: 1}, sticky: {by: cookie, key_file: k2}}]";

static void test_snapshot_key_files_are_read_once_for_each_config(void **state)
{
    struct fixture *fixture = *state;
    struct px_snapshot *first = build(fixture, sticky_rules, 1, NULL);
    assert_int_equal(load_count, 2);
    assert_string_equal(first->rules[0].cookie_keys->path, "etc/k1");
    assert_ptr_equal(first->rules[0].cookie_keys, first->rules[1].cookie_keys);
    assert_string_equal(first->rules[2].cookie_keys->path, "etc/k2");
    load_result = -EIO; /* the disk is gone: an abort must still work */
    struct px_snapshot *second = build(fixture, sticky_rules, 2, first);
    assert_int_equal(load_count, 2);
    drop(fixture, first);
    assert_string_equal(second->rules[2].cookie_keys->path, "etc/k2");
    px_config_free(fixture->config);
    fixture->config = helper_parse(helper_base); /* a reload: keys may have changed */
    struct px_snapshot *third = NULL;
    char *why = NULL;
    assert_int_equal(try_build(fixture, sticky_rules, 3, second, &why, &third), -EIO);
    free(why);
    load_result = 0;
    third = build(fixture, sticky_rules, 3, second);
    assert_int_equal(load_count, 5);
    assert_int_equal(keys_alive, 4);
    assert_ptr_not_equal(third->rules[0].cookie_keys, second->rules[0].cookie_keys);
    drop(fixture, second);
    assert_int_equal(keys_alive, 2);
    drop(fixture, third);
    assert_int_equal(keys_alive, 0);
}

static void test_snapshot_without_a_loader_refuses_key_files(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other = {.config = fixture->config};
    struct px_snapshot *snapshot = NULL;
    char *why = NULL;
    assert_int_equal(px_registry_new(NULL, &other.registry), 0);
    assert_int_equal(try_build(&other, sticky_rules, 1, NULL, &why, &snapshot), -ENOTSUP);
    assert_string_equal(why, "key file etc/k1: Operation not supported");
    free(why);
    px_registry_free(other.registry);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_snapshot_names_are_resolved),
        TEST(test_snapshot_stable_without_weight_is_a_candidate),
        TEST(test_snapshot_ids_are_the_same_everywhere),
        TEST(test_snapshot_numbers_for_counters_stay),
        TEST(test_snapshot_a_deal_goes_on_while_weights_stay),
        TEST(test_snapshot_a_trial_goes_on_while_its_question_stays),
        TEST(test_snapshot_one_version_alone_is_no_trial),
        TEST(test_snapshot_bindings_before_new_weights_are_known),
        TEST(test_snapshot_new_weights_are_a_new_deal),
        TEST(test_snapshot_a_deal_starts_where_the_revision_says),
        TEST(test_snapshot_mirrors_go_on_while_they_stay),
        TEST(test_snapshot_endpoints_outlive_configs),
        TEST(test_snapshot_shares_the_rules_of_the_config),
        TEST(test_snapshot_refused_builds_use_up_no_names),
        TEST(test_snapshot_refuses_one_name_too_many),
        TEST(test_snapshot_refuses_more_rules_than_fit),
        TEST(test_snapshot_endpoints_in_use_count),
        TEST(test_snapshot_refuses_one_version_name_too_many),
        TEST(test_snapshot_key_files_are_read_once_for_each_config),
        TEST(test_snapshot_without_a_loader_refuses_key_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

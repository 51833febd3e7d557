/*
 * Memory runs out at the first allocation, at the second, ... until all is done: each time -ENOMEM,
 * and nothing is left behind. Counts what our own code takes, what jansson takes for it, and what
 * libyaml takes (its yaml_malloc is replaced below; the library finds this one first).
 */
#include "tests/unit/config/helper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct px_cookie_keys {
    int number;
};

static long fail_at = -1; /* which allocation fails; -1: none */
static long taken;        /* allocations since then */
static long alive;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

/* Exported, so that libyaml uses them instead of its own. */
#define EXPORTED __attribute__((visibility("default")))
EXPORTED void *yaml_malloc(size_t size);
EXPORTED void *yaml_realloc(void *memory, size_t size);
EXPORTED void yaml_free(void *memory);
EXPORTED unsigned char *yaml_strdup(const unsigned char *text);

static bool may_take(void)
{
    return taken++ != fail_at;
}

static void *count(void *memory)
{
    alive += memory != NULL;
    return memory;
}

void *__wrap_malloc(size_t size)
{
    return may_take() ? count(__real_malloc(size)) : NULL;
}

void *__wrap_calloc(size_t number, size_t size)
{
    return may_take() ? count(__real_calloc(number, size)) : NULL;
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (!may_take()) {
        return NULL;
    }
    void *grown = __real_realloc(memory, size);
    alive += !memory && grown;
    return grown;
}

void __wrap_free(void *memory)
{
    alive -= memory != NULL;
    __real_free(memory);
}

void *yaml_malloc(size_t size)
{
    return __wrap_malloc(size ? size : 1);
}

void *yaml_realloc(void *memory, size_t size)
{
    return memory ? __wrap_realloc(memory, size ? size : 1) : yaml_malloc(size);
}

void yaml_free(void *memory)
{
    __wrap_free(memory);
}

unsigned char *yaml_strdup(const unsigned char *text)
{
    size_t len = text ? strlen((const char *)text) + 1 : 0;
    unsigned char *copy = text ? yaml_malloc(len) : NULL;
    if (copy) {
        memcpy(copy, text, len);
    }
    return copy;
}

static const char text[] =
    "listen: ['127.0.0.1:8080', {address: '[::1]:8081'}]\n"
    "admin: unix:./turnout.sock\nmetrics: 127.0.0.1:9090\n"
    "store: {file: ./a.store}\nlog: {access: ./log, format: combined}\n"
    "trusted_proxies: [10.0.0.0/8]\n"
    "versions:\n"
    "  blue: {endpoints: ['127.0.0.1:5001', '127.0.0.1:5002'], build: '1', health: {path: /h}}\n"
    "  green: {endpoints: ['127.0.0.1:5101']}\n"
    "  red: {endpoints: ['127.0.0.1:5201']}\n"
    "rules:\n"
    "  - name: a\n"
    "    match: [{host: a, path: {prefix: /a}, method: GET, headers: [{name: X, regex: 'a+'}],\n"
    "             cookies: [{name: c, value: '1'}], query: [{name: q, present: true}]}]\n"
    "    weights: {green: 1}\n"
    "  - name: main\n"
    "    stable: blue\n"
    "    weights: {blue: 9, green: 1}\n"
    "    sticky: {by: cookie, name: lane, seed: s, affinity: session, key_file: ./k}\n"
    "    mirror: [{to: red, percent: 5%, methods: [POST], drop_headers: [Cookie, A], max_body: "
    "1}]\n"
    "    timeouts: {connect: 2s, total: 1m}\n"
    "    max_body: 1MiB\n";

/* Each is done with allocation number i failing until it succeeds. Gives 0 or -ENOMEM. */
typedef int(action_fn)(void *context);

static void check_all(action_fn *action, void *context, long least)
{
    long before = alive;
    for (long i = 0; i < 100000; i++) {
        fail_at = i;
        taken = 0;
        int r = action(context);
        fail_at = -1;
        if (alive != before) {
            fail_msg("allocation %ld failed: %ld blocks are left", i, alive - before);
        }
        if (r == 0) {
            assert_true(i >= least); /* or nothing was tried at all */
            print_message("%ld allocations\n", i);
            return;
        }
        assert_int_equal(r, -ENOMEM);
    }
    fail_msg("never succeeded");
}

static int parse(void *context)
{
    (void)context;
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    int r = px_config_parse(TN_STR(text), "t.yaml", "etc", &messages, &config);
    assert_int_equal(r == 0, config != NULL);
    px_config_free(config);
    px_messages_deinit(&messages);
    return r;
}

static void test_memory_parsing_a_config(void **state)
{
    (void)state;
    check_all(parse, NULL, 100);
}

/* With every message there is; wrong, so that success is -EINVAL. */
static int parse_wrong(void *context)
{
    (void)context;
    static const char wrong[] =
        "&a listen: [x, {adress: y}]\nlisten: []\nadmin: 0.0.0.0:1\ntrusted_proxies: [10.0.0.1/8]\n"
        "versions: {blue: {endpoints: ['127.0.0.1:1', '127.0.0.1:1']}, b/c: {kubernetes: {}}}\n"
        "rules:\n- {name: a, weights: {red: 1}, match: [{path: {regex: '('}}]}\n"
        "- {name: a, weights: {blue: 0}, sticky: {affinity: session}, mirror: [{to: x}, 1]}\n"
        "- {name: b, timeouts: {idle: 5}, max_body: 1k, match: [{}]}\n";
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    int r = px_config_parse(TN_STR(wrong), "t.yaml", "etc", &messages, &config);
    assert_null(config);
    if (r == -EINVAL) {
        char *said = px_messages_format(&messages);
        r = said ? 0 : -ENOMEM;
        free(said);
    }
    px_messages_deinit(&messages);
    return r;
}

static void test_memory_parsing_mistakes(void **state)
{
    (void)state;
    check_all(parse_wrong, NULL, 100);
}

static int load(void *context)
{
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    int r = px_config_load(context, &messages, &config);
    px_config_free(config);
    px_messages_deinit(&messages);
    return r == -ENOENT ? 0 : r;
}

static void test_memory_loading_a_file(void **state)
{
    (void)state;
    char missing[] = "no-such-folder/turnout.yaml";
    check_all(load, missing, 4);
}

static int parse_rules(void *context)
{
    struct px_messages messages;
    struct px_rule **rules = NULL;
    uint32_t rule_count = 0;
    px_messages_init(&messages);
    int r = px_config_parse_rules(
        TN_STR("[{name: main, weights: {blue: 1}, sticky: {by: 'header:X'}, mirror: [{to: red}]}]"),
        "rules", context, &messages, &rules, &rule_count);
    px_rules_free(rules, rule_count);
    px_messages_deinit(&messages);
    return r;
}

static struct px_config *parse_whole(void)
{
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    assert_int_equal(px_config_parse(TN_STR(text), "t.yaml", "etc", &messages, &config), 0);
    px_messages_deinit(&messages);
    return config;
}

static void test_memory_parsing_rules(void **state)
{
    (void)state;
    struct px_config *config = parse_whole();
    check_all(parse_rules, config, 50);
    px_config_free(config);
}

static int write_json(void *context)
{
    struct px_config *config = context;
    for (uint32_t i = 0; i < config->rule_count; i++) {
        json_t *json = px_rule_to_json(config->rules[i]);
        if (!json) {
            return -ENOMEM;
        }
        json_decref(json);
        if (px_rule_hash(config->rules[i]) == 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

static void test_memory_writing_json(void **state)
{
    (void)state;
    struct px_config *config = parse_whole();
    json_malloc_t before_malloc;
    json_free_t before_free;
    json_get_alloc_funcs(&before_malloc, &before_free);
    json_set_alloc_funcs(__wrap_malloc, __wrap_free);
    check_all(write_json, config, 50);
    json_set_alloc_funcs(before_malloc, before_free);
    px_config_free(config);
}

static int load_keys(const char *path, char **ret_why, struct px_cookie_keys **ret_keys)
{
    (void)path;
    (void)ret_why;
    *ret_keys = calloc(1, sizeof(**ret_keys));
    return *ret_keys ? 0 : -ENOMEM;
}

static void free_keys(struct px_cookie_keys *keys)
{
    free(keys);
}

static int build(void *context)
{
    static const struct px_registry_ops ops = {load_keys, free_keys};
    struct px_config *config = context;
    struct px_registry *registry = NULL;
    struct px_snapshot *first = NULL;
    struct px_snapshot *second = NULL;
    char *why = NULL;
    struct px_snapshot_plan plan = {
        .config = config, .rules = config->rules, .rule_count = config->rule_count, .revision = 1};
    int r = px_registry_new(&ops, &registry);
    r = r < 0 ? r : px_snapshot_build(registry, &plan, &why, &first);
    plan.previous = first;
    r = r < 0 ? r : px_snapshot_build(registry, &plan, &why, &second);
    assert_int_equal(config->references, 1 + (first != NULL) + (second != NULL));
    px_snapshot_free(registry, first);
    px_snapshot_free(registry, second);
    px_registry_free(registry);
    free(why);
    return r;
}

static void test_memory_building_snapshots(void **state)
{
    (void)state;
    struct px_config *config = parse_whole();
    check_all(build, config, 20);
    assert_int_equal(config->references, 1);
    px_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_parsing_a_config),
        cmocka_unit_test(test_memory_parsing_mistakes),
        cmocka_unit_test(test_memory_loading_a_file),
        cmocka_unit_test(test_memory_parsing_rules),
        cmocka_unit_test(test_memory_writing_json),
        cmocka_unit_test(test_memory_building_snapshots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

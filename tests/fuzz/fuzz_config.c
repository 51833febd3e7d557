/*
 * Any text as a configuration. What is refused has messages with places inside the text; what is
 * taken builds a snapshot, and its rules come back from JSON as they were.
 */
#include "tests/fuzz/fuzz.h"

#include "proxy/config/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct px_cookie_keys {
    int number;
};

static int load_keys(const char *path, char **ret_why, struct px_cookie_keys **ret_keys)
{
    (void)path;
    (void)ret_why;
    *ret_keys = calloc(1, sizeof(**ret_keys));
    REQUIRE(*ret_keys);
    return 0;
}

static void free_keys(struct px_cookie_keys *keys)
{
    free(keys);
}

static void check_messages(const struct px_messages *messages, int r, const uint8_t *data,
                           size_t size)
{
    uint32_t lines = 2;
    for (size_t i = 0; i < size; i++) {
        lines += data[i] == '\n' || data[i] == '\r' || data[i] >= 0x80; /* NEL, LS, PS */
    }
    REQUIRE(r == 0 || r == -EINVAL);
    REQUIRE((r == -EINVAL) == (messages->error_count > 0));
    for (uint32_t i = 0; i < messages->count; i++) {
        REQUIRE(messages->items[i].line <= lines);
        REQUIRE((messages->items[i].line == 0) == (messages->items[i].column == 0));
        REQUIRE(messages->items[i].text[0] != '\0');
    }
    char *text = px_messages_format(messages);
    REQUIRE(text);
    free(text);
}

static void check_rules(const struct px_config *config, struct px_rule **rules, uint32_t count)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        json_array_append_new(list, px_rule_to_json(rules[i]));
    }
    char *text = json_dumps(list, JSON_COMPACT);
    REQUIRE(text);
    struct px_messages messages;
    struct px_rule **again = NULL;
    uint32_t again_count = 0;
    px_messages_init(&messages);
    REQUIRE(px_config_parse_rules(tn_str_of(text), "again", config, &messages, &again,
                                  &again_count) == 0);
    REQUIRE(again_count == count);
    for (uint32_t i = 0; i < count; i++) {
        REQUIRE(px_rule_hash(rules[i]) != 0 && px_rule_hash(rules[i]) == px_rule_hash(again[i]));
    }
    px_rules_free(again, again_count);
    px_messages_deinit(&messages);
    json_decref(list);
    free(text);
}

static void check_snapshot(struct px_config *config)
{
    static const struct px_registry_ops ops = {load_keys, free_keys};
    struct px_registry *registry = NULL;
    struct px_snapshot *first = NULL;
    struct px_snapshot *second = NULL;
    char *why = NULL;
    struct px_snapshot_plan plan = {
        .config = config, .rules = config->rules, .rule_count = config->rule_count, .revision = 1};
    REQUIRE(px_registry_new(&ops, &registry) == 0);
    REQUIRE(px_snapshot_build(registry, &plan, &why, &first) == 0);
    plan.previous = first;
    REQUIRE(px_snapshot_build(registry, &plan, &why, &second) == 0);
    for (uint32_t i = 0; i < first->rule_count; i++) {
        REQUIRE(first->rules[i].deal == second->rules[i].deal);
    }
    px_snapshot_free(registry, first);
    px_snapshot_free(registry, second);
    px_registry_free(registry);
}

static void run_file(const uint8_t *data, size_t size)
{
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    int r = px_config_parse((struct tn_str){(const char *)data, size}, "t.yaml", "etc", &messages,
                            &config);
    check_messages(&messages, r, data, size);
    if (r == 0) {
        check_rules(config, config->rules, config->rule_count);
        check_snapshot(config);
    }
    px_config_free(config);
    px_messages_deinit(&messages);
}

/* The same bytes as a list of rules, the way they come through the admin interface. */
static void run_rules(const uint8_t *data, size_t size)
{
    static const char base[] =
        "listen: ['127.0.0.1:0']\nversions: {blue: {endpoints: ['127.0.0.1:1']}, green: "
        "{endpoints: ['127.0.0.1:2']}}\nrules: [{name: main, weights: {blue: 1, green: 0}}]\n";
    static struct px_config *config;
    struct px_messages messages;
    struct px_rule **rules = NULL;
    uint32_t count = 0;
    px_messages_init(&messages);
    if (!config) {
        REQUIRE(px_config_parse(TN_STR(base), "base", "", &messages, &config) == 0);
    }
    int r = px_config_parse_rules((struct tn_str){(const char *)data, size}, "rules", config,
                                  &messages, &rules, &count);
    check_messages(&messages, r, data, size);
    if (r == 0) {
        check_rules(config, rules, count);
        px_rules_free(rules, count);
    }
    px_messages_deinit(&messages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run_file(data, size);
    run_rules(data, size);
    return 0;
}

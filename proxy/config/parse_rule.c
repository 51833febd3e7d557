#include "proxy/config/parse.h"

#include <stdlib.h>

#define DEFAULT_CONNECT_MS 1000
#define DEFAULT_FIRST_BYTE_MS 30000
#define DEFAULT_IDLE_MS 300000

void px_timeouts_default(struct px_timeouts *timeouts)
{
    *timeouts = (struct px_timeouts){
        .connect_ms = DEFAULT_CONNECT_MS,
        .first_byte_ms = DEFAULT_FIRST_BYTE_MS,
        .idle_ms = DEFAULT_IDLE_MS,
        .total_ms = PX_NO_LIMIT,
    };
}

bool px_parse_version_name(struct px_parser *parser, const struct px_node *node, struct tn_str name,
                           uint32_t *ret_number)
{
    const struct px_config *config = parser->config;
    const char *words[STRATEGY_VERSIONS_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < config->version_count; i++) {
        if (!config->versions[i].name) {
            continue; /* memory ran out */
        }
        if (tn_str_equal(name, tn_str_of(config->versions[i].name))) {
            *ret_number = i;
            return true;
        }
        words[count++] = config->versions[i].name;
    }
    struct px_text text = {0};
    px_text_add(&text, "unknown version ");
    px_text_add_found(&text, name);
    const char *suggestion = px_suggest(name, words, count);
    if (suggestion) {
        px_text_add(&text, " (did you mean '%s'?)", suggestion);
    } else {
        px_text_add(&text, count == 1 ? ": the only version is" : ": the versions are");
        for (size_t i = 0; i < count; i++) {
            px_text_add(&text, "%s %s", i == 0 ? "" : ",", words[i]);
        }
    }
    px_error(parser, node, "%s", text.bytes);
    return false;
}

static void key_name(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                     void *context)
{
    (void)key;
    struct px_rule *rule = context;
    px_parse_name(parser, node, "/", PX_NAME_MAX, &rule->name);
}

static void key_match(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *context)
{
    (void)key;
    px_parse_match(parser, node, context);
}

static void key_stable(struct px_parser *parser, const struct px_node *node,
                       const struct px_key *key, void *context)
{
    (void)key;
    struct px_rule *rule = context;
    uint32_t number;
    if (node->kind != PX_NODE_SCALAR || node->text.len == 0) {
        px_expected(parser, node, "the name of a version", NULL);
    } else if (px_parse_version_name(parser, node, node->text, &number)) {
        rule->stable = px_parser_dup(parser, node->text);
    }
}

static void check_sum(struct px_parser *parser, const struct px_node *node,
                      const struct px_rule *rule)
{
    uint32_t positive = 0;
    for (uint32_t i = 0; rule->weights && i < rule->weight_count; i++) {
        positive += rule->weights[i].weight > 0;
    }
    if (positive == 0) {
        px_error(parser, node,
                 "weights: all are 0, so nobody would answer: at least one must be "
                 "more");
    }
}

static bool parse_weight(struct px_parser *parser, const struct px_node *node, uint32_t *ret_weight)
{
    unsigned long long value;
    struct tn_str text = node->text;
    if (node->kind == PX_NODE_SCALAR && tn_str_parse_u64(text, STRATEGY_WEIGHT_MAX, &value) == 0) {
        *ret_weight = (uint32_t)value;
        return true;
    }
    /* "90%": shares follow from the weights, so the number alone says it */
    struct px_text suggestion = {0};
    if (text.len > 1 && text.len < 8 && text.ptr[text.len - 1] == '%') {
        px_text_add(&suggestion, "%.*s", (int)text.len - 1, text.ptr);
    }
    px_expected(parser, node, "a weight, a whole number from 0 to 1000000",
                suggestion.len > 0 ? suggestion.bytes : NULL);
    return false;
}

/* Kept in the order of `versions:`, so that two spellings of the same weights are the same rule. */
static void key_weights(struct px_parser *parser, const struct px_node *node,
                        const struct px_key *key, void *context)
{
    (void)key;
    struct px_rule *rule = context;
    const struct px_node *by_version[STRATEGY_VERSIONS_MAX] = {NULL};
    uint32_t weights[STRATEGY_VERSIONS_MAX];
    bool is_right = true;
    if (node->kind != PX_NODE_MAP || node->count == 0) {
        px_expected(parser, node, "versions with their weights, such as {blue: 90, green: 10}",
                    NULL);
        return;
    }
    PX_NODE_FOR_EACH (value, node) {
        uint32_t number;
        if (!px_parse_version_name(parser, value->key, value->key->text, &number) ||
            !parse_weight(parser, value, &weights[number])) {
            is_right = false;
            continue;
        }
        by_version[number] = value;
    }
    rule->weights = px_parser_alloc(parser, node->count, sizeof(*rule->weights));
    for (uint32_t i = 0; rule->weights && i < STRATEGY_VERSIONS_MAX; i++) {
        if (by_version[i]) {
            struct px_weight *weight = &rule->weights[rule->weight_count++];
            weight->version = px_parser_dup(parser, by_version[i]->key->text);
            weight->weight = weights[i];
        }
    }
    if (is_right) {
        check_sum(parser, node, rule);
    }
}

static void key_sticky(struct px_parser *parser, const struct px_node *node,
                       const struct px_key *key, void *context)
{
    (void)key;
    px_parse_sticky(parser, node, context);
}

static void key_on_unhealthy(struct px_parser *parser, const struct px_node *node,
                             const struct px_key *key, void *context)
{
    (void)key;
    static const char *const words[] = {"fail", "failover"};
    struct px_rule *rule = context;
    uint32_t index;
    if (px_parse_word(parser, node, words, 2, &index)) {
        rule->on_unhealthy = index == 0 ? STRATEGY_FAIL : STRATEGY_FAILOVER;
    }
}

static void key_mirror(struct px_parser *parser, const struct px_node *node,
                       const struct px_key *key, void *context)
{
    (void)key;
    px_parse_mirror(parser, node, context);
}

static void key_guard(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *context)
{
    (void)key;
    px_parse_guard(parser, node, context);
}

static void key_goals(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *context)
{
    (void)key;
    px_parse_goals(parser, node, context);
}

static void key_timeouts(struct px_parser *parser, const struct px_node *node,
                         const struct px_key *key, void *context)
{
    (void)key;
    const uint64_t day = 86400000;
    const struct px_key keys[] = {
        {"connect", px_key_ms, offsetof(struct px_timeouts, connect_ms), 1, day},
        {"first_byte", px_key_ms, offsetof(struct px_timeouts, first_byte_ms), 1, PX_NO_LIMIT},
        {"idle", px_key_ms, offsetof(struct px_timeouts, idle_ms), 1, PX_NO_LIMIT},
        {"total", px_key_ms, offsetof(struct px_timeouts, total_ms), 1, PX_NO_LIMIT},
    };
    struct px_rule *rule = context;
    px_parse_map(parser, node, "timeouts", keys, sizeof(keys) / sizeof(keys[0]), &rule->timeouts);
}

static const struct px_key rule_keys[] = {
    {.name = "name", .parse = key_name},
    {.name = "match", .parse = key_match},
    {.name = "stable", .parse = key_stable},
    {.name = "weights", .parse = key_weights},
    {.name = "sticky", .parse = key_sticky},
    {.name = "on_unhealthy", .parse = key_on_unhealthy},
    {.name = "mirror", .parse = key_mirror},
    {.name = "timeouts", .parse = key_timeouts},
    {.name = "max_body",
     .parse = px_key_bytes,
     .offset = offsetof(struct px_rule, max_body_bytes),
     .min = 1,
     .max = PX_NO_LIMIT},
    {.name = "made_by_route",
     .parse = px_key_bool,
     .offset = offsetof(struct px_rule, made_by_route)},
    {.name = "switched_off",
     .parse = px_key_bool,
     .offset = offsetof(struct px_rule, is_switched_off)},
    {.name = "guard", .parse = key_guard},
    {.name = "goals", .parse = key_goals},
    {.name = "verdict"},
    {.name = "owner"},
};

static struct px_rule *parse_rule(struct px_parser *parser, const struct px_node *node)
{
    struct px_rule *rule = px_parser_alloc(parser, 1, sizeof(*rule));
    if (!rule) {
        return NULL;
    }
    rule->references = 1;
    rule->max_body_bytes = PX_NO_LIMIT;
    px_timeouts_default(&rule->timeouts);
    if (px_parse_map(parser, node, "a rule", rule_keys, sizeof(rule_keys) / sizeof(rule_keys[0]),
                     rule)) {
        px_check_rule(parser, node, rule);
    }
    if (rule->sticky.by != PX_STICKY_NONE && !rule->sticky.seed && rule->name) {
        rule->sticky.seed = px_parser_dup(parser, tn_str_of(rule->name));
    }
    return rule;
}

void px_parse_rules(struct px_parser *parser, const struct px_node *node,
                    struct px_rule ***ret_rules, uint32_t *ret_count)
{
    if (!px_parse_list(parser, node, "rules such as [{name: main, weights: {blue: 1}}]", 128)) {
        return;
    }
    struct px_rule **rules = px_parser_alloc(parser, node->count, sizeof(struct px_rule *));
    if (!rules) {
        return;
    }
    uint32_t count = 0;
    PX_NODE_FOR_EACH (item, node) {
        rules[count] = parse_rule(parser, item);
        if (!rules[count]) {
            break;
        }
        count++;
    }
    px_check_rules(parser, node);
    *ret_rules = rules;
    *ret_count = count;
}

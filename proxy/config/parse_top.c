#include "proxy/config/parse.h"

#include <stdlib.h>

#define THREADS_MAX 256

/* What the keys of the top fill; versions and rules wait until all are known. */
struct top {
    struct px_config *config;
    const struct px_node *versions;
    const struct px_node *rules;
};

static void key_listen(struct px_parser *parser, const struct px_node *node,
                       const struct px_key *key, void *context)
{
    (void)key;
    px_parse_listen(parser, node, ((struct top *)context)->config);
}

static void key_threads(struct px_parser *parser, const struct px_node *node,
                        const struct px_key *key, void *context)
{
    (void)key;
    struct px_config *config = ((struct top *)context)->config;
    unsigned long long value;
    if (tn_str_equal(node->text, TN_STR("auto"))) {
        config->threads = 0;
    } else if (node->kind == PX_NODE_SCALAR &&
               tn_str_parse_u64(node->text, THREADS_MAX, &value) == 0 && value > 0) {
        config->threads = (uint32_t)value;
    } else {
        static const char *const words[] = {"auto"};
        px_expected(parser, node, "auto, or a whole number from 1 to 256",
                    px_suggest(node->text, words, 1));
    }
}

static void key_admin(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *context)
{
    (void)key;
    px_parse_admin(parser, node, ((struct top *)context)->config);
}

static void key_token_file(struct px_parser *parser, const struct px_node *node,
                           const struct px_key *key, void *context)
{
    (void)key;
    px_parse_path(parser, node, &((struct top *)context)->config->admin_token_file);
}

static void key_admin_group(struct px_parser *parser, const struct px_node *node,
                            const struct px_key *key, void *context)
{
    (void)key;
    px_parse_string(parser, node, "a group, such as ops",
                    &((struct top *)context)->config->admin_group);
}

static void key_metrics(struct px_parser *parser, const struct px_node *node,
                        const struct px_key *key, void *context)
{
    (void)key;
    if (!tn_str_equal(node->text, TN_STR("off"))) {
        px_parse_address(parser, node, 0, &((struct top *)context)->config->metrics);
    }
}

static void key_user(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                     void *context)
{
    (void)key;
    px_parse_string(parser, node, "a user, such as turnout or turnout:adm",
                    &((struct top *)context)->config->user);
}

static void key_store_file(struct px_parser *parser, const struct px_node *node,
                           const struct px_key *key, void *context)
{
    (void)key;
    px_parse_path(parser, node, &((struct px_config *)context)->store_file);
}

static void key_store(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *context)
{
    (void)key;
    static const struct px_key keys[] = {
        {.name = "file", .parse = key_store_file},
        {.name = "configMap"},
    };
    if (px_parse_map(parser, node, "store", keys, sizeof(keys) / sizeof(keys[0]),
                     ((struct top *)context)->config) &&
        node->count == 0) {
        px_error(parser, node, "store: 'file' is missing");
    }
}

static void key_log_access(struct px_parser *parser, const struct px_node *node,
                           const struct px_key *key, void *context)
{
    (void)key;
    struct px_config *config = context;
    if (tn_str_equal(node->text, TN_STR("off"))) {
        free(config->access_log);
        config->access_log = NULL;
    } else if (tn_str_equal(node->text, TN_STR("stdout")) ||
               tn_str_equal(node->text, TN_STR("stderr"))) {
        px_parse_string(parser, node, "stdout", &config->access_log);
    } else {
        px_parse_path(parser, node, &config->access_log);
    }
}

static void key_log_format(struct px_parser *parser, const struct px_node *node,
                           const struct px_key *key, void *context)
{
    (void)key;
    static const char *const words[] = {"json", "combined"};
    uint32_t index;
    if (px_parse_word(parser, node, words, 2, &index)) {
        ((struct px_config *)context)->log_format = index == 0 ? PX_LOG_JSON : PX_LOG_COMBINED;
    }
}

static void key_log(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                    void *context)
{
    (void)key;
    static const struct px_key keys[] = {
        {.name = "access", .parse = key_log_access},
        {.name = "format", .parse = key_log_format},
    };
    px_parse_map(parser, node, "log", keys, sizeof(keys) / sizeof(keys[0]),
                 ((struct top *)context)->config);
}

static void key_trusted(struct px_parser *parser, const struct px_node *node,
                        const struct px_key *key, void *context)
{
    (void)key;
    px_parse_trusted(parser, node, ((struct top *)context)->config);
}

static void key_versions(struct px_parser *parser, const struct px_node *node,
                         const struct px_key *key, void *context)
{
    (void)parser;
    (void)key;
    ((struct top *)context)->versions = node;
}

static void key_rules(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *context)
{
    (void)parser;
    (void)key;
    ((struct top *)context)->rules = node;
}

static void key_limits(struct px_parser *parser, const struct px_node *node,
                       const struct px_key *key, void *context)
{
    (void)key;
    px_parse_limits(parser, node, &((struct top *)context)->config->limits);
}

static const struct px_key top_keys[] = {
    {.name = "listen", .parse = key_listen},
    {.name = "threads", .parse = key_threads},
    {.name = "admin", .parse = key_admin},
    {.name = "admin_group", .parse = key_admin_group},
    {.name = "token_file", .parse = key_token_file},
    {.name = "metrics", .parse = key_metrics},
    {.name = "user", .parse = key_user},
    {.name = "store", .parse = key_store},
    {.name = "log", .parse = key_log},
    {.name = "trusted_proxies", .parse = key_trusted},
    {.name = "versions", .parse = key_versions},
    {.name = "rules", .parse = key_rules},
    {.name = "limits", .parse = key_limits},
    {.name = "users"},
    {.name = "tls"},
    {.name = "kubernetes"},
    {.name = "verdict"},
};

static bool is_used(const struct px_config *config, const char *version)
{
    for (uint32_t i = 0; i < config->rule_count; i++) {
        const struct px_rule *rule = config->rules[i];
        bool is_named = rule->stable && strcmp(rule->stable, version) == 0;
        for (uint32_t k = 0; k < rule->weight_count; k++) {
            is_named = is_named || strcmp(rule->weights[k].version, version) == 0;
        }
        for (uint32_t k = 0; k < rule->mirror_count; k++) {
            is_named = is_named || strcmp(rule->mirrors[k].to, version) == 0;
        }
        if (is_named) {
            return true;
        }
    }
    return false;
}

static void check_used(struct px_parser *parser, const struct top *top)
{
    PX_NODE_FOR_EACH (version, top->versions) {
        if (!is_used(top->config, version->key->text.ptr)) {
            px_warning(parser, version->key, "version '%s' is used by no rule",
                       version->key->text.ptr);
        }
    }
}

void px_parse_top(struct px_parser *parser, const struct px_node *node, struct px_config *config)
{
    static const char *const required[][2] = {
        {"listen", "where clients connect, such as listen: [\"0.0.0.0:8080\"]"},
        {"versions", "such as versions: {blue: {endpoints: [\"127.0.0.1:5001\"]}}"},
        {"rules", "such as rules: [{name: main, weights: {blue: 1}}]"},
    };
    struct top top = {.config = config};
    if (!px_parse_map(parser, node, "the configuration", top_keys,
                      sizeof(top_keys) / sizeof(top_keys[0]), &top)) {
        return;
    }
    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        if (!px_node_means(node, required[i][0])) {
            px_error_at(parser, 0, 0, "'%s' is missing: %s", required[i][0], required[i][1]);
        }
    }
    px_check_addresses(parser, node, config);
    if (top.versions) {
        px_parse_versions(parser, top.versions, config);
    }
    if (top.rules && config->version_count > 0) {
        px_parse_rules(parser, top.rules, &config->rules, &config->rule_count);
    }
    if (top.versions && parser->messages->error_count == 0 && !parser->out_of_memory) {
        check_used(parser, &top);
    }
}

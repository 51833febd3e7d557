#include "engine/config_parts.h"

#include <errno.h>
#include <stdlib.h>

#define HOUR_MS 3600000
#define DAY_MS (24ull * HOUR_MS)

static void key_text(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                     void *target)
{
    px_parse_name(parser, node, "", PX_NAME_MAX, (char **)(void *)((char *)target + key->offset));
}

static void key_file(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                     void *target)
{
    px_parse_path(parser, node, (char **)(void *)((char *)target + key->offset));
}

static void key_platform(struct px_parser *parser, const struct px_node *node,
                         const struct px_key *key, void *target)
{
    static const char *const words[] = {"local"};
    uint32_t index;

    (void)key;
    (void)target;
    if (node->kind == PX_NODE_MAP && px_node_find(node, "kubernetes"))
        px_error(parser, node, "platform: 'kubernetes' is not yet supported");
    else
        px_parse_word(parser, node, words, 1, &index);
}

static bool is_unix(struct px_parser *parser, const struct px_node *node)
{
    bool is = node->kind == PX_NODE_SCALAR && tn_str_has_prefix(node->text, TN_STR("unix:")) &&
              node->text.len > 5 && node->text.ptr[node->text.len - 1] != '/';

    if (!is)
        px_expected(parser, node, "unix:PATH of a socket", NULL);
    return is;
}

static char *socket_path(struct px_parser *parser, const struct px_node *node)
{
    struct tn_str path = {node->text.ptr + 5, node->text.len - 5};
    char *resolved = px_parser_resolve(parser, path);

    if (resolved && strlen(resolved) > 107) {
        px_error(parser, node,
                 "the path of a Unix socket may have at most 107 bytes, this one has %zu",
                 strlen(resolved));
        free(resolved);
        return NULL;
    }
    return resolved;
}

static void key_proxy(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *target)
{
    struct en_config *config = target;
    char *path = is_unix(parser, node) ? socket_path(parser, node) : NULL;

    (void)key;
    if (!path)
        return;
    free(config->proxy);
    config->proxy = px_parser_alloc(parser, strlen(path) + 6, 1);
    if (config->proxy) {
        memcpy(config->proxy, "unix:", 5);
        memcpy(config->proxy + 5, path, strlen(path));
    }
    free(path);
}

static void key_admin(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *target)
{
    struct en_config *config = target;

    (void)key;
    if (!is_unix(parser, node))
        return;
    free(config->admin_path);
    config->admin_path = socket_path(parser, node);
}

static void key_metrics(struct px_parser *parser, const struct px_node *node,
                        const struct px_key *key, void *target)
{
    (void)key;
    if (!tn_str_equal(node->text, TN_STR("off")))
        px_parse_address(parser, node, 0, &((struct en_config *)target)->metrics);
}

static void key_store(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *target)
{
    static const struct px_key keys[] = {
        {.name = "file", .parse = key_file, .offset = offsetof(struct en_config, store_file)},
        {.name = "configMap"},
    };

    (void)key;
    px_parse_map(parser, node, "store", keys, 2, target);
}

static void key_state(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *target)
{
    const char *words[STRATEGY_STATE_COUNT];
    uint32_t index;

    (void)key;
    for (uint32_t i = 1; i < STRATEGY_STATE_COUNT; i++)
        words[i - 1] = strategy_state_word((enum strategy_state)i);
    if (px_parse_word(parser, node, words, STRATEGY_STATE_COUNT - 1, &index))
        ((struct en_config *)target)->state = (enum strategy_state)(index + 1);
}

static void key_on_lost(struct px_parser *parser, const struct px_node *node,
                        const struct px_key *key, void *target)
{
    static const char *const words[] = {"hold", "abort"};
    uint32_t index;

    (void)key;
    if (px_parse_word(parser, node, words, 2, &index))
        ((struct en_config *)target)->on_lost = index == 0 ? EN_LOST_HOLD : EN_LOST_ABORT;
}

static void key_ready(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *target)
{
    static const struct px_key keys[] = {
        {.name = "path",
         .parse = en_key_url_path,
         .offset = offsetof(struct en_config, ready_path)},
        {"timeout", px_key_ms, offsetof(struct en_config, ready_timeout_ms), 100, DAY_MS},
    };

    (void)key;
    px_parse_map(parser, node, "ready", keys, 2, target);
}

static const struct px_key top_keys[] = {
    {.name = "service", .parse = key_text, .offset = offsetof(struct en_config, service)},
    {.name = "platform", .parse = key_platform},
    {.name = "proxy", .parse = key_proxy},
    {.name = "admin", .parse = key_admin},
    {.name = "metrics", .parse = key_metrics},
    {.name = "store", .parse = key_store},
    {.name = "logs", .parse = key_file, .offset = offsetof(struct en_config, log_dir)},
    {.name = "rule", .parse = key_text, .offset = offsetof(struct en_config, rule)},
    {.name = "state", .parse = key_state},
    {.name = "on_engine_lost", .parse = key_on_lost},
    {"replicas", px_key_u32, offsetof(struct en_config, replicas), 1, EN_INSTANCES_MAX},
    {.name = "builds", .parse = en_key_builds},
    {.name = "versions", .parse = en_key_versions},
    {.name = "ready", .parse = key_ready},
    {"drain", px_key_ms, offsetof(struct en_config, drain_ms), 0, DAY_MS},
    {"grace", px_key_ms, offsetof(struct en_config, grace_ms), 0, HOUR_MS},
    {"progress", px_key_ms, offsetof(struct en_config, progress_ms), 1000, DAY_MS},
    {"lease", px_key_ms, offsetof(struct en_config, lease_ms), 1000, HOUR_MS},
    {.name = "hooks", .parse = en_key_hooks},
    {.name = "kubernetes"},
    {.name = "admin_group"},
    {.name = "token_file"},
};

static void check_required(struct px_parser *parser, const struct px_node *top)
{
    static const char *const required[][2] = {
        {"service", "a name, such as service: counter"},
        {"proxy", "where the proxy's admin interface is, such as proxy: \"unix:./turnout.sock\""},
        {"store", "what is remembered over a restart, such as store: {file: \"./engine.store\"}"},
        {"replicas", "how many instances a version has, such as replicas: 4"},
        {"builds", "such as builds: {\"1\": {command: [\"./server\", \"{port}\"]}}"},
        {"versions", "such as versions: {blue: {build: \"1\", ports: [5001]}, green: {ports: "
                     "[5101]}}"},
    };

    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        if (!px_node_means(top, required[i][0]))
            px_error_at(parser, 0, 0, "'%s' is missing: %s", required[i][0], required[i][1]);
    }
}

static void set_defaults(struct px_parser *parser, struct en_config *config)
{
    config->ready_timeout_ms = 60000;
    config->drain_ms = 10000;
    config->grace_ms = 10000;
    config->progress_ms = 600000;
    config->lease_ms = 15000;
    config->ready_path = px_parser_dup(parser, TN_STR("/readyz"));
    config->log_dir = px_parser_resolve(parser, TN_STR("./logs"));
    config->admin_path = px_parser_resolve(parser, TN_STR("./engine.sock"));
    for (uint32_t i = 0; i < EN_HOOK_COUNT; i++) {
        config->hooks[i].timeout_ms = 10000;
        config->hooks[i].retries = 3;
    }
}

static int parse_into(struct px_parser *parser, struct tn_str text, struct en_config *config)
{
    const struct px_node *node;

    set_defaults(parser, config);
    node = px_parse_yaml(parser, text);
    if (node && px_parse_map(parser, node, "engine.yaml", top_keys,
                             sizeof(top_keys) / sizeof(top_keys[0]), config)) {
        check_required(parser, node);
        en_config_check(parser, node, config);
    }
    px_parser_deinit(parser);
    px_messages_sort(parser->messages);
    if (parser->out_of_memory)
        return -ENOMEM;
    return parser->messages->error_count > 0 ? -EINVAL : 0;
}

int en_config_parse(struct tn_str text, const char *name, const char *dir,
                    struct px_messages *messages, struct en_config **ret_config)
{
    struct px_parser parser = {.messages = messages, .dir = dir};
    struct en_config *config = calloc(1, sizeof(*config));
    int r = config ? px_messages_set_file(messages, name) : -ENOMEM;

    if (r == 0) {
        config->file = tn_str_dup(tn_str_of(name));
        config->dir = tn_str_dup(tn_str_of(dir));
        r = config->file && config->dir ? parse_into(&parser, text, config) : -ENOMEM;
    }
    if (r < 0)
        en_config_free(config);
    else
        *ret_config = config;
    return r;
}

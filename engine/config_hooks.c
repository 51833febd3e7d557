#include "engine/config_parts.h"

#define DAY_MS 86400000ull

static void key_url(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                    void *target)
{
    (void)key;
    if (node->kind != PX_NODE_SCALAR || !tn_str_has_prefix(node->text, TN_STR("http://")))
        px_expected(parser, node,
                    "a URL such as http://127.0.0.1:9000/path (https is not yet "
                    "supported)",
                    NULL);
    else
        px_parse_string(parser, node, "a URL", &((struct en_hook_config *)target)->url);
}

static void key_command(struct px_parser *parser, const struct px_node *node,
                        const struct px_key *key, void *target)
{
    (void)key;
    en_parse_command(parser, node, &((struct en_hook_config *)target)->command);
}

static void key_hook(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                     void *target)
{
    static const struct px_key keys[] = {
        {.name = "url", .parse = key_url},
        {.name = "command", .parse = key_command},
        {"timeout", px_key_ms, offsetof(struct en_hook_config, timeout_ms), 100, DAY_MS},
        {"retries", px_key_u32, offsetof(struct en_hook_config, retries), 0, 1000},
    };
    struct en_config *config = target;
    struct en_hook_config *hook = &config->hooks[key->min];

    if (node->kind == PX_NODE_SCALAR) {
        key_url(parser, node, key, hook);
        return;
    }
    if (px_parse_map(parser, node, "a hook", keys, sizeof(keys) / sizeof(keys[0]), hook) &&
        px_node_means(node, "url") == px_node_means(node, "command"))
        px_error(parser, node, "hooks: a hook has a 'url' or a 'command'");
}

void en_key_hooks(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                  void *target)
{
    struct px_key keys[EN_HOOK_COUNT];
    uint32_t count = 0;

    (void)key;
    /* Which one is told by the number that other keys use as their least value. */
    for (uint32_t i = 0; i < EN_HOOK_COUNT; i++) {
        const char *name =
            i == EN_HOOK_NOTIFY ? "notify" : strategy_hook_word((enum strategy_hook)i);

        if (i != STRATEGY_HOOK_TEST) /* each step says its own */
            keys[count++] = (struct px_key){.name = name, .parse = key_hook, .min = i};
    }
    px_parse_map(parser, node, "hooks", keys, count, target);
}

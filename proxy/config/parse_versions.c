#include "proxy/config/parse.h"
#include "proxy/config/snapshot.h"
#include "proxy/config/units.h"

#include <netinet/in.h>
#include <stdlib.h>

static void key_endpoints(struct px_parser *parser, const struct px_node *node,
                          const struct px_key *key, void *context)
{
    (void)key;
    struct px_version *version = context;
    if (!px_parse_list(parser, node, "addresses such as [\"127.0.0.1:5001\"]", PX_ENDPOINTS_MAX)) {
        return;
    }
    version->endpoints = px_parser_alloc(parser, node->count, sizeof(*version->endpoints));
    if (!version->endpoints) {
        return;
    }
    PX_NODE_FOR_EACH (item, node) {
        struct px_address *address = &version->endpoints[version->endpoint_count];
        version->endpoint_count += px_parse_address(parser, item, 1, address);
    }
}

static void key_build(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *context)
{
    (void)key;
    struct px_version *version = context;
    px_parse_name(parser, node, "/:@+", 255, &version->build);
}

static void key_balance(struct px_parser *parser, const struct px_node *node,
                        const struct px_key *key, void *context)
{
    (void)key;
    const char *words[STRATEGY_BALANCE_COUNT];
    struct px_version *version = context;
    uint32_t index;
    for (uint32_t i = 0; i < STRATEGY_BALANCE_COUNT; i++) {
        words[i] = strategy_balance_ops((enum strategy_balance)i)->name;
    }
    if (px_parse_word(parser, node, words, STRATEGY_BALANCE_COUNT, &index)) {
        version->balance = (enum strategy_balance)index;
    }
}

static void key_health_path(struct px_parser *parser, const struct px_node *node,
                            const struct px_key *key, void *context)
{
    (void)key;
    struct px_health_config *health = context;
    bool is_path = node->kind == PX_NODE_SCALAR && node->text.len > 0 && node->text.ptr[0] == '/';
    for (size_t i = 0; is_path && i < node->text.len; i++) {
        is_path = (unsigned char)node->text.ptr[i] > ' ' && (unsigned char)node->text.ptr[i] < 0x7f;
    }
    if (is_path) {
        px_parse_string(parser, node, "a path", &health->path);
    } else {
        px_expected(parser, node, "a path such as /readyz, in ASCII and without spaces", NULL);
    }
}

static void key_health(struct px_parser *parser, const struct px_node *node,
                       const struct px_key *key, void *context)
{
    (void)key;
    const uint64_t hour = 3600000;
    const struct px_key keys[] = {
        {.name = "path", .parse = key_health_path},
        {"interval", px_key_ms, offsetof(struct px_health_config, interval_ms), 100, hour},
        {"timeout", px_key_ms, offsetof(struct px_health_config, timeout_ms), 10, hour},
        {"up_after", px_key_u32, offsetof(struct px_health_config, up_after), 1, 100},
        {"down_after", px_key_u32, offsetof(struct px_health_config, down_after), 1, 100},
    };
    struct px_version *version = context;
    if (px_parse_map(parser, node, "health", keys, sizeof(keys) / sizeof(keys[0]),
                     &version->health) &&
        version->health.timeout_ms > version->health.interval_ms) {
        char timeout[PX_UNITS_TEXT_SIZE];
        char interval[PX_UNITS_TEXT_SIZE];
        const struct px_node *place = px_node_find(node, "timeout");
        px_error(parser, place ? place : node,
                 "health: timeout (%s) must not be longer than interval (%s): one probe at a time",
                 px_units_write_duration(version->health.timeout_ms, timeout),
                 px_units_write_duration(version->health.interval_ms, interval));
    }
}

static const struct px_key version_keys[] = {
    {.name = "endpoints", .parse = key_endpoints},
    {.name = "build", .parse = key_build},
    {.name = "balance", .parse = key_balance},
    {"max_requests", px_key_u32, offsetof(struct px_version, max_requests), 1, 1000000},
    {.name = "health", .parse = key_health},
    {.name = "kubernetes"},
    {"slow_start", px_key_ms, offsetof(struct px_version, slow_start_ms), 0, 24 * 3600000},
};

static void parse_version(struct px_parser *parser, const struct px_node *node,
                          struct px_version *version)
{
    char *checked = NULL;
    if (px_parse_name(parser, node->key, "", PX_NAME_MAX, &checked)) {
        free(checked);
    }
    /* Kept although wrong: rules that use the name say nothing new. */
    version->name = px_parser_dup(parser, node->key->text);
    version->build = px_parser_dup(parser, TN_STR(""));
    version->max_requests = 512;
    version->health = (struct px_health_config){
        .path = px_parser_dup(parser, TN_STR("/readyz")),
        .interval_ms = 2000,
        .timeout_ms = 1000,
        .up_after = 2,
        .down_after = 3,
    };
    if (px_parse_map(parser, node, "a version", version_keys,
                     sizeof(version_keys) / sizeof(version_keys[0]), version) &&
        !px_node_means(node, "endpoints") && !px_node_find(node, "kubernetes")) {
        px_error(parser, node->key, "version '%.*s' has no endpoints",
                 TN_STR_ARGS(node->key->text));
    }
}

/* What an endpoint's node was parsed to; NULL when it was wrong. */
struct place {
    const struct px_node *node;
    const struct px_node *version;
    struct sockaddr_storage sa;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    int order = memcmp(&x->sa, &y->sa, sizeof(x->sa));
    if (order != 0) {
        return order;
    }
    return x->node->line != y->node->line ? (x->node->line < y->node->line ? -1 : 1)
                                          : (x->node->column < y->node->column ? -1 : 1);
}

static uint32_t list_places(struct px_parser *parser, const struct px_node *versions,
                            struct place *places)
{
    struct px_messages ignored;
    px_messages_init(&ignored);
    struct px_parser quiet = {.messages = &ignored, .dir = parser->dir};
    uint32_t count = 0;
    PX_NODE_FOR_EACH (version, versions) {
        const struct px_node *list = px_node_find(version, "endpoints");
        if (!list || list->kind != PX_NODE_LIST) {
            continue;
        }
        PX_NODE_FOR_EACH (item, list) {
            struct px_address address = {0};
            if (count < PX_ENDPOINTS_MAX && px_parse_address(&quiet, item, 1, &address)) {
                places[count++] =
                    (struct place){.node = item, .version = version, .sa = address.sa};
                free(address.text);
            }
        }
    }
    parser->out_of_memory = parser->out_of_memory || quiet.out_of_memory;
    px_messages_deinit(&ignored);
    return count;
}

/* Twice in one version is a mistake; in two versions it is odd (an A/A test), and said. */
static void check_places(struct px_parser *parser, const struct px_node *versions)
{
    struct place *places = px_parser_alloc(parser, PX_ENDPOINTS_MAX, sizeof(*places));
    if (!places) {
        return;
    }
    uint32_t count = list_places(parser, versions, places);
    qsort(places, count, sizeof(*places), compare_places);
    for (uint32_t i = 1; i < count; i++) {
        if (memcmp(&places[i].sa, &places[i - 1].sa, sizeof(places[i].sa)) != 0) {
            continue;
        }
        const struct px_node *node = places[i].node;
        if (places[i].version == places[i - 1].version) {
            px_error(parser, node, "endpoint %.*s is named twice, already on line %u",
                     TN_STR_ARGS(node->text), places[i - 1].node->line);
        } else {
            px_warning(parser, node, "endpoint %.*s also belongs to version '%.*s' (line %u)",
                       TN_STR_ARGS(node->text), TN_STR_ARGS(places[i - 1].version->key->text),
                       places[i - 1].node->line);
        }
    }
    free(places);
}

void px_parse_versions(struct px_parser *parser, const struct px_node *node,
                       struct px_config *config)
{
    if (node->kind != PX_NODE_MAP || node->count == 0) {
        px_expected(parser, node, "versions by name, such as {blue: {endpoints: [...]}}", NULL);
        return;
    }
    if (node->count > PX_VERSIONS_MAX) {
        px_error(parser, node, "versions: %u are named, at most %d are allowed", node->count,
                 PX_VERSIONS_MAX);
        return;
    }
    config->versions = px_parser_alloc(parser, node->count, sizeof(*config->versions));
    if (!config->versions) {
        return;
    }
    uint32_t endpoints = 0;
    PX_NODE_FOR_EACH (value, node) {
        struct px_version *version = &config->versions[config->version_count++];
        parse_version(parser, value, version);
        endpoints += version->endpoint_count;
    }
    if (endpoints > PX_ENDPOINTS_MAX) {
        px_error(parser, node, "versions: %u endpoints in all, at most %d are allowed", endpoints,
                 PX_ENDPOINTS_MAX);
    } else {
        check_places(parser, node);
    }
}

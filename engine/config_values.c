#include "engine/config_parts.h"

#include "engine/fill.h"

#include <stdlib.h>

#define BUILDS_MAX 64

void en_key_url_path(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                     void *target)
{
    bool is_path = node->kind == PX_NODE_SCALAR && node->text.len > 0 && node->text.ptr[0] == '/';

    for (size_t i = 0; is_path && i < node->text.len; i++)
        is_path = (unsigned char)node->text.ptr[i] > ' ' && (unsigned char)node->text.ptr[i] < 0x7f;
    if (is_path)
        px_parse_string(parser, node, "a path", (char **)(void *)((char *)target + key->offset));
    else
        px_expected(parser, node, "a path such as /readyz, in ASCII and without spaces", NULL);
}

bool en_parse_command(struct px_parser *parser, const struct px_node *node, char ***target)
{
    uint32_t count = 0;
    char **words;

    if (!px_parse_list(parser, node, "words, such as [\"./server\", \"--port\", \"{port}\"]",
                       EN_WORDS_MAX))
        return false;
    words = px_parser_alloc(parser, node->count + 1, sizeof(*words));
    if (!words)
        return false;
    PX_NODE_FOR_EACH (item, node) {
        const char *unknown = NULL;

        if (item->kind != PX_NODE_SCALAR) {
            px_expected(parser, item, "text", NULL);
        } else {
            words[count++] = px_parser_dup(parser, item->text);
            unknown = en_fill_unknown(item->text);
        }
        if (unknown)
            px_error(parser, item,
                     "'%.40s' is nothing that is filled in; known are {port}, {version}, {index}, "
                     "{data}, {build}",
                     unknown);
    }
    *target = words;
    return true;
}

static void key_command(struct px_parser *parser, const struct px_node *node,
                        const struct px_key *key, void *target)
{
    (void)key;
    en_parse_command(parser, node, &((struct en_build_config *)target)->command);
}

void en_key_builds(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                   void *target)
{
    static const struct px_key keys[] = {{.name = "command", .parse = key_command}};
    struct en_config *config = target;

    (void)key;
    if (node->kind != PX_NODE_MAP || node->count == 0 || node->count > BUILDS_MAX) {
        px_expected(parser, node, "a map of 1 to 64 builds, each {command: [...]}", NULL);
        return;
    }
    config->builds = px_parser_alloc(parser, node->count, sizeof(*config->builds));
    if (!config->builds)
        return;
    PX_NODE_FOR_EACH (item, node) {
        struct en_build_config *build = &config->builds[config->build_count];

        if (!px_parse_name(parser, item->key, "/:@+", EN_NAME_SIZE - 1, &build->name))
            continue;
        config->build_count++;
        if (px_parse_map(parser, item, "a build", keys, 1, build) && item->count == 0)
            px_error(parser, item, "builds: 'command' is missing");
    }
}

/* --- versions ----------------------------------------------------------------------------------
 */

static void key_build(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *target)
{
    (void)key;
    px_parse_name(parser, node, "/:@+", EN_NAME_SIZE - 1,
                  &((struct en_version_config *)target)->build);
}

static void key_ports(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *target)
{
    struct en_version_config *version = target;

    (void)key;
    if (!px_parse_list(parser, node, "ports such as [5001, 5002]", EN_INSTANCES_MAX))
        return;
    PX_NODE_FOR_EACH (item, node) {
        uint64_t port;

        if (px_parse_u64(parser, item, 1, UINT16_MAX, &port))
            version->ports[version->port_count++] = (uint16_t)port;
    }
}

static void key_data(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                     void *target)
{
    (void)key;
    px_parse_path(parser, node, &((struct en_version_config *)target)->data);
}

void en_key_versions(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                     void *target)
{
    static const struct px_key keys[] = {
        {.name = "build", .parse = key_build},
        {.name = "ports", .parse = key_ports},
        {.name = "data", .parse = key_data},
    };
    struct en_config *config = target;
    uint32_t count = 0;

    (void)key;
    if (node->kind != PX_NODE_MAP || node->count != EN_VERSIONS) {
        px_expected(parser, node, "a map of two versions, the pair", NULL);
        return;
    }
    PX_NODE_FOR_EACH (item, node) {
        struct en_version_config *version = &config->versions[count++];

        px_parse_name(parser, item->key, "", PX_NAME_MAX, &version->name);
        if (px_parse_map(parser, item, "a version", keys, 3, version) &&
            !px_node_means(item, "ports"))
            px_error(parser, item, "versions: 'ports' is missing");
    }
}

static void check_ports(struct px_parser *parser, const struct px_node *node,
                        const struct en_config *config)
{
    for (uint32_t a = 0; a < EN_VERSIONS * EN_INSTANCES_MAX; a++) {
        const struct en_version_config *version = &config->versions[a / EN_INSTANCES_MAX];
        uint32_t i = a % EN_INSTANCES_MAX;

        for (uint32_t b = 0; i < version->port_count && b < a; b++) {
            const struct en_version_config *other = &config->versions[b / EN_INSTANCES_MAX];
            uint32_t k = b % EN_INSTANCES_MAX;

            if (k < other->port_count && other->ports[k] == version->ports[i])
                px_error(parser, node, "versions: port %u is there twice", version->ports[i]);
        }
    }
}

void en_config_check(struct px_parser *parser, const struct px_node *top,
                     const struct en_config *config)
{
    const struct px_node *versions = px_node_find(top, "versions");

    if (!versions || versions->kind != PX_NODE_MAP)
        return;
    check_ports(parser, versions, config);
    for (uint32_t i = 0; i < EN_VERSIONS && config->versions[i].name; i++) {
        const struct en_version_config *version = &config->versions[i];

        if (version->port_count > 0 && config->replicas > version->port_count)
            px_error(parser, versions, "versions: %s has %u ports, replicas is %u", version->name,
                     version->port_count, config->replicas);
        if (version->build && config->builds && !en_config_find_build(config, version->build))
            px_error(parser, versions, "versions: %s: there is no build '%s'", version->name,
                     version->build);
    }
}

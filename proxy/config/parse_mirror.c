#include "proxy/config/parse.h"

#include <stdlib.h>

#define DROP_HEADERS_MAX 32

const char *const px_mirror_methods[TN_HTTP_METHOD_OTHER] = {"GET",    "HEAD",    "POST", "PUT",
                                                             "DELETE", "OPTIONS", "PATCH"};

static void key_to(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                   void *context)
{
    (void)key;
    struct px_mirror *mirror = context;
    uint32_t number;
    if (node->kind != PX_NODE_SCALAR || node->text.len == 0) {
        px_expected(parser, node, "the name of a version", NULL);
    } else if (px_parse_version_name(parser, node, node->text, &number)) {
        mirror->to = px_parser_dup(parser, node->text);
    }
}

static void key_percent(struct px_parser *parser, const struct px_node *node,
                        const struct px_key *key, void *context)
{
    (void)key;
    struct px_mirror *mirror = context;
    px_parse_percent(parser, node, &mirror->ppm);
}

static void key_methods(struct px_parser *parser, const struct px_node *node,
                        const struct px_key *key, void *context)
{
    (void)key;
    struct px_mirror *mirror = context;
    if (!px_parse_list(parser, node, "methods such as [GET, HEAD]", TN_HTTP_METHOD_OTHER)) {
        return;
    }
    mirror->methods = 0;
    PX_NODE_FOR_EACH (item, node) {
        uint32_t index;
        if (tn_str_equal(item->text, TN_STR("CONNECT"))) {
            px_error(parser, item, "methods: CONNECT can't be mirrored");
        } else if (px_parse_word(parser, item, px_mirror_methods, TN_HTTP_METHOD_OTHER, &index)) {
            if (mirror->methods & (1u << index)) {
                px_error(parser, item, "methods: %s is named twice", px_mirror_methods[index]);
            }
            mirror->methods |= 1u << index;
        }
    }
}

static void key_sample(struct px_parser *parser, const struct px_node *node,
                       const struct px_key *key, void *context)
{
    (void)key;
    static const char *const words[] = {"request", "key"};
    struct px_mirror *mirror = context;
    uint32_t index;
    if (px_parse_word(parser, node, words, 2, &index)) {
        mirror->sample_key = index == 1;
    }
}

static void key_drop_headers(struct px_parser *parser, const struct px_node *node,
                             const struct px_key *key, void *context)
{
    (void)key;
    struct px_mirror *mirror = context;
    px_parse_names(parser, node, "names such as [Authorization, Cookie]", DROP_HEADERS_MAX,
                   &mirror->drop_headers, &mirror->drop_header_count);
}

static void key_compare(struct px_parser *parser, const struct px_node *node,
                        const struct px_key *key, void *context)
{
    (void)key;
    px_parse_compare(parser, node, context);
}

static void key_baseline(struct px_parser *parser, const struct px_node *node,
                         const struct px_key *key, void *context)
{
    (void)key;
    px_parse_baseline(parser, node, context);
}

static const struct px_key mirror_keys[] = {
    {.name = "to", .parse = key_to},
    {.name = "percent", .parse = key_percent},
    {.name = "methods", .parse = key_methods},
    {.name = "sample", .parse = key_sample},
    {.name = "drop_headers", .parse = key_drop_headers},
    {.name = "max_body",
     .parse = px_key_bytes,
     .offset = offsetof(struct px_mirror, max_body_bytes),
     .min = 0,
     .max = PX_NO_LIMIT},
    {.name = "compare", .parse = key_compare},
    {.name = "baseline", .parse = key_baseline},
    {.name = "keep_pairs",
     .parse = px_key_u32,
     .offset = offsetof(struct px_mirror, keep_pairs),
     .min = 0,
     .max = PX_KEEP_PAIRS_MAX},
};

/* What is of no use without `compare`. */
static void check_compare(struct px_parser *parser, const struct px_node *item)
{
    static const char *const parts[] = {"baseline", "keep_pairs"};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const struct px_node *part = px_node_find(item, parts[i]);

        if (part && !px_node_means(item, "compare")) {
            px_error(parser, part->key, "'%s' needs 'compare': nothing is compared without it",
                     parts[i]);
        }
    }
}

static void check_to(struct px_parser *parser, const struct px_node *item,
                     const struct px_rule *rule)
{
    const struct px_mirror *mirror = &rule->mirrors[rule->mirror_count - 1];
    const struct px_node *to = px_node_find(item, "to");
    if (!px_node_means(item, "to")) {
        px_error(parser, item, "mirror: 'to' is missing: the version that gets the copies");
        return;
    }
    for (uint32_t i = 0; to && mirror->to && i + 1 < rule->mirror_count; i++) {
        if (rule->mirrors[i].to && strcmp(rule->mirrors[i].to, mirror->to) == 0) {
            px_error(parser, to, "this rule already has a mirror to '%s'", mirror->to);
            return;
        }
    }
}

void px_parse_mirror(struct px_parser *parser, const struct px_node *node, struct px_rule *rule)
{
    if (!px_parse_list(parser, node, "mirrors such as [{to: green, percent: 25}]",
                       PX_MIRRORS_MAX)) {
        return;
    }
    PX_NODE_FOR_EACH (item, node) {
        struct px_mirror *mirror = &rule->mirrors[rule->mirror_count++];
        *mirror = (struct px_mirror){
            .ppm = 1000000, .methods = PX_MIRROR_METHODS, .max_body_bytes = PX_MIRROR_MAX_BODY};
        if (px_parse_map(parser, item, "a mirror", mirror_keys,
                         sizeof(mirror_keys) / sizeof(mirror_keys[0]), mirror)) {
            check_to(parser, item, rule);
            check_compare(parser, item);
        }
    }
}

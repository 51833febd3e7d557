#include "proxy/config/parse.h"

#include <stdlib.h>

static bool parse_by_name(struct px_parser *parser, const struct px_node *node, size_t prefix_len,
                          const char *what, struct px_sticky *sticky)
{
    /* A node of its own for the part after the colon, so that its checks and messages are the same.
     */
    struct px_node name = *node;
    name.text.ptr += prefix_len;
    name.text.len -= prefix_len;
    name.is_plain = false;
    return px_parse_token(parser, &name, what, &sticky->name);
}

static void suggest_by(struct tn_str text, struct px_text *suggestion)
{
    static const char *const words[] = {"cookie", "header", "client_ip"};
    const char *colon = text.len > 0 ? strchr(text.ptr, ':') : NULL;
    struct tn_str kind = {text.ptr, colon ? (size_t)(colon - text.ptr) : text.len};
    const char *near = px_suggest(kind, words, colon ? 2 : 3);
    if (near && (colon || strcmp(near, "header") == 0)) {
        px_text_add(suggestion, "%s:%s", near, colon && colon[1] ? colon + 1 : "NAME");
    } else if (near) {
        px_text_add(suggestion, "%s", near);
    }
}

static void key_by(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                   void *context)
{
    (void)key;
    struct px_sticky *sticky = context;
    if (node->kind == PX_NODE_SCALAR && tn_str_equal(node->text, TN_STR("cookie"))) {
        sticky->by = PX_STICKY_COOKIE;
    } else if (node->kind == PX_NODE_SCALAR && tn_str_equal(node->text, TN_STR("client_ip"))) {
        sticky->by = PX_STICKY_CLIENT_IP;
    } else if (tn_str_has_prefix(node->text, TN_STR("header:"))) {
        if (parse_by_name(parser, node, 7, "header:NAME with the name of a header", sticky)) {
            sticky->by = PX_STICKY_HEADER;
        }
    } else if (tn_str_has_prefix(node->text, TN_STR("cookie:"))) {
        if (parse_by_name(parser, node, 7, "cookie:NAME with the name of a cookie", sticky)) {
            sticky->by = PX_STICKY_OWN_COOKIE;
        }
    } else {
        struct px_text suggestion = {0};
        suggest_by(node->text, &suggestion);
        px_expected(parser, node, "cookie, cookie:NAME, header:NAME or client_ip",
                    suggestion.len > 0 ? suggestion.bytes : NULL);
    }
}

/* Read by finish(), which knows what `by` says wherever in the map it stands. */
static void key_later(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *context)
{
    (void)parser;
    (void)node;
    (void)key;
    (void)context;
}

static void key_seed(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                     void *context)
{
    (void)key;
    struct px_sticky *sticky = context;
    if (node->kind == PX_NODE_SCALAR && node->text.len == 0) {
        px_expected(parser, node, "text", NULL);
        return;
    }
    px_parse_string(parser, node, "text", &sticky->seed);
}

static void key_affinity(struct px_parser *parser, const struct px_node *node,
                         const struct px_key *key, void *context)
{
    (void)key;
    static const char *const words[] = {"user", "session"};
    struct px_sticky *sticky = context;
    uint32_t index;
    if (px_parse_word(parser, node, words, 2, &index)) {
        sticky->affinity_session = index == 1;
    }
}

static void key_scope(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *context)
{
    (void)key;
    static const char *const words[] = {"version", "endpoint"};
    struct px_sticky *sticky = context;
    uint32_t index;
    if (px_parse_word(parser, node, words, 2, &index)) {
        sticky->scope_endpoint = index == 1;
    }
}

static void key_on_missing(struct px_parser *parser, const struct px_node *node,
                           const struct px_key *key, void *context)
{
    (void)key;
    static const char *const words[] = {"spill", "fail"};
    struct px_sticky *sticky = context;
    uint32_t index;
    if (px_parse_word(parser, node, words, 2, &index)) {
        sticky->on_missing_fail = index == 1;
    }
}

static void key_key_file(struct px_parser *parser, const struct px_node *node,
                         const struct px_key *key, void *context)
{
    (void)key;
    struct px_sticky *sticky = context;
    if (px_parse_path(parser, node, &sticky->key_file)) {
        char *written = px_parser_dup(parser, node->text);
        free(sticky->key_file_written);
        sticky->key_file_written = written;
    }
}

/* What only our own cookie can have. */
static void check_cookie_only(struct px_parser *parser, const struct px_node *node,
                              const struct px_sticky *sticky)
{
    static const char *const keys[] = {"name", "key_file", "max_age"};
    if (sticky->by == PX_STICKY_COOKIE || sticky->by == PX_STICKY_NONE) {
        return;
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const struct px_node *value = px_node_find(node, keys[i]);
        if (value) {
            px_error(parser, value->key,
                     "'%s' belongs to 'by: cookie', the cookie that Turnout sets itself", keys[i]);
        }
    }
}

static void finish(struct px_parser *parser, const struct px_node *node, struct px_rule *rule)
{
    struct px_sticky *sticky = &rule->sticky;
    const struct px_node *name = px_node_find(node, "name");
    const struct px_node *affinity = px_node_find(node, "affinity");
    const struct px_node *scope = px_node_find(node, "scope");
    const struct px_node *on_missing = px_node_find(node, "on_missing");
    if (!px_node_means(node, "by")) {
        px_error(parser, node,
                 "sticky: 'by' is missing: cookie, cookie:NAME, header:NAME or client_ip");
    }
    check_cookie_only(parser, node, sticky);
    if (sticky->by == PX_STICKY_COOKIE && name) {
        px_parse_token(parser, name, "the name of a cookie", &sticky->name);
    } else if (sticky->by == PX_STICKY_COOKIE) {
        sticky->name = px_parser_dup(parser, TN_STR(PX_DEFAULT_COOKIE));
    }
    if (sticky->affinity_session && sticky->by > PX_STICKY_COOKIE) {
        px_error(parser, affinity, "affinity: session needs 'by: cookie', which holds the binding");
    } else if (sticky->affinity_session && !px_node_means(node, "key_file")) {
        px_error(parser, affinity,
                 "affinity: session needs key_file: without a signature anybody could write their "
                 "own binding");
    }
    if (on_missing && (!scope || tn_str_equal(scope->text, TN_STR("version")))) {
        px_error(parser, on_missing->key, "on_missing has no meaning without 'scope: endpoint'");
    }
}

void px_parse_sticky(struct px_parser *parser, const struct px_node *node, struct px_rule *rule)
{
    static const struct px_key keys[] = {
        {.name = "by", .parse = key_by},
        {.name = "name", .parse = key_later},
        {.name = "seed", .parse = key_seed},
        {.name = "affinity", .parse = key_affinity},
        {.name = "scope", .parse = key_scope},
        {.name = "on_missing", .parse = key_on_missing},
        {.name = "key_file", .parse = key_key_file},
        {.name = "max_age",
         .parse = px_key_ms,
         .offset = offsetof(struct px_sticky, max_age_ms),
         .min = 1000,
         .max = 365ull * 24 * 3600 * 1000},
    };
    if (px_parse_map(parser, node, "sticky", keys, sizeof(keys) / sizeof(keys[0]), &rule->sticky)) {
        finish(parser, node, rule);
    }
}

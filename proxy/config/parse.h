/*
 * parse: what the files of the configuration parser share: the tree, messages, values, sections.
 *
 * Private to proxy/config; everybody else includes config.h.
 * Shapes: the text becomes a tree of nodes (parse_yaml.c) that knows the place of every byte;
 * tables of keys (struct px_key) turn maps into structs; a value that is wrong adds a message and
 * leaves its target as it was, so that parsing goes on and finds the next mistake. Columns count
 * characters, from 1. Units: ms, bytes, ppm. Errors: messages, and `out_of_memory`, which every
 * function may set and only the top asks. Ownership: nodes live in the parser's arena until
 * px_parser_deinit; strings that are stored into targets are malloc'd copies. Threads: one parser,
 * one thread.
 */
#ifndef PX_CONFIG_PARSE_H
#define PX_CONFIG_PARSE_H

#include "lib/http/message.h"
#include "proxy/config/messages.h"

#include <limits.h>

#define PX_FILE_BYTES_MAX ((size_t)1024 * 1024)
#define PX_DEPTH_MAX 16
#define PX_NODES_MAX 65536
#define PX_NAME_MAX 63
#define PX_TEXT_MAX 1024

enum px_node_kind { PX_NODE_SCALAR, PX_NODE_LIST, PX_NODE_MAP };

struct px_node {
    enum px_node_kind kind;
    uint32_t line, column;
    bool is_plain;         /* a scalar without quotes */
    bool is_duplicate;     /* reported, and about to leave its map */
    uint32_t text_column;  /* of the scalar's first byte, or 0 where escapes moved the rest */
    struct tn_str text;    /* scalar; terminated, without control characters */
    struct px_node *key;   /* in a map: its key; in a list: the list's key; else NULL */
    struct px_node *first; /* list: items, map: values in the order of the file */
    struct px_node *last;  /* of these */
    struct px_node *next;  /* sibling */
    uint32_t count;        /* of children */
};

struct px_arena_block;

struct px_parser {
    struct px_messages *messages;
    const char *dir;                /* relative paths start here */
    const struct px_config *config; /* whose versions rules may name */
    bool out_of_memory;
    struct px_arena_block *arena;
};

/* --- parse_yaml.c, nodes.c: text to nodes
 * ----------------------------------------------------------- */

/* The tree, or NULL: then a message was added or memory ran out. */
struct px_node *px_parse_yaml(struct px_parser *parser, struct tn_str text);
void px_parser_deinit(struct px_parser *parser);

/* Zeroed memory that lives as long as the parser; NULL sets out_of_memory. */
void *px_parser_arena(struct px_parser *parser, size_t size);
/* Reports keys that are there twice, and takes all but the first out: a key is handled once. */
void px_refuse_duplicates(struct px_parser *parser, struct px_node *map);
bool px_is_printable(struct tn_str text);

/* clang-format off */
#define PX_NODE_FOR_EACH(child, parent)                                                            \
    for (const struct px_node *child = (parent)->first; /* NOLINT(bugprone-macro-parentheses) */   \
         (child); (child) = (child)->next)
/* clang-format on */

/* Value of a key, or NULL. */
const struct px_node *px_node_find(const struct px_node *map, const char *key);

/* --- parse_values.c, parse_text.c: a node to a value; false: a message was added ---------------
 */

bool px_parse_string(struct px_parser *parser, const struct px_node *node, const char *what,
                     char **target);
bool px_parse_path(struct px_parser *parser, const struct px_node *node, char **target);
bool px_parse_token(struct px_parser *parser, const struct px_node *node, const char *what,
                    char **target);
/* A list of names of headers, none twice. */
bool px_parse_names(struct px_parser *parser, const struct px_node *node, const char *what,
                    uint32_t max, char ***target, uint32_t *ret_count);
/* A name of [A-Za-z0-9._-] and `extra`, 1 to max bytes. */
bool px_parse_name(struct px_parser *parser, const struct px_node *node, const char *extra,
                   size_t max, char **target);
bool px_parse_word(struct px_parser *parser, const struct px_node *node, const char *const *words,
                   size_t count, uint32_t *ret_index);
bool px_parse_bool(struct px_parser *parser, const struct px_node *node, bool *ret_value);
bool px_parse_u64(struct px_parser *parser, const struct px_node *node, uint64_t min, uint64_t max,
                  uint64_t *ret_value);
bool px_parse_percent(struct px_parser *parser, const struct px_node *node, uint32_t *ret_ppm);
/* PX_NO_LIMIT as max: `off` or `unlimited` is allowed, and is PX_NO_LIMIT. */
bool px_parse_duration(struct px_parser *parser, const struct px_node *node, uint64_t min,
                       uint64_t max, uint64_t *ret_ms);
bool px_parse_size(struct px_parser *parser, const struct px_node *node, uint64_t min, uint64_t max,
                   uint64_t *ret_bytes);

/* Fields of a struct by table: parse reads node into the member at `offset` of target. */
struct px_key;
typedef void(px_key_fn)(struct px_parser *parser, const struct px_node *node,
                        const struct px_key *key, void *target);

struct px_key {
    const char *name;
    px_key_fn *parse; /* NULL: known, but of a later version: "not yet supported" */
    size_t offset;
    uint64_t min, max;
};

px_key_fn px_key_u32, px_key_ms, px_key_bytes32, px_key_bytes, px_key_bool;

/* --- parse_map.c ----------------------------------------------------------------------------- */

/* False when the node is no map at all. what: "a rule", for messages. */
bool px_parse_map(struct px_parser *parser, const struct px_node *node, const char *what,
                  const struct px_key *keys, size_t count, void *target);

/* The key is there, or misspelt: then saying that it is missing would be the same news twice. */
bool px_node_means(const struct px_node *map, const char *key);

/* False, with a message, unless the node is a list of 1 to max items. */
bool px_parse_list(struct px_parser *parser, const struct px_node *node, const char *what,
                   uint32_t max);

/* calloc that sets out_of_memory. */
void *px_parser_alloc(struct px_parser *parser, size_t count, size_t size);
char *px_parser_dup(struct px_parser *parser, struct tn_str text);

/* Relative to the parser's dir unless absolute; NULL: out of memory. */
char *px_parser_resolve(struct px_parser *parser, struct tn_str path);

/* --- sections -------------------------------------------------------------------------------- */

bool px_parse_address(struct px_parser *parser, const struct px_node *node, uint16_t port_min,
                      struct px_address *target);
/* "1.2.3.4" or "::1", without brackets and port. */
bool px_parse_host(struct tn_str host, struct sockaddr_storage *ret_sa);

void px_parse_top(struct px_parser *parser, const struct px_node *node, struct px_config *config);
void px_parse_listen(struct px_parser *parser, const struct px_node *node,
                     struct px_config *config);
void px_parse_admin(struct px_parser *parser, const struct px_node *node, struct px_config *config);
void px_parse_trusted(struct px_parser *parser, const struct px_node *node,
                      struct px_config *config);

/* What needs more than one of the addresses: none twice, a token file for TCP. */
void px_check_addresses(struct px_parser *parser, const struct px_node *top,
                        const struct px_config *config);

void px_parse_versions(struct px_parser *parser, const struct px_node *node,
                       struct px_config *config);
void px_limits_default(struct px_limits *limits);
void px_parse_limits(struct px_parser *parser, const struct px_node *node,
                     struct px_limits *limits);

/* Names a version of parser->config: its number; false with a message that lists them. */
bool px_parse_version_name(struct px_parser *parser, const struct px_node *node, struct tn_str name,
                           uint32_t *ret_number);

/* All that was said about `rules:` (a list); whatever is returned is the caller's to free. */
void px_parse_rules(struct px_parser *parser, const struct px_node *node,
                    struct px_rule ***ret_rules, uint32_t *ret_count);
void px_parse_match(struct px_parser *parser, const struct px_node *node, struct px_rule *rule);
/* One map of conditions; false when it is none. */
bool px_parse_one_match(struct px_parser *parser, const struct px_node *node,
                        struct px_match *match);
void px_parse_guard(struct px_parser *parser, const struct px_node *node, struct px_rule *rule);
void px_parse_goals(struct px_parser *parser, const struct px_node *node, struct px_rule *rule);
void px_parse_sticky(struct px_parser *parser, const struct px_node *node, struct px_rule *rule);
void px_parse_mirror(struct px_parser *parser, const struct px_node *node, struct px_rule *rule);
void px_parse_compare(struct px_parser *parser, const struct px_node *node,
                      struct px_mirror *mirror);
void px_parse_baseline(struct px_parser *parser, const struct px_node *node,
                       struct px_mirror *mirror);

/* A regular expression, compiled (pcre2_code), or NULL with a message. */
void *px_compile_regex(struct px_parser *parser, const struct px_node *node);

/* json_compare.c: puts compare, baseline and keep_pairs; false: no memory. */
bool px_put_compare(json_t *object, const struct px_mirror *mirror);

/* What no key can check alone (parse_checks.c). */
void px_check_rule(struct px_parser *parser, const struct px_node *node,
                   const struct px_rule *rule);
/* Names twice, rules that nothing reaches. */
void px_check_rules(struct px_parser *parser, const struct px_node *list);

/* Defaults that reading and writing must agree on. */
#define PX_DEFAULT_COOKIE "turnout"
#define PX_MIRROR_METHODS (1u << TN_HTTP_GET | 1u << TN_HTTP_HEAD)
#define PX_GUARD_MIN_REQUESTS 50
#define PX_MIRROR_MAX_BODY (16u << 20)
extern const char *const px_mirror_methods[TN_HTTP_METHOD_OTHER]; /* by enum tn_http_method */
void px_timeouts_default(struct px_timeouts *timeouts);

#endif

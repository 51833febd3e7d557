#include "proxy/config/parse.h"

#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCHES_MAX 64
#define VALUES_MAX 32

enum subject {
    SUBJECT_HOST,
    SUBJECT_PATH,
    SUBJECT_METHOD,
    SUBJECT_HEADER,
    SUBJECT_COOKIE,
    SUBJECT_QUERY
};

struct value_target {
    struct px_match_value *value;
    enum subject subject;
    const struct px_node *said; /* the key that gave kind and text */
};

/* How a value may be compared, by key. */
static const struct {
    const char *key;
    enum px_match_kind kind;
} kinds[] = {
    {"value", PX_MATCH_EXACT}, {"exact", PX_MATCH_EXACT},     {"prefix", PX_MATCH_PREFIX},
    {"regex", PX_MATCH_REGEX}, {"present", PX_MATCH_PRESENT},
};

void *px_compile_regex(struct px_parser *parser, const struct px_node *node)
{
    int code;
    size_t offset;
    /* Fields are bytes: no UTF mode, not even when the expression asks for it; '$' is the end. */
    void *regex = pcre2_compile((PCRE2_SPTR)node->text.ptr, node->text.len,
                                PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_DOLLAR_ENDONLY, &code,
                                &offset, NULL);
    if (regex) {
        return regex;
    }
    char why[160] = "";
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
    struct px_text text = {0};
    px_text_add(&text, "regex ");
    px_text_add_found(&text, node->text);
    px_text_add(&text, " is wrong at character %zu: %s", offset + 1, why);
    uint32_t column = node->text_column ? node->text_column + (uint32_t)offset : node->column;
    px_error_at(parser, node->line, column, "%s", text.bytes);
    return NULL;
}

static bool is_method(struct tn_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((text.ptr[i] < 'A' || text.ptr[i] > 'Z') && text.ptr[i] != '-') {
            return false;
        }
    }
    return text.len > 0;
}

/* Hosts are compared without both. */
static bool has_port_or_dot(struct tn_str host)
{
    bool is_v6 = host.len > 1 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    return host.len > 0 && !is_v6 &&
           (memchr(host.ptr, ':', host.len) || host.ptr[host.len - 1] == '.');
}

/* Values that no request can ever have are mistakes. */
static void check_text(struct px_parser *parser, const struct px_node *node,
                       const struct value_target *target)
{
    struct tn_str text = node->text;
    bool is_exact = target->value->kind == PX_MATCH_EXACT;
    if (target->subject == SUBJECT_PATH && (text.len == 0 || text.ptr[0] != '/')) {
        char suggestion[128];
        (void)snprintf(suggestion, sizeof(suggestion), "/%.*s",
                       (int)(text.len > 100 ? 0 : text.len), text.len > 0 ? text.ptr : "");
        px_expected(parser, node, "a path that starts with '/'", suggestion);
    } else if (target->subject == SUBJECT_PATH &&
               (memchr(text.ptr, '?', text.len) || memchr(text.ptr, '#', text.len))) {
        px_expected(parser, node, "a path without '?' and '#' (parameters are matched by query)",
                    NULL);
    } else if (target->subject == SUBJECT_HOST && is_exact && memchr(text.ptr, '*', text.len)) {
        px_expected(parser, node, "a host name without '*' (use {regex: ...} for many hosts)",
                    NULL);
    } else if (target->subject == SUBJECT_HOST && memchr(text.ptr, '/', text.len)) {
        px_expected(parser, node, "a host name, without scheme and path", NULL);
    } else if (target->subject == SUBJECT_HOST && is_exact && has_port_or_dot(text)) {
        px_expected(parser, node, "a host name, without port and without a dot at its end", NULL);
    } else if (target->subject == SUBJECT_METHOD && !is_method(text)) {
        px_expected(parser, node, "a method such as GET or POST",
                    px_suggest(text, px_mirror_methods, TN_HTTP_METHOD_OTHER));
    } else if (text.len == 0 && (!is_exact || target->subject <= SUBJECT_METHOD)) {
        px_expected(parser, node, "some text", NULL);
    }
}

static void key_kind(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                     void *context)
{
    struct value_target *target = context;
    struct px_match_value *value = target->value;
    size_t i = 0;
    while (strcmp(kinds[i].key, key->name) != 0) {
        i++;
    }
    if (target->said) {
        px_error(parser, node->key,
                 "'%s' and '%.*s' exclude each other: one value is compared one way", key->name,
                 TN_STR_ARGS(target->said->key->text));
        return;
    }
    target->said = node;
    value->kind = kinds[i].kind;
    if (value->kind == PX_MATCH_PRESENT) {
        bool is_present;
        if (px_parse_bool(parser, node, &is_present) && !is_present) {
            px_error(parser, node,
                     "present: expected true, found 'false'; to ask for absence, write "
                     "{present: true, not: true}");
        }
        return;
    }
    if (!px_parse_string(parser, node, "text to compare with", &value->text)) {
        return;
    }
    if (value->kind == PX_MATCH_REGEX && node->text.len > 0) {
        value->regex = px_compile_regex(parser, node);
    } else {
        check_text(parser, node, target);
    }
}

static void key_name(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                     void *context)
{
    (void)key;
    struct value_target *target = context;
    if (target->subject == SUBJECT_QUERY) {
        if (node->kind != PX_NODE_SCALAR || node->text.len == 0) {
            px_expected(parser, node, "the name of a query parameter", NULL);
            return;
        }
        px_parse_string(parser, node, "the name of a query parameter", &target->value->name);
        return;
    }
    px_parse_token(parser, node,
                   target->subject == SUBJECT_HEADER ? "the name of a header"
                                                     : "the name of a cookie",
                   &target->value->name);
}

static void key_not(struct px_parser *parser, const struct px_node *node, const struct px_key *key,
                    void *context)
{
    (void)key;
    struct value_target *target = context;
    px_parse_bool(parser, node, &target->value->negate);
}

/* Fields that may be absent have a name and `present`; host, path and method have neither. */
static const struct px_key named_keys[] = {
    {.name = "name", .parse = key_name},  {.name = "value", .parse = key_kind},
    {.name = "exact", .parse = key_kind}, {.name = "prefix", .parse = key_kind},
    {.name = "regex", .parse = key_kind}, {.name = "present", .parse = key_kind},
    {.name = "not", .parse = key_not},
};

static const struct px_key plain_keys[] = {
    {.name = "value", .parse = key_kind},  {.name = "exact", .parse = key_kind},
    {.name = "prefix", .parse = key_kind}, {.name = "regex", .parse = key_kind},
    {.name = "not", .parse = key_not},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void parse_plain(struct px_parser *parser, const struct px_node *node, enum subject subject,
                        struct px_match_value **target)
{
    struct px_match_value *value = px_parser_alloc(parser, 1, sizeof(*value));
    if (!value) {
        return;
    }
    *target = value;
    struct value_target context = {.value = value, .subject = subject};
    if (node->kind == PX_NODE_SCALAR) {
        if (px_parse_string(parser, node, "text, or {prefix: ...}, or {regex: ...}",
                            &value->text)) {
            check_text(parser, node, &context);
        }
        return;
    }
    uint32_t errors_before = parser->messages->error_count;
    if (node->kind == PX_NODE_LIST) {
        px_expected(parser, node,
                    subject == SUBJECT_METHOD ? "a method such as GET, or {regex: '^(GET|POST)$'}"
                                              : "text, or a map such as {prefix: TEXT}",
                    NULL);
    } else if (px_parse_map(parser, node, "host, path or method", plain_keys, COUNT_OF(plain_keys),
                            &context) &&
               !context.said && parser->messages->error_count == errors_before) {
        px_error(parser, node, "%.*s: nothing to compare with: give one of value, prefix or regex",
                 TN_STR_ARGS(node->key->text));
    }
}

static void parse_named(struct px_parser *parser, const struct px_node *node, enum subject subject,
                        struct px_match_value **target, uint32_t *ret_count)
{
    struct px_text what = {0};
    px_text_add(&what, "maps such as {name: NAME, value: TEXT}");
    if (!px_parse_list(parser, node, what.bytes, VALUES_MAX)) {
        return;
    }
    struct px_match_value *values = px_parser_alloc(parser, node->count, sizeof(*values));
    if (!values) {
        return;
    }
    *target = values;
    *ret_count = node->count;
    PX_NODE_FOR_EACH (item, node) {
        struct value_target context = {.value = values++, .subject = subject};
        uint32_t errors_before = parser->messages->error_count;
        if (!px_parse_map(parser, item, "a header, cookie or query parameter", named_keys,
                          COUNT_OF(named_keys), &context)) {
            continue;
        }
        if (!context.said && parser->messages->error_count == errors_before) {
            px_error(parser, item,
                     "%.*s: nothing to compare with: give one of value, prefix, regex or present",
                     TN_STR_ARGS(node->key->text));
        }
        if (!px_node_means(item, "name")) {
            px_error(parser, item, "%.*s: 'name' is missing", TN_STR_ARGS(node->key->text));
        }
    }
}

static void key_subject(struct px_parser *parser, const struct px_node *node,
                        const struct px_key *key, void *context)
{
    struct px_match *match = context;
    switch ((enum subject)key->min) {
    case SUBJECT_HOST:
        parse_plain(parser, node, SUBJECT_HOST, &match->host);
        break;
    case SUBJECT_PATH:
        parse_plain(parser, node, SUBJECT_PATH, &match->path);
        break;
    case SUBJECT_METHOD:
        parse_plain(parser, node, SUBJECT_METHOD, &match->method);
        break;
    case SUBJECT_HEADER:
        parse_named(parser, node, SUBJECT_HEADER, &match->headers, &match->header_count);
        break;
    case SUBJECT_COOKIE:
        parse_named(parser, node, SUBJECT_COOKIE, &match->cookies, &match->cookie_count);
        break;
    case SUBJECT_QUERY:
        parse_named(parser, node, SUBJECT_QUERY, &match->query, &match->query_count);
        break;
    }
}

bool px_parse_one_match(struct px_parser *parser, const struct px_node *node,
                        struct px_match *match)
{
    static const struct px_key keys[] = {
        {.name = "host", .parse = key_subject, .min = SUBJECT_HOST},
        {.name = "path", .parse = key_subject, .min = SUBJECT_PATH},
        {.name = "method", .parse = key_subject, .min = SUBJECT_METHOD},
        {.name = "headers", .parse = key_subject, .min = SUBJECT_HEADER},
        {.name = "cookies", .parse = key_subject, .min = SUBJECT_COOKIE},
        {.name = "query", .parse = key_subject, .min = SUBJECT_QUERY},
    };
    return px_parse_map(parser, node, "a match", keys, COUNT_OF(keys), match);
}

void px_parse_match(struct px_parser *parser, const struct px_node *node, struct px_rule *rule)
{
    if (!px_parse_list(parser, node, "matches such as [{path: /x}, {headers: [...]}]",
                       MATCHES_MAX)) {
        return;
    }
    rule->matches = px_parser_alloc(parser, node->count, sizeof(*rule->matches));
    if (!rule->matches) {
        return;
    }
    PX_NODE_FOR_EACH (item, node) {
        if (px_parse_one_match(parser, item, &rule->matches[rule->match_count++]) &&
            item->count == 0) {
            px_error(parser, item, "an empty match takes every request: leave 'match' out instead");
        }
    }
}

#include "proxy/config/parse.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

void *px_parser_alloc(struct px_parser *parser, size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) {
        parser->out_of_memory = true;
    }
    return memory;
}

char *px_parser_dup(struct px_parser *parser, struct tn_str text)
{
    char *copy = tn_str_dup(text);
    if (!copy) {
        parser->out_of_memory = true;
    }
    return copy;
}

char *px_parser_resolve(struct px_parser *parser, struct tn_str path)
{
    while (tn_str_has_prefix(path, TN_STR("./"))) {
        path.ptr += 2;
        path.len -= 2;
    }
    struct tn_str dir = tn_str_of(parser->dir);
    bool is_here = dir.len == 0 || tn_str_equal(dir, TN_STR("."));
    if (is_here || (path.len > 0 && path.ptr[0] == '/')) {
        return px_parser_dup(parser, path);
    }
    bool has_slash = dir.ptr[dir.len - 1] == '/';
    char *joined = px_parser_alloc(parser, dir.len + path.len + 2, 1);
    if (joined) {
        (void)snprintf(joined, dir.len + path.len + 2, "%s%s%.*s", dir.ptr, has_slash ? "" : "/",
                       TN_STR_ARGS(path));
    }
    return joined;
}

/* Null in YAML's words: quoted, they are text. */
static bool is_null(const struct px_node *node)
{
    return node->is_plain && (node->text.len == 0 || tn_str_equal(node->text, TN_STR("~")) ||
                              tn_str_equal(node->text, TN_STR("null")));
}

static bool store(struct px_parser *parser, struct tn_str text, char **target)
{
    char *copy = px_parser_dup(parser, text);
    if (copy) {
        free(*target);
        *target = copy;
    }
    return copy != NULL;
}

bool px_parse_string(struct px_parser *parser, const struct px_node *node, const char *what,
                     char **target)
{
    if (node->kind != PX_NODE_SCALAR || is_null(node)) {
        bool is_word = node->kind == PX_NODE_SCALAR && node->text.len > 1;
        px_expected(parser, node, what, is_word ? "\"null\"" : NULL);
        return false;
    }
    if (node->text.len > PX_TEXT_MAX) {
        char limit[48];
        (void)snprintf(limit, sizeof(limit), "at most %d bytes", PX_TEXT_MAX);
        px_expected(parser, node, limit, NULL);
        return false;
    }
    return store(parser, node->text, target);
}

bool px_parse_path(struct px_parser *parser, const struct px_node *node, char **target)
{
    if (node->kind != PX_NODE_SCALAR || is_null(node) || node->text.len == 0 ||
        node->text.len > PX_TEXT_MAX || node->text.ptr[node->text.len - 1] == '/') {
        px_expected(parser, node, "the path of a file", NULL);
        return false;
    }
    char *path = px_parser_resolve(parser, node->text);
    if (path) {
        free(*target);
        *target = path;
    }
    return path != NULL;
}

/* token of RFC 9110 5.6.2: names of fields, cookies and methods. */
static bool is_token(struct tn_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte > 0x7e || (!isalnum(byte) && !strchr("!#$%&'*+-.^_`|~", byte))) {
            return false;
        }
    }
    return text.len > 0 && text.len <= 256;
}

bool px_parse_token(struct px_parser *parser, const struct px_node *node, const char *what,
                    char **target)
{
    if (node->kind != PX_NODE_SCALAR || is_null(node) || !is_token(node->text)) {
        struct px_text text = {0};
        px_text_add(&text, "%s (letters, digits and !#$%%&'*+-.^_`|~)", what);
        px_expected(parser, node, text.bytes, NULL);
        return false;
    }
    return store(parser, node->text, target);
}

bool px_parse_names(struct px_parser *parser, const struct px_node *node, const char *what,
                    uint32_t max, char ***target, uint32_t *ret_count)
{
    if (!px_parse_list(parser, node, what, max)) {
        return false;
    }
    *target = px_parser_alloc(parser, node->count, sizeof(**target));
    if (!*target) {
        return false;
    }
    PX_NODE_FOR_EACH (item, node) {
        char **name = &(*target)[*ret_count];
        if (!px_parse_token(parser, item, "the name of a header", name)) {
            continue;
        }
        for (uint32_t i = 0; i < *ret_count; i++) {
            if (tn_str_equal_nocase(tn_str_of((*target)[i]), tn_str_of(*name))) {
                px_error(parser, item, "%.*s: %s is named twice", TN_STR_ARGS(node->key->text),
                         *name);
                break;
            }
        }
        (*ret_count)++;
    }
    return true;
}

bool px_parse_name(struct px_parser *parser, const struct px_node *node, const char *extra,
                   size_t max, char **target)
{
    bool is_name = node->kind == PX_NODE_SCALAR && !is_null(node) && node->text.len > 0 &&
                   node->text.len <= max;
    for (size_t i = 0; is_name && i < node->text.len; i++) {
        unsigned char byte = (unsigned char)node->text.ptr[i];
        is_name = byte != 0 && byte < 0x7f &&
                  (isalnum(byte) || strchr("._-", byte) || strchr(extra, byte));
    }
    if (!is_name) {
        struct px_text what = {0};
        px_text_add(&what, "a name of 1 to %zu letters, digits and ._-%s", max, extra);
        px_expected(parser, node, what.bytes, NULL);
        return false;
    }
    return store(parser, node->text, target);
}

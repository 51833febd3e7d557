#include "proxy/config/parse.h"

#define SUGGEST_MAX 64

static void refuse_unknown(struct px_parser *parser, const struct px_node *value, const char *what,
                           const struct px_key *keys, size_t count)
{
    const char *words[SUGGEST_MAX];
    size_t word_count = 0;
    for (size_t i = 0; i < count && word_count < SUGGEST_MAX; i++) {
        words[word_count++] = keys[i].name;
    }
    struct px_text text = {0};
    if (tn_str_equal(value->key->text, TN_STR("<<"))) {
        px_error(parser, value->key,
                 "YAML merge keys (<<) are not supported: write the values out");
        return;
    }
    px_text_add(&text, "unknown key ");
    px_text_add_found(&text, value->key->text);
    const char *suggestion = px_suggest(value->key->text, words, word_count);
    if (suggestion) {
        px_text_add(&text, " (did you mean '%s'?)", suggestion);
    } else {
        px_text_add(&text, " in %s; known are", what);
        const char *comma = " ";
        for (size_t i = 0; i < count; i++) {
            if (keys[i].parse) {
                px_text_add(&text, "%s%s", comma, keys[i].name);
                comma = ", ";
            }
        }
    }
    px_error(parser, value->key, "%s", text.bytes);
}

bool px_parse_map(struct px_parser *parser, const struct px_node *node, const char *what,
                  const struct px_key *keys, size_t count, void *target)
{
    if (node->kind != PX_NODE_MAP) {
        struct px_text text = {0};
        px_text_add(&text, "a map with %s", keys[0].name);
        for (size_t i = 1; i < count && i < 3 && keys[i].parse; i++) {
            px_text_add(&text, ", %s", keys[i].name);
        }
        px_text_add(&text, count > 3 ? " and so on" : "");
        px_expected(parser, node, text.bytes, NULL);
        return false;
    }
    PX_NODE_FOR_EACH (value, node) {
        size_t i = 0;
        while (i < count && !tn_str_equal(value->key->text, tn_str_of(keys[i].name))) {
            i++;
        }
        if (i == count) {
            refuse_unknown(parser, value, what, keys, count);
        } else if (!keys[i].parse) {
            px_error(parser, value->key, "'%s' is not yet supported", keys[i].name);
        } else {
            keys[i].parse(parser, value, &keys[i], target);
        }
    }
    return true;
}

bool px_parse_list(struct px_parser *parser, const struct px_node *node, const char *what,
                   uint32_t max)
{
    if (node->kind != PX_NODE_LIST || node->count == 0) {
        struct px_text text = {0};
        px_text_add(&text, "a list of %s", what);
        px_expected(parser, node, text.bytes, NULL);
        return false;
    }
    if (node->count > max) {
        px_error(parser, node, "%.*s: %u entries, at most %u are allowed",
                 node->key ? (int)node->key->text.len : 4, node->key ? node->key->text.ptr : "list",
                 node->count, max);
        return false;
    }
    return true;
}

bool px_node_means(const struct px_node *map, const char *key)
{
    if (px_node_find(map, key)) {
        return true;
    }
    PX_NODE_FOR_EACH (value, map) {
        if (px_suggest(value->key->text, &key, 1)) {
            return true;
        }
    }
    return false;
}

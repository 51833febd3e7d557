#include "proxy/config/parse.h"

#include <stdlib.h>

#define BLOCK_BYTES 16384

struct px_arena_block {
    struct px_arena_block *next;
    size_t used;
    size_t size;
    _Alignas(16) unsigned char bytes[];
};

void *px_parser_arena(struct px_parser *parser, size_t size)
{
    struct px_arena_block *block = parser->arena;
    size = (size + 15) & ~(size_t)15;
    if (!block || block->size - block->used < size) {
        size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        block = malloc(sizeof(*block) + capacity);
        if (!block) {
            parser->out_of_memory = true;
            return NULL;
        }
        *block = (struct px_arena_block){.next = parser->arena, .size = capacity};
        parser->arena = block;
    }
    void *memory = block->bytes + block->used;
    block->used += size;
    memset(memory, 0, size);
    return memory;
}

void px_parser_deinit(struct px_parser *parser)
{
    while (parser->arena) {
        struct px_arena_block *next = parser->arena->next;
        free(parser->arena);
        parser->arena = next;
    }
}

const struct px_node *px_node_find(const struct px_node *map, const char *key)
{
    if (map->kind != PX_NODE_MAP) {
        return NULL;
    }
    PX_NODE_FOR_EACH (child, map) {
        if (tn_str_equal(child->key->text, tn_str_of(key))) {
            return child;
        }
    }
    return NULL;
}

/*
 * The parser's character set leaves out what YAML only takes as an escape or folds as a line break
 * (NEL, LS, PS, BOM): text that got through is written back and read again unchanged.
 */
bool px_is_printable(struct tn_str text)
{
    static const char *const refused[] = {"\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf",
                                          "\xef\xbf\xbe", "\xef\xbf\xbf"};
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte < 0x20 || byte == 0x7f) {
            return false;
        }
        if (byte == 0xc2 && (unsigned char)text.ptr[i + 1] < 0xa0) {
            return false;
        }
        for (size_t k = 0; byte >= 0xe2 && k < sizeof(refused) / sizeof(refused[0]); k++) {
            if (strncmp(text.ptr + i, refused[k], 3) == 0) {
                return false;
            }
        }
    }
    return true;
}

/* Values of one map by the text of their keys, then in the order of the file. */
static int compare_by_key(const void *a, const void *b)
{
    const struct px_node *x = (*(const struct px_node *const *)a)->key;
    const struct px_node *y = (*(const struct px_node *const *)b)->key;
    size_t len = x->text.len < y->text.len ? x->text.len : y->text.len;
    int order = memcmp(x->text.ptr, y->text.ptr, len);
    if (order == 0 && x->text.len != y->text.len) {
        order = x->text.len < y->text.len ? -1 : 1;
    }
    if (order == 0 && x->line != y->line) {
        order = x->line < y->line ? -1 : 1;
    }
    return order ? order : x->column < y->column ? -1 : x->column > y->column;
}

static void unlink_duplicates(struct px_node *map)
{
    struct px_node **link = &map->first;
    map->last = NULL;
    while (*link) {
        if ((*link)->is_duplicate) {
            *link = (*link)->next;
            map->count--;
        } else {
            map->last = *link;
            link = &(*link)->next;
        }
    }
}

/* Sorted, because a hostile file may hold 60,000 keys. */
void px_refuse_duplicates(struct px_parser *parser, struct px_node *map)
{
    if (map->count < 2) {
        return;
    }
    struct px_node **values = malloc(map->count * sizeof(struct px_node *));
    if (!values) {
        parser->out_of_memory = true;
        return;
    }
    uint32_t count = 0;
    for (struct px_node *child = map->first; child; child = child->next) {
        values[count++] = child;
    }
    qsort(values, count, sizeof(struct px_node *), compare_by_key);
    for (uint32_t i = 1, first = 0; i < count; i++) {
        if (!tn_str_equal(values[i]->key->text, values[first]->key->text)) {
            first = i;
            continue;
        }
        struct px_text text = {0};
        px_text_add_found(&text, values[i]->key->text);
        px_error(parser, values[i]->key, "duplicate key %s, already on line %u", text.bytes,
                 values[first]->key->line);
        values[i]->is_duplicate = true;
    }
    free(values);
    unlink_duplicates(map);
}

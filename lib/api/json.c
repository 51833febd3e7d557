#include "lib/api/json.h"

#include <stdlib.h>
#include <string.h>

/* Since the last tn_json_parse() of this thread; jansson itself says nothing, or "invalid token".
 */
static _Thread_local bool has_run_out;

static void *allocate(size_t size)
{
    void *block = malloc(size);

    if (!block)
        has_run_out = true;
    return block;
}

void tn_json_init(void)
{
    json_set_alloc_funcs(allocate, free);
}

json_t *tn_json_parse(struct tn_str text, json_error_t *ret_error, bool *ret_no_memory)
{
    json_t *value;

    has_run_out = false;
    value = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, ret_error);
    *ret_no_memory = !value && has_run_out;
    return value;
}

struct text {
    char *bytes;
    size_t len;
    size_t size;
    bool has_failed;
};

static int add(const char *bytes, size_t len, void *context)
{
    struct text *text = context;

    if (text->has_failed)
        return -1;
    if (text->len + len >= text->size) {
        size_t size = 2 * (text->len + len) + 256;
        char *grown = realloc(text->bytes, size);

        if (!grown) {
            text->has_failed = true;
            return -1;
        }
        text->bytes = grown;
        text->size = size;
    }
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
    text->bytes[text->len] = '\0';
    return 0;
}

char *tn_json_text(const json_t *value, size_t flags)
{
    struct text text = {0};

    if (json_dump_callback(value, add, &text, flags) == 0 && !text.has_failed)
        return text.bytes;
    free(text.bytes);
    return NULL;
}

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

/* How many bytes the character here has; 0: it is none, or cut short. jansson judges the rest. */
static size_t character_len(const unsigned char *at)
{
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

json_t *tn_json_string(const char *text)
{
    json_t *string = json_string(text);
    size_t len = strlen(text);
    char *mended;

    if (string)
        return string;
    mended = malloc(len + 1);
    if (!mended)
        return NULL;
    memcpy(mended, text, len + 1);
    for (size_t i = 0, step; i < len; i += step ? step : 1) {
        json_t *one;

        step = character_len((const unsigned char *)mended + i);
        one = step > 1 ? json_stringn(mended + i, step) : NULL;
        if (step != 1 && !one) {
            mended[i] = '?';
            step = 1;
        }
        json_decref(one);
    }
    string = json_string(mended);
    free(mended);
    return string;
}

#include "lib/api/json.h"

#include <stdlib.h>
#include <string.h>

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

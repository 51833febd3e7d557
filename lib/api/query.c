#include "lib/api/query.h"

#include <errno.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes text to buffer[*used …] and ends it there. */
static int decode(struct tn_str text, char *buffer, size_t size, size_t *used)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i] == '+' ? ' ' : text.ptr[i];

        if (byte == '%') {
            int high = i + 2 < text.len ? hex(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? hex(text.ptr[i + 2]) : -1;

            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return -EINVAL;
            byte = (char)(high * 16 + low);
            i += 2;
        }
        if (*used + 1 >= size)
            return -ENOBUFS;
        buffer[(*used)++] = byte;
    }
    if (*used >= size)
        return -ENOBUFS;
    buffer[(*used)++] = '\0';
    return 0;
}

int tn_api_query_next(struct tn_str *rest, char *buffer, size_t size, const char **ret_name,
                      const char **ret_value)
{
    struct tn_str pair;
    struct tn_str name;
    struct tn_str value = {"", 0};
    const char *end;
    size_t used = 0;
    size_t value_at;
    int error;

    do { /* empty pairs ("a=1&&b=2") say nothing */
        if (rest->len == 0)
            return 0;
        end = memchr(rest->ptr, '&', rest->len);
        pair = (struct tn_str){rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len};
        rest->ptr += pair.len + (end ? 1 : 0);
        rest->len -= pair.len + (end ? 1 : 0);
    } while (pair.len == 0);
    name = pair;
    end = memchr(pair.ptr, '=', pair.len);
    if (end) {
        name.len = (size_t)(end - pair.ptr);
        value = (struct tn_str){end + 1, pair.len - name.len - 1};
    }
    error = decode(name, buffer, size, &used);
    value_at = used;
    if (!error)
        error = decode(value, buffer, size, &used);
    if (error)
        return error;
    *ret_name = buffer;
    *ret_value = buffer + value_at;
    return 1;
}

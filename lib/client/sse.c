#include "lib/client/sse.h"

#include "lib/client/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int append(struct tn_client_sse_text *text, const char *bytes, size_t len)
{
    if (len > TN_CLIENT_BODY_MAX - text->len)
        return -EMSGSIZE;
    if (text->len + len + 1 > text->size) {
        size_t size = 2 * (text->len + len) + 256;
        char *grown = realloc(text->ptr, size);

        if (!grown)
            return -ENOMEM;
        text->ptr = grown;
        text->size = size;
    }
    if (len > 0)
        memcpy(text->ptr + text->len, bytes, len);
    text->len += len;
    text->ptr[text->len] = '\0';
    return 0;
}

static void keep(char *target, size_t size, struct tn_str value)
{
    if (value.len >= size || (value.len > 0 && memchr(value.ptr, '\0', value.len)))
        return;
    if (value.len > 0)
        memcpy(target, value.ptr, value.len);
    target[value.len] = '\0';
}

static int take_field(struct tn_client_sse *sse, struct tn_str name, struct tn_str value)
{
    int error = 0;

    if (tn_str_equal(name, TN_STR("event"))) {
        keep(sse->name, sizeof(sse->name), value);
    } else if (tn_str_equal(name, TN_STR("id"))) {
        keep(sse->id, sizeof(sse->id), value);
    } else if (tn_str_equal(name, TN_STR("data"))) {
        if (sse->has_data)
            error = append(&sse->data, "\n", 1);
        sse->has_data = true;
        if (!error)
            error = append(&sse->data, value.ptr, value.len);
    }
    return error;
}

/* An empty line: the event is whole. */
static int dispatch(struct tn_client_sse *sse, tn_client_event_fn *on_event, void *context)
{
    const struct tn_client_event event = {
        sse->name[0] ? sse->name : "message", sse->id, {sse->data.ptr, sse->data.len}};
    int r = sse->has_data ? on_event(context, &event) : 0;

    sse->name[0] = '\0';
    sse->data.len = 0;
    sse->has_data = false;
    return r;
}

static int take_line(struct tn_client_sse *sse, tn_client_event_fn *on_event, void *context)
{
    struct tn_str name = {sse->line.ptr, sse->line.len};
    struct tn_str value = {"", 0};
    const char *colon = name.len > 0 ? memchr(name.ptr, ':', name.len) : NULL;

    sse->line.len = 0;
    if (name.len == 0)
        return dispatch(sse, on_event, context);
    if (colon) {
        value.ptr = colon + 1;
        value.len = name.len - (size_t)(colon + 1 - name.ptr);
        name.len = (size_t)(colon - name.ptr);
        if (value.len > 0 && value.ptr[0] == ' ') {
            value.ptr++;
            value.len--;
        }
    }
    return take_field(sse, name, value);
}

int tn_client_sse_feed(struct tn_client_sse *sse, struct tn_str bytes, tn_client_event_fn *on_event,
                       void *context)
{
    int r = 0;

    while (bytes.len > 0 && !r) {
        size_t len = 0;

        if (sse->after_cr && bytes.ptr[0] == '\n') {
            bytes.ptr++;
            bytes.len--;
        }
        sse->after_cr = false;
        while (len < bytes.len && bytes.ptr[len] != '\n' && bytes.ptr[len] != '\r')
            len++;
        r = append(&sse->line, bytes.ptr, len);
        if (!r && len < bytes.len) {
            sse->after_cr = bytes.ptr[len] == '\r';
            len++;
            r = take_line(sse, on_event, context);
        }
        bytes.ptr += len;
        bytes.len -= len;
    }
    return r;
}

void tn_client_sse_deinit(struct tn_client_sse *sse)
{
    free(sse->line.ptr);
    free(sse->data.ptr);
    *sse = (struct tn_client_sse){0};
}

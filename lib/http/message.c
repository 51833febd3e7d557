#include "lib/http/message.h"

const struct tn_http_field *tn_http_find(const struct tn_http_head *head, enum tn_http_field_id id)
{
    for (unsigned i = 0; i < head->field_count; i++) {
        if (head->fields[i].id == id)
            return &head->fields[i];
    }
    return NULL;
}

unsigned tn_http_find_name(const struct tn_http_head *head, struct tn_str name,
                           const struct tn_http_field **ret_first)
{
    const struct tn_http_field *first = NULL;
    unsigned count = 0;

    for (unsigned i = 0; i < head->field_count; i++) {
        const struct tn_http_field *field = &head->fields[i];

        if (!tn_str_equal_nocase(tn_http_view(head, field->name), name))
            continue;
        if (count++ == 0)
            first = field;
    }
    if (ret_first)
        *ret_first = first;
    return count;
}

/* Cuts the first cookie pair off rest; false when nothing is left. A part without '=' has no name
 * and gives empty views. */
static bool next_pair(struct tn_str *rest, struct tn_str *name, struct tn_str *value)
{
    struct tn_str part = *rest;
    const char *end, *equals;

    if (rest->len == 0)
        return false;
    end = memchr(rest->ptr, ';', rest->len);
    if (end)
        part.len = (size_t)(end - rest->ptr);
    rest->ptr += part.len + (end ? 1 : 0);
    rest->len -= part.len + (end ? 1 : 0);
    *name = *value = (struct tn_str){NULL, 0};
    equals = part.len > 0 ? memchr(part.ptr, '=', part.len) : NULL;
    if (equals) {
        size_t name_len = (size_t)(equals - part.ptr);

        *name = tn_str_trim((struct tn_str){part.ptr, name_len});
        *value = tn_str_trim((struct tn_str){equals + 1, part.len - name_len - 1});
    }
    return true;
}

unsigned tn_http_find_cookie(const struct tn_http_head *head, struct tn_str name,
                             struct tn_str *ret_value)
{
    unsigned count = 0;

    if (name.len == 0)
        return 0;
    for (unsigned i = 0; i < head->field_count; i++) {
        struct tn_str rest, pair_name, pair_value;

        if (head->fields[i].id != TN_HTTP_FIELD_COOKIE)
            continue;
        rest = tn_http_view(head, head->fields[i].value);
        while (next_pair(&rest, &pair_name, &pair_value)) {
            if (tn_str_equal(pair_name, name) && count++ == 0)
                *ret_value = pair_value;
        }
    }
    return count;
}

bool tn_http_has_body(const struct tn_http_head *head)
{
    return !head->bodyless && (head->content_length > 0 || head->chunked || head->until_close);
}

bool tn_http_is_idempotent(const struct tn_http_head *head)
{
    switch (head->method) {
    case TN_HTTP_GET:
    case TN_HTTP_HEAD:
    case TN_HTTP_OPTIONS:
    case TN_HTTP_PUT:
    case TN_HTTP_DELETE:
        return true;
    default:
        return false;
    }
}

#include "lib/http/output.h"

unsigned tn_http_digits(uint64_t value)
{
    unsigned digits = 1;

    while (value >= 10) {
        value /= 10;
        digits++;
    }
    return digits;
}

void tn_http_put_number(struct tn_http_output *out, uint64_t value)
{
    char text[20];
    unsigned at = sizeof(text);

    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    tn_http_put(out, text + at, sizeof(text) - at);
}

void tn_http_put_number_line(struct tn_http_output *out, struct tn_str name_colon, uint64_t value)
{
    tn_http_put_str(out, name_colon);
    tn_http_put_number(out, value);
    TN_HTTP_PUT(out, "\r\n");
}

void tn_http_put_upgrade(struct tn_http_output *out, const struct tn_http_head *head)
{
    TN_HTTP_PUT(out, "Connection: upgrade\r\n");
    for (unsigned i = 0; i < head->field_count; i++) {
        if (head->fields[i].id == TN_HTTP_FIELD_UPGRADE)
            tn_http_put_trimmed_line(out, head, i);
    }
}

void tn_http_put_trimmed_line(struct tn_http_output *out, const struct tn_http_head *head,
                              unsigned i)
{
    tn_http_put_str(out, tn_http_view(head, head->fields[i].name));
    TN_HTTP_PUT(out, ": ");
    tn_http_put_str(out, tn_http_view(head, head->fields[i].value));
    TN_HTTP_PUT(out, "\r\n");
}

static bool element_names(struct tn_str element, struct tn_str name)
{
    const char *space;

    element = tn_str_trim(element);
    space = element.len > 0 ? memchr(element.ptr, ' ', element.len) : NULL;
    if (!space)
        space = element.len > 0 ? memchr(element.ptr, '\t', element.len) : NULL;
    if (!space)
        return false;
    element.len -= (size_t)(space - element.ptr);
    element.ptr = space;
    element = tn_str_trim(element);
    if (element.len < name.len)
        return false;
    if (element.len > name.len && element.ptr[name.len] != ' ' && element.ptr[name.len] != '\t' &&
        element.ptr[name.len] != '(')
        return false;
    element.len = name.len;
    return tn_str_equal_nocase(element, name);
}

/* Commas within comments cut an element in two, of which the second names nobody we look for: a
 * comment is the sender's own, and a sender that wants to be taken for a loop will be. */
bool tn_http_via_names(struct tn_str value, struct tn_str name)
{
    while (value.len > 0 && name.len > 0) {
        const char *comma = memchr(value.ptr, ',', value.len);
        size_t len = comma ? (size_t)(comma - value.ptr) : value.len;

        if (element_names((struct tn_str){value.ptr, len}, name))
            return true;
        value.ptr += len + (comma ? 1 : 0);
        value.len -= len + (comma ? 1 : 0);
    }
    return false;
}

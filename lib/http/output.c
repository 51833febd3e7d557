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
bool tn_http_via_names(const struct tn_http_head *head, struct tn_str name)
{
    if (name.len == 0)
        return false;
    for (unsigned i = 0; i < head->field_count; i++) {
        struct tn_str rest;

        if (head->fields[i].id != TN_HTTP_FIELD_VIA)
            continue;
        rest = tn_http_view(head, head->fields[i].value);
        while (rest.len > 0) {
            const char *comma = memchr(rest.ptr, ',', rest.len);
            size_t len = comma ? (size_t)(comma - rest.ptr) : rest.len;

            if (element_names((struct tn_str){rest.ptr, len}, name))
                return true;
            rest.ptr += len + (comma ? 1 : 0);
            rest.len -= len + (comma ? 1 : 0);
        }
    }
    return false;
}

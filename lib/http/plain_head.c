#include "lib/http/plain_head.h"

#include <endian.h>

#define EACH_BYTE(byte) (UINT64_MAX / 255 * (byte))
#define TOP_BITS EACH_BYTE(0x80)

/* The top bit of the first byte below the limit is set; those behind it mean nothing. */
static uint64_t find_below(uint64_t bytes, unsigned limit)
{
    return (bytes - EACH_BYTE(limit)) & ~bytes & TOP_BITS;
}

/*
 * All below look at bytes in front of `end`, and the last of those is a line feed: no name, value
 * or target goes beyond it, so nobody asks at each byte whether there is one.
 */

/* The first byte that is a control character. */
static const char *skip_value(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t bytes, found;

        memcpy(&bytes, p, 8);
        bytes = le64toh(bytes);
        found = find_below(bytes, ' ') | find_below(bytes ^ EACH_BYTE(0x7f), 1);
        if (found != 0)
            return p + __builtin_ctzll(found) / 8;
    }
    while ((unsigned char)*p >= ' ' && *p != 0x7f)
        p++;
    return p;
}

/* RFC 9110 5.6.2 */
static const unsigned char is_token[256] = {
    /* clang-format off */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 1, 0, /*   ! " # $ % & ' ( ) * + , - . / */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, /* 0 ... 9 : ; < = > ? */
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* @ A ... O */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, /* P ... Z [ \ ] ^ _ */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* ` a ... o */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 0, /* p ... z { | } ~ */
    /* clang-format on */
};

static bool is_line_end(const char *p)
{
    return p[0] == '\r' && p[1] == '\n';
}

/* Returns where the fields start, or NULL. Only llhttp's own characters are looked at here: the
 * rules look at all of the line again. */
static const char *skip_request_line(struct tn_http_head *head, const char *p, const char *end)
{
    static const char behind_target[] = " HTTP/1.x\r\n";
    const char *target, *space;

    while (*p >= 'A' && *p <= 'Z')
        p++;
    if (p[0] != ' ' || p[1] != '/')
        return NULL;
    target = p + 1;
    space = memchr(target, ' ', (size_t)(end - target));
    if (!space || (size_t)(end - space) < sizeof(behind_target) - 1)
        return NULL;
    head->target.offset = (uint16_t)(target - head->base);
    head->target.len = (uint16_t)(space - target);
    return space + sizeof(behind_target) - 1;
}

/* The same for "HTTP/1.1 200 OK". */
static const char *skip_status_line(const char *p, const char *end)
{
    p = skip_value(p, end);
    return is_line_end(p) ? p + 2 : NULL;
}

/* Returns what is behind this field, or NULL. */
static const char *skip_field(const char *base, const char *p, const char *end,
                              struct tn_http_field *field)
{
    const char *name = p, *value;

    while (is_token[(unsigned char)*p])
        p++;
    if (p == name || *p != ':')
        return NULL;
    field->name = (struct tn_http_slice){(uint16_t)(name - base), (uint16_t)(p - name)};
    value = p + (p[1] == ' ' ? 2 : 1);
    p = skip_value(value, end);
    if (!is_line_end(p) || p == value || *value == ' ' || p[-1] == ' ')
        return NULL;
    field->value = (struct tn_http_slice){(uint16_t)(value - base), (uint16_t)(p - value)};
    return p + 2;
}

/* Behind the last line feed, or NULL. */
static const char *find_end(const char *data, size_t len)
{
    const char *last = data + len - 1;

    if (*last != '\n')
        last = memrchr(data, '\n', len);
    return last ? last + 1 : NULL;
}

bool tn_http_find_plain_head(struct tn_http_head *head, const char *data, size_t len, size_t lead,
                             bool response)
{
    const char *p = data + lead, *end = find_end(data, len);
    unsigned count = 0;

    if (!end || end <= p)
        return false;
    head->base = data;
    p = response ? skip_status_line(p, end) : skip_request_line(head, p, end);
    while (p && p < end && !is_line_end(p)) {
        if (count == TN_HTTP_FIELDS_MAX)
            return false;
        p = skip_field(data, p, end, &head->fields[count++]);
    }
    if (!p || p == end)
        return false;
    head->field_count = (uint16_t)count;
    head->len = (uint32_t)(p + 2 - data);
    return true;
}

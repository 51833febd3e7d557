/*
 * lower: comparing names of fields and the like without case, eight bytes at a time.
 *
 * Internal to this room; tn_str_equal_nocase is exact for all bytes and slower. Here bit 5 of every
 * byte is set before comparing: exact for letters and digits, but CR would pass for '-', 0x12 for
 * '2'. No name or value that llhttp lets through holds those. Shape: lower is in lower case and as
 * long as len. Threads: any.
 */
#ifndef TN_HTTP_LOWER_H
#define TN_HTTP_LOWER_H

#include "lib/base/str.h"

#include <stdint.h>

static inline bool tn_http_equals_lower_8(const char *p, const char *lower)
{
    uint64_t a, b;

    memcpy(&a, p, 8);
    memcpy(&b, lower, 8);
    return (a | 0x2020202020202020u) == b;
}

static inline bool tn_http_equals_lower_4(const char *p, const char *lower)
{
    uint32_t a, b;

    memcpy(&a, p, 4);
    memcpy(&b, lower, 4);
    return (a | 0x20202020u) == b;
}

static inline bool tn_http_equals_lower(const char *p, const char *lower, size_t len)
{
    size_t i = 0;

    if (len >= 8) {
        for (; i + 8 < len; i += 8) {
            if (!tn_http_equals_lower_8(p + i, lower + i))
                return false;
        }
        return tn_http_equals_lower_8(p + len - 8, lower + len - 8); /* some a second time */
    }
    if (len >= 4)
        return tn_http_equals_lower_4(p, lower) &&
               tn_http_equals_lower_4(p + len - 4, lower + len - 4);
    for (; i < len; i++) {
        if ((p[i] | 0x20) != lower[i])
            return false;
    }
    return true;
}

/* The same for a literal in lower case. */
#define TN_HTTP_IS(s, literal)                                                                     \
    ((s).len == sizeof(literal) - 1 && tn_http_equals_lower((s).ptr, literal, sizeof(literal) - 1))

#endif

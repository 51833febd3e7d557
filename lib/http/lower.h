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

static inline bool tn_http_equals_lower(const char *p, const char *lower, size_t len)
{
    const uint64_t bits = 0x2020202020202020u;
    size_t i = 0;

    for (; i + 8 <= len; i += 8) {
        uint64_t a, b;

        memcpy(&a, p + i, 8);
        memcpy(&b, lower + i, 8);
        if ((a | bits) != b)
            return false;
    }
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

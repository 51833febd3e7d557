/*
 * limits: what one HTTP message may cost, as numbers that the configuration fills in.
 *
 * Defaults are those of the design's section 6. Units: bytes and counts.
 */
#ifndef TN_HTTP_LIMITS_H
#define TN_HTTP_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#define TN_HTTP_FIELDS_MAX 100 /* fixed: the head holds its fields in place */

struct tn_http_limits {
    uint32_t request_line_bytes; /* 8 KiB: 414 beyond */
    uint32_t head_bytes;    /* 32 KiB for the header section: 431 beyond (502 in responses); at most
                               60,000 */
    uint32_t field_count;   /* 100: 431 beyond */
    uint32_t trailer_bytes; /* 8 KiB, dropped in any case: 431 beyond */
    uint32_t chunk_extra_bytes; /* 4 KiB of chunk extensions in one message: 400 beyond */
};

extern const struct tn_http_limits tn_http_limits_default;

#endif

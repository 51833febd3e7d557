/*
 * writer: what we say ourselves: chunk framing, answers of our own, error pages.
 *
 * Not for heads that are passed on (forward.h). No I/O, no allocation; everything into the caller's
 * buffer. Errors: -ENOBUFS when the buffer is too small. Threads: any.
 */
#ifndef TN_HTTP_WRITER_H
#define TN_HTTP_WRITER_H

#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define TN_HTTP_CHUNK_HEAD_MAX 18 /* 16 hex digits, CR, LF */

/* "1f4\r\n" for len > 0. Returns its length. The caller ends the data with CRLF. */
size_t tn_http_chunk_head(size_t len, char *buffer);

#define TN_HTTP_LAST_CHUNK TN_STR("0\r\n\r\n")

/* Reason phrase of a status code; "Unknown" for codes that no RFC names. */
const char *tn_http_reason(unsigned status);

struct tn_http_answer {
    unsigned status;
    struct tn_str content_type; /* empty: no body fields */
    struct tn_str body;
    struct tn_str date;         /* IMF-fixdate */
    struct tn_str extra_fields; /* whole lines with CRLF, or empty */
    unsigned retry_after_s;     /* 0: none */
    bool keep_alive;
    bool head_request; /* fields of the body, no body */
    uint8_t version_minor;
};

/* A whole answer of our own with Content-Length. Returns the length, or -ENOBUFS. */
int tn_http_write_answer(const struct tn_http_answer *answer, char *buffer, size_t size);

/* An error as a short text/plain body with no reflected input: "503 Service Unavailable: why\n".
 * why may be NULL. */
int tn_http_write_error(unsigned status, const char *why, const struct tn_http_answer *base,
                        char *buffer, size_t size);

#endif

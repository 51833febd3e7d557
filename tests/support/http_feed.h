/*
 * http_feed: one message through the parser, cut as a network might cut it.
 *
 * For unit tests and fuzz targets; not for several messages. Every call of the parser gets a copy
 * of its own, at another address and of exactly the length, so that a view kept too long or a read
 * past the end is found by the sanitizer. Errors: a step that breaks the contract of parser.h
 * aborts with a text. Ownership: the result owns its bytes in place. Threads: one at a time.
 */
#ifndef TEST_SUPPORT_HTTP_FEED_H
#define TEST_SUPPORT_HTTP_FEED_H

#include "lib/http/parser.h"

struct feed_input {
    const char *bytes;
    size_t len;
    bool response;
    bool head_request;
    bool closes;                         /* the peer closes after the last byte */
    const struct tn_http_limits *limits; /* NULL: the defaults */
};

struct feed_result {
    enum tn_http_error error;
    bool has_head;
    bool ended;
    size_t unused; /* bytes after the message */
    size_t body_len;
    char body[1 << 18];
    char head_bytes[1 << 16];
    struct tn_http_head head; /* its base is head_bytes */
};

/* Ends the process with a text: for what must not be, whatever the input. */
#define FEED_CHECK(condition) ((condition) ? (void)0 : feed_broken(__FILE__, __LINE__, #condition))
_Noreturn void feed_broken(const char *file, int line, const char *what);

/* first bytes at once, then `piece` at a time. */
void feed(const struct feed_input *input, size_t first, size_t piece, struct feed_result *result);

/* NULL, or in what the two outcomes differ. After the same error nothing else is compared: bytes of
 * a body before the fault may or may not have been given. */
const char *feed_difference(const struct feed_result *a, const struct feed_result *b);

#endif

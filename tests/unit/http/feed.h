/*
 * feed: one message through the parser, cut in every way a network can cut it.
 *
 * Not for several messages (test_parser_steps.c). Every call of the parser gets a copy of its own
 * at another address and of exactly the length, so that a view kept too long or a read past the end
 * is found by the sanitizer. expect_* run a case whole, byte by byte, and in two pieces cut at
 * every position, and demand the same outcome each time.
 */
#ifndef TEST_UNIT_HTTP_FEED_H
#define TEST_UNIT_HTTP_FEED_H

#include "lib/http/forward.h"
#include "lib/http/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct feed_input {
    const char *bytes;
    size_t len;
    bool response;
    bool head_request;
    bool closes; /* the peer closes after the last byte */
    const struct tn_http_limits *limits;
};

struct feed_result {
    enum tn_http_error error;
    bool has_head;
    bool ended;
    size_t unused;
    size_t body_len;
    char body[1 << 17];
    char head_bytes[1 << 16];
    struct tn_http_head head; /* its base is head_bytes */
};

/* first bytes at once, then `piece` at a time. */
void feed(const struct feed_input *input, size_t first, size_t piece, struct feed_result *result);

#define BYTES(text) text, sizeof(text) - 1

void expect_refused(struct feed_input input, enum tn_http_error error);
#define REFUSE_REQUEST(error, text)                                                                \
    expect_refused((struct feed_input){.bytes = text, .len = sizeof(text) - 1}, TN_HTTP_E_##error)
#define REFUSE_RESPONSE(error, text)                                                               \
    expect_refused((struct feed_input){.bytes = text, .len = sizeof(text) - 1, .response = true},  \
                   TN_HTTP_E_##error)

/* The outcome of the whole; the others were equal. written: what goes on, see below; body may be
 * NULL for none; unused: bytes that belong to what follows. */
void expect_accepted(struct feed_input input, const char *written, const char *body, size_t unused);
#define ACCEPT_REQUEST(text, written, body, unused)                                                \
    expect_accepted((struct feed_input){.bytes = text, .len = sizeof(text) - 1}, written, body,    \
                    unused)
#define ACCEPT_RESPONSE(text, written, body, unused)                                               \
    expect_accepted((struct feed_input){.bytes = text, .len = sizeof(text) - 1, .response = true}, \
                    written, body, unused)

/* What is added to a request of `minor` for this host by the gateway of these tests. */
#define OURS_1(minor, host)                                                                        \
    "Via: 1." minor " turnout-1\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Host: " host "\r\n"   \
    "X-Forwarded-Proto: http\r\nX-Request-Id: made-1\r\n"
#define OURS(host) OURS_1("1", host)
#define DATE "Date: Sun, 22 Nov 2026 22:00:00 GMT\r\n"

extern const struct tn_http_forward_request feed_request;
extern const struct tn_http_forward_response feed_response;

#endif

/*
 * feed: a message, fed in all ways, and what is expected of it.
 *
 * expect_* run a case whole, byte by byte, and in two pieces cut at every position
 * (tests/support/http_feed.h), and demand the same outcome each time.
 */
#ifndef TEST_UNIT_HTTP_FEED_H
#define TEST_UNIT_HTTP_FEED_H

#include "lib/http/forward.h"
#include "tests/support/http_feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

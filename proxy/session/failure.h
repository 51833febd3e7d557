/*
 * failure: every way in which an exchange can fail, and what that means to the client and to the
 * log.
 *
 * One table; session/ maps what other rooms return to one of these, and nothing else decides a
 * status code. Shape: status 0 means that there is nobody left to answer, or that the parser's
 * error says the status.
 */
#ifndef PX_SESSION_FAILURE_H
#define PX_SESSION_FAILURE_H

#include <stdbool.h>
#include <stdint.h>

/* X(enumerator, status, word in the access log, text for the client) */
#define PX_FAILURE_MAP(X)                                                                          \
    X(NONE, 0, "ok", "")                                                                           \
    X(CLIENT_LEFT, 0, "client_left", "")                                                           \
    X(BAD_REQUEST, 400, "bad_request", "")                                                         \
    X(LOOP, 508, "loop", "this request has been through here already")                             \
    X(HEAD_TIMEOUT, 408, "head_timeout", "the request head took too long")                         \
    X(BODY_TIMEOUT, 408, "body_timeout", "the request body came too slowly")                       \
    X(BODY_TOO_LARGE, 413, "body_too_large", "the request body is larger than allowed here")       \
    X(NO_VERSION, 503, "no_endpoint", "no endpoint of the version that should answer is up")       \
    X(OVERLOADED, 503, "overloaded", "too many requests are under way")                            \
    X(QUEUE_TIMEOUT, 503, "queue_timeout", "too many requests are under way")                      \
    X(NO_DESCRIPTOR, 503, "overloaded", "too many connections are open")                           \
    X(MEMORY_FULL, 503, "memory_full", "the proxy is at its memory limit")                         \
    X(NO_MEMORY, 503, "no_memory", "out of memory")                                                \
    X(CONNECT, 502, "connect_failed", "the service could not be reached")                          \
    X(CONNECT_TIMEOUT, 504, "connect_timeout", "the service could not be reached in time")         \
    X(UPSTREAM_RESET, 502, "upstream_reset", "the service broke off")                              \
    X(UPSTREAM_PROTOCOL, 502, "upstream_protocol", "the service gave a malformed answer")          \
    X(FIRST_BYTE_TIMEOUT, 504, "first_byte_timeout", "the service did not answer in time")         \
    X(IDLE_TIMEOUT, 504, "idle_timeout", "the exchange stood still for too long")                  \
    X(SLOW_READER, 0, "slow_reader", "")                                                           \
    X(TOTAL_TIMEOUT, 504, "total_timeout", "the exchange took too long")                           \
    X(CUT, 503, "cut", "the version that was to answer has been taken out of service")             \
    X(STOPPED, 503, "stopped", "the proxy is stopping")

enum px_failure {
#define PX_FAILURE_ENUM(name, status, word, text) PX_FAILURE_##name,
    PX_FAILURE_MAP(PX_FAILURE_ENUM)
#undef PX_FAILURE_ENUM
        PX_FAILURE_COUNT
};

/*
 * The version that should have answered failed: what verdicts and guards count. That it was too
 * slow for what it is sent (a full queue, a wait in vain) counts; that the proxy itself is short of
 * something, or that it was cut, does not.
 */
bool px_failure_is_upstreams(enum px_failure failure);
unsigned px_failure_status(enum px_failure failure);
const char *px_failure_word(enum px_failure failure);
const char *px_failure_text(enum px_failure failure);

#endif

/*
 * shadow: one loop's mirrors and the server that they send to, in one loop and in virtual time.
 *
 * Not for the primary's side: the test plays the session. Shapes: what the server receives is kept
 * per connection, and read on until peer->is_deaf is set; what it answers is written by the test.
 * Every step of the loop checks that the counters add up. Ownership: shadow_close() checks that
 * nothing is left: no copy, no memory, no connection.
 */
#ifndef TESTS_UNIT_MIRROR_SHADOW_H
#define TESTS_UNIT_MIRROR_SHADOW_H

#include "lib/net/listener.h"
#include "proxy/mirror/mirror.h"

#define SHADOW_PEERS 64
#define SHADOW_RULE 3
#define SHADOW_TO 1
#define SHADOW_SLOT 5

struct shadow_peer {
    struct tn_stream stream;
    char *bytes;
    size_t len, size;
    unsigned requests; /* that were answered by shadow_answer() */
    bool is_ended;     /* we closed or reset it */
    bool is_closed;
};

struct shadow {
    struct tn_loop loop;
    struct tn_listener listener;
    struct shadow_peer peers[SHADOW_PEERS];
    unsigned peer_count;
    uv_timer_t driver;
    struct px_limits limits;
    struct px_stats *stats;
    struct px_mirrors *mirrors;
    struct px_endpoint endpoint;
    struct px_mirror mirror; /* the rule's */
    _Atomic uint64_t memory;
    _Atomic uint64_t pair_memory;
    _Atomic uint32_t in_flight;
    /* what on_end told last, and how often */
    unsigned ends;
    struct px_mirror_end end;
    char end_id[160];
    struct px_mirror_case *compared; /* of the copies that are begun next; NULL: none */
    unsigned cases_over;             /* how often on_compared told */
    unsigned first_sent;             /* how often on_first_sent told */
    unsigned owner;                  /* its address is given as owner */
    bool refuse_all;                 /* accepted and closed at once */
};

void shadow_open(struct shadow *shadow);
void shadow_close(struct shadow *shadow);

/* Runs the loop for so long; checks the counters. */
void shadow_run(struct shadow *shadow, uint64_t ms);

/* selected = sent + dropped + queued, sent = answered + failed + in flight; gauges match. */
void shadow_check(const struct shadow *shadow);

struct px_stats_mirror *shadow_counters(const struct shadow *shadow);

/* Parses the text as a request head and begins a copy of it. */
struct px_mirror_copy *shadow_begin(struct shadow *shadow, const char *request);

/* begin and end in one: a request without body. */
void shadow_send(struct shadow *shadow, const char *request);

bool shadow_body(struct px_mirror_copy *copy, const char *bytes, size_t len);

struct shadow_peer *shadow_peer(struct shadow *shadow, unsigned i);
void shadow_answer(struct shadow_peer *peer, const char *text);
bool shadow_received(const struct shadow_peer *peer, const char *text);

#define SHADOW_GET                                                                                 \
    "GET /path?q=1 HTTP/1.1\r\nHost: example\r\nX-Request-Id: id-1\r\n"                            \
    "Authorization: Basic c2VjcmV0\r\n\r\n"
#define SHADOW_OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

#define SHADOW_POST(length)                                                                        \
    "POST /form HTTP/1.1\r\nHost: example\r\nExpect: 100-continue\r\nContent-Length: " length      \
    "\r\n\r\n"
#define SHADOW_POST_CHUNKED                                                                        \
    "POST /form HTTP/1.1\r\nHost: example\r\nTransfer-Encoding: chunked\r\n\r\n"

/* 64 KiB to send. */
extern char shadow_much[65536];

/* One shadow per test. */
int shadow_setup(void **state);
int shadow_teardown(void **state);

/* What on_end told last. */
void shadow_assert_end(const struct shadow *shadow, const char *outcome, const char *reason,
                       unsigned status);

/* Connections that we have not closed. */
uint32_t shadow_connections(const struct shadow *shadow);

#define DROPPED(shadow, name) shadow_counters(shadow)->dropped[PX_MIRROR_DROP_##name]
#define FAILED(shadow, name) shadow_counters(shadow)->failed[PX_MIRROR_FAIL_##name]

#endif

/*
 * rig: a whole session on one loop, with clients and upstreams of the test's own, over loopback.
 *
 * Not for timing: steps run until a condition holds, at most RIG_PATIENCE_MS.
 * Shapes: an upstream answers each complete request head it receives with the next of its scripted
 * answers; everything a client or an upstream received is kept as text. Ownership: rig_new …
 * rig_free; clients and upstreams belong to the rig. rig_free asserts that the loop closes.
 */
#ifndef TEST_SESSION_RIG_H
#define TEST_SESSION_RIG_H

#include "proxy/session/session.h"

#define RIG_PATIENCE_MS 5000
#define RIG_UPSTREAMS 4
#define RIG_CLIENTS 8
#define RIG_BYTES 400000

struct rig_upstream {
    struct tn_listener listener;
    struct rig *rig;
    uint16_t port;
    const char *answers[8]; /* per request, across connections; the last is repeated */
    unsigned answer_count;
    const char *marker; /* answers when this was received; NULL: the end of a head */
    unsigned requests;
    unsigned connections;
    struct tn_stream *last; /* the connection accepted last */
    const char *farewell;   /* sent when the other side has ended, before closing; NULL: nothing */
    bool closes_after_answer; /* FIN behind each answer */
    bool closes_idle;         /* accepts, answers once, then closes when the next request comes */
    char received[RIG_BYTES];
    size_t received_len;
};

struct rig_client {
    struct tn_stream stream;
    struct rig *rig;
    bool is_connected, is_eof, is_broken, is_closed;
    char received[RIG_BYTES];
    size_t received_len;
};

struct rig {
    struct tn_loop loop;
    struct px_config *config;
    struct px_registry *registry;
    struct px_snapshot *snapshot;
    struct px_snapshot_use use;
    struct px_stats *stats;
    struct px_pool pool;
    struct px_queue_board board;
    struct px_queue queue;
    struct px_mirrors *mirrors;
    struct px_access_log log;
    struct px_session session;
    struct tn_listener listener;
    uint16_t port;
    struct rig_upstream upstreams[RIG_UPSTREAMS];
    struct rig_client clients[RIG_CLIENTS];
    unsigned client_count;
    _Atomic uint64_t memory;
    _Atomic uint32_t in_flight;
    bool is_empty, is_snapshot_unused;
    unsigned failing_told;
    bool proxy_protocol;     /* of the listener, for connections from now on */
    unsigned expected_count; /* what a test waits for */
};

/* rules: YAML under `rules:`; limits: YAML flow map. Versions: blue (upstreams 0, 1), green (2, 3).
 */
struct rig *rig_new(const char *rules, const char *limits);
void rig_free(struct rig *rig);

void rig_answer(struct rig *rig, unsigned upstream, const char *answer);
struct rig_client *rig_connect(struct rig *rig);
void rig_send(struct rig_client *client, const char *bytes);
void rig_send_bytes(struct rig_client *client, const char *bytes, size_t len);

/* True as soon as the client has received `text`. */
bool rig_sees(struct rig_client *client, const char *text);
bool rig_sees_times(struct rig_client *client, const char *text, unsigned times);
bool rig_sees_end(struct rig_client *client);
bool rig_upstream_sees(struct rig *rig, unsigned upstream, const char *text);
unsigned rig_requests(const struct rig *rig); /* seen by all upstreams */

/* Until predicate holds. */
bool rig_until(struct rig *rig, bool (*predicate)(void *context), void *context);
void rig_settle(struct rig *rig); /* lets everything that is ready happen */

#endif

/*
 * pool: one loop's connections to all endpoints.
 *
 * Glossary: lease (a connection is one user's until released), fresh (never carried a request),
 *   reused (carried one before: it may have died unnoticed), idle (in the pool, owned by nobody),
 * slot (an endpoint's number). Not for HTTP: bytes go through; the user parses (the response parser
 * sits here only for its memory). Shapes: idle connections are taken last-in first-out; they keep
 * reading, so that a close or an unsolicited byte throws them out at once. Mirrors use a pool of
 * their own, so that they never take a connection or a limit away. Errors: px_pool_lease: -EMFILE
 * and the like, -ENOMEM, -EBUSY (no room); then no callback runs. on_ready gives -ECONNREFUSED,
 * -ETIMEDOUT and so on; the lease has then ended already. Ownership: a lease ends with
 * px_upstream_release(), after which no callback runs; memory belongs to the pool. Callbacks:
 * on_ready exactly once per lease that was not ready at once, never from inside px_pool_lease().
 * Threads: the loop's. endpoint->in_flight is shared and atomic.
 */
#ifndef PX_UPSTREAM_POOL_H
#define PX_UPSTREAM_POOL_H

#include "lib/http/parser.h"
#include "lib/net/deadline.h"
#include "lib/net/stream.h"
#include "proxy/stats/stats.h"
#include "proxy/upstream/queue.h"
#include "proxy/upstream/wary.h"

struct px_upstream;

/* How a user of a leased connection hears of it. */
struct px_upstream_ops {
    void (*on_ready)(struct px_upstream *upstream, int error);
    void (*on_read)(struct px_upstream *upstream, char *data, size_t len);
    void (*on_eof)(struct px_upstream *upstream);
    void (*on_broken)(struct px_upstream *upstream, int error);
    void (*on_drained)(struct px_upstream *upstream);
};

struct px_upstream {
    /* for the user */
    void *user;
    struct px_endpoint *endpoint;
    struct tn_stream stream;      /* write, pause, resume; never close: release does */
    struct tn_http_parser parser; /* response parser, started by the user */
    bool is_reused;
    bool is_connected;

    /* private */
    struct px_pool *pool;
    const struct px_upstream_ops *ops;
    struct tn_list node;
    struct tn_deadline deadline; /* connect, then idle */
    uint32_t requests;
    bool is_copy;
};

struct px_pool {
    struct tn_loop *loop;
    const struct px_limits *limits;
    struct px_stats *stats; /* endpoints[] is counted here; NULL: not counted (mirrors) */
    struct px_queue *queue; /* told of room; NULL: none (mirrors) */
    struct tn_list idle[PX_ENDPOINTS_MAX];
    uint32_t idle_count[PX_ENDPOINTS_MAX];
    struct px_wary wary[PX_ENDPOINTS_MAX];
    struct tn_list all;  /* leased and connecting ones */
    uint32_t open_count; /* closing ones included */
    bool is_stopping;
};

/* limits and stats must outlive the pool; the caller sets queue. The pool is large: on the heap. */
void px_pool_init(struct px_pool *pool, struct tn_loop *loop, const struct px_limits *limits,
                  struct px_stats *stats);

struct px_lease {
    struct px_endpoint *endpoint;
    const struct px_upstream_ops *ops;
    void *user;
    uint64_t connect_ms;
    uint32_t max_requests; /* -EBUSY when so many are under way there; 0: a copy, which counts in
                              endpoint->copies and is not bounded here */
    bool is_fresh;         /* never an idle connection: for retries */
    bool is_repeatable;    /* wary.h */
};

/*
 * An idle connection (is_connected is true, send at once) or one that is being connected (on_ready
 * follows). Counts one more in endpoint->in_flight, or copies.
 */
int px_pool_lease(struct px_pool *pool, const struct px_lease *lease,
                  struct px_upstream **ret_upstream);

/*
 * Ends the lease. healthy: the answer was complete, nothing came behind it, the whole request was
 * sent and both sides keep the connection; else it is closed.
 */
void px_upstream_release(struct px_upstream *upstream, bool healthy);

/* Before its release: it was used again, and ended without a byte of an answer. */
void px_upstream_died(struct px_upstream *upstream);

/* Closes idle connections to an endpoint that left the configuration or went down. */
void px_pool_drop_idle(struct px_pool *pool, const struct px_endpoint *endpoint);

/* Descriptors ran out: closes the older half of the idle connections. False: there was none. */
bool px_pool_shed_idle(struct px_pool *pool);

/* Closes every idle connection, and from now on every released one. */
void px_pool_stop(struct px_pool *pool);

#endif

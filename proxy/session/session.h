/*
 * session: one loop's client connections and their exchanges: the only room that ties client, route
 * and upstream together.
 *
 * Glossary: client (a connection to us), exchange (one request and its answer), pending (client
 * bytes that wait for their turn), linger (our answer is out; we read on so that a reset does not
 * eat it), flush (send a head that waited for body bytes). Not for listening (worker/) or for
 * choosing (route/). Shapes: an idle client owns no buffer and no exchange. One request at a time
 * per client, in order. Errors: every failure is one of failure.h. Ownership: the session belongs
 * to its worker; clients free themselves. Threads: the loop's.
 */
#ifndef PX_SESSION_SESSION_H
#define PX_SESSION_SESSION_H

#include "lib/base/clock.h"
#include "lib/net/listener.h"
#include "proxy/mirror/mirror.h"
#include "proxy/route/route.h"
#include "proxy/route/selection.h"
#include "proxy/route/snapshot_use.h"
#include "proxy/session/access_log.h"
#include "proxy/session/retry.h"
#include "proxy/upstream/pool.h"

#define PX_MADE_ID_BYTES 32

struct px_session {
    struct tn_loop *loop;
    const struct px_limits *limits;
    struct px_stats *stats;
    struct px_pool *pool;
    struct px_mirrors *mirrors;
    struct px_access_log *log;
    struct px_snapshot_use *rules; /* what new requests get; one use is the session's own */
    struct px_route_loop route;
    struct tn_str via_name;
    struct tn_list clients;
    struct tn_list tunnels; /* exchanges */
    uint32_t client_count;
    uint32_t client_max;
    const _Atomic bool *is_memory_full; /* no new work while it is. May be NULL */
    bool is_stopping;
    /* limits->ejection_failures requests to it failed in a row. May be NULL. */
    void (*on_failing)(struct px_session *session, struct px_endpoint *endpoint);
    /* A version failed a request of a rule with a guard. May be NULL. */
    void (*on_suspect)(struct px_session *session);
    void (*on_empty)(struct px_session *session); /* stopping, and the last client is gone */
    void *context;

    /* private */
    struct px_retry_budget retries;
    char next_id[PX_MADE_ID_BYTES]; /* hexadecimal: the prefix, then how many were made */
    uint64_t baseline_n;            /* requests that a baseline might have had */
    struct tn_list spare_exchanges;
    uint32_t spare_count;
    uint64_t date_s;
    char date[TN_HTTP_DATE_SIZE];
};

/* The caller has set the fields above "private"; this sets the rest. */
void px_session_init(struct px_session *session);
void px_session_deinit(struct px_session *session);

/* Listener callbacks (struct tn_listener_ops): listener->ops->on_accept and so on call these. */
/* proxy_protocol: the connection starts with a PROXY header, and is the client's that it names. */
struct tn_stream *px_session_accept(struct px_session *session, int family, bool proxy_protocol);
void px_session_accepted(struct px_session *session, struct tn_stream *stream);
void px_session_accept_failed(struct px_session *session, struct tn_stream *stream);

/* New requests are decided by this snapshot from now on. Takes the caller's use over. */
void px_session_set_rules(struct px_session *session, struct px_snapshot_use *rules);

static inline bool px_session_is_memory_full(const struct px_session *session)
{
    return session->is_memory_full &&
           atomic_load_explicit(session->is_memory_full, memory_order_relaxed);
}

/* The request ids made here begin with this prefix: another one for each loop of each process. */
void px_session_start_ids(struct px_session *session, uint64_t prefix);

/* Counts in the text itself: mostly one digit changes, where writing all of them took 280
 * instructions. */
static inline void px_session_count_id(struct px_session *session)
{
    char *digit = session->next_id + PX_MADE_ID_BYTES - 1;

    for (; *digit == 'f' && digit > session->next_id; digit--)
        *digit = '0';
    *digit = *digit == '9' ? 'a' : (char)(*digit + 1);
}

/* Once a second. */
void px_session_tick(struct px_session *session);

/* Answers say Connection: close from now on; idle connections stay open for their next request. */
void px_session_stop(struct px_session *session);

/*
 * Ends everything that is left. Returns how many exchanges were broken off; tunnels are not among
 * them, for they have no end of their own that a stop could wait for.
 */
uint32_t px_session_abort_all(struct px_session *session);

/*
 * Breaks the exchanges off that are meant: 503 where nothing of an answer is out yet, else the
 * client's connection is closed. Returns how many there were. Those that begin meanwhile are not
 * looked at: publish the rules that send nobody there first.
 */
uint32_t px_session_break_off(struct px_session *session, const struct px_selection *selection);

#endif

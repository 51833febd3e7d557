/*
 * mirror: copies of requests, sent to a version whose answers nobody waits for.
 *
 * Not for deciding what is mirrored (route) and never in the primary's way: no call here waits,
 * pauses, fails or calls back. Full means that this copy is dropped or failed, and counted by
 * reason. Shapes: a copy is begun with the whole head, fed with decoded body pieces as the primary
 * gets them, then ended; its bytes are copied at once into a buffer of its own (at most
 * mirror_buffer not yet taken by the kernel). selected = sent + dropped + queued; sent = answered +
 * failed + in flight, at every moment. Units: bytes, ms. Errors: none to the caller. Ownership:
 * after px_mirror_end() or px_mirror_abort(), or once a call said false, the handle is no longer
 * the caller's. A copy outlives the client's connection, but not px_mirrors_stop(). Threads: the
 * loop's; the memory budget is shared by all loops (atomic).
 */
#ifndef PX_MIRROR_MIRROR_H
#define PX_MIRROR_MIRROR_H

#include "lib/http/forward.h"
#include "proxy/upstream/pool.h"

/* One loop's mirrors. */
struct px_mirrors;
struct px_mirror_copy;

/*
 * Told once for every px_mirror_begin(), dropped ones included, when it is over: for its access-log
 * line. May run inside any call of this header; it must not call back into the mirror.
 */
struct px_mirror_end {
    const char *request_id;
    uint32_t rule, to; /* stat numbers */
    struct px_endpoint *endpoint;
    const char *outcome; /* "answered", "dropped", "failed" */
    const char *reason;  /* label of the drop or failure, or "" */
    unsigned status;     /* 0: none */
    uint64_t duration_us;
    uint64_t revision;
    bool is_baseline;
    void *owner; /* of px_mirror_begin: keeps endpoint and snapshot alive until now */
};

struct px_mirrors_options {
    struct tn_loop *loop;
    const struct px_limits *limits;
    struct px_stats *stats;
    uint64_t seed; /* of the hashes that a comparison tells: random, the same on all loops */
    _Atomic uint64_t *memory;      /* bytes of the process, shared */
    _Atomic uint64_t *pair_memory; /* bytes of pairs of the process, shared; outlives the stats */
    _Atomic uint32_t *in_flight;   /* copies of the process, shared */
    void (*on_end)(void *context, const struct px_mirror_end *end); /* may be NULL */
    /* The first byte of a copy went to this version (its stat): once until px_mirrors_tell_anew().
     * May be NULL. */
    void (*on_first_sent)(void *context, uint32_t to);
    /* A case is over: its owner may go. May be NULL where there are no cases. */
    void (*on_compared)(void *context, void *owner);
    void *context;
};

int px_mirrors_new(const struct px_mirrors_options *options, struct px_mirrors **ret_mirrors);

/* Ends all copies (stopped) and closes the connections; free after the loop ran until they are
 * gone. */
void px_mirrors_stop(struct px_mirrors *mirrors);
void px_mirrors_free(struct px_mirrors *mirrors);

/* on_first_sent is due again for every version: new rules may have made an end to what was known.
 */
void px_mirrors_tell_anew(struct px_mirrors *mirrors);

/* Closes idle connections to an endpoint that left the configuration: before its memory goes. */
void px_mirrors_drop_idle(struct px_mirrors *mirrors, const struct px_endpoint *endpoint);

struct px_mirror_begin {
    const struct tn_http_head *head; /* as received */
    const struct tn_http_forward_request
        *how;                       /* as for the primary; mirror and drop are set here */
    struct px_endpoint *endpoint;   /* NULL: dropped, no_endpoint */
    const struct px_mirror *mirror; /* lives as long as the snapshot: not kept */
    uint32_t rule, to;              /* stat numbers */
    uint64_t revision;
    void *owner;                     /* given back by on_end, after the connection was released */
    struct px_mirror_case *compared; /* NULL: its answer is not compared */
    uint32_t place;                  /* of the mirror in its rule; of a baseline: of the mirror that
                                        wants it */
    uint64_t config_id;              /* of the snapshot's mirror */
    bool is_baseline;                /* sent to the version that answers: not a mirror's copy */
};

/* NULL when it was dropped at once (counted). A request without body is ended by px_mirror_end()
 * all the same. */
struct px_mirror_copy *px_mirror_begin(struct px_mirrors *mirrors,
                                       const struct px_mirror_begin *begin);

/* False: the copy has ended and the handle is gone. */
bool px_mirror_body(struct px_mirror_copy *copy, const struct tn_str *pieces, unsigned count);

/* The request is complete. */
void px_mirror_end(struct px_mirror_copy *copy);

/* The client left before its request was complete, or the body was broken. */
void px_mirror_abort(struct px_mirror_copy *copy);

/* --- comparison --------------------------------------------------------------------------------
 */

/*
 * A request of which the answers are to be compared: begun before its copies, told of the answer
 * that the user gets, ended once. NULL: no memory, nothing is compared; then owner stays the
 * caller's, else on_compared gives it back.
 */
struct px_mirror_case;
struct px_mirror_case *px_mirror_case_begin(struct px_mirrors *mirrors, struct tn_str path,
                                            struct tn_str request_id, void *owner);

/* Whether this path is one of the mirror's baseline. */
bool px_mirror_case_wants_baseline(const struct px_mirror_case *compared,
                                   const struct px_mirror *mirror);

/* The final answer's head, and how long it took to come; its body as it comes. */
void px_mirror_case_head(struct px_mirror_case *compared, const struct tn_http_head *head,
                         uint64_t first_byte_us);
void px_mirror_case_body(struct px_mirror_case *compared, const struct tn_str *pieces,
                         unsigned count);

/* is_whole: the answer was complete. The handle is gone. */
void px_mirror_case_end(struct px_mirror_case *compared, bool is_whole);

#endif

/*
 * copy: one mirrored request from its head to the end of its answer; shared by the files of
 * mirror/.
 *
 * Not for other rooms. Stages of a copy:
 *
 *   queued ──▶ sent (first byte) ──▶ answered | failed
 *      └─────▶ dropped
 *
 * Shapes: everything to send goes through `waiting` until the connection is ready and the first
 * body bytes (or the end) are there, so that head and body leave in one write; after that the
 * stream's tail is the only queue. Ownership: a copy is live (in px_mirrors.copies, counted
 * everywhere) until px_copy_over(); after that it is an empty shell, kept only while the session
 * still has its handle. Threads: the loop's; the two process-wide counts are atomic.
 */
#ifndef PX_MIRROR_COPY_H
#define PX_MIRROR_COPY_H

#include "proxy/mirror/case.h"

#define PX_COPY_ID_BYTES 129 /* X-Request-Id as the HTTP room allows it, and a terminator */

/* An answer's body beyond this is not worth a connection: it is closed instead of drained. */
#define PX_COPY_DRAIN_BYTES (1u << 20)
/* The same where it is compared: its hash is of use. */
#define PX_COPY_COMPARE_BYTES (16u << 20)

struct px_mirrors {
    struct px_mirrors_options options;
    struct px_pool pool;
    struct tn_list copies; /* live ones */
    struct tn_list shells; /* ended ones whose handle the session still has */
    struct tn_str *drops;  /* scratch: names of drop_headers */
    uint32_t drop_size;
    char *head;                   /* scratch: TN_LOOP_OUT_BYTES */
    struct px_mirror_copy *spare; /* for one that finds no memory: dropped at once */
    struct tn_list cases;         /* open ones, and the one on the bench */
    struct tn_list waiting;       /* for the bench */
    uint32_t waiting_count;
    struct px_compare_bench bench;
    struct px_compare_tools tools; /* the loop's: groups and baselines by path */
    uint32_t told;                 /* bit of each version's stat: on_first_sent was called */
    bool is_stopping;
};

_Static_assert(PX_VERSIONS_MAX <= 32, "told has a bit for each version");

/* Why a copy is over. What it is called depends on whether a byte of it was sent. */
enum px_copy_why {
    PX_COPY_ANSWERED,
    PX_COPY_IN_FLIGHT,
    PX_COPY_BUFFER,
    PX_COPY_MEMORY,
    PX_COPY_NO_ENDPOINT,
    PX_COPY_CONNECT,
    PX_COPY_CONNECT_TIMEOUT,
    PX_COPY_TIMEOUT,
    PX_COPY_RESET,
    PX_COPY_PROTOCOL,
    PX_COPY_CLIENT_LEFT,
    PX_COPY_LIMIT,
    PX_COPY_STOPPED,
    PX_COPY_WHY_COUNT
};

struct px_mirror_copy {
    struct px_mirrors *mirrors;
    struct px_stats_mirror *counters;
    struct px_upstream *upstream; /* NULL: not leased, or released */
    struct tn_list node;
    struct tn_deadline deadline; /* mirror_total */

    char *waiting; /* to be sent; the process's memory budget knows of it */
    uint32_t waiting_len;
    uint32_t waiting_size;
    char *partial; /* beginning of an answer's head */
    uint32_t partial_len;
    uint64_t charged; /* bytes of the budget that are this copy's */

    uint64_t max_body;
    uint64_t body_len; /* of the request so far */
    uint64_t started_ns;
    uint64_t asked_ns;               /* of a compared copy: when its last bytes were handed over */
    uint64_t first_ns;               /* the first byte of its answer */
    struct px_mirror_case *compared; /* NULL: not compared */
    uint32_t place;                  /* of its side */
    uint64_t drained;                /* bytes of the answer's body */
    uint32_t interim_count;
    unsigned status; /* of the answer; 0: none yet */
    bool has_handle; /* the session has it */
    bool is_live;
    bool is_counted;  /* in the process-wide count */
    bool is_flushing; /* no more waiting for the first body bytes */
    bool is_sent;
    bool is_complete; /* the whole request was given to us */
    bool is_chunked;
    bool is_head_request;

    struct px_mirror_end end; /* what on_end is told */
    char request_id[PX_COPY_ID_BYTES];
    struct tn_http_head answer;
};

/*
 * Ends a live copy: counted, connection released (kept only if healthy), memory given back, on_end
 * told. Frees the copy unless the session has its handle. May be called from any callback.
 */
void px_copy_over(struct px_mirror_copy *copy, enum px_copy_why why, bool healthy);

/* Bytes of the process's budget that are no copy's; false: used up, nothing changed. */
bool px_mirrors_charge(struct px_mirrors *mirrors, uint64_t bytes);
void px_mirrors_uncharge(struct px_mirrors *mirrors, uint64_t bytes);

/*
 * Makes the budget know what this copy holds, and `more` bytes that it is about to. False when the
 * budget does not allow that; then nothing changed.
 */
bool px_copy_charge(struct px_mirror_copy *copy, uint64_t more);

/* Appends to waiting, within mirror_buffer. False: the copy is over. */
bool px_copy_put(struct px_mirror_copy *copy, const struct tn_str *pieces, unsigned count);

/* Hands the pieces to the kernel behind what waits, or to waiting if that cannot be yet. False: the
 * copy is over. */
bool px_copy_send(struct px_mirror_copy *copy, const struct tn_str *pieces, unsigned count);

/* The kernel took bytes of the tail: counts. */
void px_copy_settle(struct px_mirror_copy *copy);

/* answer.c: the connection is there, an answer is to be read from it. */
void px_copy_await_answer(struct px_mirror_copy *copy);

/* The connection's callbacks; user is the copy. */
extern const struct px_upstream_ops px_copy_upstream_ops;

#endif

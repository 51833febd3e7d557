/*
 * queue: requests that wait until an endpoint has fewer than its version's max_requests under way.
 *
 * Glossary: waiter (a request that waits), room (an endpoint with less than max_requests), board
 *   (what the loops of a process share: whom to wake).
 * Not for choosing endpoints (route) nor for taking them (pool.h): a waiter is asked to try again,
 * and does both itself. Shapes: first come, first served, per version and loop; a waiter waits for
 * any endpoint of its version or, with one that it belongs to, for that one alone and in nobody's
 * way. Whoever comes while others wait goes behind them. Room that another loop made wakes this
 * one; should that be missed (an endpoint came up, a reload allows more), all are asked again each
 * PX_QUEUE_POLL_MS. Errors: -ENOSPC when limits->queue_length wait already; counted. Ownership:
 * waiters belong to the user, who leaves before their memory goes. Callbacks: try_room never from
 * inside px_queue_join(). Threads: the loop's; the board is shared and atomic, no lock.
 */
#ifndef PX_UPSTREAM_QUEUE_H
#define PX_UPSTREAM_QUEUE_H

#include "lib/net/deadline.h"
#include "lib/net/wake.h"
#include "proxy/stats/stats.h"

#define PX_QUEUE_POLL_MS 100
#define PX_QUEUE_LOOPS_MAX 256

struct px_waiter {
    uint32_t version;             /* its stat */
    struct px_endpoint *endpoint; /* NULL: any of the version's */
    /*
     * There may be room. True: taken, or there is nothing to wait for any more, and the waiter has
     * left. False: none; it keeps its place.
     */
    bool (*try_room)(struct px_waiter *waiter);

    /* private */
    struct tn_list node;
    bool is_waiting;
};

struct px_queue;

struct px_queue_board {
    struct px_queue *queues[PX_QUEUE_LOOPS_MAX]; /* set before the loops run */
    uint32_t queue_count;
    _Atomic uint32_t waiting[PX_VERSIONS_MAX]; /* queues with a waiter, by the version's stat */
};

struct px_queue {
    struct tn_loop *loop;
    const struct px_limits *limits;
    struct px_stats *stats;
    struct px_queue_board *board;
    struct tn_wake wake;
    struct tn_deadline poll;
    struct tn_list waiters[PX_VERSIONS_MAX];
    uint32_t counts[PX_VERSIONS_MAX];
    _Atomic bool is_waiting[PX_VERSIONS_MAX]; /* read by all loops */
    struct tn_list *next;                     /* whom to ask next, while asking */
};

/* Takes the next place of the board. limits, stats and board must outlive the queue. */
int px_queue_open(struct px_queue *queue, struct px_queue_board *board, struct tn_loop *loop,
                  const struct px_limits *limits, struct px_stats *stats);

/* Nobody waits any more. */
void px_queue_close(struct px_queue *queue);

/* Does anybody wait for this version, on any loop? Then a newcomer joins. */
static inline bool px_queue_is_contended(const struct px_queue *queue, uint32_t version)
{
    return atomic_load_explicit(&queue->board->waiting[version], memory_order_relaxed) > 0;
}

/* To the end of its version's queue. The fields of waiter above "private" are set. */
int px_queue_join(struct px_queue *queue, struct px_waiter *waiter);

/* Out of the queue, from any place. Nothing when it does not wait. */
void px_queue_leave(struct px_queue *queue, struct px_waiter *waiter);

/* Something else has changed that those who wait on this loop must know: all are asked soon. */
void px_queue_ask_again(struct px_queue *queue);

/* This endpoint has room: every loop with waiters for its version is woken. */
void px_queue_wake(struct px_queue *queue, const struct px_endpoint *endpoint);

/* One request less at the endpoint, which this loop has just counted down. */
static inline void px_queue_freed(struct px_queue *queue, const struct px_endpoint *endpoint)
{
    /* Sequentially consistent, as is the count before it: who joins at this moment either sees the
     * room or is seen here. */
    if (atomic_load(&queue->board->waiting[endpoint->version]) > 0)
        px_queue_wake(queue, endpoint);
}

#endif

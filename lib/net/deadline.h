/*
 * deadline: a moment at which something is given up, looked at by one coarse sweep per loop.
 *
 * Not for exact times: it fires up to TN_DEADLINE_TICK_MS late, never early; of a crowd that is due
 * together TN_DEADLINE_BURST fire in one turn of the loop, in order, so that closing a thousand
 * connections keeps nobody else waiting.
 * Shape: embedded in its owner. Setting a later moment than before is one store; an earlier one
 * moves a list node. No timer is armed per request (a libuv timer costs 50 to 200 ns to re-arm, a
 * store costs one). Units: ms of tn_loop_now_ms(). Ownership: the caller's memory;
 * tn_deadline_clear() before it goes. Callbacks: on_expired once per expiry, from the sweep; it may
 * set or clear any deadline. Threads: the loop's. Source: hashed timing wheel, Varghese and Lauck
 * 1987, scheme 6.
 */
#ifndef TN_NET_DEADLINE_H
#define TN_NET_DEADLINE_H

#include "lib/net/loop.h"

#define TN_DEADLINE_NEVER UINT64_MAX

struct tn_deadline;
typedef void(tn_deadline_fn)(struct tn_deadline *deadline);

struct tn_deadline {
    struct tn_list node;
    uint64_t when_ms;
    uint64_t filed_ms; /* moment of the slot it is filed under */
    tn_deadline_fn *on_expired;
};

void tn_deadline_init(struct tn_deadline *deadline, tn_deadline_fn *on_expired);

/* At when_ms; TN_DEADLINE_NEVER disarms without touching the list. */
void tn_deadline_set(struct tn_loop *loop, struct tn_deadline *deadline, uint64_t when_ms);

static inline void tn_deadline_after(struct tn_loop *loop, struct tn_deadline *deadline,
                                     uint64_t ms)
{
    tn_deadline_set(loop, deadline, ms == TN_DEADLINE_NEVER ? ms : tn_loop_now_ms(loop) + ms);
}

/* Out of every list: its memory may go. */
void tn_deadline_clear(struct tn_loop *loop, struct tn_deadline *deadline);

#endif

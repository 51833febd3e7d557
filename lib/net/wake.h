/*
 * wake: a knock at a loop's door from any thread, without a lock and without a message.
 *
 * Not for handing over data (mailbox.h). Shape: knocks that come before the loop has turned are
 * one. Errors: negative errno of opening. Ownership: the caller's memory, which must outlive the
 * last thread that may send. Callbacks: on_wake at least once after each send that came before
 * tn_wake_close(), never after it; on_closed once. Threads: tn_wake_send() from any; everything
 * else on the loop's.
 */
#ifndef TN_NET_WAKE_H
#define TN_NET_WAKE_H

#include "lib/net/loop.h"

#include <stdatomic.h>

struct tn_wake {
    uv_async_t async;
    _Atomic uint32_t senders; /* threads inside tn_wake_send() */
    _Atomic bool is_closed;
    void (*on_wake)(struct tn_wake *wake);
    void (*on_closed)(struct tn_wake *wake);
};

int tn_wake_open(struct tn_wake *wake, struct tn_loop *loop, void (*on_wake)(struct tn_wake *wake));
void tn_wake_send(struct tn_wake *wake);
/* on_closed may be NULL. */
void tn_wake_close(struct tn_wake *wake, void (*on_closed)(struct tn_wake *wake));

#endif

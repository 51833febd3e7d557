/*
 * control: what mostly the control thread's loop needs: signals, timers, work on another thread.
 *
 * Not for the way of a request: data loops use deadlines, and work only for what no request waits
 * for. Errors, ownership, threads: as loop.h; on_closed once, after close.
 */
#ifndef TN_NET_CONTROL_H
#define TN_NET_CONTROL_H

#include "lib/net/wake.h"

struct tn_signal {
    uv_signal_t uv;
    void (*on_signal)(struct tn_signal *signal, int number);
    void (*on_closed)(struct tn_signal *signal);
};

int tn_signal_open(struct tn_signal *signal, struct tn_loop *loop, int number,
                   void (*on_signal)(struct tn_signal *signal, int number));
void tn_signal_close(struct tn_signal *signal, void (*on_closed)(struct tn_signal *signal));

struct tn_timer {
    uv_timer_t uv;
    void (*on_timer)(struct tn_timer *timer);
    void (*on_closed)(struct tn_timer *timer);
};

int tn_timer_open(struct tn_timer *timer, struct tn_loop *loop,
                  void (*on_timer)(struct tn_timer *timer));
/* First after first_ms, then each repeat_ms (0: once). May be repeated. */
void tn_timer_start(struct tn_timer *timer, uint64_t first_ms, uint64_t repeat_ms);
void tn_timer_stop(struct tn_timer *timer);
void tn_timer_close(struct tn_timer *timer, void (*on_closed)(struct tn_timer *timer));

/*
 * run() on a thread of a small pool, then on_done() on the loop. One at a time per struct. Not
 * libuv's pool, which ends the process when it can't start its threads.
 */
struct tn_work {
    struct tn_wake wake;
    struct tn_list node; /* waits for a thread */
    void (*run)(struct tn_work *work);
    void (*on_done)(struct tn_work *work);
};

/* -EAGAIN and the like: there is no thread, and on_done will not run. */
int tn_work_start(struct tn_work *work, struct tn_loop *loop);

#endif

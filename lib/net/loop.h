/*
 * loop: one event loop of one thread, with its scratch buffers, clock and free lists.
 *
 * Glossary: loop (a thread's libuv loop), stream (one connection), deadline (a moment that a sweep
 * looks at), mailbox (how other threads reach a loop), tail (bytes the kernel did not take at
 * once). Not for knowing HTTP. The only room that uses libuv. Shapes: the time in ms is monotonic
 * and cached per loop turn, the time in ns per read, wall time per turn: a request asks for them
 * seven times; `scratch` is where every stream of the loop reads to: its bytes are valid until the
 * callback returns. `out` is for whoever builds a head to send. Errors: 0 or negative errno
 * (libuv's codes are the same numbers). Callbacks never run from inside the call that asked for
 * them, never after close. Ownership: the loop belongs to its caller; tn_loop_deinit() says -EBUSY
 * while a handle is left. Threads: everything belongs to the loop's thread but tn_mailbox_post().
 */
#ifndef TN_NET_LOOP_H
#define TN_NET_LOOP_H

#include "lib/base/clock.h"
#include "lib/base/list.h"

#include <stdint.h>
#include <uv.h>

#define TN_LOOP_SCRATCH_BYTES 65536
#define TN_LOOP_OUT_BYTES 65536

#define TN_DEADLINE_TICK_MS 50
#define TN_DEADLINE_SLOTS 1024 /* 51.2 s; later ones go round again */
#define TN_DEADLINE_BURST 16   /* callbacks in one turn of the loop */

struct tn_loop {
    uv_loop_t uv;
    uv_timer_t sweep; /* runs only while a deadline is filed */
    struct tn_list deadlines[TN_DEADLINE_SLOTS];
    struct tn_list due; /* swept, not yet fired */
    uint64_t swept_tick;
    uint32_t deadline_count;
    bool is_sweeping_set;  /* sweep timer is started */
    uv_prepare_t turn;     /* before the loop waits: what it knew of the time is old then */
    uint64_t now_ns;       /* private, 0: not asked for yet */
    uint64_t wall_ns;      /* private, 0: not asked for yet */
    uint32_t stream_count; /* open streams, closing ones included */
    char *scratch;
    char *out;
    void *data; /* the owner's */
};

int tn_loop_init(struct tn_loop *loop);

/* Closes the loop's own handles and runs it until they are gone. 0, or -EBUSY when somebody else's
 * are left open. */
int tn_loop_deinit(struct tn_loop *loop);

/* Until no handle is active, or tn_loop_stop(). */
void tn_loop_run(struct tn_loop *loop);
void tn_loop_stop(struct tn_loop *loop);

static inline uint64_t tn_loop_now_ms(const struct tn_loop *loop)
{
    return uv_now(&loop->uv);
}

/* Monotonic, for durations: that of the read under way, else not older than this turn. */
static inline uint64_t tn_loop_now_ns(struct tn_loop *loop)
{
    if (loop->now_ns == 0)
        loop->now_ns = tn_clock_system.monotonic_ns(tn_clock_system.context);
    return loop->now_ns;
}

/* Since 1970, not older than this turn. */
static inline uint64_t tn_loop_wall_ns(struct tn_loop *loop)
{
    if (loop->wall_ns == 0)
        loop->wall_ns = tn_clock_system.wall_ns(tn_clock_system.context);
    return loop->wall_ns;
}

/* Start-up, once per process, before the first loop: SIGPIPE ignored, memory set aside for libuv.
 * -EMFILE and the like: no descriptors for what libuv would end the process for. */
int tn_net_init(void);

#endif

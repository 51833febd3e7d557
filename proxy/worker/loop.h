/*
 * loop: one data loop: thread, listeners, session, pools, counters; and the mails that it answers.
 *
 * Not for other rooms: worker.h is the door. Everything here belongs to the loop's thread once it
 * runs. Ownership: made and freed by workers.c on the control thread, before the thread starts and
 * after it was joined.
 */
#ifndef PX_WORKER_LOOP_H
#define PX_WORKER_LOOP_H

#include "lib/net/control.h"
#include "proxy/session/session.h"
#include "proxy/worker/worker.h"

#include <pthread.h>

struct px_workers;
struct px_data_loop;

/* One mail to a loop, that comes back to the control thread as the same mail. */
struct px_loop_mail {
    struct tn_mail mail;
    struct px_data_loop *loop;
    void *call;
    struct px_stats *stats;
    uint64_t grace_ms;
    int error;
    uint32_t count; /* broken off */
    bool is_away;   /* control thread: sent and not back */
};

/* One per snapshot and loop: all of a snapshot in one block, so that giving one back and telling it
 * need no memory. */
struct px_loop_use {
    struct px_snapshot_use use;
    struct px_data_loop *loop;
    struct tn_mail unused;
};

/* What all loops are asked at once, one call at a time. */
struct px_loops_call {
    uint32_t waiting; /* loops that have not answered; 0: no call */
    struct px_snapshot *snapshot;
    int error;
    void (*on_prepared)(void *context, int error);
    void (*on_switched)(void *context);
    void *context;
};

/* The same for what is broken off. */
struct px_break_call {
    struct px_selection selection;
    uint32_t waiting;
    uint32_t count;
    void (*on_done)(void *context, uint32_t count);
    void *context;
};

struct px_data_loop {
    struct px_workers *workers;
    uint32_t number;
    pthread_t thread;
    bool has_loop;   /* the libuv loop and its first handles exist */
    bool is_running; /* the thread was started and not joined */
    struct tn_loop loop;
    struct tn_mailbox mailbox;
    struct tn_list doors;    /* doors.h */
    struct px_limits limits; /* of the current snapshot: what session, pool and mirrors look at */
    struct px_session session;
    struct px_pool *pool;
    struct px_queue queue;
    bool has_queue;
    struct px_mirrors *mirrors;
    struct px_access_log log;
    struct px_access_log next_log; /* control thread: opened for a change, on its way */
    struct px_stats *stats;
    struct tn_timer tick; /* once a second: the log */
    struct tn_timer stop; /* steps of stopping */
    uint8_t stop_step;
    uint64_t grace_ms;
    bool is_clean;      /* nothing was broken off at the stop */
    bool is_loop_clean; /* no handle was left */
    /* The mails that must arrive, whatever memory there is. */
    struct px_loop_mail prepare_mail, switch_mail, break_mail, reopen_mail, stop_mail, stopped_mail,
        log_mail;
    bool is_reopen_due; /* control thread: asked again while the mail was away */
};

struct px_workers {
    struct px_workers_options options;
    struct px_config *config;  /* a reference: as reloaded last */
    struct tn_mailbox control; /* mails to the control thread */
    struct px_data_loop *loops;
    uint32_t loop_count;
    struct px_access_sink sink;
    char via_name[32];
    _Atomic uint64_t mirror_memory;
    _Atomic uint64_t mirror_pairs; /* bytes of pairs that are kept */
    _Atomic bool is_suspect_told;  /* and not heard yet */
    _Atomic uint32_t mirror_in_flight;
    _Atomic bool is_memory_full;
    struct px_queue_board board;
    struct tn_list doors;     /* doors.h */
    struct tn_list new_doors; /* bound for a change that is not in force yet */
    bool has_new_logs;        /* the same of access logs */
    uint32_t running;         /* loops that have not stopped */
    struct px_loops_call prepare, publish;
    struct px_break_call break_off;
    pthread_mutex_t start_lock; /* held until every thread is there */
    bool is_start_failed;
    bool is_clean;
    bool is_stopping;
    void (*on_stopped)(void *context, bool is_clean);
    void *stop_context;
};

/* Everything of one loop but its thread. -errno with ret_why (malloc'd, may stay NULL). */
int px_data_loop_init(struct px_data_loop *loop, struct px_workers *workers, uint32_t number,
                      char **ret_why);
/* A start that failed: closes what a loop without a thread has open. px_data_loop_deinit() follows.
 */
void px_data_loop_undo(struct px_data_loop *loop);

void px_data_loop_deinit(struct px_data_loop *loop);

int px_data_loop_start(struct px_data_loop *loop);

/* The memory that the loops need for a snapshot. -ENOMEM. */
int px_workers_make_uses(struct px_workers *workers, struct px_snapshot *snapshot);
struct px_loop_use *px_data_loop_use(const struct px_data_loop *loop,
                                     const struct px_snapshot *snapshot);

/* On the loop's thread; the snapshot was prepared. */
void px_data_loop_switch(struct px_data_loop *loop, struct px_snapshot *snapshot);
void px_data_loop_stop(struct px_data_loop *loop, uint64_t grace_ms);

/* How many clients a loop may have: as configured, or as many as descriptors allow. */
uint32_t px_workers_client_max(const struct px_workers *workers, const struct px_limits *limits);

/* Mails to the control thread (tell.c, the first one workers.c). */
void px_workers_tell_stopped(struct px_data_loop *loop);
void px_workers_tell_suspect(struct px_workers *workers);
void px_workers_tell_mirrored(struct px_workers *workers, uint32_t to);
void px_workers_tell_failing(struct px_workers *workers, struct px_endpoint *endpoint);
void px_workers_tell_unused(struct px_data_loop *loop, struct px_snapshot *snapshot);

#endif

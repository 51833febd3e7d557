/*
 * recorder: records on their way to the store, one after the other; those that must get there are
 * tried again.
 *
 * Not for what a record says (outcome.c) nor for the file (store.h).
 * Shapes: a record of a change that waits for it (kept: false) is given up when it can't be
 * written. A kept one is of a change that is in force already (abort, cut, drain): it is tried
 * again until it is written, each time after twice as long, and at once when another record comes.
 * At most PX_RECORDER_MAX wait; then the oldest is forgotten, since the newest says all that is in
 * force. Units: ms. Errors: as store.h; -ETIMEDOUT for a kept one that is still being written:
 * nobody waits longer than PX_RECORDER_PATIENCE_MS to hear of it. Ownership: embedded;
 * px_recorder_init … px_recorder_close, not while it is busy. Callbacks: from the loop, and
 * without memory from inside px_recorder_put(); a record's on_done once, unless it is withdrawn.
 * Threads: control.
 */
#ifndef PX_ADMIN_RECORDER_H
#define PX_ADMIN_RECORDER_H

#include "lib/base/list.h"
#include "proxy/admin/store.h"

#define PX_RECORDER_MAX 64
#define PX_RECORDER_PATIENCE_MS 1000
#define PX_RECORDER_RETRY_MS 250 /* the first time */
#define PX_RECORDER_RETRY_MAX_MS 10000

struct px_recorder {
    struct px_store *store; /* NULL: none; then nothing may be put */
    struct tn_loop *loop;
    struct tn_list records; /* the first is being written, or waits for its retry */
    uint32_t count;
    bool is_durable; /* all that is in force is written */
    bool is_writing;
    bool is_stopping;
    bool is_held;
    uint64_t retry_ms; /* 0: nothing failed */
    struct tn_timer retry;
    struct tn_timer patience;
    bool has_patience; /* the timer runs */
    unsigned open_timers;
    void (*on_written)(void *context, const json_t *record); /* each one that reached the disk */
    void (*on_idle)(void *context);                          /* whenever nothing is left to write */
    void *context;
    void (*on_closed)(void *context);
};

void px_recorder_init(struct px_recorder *recorder, struct tn_loop *loop,
                      void (*on_written)(void *context, const json_t *record),
                      void (*on_idle)(void *context), void *context);

/* The record is taken over, NULL counts as no memory. on_done may be NULL for a kept one. */
void px_recorder_put(struct px_recorder *recorder, json_t *record, bool is_kept,
                     px_store_done_fn *on_done, void *context);

/* A kept record that failed before the loop ran: only its retry is started. */
void px_recorder_put_failed(struct px_recorder *recorder, json_t *record, const char *why);

/*
 * Nobody waits any more for the record that was put with this context and is not kept. True: it is
 * being written, so that the store may have it nevertheless; whatever is put next overrules it.
 */
bool px_recorder_withdraw(struct px_recorder *recorder, const void *context);

/* Nothing is being written, and nothing waits for it. */
bool px_recorder_is_idle(const struct px_recorder *recorder);

/* Nothing is begun to be written, until it is let go on. */
void px_recorder_hold(struct px_recorder *recorder, bool is_held);

/* While it is not writing: another process records what is in force. Whoever waits hears that it is
 * not recorded here (-ECANCELED); the store is closed. */
void px_recorder_forget(struct px_recorder *recorder);

/* Everything is tried once more, at once, and then given up; then on_idle. */
void px_recorder_stop(struct px_recorder *recorder);

/* Closes the store. on_closed gets the context of px_recorder_init(). */
void px_recorder_close(struct px_recorder *recorder, void (*on_closed)(void *context));

#endif

/*
 * delay: calls back after a time, so that a slow answer holds up nobody else.
 *
 * Not for precise timers: good to about a millisecond.
 * Units: monotonic time, delays in ms. Errors: start only, of pthread_create.
 * Ownership: an item is the caller's and must stay until its on_due.
 * Callbacks: on_due runs exactly once for each item, on the delay's thread, never inside add.
 * Threads: add and flush from any.
 */
#ifndef APP_DELAY_H
#define APP_DELAY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct app_delay_item;
typedef void(app_delay_due_fn)(struct app_delay_item *item);

struct app_delay_item {
    app_delay_due_fn *on_due;
    uint64_t due_ns;
    struct app_delay_item *next;
};

struct app_delay {
    /* private */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct app_delay_item *first; /* soonest first */
    bool is_flushed;
    bool is_stopping;
};

uint64_t app_delay_now_ns(void);

int app_delay_start(struct app_delay *delay);

/* Calls back for everything that still waits, at once. */
void app_delay_stop(struct app_delay *delay);

void app_delay_add(struct app_delay *delay, struct app_delay_item *item, uint64_t delay_ms);

/* From now on nothing waits: items of the past and the future are due at once. */
void app_delay_flush(struct app_delay *delay);

bool app_delay_is_flushed(struct app_delay *delay);

#endif

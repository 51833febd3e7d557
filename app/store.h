/*
 * store: counts visits from any thread and tells each one when it is durable.
 *
 * Not for reading or writing files (ledger.h): it adds a worker thread and group commit, that is,
 * all visits that came while the disk was busy become durable with the next single sync.
 * Shape of a job: filled by submit, result fields valid from on_done on.
 * Errors in a job: those of ledger.h. Ownership: the ledger and the jobs are the caller's; a job
 * must stay until its on_done, and may be freed in it.
 * Callbacks: on_done runs exactly once for each job, on the worker thread, never inside submit.
 * Threads: submit and snapshot from any thread; the ledger belongs to the worker from start to
 * stop.
 */
#ifndef APP_STORE_H
#define APP_STORE_H

#include "app/ledger.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct app_store_job;
typedef void(app_store_done_fn)(struct app_store_job *job);

struct app_store_job {
    const char *transfer_id; /* NULL: a visit */
    uint64_t amount;         /* of an import */
    app_store_done_fn *on_done;
    int error;
    uint64_t visits; /* a visit: its own number; an import: the count with it */
    bool was_new;    /* an import: added now, not before */
    struct app_store_job *next;
};

struct app_store_snapshot {
    uint64_t visits; /* durable */
    uint64_t commits;
    uint64_t failures;
    int error; /* of the last write, 0 if it went well */
};

struct app_store {
    /* private */
    struct app_ledger *ledger;
    uint32_t retry_ms;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct app_store_job *first;
    struct app_store_job **end;
    bool is_stopping;
    struct app_store_snapshot snapshot;
};

/* The ledger must be open and stay so until stop. retry_ms: how soon a broken disk is tried again
 * while nobody visits. */
int app_store_start(struct app_store *store, struct app_ledger *ledger, uint32_t retry_ms);

/* Finishes every job that was submitted, then returns. */
void app_store_stop(struct app_store *store);

void app_store_submit(struct app_store *store, struct app_store_job *job);

/* From start until stop. */
void app_store_read(struct app_store *store, struct app_store_snapshot *ret_snapshot);

#endif

#include "app/store.h"

#include <errno.h>
#include <time.h>

#define NS_PER_SECOND 1000000000u

static struct app_store_job *take_jobs(struct app_store *store)
{
    struct app_store_job *jobs = store->first;
    store->first = NULL;
    store->end = &store->first;
    return jobs;
}

/* One sync for every visit among the jobs; each gets a number of its own. */
static void commit_visits(struct app_ledger *ledger, struct app_store_job *jobs)
{
    uint64_t count = 0;
    for (struct app_store_job *job = jobs; job != NULL; job = job->next) {
        count += job->transfer_id == NULL;
    }
    if (count == 0) {
        return;
    }
    int error = app_ledger_add(ledger, count);
    uint64_t number = ledger->value - count;
    for (struct app_store_job *job = jobs; job != NULL; job = job->next) {
        if (job->transfer_id == NULL) {
            job->error = error;
            job->visits = ++number;
        }
    }
}

static void commit_imports(struct app_ledger *ledger, struct app_store_job *jobs)
{
    for (struct app_store_job *job = jobs; job != NULL; job = job->next) {
        if (job->transfer_id != NULL) {
            job->error = app_ledger_import(ledger, job->transfer_id, job->amount, &job->was_new);
            job->visits = ledger->value;
        }
    }
}

/* A job that was refused (an id used twice, a sum too large) is no failure of the disk. */
static int find_failure(const struct app_ledger *ledger, const struct app_store_job *jobs)
{
    for (const struct app_store_job *job = jobs; job != NULL; job = job->next) {
        if (job->error != 0 && job->error != -EEXIST && job->error != -E2BIG &&
            job->error != -EOVERFLOW) {
            return job->error;
        }
    }
    return ledger->is_broken ? -EIO : 0;
}

static void finish_jobs(struct app_store_job *jobs)
{
    while (jobs != NULL) {
        struct app_store_job *next = jobs->next;
        jobs->on_done(jobs);
        jobs = next;
    }
}

static void work(struct app_store *store, struct app_store_job *jobs)
{
    int error;
    if (jobs == NULL) {
        error = app_ledger_repair(store->ledger);
    } else {
        commit_visits(store->ledger, jobs);
        commit_imports(store->ledger, jobs);
        error = find_failure(store->ledger, jobs);
    }
    pthread_mutex_lock(&store->mutex);
    store->snapshot.visits = store->ledger->value;
    store->snapshot.commits += error == 0;
    store->snapshot.failures += error != 0;
    store->snapshot.error = error;
    pthread_mutex_unlock(&store->mutex);
    finish_jobs(jobs);
}

/* Waits for jobs, the end, or (broken) the time to try again. Returns false at the end. */
static bool wait_for_work(struct app_store *store, struct app_store_job **ret_jobs)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + (uint64_t)store->retry_ms * 1000000u;
    until.tv_sec += (time_t)(ns / NS_PER_SECOND);
    until.tv_nsec = (long)(ns % NS_PER_SECOND);
    int timed_out = 0;
    pthread_mutex_lock(&store->mutex);
    while (store->first == NULL && !store->is_stopping && timed_out == 0) {
        if (store->ledger->is_broken) {
            timed_out = pthread_cond_timedwait(&store->changed, &store->mutex, &until);
        } else {
            pthread_cond_wait(&store->changed, &store->mutex);
        }
    }
    *ret_jobs = take_jobs(store);
    bool goes_on = *ret_jobs != NULL || !store->is_stopping;
    pthread_mutex_unlock(&store->mutex);
    return goes_on;
}

static void *run(void *argument)
{
    struct app_store *store = argument;
    struct app_store_job *jobs;
    while (wait_for_work(store, &jobs)) {
        work(store, jobs);
    }
    return NULL;
}

int app_store_start(struct app_store *store, struct app_ledger *ledger, uint32_t retry_ms)
{
    pthread_condattr_t attributes;
    *store = (struct app_store){
        .ledger = ledger, .retry_ms = retry_ms, .snapshot = {.visits = ledger->value}};
    store->end = &store->first;
    pthread_mutex_init(&store->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&store->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return -pthread_create(&store->thread, NULL, run, store);
}

void app_store_stop(struct app_store *store)
{
    pthread_mutex_lock(&store->mutex);
    store->is_stopping = true;
    pthread_cond_signal(&store->changed);
    pthread_mutex_unlock(&store->mutex);
    pthread_join(store->thread, NULL);
    pthread_cond_destroy(&store->changed);
    pthread_mutex_destroy(&store->mutex);
}

void app_store_submit(struct app_store *store, struct app_store_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&store->mutex);
    *store->end = job;
    store->end = &job->next;
    pthread_cond_signal(&store->changed);
    pthread_mutex_unlock(&store->mutex);
}

void app_store_read(struct app_store *store, struct app_store_snapshot *ret_snapshot)
{
    pthread_mutex_lock(&store->mutex);
    *ret_snapshot = store->snapshot;
    pthread_mutex_unlock(&store->mutex);
}

#include "lib/net/control.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#define THREADS_MAX 4 /* a disk that hangs must not keep all others waiting */
#define IDLE_S 10     /* then a thread ends */

/* One for the process. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    struct tn_list waiting; /* filled in by the first who comes */
    unsigned waiting_count;
    unsigned threads;
    unsigned idle;
    bool is_ready;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void on_closed(struct tn_wake *wake)
{
    struct tn_work *work = TN_CONTAINER_OF(wake, struct tn_work, wake);

    work->on_done(work);
}

static void on_wake(struct tn_wake *wake)
{
    tn_wake_close(wake, on_closed);
}

/* The pool is locked. NULL: there was none for a while. */
static struct tn_work *next(void)
{
    struct timespec until;
    struct tn_work *work;
    int error = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_S;
    pool.idle++;
    while (tn_list_is_empty(&pool.waiting) && error != ETIMEDOUT)
        error = pthread_cond_timedwait(&pool.has_work, &pool.lock, &until);
    pool.idle--;
    if (tn_list_is_empty(&pool.waiting))
        return NULL;
    work = TN_CONTAINER_OF(pool.waiting.next, struct tn_work, node);
    tn_list_remove(&work->node);
    pool.waiting_count--;
    return work;
}

static void *run(void *context)
{
    struct tn_work *work;

    (void)context;
    pthread_mutex_lock(&pool.lock);
    while ((work = next())) {
        pthread_mutex_unlock(&pool.lock);
        work->run(work);
        tn_wake_send(&work->wake);
        pthread_mutex_lock(&pool.lock);
    }
    pool.threads--;
    pthread_mutex_unlock(&pool.lock);
    return NULL;
}

static int start_thread(void)
{
    pthread_t thread;
    sigset_t all, old;
    int error;

    /* signals are the loop's */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    error = -pthread_create(&thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error)
        return error;
    pthread_detach(thread);
    pool.threads++;
    return 0;
}

static void make_ready(void)
{
    pthread_condattr_t attributes;

    tn_list_init(&pool.waiting);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&pool.has_work, &attributes);
    pthread_condattr_destroy(&attributes);
    pool.is_ready = true;
}

int tn_work_start(struct tn_work *work, struct tn_loop *loop)
{
    int error = 0;

    pthread_mutex_lock(&pool.lock);
    if (!pool.is_ready)
        make_ready();
    if (pool.idle <= pool.waiting_count && pool.threads < THREADS_MAX)
        error = start_thread();
    if (error && pool.threads > 0)
        error = 0; /* it waits for those that are there */
    if (!error)
        error = tn_wake_open(&work->wake, loop, on_wake);
    if (!error) {
        tn_list_push_back(&pool.waiting, &work->node);
        pool.waiting_count++;
        pthread_cond_signal(&pool.has_work);
    }
    pthread_mutex_unlock(&pool.lock);
    return error;
}

#include "proxy/worker/doors.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Descriptors that are not client connections: listeners, loops, logs, admin readers, probes,
 * files. */
#define RESERVED_DESCRIPTORS 256

/* Everything that the hard limit gives. */
static void raise_descriptor_limit(void)
{
    struct rlimit descriptors;

    if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0 || descriptors.rlim_cur == descriptors.rlim_max)
        return;
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
}

/* A request needs its client's connection and an upstream's; mirrors come out of the reserve or are
 * dropped. More than there are descriptors is never promised: the next one is told 503 instead of
 * being left to wait. */
uint32_t px_workers_client_max(const struct px_workers *workers, const struct px_limits *limits)
{
    struct rlimit descriptors = {.rlim_cur = 1024, .rlim_max = 1024};
    uint64_t usable;
    uint64_t most;

    getrlimit(RLIMIT_NOFILE, &descriptors);
    usable = descriptors.rlim_cur > 2 * RESERVED_DESCRIPTORS
                 ? descriptors.rlim_cur - RESERVED_DESCRIPTORS
                 : descriptors.rlim_cur / 2;
    most = limits->connections > 0 ? limits->connections : usable / 2;
    most = most < usable ? most : usable;
    most = (most + workers->loop_count - 1) / workers->loop_count;
    return most > 1000000 ? 1000000 : most < 1 ? 1 : (uint32_t)most;
}

void px_workers_set_memory_full(struct px_workers *workers, bool is_full)
{
    atomic_store_explicit(&workers->is_memory_full, is_full, memory_order_relaxed);
}

/* All threads or none: those that are there wait until the last one is. */
static int start_threads(struct px_workers *workers, char **ret_why)
{
    int error = 0;

    pthread_mutex_lock(&workers->start_lock);
    for (uint32_t i = 0; i < workers->loop_count && !error; i++)
        error = px_data_loop_start(&workers->loops[i]);
    workers->is_start_failed = error != 0;
    pthread_mutex_unlock(&workers->start_lock);
    if (!error) {
        workers->running = workers->loop_count;
        return 0;
    }
    for (uint32_t i = 0; i < workers->loop_count; i++) {
        if (workers->loops[i].is_running)
            pthread_join(workers->loops[i].thread, NULL);
        workers->loops[i].is_running = false;
    }
    if (asprintf(ret_why, "cannot start a thread: %s", strerror(-error)) < 0)
        *ret_why = NULL;
    return error;
}

int px_workers_new(const struct px_workers_options *options, char **ret_why,
                   struct px_workers **ret_workers)
{
    struct px_workers *workers = calloc(1, sizeof(*workers));
    int error;

    *ret_why = NULL;
    if (!workers)
        return -ENOMEM;
    workers->options = *options;
    workers->is_clean = true;
    workers->loops = calloc(options->thread_count, sizeof(*workers->loops));
    tn_list_init(&workers->doors);
    tn_list_init(&workers->new_doors);
    if (!workers->loops) {
        free(workers);
        return -ENOMEM;
    }
    workers->loop_count = options->thread_count;
    workers->config = px_config_ref(options->config);
    raise_descriptor_limit();
    snprintf(workers->via_name, sizeof(workers->via_name), "turnout-%08x",
             (unsigned)(options->proxy_id & 0xffffffff));
    pthread_mutex_init(&workers->start_lock, NULL);
    error = tn_mailbox_open(&workers->control, options->control);
    if (!error)
        error = px_workers_make_uses(workers, options->snapshot);
    options->snapshot->loops = workers->loop_count;
    for (uint32_t i = 0; !error && i < workers->loop_count; i++)
        error = px_data_loop_init(&workers->loops[i], workers, i, ret_why);
    for (uint32_t i = 0; !error && i < workers->config->listen_count; i++)
        error = px_doors_open(workers, &workers->config->listens[i], &workers->doors, ret_why);
    if (!error)
        error = px_doors_start_all(workers, ret_why);
    if (!error && options->on_bound)
        error = options->on_bound(options->context, ret_why);
    if (!error)
        error = start_threads(workers, ret_why);
    if (error) {
        for (uint32_t i = 0; i < workers->loop_count; i++)
            px_data_loop_undo(&workers->loops[i]);
        px_workers_free(workers);
        return error;
    }
    workers->options.sockets = NULL; /* taken, or the caller's to close */
    workers->options.socket_count = 0;
    *ret_workers = workers;
    return 0;
}

static void on_control_closed(struct tn_mailbox *mailbox)
{
    struct px_workers *workers = TN_CONTAINER_OF(mailbox, struct px_workers, control);

    pthread_mutex_destroy(&workers->start_lock);
    px_config_free(workers->config);
    free(workers->loops);
    free(workers);
}

void px_workers_free(struct px_workers *workers)
{
    if (!workers)
        return;
    assert(workers->running == 0);
    px_workers_unbind(workers);
    px_doors_free(&workers->doors);
    for (uint32_t i = 0; i < workers->loop_count; i++)
        px_data_loop_deinit(&workers->loops[i]);
    tn_mailbox_close(&workers->control, on_control_closed);
}

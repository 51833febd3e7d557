#include "proxy/worker/doors.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 1000

static void on_mirror_end(void *context, const struct px_mirror_end *end)
{
    struct px_data_loop *loop = context;
    struct px_snapshot_use *use = end->owner;
    const struct px_snapshot *snapshot = use->snapshot;
    struct px_access_line line = {
        .wall_ns = tn_clock_system.wall_ns(NULL),
        .request_id = tn_str_of(end->request_id),
        .endpoint = end->endpoint ? end->endpoint->label : NULL,
        .reason = end->is_baseline && !end->reason[0] ? "baseline" : end->reason,
        .end = end->outcome,
        .duration_us = end->duration_us,
        .upstream_us = PX_ACCESS_NONE,
        .revision = end->revision,
        .status = end->status,
        .is_mirror = true,
    };

    for (uint32_t i = 0; i < snapshot->rule_count; i++) {
        if (snapshot->rules[i].stat == end->rule)
            line.rule = snapshot->rules[i].rule->name;
    }
    for (uint32_t i = 0; i < snapshot->version_count; i++) {
        if (snapshot->versions[i].stat == end->to) {
            line.version = snapshot->versions[i].name;
            line.build = snapshot->versions[i].build;
        }
    }
    px_access_log_add(&loop->log, &line);
    px_snapshot_use_give(use);
}

static void on_compared(void *context, void *owner)
{
    (void)context;
    px_snapshot_use_give(owner);
}

static void on_mirror_first_sent(void *context, uint32_t to)
{
    struct px_data_loop *loop = context;

    px_workers_tell_mirrored(loop->workers, to);
}

static void on_tick(struct tn_timer *timer)
{
    struct px_data_loop *loop = TN_CONTAINER_OF(timer, struct px_data_loop, tick);

    px_session_tick(&loop->session);
    px_access_log_flush(&loop->log);
}

static void close_everything(struct px_data_loop *loop);

static void on_empty(struct px_session *session)
{
    struct px_data_loop *loop = session->context;

    if (loop->stop_step == 2)
        close_everything(loop);
}

static void on_mailbox_closed(struct tn_mailbox *mailbox)
{
    (void)mailbox;
}

/* The last step: nothing of a client is left. Idle upstream connections, mirrors and timers go; the
 * loop runs dry. */
static void close_everything(struct px_data_loop *loop)
{
    loop->stop_step = 3;
    px_mirrors_stop(loop->mirrors);
    px_pool_stop(loop->pool);
    px_queue_close(&loop->queue);
    px_session_set_rules(&loop->session, NULL);
    tn_timer_close(&loop->tick, NULL);
    tn_timer_close(&loop->stop, NULL);
    tn_mailbox_close(&loop->mailbox, on_mailbox_closed);
}

/* Step 1: the kernel refuses new connections. Step 2: listeners closed, clients end. Then grace is
 * over. */
static void on_stop_timer(struct tn_timer *timer)
{
    struct px_data_loop *loop = TN_CONTAINER_OF(timer, struct px_data_loop, stop);

    if (loop->stop_step == 1) {
        loop->stop_step = 2;
        px_doors_close(loop);
        tn_timer_start(&loop->stop, loop->grace_ms, 0);
        px_session_stop(&loop->session);
        return;
    }
    if (px_session_abort_all(&loop->session) > 0)
        loop->is_clean = false;
}

void px_data_loop_stop(struct px_data_loop *loop, uint64_t grace_ms)
{
    if (loop->stop_step > 0) {
        /* asked again: at once */
        loop->grace_ms = 0;
        tn_timer_start(&loop->stop, 0, 0);
        return;
    }
    loop->stop_step = 1;
    loop->grace_ms = grace_ms;
    tn_timer_start(&loop->stop, px_doors_refuse(loop) ? PX_DOOR_REFUSE_MS : 0, 0);
}

static void on_failing(struct px_session *session, struct px_endpoint *endpoint)
{
    const struct px_data_loop *loop = session->context;

    px_workers_tell_failing(loop->workers, endpoint);
}

static void on_suspect(struct px_session *session)
{
    const struct px_data_loop *loop = session->context;

    px_workers_tell_suspect(loop->workers);
}

static int init_session(struct px_data_loop *loop)
{
    struct px_workers *workers = loop->workers;
    struct tn_random random;

    loop->session.loop = &loop->loop;
    loop->session.limits = &loop->limits;
    loop->session.stats = loop->stats;
    loop->session.pool = loop->pool;
    loop->session.mirrors = loop->mirrors;
    loop->session.log = &loop->log;
    loop->session.via_name = tn_str_of(workers->via_name);
    loop->session.client_max = px_workers_client_max(workers, &loop->limits);
    loop->session.is_memory_full = &workers->is_memory_full;
    loop->session.on_failing = on_failing;
    loop->session.on_suspect = on_suspect;
    loop->session.on_empty = on_empty;
    loop->session.context = loop;
    tn_random_init_system(&random);
    px_session_start_ids(&loop->session, tn_random_u64(&random));
    return px_route_loop_init(&loop->session.route, workers->options.proxy_id, loop->number);
}

static int init_parts(struct px_data_loop *loop, char **ret_why)
{
    const struct px_config *config = loop->workers->config;
    struct px_mirrors_options mirrors = {
        .loop = &loop->loop,
        .limits = &loop->limits,
        .memory = &loop->workers->mirror_memory,
        .pair_memory = &loop->workers->mirror_pairs,
        .in_flight = &loop->workers->mirror_in_flight,
        .on_end = on_mirror_end,
        .on_first_sent = on_mirror_first_sent,
        .on_compared = on_compared,
        .seed = loop->workers->options.proxy_id,
        .context = loop,
    };
    int error = px_stats_new(&loop->stats);

    if (!error)
        error = px_stats_adopt(loop->stats, loop->workers->options.snapshot);
    if (error)
        return error;
    mirrors.stats = loop->stats;
    loop->pool = malloc(sizeof(*loop->pool));
    if (!loop->pool)
        return -ENOMEM;
    px_pool_init(loop->pool, &loop->loop, &loop->limits, loop->stats);
    error =
        px_queue_open(&loop->queue, &loop->workers->board, &loop->loop, &loop->limits, loop->stats);
    if (error)
        return error;
    loop->has_queue = true;
    loop->pool->queue = &loop->queue;
    error = px_mirrors_new(&mirrors, &loop->mirrors);
    if (error)
        return error;
    error = px_access_log_init(&loop->log, config->access_log, config->log_format,
                               &loop->workers->sink, loop->stats);
    if (error) {
        if (asprintf(ret_why, "cannot write the access log %s: %s", config->access_log,
                     strerror(-error)) < 0)
            *ret_why = NULL;
        return error;
    }
    return init_session(loop);
}

int px_data_loop_init(struct px_data_loop *loop, struct px_workers *workers, uint32_t number,
                      char **ret_why)
{
    int error;

    memset(loop, 0, sizeof(*loop));
    loop->workers = workers;
    loop->number = number;
    tn_list_init(&loop->doors);
    loop->is_clean = true;
    loop->is_loop_clean = true;
    loop->log.fd = -1;
    loop->limits = workers->config->limits;
    px_session_init(&loop->session);
    error = tn_loop_init(&loop->loop);
    if (error)
        return error;
    loop->has_loop = true;
    error = tn_mailbox_open(&loop->mailbox, &loop->loop);
    if (error)
        return error;
    tn_timer_open(&loop->tick, &loop->loop, on_tick);
    tn_timer_open(&loop->stop, &loop->loop, on_stop_timer);
    return init_parts(loop, ret_why);
}

void px_data_loop_undo(struct px_data_loop *loop)
{
    if (!loop->has_loop)
        return;
    px_doors_close(loop);
    if (loop->mirrors)
        px_mirrors_stop(loop->mirrors);
    if (loop->has_queue)
        px_queue_close(&loop->queue);
    tn_timer_close(&loop->tick, NULL);
    tn_timer_close(&loop->stop, NULL);
    tn_mailbox_close(&loop->mailbox, on_mailbox_closed);
    tn_loop_deinit(&loop->loop);
}

void px_data_loop_deinit(struct px_data_loop *loop)
{
    if (!loop->workers)
        return; /* an earlier loop failed: this one was never begun */
    px_access_log_deinit(&loop->log);
    px_session_deinit(&loop->session);
    px_route_loop_deinit(&loop->session.route);
    px_mirrors_free(loop->mirrors);
    free(loop->pool);
    px_stats_free(loop->stats);
}

static void *run(void *context)
{
    struct px_data_loop *loop = context;
    bool is_over;

    pthread_mutex_lock(&loop->workers->start_lock);
    is_over = loop->workers->is_start_failed;
    pthread_mutex_unlock(&loop->workers->start_lock);
    if (is_over)
        return NULL;
    px_data_loop_switch(loop, loop->workers->options.snapshot);
    tn_timer_start(&loop->tick, TICK_MS, TICK_MS);
    tn_loop_run(&loop->loop);
    loop->is_loop_clean = tn_loop_deinit(&loop->loop) == 0;
    px_workers_tell_stopped(loop);
    return NULL;
}

int px_data_loop_start(struct px_data_loop *loop)
{
    sigset_t all, old;
    int error;

    /* Signals are the control thread's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    error = -pthread_create(&loop->thread, NULL, run, loop);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    loop->is_running = !error;
    return error;
}

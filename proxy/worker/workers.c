#include "proxy/worker/loop.h"

#include "lib/base/log.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Descriptors that are not client connections: listeners, loops, logs, admin readers, probes,
 * files. */
#define RESERVED_DESCRIPTORS 256

struct switch_call {
    struct px_workers *workers;
    struct px_snapshot *snapshot;
    uint32_t waiting;
    void (*on_switched)(void *context);
    void *context;
};

struct collect_call {
    struct px_workers *workers;
    struct px_stats *sum; /* NULL: out of memory */
    bool with_ledgers;
    uint32_t waiting;
    void (*on_stats)(void *context, struct px_stats *stats);
    void *context;
};

/* One mail to a loop, that comes back to the control thread as the same mail. */
struct loop_mail {
    struct tn_mail mail;
    struct px_data_loop *loop;
    void *call;
    struct px_stats *stats;
    uint64_t grace_ms;
};

/* False: the loop has stopped and takes no mail. */
static bool send_to_loop(struct px_workers *workers, uint32_t i, tn_mail_fn *run, void *call,
                         uint64_t grace_ms)
{
    struct loop_mail *mail = calloc(1, sizeof(*mail));

    if (!mail)
        abort(); /* a loop that is not told would go on with old rules unseen */
    mail->mail.run = run;
    mail->loop = &workers->loops[i];
    mail->call = call;
    mail->grace_ms = grace_ms;
    if (tn_mailbox_post(&workers->loops[i].mailbox, &mail->mail))
        return true;
    free(mail);
    return false;
}

static void send_back(struct loop_mail *mail, tn_mail_fn *run)
{
    mail->mail.run = run;
    tn_mailbox_post(&mail->loop->workers->control, &mail->mail);
}

static void on_switched_mail(struct tn_mail *base)
{
    struct loop_mail *mail = TN_CONTAINER_OF(base, struct loop_mail, mail);
    struct switch_call *call = mail->call;

    free(mail);
    if (--call->waiting > 0)
        return;
    call->on_switched(call->context);
    free(call);
}

static void switch_on_loop(struct tn_mail *base)
{
    struct loop_mail *mail = TN_CONTAINER_OF(base, struct loop_mail, mail);
    struct switch_call *call = mail->call;

    if (mail->loop->session.rules)
        px_data_loop_switch(mail->loop, call->snapshot);
    else
        px_workers_tell_unused(mail->loop->workers, call->snapshot); /* stopped meanwhile */
    send_back(mail, on_switched_mail);
}

/* A stopped loop has switched to whatever comes: it decides nothing any more. */
static void answer_for_loop(struct px_workers *workers, uint32_t i, struct switch_call *call)
{
    struct loop_mail *mail = calloc(1, sizeof(*mail));

    if (!mail)
        abort();
    mail->loop = &workers->loops[i];
    mail->call = call;
    px_workers_tell_unused(workers, call->snapshot);
    send_back(mail, on_switched_mail);
}

void px_workers_publish(struct px_workers *workers, struct px_snapshot *snapshot,
                        void (*on_switched)(void *context), void *context)
{
    struct switch_call *call = malloc(sizeof(*call));

    if (!call)
        abort();
    *call = (struct switch_call){workers, snapshot, workers->loop_count, on_switched, context};
    snapshot->loops = workers->loop_count;
    for (uint32_t i = 0; i < workers->loop_count; i++) {
        if (!send_to_loop(workers, i, switch_on_loop, call, 0))
            answer_for_loop(workers, i, call);
    }
}

static void on_collected_mail(struct tn_mail *base)
{
    struct loop_mail *mail = TN_CONTAINER_OF(base, struct loop_mail, mail);
    struct collect_call *call = mail->call;

    if (!mail->stats || (call->sum && px_stats_add(call->sum, mail->stats) != 0)) {
        px_stats_free(call->sum);
        call->sum = NULL;
    }
    px_stats_free(mail->stats);
    free(mail);
    if (--call->waiting > 0)
        return;
    call->on_stats(call->context, call->sum);
    free(call);
}

static void collect_on_loop(struct tn_mail *base)
{
    struct loop_mail *mail = TN_CONTAINER_OF(base, struct loop_mail, mail);

    struct collect_call *call = mail->call;
    int error = px_stats_new(&mail->stats);

    if (error)
        mail->stats = NULL;
    if (!error) {
        mail->stats->has_ledgers = call->with_ledgers;
        error = px_stats_add(mail->stats, mail->loop->stats);
    }
    if (error) {
        px_stats_free(mail->stats);
        mail->stats = NULL;
    }
    send_back(mail, on_collected_mail);
}

/* A stopped loop counts nothing any more; its figures were in the scrapes before. */
static void collect_for_loop(struct px_workers *workers, uint32_t i, struct collect_call *call)
{
    struct loop_mail *mail = calloc(1, sizeof(*mail));

    if (!mail)
        abort();
    mail->loop = &workers->loops[i];
    mail->call = call;
    if (px_stats_new(&mail->stats) != 0)
        mail->stats = NULL;
    send_back(mail, on_collected_mail);
}

static void collect(struct px_workers *workers, bool with_ledgers,
                    void (*on_stats)(void *context, struct px_stats *stats), void *context)
{
    struct collect_call *call = malloc(sizeof(*call));

    if (!call)
        abort();
    *call = (struct collect_call){.workers = workers,
                                  .with_ledgers = with_ledgers,
                                  .waiting = workers->loop_count,
                                  .on_stats = on_stats,
                                  .context = context};
    if (px_stats_new(&call->sum) != 0)
        call->sum = NULL;
    else
        call->sum->has_ledgers = with_ledgers;
    for (uint32_t i = 0; i < workers->loop_count; i++) {
        if (!send_to_loop(workers, i, collect_on_loop, call, 0))
            collect_for_loop(workers, i, call);
    }
}

void px_workers_collect(struct px_workers *workers,
                        void (*on_stats)(void *context, struct px_stats *stats), void *context)
{
    collect(workers, false, on_stats, context);
}

void px_workers_collect_ledgers(struct px_workers *workers,
                                void (*on_stats)(void *context, struct px_stats *stats),
                                void *context)
{
    collect(workers, true, on_stats, context);
}

static void reopen_on_loop(struct tn_mail *base)
{
    struct loop_mail *mail = TN_CONTAINER_OF(base, struct loop_mail, mail);

    int error = px_access_log_reopen(&mail->loop->log);

    /* Each loop opens for itself; what stopped one stops all, and is said once. */
    if (error && mail->loop->number == 0)
        tn_log(TN_LOG_ERROR, "log", "%s cannot be opened anew, the old file stays in use: %s",
               mail->loop->log.where, strerror(-error));
    free(mail);
}

void px_workers_reopen_log(struct px_workers *workers)
{
    for (uint32_t i = 0; i < workers->loop_count; i++)
        send_to_loop(workers, i, reopen_on_loop, NULL, 0);
}

static void stop_on_loop(struct tn_mail *base)
{
    struct loop_mail *mail = TN_CONTAINER_OF(base, struct loop_mail, mail);
    struct px_data_loop *loop = mail->loop;
    uint64_t grace_ms = mail->grace_ms;

    free(mail);
    px_data_loop_stop(loop, grace_ms);
}

static void on_stopped_mail(struct tn_mail *base)
{
    struct loop_mail *mail = TN_CONTAINER_OF(base, struct loop_mail, mail);
    struct px_data_loop *loop = mail->loop;
    struct px_workers *workers = loop->workers;

    free(mail);
    pthread_join(loop->thread, NULL);
    loop->is_running = false;
    workers->is_clean = workers->is_clean && loop->is_clean && loop->is_loop_clean;
    if (--workers->running == 0 && workers->on_stopped)
        workers->on_stopped(workers->stop_context, workers->is_clean);
}

void px_workers_tell_stopped(struct px_data_loop *loop)
{
    struct loop_mail *mail = calloc(1, sizeof(*mail));

    if (!mail)
        abort();
    mail->loop = loop;
    send_back(mail, on_stopped_mail);
}

void px_workers_stop(struct px_workers *workers, uint64_t grace_ms,
                     void (*on_stopped)(void *context, bool is_clean), void *context)
{
    workers->on_stopped = on_stopped;
    workers->stop_context = context;
    for (uint32_t i = 0; i < workers->loop_count; i++)
        send_to_loop(workers, i, stop_on_loop, NULL, grace_ms);
}

int px_workers_address(const struct px_workers *workers, uint32_t i,
                       struct sockaddr_storage *ret_address)
{
    if (i >= workers->options.config->listen_count)
        return -ENOENT;
    *ret_address = workers->addresses[i];
    return 0;
}

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
    workers->addresses = calloc(options->config->listen_count, sizeof(*workers->addresses));
    if (!workers->loops || !workers->addresses) {
        free(workers->addresses);
        free(workers->loops);
        free(workers);
        return -ENOMEM;
    }
    workers->loop_count = options->thread_count;
    raise_descriptor_limit();
    snprintf(workers->via_name, sizeof(workers->via_name), "turnout-%08x",
             (unsigned)(options->proxy_id & 0xffffffff));
    error = tn_mailbox_open(&workers->control, options->control);
    for (uint32_t i = 0; !error && i < workers->loop_count; i++)
        error = px_data_loop_init(&workers->loops[i], workers, i, ret_why);
    if (!error && options->on_bound)
        error = options->on_bound(options->context, ret_why);
    if (error) {
        for (uint32_t i = 0; i < workers->loop_count; i++)
            px_data_loop_undo(&workers->loops[i]);
        px_workers_free(workers);
        return error;
    }
    options->snapshot->loops = workers->loop_count;
    for (uint32_t i = 0; i < workers->loop_count; i++) {
        if (px_data_loop_start(&workers->loops[i]) != 0)
            abort(); /* no thread at the very start: nothing can be served, and others run already
                      */
        workers->running++;
    }
    *ret_workers = workers;
    return 0;
}

static void on_control_closed(struct tn_mailbox *mailbox)
{
    struct px_workers *workers = TN_CONTAINER_OF(mailbox, struct px_workers, control);

    free(workers->addresses);
    free(workers->loops);
    free(workers);
}

void px_workers_free(struct px_workers *workers)
{
    if (!workers)
        return;
    assert(workers->running == 0);
    for (uint32_t i = 0; i < workers->loop_count; i++)
        px_data_loop_deinit(&workers->loops[i]);
    tn_mailbox_close(&workers->control, on_control_closed);
}

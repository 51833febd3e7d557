#include "proxy/worker/loop.h"

#include "lib/base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct collect_call {
    struct px_workers *workers;
    struct px_stats *sum; /* NULL: out of memory */
    bool with_ledgers;
    uint32_t waiting;
    void (*on_stats)(void *context, struct px_stats *stats);
    void *context;
    struct px_loop_mail mails[]; /* one for each loop */
};

/* False: the loop has stopped and takes no mail. */
static bool send_to_loop(struct px_data_loop *loop, struct px_loop_mail *mail, tn_mail_fn *run,
                         void *call)
{
    mail->mail.run = run;
    mail->loop = loop;
    mail->call = call;
    return tn_mailbox_post(&loop->mailbox, &mail->mail);
}

static void send_back(struct px_loop_mail *mail, tn_mail_fn *run)
{
    mail->mail.run = run;
    tn_mailbox_post(&mail->loop->workers->control, &mail->mail);
}

/* --- from one snapshot to the next -------------------------------------------------------------
 */

static void on_prepared_mail(struct tn_mail *base)
{
    const struct px_loop_mail *mail = TN_CONTAINER_OF(base, struct px_loop_mail, mail);
    struct px_loops_call *call = mail->call;

    if (mail->error)
        call->error = mail->error;
    if (--call->waiting == 0)
        call->on_prepared(call->context, call->error);
}

static void prepare_on_loop(struct tn_mail *base)
{
    struct px_loop_mail *mail = TN_CONTAINER_OF(base, struct px_loop_mail, mail);
    const struct px_loops_call *call = mail->call;

    mail->error = px_stats_prepare(mail->loop->stats, call->snapshot);
    send_back(mail, on_prepared_mail);
}

void px_workers_prepare(struct px_workers *workers, struct px_snapshot *snapshot,
                        void (*on_prepared)(void *context, int error), void *context)
{
    struct px_loops_call *call = &workers->prepare;

    assert(call->waiting == 0);
    *call = (struct px_loops_call){.waiting = workers->loop_count,
                                   .snapshot = snapshot,
                                   .error = px_workers_make_uses(workers, snapshot),
                                   .on_prepared = on_prepared,
                                   .context = context};
    for (uint32_t i = 0; i < workers->loop_count; i++) {
        struct px_loop_mail *mail = &workers->loops[i].prepare_mail;

        mail->error = 0;
        if (!send_to_loop(&workers->loops[i], mail, prepare_on_loop, call))
            send_back(mail, on_prepared_mail); /* it has stopped: it counts nothing any more */
    }
}

static void on_switched_mail(struct tn_mail *base)
{
    struct px_loops_call *call = TN_CONTAINER_OF(base, struct px_loop_mail, mail)->call;

    if (--call->waiting == 0)
        call->on_switched(call->context);
}

static void switch_on_loop(struct tn_mail *base)
{
    struct px_loop_mail *mail = TN_CONTAINER_OF(base, struct px_loop_mail, mail);
    const struct px_loops_call *call = mail->call;

    if (mail->loop->session.rules)
        px_data_loop_switch(mail->loop, call->snapshot);
    else
        px_workers_tell_unused(mail->loop, call->snapshot); /* stopped meanwhile */
    send_back(mail, on_switched_mail);
}

void px_workers_publish(struct px_workers *workers, struct px_snapshot *snapshot,
                        void (*on_switched)(void *context), void *context)
{
    struct px_loops_call *call = &workers->publish;

    assert(call->waiting == 0 && snapshot->loop_uses);
    *call = (struct px_loops_call){.waiting = workers->loop_count,
                                   .snapshot = snapshot,
                                   .on_switched = on_switched,
                                   .context = context};
    snapshot->loops = workers->loop_count;
    for (uint32_t i = 0; i < workers->loop_count; i++) {
        struct px_data_loop *loop = &workers->loops[i];

        if (send_to_loop(loop, &loop->switch_mail, switch_on_loop, call))
            continue;
        /* A stopped loop has switched to whatever comes: it decides nothing any more. */
        px_workers_tell_unused(loop, snapshot);
        send_back(&loop->switch_mail, on_switched_mail);
    }
}

/* --- counters ----------------------------------------------------------------------------------
 */

static void on_collected_mail(struct tn_mail *base)
{
    struct px_loop_mail *mail = TN_CONTAINER_OF(base, struct px_loop_mail, mail);
    struct collect_call *call = mail->call;

    if (!mail->stats || (call->sum && px_stats_add(call->sum, mail->stats) != 0)) {
        px_stats_free(call->sum);
        call->sum = NULL;
    }
    px_stats_free(mail->stats);
    if (--call->waiting > 0)
        return;
    call->on_stats(call->context, call->sum);
    free(call);
}

static void collect_on_loop(struct tn_mail *base)
{
    struct px_loop_mail *mail = TN_CONTAINER_OF(base, struct px_loop_mail, mail);
    const struct collect_call *call = mail->call;
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

static void collect(struct px_workers *workers, bool with_ledgers,
                    void (*on_stats)(void *context, struct px_stats *stats), void *context)
{
    struct collect_call *call =
        calloc(1, sizeof(*call) + workers->loop_count * sizeof(call->mails[0]));

    if (!call) {
        on_stats(context, NULL);
        return;
    }
    call->workers = workers;
    call->with_ledgers = with_ledgers;
    call->waiting = workers->loop_count;
    call->on_stats = on_stats;
    call->context = context;
    if (px_stats_new(&call->sum) != 0)
        call->sum = NULL;
    else
        call->sum->has_ledgers = with_ledgers;
    for (uint32_t i = 0; i < workers->loop_count; i++) {
        struct px_loop_mail *mail = &call->mails[i];

        if (send_to_loop(&workers->loops[i], mail, collect_on_loop, call))
            continue;
        /* A stopped loop counts nothing any more; its figures were in the scrapes before. */
        if (px_stats_new(&mail->stats) != 0)
            mail->stats = NULL;
        send_back(mail, on_collected_mail);
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

/* --- the access log ----------------------------------------------------------------------------
 */

static void reopen_on_loop(struct tn_mail *base);

static void send_reopen(struct px_data_loop *loop)
{
    loop->is_reopen_due = false;
    loop->reopen_mail.is_away = send_to_loop(loop, &loop->reopen_mail, reopen_on_loop, NULL);
}

static void on_reopened_mail(struct tn_mail *base)
{
    struct px_loop_mail *mail = TN_CONTAINER_OF(base, struct px_loop_mail, mail);

    mail->is_away = false;
    if (mail->loop->is_reopen_due)
        send_reopen(mail->loop);
}

static void reopen_on_loop(struct tn_mail *base)
{
    struct px_loop_mail *mail = TN_CONTAINER_OF(base, struct px_loop_mail, mail);

    int error = px_access_log_reopen(&mail->loop->log);

    /* Each loop opens for itself; what stopped one stops all, and is said once. */
    if (error && mail->loop->number == 0)
        tn_log(TN_LOG_ERROR, "log", "%s cannot be opened anew, the old file stays in use: %s",
               mail->loop->log.where, strerror(-error));
    send_back(mail, on_reopened_mail);
}

void px_workers_reopen_log(struct px_workers *workers)
{
    for (uint32_t i = 0; i < workers->loop_count; i++) {
        struct px_data_loop *loop = &workers->loops[i];

        if (loop->reopen_mail.is_away)
            loop->is_reopen_due = true; /* the file may have been moved since */
        else
            send_reopen(loop);
    }
}

/* --- stopping ----------------------------------------------------------------------------------
 */

static void stop_on_loop(struct tn_mail *base)
{
    const struct px_loop_mail *mail = TN_CONTAINER_OF(base, struct px_loop_mail, mail);

    px_data_loop_stop(mail->loop, mail->grace_ms);
}

static void on_stopped_mail(struct tn_mail *base)
{
    struct px_data_loop *loop = TN_CONTAINER_OF(base, struct px_loop_mail, mail)->loop;
    struct px_workers *workers = loop->workers;

    pthread_join(loop->thread, NULL);
    loop->is_running = false;
    workers->is_clean = workers->is_clean && loop->is_clean && loop->is_loop_clean;
    if (--workers->running == 0 && workers->on_stopped)
        workers->on_stopped(workers->stop_context, workers->is_clean);
}

void px_workers_tell_stopped(struct px_data_loop *loop)
{
    loop->stopped_mail.loop = loop;
    send_back(&loop->stopped_mail, on_stopped_mail);
}

void px_workers_stop(struct px_workers *workers, uint64_t grace_ms,
                     void (*on_stopped)(void *context, bool is_clean), void *context)
{
    workers->on_stopped = on_stopped;
    workers->stop_context = context;
    for (uint32_t i = 0; i < workers->loop_count; i++) {
        workers->loops[i].stop_mail.grace_ms = grace_ms;
        send_to_loop(&workers->loops[i], &workers->loops[i].stop_mail, stop_on_loop, NULL);
    }
}

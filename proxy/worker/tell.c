/* Mails of the data loops to the control thread that are no answers. */
#include "proxy/worker/loop.h"

#include <assert.h>
#include <stdlib.h>

/* The teller's exchange keeps the endpoint alive; its giving back can only be mailed after this. */
struct failing_mail {
    struct tn_mail mail;
    struct px_workers *workers;
    struct px_endpoint *endpoint;
};

struct mirrored_mail {
    struct tn_mail mail;
    struct px_workers *workers;
    uint32_t to;
};

struct suspect_mail {
    struct tn_mail mail;
    struct px_workers *workers;
};

static void on_failing_mail(struct tn_mail *base)
{
    struct failing_mail *mail = TN_CONTAINER_OF(base, struct failing_mail, mail);
    const struct px_workers_options *options = &mail->workers->options;

    if (options->on_failing)
        options->on_failing(options->context, mail->endpoint);
    free(mail);
}

void px_workers_tell_failing(struct px_workers *workers, struct px_endpoint *endpoint)
{
    struct failing_mail *mail = malloc(sizeof(*mail));

    if (!mail)
        return; /* it goes on failing, and is told again when its count starts anew */
    mail->mail.run = on_failing_mail;
    mail->workers = workers;
    mail->endpoint = endpoint;
    tn_mailbox_post(&workers->control, &mail->mail);
}

static void on_mirrored_mail(struct tn_mail *base)
{
    struct mirrored_mail *mail = TN_CONTAINER_OF(base, struct mirrored_mail, mail);
    const struct px_workers_options *options = &mail->workers->options;

    if (options->on_mirrored)
        options->on_mirrored(options->context, mail->to);
    free(mail);
}

void px_workers_tell_mirrored(struct px_workers *workers, uint32_t to)
{
    struct mirrored_mail *mail = malloc(sizeof(*mail));

    if (!mail)
        return; /* told again with the next rules */
    mail->mail.run = on_mirrored_mail;
    mail->workers = workers;
    mail->to = to;
    tn_mailbox_post(&workers->control, &mail->mail);
}

static void on_suspect_mail(struct tn_mail *base)
{
    struct suspect_mail *mail = TN_CONTAINER_OF(base, struct suspect_mail, mail);
    const struct px_workers_options *options = &mail->workers->options;

    if (options->on_suspect)
        options->on_suspect(options->context);
    free(mail);
}

void px_workers_tell_suspect(struct px_workers *workers)
{
    struct suspect_mail *mail;

    if (!workers->options.on_suspect || atomic_exchange(&workers->is_suspect_told, true))
        return;
    mail = malloc(sizeof(*mail));
    if (!mail) {
        atomic_store(&workers->is_suspect_told, false); /* the next failure tells */
        return;
    }
    mail->mail.run = on_suspect_mail;
    mail->workers = workers;
    tn_mailbox_post(&workers->control, &mail->mail);
}

void px_workers_heard(struct px_workers *workers)
{
    atomic_store(&workers->is_suspect_told, false);
}

/* How many loops still use a snapshot: the control thread's count of the loops' counts. */
static void on_unused_mail(struct tn_mail *mail)
{
    struct px_loop_use *use = TN_CONTAINER_OF(mail, struct px_loop_use, unused);
    struct px_workers *workers = use->loop->workers;
    struct px_snapshot *snapshot = use->use.snapshot;

    assert(snapshot->loops > 0);
    if (--snapshot->loops == 0)
        workers->options.on_unused(workers->options.context, snapshot);
}

void px_workers_tell_unused(struct px_data_loop *loop, struct px_snapshot *snapshot)
{
    struct px_loop_use *use = px_data_loop_use(loop, snapshot);

    use->unused.run = on_unused_mail;
    tn_mailbox_post(&loop->workers->control, &use->unused);
}

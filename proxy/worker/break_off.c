#include "proxy/worker/loop.h"

#include <assert.h>

static void on_done_mail(struct tn_mail *base)
{
    const struct px_loop_mail *mail = TN_CONTAINER_OF(base, struct px_loop_mail, mail);
    struct px_break_call *call = mail->call;

    call->count += mail->count;
    if (--call->waiting == 0)
        call->on_done(call->context, call->count);
}

static void send_back(struct px_loop_mail *mail)
{
    mail->mail.run = on_done_mail;
    tn_mailbox_post(&mail->loop->workers->control, &mail->mail);
}

static void break_off_on_loop(struct tn_mail *base)
{
    struct px_loop_mail *mail = TN_CONTAINER_OF(base, struct px_loop_mail, mail);
    const struct px_break_call *call = mail->call;

    mail->count = px_session_break_off(&mail->loop->session, &call->selection);
    send_back(mail);
}

void px_workers_break_off(struct px_workers *workers, const struct px_selection *selection,
                          void (*on_done)(void *context, uint32_t count), void *context)
{
    struct px_break_call *call = &workers->break_off;

    assert(call->waiting == 0);
    *call = (struct px_break_call){*selection, workers->loop_count, 0, on_done, context};
    for (uint32_t i = 0; i < workers->loop_count; i++) {
        struct px_loop_mail *mail = &workers->loops[i].break_mail;

        mail->mail.run = break_off_on_loop;
        mail->loop = &workers->loops[i];
        mail->call = call;
        mail->count = 0;
        if (!tn_mailbox_post(&workers->loops[i].mailbox, &mail->mail))
            send_back(mail); /* stopped: it has none */
    }
}

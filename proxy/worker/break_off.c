#include "proxy/worker/loop.h"

#include <stdlib.h>

struct call {
    struct px_selection selection;
    uint32_t waiting;
    uint32_t count;
    void (*on_done)(void *context, uint32_t count);
    void *context;
};

/* One mail to a loop, that comes back to the control thread as the same mail. */
struct break_mail {
    struct tn_mail mail;
    struct px_data_loop *loop;
    struct call *call;
    uint32_t count;
};

static void on_done_mail(struct tn_mail *base)
{
    struct break_mail *mail = TN_CONTAINER_OF(base, struct break_mail, mail);
    struct call *call = mail->call;

    call->count += mail->count;
    free(mail);
    if (--call->waiting > 0)
        return;
    call->on_done(call->context, call->count);
    free(call);
}

static void send_back(struct break_mail *mail)
{
    mail->mail.run = on_done_mail;
    tn_mailbox_post(&mail->loop->workers->control, &mail->mail);
}

static void break_off_on_loop(struct tn_mail *base)
{
    struct break_mail *mail = TN_CONTAINER_OF(base, struct break_mail, mail);

    mail->count = px_session_break_off(&mail->loop->session, &mail->call->selection);
    send_back(mail);
}

void px_workers_break_off(struct px_workers *workers, const struct px_selection *selection,
                          void (*on_done)(void *context, uint32_t count), void *context)
{
    struct call *call = malloc(sizeof(*call));

    if (!call)
        abort(); /* as a publish: a cut that does not happen would be told as done */
    *call = (struct call){*selection, workers->loop_count, 0, on_done, context};
    for (uint32_t i = 0; i < workers->loop_count; i++) {
        struct break_mail *mail = calloc(1, sizeof(*mail));

        if (!mail)
            abort();
        mail->mail.run = break_off_on_loop;
        mail->loop = &workers->loops[i];
        mail->call = call;
        if (!tn_mailbox_post(&workers->loops[i].mailbox, &mail->mail))
            send_back(mail); /* stopped: it has none */
    }
}

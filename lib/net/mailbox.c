#include "lib/net/mailbox.h"

static struct tn_mail *take_all(struct tn_mailbox *mailbox)
{
    struct tn_mail *mail;

    pthread_mutex_lock(&mailbox->lock);
    mail = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    pthread_mutex_unlock(&mailbox->lock);
    return mail;
}

static void run_all(struct tn_mailbox *mailbox)
{
    struct tn_mail *mail = take_all(mailbox);

    mailbox->is_running = true;
    while (mail) {
        struct tn_mail *next = mail->next;

        mail->run(mail);
        mail = next;
        /* It closed the mailbox: what was posted since is behind what we have here. */
        if (!mail && mailbox->is_closed)
            mail = take_all(mailbox);
    }
    mailbox->is_running = false;
}

static void on_async(uv_async_t *async)
{
    run_all(TN_CONTAINER_OF(async, struct tn_mailbox, async));
}

int tn_mailbox_open(struct tn_mailbox *mailbox, struct tn_loop *loop)
{
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    mailbox->on_closed = NULL;
    mailbox->is_closed = false;
    mailbox->is_running = false;
    pthread_mutex_init(&mailbox->lock, NULL);
    return uv_async_init(&loop->uv, &mailbox->async, on_async);
}

bool tn_mailbox_post(struct tn_mailbox *mailbox, struct tn_mail *mail)
{
    bool is_taken;

    mail->next = NULL;
    pthread_mutex_lock(&mailbox->lock);
    is_taken = !mailbox->is_closed;
    if (is_taken) {
        *mailbox->last = mail;
        mailbox->last = &mail->next;
        uv_async_send(&mailbox->async); /* under the lock: the handle may not be closed meanwhile */
    }
    pthread_mutex_unlock(&mailbox->lock);
    return is_taken;
}

static void on_uv_close(uv_handle_t *handle)
{
    struct tn_mailbox *mailbox =
        TN_CONTAINER_OF((uv_async_t *)(void *)handle, struct tn_mailbox, async);

    if (mailbox->on_closed)
        mailbox->on_closed(mailbox);
}

void tn_mailbox_close(struct tn_mailbox *mailbox, void (*on_closed)(struct tn_mailbox *mailbox))
{
    /* What was posted before still runs: a poster that waits for an answer must get it. */
    pthread_mutex_lock(&mailbox->lock);
    mailbox->is_closed = true;
    pthread_mutex_unlock(&mailbox->lock);
    if (!mailbox->is_running)
        run_all(mailbox);
    mailbox->on_closed = on_closed;
    uv_close((uv_handle_t *)&mailbox->async, on_uv_close);
}

#include "lib/net/mailbox.h"

static void run_all(struct tn_mailbox *mailbox)
{
    struct tn_mail *mail;

    pthread_mutex_lock(&mailbox->lock);
    mail = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    pthread_mutex_unlock(&mailbox->lock);
    while (mail) {
        struct tn_mail *next = mail->next;

        mail->run(mail);
        mail = next;
    }
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
    pthread_mutex_init(&mailbox->lock, NULL);
    return uv_async_init(&loop->uv, &mailbox->async, on_async);
}

void tn_mailbox_post(struct tn_mailbox *mailbox, struct tn_mail *mail)
{
    mail->next = NULL;
    pthread_mutex_lock(&mailbox->lock);
    *mailbox->last = mail;
    mailbox->last = &mail->next;
    pthread_mutex_unlock(&mailbox->lock);
    uv_async_send(&mailbox->async);
}

static void on_uv_close(uv_handle_t *handle)
{
    struct tn_mailbox *mailbox =
        TN_CONTAINER_OF((uv_async_t *)(void *)handle, struct tn_mailbox, async);

    pthread_mutex_destroy(&mailbox->lock);
    if (mailbox->on_closed)
        mailbox->on_closed(mailbox);
}

void tn_mailbox_close(struct tn_mailbox *mailbox, void (*on_closed)(struct tn_mailbox *mailbox))
{
    /* What was posted before still runs: a poster that waits for an answer must get it. */
    run_all(mailbox);
    mailbox->on_closed = on_closed;
    uv_close((uv_handle_t *)&mailbox->async, on_uv_close);
}

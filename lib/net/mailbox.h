/*
 * mailbox: how another thread hands a loop something to do.
 *
 * Not for the request path. Messages are intrusive nodes; the receiver owns them once posted, and
 * runs them in order. Errors: post says false once the mailbox is closed, and the mail stays the
 * poster's; what was taken before is run. The memory must outlive the last poster. Threads: post
 * from any; everything else on the loop's.
 */
#ifndef TN_NET_MAILBOX_H
#define TN_NET_MAILBOX_H

#include "lib/net/loop.h"

#include <pthread.h>

struct tn_mail;
typedef void(tn_mail_fn)(struct tn_mail *mail);

struct tn_mail {
    struct tn_mail *next;
    tn_mail_fn *run; /* on the loop's thread; the mail is the function's to free */
};

struct tn_mailbox {
    uv_async_t async;
    pthread_mutex_t lock; /* held for a few instructions, never on the request path */
    struct tn_mail *first;
    struct tn_mail **last;
    bool is_closed;
    bool is_running; /* the loop's: a mail is being run */
    void (*on_closed)(struct tn_mailbox *mailbox);
};

int tn_mailbox_open(struct tn_mailbox *mailbox, struct tn_loop *loop);
/* False: closed, the mail is still the caller's. */
bool tn_mailbox_post(struct tn_mailbox *mailbox, struct tn_mail *mail);
void tn_mailbox_close(struct tn_mailbox *mailbox, void (*on_closed)(struct tn_mailbox *mailbox));

#endif

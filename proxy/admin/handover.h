/*
 * handover: what a rulebook does when one process takes over from another.
 *
 * Not for sockets and not for talking (proxy/handover.h).
 * Shapes: the old process's book is held, so that nothing changes while the new one reads it; then
 * it is resumed, or bequeathed: from there on it writes nothing, refuses changes with a sentence
 * that says where to ask, and only follows what the new one sends. The new process's book is opened
 * with an inheritance (rulebook.h), and writes and changes nothing before px_rulebook_own(). An
 * inheritance is {"record": as in the store (what is in force), "durable": bool}; news is
 * {"record": …, "closing": names whose open exchanges are ended}. Errors: negative errno.
 * Ownership: json_t is as each function says. Callbacks: from the loop, once. Threads: control.
 */
#ifndef PX_ADMIN_HANDOVER_H
#define PX_ADMIN_HANDOVER_H

#include "proxy/admin/rulebook.h"

/* A book's part in it; private to proxy/admin. */
struct px_passing {
    bool is_held;       /* changes wait */
    bool is_bequeathed; /* changes are another process's */
    bool is_guest;      /* they are still */
    char *refusal;      /* what is said then */
    void (*on_urgent)(void *context);
    void *context;
};

/* The answer to a change that is another process's. */
void px_rulebook_refuse_bequeathed(const struct px_rulebook *book, struct px_change *change);

/* --- the old process ---------------------------------------------------------------------------
 */

/* Changes wait from here on. on_urgent: one came that does not (it waits until the book is resumed
 * or bequeathed; may be NULL). */
void px_rulebook_hold(struct px_rulebook *book, void (*on_urgent)(void *context), void *context);
/* Held: whether no change is under way and nothing is being written; then it stays so until the
 * book is resumed. */
bool px_rulebook_become_quiet(struct px_rulebook *book);
void px_rulebook_resume(struct px_rulebook *book);

/* What is in force; new reference, NULL: no memory. Quiet. */
json_t *px_rulebook_inheritance(const struct px_rulebook *book);
/* Of the store's lock; -1: no store. Still the book's. */
int px_rulebook_lock_descriptor(const struct px_rulebook *book);

/* Quiet. refusal: what is said to whoever wants a change; copied. */
void px_rulebook_bequeath(struct px_rulebook *book, const char *refusal);

/* What the new process has put in force, here too; then on_followed. One at a time. news: borrowed.
 * -ENOMEM: nothing was started. */
int px_rulebook_follow(struct px_rulebook *book, const json_t *news,
                       void (*on_followed)(void *context, bool is_done, const char *why),
                       void *context);

/* --- the new process ---------------------------------------------------------------------------
 */

/* The other one has bequeathed: the store is ours, and changes are taken. */
void px_rulebook_own(struct px_rulebook *book);

/* What is in force, and what the current change ends; new reference, NULL: no memory. */
json_t *px_rulebook_news(const struct px_rulebook *book);

#endif

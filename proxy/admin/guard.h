/*
 * guard: aborts rules by itself, on what their `guard:` says.
 *
 * Not for the abort (rulebook.h) nor for what the figures say (finding.h). A failed request of a
 * rule with a guard makes a loop tell (worker.h, on_suspect): the counters are collected and looked
 * at within 10 ms, and once a second besides. A trial is aborted once; new weights begin another.
 * Errors: none; a refused abort is logged. Ownership: px_guards_new … px_guards_close. Threads:
 * control.
 */
#ifndef PX_ADMIN_GUARD_H
#define PX_ADMIN_GUARD_H

#include "lib/net/control.h"
#include "proxy/admin/admin.h"

struct px_guards;

struct px_guards_options {
    struct tn_loop *loop;
    struct px_admin *admin; /* book and publisher are used; outlives the guards */
    /* Before counters are collected: who told may tell again (px_workers_heard). May be NULL. */
    void (*on_look)(void *context);
    void *context;
};

int px_guards_new(const struct px_guards_options *options, struct px_guards **ret_guards);

/* A guarded version failed a request. */
void px_guards_suspect(struct px_guards *guards);

/* NULL is fine. The memory goes with the loop's next turns. Not while admin waits for counters. */
void px_guards_close(struct px_guards *guards);

#endif

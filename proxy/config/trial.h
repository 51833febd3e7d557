/*
 * trial: what the figures of a rule are about, shared by the snapshots that leave it alone.
 *
 * Private to proxy/config; the loops only touch the atomics. Not for counting (proxy/stats).
 * Errors: -ENOMEM. Ownership: reference counts. Threads: control.
 */
#ifndef PX_CONFIG_TRIAL_H
#define PX_CONFIG_TRIAL_H

#include "proxy/config/snapshot.h"

/* A rule of `next` that is otherwise complete; before: the same rule of `previous`, or NULL. */
int px_trial_build(struct px_registry *registry, const struct px_snapshot *previous,
                   const struct px_snapshot_rule *before, const struct px_snapshot *next,
                   struct px_snapshot_rule *rule);
void px_trial_give(struct px_trial *trial); /* NULL is fine */

#endif

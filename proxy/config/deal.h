/*
 * deal: the counters that requests are dealt by, shared by the snapshots that leave them alone.
 *
 * Private to proxy/config; the loops only add to n. Not for choosing (strategies/traffic).
 * Shapes: n runs from a place that the revision draws. Errors: -ENOMEM. Ownership: reference
 * counts. Threads: n any, the rest control.
 */
#ifndef PX_CONFIG_DEAL_H
#define PX_CONFIG_DEAL_H

#include "proxy/config/snapshot.h"

/* cycle: after so many slots every version had its share. One reference. */
int px_deal_new(uint64_t seed, uint64_t revision, uint64_t cycle, struct px_deal **ret_deal);
struct px_deal *px_deal_keep(struct px_deal *deal);
void px_deal_give(struct px_deal *deal); /* NULL is fine */

#endif

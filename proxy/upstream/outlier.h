/*
 * outlier: how the requests of an endpoint went, told by the data loops (passive health).
 *
 * Not for probes (health/) and not for taking anybody out: the control thread decides that
 * (health/ejection.h). Shape: one shared number of failures in a row. A failure is one of the
 * endpoint's connection or protocol: refused, timed out, reset before an answer, malformed.
 * Whatever status the service answers is no failure: it did answer. Threads: any; relaxed atomics.
 * The steady case, well after well, reads and does not write.
 */
#ifndef PX_UPSTREAM_OUTLIER_H
#define PX_UPSTREAM_OUTLIER_H

#include "proxy/config/snapshot.h"

static inline void px_outlier_well(struct px_endpoint *endpoint)
{
    if (atomic_load_explicit(&endpoint->failures, memory_order_relaxed) != 0)
        atomic_store_explicit(&endpoint->failures, 0, memory_order_relaxed);
}

/* True for the one caller whose failure made `limit` in a row: it tells the control thread. 0:
 * never. */
static inline bool px_outlier_failed(struct px_endpoint *endpoint, uint32_t limit)
{
    uint32_t before = atomic_fetch_add_explicit(&endpoint->failures, 1, memory_order_relaxed);

    return limit > 0 && before + 1 == limit;
}

#endif

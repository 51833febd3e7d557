/*
 * snapshot_use: one loop's plain count of the users of one rules snapshot.
 *
 * The one reference count on the request path: requests in flight keep the rules that they started
 * with. Shape: the loop holds one use itself while the snapshot is current. At 0 on_unused runs
 * once, and the use is its to free. Threads: the loop's; no atomics.
 */
#ifndef PX_ROUTE_SNAPSHOT_USE_H
#define PX_ROUTE_SNAPSHOT_USE_H

#include "proxy/config/snapshot.h"

#include <assert.h>

struct px_snapshot_use {
    struct px_snapshot *snapshot;
    uint64_t users;
    void (*on_unused)(struct px_snapshot_use *use);
    void *context;
};

static inline struct px_snapshot_use *px_snapshot_use_take(struct px_snapshot_use *use)
{
    use->users++;
    return use;
}

static inline void px_snapshot_use_give(struct px_snapshot_use *use)
{
    assert(use->users > 0);
    if (--use->users == 0)
        use->on_unused(use);
}

#endif

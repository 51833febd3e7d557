/*
 * pick: which endpoint of a version.
 *
 * Not for connections or queues (upstream).
 * Shapes: places in a version's endpoints; STRATEGY_NONE is nobody. Loads are read once per
 * question; another loop may change them meanwhile. Ownership: none. Threads: as route.h.
 */
#ifndef PX_ROUTE_PICK_H
#define PX_ROUTE_PICK_H

#include "proxy/route/route.h"

struct px_pick_question {
    const struct px_snapshot_version *version;
    struct px_route_loop *loop;
    bool is_dry; /* explain: round robin doesn't move on */
    bool has_key;
    bool is_keyed;     /* by key whatever the version's balance (scope: endpoint) */
    bool ignores_room; /* a copy: it takes none */
    uint64_t key;
    const uint32_t *tried; /* places */
    uint32_t tried_count;
};

/* One that has room, or who would be chosen if all had (then there is a queue, of upstream). */
uint32_t px_pick_endpoint(const struct px_pick_question *question);

/* Where the key belongs when every endpoint can answer. STRATEGY_NONE: the version has none. */
uint32_t px_pick_home(const struct px_snapshot_version *version, uint64_t key);

/*
 * Can it answer, and is it open to users with a key (also while draining) or to anybody? Of one
 * that was not probed yet nobody knows: it counts as open while no other one of its version is, so
 * that a reload that replaces them all refuses nobody until the first results are in.
 */
bool px_pick_is_open(const struct px_snapshot_version *version, uint32_t place, bool has_key);

/* How cold it is (strategy_endpoint.cold): the version's slow_start since it came up. */
uint32_t px_pick_cold(const struct px_snapshot_version *version, const struct px_endpoint *endpoint,
                      uint64_t now_ms);

/* Has it fewer than max_requests under way? */
bool px_pick_has_room(const struct px_snapshot_version *version,
                      const struct px_endpoint *endpoint);

/* Is any endpoint open? */
bool px_pick_any_open(const struct px_snapshot_version *version, bool has_key);

#endif

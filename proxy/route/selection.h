/*
 * selection: which of the exchanges under way somebody means: those of a version or an endpoint,
 * all of them or tunnels only.
 *
 * Not for deciding where requests go (route.h). Shape: a version is meant by its stat number, which
 * stays the same from snapshot to snapshot; an endpoint by its id, which is never used twice.
 * Threads: a value; any.
 */
#ifndef PX_ROUTE_SELECTION_H
#define PX_ROUTE_SELECTION_H

#include "proxy/config/snapshot.h"

#define PX_ANY_VERSION UINT32_MAX
#define PX_ANY_ENDPOINT UINT64_C(0) /* ids begin at 1 */

struct px_selection {
    uint32_t version;  /* px_snapshot_version.stat, or PX_ANY_VERSION */
    uint64_t endpoint; /* px_endpoint.id, or PX_ANY_ENDPOINT */
    bool tunnels_only;
};

static inline bool px_selection_has(const struct px_selection *selection,
                                    const struct px_snapshot_version *version,
                                    const struct px_endpoint *endpoint, bool is_tunnel)
{
    return (is_tunnel || !selection->tunnels_only) &&
           (selection->version == PX_ANY_VERSION || selection->version == version->stat) &&
           (selection->endpoint == PX_ANY_ENDPOINT || selection->endpoint == endpoint->id);
}

#endif

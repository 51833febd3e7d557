#include "proxy/worker/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static bool names_endpoint(const struct px_snapshot *snapshot, const struct px_endpoint *endpoint)
{
    for (uint32_t i = 0; i < snapshot->version_count; i++) {
        for (uint32_t k = 0; k < snapshot->versions[i].endpoint_count; k++) {
            if (snapshot->versions[i].endpoints[k] == endpoint)
                return true;
        }
    }
    return false;
}

/*
 * Idle connections to endpoints that are gone: their slots will be somebody else's. snapshot: what
 * is current, NULL when stopping.
 */
static void drop_gone(struct px_data_loop *loop, const struct px_snapshot *old,
                      const struct px_snapshot *snapshot)
{
    for (uint32_t i = 0; i < old->version_count; i++) {
        for (uint32_t k = 0; k < old->versions[i].endpoint_count; k++) {
            struct px_endpoint *endpoint = old->versions[i].endpoints[k];

            if (snapshot && names_endpoint(snapshot, endpoint))
                continue;
            px_pool_drop_idle(loop->pool, endpoint);
            px_mirrors_drop_idle(loop->mirrors, endpoint);
        }
    }
}

static void on_unused(struct px_snapshot_use *use)
{
    struct px_data_loop *loop = TN_CONTAINER_OF(use, struct px_loop_use, use)->loop;
    struct px_snapshot *snapshot = use->snapshot;

    /* Its last exchanges may have given connections back since the switch. */
    drop_gone(loop, snapshot, loop->session.rules ? loop->session.rules->snapshot : NULL);
    px_workers_tell_unused(loop, snapshot);
}

int px_workers_make_uses(struct px_workers *workers, struct px_snapshot *snapshot)
{
    struct px_loop_use *uses = calloc(workers->loop_count, sizeof(*uses));

    if (!uses)
        return -ENOMEM;
    for (uint32_t i = 0; i < workers->loop_count; i++) {
        uses[i].use =
            (struct px_snapshot_use){.snapshot = snapshot, .users = 1, .on_unused = on_unused};
        uses[i].loop = &workers->loops[i];
    }
    snapshot->loop_uses = uses;
    return 0;
}

struct px_loop_use *px_data_loop_use(const struct px_data_loop *loop,
                                     const struct px_snapshot *snapshot)
{
    struct px_loop_use *uses = snapshot->loop_uses;

    return &uses[loop->number];
}

void px_data_loop_switch(struct px_data_loop *loop, struct px_snapshot *snapshot)
{
    int error = px_stats_adopt(loop->stats, snapshot);

    assert(!error); /* it was prepared */
    (void)error;
    if (loop->session.rules && snapshot != loop->session.rules->snapshot)
        drop_gone(loop, loop->session.rules->snapshot, snapshot);
    /* A copy, because idle connections look at it for as long as they live. */
    loop->limits = *snapshot->limits;
    loop->session.client_max = px_workers_client_max(loop->workers, &loop->limits);
    px_mirrors_tell_anew(loop->mirrors);
    px_session_set_rules(&loop->session, &px_data_loop_use(loop, snapshot)->use);
}

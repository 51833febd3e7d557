/*
 * health: asks every endpoint again and again whether it can answer, and says so in the endpoint.
 *
 * Not for traffic: what requests meet changes nothing here. Sent once per process, not per loop.
 * Glossary: probe (one request), prober (what an endpoint's probes are made by), settled (every
 * endpoint's first probe has answered or failed).
 * Shapes: GET of the version's health path on a connection of its own, with Host (the address),
 * User-Agent: turnout-health and Connection: close. 200 to 399 is well, as kubelet sees it;
 * everything else, and no head within the timeout, is not. The first result decides at once;
 * afterwards up_after results in a row bring an endpoint up, down_after bring it down. The first
 * probe of an endpoint is sent at once, the second after half to a whole interval, so that
 * endpoints of one start do not stay in step; further ones start an interval apart.
 * Units: ms. Errors: -ENOMEM; a failed probe is no error, its reason is px_health_detail().
 * Ownership: px_health_new … px_health_close; endpoints belong to the registry, and a prober
 * forgets its endpoint in px_health_update() of the first snapshot that does not name it.
 * Callbacks: never from inside the call that leads to them. Threads: control thread.
 */
#ifndef PX_HEALTH_HEALTH_H
#define PX_HEALTH_HEALTH_H

#include "lib/base/random.h"
#include "lib/net/loop.h"
#include "proxy/config/snapshot.h"

struct px_health;

struct px_health_options {
    struct tn_loop *loop;
    struct tn_random *random; /* outlives it */
    /* The first results of the endpoints of the first snapshot are in. Once. May be NULL. */
    void (*on_settled)(void *context);
    void *context;
};

int px_health_new(const struct px_health_options *options, struct px_health **ret_health);

/* Before an update: new endpoints get their probers, which begin, and the update to this snapshot
 * needs no memory. -ENOMEM: an update to the old one takes back what was done. */
int px_health_prepare(struct px_health *health, const struct px_snapshot *snapshot);

/* Endpoints and health settings of this snapshot from now on; before older ones are freed. -ENOMEM,
 * when it was not prepared: some new endpoints have no prober; the next update tries again. */
int px_health_update(struct px_health *health, const struct px_snapshot *snapshot);

/*
 * Requests to the endpoint failed too often in a row (upstream/outlier.h): no more for a while, if
 * its version can do without it. False: it stays.
 */
bool px_health_eject(struct px_health *health, const struct px_snapshot *snapshot,
                     struct px_endpoint *endpoint);

/* Why the last probe failed, such as "connection refused"; "" when it did not. Valid until the next
 * turn of the loop. */
const char *px_health_detail(const struct px_health *health, const struct px_endpoint *endpoint);

/* Breaks off every probe; then on_closed, once, and the memory is gone. */
void px_health_close(struct px_health *health, void (*on_closed)(void *context), void *context);

#endif

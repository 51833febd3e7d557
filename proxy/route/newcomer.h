/*
 * newcomer: an id for a visitor who has none, such that its hash agrees with the slot that was
 * dealt.
 *
 * Not for deciding the version (route.c).
 * Shapes: an id is 128 bits of the loop's randomness, even over all ids whose key lands in the
 * version (and, if one endpoint is to be kept, whose endpoint is open now). At most 40 keys are
 * tried on average for any share, 2,048 in all; one in 10^22 newcomers ends there without an id
 * and is a newcomer again with the next request. Errors: as said. Threads: data loops.
 */
#ifndef PX_ROUTE_NEWCOMER_H
#define PX_ROUTE_NEWCOMER_H

#include "proxy/route/key.h"

struct px_newcomer_question {
    const struct strategy_version_question *question;
    uint32_t wanted;   /* place in the rule's versions; its weight is above 0 */
    bool has_stand_in; /* it can't answer, and stand_in does: so shall it for the id */
    uint32_t stand_in;
    uint64_t seed; /* the rule's */
    /* the version whose endpoint the id shall have open, or NULL */
    const struct px_snapshot_version *home;
};

/* False: no id found. */
bool px_newcomer_draw(const struct px_newcomer_question *newcomer, struct tn_random *random,
                      uint8_t ret_id[PX_ID_BYTES], uint64_t *ret_key);

#endif

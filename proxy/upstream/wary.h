/*
 * wary: whether an idle connection may be used again, after some have died at that. Pure.
 *
 * A service may close a connection behind an answer without saying so; whoever uses it again then
 * loses the race, and a request that may not be sent twice is lost with it (RFC 9112 9.3.1). One
 * such death may be chance. A service that does it each time would cost every request a retry, and
 * retries have a budget. So after a death one request in 1 + penalty tries a reused connection, and
 * only such as may be sent again; a death doubles the penalty and adds some, a life takes one off.
 * Shape: one value for each endpoint and loop; all zeros: trusting. Threads: the loop's.
 */
#ifndef PX_UPSTREAM_WARY_H
#define PX_UPSTREAM_WARY_H

#include <stdbool.h>
#include <stdint.h>

#define PX_WARY_PENALTY_MAX                                                                        \
    63 /* then a 64th of the requests costs a retry: far within the budget */
#define PX_WARY_PENALTY_STEP 4 /* more than a life between two deaths takes off */

struct px_wary {
    uint8_t penalty; /* fresh connections between two that are used again */
    uint8_t left;    /* of these, until the next one is tried */
};

/* is_repeatable: should the connection turn out dead, the request may be sent again. */
static inline bool px_wary_may_reuse(struct px_wary *wary, bool is_repeatable)
{
    if (wary->penalty == 0)
        return true;
    if (!is_repeatable)
        return false;
    if (wary->left > 0) {
        wary->left--;
        return false;
    }
    wary->left = wary->penalty;
    return true;
}

static inline void px_wary_lived(struct px_wary *wary)
{
    if (wary->penalty > 0)
        wary->penalty--;
    if (wary->left > wary->penalty)
        wary->left = wary->penalty;
}

static inline void px_wary_died(struct px_wary *wary)
{
    unsigned penalty = 2u * wary->penalty + PX_WARY_PENALTY_STEP;

    wary->penalty = (uint8_t)(penalty < PX_WARY_PENALTY_MAX ? penalty : PX_WARY_PENALTY_MAX);
    wary->left = wary->penalty;
}

#endif

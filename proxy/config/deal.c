#include "proxy/config/deal.h"

#include <errno.h>
#include <stdlib.h>

/*
 * A place in the sequence that the revision draws, so that a change made over and over doesn't send
 * the first request to the same version each time. A whole number of cycles, so that the bounds
 * which hold from the start of the sequence hold from here.
 */
static uint64_t start_of(uint64_t seed, uint64_t revision, uint64_t cycle)
{
    uint64_t drawn = strategy_mix(seed ^ strategy_mix(revision)) >> 32;
    return drawn - drawn % cycle;
}

int px_deal_new(uint64_t seed, uint64_t revision, uint64_t cycle, struct px_deal **ret_deal)
{
    struct px_deal *deal = calloc(1, sizeof(*deal));
    if (!deal) {
        return -ENOMEM;
    }
    deal->seed = seed;
    deal->references = 1;
    atomic_init(&deal->n, start_of(seed, revision, cycle));
    *ret_deal = deal;
    return 0;
}

struct px_deal *px_deal_keep(struct px_deal *deal)
{
    deal->references++;
    return deal;
}

void px_deal_give(struct px_deal *deal)
{
    if (deal && --deal->references == 0) {
        free(deal);
    }
}

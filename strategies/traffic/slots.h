/*
 * slots: what choose_version needs of slots.c beyond the contract.
 *
 * Not for other rooms. Shapes, errors, threads: as in strategy.h.
 */
#ifndef STRATEGY_TRAFFIC_SLOTS_H
#define STRATEGY_TRAFFIC_SLOTS_H

#include <stdint.h>

/*
 * strategy_slot, and how many of the n slots before this one went to the same version: a running
 * number of that version's own slots, by which a failed version's share can be dealt again.
 */
uint32_t strategy_slot_rank(uint64_t seed, const uint32_t *weights, uint32_t count, uint64_t n,
                            uint64_t *ret_rank);

#endif

/*
 * walk: every order of events in a world, for one plan, with the planner as one of its movers.
 *
 * Not a sample: each world that can be reached is visited once. The engine may be killed after any
 * prefix of an action's commands; what it saw may be one event old; and from every world three
 * things are asked besides the promises: does it end if the platform is in good order, if the new
 * build is bad, and does an abort lead to the starting build? Worlds are kept as 128-bit hashes.
 * Ownership: the walk's memory is freed by walk_run. Threads: one.
 */
#ifndef TEST_UPDATES_WALK_H
#define TEST_UPDATES_WALK_H

#include "tests/unit/updates/promises.h"

struct walk_case {
    char name[96];
    struct strategy_plan plan;
    struct world_rules rules;
    bool has_stale; /* what the engine saw may be one event old */
};

struct walk_result {
    uint64_t worlds;               /* visited */
    uint64_t moves;                /* events and prefixes of actions carried out */
    uint64_t done, returned, held; /* ends seen */
    const char *broken;            /* NULL if every promise held */
};

/* Every world that can be reached. Prints the broken promise and its world, if any. */
void walk_run(const struct walk_case *walk, struct walk_result *ret_result);

/* One action of the planner in this world; NULL or what it breaks. */
const char *walk_ask(const struct world *world, const struct strategy_plan *plan,
                     struct strategy_action *ret_action);
/* Carries out all of it; NULL or what that breaks. */
const char *walk_obey(struct world *world, const struct strategy_plan *plan,
                      const struct strategy_action *action);

/* The cases for N replicas, by strategies and their options; returns how many. */
uint32_t walk_cases(uint32_t replicas, uint8_t disturbances, struct walk_case *ret_cases,
                    uint32_t max);

#endif

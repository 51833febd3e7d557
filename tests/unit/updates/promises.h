/*
 * promises: what must hold in every world, for every action and at every end.
 *
 * Not derived from the planners: written from the table and the design, on the world's own
 * bytes. Shapes: NULL, or one sentence about what is broken. A world's fallen instances (crashed by
 * themselves) excuse as many missing ones, never more. Threads: any.
 */
#ifndef TEST_UPDATES_PROMISES_H
#define TEST_UPDATES_PROMISES_H

#include "tests/unit/updates/world.h"

const char *promise_of_world(const struct world *world, const struct strategy_plan *plan);
/* `seen` is what was observed when the action was decided. */
const char *promise_of_action(const struct world *seen, const struct strategy_plan *plan,
                              const struct strategy_action *action);
const char *promise_of_command(const struct world *seen, const struct strategy_plan *plan,
                               const struct strategy_action *action,
                               const struct strategy_command *command);

#endif

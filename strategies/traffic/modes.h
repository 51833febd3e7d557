/*
 * modes: what draining and cut versions and endpoints mean to a rule.
 *
 * Not for who gets their share (strategy.h, choose_version.c). Shapes, errors, ownership, threads:
 * as strategy.h. Pure.
 */
#ifndef STRATEGY_TRAFFIC_MODES_H
#define STRATEGY_TRAFFIC_MODES_H

#include "strategies/traffic/strategy.h"

/*
 * What a version is to a request while its endpoints have modes of their own: its own mode, or that
 * of the mildest endpoint, whichever is stricter. A version of which every endpoint is cut is cut,
 * so its share goes to the others, as nobody meant it to fail. is_kept: the request belongs to one
 * endpoint by key; any other one does not stay on a draining endpoint, so if all of them drain
 * there is nobody for it.
 */
enum strategy_mode strategy_version_mode(enum strategy_mode own, enum strategy_mode mildest,
                                         bool is_kept);

/*
 * May any version take this request, health aside? Where none may, a rule with a match is passed
 * over, for cut is stronger than matches; the last rule refuses.
 */
bool strategy_has_taker(const struct strategy_version_question *question);

#endif

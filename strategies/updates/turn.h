/*
 * turn: one question to the planner while it is being answered; what all strategies share.
 *
 * Not for callers outside strategies/updates. Shapes: the pieces look at `seen`, add commands and
 * at most one wait to `action`, and change its record. They return true when there is nothing left
 * for them to do, false when they added a command or a wait. Units, errors, ownership: planner.h.
 * Threads: any. Pure.
 */
#ifndef STRATEGY_UPDATES_TURN_H
#define STRATEGY_UPDATES_TURN_H

#include "strategies/updates/planner.h"

struct strategy_turn {
    const struct strategy_plan *plan;
    const struct strategy_observation *seen;
    struct strategy_action *action;
    uint32_t measure; /* of progress in this course or step: grows when something got better */
};

/* turn.c: commands and waits */
struct strategy_command *strategy_do(struct strategy_turn *turn, enum strategy_command_kind kind,
                                     enum strategy_part part);
void strategy_do_mode(struct strategy_turn *turn, enum strategy_command_kind kind,
                      enum strategy_part part, uint32_t index);
void strategy_do_build(struct strategy_turn *turn, enum strategy_part part,
                       enum strategy_build build);
void strategy_do_scale(struct strategy_turn *turn, enum strategy_part part, uint32_t count);
void strategy_do_share(struct strategy_turn *turn, uint32_t ppm);
/* Only the first wait of a turn is kept. Always false, so that it can be returned. */
bool strategy_wait(struct strategy_turn *turn, enum strategy_wait wait, uint64_t done, uint64_t of);
bool strategy_wait_person(struct strategy_turn *turn, enum strategy_wait wait);
/* Asked again after so long at the latest (the smallest of all counts). */
void strategy_again(struct strategy_turn *turn, uint64_t ms);
/* True if every ready proxy has the store's latest revision; else it waits for them. */
bool strategy_agreed(struct strategy_turn *turn);
/* True if the hook is not configured or answered well; else it is asked, or waited for. */
bool strategy_ask_hook(struct strategy_turn *turn, enum strategy_hook hook);
/* The same for the hook before an instance is taken away. Going back is not held up by it. */
bool strategy_ask_instance(struct strategy_turn *turn, enum strategy_part part, uint32_t index);
void strategy_go_back(struct strategy_turn *turn, enum strategy_cause cause);
static inline bool strategy_is_back(const struct strategy_turn *turn)
{
    return turn->action->record.course == STRATEGY_BACK;
}

/* look.c: what an instance or version is good for */
const struct strategy_version *strategy_version_of(const struct strategy_turn *turn,
                                                   enum strategy_part part);
/* There, and not on its way out. */
bool strategy_is_there(const struct strategy_instance *instance);
/* There, ready (for min_ready) and up at every proxy. */
bool strategy_is_fit(const struct strategy_turn *turn, const struct strategy_instance *instance);
/* Fit, and gets new users as far as its endpoint's own mode goes. */
bool strategy_is_serving(const struct strategy_turn *turn,
                         const struct strategy_instance *instance);
/* An endpoint with nothing open and nobody bound, or drained for long enough; else when to ask. */
bool strategy_is_quiet(struct strategy_turn *turn, const struct strategy_instance *instance);
bool strategy_is_version_quiet(struct strategy_turn *turn, enum strategy_part part);
uint32_t strategy_count_there(const struct strategy_version *version); /* stopping ones too */
/* Indexes that exist or will: what counts for "total". */
uint32_t strategy_count_planned(const struct strategy_version *version);
uint32_t strategy_count_serving(const struct strategy_turn *turn, enum strategy_part part);
/* Fit ones of that build below N. */
uint32_t strategy_count_fit(const struct strategy_turn *turn, enum strategy_part part,
                            enum strategy_build build);

/* The machines. In place: */
bool strategy_in_place(struct strategy_turn *turn);
bool strategy_recreate_in_place(struct strategy_turn *turn);
/* Across the pair: forward through the steps, and back. */
bool strategy_forward_across(struct strategy_turn *turn);
bool strategy_back_across(struct strategy_turn *turn);
bool strategy_ramp(struct strategy_turn *turn, enum strategy_part up);
/* TO has N fit instances of the target build. */
bool strategy_start(struct strategy_turn *turn);
/* The evidence of the step is there; sets evidence_since. */
bool strategy_has_evidence(struct strategy_turn *turn, const struct strategy_evidence *evidence);
/* The version is quiet, then has no instance. */
bool strategy_stop(struct strategy_turn *turn, enum strategy_part part);
/* Modes of the version and its endpoints are active, but for what a person holds. */
bool strategy_activate(struct strategy_turn *turn, enum strategy_part part);
/* Whether the plan moves instances and shares together. */
bool strategy_has_ramp(const struct strategy_plan *plan);

#endif

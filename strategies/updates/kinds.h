/*
 * kinds: the table of update strategies; each is a file of its own.
 *
 * Not for callers outside strategies/updates. Shapes: a strategy has its defaults, puts its own
 * steps around the given ones (across the pair) or checks its numbers (in place), and says in one
 * sentence what it does. Errors: functions that refuse return false after they said why. Ownership:
 * constant tables. Threads: any. Pure.
 */
#ifndef STRATEGY_UPDATES_KINDS_H
#define STRATEGY_UPDATES_KINDS_H

#include "strategies/updates/text.h"
#include "strategies/updates/turn.h"

/* Own steps as given, while a strategy builds the whole list of plan->steps. */
struct strategy_own_steps {
    uint32_t count;
    struct strategy_step steps[STRATEGY_STEPS_MAX];
};

struct strategy_kind_ops {
    void (*init)(struct strategy_plan *plan);
    /* Numbers, and across the pair the whole list of steps. */
    bool (*complete)(struct strategy_plan *plan, const struct strategy_own_steps *own,
                     struct strategy_text *problem);
    uint32_t own_steps; /* that make sense: bits 1u << enum strategy_step_kind */
    bool (*in_place)(struct strategy_turn *turn); /* NULL: across the pair only */
    const char *what;                             /* what happens, and what is promised */
};

extern const struct strategy_kind_ops strategy_rolling, strategy_ramped, strategy_best_effort,
    strategy_recreate, strategy_blue_green, strategy_canary, strategy_ab, strategy_shadow,
    strategy_own_list;

const struct strategy_kind_ops *strategy_kind_of(const struct strategy_plan *plan);

/* presets.c: lists of steps */
struct strategy_step *strategy_put(struct strategy_plan *plan, enum strategy_step_kind kind);
/* START, the own steps (and RESTART where mirrors wrote to disks that are to be new again). */
void strategy_put_first(struct strategy_plan *plan, const struct strategy_own_steps *own);
/* HANDOVER, SWITCH, KEEP, STOP. */
void strategy_put_last(struct strategy_plan *plan);
/* RAMP, SWITCH, STOP: rolling, ramped and best-effort across the pair. */
bool strategy_put_ramp(struct strategy_plan *plan, struct strategy_text *problem);
bool strategy_has_own(const struct strategy_own_steps *own, enum strategy_step_kind kind);
bool strategy_refuse(struct strategy_text *problem, const char *sentence);

/* check.c, data.c: false after saying why not */
bool strategy_check_own(const struct strategy_plan *plan, const struct strategy_own_steps *own,
                        struct strategy_text *problem);
bool strategy_check_data(const struct strategy_plan *plan, const struct strategy_own_steps *own,
                         struct strategy_text *problem);
/* What the update means for the data, as lines of `update plan`. */
void strategy_tell_data(const struct strategy_plan *plan, struct strategy_text *text);

#endif

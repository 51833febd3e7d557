/*
 * planner: which step comes next in an update: plan + observation -> action. The contract of
 * strategies/updates.
 *
 * Not for carrying anything out (engine/). Level-triggered: strategy_update_next is a pure function
 * of what is, and may be asked at any moment, as often as one likes, by an engine that was killed
 * between any two lines. Its promises hold if the engine keeps these five:
 *   1. action.record is stored durably before the first command is carried out.
 *   2. Commands are carried out in order; after a failure, or anything that says the observation
 *      is stale, the rest is dropped, and the next question is asked with a new observation.
 *   3. Commands are safe to repeat. REPLACE means the very process or pod that was observed (its
 *      uid, its pid and start time): one that is already another is left alone. Changes of the
 *      rule are compare-and-swap with the revision that was observed.
 *   4. The rule is marked as ours before the plan is accepted; the mark is taken away, and shares
 *      stop being leases, only after a record with course DONE or RETURNED is stored.
 *   5. Modes and shares that a person changed are told as such (owner, is_held).
 * Units: _ms, _ppm. Errors: none; a plan that strategy_plan_complete refused, and counts above
 * their limits, are programmer mistakes (assert). Ownership: plain data, about 20 KiB an
 * observation. Threads: any. Pure: no I/O, clock, randomness, heap or state.
 */
#ifndef STRATEGY_UPDATES_PLANNER_H
#define STRATEGY_UPDATES_PLANNER_H

#include "strategies/updates/observation.h"
#include "strategies/updates/plan.h"

#define STRATEGY_COMMANDS_MAX (2 * STRATEGY_REPLICAS_MAX + 16)
#define STRATEGY_WHOLE_VERSION UINT32_MAX

/* X(enumerator, word in the log) */
#define STRATEGY_COMMAND_MAP(X)                                                                    \
    X(SET_BUILD, "set-build")     /* part, build: what new instances get; touches none */          \
    X(SCALE, "scale")             /* part, count: instances 0..count-1; the highest go first */    \
    X(REPLACE, "replace")         /* part, index: stop this instance; the version's build comes */ \
    X(DRAIN, "drain")             /* part, index or whole: no new users */                         \
    X(UNDRAIN, "undrain")         /* part, index or whole: active again */                         \
    X(CUT, "cut")                 /* part, whole: nobody; 503 with Retry-After */                  \
    X(SHARE, "share")             /* ppm: TO's share of the rule; a lease */                       \
    X(MIRROR, "mirror")           /* ppm: mirrored to TO; 0 ends it */                             \
    X(MATCH, "match")             /* on, reference: the match rules of that step are there */      \
    X(STABLE, "stable")           /* part: stable with all traffic; no matches, no mirrors */      \
    X(RESET_DISKS, "reset-disks") /* TO has no instance: its disks are recreated */                \
    X(HOOK, "hook")               /* hook, index: of the step, or of an instance of part */

enum strategy_command_kind {
#define STRATEGY_COMMAND_ENUM(name, word) STRATEGY_DO_##name,
    STRATEGY_COMMAND_MAP(STRATEGY_COMMAND_ENUM)
#undef STRATEGY_COMMAND_ENUM
        STRATEGY_COMMAND_COUNT
};

struct strategy_command {
    enum strategy_command_kind kind;
    enum strategy_part part;
    uint32_t index;            /* DRAIN, UNDRAIN, CUT: STRATEGY_WHOLE_VERSION for the version */
    uint32_t count;            /* SCALE */
    uint32_t ppm;              /* SHARE, MIRROR */
    enum strategy_build build; /* SET_BUILD */
    enum strategy_hook hook;   /* HOOK */
    bool ends_open;            /* CUT: what is open is ended too (--abort-open) */
    uint32_t reference;        /* MATCH, HOOK TEST: of the step */
};

/* Why it waits. X(enumerator, words; what `done` of `of` counts) */
#define STRATEGY_WAIT_MAP(X)                                                                       \
    X(NOTHING, "nothing")                                                                          \
    X(PROXIES, "proxies to report the revision") /* agreed of ready proxies */                     \
    X(STARTED, "instances to be ready")          /* ready of wanted */                             \
    X(UP, "every proxy to see the instances up") /* up of wanted */                                \
    X(QUIET, "open requests and bound users")    /* left */                                        \
    X(STOPPED, "instances to be gone")           /* left */                                        \
    X(TIME, "its time")                          /* ms of ms */                                    \
    X(REQUESTS, "requests")                      /* requests of demanded */                        \
    X(VERDICT, "a verdict")                                                                        \
    X(GOAL, "the goal's verdict")                                                                  \
    X(HOOK, "a hook") /* which: `hook` */                                                          \
    X(RESET, "disks to be recreated")                                                              \
    X(PROMOTE, "somebody to promote")                               /* a person */                 \
    X(UNDECIDED, "somebody to promote or abort: undecided in time") /* a person */                 \
    X(RESUME, "somebody to resume: paused")                         /* a person */                 \
    X(TAKEN_OVER, "somebody to resume or abort: taken over")        /* a person */                 \
    X(HOOK_FAILED, "somebody to retry or abort: a hook failed")     /* a person */                 \
    X(STUCK, "somebody to retry: going back makes no progress")     /* a person */

enum strategy_wait {
#define STRATEGY_WAIT_ENUM(name, words) STRATEGY_WAIT_##name,
    STRATEGY_WAIT_MAP(STRATEGY_WAIT_ENUM)
#undef STRATEGY_WAIT_ENUM
        STRATEGY_WAIT_COUNT
};

/* What to do now. Whenever the record changed or a command was carried out: ask again at once.
 * Neither, and wait = NOTHING, only when the update has ended. */
struct strategy_action {
    struct strategy_record record; /* rule 1 above; often the one that was observed */
    uint32_t count;
    struct strategy_command commands[STRATEGY_COMMANDS_MAX];
    enum strategy_wait wait; /* what comes after the commands is held up by this */
    bool is_for_person;      /* nothing goes on until somebody says something */
    uint64_t done;           /* of what is waited for, see STRATEGY_WAIT_MAP */
    uint64_t of;
    enum strategy_hook hook; /* of wait HOOK, HOOK_FAILED */
    uint64_t again_ms;       /* ask again after this at the latest; 0: when something changes */
    uint32_t finished;       /* for status: instances as they should be at the end, of N */
};

/* The next action. Asked again after every change, and after again_ms. */
void strategy_update_next(const struct strategy_plan *plan,
                          const struct strategy_observation *observation,
                          struct strategy_action *ret_action);

const char *strategy_command_word(enum strategy_command_kind kind);
const char *strategy_wait_words(enum strategy_wait wait);
const char *strategy_hook_word(enum strategy_hook hook);

#endif

/*
 * plan: what an update was asked to do; fixed from its first moment to its end.
 *
 * Not for what is (observation.h) or what to do next (planner.h). Shapes: two versions, named by
 * the part they play: FROM serves when the update begins; TO is the other one of the pair (idle;
 * in place it is not touched). N is `replicas`. A list of steps is used across the pair only;
 * strategies across the pair are presets of it. Filled in this order: strategy_plan_init (defaults
 * of a strategy), the caller's own wishes, strategy_plan_complete (presets, rounding, checks).
 * Units: _ms, _ppm (parts per million of a rule's requests). Errors: -EINVAL with one sentence for
 * people. Ownership: text fields are the caller's, and are only read by strategy_plan_describe.
 * Threads: any. Pure. Sources: the design, section 9.
 */
#ifndef STRATEGY_UPDATES_PLAN_H
#define STRATEGY_UPDATES_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STRATEGY_REPLICAS_MAX 128
#define STRATEGY_STEPS_MAX 48
#define STRATEGY_OWN_STEPS_MAX 40 /* the rest is put around them */
#define STRATEGY_ALL_PPM 1000000u
#define STRATEGY_PROBLEM_LEN 400

/* X(enumerator, word of `turnout update`) */
#define STRATEGY_KIND_MAP(X)                                                                       \
    X(ROLLING, "rolling")                                                                          \
    X(RAMPED, "ramped")                                                                            \
    X(BEST_EFFORT, "best-effort")                                                                  \
    X(RECREATE, "recreate")                                                                        \
    X(BLUE_GREEN, "blue-green")                                                                    \
    X(CANARY, "canary")                                                                            \
    X(AB, "ab")                                                                                    \
    X(SHADOW, "shadow")                                                                            \
    X(STEPS, "steps") /* update -f plan.yaml: a list of one's own */

enum strategy_kind {
#define STRATEGY_KIND_ENUM(name, word) STRATEGY_KIND_##name,
    STRATEGY_KIND_MAP(STRATEGY_KIND_ENUM)
#undef STRATEGY_KIND_ENUM
        STRATEGY_KIND_COUNT
};

/* What the disks of the instances mean: `state:`. X(enumerator, word) */
#define STRATEGY_STATE_MAP(X)                                                                      \
    X(ABSENT, "absent")           /* not said */                                                   \
    X(SHARED, "shared")           /* all instances see the same data */                            \
    X(DISPOSABLE, "disposable")   /* may be lost at any time */                                    \
    X(INDEPENDENT, "independent") /* each has its own; users who move meet other data */           \
    X(HANDOVER, "handover")       /* hooks prepare and commit move it, in one go */

enum strategy_state {
#define STRATEGY_STATE_ENUM(name, word) STRATEGY_STATE_##name,
    STRATEGY_STATE_MAP(STRATEGY_STATE_ENUM)
#undef STRATEGY_STATE_ENUM
        STRATEGY_STATE_COUNT
};

/* Kinds of steps, across the pair. "Own" ones may stand in a list of one's own; the others are put
 * around them by strategy_plan_complete. X(enumerator, key in plan.yaml or word) */
#define STRATEGY_STEP_MAP(X)                                                                       \
    X(START, "start")       /* TO gets the target build: N instances, ready, up at every proxy */  \
    X(MIRROR, "mirror")     /* own: `ppm` of the requests are mirrored to TO; 0 ends it */         \
    X(MATCH, "match")       /* own: who matches (headers, cookies, drawn users) sees TO */         \
    X(SHARE, "share")       /* own: TO's share is at least `ppm`; never lowered */                 \
    X(PAUSE, "pause")       /* own: only evidence: a time, or a person */                          \
    X(APPROVE, "approve")   /* own: a person, or the hook `confirm` */                             \
    X(TEST, "test")         /* own: the hook `test` of this step must answer well */               \
    X(RAMP, "ramp")         /* instances and shares move together, within surge, unavailable */    \
    X(HANDOVER, "handover") /* prepare; FROM cut and quiet; commit */                              \
    X(RESTART, "restart")   /* TO is stopped, its disks recreated, and started again */            \
    X(SWITCH, "switch")     /* TO becomes stable with all traffic, in one change */                \
    X(KEEP, "keep")         /* own: FROM is kept for `for_ms`: back is one switch */               \
    X(STOP, "stop")         /* FROM quiet, then stopped */

enum strategy_step_kind {
#define STRATEGY_STEP_ENUM(name, word) STRATEGY_STEP_##name,
    STRATEGY_STEP_MAP(STRATEGY_STEP_ENUM)
#undef STRATEGY_STEP_ENUM
        STRATEGY_STEP_COUNT
};

/* What a step waits for once its change has reached every proxy. All of what is set must be there;
 * a person's promote stands for all of it. Evidence has no progress deadline. */
struct strategy_evidence {
    uint64_t for_ms;   /* time since every proxy had the change */
    uint64_t requests; /* TO's answers since then; of a mirror: answered copies */
    bool verdict;      /* better or same; inconclusive is waited for. Worse is back in any step */
    bool goal;         /* the goal's verdict is anything but inconclusive (ab --metric) */
    bool person;       /* somebody promotes */
    bool confirm;      /* the hook `confirm` answers well, or somebody promotes */
};

struct strategy_step {
    enum strategy_step_kind kind;
    uint32_t ppm;                      /* MIRROR, SHARE */
    uint32_t reference;                /* the caller's own number of a match or test URL */
    struct strategy_evidence evidence; /* none: all zero */
    const char *text;                  /* for describe: "X-Version=green", a URL; or NULL */
};

/* A number or a percentage of N, as given: surge rounds up, unavailable down. */
struct strategy_amount {
    uint32_t value;
    bool is_percent;
};

/* Hooks that are configured (bits of strategy_plan.hooks); observation.h says how they answer. */
enum strategy_hook {
    STRATEGY_HOOK_BEFORE,   /* before anything: must answer well */
    STRATEGY_HOOK_AFTER,    /* told at the end; waits for nothing */
    STRATEGY_HOOK_STEP,     /* before each step: must answer well */
    STRATEGY_HOOK_INSTANCE, /* before an instance is taken away (snapshot): must answer well */
    STRATEGY_HOOK_CONFIRM,  /* evidence.confirm */
    STRATEGY_HOOK_ROLLBACK, /* told when going back begins; waits for nothing */
    STRATEGY_HOOK_PREPARE,  /* state: handover */
    STRATEGY_HOOK_COMMIT,   /* state: handover */
    STRATEGY_HOOK_TEST,     /* of a TEST step; always there */
    STRATEGY_HOOK_COUNT
};

enum strategy_on_undecided { STRATEGY_UNDECIDED_HOLD, STRATEGY_UNDECIDED_ABORT };

struct strategy_plan {
    enum strategy_kind kind;
    uint32_t replicas;                  /* N, 1 to STRATEGY_REPLICAS_MAX */
    struct strategy_amount surge;       /* as asked; see surge_count */
    struct strategy_amount unavailable; /* as asked; see unavailable_count */
    uint32_t surge_count;               /* by complete: instances above N (ramp) */
    uint32_t unavailable_count;         /* by complete: ready ones below N */
    bool is_across;                     /* by init; set by the caller for --across */
    uint32_t idle_replicas;             /* of TO when the update began: what back returns to */
    uint64_t progress_ms;               /* no progress of the platform for so long: back. 600 s */
    uint64_t drain_ms;                  /* open requests and bound users get so long. 10 s */
    uint64_t min_ready_ms;              /* ready for so long counts as ready. 0 */
    uint64_t keep_ms;                   /* FROM after the switch; blue-green 600 s, else 0 */
    uint64_t decide_within_ms;          /* evidence of one step; 0: no limit */
    enum strategy_on_undecided on_undecided;
    uint32_t hooks;      /* bits 1u << enum strategy_hook */
    uint32_t step_count; /* across the pair; own steps before complete, all after */
    struct strategy_step steps[STRATEGY_STEPS_MAX];

    /* the data contract */
    enum strategy_state state;
    bool has_disks;              /* the instances have disks of their own */
    bool accepts_separate_disks; /* --accept-separate-disks */
    bool accepts_shadow_data;    /* --accept-shadow-data */
    bool resets_disks;           /* --reset-disks */
    bool is_shadowed;            /* TO's disks hold mirrored writes from before */

    /* words for describe; NULL is "" */
    const char *from;        /* name of FROM, as "blue" */
    const char *to;          /* name of TO */
    const char *from_build;  /* as "1" */
    const char *to_build;    /* as "2" */
    const char *last_served; /* when TO served last, as "2026-11-03"; NULL unknown */
};

const char *strategy_kind_word(enum strategy_kind kind);
const char *strategy_state_word(enum strategy_state state);
const char *strategy_step_word(enum strategy_step_kind kind);

/* The defaults of a strategy: surge, unavailable, deadlines; no step. */
void strategy_plan_init(struct strategy_plan *plan, enum strategy_kind kind);

/* Adds a step of one's own (canary: one per share; ab: the match; and so on). -EINVAL if full. */
int strategy_plan_add(struct strategy_plan *plan, const struct strategy_step *step);

/* Puts the strategy's own steps around the given ones, rounds, checks. To be called once.
 * -EINVAL: ret_problem says why, in one sentence with what may be done instead. */
int strategy_plan_complete(struct strategy_plan *plan, char ret_problem[STRATEGY_PROBLEM_LEN]);

/* `turnout update plan`: what would happen, step by step, and what it means for the data. Writes
 * at most size bytes with the final 0; returns the length that it needs without it. */
size_t strategy_plan_describe(const struct strategy_plan *plan, char *ret_text, size_t size);

#endif

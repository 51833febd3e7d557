/*
 * observation: what is, at one moment, as the engine found it in the platform, in the store and at
 * every proxy; and its record, the only thing that an update remembers.
 *
 * Not for guesses: what is not known is said so (UINT32_MAX), and waited for. Shapes: instances of
 * a version stand at their index (ordinal); those not there have exists = false. Ages and times
 * are milliseconds on one clock of the engine's choosing that goes on while it is dead
 * (CLOCK_BOOTTIME, and after a boot moved by wall time); now_ms is never 0. Ownership: plain data.
 * Threads: any. Pure.
 */
#ifndef STRATEGY_UPDATES_OBSERVATION_H
#define STRATEGY_UPDATES_OBSERVATION_H

#include "strategies/traffic/strategy.h"
#include "strategies/updates/plan.h"
#include "strategies/verdict/verdict.h"

enum strategy_part { STRATEGY_FROM, STRATEGY_TO, STRATEGY_PARTS };

/* A build, relative to the version: what it had when the update began (of TO perhaps none at all),
 * what the update brings, or neither. */
enum strategy_build { STRATEGY_BUILD_STARTING, STRATEGY_BUILD_TARGET, STRATEGY_BUILD_OTHER };

/* A hook (webhook), with the engine's own retries and time limits behind it. */
enum strategy_hook_state {
    STRATEGY_HOOK_IDLE,    /* not asked yet (for this step, for this instance) */
    STRATEGY_HOOK_RUNNING, /* asked; or answered "not yet": is asked again */
    STRATEGY_HOOK_GOOD,    /* 200 to 202 */
    STRATEGY_HOOK_BAD      /* no, or its retries are used up */
};

struct strategy_instance {
    enum strategy_build build;
    bool exists;                   /* a process or pod is there, in whatever state */
    bool is_stopping;              /* asked to go, still there */
    bool is_ready;                 /* says the platform */
    uint64_t ready_for_ms;         /* how long it has been so */
    bool is_up;                    /* every ready proxy sees the endpoint up */
    enum strategy_mode mode;       /* of the endpoint, as the store says */
    bool is_held;                  /* the mode is a person's: it is left as it is */
    uint64_t mode_for_ms;          /* how long every ready proxy has had that mode */
    uint32_t open;                 /* requests open at all proxies; UINT32_MAX unknown */
    uint32_t bound;                /* users bound there; UINT32_MAX unknown */
    enum strategy_hook_state hook; /* STRATEGY_HOOK_INSTANCE for this very process or pod */
};

struct strategy_version {
    enum strategy_build build; /* what new instances would get */
    uint32_t replicas;         /* how many the platform was told to run: indexes below it */
    enum strategy_mode mode;   /* of the version as a whole */
    uint64_t mode_for_ms;      /* how long every ready proxy has had that mode */
    uint32_t open;             /* over all its endpoints and proxies; UINT32_MAX unknown */
    uint32_t bound;
    uint32_t count; /* instances[0..count): at least all that exist */
    struct strategy_instance instances[STRATEGY_REPLICAS_MAX];
};

/* Whose the rule is. The engine marks it (`owner: update 42`) before it accepts the plan. */
enum strategy_owner {
    STRATEGY_OWNER_OURS,
    STRATEGY_OWNER_GONE, /* a person's abort, cut or drain, the guard's, or a lapsed lease: back */
    STRATEGY_OWNER_OTHER /* --take-over: the update stands still until resume or abort */
};

/* The rule, as the store says. */
struct strategy_rule {
    enum strategy_owner owner;
    enum strategy_part stable;
    uint32_t share_ppm;  /* of TO; FROM has the rest */
    uint32_t mirror_ppm; /* to TO */
    bool has_match;      /* a match rule of this update sends to TO */
};

struct strategy_proxies {
    uint32_t count;  /* ready ones */
    uint32_t agreed; /* of them at the store's latest revision */
    uint32_t silent; /* of them not heard of lately */
};

/* What speaks for or against the target build. Counts and verdicts are those since
 * record.evidence_since_ms (warm-up left out); inconclusive, 0 and false where nothing is counted.
 */
struct strategy_figures {
    uint64_t requests;             /* answers of TO; in a MIRROR step answered copies */
    enum strategy_verdict verdict; /* TO against FROM (MIRROR: comparison and verdict) */
    enum strategy_verdict goal;    /* of the goal that was fixed at the start */
    bool is_over_limit;            /* error rate, p99, a query, a webhook: limits of one's own */
};

struct strategy_wishes {
    bool pause;        /* until resume */
    bool abort;        /* a person's; or the engine's at SIGTERM with --abort-on-stop */
    bool retry;        /* after stuck: the deadline starts again; the engine clears it when the
                          record's stuck is false */
    uint32_t promoted; /* evidence of steps with an index below this is given by a person:
                          promote at step k sets k + 1, promote --full UINT32_MAX */
};

enum strategy_course { STRATEGY_FORWARD, STRATEGY_BACK, STRATEGY_DONE, STRATEGY_RETURNED };

/* Why an update went back. X(enumerator, word in status, events and history) */
#define STRATEGY_CAUSE_MAP(X)                                                                      \
    X(NONE, "none")                                                                                \
    X(PERSON, "aborted")                                                                           \
    X(TAKEN_BACK, "taken back") /* at the proxy: abort, cut, drain, guard, lapsed lease */         \
    X(WORSE, "worse")                                                                              \
    X(LIMIT, "over limit")                                                                         \
    X(GOAL, "goal worse")                                                                          \
    X(UNDECIDED, "undecided")                                                                      \
    X(DEADLINE, "no progress")                                                                     \
    X(TEST, "test failed")                                                                         \
    X(HOOK, "hook failed")

enum strategy_cause {
#define STRATEGY_CAUSE_ENUM(name, word) STRATEGY_CAUSE_##name,
    STRATEGY_CAUSE_MAP(STRATEGY_CAUSE_ENUM)
#undef STRATEGY_CAUSE_ENUM
        STRATEGY_CAUSE_COUNT
};

/* What an update remembers. The planner returns the next one in every action; the engine stores it
 * durably *before* it carries out a command of that action. All zero, with step_since_ms = now, at
 * the beginning. Nobody but the planner changes it. */
struct strategy_record {
    enum strategy_course course;
    enum strategy_cause cause;  /* of BACK, RETURNED */
    bool is_stuck;              /* going back made no progress: a person must look (retry) */
    uint32_t step;              /* index into plan.steps; in place 0 */
    uint64_t step_since_ms;     /* when the step began */
    uint64_t evidence_since_ms; /* when every proxy had its change; 0: not yet */
    uint64_t waiting_since_ms;  /* the platform or the proxies are waited for since; 0: not */
    uint32_t progress;          /* the best seen in that wait */
};

struct strategy_observation {
    uint64_t now_ms;
    struct strategy_version versions[STRATEGY_PARTS];
    struct strategy_rule rule;
    struct strategy_proxies proxies;
    struct strategy_figures figures;
    struct strategy_wishes wishes;
    enum strategy_hook_state hooks[STRATEGY_HOOK_COUNT]; /* for record.step, but BEFORE, AFTER and
                                                            ROLLBACK: for the update */
    bool has_reset; /* TO's disks were recreated in this step */
    struct strategy_record record;
};

const char *strategy_cause_word(enum strategy_cause cause);

#endif

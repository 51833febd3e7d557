/*
 * world: a simulated platform, store and set of proxies, in a few bytes, for the planners' walks.
 *
 * Not for the engine: nothing here takes time. Shapes: what can happen is an event; the engine is
 * one of the movers (walk.h asks the planner and carries out commands here). Time is what can be
 * told apart: a wait is fresh or has run out, evidence is fresh, old enough, or too old.
 * WORLD_REPLICAS is set by the program: 5 where worlds are kept by the million. Every byte counts
 * as state (memcmp, hashes): padding is kept at 0. Ownership: plain values. Threads: any.
 */
#ifndef TEST_UPDATES_WORLD_H
#define TEST_UPDATES_WORLD_H

#include "strategies/updates/planner.h"

#ifndef WORLD_REPLICAS
#define WORLD_REPLICAS 5
#endif

enum world_life {
    WORLD_GONE,     /* there is none; below `replicas` the platform starts one */
    WORLD_STARTING, /* not ready */
    WORLD_UNSEEN,   /* ready, not up at every proxy */
    WORLD_READY,
    WORLD_STOPPING
};

struct world_instance {
    uint8_t life : 3;
    uint8_t is_target : 1;  /* its build */
    uint8_t is_drained : 1; /* its endpoint, by us */
    uint8_t is_quiet : 1;   /* nothing open there, or its time is over */
    uint8_t is_fallen : 1;  /* fell over, and has not served since */
};

struct world_version {
    uint8_t is_target; /* the build new instances get */
    uint8_t replicas;
    uint8_t mode;
    uint8_t is_quiet;
    uint8_t has_users; /* may have: from when it first gets some until it is quiet */
};

enum world_figures {
    WORLD_NOTHING,
    WORLD_UNDECIDED, /* enough requests, no verdict */
    WORLD_GOOD,
    WORLD_WORSE,
    WORLD_OVER_LIMIT
};

enum world_age { WORLD_UNSET, WORLD_FRESH, WORLD_OLD, WORLD_TOO_OLD };

struct world {
    struct world_instance instances[STRATEGY_PARTS][WORLD_REPLICAS];
    uint8_t instance_hooks[WORLD_REPLICAS]; /* of FROM */
    struct world_version versions[STRATEGY_PARTS];
    uint8_t stable, has_match, owner;
    uint8_t is_agreed, is_silent;
    uint8_t figures;
    uint8_t pause, abort, retry, promoted;
    uint8_t has_promoted; /* a person, ever */
    uint8_t hooks[STRATEGY_HOOK_COUNT];
    uint8_t has_reset;
    uint8_t left; /* so much more may go wrong, or be said by people */
    uint8_t course, cause, is_stuck, step, evidence, waiting, progress;
    uint32_t share_ppm, mirror_ppm;
};

#define WORLD_ENDLESS UINT8_MAX
#define WORLD_NOW_MS 1000000000u

enum world_event_kind {
    WORLD_EVENT_NONE,
    /* what a healthy platform does */
    WORLD_EVENT_START,
    WORLD_EVENT_READY,
    WORLD_EVENT_UP,
    WORLD_EVENT_STOPPED,
    WORLD_EVENT_QUIET,         /* an endpoint */
    WORLD_EVENT_VERSION_QUIET, /* a version */
    WORLD_EVENT_AGREE,
    WORLD_EVENT_SPEAK, /* a silent proxy again */
    WORLD_EVENT_HOOK_GOOD,
    WORLD_EVENT_INSTANCE_HOOK_GOOD,
    WORLD_EVENT_AGE, /* evidence grows older */
    WORLD_EVENT_GOOD,
    /* what else may happen */
    WORLD_EVENT_EXPIRE, /* the wait for the platform */
    WORLD_EVENT_CRASH,  /* the process: comes back as it was */
    WORLD_EVENT_LOSE,   /* the pod: comes back with the version's build */
    WORLD_EVENT_BLIP,   /* a proxy sees it down */
    WORLD_EVENT_SILENT,
    WORLD_EVENT_HOOK_BAD,
    WORLD_EVENT_INSTANCE_HOOK_BAD,
    WORLD_EVENT_UNDECIDED,
    WORLD_EVENT_WORSE,
    WORLD_EVENT_OVER_LIMIT,
    /* people */
    WORLD_EVENT_PAUSE,
    WORLD_EVENT_RESUME,
    WORLD_EVENT_ABORT,
    WORLD_EVENT_ABORT_AT_PROXY,
    WORLD_EVENT_PROMOTE,
    WORLD_EVENT_TAKE_OVER,
    WORLD_EVENT_TAKE_OVER_AND_SET,
    WORLD_EVENT_RETRY,
    WORLD_EVENT_COUNT
};

struct world_event {
    uint8_t kind, part, index;
};

#define WORLD_EVENTS_MAX (WORLD_REPLICAS * 12 + 64)

/* How much may go wrong. */
struct world_rules {
    uint32_t fallen_max;   /* at the same time */
    uint8_t disturbances;  /* faults, pauses, take-overs, verdicts against it, in one run;
                              WORLD_ENDLESS: no limit. Aborts and promotes are free */
    bool has_person_share; /* who takes over sets a share as well */
    bool has_unseen;       /* ready and up are two events */
    bool has_blips;
};

/* N instances with the starting build serve; TO is idle. */
void world_init(struct world *world, const struct strategy_plan *plan,
                const struct world_rules *rules);
void world_observe(const struct world *world, const struct strategy_plan *plan,
                   struct strategy_observation *ret_seen);
/* Takes over the record that an action returned. */
void world_store(struct world *world, const struct strategy_plan *plan,
                 const struct strategy_record *record);
void world_carry_out(struct world *world, const struct strategy_plan *plan,
                     const struct strategy_command *command);
uint32_t world_events(const struct world *world, const struct strategy_plan *plan,
                      const struct world_rules *rules,
                      struct world_event ret_events[WORLD_EVENTS_MAX]);
void world_happen(struct world *world, const struct strategy_plan *plan,
                  const struct world_event *event);
/* The one event that a platform in good order would bring next, if any; bad builds never get ready
 * and hooks say no where is_bad. */
bool world_find_fair(const struct world *world, const struct strategy_plan *plan, bool is_bad,
                     struct world_event *ret_event);
bool world_is_ready(const struct world_instance *instance);
uint32_t world_count_ready(const struct world *world, const struct strategy_plan *plan, int part);
uint32_t world_count_fallen(const struct world *world, const struct strategy_plan *plan, int part);
uint32_t world_count_exist(const struct world *world, const struct strategy_plan *plan, int part);
/* For people: one line. */
void world_print(const struct world *world, const struct strategy_plan *plan);
const char *world_event_word(enum world_event_kind kind);

#endif

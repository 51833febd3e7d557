/*
 * snapshot: versions, endpoints and rules of one rules revision, as the data loops read it.
 *
 * Not for editing: a change builds a new one. Everything a request needs is resolved: versions and
 * endpoints are numbers, ids are hashed, matches compiled. Lifetime: built on the control thread;
 * published to every loop; each loop counts its users in a plain integer of its own and gives the
 * snapshot back at 0; freed on the control thread when every loop has given it back. Endpoints and
 * deals outlive snapshots (reference counts touched on the control thread only). Threads:
 * immutable, but for the atomics in px_endpoint and px_deal.
 */
#ifndef PX_CONFIG_SNAPSHOT_H
#define PX_CONFIG_SNAPSHOT_H

#include "proxy/config/config.h"

#include <stdatomic.h>

#define PX_VERSIONS_MAX STRATEGY_VERSIONS_MAX
#define PX_ENDPOINTS_MAX 1000 /* per process: the size of every loop's pool table */
#define PX_RULES_MAX 128

/* One address. Lives as long as any snapshot names it; keeps health and load across revisions. */
struct px_endpoint {
    struct px_address address;
    char label[96];      /* "blue/0" : metrics, log */
    uint32_t slot;       /* 0 to PX_ENDPOINTS_MAX-1: place in every loop's pool table; free again
                            after the last reference */
    uint64_t id;         /* never used twice: tells a slot's endpoints apart */
    uint32_t index;      /* ordinal within the version */
    uint32_t version;    /* its version's counter number */
    _Atomic bool up;     /* health's word; false until the first probe answered */
    _Atomic bool probed; /* the first result is in */
    _Atomic uint64_t up_since_ms; /* monotonic: up, or back from an ejection */
    _Atomic uint32_t mode;        /* enum strategy_mode */
    _Atomic uint32_t
        in_flight; /* requests; never more than the version's max_requests; tunnels included */
    _Atomic uint32_t tunnels;
    _Atomic uint32_t copies;   /* of mirrors, under way */
    _Atomic uint32_t failures; /* of requests, in a row: proxy/upstream/outlier.h */
    _Atomic bool ejected;      /* for these failures, for a while */
    uint64_t ejections;        /* control thread: how often */
    uint32_t references;       /* control thread */
};

struct px_snapshot_version {
    const char *name;
    const char *build;
    uint64_t id;   /* hash of the name */
    uint32_t stat; /* number for counters: the same name keeps it for the life of the process */
    /* Both enum strategy_mode, its own or that of all its endpoints (strategies/traffic/modes.h);
       previous's, and set anew between build and publishing. */
    uint32_t mode;       /* to requests that belong to one endpoint */
    uint32_t loose_mode; /* to others; never milder */
    enum strategy_balance balance;
    uint32_t max_requests;
    uint64_t slow_start_ms;
    struct px_health_config health;
    struct px_endpoint **endpoints;
    uint32_t endpoint_count;
};

/* The counters that requests are dealt by. Belongs to (rule, weights): a revision that leaves both
 * alone keeps it. */
struct px_deal {
    _Atomic uint64_t n;
    uint64_t seed;
    uint32_t references; /* control thread */
};

/*
 * What the figures of a rule are about: from one change of weights, stickiness, matches, goals,
 * stable or builds to the next. Whatever leaves these alone keeps it.
 */
struct px_trial {
    uint64_t number;                            /* never used twice */
    _Atomic uint32_t failures[PX_VERSIONS_MAX]; /* in a row, by place in the rule's versions */
    _Atomic bool is_row_full[PX_VERSIONS_MAX];  /* guard's consecutive_failures were reached */
    bool is_bound_before;   /* session: users were bound while other weights were in force */
    _Atomic bool is_uneven; /* dealt while a version with weight was drained or cut */
    uint32_t references;    /* control thread */
};

struct px_snapshot_mirror {
    const struct px_mirror *mirror;
    uint32_t to; /* version number */
    struct px_deal *deal;
    uint64_t compare_id; /* of how its answers are compared: counts of two are not added */
};

struct px_snapshot_rule {
    const struct px_rule *rule;
    uint32_t stat; /* number for counters: the same name keeps it */
    uint64_t seed; /* hash of sticky.seed or the rule's name */
    uint32_t version_count;
    uint32_t versions[PX_VERSIONS_MAX]; /* version numbers, in the order of weights; then stable,
                                           with weight 0, if weights leave it out */
    uint32_t weights[PX_VERSIONS_MAX];
    uint64_t ids[PX_VERSIONS_MAX];
    uint32_t stable; /* place in versions[], or STRATEGY_NONE */
    uint32_t only;   /* place of the only version with weight, or STRATEGY_NONE */
    struct px_deal *deal;
    struct px_snapshot_mirror mirrors[PX_MIRRORS_MAX];
    uint32_t mirror_count;
    struct px_trial *trial; /* NULL: one version, no guard and no goals: nothing to find out */
    const struct px_cookie_keys *cookie_keys; /* of route/cookie.h, or NULL: not signed */
    bool is_restricted; /* a version of it is draining or cut; set as their modes are */
    /* Session bindings are a version's id ^ this; another one, after an abort, makes those before
       it void. 0 from build: set between build and publishing. */
    uint64_t binding_mask;
};

struct px_snapshot {
    uint64_t revision;
    struct px_snapshot_version *versions;
    uint32_t version_count;
    struct px_snapshot_rule *rules;
    uint32_t rule_count;
    const struct px_limits *limits;
    const struct px_prefix *trusted;
    uint32_t trusted_count;
    uint32_t loops;  /* control thread: data loops that have not given it back */
    void *loop_uses; /* worker/'s own memory (malloc'd), freed with the snapshot */

    /* private: what the snapshot keeps alive */
    struct px_config *config; /* shared with other snapshots */
    struct px_rule **owned_rules;
};

/* What lives longer than one snapshot: endpoints, deals, counter numbers, cookie keys. One per
 * process. */
struct px_registry;

/* route/cookie.h's: px_cookie_keys_load, px_cookie_keys_free. NULL: a key file refuses the build.
 */
struct px_registry_ops {
    int (*load_keys)(const char *path, char **ret_why, struct px_cookie_keys **ret_keys);
    void (*free_keys)(struct px_cookie_keys *keys);
};

int px_registry_new(const struct px_registry_ops *ops, struct px_registry **ret_registry);
void px_registry_free(struct px_registry *registry); /* after the last snapshot; NULL is fine */

/* Endpoints that some snapshot names, for the prober. i counts to px_registry_endpoint_count. */
uint32_t px_registry_endpoint_count(const struct px_registry *registry);
struct px_endpoint *px_registry_endpoint(const struct px_registry *registry, uint32_t i);

/*
 * Names behind counter numbers, for metrics. NULL past the end. A number is never given to another
 * name, or a counter would lie; so at most PX_RULES_MAX rule names and PX_VERSIONS_MAX version
 * names can be used in the life of a process, and one more is refused (-E2BIG).
 */
const char *px_registry_rule_name(const struct px_registry *registry, uint32_t stat);
const char *px_registry_version_name(const struct px_registry *registry, uint32_t stat);

struct px_snapshot_plan {
    struct px_config *config;
    struct px_rule **rules; /* config->rules: shared with it; any other array is taken over */
    uint32_t rule_count;
    uint64_t revision;
    const struct px_snapshot *previous; /* gives on deals, modes; NULL: none */
};

/*
 * Takes a reference of plan's config (px_config_ref) and takes over the rules array with its
 * rules, on success only. -ENOMEM, -E2BIG (more endpoints, rules or versions than fit), or the
 * errno of reading a key file; ret_why (malloc'd, NULL when out of memory) then says which and why.
 * A deal is kept when rule name, seed and weights are previous's; endpoints when version, ordinal
 * and address are, and one that only changed its ordinal keeps health and mode. Key files are read
 * once for each config (a reload reads them again): no abort waits for a disk.
 */
int px_snapshot_build(struct px_registry *registry, const struct px_snapshot_plan *plan,
                      char **ret_why, struct px_snapshot **ret_snapshot);

/* After every loop has given it back. NULL is fine. */
void px_snapshot_free(struct px_registry *registry, struct px_snapshot *snapshot);

/* Numbers in snapshot->versions and snapshot->rules, or STRATEGY_NONE. */
uint32_t px_snapshot_find_version(const struct px_snapshot *snapshot, const char *name);
uint32_t px_snapshot_find_rule(const struct px_snapshot *snapshot, const char *name);

#endif

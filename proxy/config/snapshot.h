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
    char label[96];        /* "blue/0" : metrics, log */
    uint32_t slot;         /* 0 to PX_ENDPOINTS_MAX-1: place in every loop's pool table */
    uint32_t index;        /* ordinal within the version */
    _Atomic bool up;       /* health's word; false until the first probe answered */
    _Atomic bool probed;   /* the first result is in */
    _Atomic uint32_t mode; /* enum strategy_mode */
    _Atomic uint32_t in_flight;
    uint32_t references; /* control thread */
};

struct px_snapshot_version {
    const char *name;
    const char *build;
    uint64_t id;   /* hash of the name */
    uint32_t stat; /* number for counters: the same name keeps it for the life of the process */
    uint32_t mode; /* enum strategy_mode */
    enum strategy_balance balance;
    uint32_t max_requests;
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

struct px_snapshot_mirror {
    const struct px_mirror *mirror;
    uint32_t to; /* version number */
    struct px_deal *deal;
};

struct px_snapshot_rule {
    const struct px_rule *rule;
    uint32_t stat; /* number for counters: the same name keeps it */
    uint64_t seed; /* hash of sticky.seed or the rule's name */
    uint32_t version_count;
    uint32_t versions[PX_VERSIONS_MAX]; /* version numbers, in the order of weights */
    uint32_t weights[PX_VERSIONS_MAX];
    uint64_t ids[PX_VERSIONS_MAX];
    uint32_t stable; /* place in versions[], or STRATEGY_NONE */
    uint32_t only;   /* place of the only version with weight, or STRATEGY_NONE */
    struct px_deal *deal;
    struct px_snapshot_mirror mirrors[PX_MIRRORS_MAX];
    uint32_t mirror_count;
    const void *cookie_keys; /* struct px_cookie_keys of route/cookie.h, or NULL: not signed */
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

    /* private: what the snapshot keeps alive */
    struct px_config *config; /* owned together with other snapshots: see px_snapshot_free */
    struct px_rule **owned_rules;
};

/* What lives longer than one snapshot: endpoints, deals, counter numbers, cookie keys. One per
 * process. */
struct px_registry;

int px_registry_new(struct px_registry **ret_registry);
void px_registry_free(struct px_registry *registry); /* after the last snapshot */

/* Endpoints that some snapshot names, for the prober and for metrics. */
uint32_t px_registry_endpoint_count(const struct px_registry *registry);
struct px_endpoint *px_registry_endpoint(const struct px_registry *registry, uint32_t i);

/* Names behind counter numbers, for metrics. NULL past the end. */
const char *px_registry_rule_name(const struct px_registry *registry, uint32_t stat);
const char *px_registry_version_name(const struct px_registry *registry, uint32_t stat);

/*
 * Takes a reference of config of its own (px_config_ref) and takes over the rules array with its
 * rules, on success only. previous (may be NULL) gives unchanged deals on. -ENOMEM, -E2BIG (more
 * endpoints, versions or rules than fit), or the errno of reading a key file (ret_why, malloc'd,
 * says which).
 */
int px_snapshot_build(struct px_registry *registry, struct px_config *config,
                      struct px_rule **rules, uint32_t rule_count, uint64_t revision,
                      const struct px_snapshot *previous, char **ret_why,
                      struct px_snapshot **ret_snapshot);

void px_snapshot_free(struct px_registry *registry, struct px_snapshot *snapshot);

#endif

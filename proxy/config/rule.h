/*
 * rule: one entry of `rules:` after all checks: matches, then weights, stickiness, mirrors.
 *
 * Not for counters or health (snapshot.h) and not for deciding (route/).
 * Shapes: strings are terminated and owned by the rule; versions are named, and resolved to numbers
 * in a snapshot. A rule is immutable once parsed: a change makes a new one (to JSON, edit, parse).
 * Units: milliseconds, ppm, bytes. Ownership: px_rule_free. Threads: read by any, made and freed on
 * the control thread.
 */
#ifndef PX_CONFIG_RULE_H
#define PX_CONFIG_RULE_H

#include "proxy/config/compare.h"
#include "strategies/traffic/strategy.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum px_match_kind { PX_MATCH_EXACT, PX_MATCH_PREFIX, PX_MATCH_REGEX, PX_MATCH_PRESENT };

struct px_match_value {
    enum px_match_kind kind;
    bool negate; /* not: true */
    char *name;  /* header, cookie or query parameter; NULL for host, path, method */
    char *text;
    void *regex; /* pcre2_code *, compiled with the rule; NULL unless PX_MATCH_REGEX */
};

/* All values of one match must hold. */
struct px_match {
    struct px_match_value *host; /* NULL: any */
    struct px_match_value *path;
    struct px_match_value *method;
    struct px_match_value *headers;
    struct px_match_value *cookies;
    struct px_match_value *query;
    uint32_t header_count;
    uint32_t cookie_count;
    uint32_t query_count;
};

struct px_weight {
    char *version;
    uint32_t weight;
};

enum px_sticky_by {
    PX_STICKY_NONE,
    PX_STICKY_COOKIE,
    PX_STICKY_HEADER,
    PX_STICKY_OWN_COOKIE,
    PX_STICKY_CLIENT_IP
};

/* `by: cookie` (ours, `name`), `by: header:NAME`, `by: cookie:NAME` (the service's own), `by:
 * client_ip` */
struct px_sticky {
    enum px_sticky_by by;
    char *name;
    char *seed;             /* default: the rule's name */
    bool affinity_session;  /* affinity: session; default user */
    bool scope_endpoint;    /* scope: endpoint; default version */
    bool on_missing_fail;   /* on_missing: fail; default spill */
    char *key_file;         /* resolved path, or NULL: ids are not signed */
    char *key_file_written; /* the same as the configuration writes it: what JSON shows */
    uint64_t max_age_ms;    /* 0: session cookie */
};

struct px_mirror {
    char *to;
    uint32_t ppm;     /* percent: 25 -> 250000 */
    uint32_t methods; /* bits 1 << enum tn_http_method; GET and HEAD unless named */
    bool sample_key;
    char **drop_headers;
    uint32_t drop_header_count;
    uint64_t max_body_bytes;    /* default 16 MiB */
    struct px_compare *compare; /* NULL: answers are discarded */
    struct px_mirror_baseline baseline;
    uint32_t keep_pairs; /* the last answers that differed, with their bodies; 0: none */
};

/* Why a request of a rule is not one that a mirror of it copies. X(enumerator, label) */
#define PX_MIRROR_PASS_MAP(X)                                                                      \
    X(NOT_SAMPLED, "not_sampled")   /* eligible, and not of the share */                           \
    X(SAME_VERSION, "same_version") /* the version that would get the copy answers itself */       \
    X(MODE, "mode")                 /* that version is draining or cut */                          \
    X(METHOD, "method")                                                                            \
    X(UPGRADE, "upgrade")                                                                          \
    X(SIZE, "size")       /* the body is said to be larger than max_body */                        \
    X(SHADOW, "shadow")   /* it is a copy already */                                               \
    X(REFUSED, "refused") /* no version was asked: an error of ours is no answer to compare with   \
                           */

enum px_mirror_pass {
#define PX_MIRROR_PASS_ENUM(name, label) PX_MIRROR_PASS_##name,
    PX_MIRROR_PASS_MAP(PX_MIRROR_PASS_ENUM)
#undef PX_MIRROR_PASS_ENUM
        PX_MIRROR_PASS_COUNT /* it is copied */
};

#define PX_NO_LIMIT UINT64_MAX

struct px_timeouts {
    uint64_t connect_ms;    /* 1 s */
    uint64_t first_byte_ms; /* 30 s; PX_NO_LIMIT: off */
    uint64_t idle_ms;       /* 5 min; PX_NO_LIMIT: off */
    uint64_t total_ms;      /* off: PX_NO_LIMIT */
};

/* When the proxy aborts the rule by itself. All off: is_set is false. */
struct px_guard {
    bool is_set;
    bool on_worse;                 /* worse: abort */
    uint32_t max_error_ppm;        /* max_error_rate: 5% -> 50000; 0: off */
    uint32_t consecutive_failures; /* 0: off */
    uint32_t min_requests;         /* before worse and max_error_rate mean anything; 50 */
};

/* A request that counts as a success of the experiment, by the user's version. */
struct px_goal {
    char *name;
    struct px_match match;
    uint32_t status_low, status_high; /* status: 2xx -> 200 to 299; both ends belong to it */
};

#define PX_GOALS_MAX 8
#define PX_MIRRORS_MAX 4

struct px_rule {
    char *name;
    struct px_match *matches; /* any of these; none: matches everything */
    uint32_t match_count;
    char *stable; /* or NULL */
    struct px_weight *weights;
    uint32_t weight_count;
    struct px_sticky sticky;
    enum strategy_on_unhealthy on_unhealthy;
    struct px_mirror mirrors[PX_MIRRORS_MAX];
    uint32_t mirror_count;
    struct px_guard guard;
    struct px_goal goals[PX_GOALS_MAX];
    uint32_t goal_count;
    struct px_timeouts timeouts;
    uint64_t max_body_bytes; /* PX_NO_LIMIT: unlimited */
    bool made_by_route;      /* `route` made it (main/ab-1) and may replace it */
    bool is_switched_off;    /* switched_off: true. abort did it: matches nothing */
    uint32_t references;     /* private; control thread */
};

/* One more user: how unchanged rules are carried into the next list. Returns rule. */
struct px_rule *px_rule_ref(struct px_rule *rule);

/* One user less; the last one frees. NULL is fine. Control thread. */
void px_rule_free(struct px_rule *rule);

/* True when a request that nothing is known of matches: the rule has no matches. */
static inline bool px_rule_matches_all(const struct px_rule *rule)
{
    return rule->match_count == 0;
}

/*
 * The rule as the configuration would write it; defaults left out, shares, durations and sizes as
 * text ("25%", "30s", "64KiB"). px_config_parse_rules reads it back without loss. New reference, or
 * NULL when out of memory.
 */
json_t *px_rule_to_json(const struct px_rule *rule);

/* Hash of how a mirror's answers are compared; never 0, unless out of memory. */
uint64_t px_compare_id(const struct px_mirror *mirror);

/* Hash of px_rule_to_json's canonical text: two rules of equal hash mean the same. 0: out of
 * memory.
 */
uint64_t px_rule_hash(const struct px_rule *rule);

#endif

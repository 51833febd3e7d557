/*
 * proxy: what the engine sees of the proxy, and how it changes its rules and modes.
 *
 * Not for deciding what to change (act.c).
 * Shapes: one admin interface; versions and endpoints as the configuration of the engine names
 * them (index = ordinal). A view is of one revision: what was read of another is read again.
 * Changes are compare-and-swap with the revision that was observed. Units: ppm, ms. Errors:
 * negative errno and a sentence; -ESTALE: the revision is another one by now; -EREMOTEIO: the proxy
 * refused, in its own words. Ownership: views are plain data. Threads: one call at a time; blocks
 * up to 2 s.
 */
#ifndef EN_PROXY_H
#define EN_PROXY_H

#include "engine/config.h"
#include "lib/client/client.h"

#include <jansson.h>

#define EN_PROXY_TIMEOUT_MS 2000

struct en_proxy_endpoint {
    bool is_up; /* probed, and not ejected */
    enum strategy_mode mode;
    uint32_t in_flight;
};

struct en_proxy_version {
    enum strategy_mode mode;
    uint32_t endpoint_count;
    struct en_proxy_endpoint endpoints[EN_INSTANCES_MAX];
    bool is_shadowed; /* got mirrored requests */
};

/* Figures since the rule's weights, matches, stable were set. */
struct en_proxy_figures {
    uint64_t requests, errors, users;
    uint64_t mirrored;  /* answered copies */
    uint64_t compared;  /* of them, with an answer to compare with */
    uint64_t different; /* of those */
    double p99_ms;      /* 0: unknown */
    double error_share; /* 0 to 1 */
    enum strategy_verdict verdict, goal;
};

/* What a change of the rule may change, as one value to compare. */
struct en_rule_state {
    uint32_t stable;                  /* version, EN_VERSIONS: none of the pair */
    uint32_t share_ppm[EN_VERSIONS];  /* of the rule's requests */
    uint32_t mirror_ppm[EN_VERSIONS]; /* to it */
    bool has_match[EN_VERSIONS];      /* a match rule that `route` made sends there */
};

struct en_proxy_view {
    uint64_t revision;
    bool is_durable;
    char rule[EN_NAME_SIZE];
    struct en_rule_state state;
    bool is_sticky;
    bool holds_users; /* some are bound to a version or endpoint whatever the weights say */
    bool has_others;  /* versions besides the pair have weight */
    struct en_proxy_version versions[EN_VERSIONS];
    struct en_proxy_figures figures[EN_VERSIONS];
};

struct en_proxy {
    const struct en_config *config;
    struct tn_client client;
};

void en_proxy_init(struct en_proxy *proxy, const struct en_config *config,
                   const struct tn_clock *clock);

/* rule: NULL: the last one. goal: NULL: none. */
int en_proxy_observe(struct en_proxy *proxy, const char *rule, const char *goal,
                     struct en_proxy_view *ret_view, char **ret_why);

/*
 * One change: method and target as the proxy's openapi.yaml, body taken over (NULL: -ENOMEM).
 * *revision: expected before, in force after (of what is done with or without effect).
 */
int en_proxy_change(struct en_proxy *proxy, const char *method, const char *target, json_t *body,
                    uint64_t *revision, char **ret_why);

/* PUT of what makes no revision; body taken over. */
int en_proxy_put(struct en_proxy *proxy, const char *target, json_t *body, char **ret_why);

/* GET as JSON; a new reference. */
int en_proxy_get(struct en_proxy *proxy, const char *target, json_t **ret_json, char **ret_why);

/* --- proxy_view.c: JSON to view ------------------------------------------------------------------
 */

/* -ENOENT with a sentence when the rule or a version of the pair is not there. */
int en_proxy_read_status(const struct en_config *config, const json_t *status,
                         struct en_proxy_view *view, char **ret_why);
int en_proxy_read_rules(const struct en_config *config, const json_t *rules, const char *rule,
                        struct en_proxy_view *view, char **ret_why);
void en_proxy_read_share(const struct en_config *config, const json_t *share, const char *goal,
                         struct en_proxy_view *view);

#endif

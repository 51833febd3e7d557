/*
 * route: one request's head to one decision: which rule, version, endpoint, and which mirrors.
 *
 * Not for sending anything; explain uses the very same code with `dry` set, so it cannot lie.
 * Shapes: a request as views, a decision as numbers into the snapshot. Called once per request,
 * when its head is valid; a retry asks px_route_endpoint() again with the endpoints tried, and
 * never changes the version. Errors: a decision without version carries the status for the client
 * (503). A regex that runs into its limit doesn't match, and explain says so. Ownership: the
 * decision keeps nothing; set_cookie points into the decision. Threads: data loops, and the control
 * thread for explain; per-loop state is in px_route_loop.
 */
#ifndef PX_ROUTE_ROUTE_H
#define PX_ROUTE_ROUTE_H

#include "lib/base/random.h"
#include "lib/http/message.h"
#include "proxy/config/snapshot.h"

#define PX_TRIES_MAX 4
#define PX_SET_COOKIE_MAX 320

/* What one loop keeps for routing: where its round robin stands, its randomness, its regex memory.
 */
struct px_route_loop {
    struct tn_random random;
    uint64_t start;                       /* hash of proxy and loop */
    uint64_t now_ms;                      /* monotonic; the caller keeps it: slow start */
    uint64_t endpoint_n[PX_VERSIONS_MAX]; /* by version stat */
    void *regex_memory;                   /* pcre2_match_data */
    void *regex_context;                  /* with the match limit */
};

/* proxy_id: any number that tells proxies apart. 0 or -ENOMEM. */
int px_route_loop_init(struct px_route_loop *loop, uint64_t proxy_id, uint32_t loop_index);
void px_route_loop_deinit(struct px_route_loop *loop);

struct px_route_request {
    const struct tn_http_head *head;
    const struct sockaddr *client; /* after trusted_proxies */
    bool https;                    /* X-Forwarded-Proto from a trusted peer says so */
    uint64_t wall_s;               /* for cookie expiry */
};

struct px_decision {
    uint32_t rule;     /* number in snapshot->rules, or STRATEGY_NONE: no rule matches */
    uint32_t version;  /* number in snapshot->versions, or STRATEGY_NONE */
    uint32_t wanted;   /* the version asked for before failover */
    uint32_t endpoint; /* place in the version's endpoints, or STRATEGY_NONE */
    enum strategy_reason reason;
    bool has_key;
    bool has_slot;
    bool gets_key;         /* explain: a newcomer, whose id is not drawn here */
    bool is_pinned;        /* scope: endpoint, and it is the user's own: no other will do */
    bool is_spilled;       /* scope: endpoint, and the user's endpoint was gone */
    bool has_endpoint_key; /* the endpoint is chosen by endpoint_key */
    uint64_t key;
    uint64_t endpoint_key;
    uint64_t slot;
    uint32_t mirrors;                   /* bit i: rule->mirrors[i] is to be sent a copy */
    uint8_t passes[PX_MIRRORS_MAX];     /* enum px_mirror_pass, of each mirror of the rule */
    uint32_t refused_status;            /* when version is STRATEGY_NONE */
    uint16_t set_cookie_len;            /* 0: none */
    char set_cookie[PX_SET_COOKIE_MAX]; /* value of Set-Cookie; not terminated */
};

/* One line of explain per step; words of the configuration. NULL on the request path. */
struct px_explain {
    void (*step)(void *context, const char *line);
    void *context;
};

/*
 * explain != NULL: nothing is taken (no slot, no random id), steps are told; a slot rule then says
 * which slot is next.
 */
void px_route_decide(const struct px_snapshot *snapshot, struct px_route_loop *loop,
                     const struct px_route_request *request, const struct px_explain *explain,
                     struct px_decision *ret_decision);

/*
 * explain: may the request meet the endpoint at this place of the version? One place when a key
 * decides; else every one that is open, because each loop has a turn of its own.
 */
bool px_route_may_meet(const struct px_snapshot *snapshot, const struct px_decision *decision,
                       uint32_t place);

/* May the endpoint that was decided still be used? It may have gone while the request waited. */
bool px_route_is_open(const struct px_snapshot *snapshot, const struct px_decision *decision);

/*
 * Another endpoint of decision->version that is not in tried (places), or STRATEGY_NONE: none is
 * up, or the user belongs to one endpoint only (on_missing: fail).
 */
uint32_t px_route_endpoint(const struct px_snapshot *snapshot, struct px_route_loop *loop,
                           const struct px_decision *decision, const uint32_t *tried,
                           uint32_t tried_count);

/*
 * The endpoint that the copy for rule->mirrors[i] goes to: place in that version's endpoints, or
 * STRATEGY_NONE. A user bound to an ordinal meets the same ordinal in the shadow.
 */
uint32_t px_route_mirror_endpoint(const struct px_snapshot *snapshot, struct px_route_loop *loop,
                                  const struct px_decision *decision, uint32_t i);

#endif

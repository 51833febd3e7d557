/*
 * strategy: which version answers, which endpoint, mirrored or not: the contract of
 * strategies/traffic.
 *
 * Not for matching requests, hashing keys or keeping counters: those arrive as plain numbers
 * (proxy/route). Shapes: weights are relative, 0 to 1,000,000; ids are stable 64-bit hashes of
 * names, so that an answer does not depend on the order of a list; n is the running number of a
 * slot, from 0; key is a 64-bit hash of a user's key. Versions are named by their place in the
 * candidates; STRATEGY_NONE means "nobody". Units: none but counts. Errors: none; arguments out of
 * range are programmer mistakes (assert). Ownership: nothing is kept. Pure: no I/O, clock,
 * randomness, heap or state. Threads: any. Sources: Thaler, Ravishankar 1998 (rendezvous); weighted
 * form by -ln(u)/w: Schindelhauer, Schomaker 2005.
 */
#ifndef STRATEGY_TRAFFIC_STRATEGY_H
#define STRATEGY_TRAFFIC_STRATEGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STRATEGY_VERSIONS_MAX 16
#define STRATEGY_WEIGHT_MAX 1000000u
#define STRATEGY_ENDPOINTS_MAX 4096
#define STRATEGY_WARM 1000u
#define STRATEGY_NONE UINT32_MAX

/* splitmix64: spreads any 64-bit number. An id and a key are joined as mix(key ^ mix(id)). */
uint64_t strategy_mix(uint64_t x);

/*
 * slots: whom the n-th request of a rule goes to.
 * Two versions: in each stratum [jW/w, (j+1)W/w) the j-th slot of the smaller weight w lies at a
 * place chosen by hash(seed, j). More: a tree of such pairs. Error from the start below log2(count)
 * rounded up, in any window below twice that. O(count), any n. Sum of weights must be > 0; a
 * version of weight 0 is never chosen.
 */
uint32_t strategy_slot(uint64_t seed, const uint32_t *weights, uint32_t count, uint64_t n);

/* rendezvous: whom a key goes to, STRATEGY_NONE if all weights are 0. A key moves from i to j only
 * if w_j/w_i rose. */
uint32_t strategy_rendezvous(uint64_t key, const uint64_t *ids, const uint32_t *weights,
                             uint32_t count);

enum strategy_mode { STRATEGY_ACTIVE, STRATEGY_DRAINING, STRATEGY_CUT };
enum strategy_on_unhealthy { STRATEGY_FAIL, STRATEGY_FAILOVER };

/* X(enumerator, word in logs, explain and metrics) */
#define STRATEGY_REASON_MAP(X)                                                                     \
    X(ONLY, "only")               /* the rule has one version with weight */                       \
    X(SLOT, "slot")               /* dealt by the shared counter */                                \
    X(NEWCOMER, "newcomer")       /* dealt, and issued a cookie */                                 \
    X(KEY, "key")                 /* decided by the key's hash */                                  \
    X(BOUND, "bound")             /* affinity: session */                                          \
    X(STABLE, "stable")           /* nobody with weight may take it (cut, draining) */             \
    X(FAILOVER, "failover")       /* the version asked for has no endpoint up */                   \
    X(UNAVAILABLE, "unavailable") /* nobody can answer: 503 */

enum strategy_reason {
#define STRATEGY_REASON_ENUM(name, word) STRATEGY_REASON_##name,
    STRATEGY_REASON_MAP(STRATEGY_REASON_ENUM)
#undef STRATEGY_REASON_ENUM
        STRATEGY_REASON_COUNT
};

const char *strategy_reason_word(enum strategy_reason reason);

struct strategy_candidate {
    uint64_t id;
    uint32_t weight;
    uint8_t mode; /* enum strategy_mode */
    bool up;      /* has an endpoint that can answer */
};

struct strategy_version_question {
    const struct strategy_candidate *candidates;
    uint32_t count;
    uint64_t seed;
    bool has_key;
    bool is_newcomer; /* without a key now, but will be given one: takes a slot */
    uint64_t key;
    uint64_t n;           /* slot number; read only when has_key is false */
    uint32_t bound;       /* candidate that a binding names, or STRATEGY_NONE */
    uint8_t on_unhealthy; /* enum strategy_on_unhealthy */
    uint32_t stable;      /* who takes what nobody with weight may, or STRATEGY_NONE */
};

struct strategy_version_answer {
    uint32_t index;  /* STRATEGY_NONE: refuse with 503 */
    uint32_t wanted; /* before failover; what share and verdict are charged to */
    enum strategy_reason reason;
};

/*
 * Order of force: cut > binding > weights; then health. A cut version's share goes to the others in
 * proportion, else to stable, else nobody; a failed one's likewise with on_unhealthy: failover. A
 * draining version keeps users with a key or binding and gets no new ones (slots, newcomers).
 */
void strategy_choose_version(const struct strategy_version_question *question,
                             struct strategy_version_answer *ret_answer);

/*
 * Ids for newcomers are drawn until the hash lands in the version that the slot named. True when
 * `key` would go to candidates[wanted] under the same question with has_key set.
 */
bool strategy_key_lands_in(const struct strategy_version_question *question, uint64_t key,
                           uint32_t wanted);

/*
 * The key to try next, from 64 random bits: even over all keys that may land in candidates[wanted],
 * so that at most 40 tries are expected however small its share.
 */
uint64_t strategy_key_propose(const struct strategy_version_question *question, uint32_t wanted,
                              uint64_t random);

struct strategy_endpoint {
    uint32_t index; /* ordinal: identity for rendezvous */
    uint32_t in_flight;
    uint32_t cold; /* slow start: thousandths of its share that it does not get yet; 0: warm */
    uint8_t mode;  /* enum strategy_mode */
    bool up;
    bool tried; /* by an earlier try of this request */
    bool full;  /* has as many requests as it may have: passed over */
};

enum strategy_balance {
    STRATEGY_ROUND_ROBIN,
    STRATEGY_LEAST_REQUESTS,
    STRATEGY_HASH,
    STRATEGY_BALANCE_COUNT
};

struct strategy_endpoint_question {
    const struct strategy_endpoint *endpoints;
    uint32_t count;
    uint64_t n;   /* running number of this loop and version, started at a hashed place */
    bool has_key; /* scope: endpoint, or balance: hash */
    uint64_t key;
};

/* A way to choose an endpoint: the configuration's word, and who it is (or STRATEGY_NONE). */
struct strategy_balance_ops {
    const char *name;
    uint32_t (*choose)(const struct strategy_endpoint_question *question);
};

const struct strategy_balance_ops *strategy_balance_ops(enum strategy_balance balance);

/* By the configuration's word; NULL when there is none of that name. */
const struct strategy_balance_ops *strategy_find_balance(const char *name,
                                                         enum strategy_balance *ret_balance);

/*
 * slow_start: an endpoint that has just come up gets a tenth of its share at first and more with
 * time, in a straight line. 0 to 900 for strategy_endpoint.cold; up to a slow start of a year.
 */
uint32_t strategy_cold(uint64_t up_for_ms, uint64_t slow_start_ms);

/* mirror_sample: whether the n-th eligible request of a mirror is mirrored, as slots of ppm out of
 * 1,000,000: 25 % of 10,000 is 2,500 +-1. */
bool strategy_mirror_sample(uint64_t seed, uint32_t ppm, uint64_t n);

/* sample: key: whether this user is mirrored; more ppm only adds users. */
bool strategy_mirror_sample_key(uint64_t seed, uint32_t ppm, uint64_t key);

#endif

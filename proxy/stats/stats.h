/*
 * stats: what one loop counts, and the sum over loops.
 *
 * Not for health or configuration. Rules and versions are named by their `stat` numbers
 * (snapshot.h). Shapes: plain integers, written by one loop only; a cell per (rule, version) exists
 * from the moment a snapshot that names the pair is adopted, so that counting never allocates.
 * PX_STATS_NOBODY is the version of requests that no version answered, PX_STATS_NO_RULE the rule of
 * requests refused before any rule was asked. Units: counts, microseconds, bytes. Errors: -ENOMEM
 * from the two that allocate. Ownership: px_stats_free. Threads: one at a time; a loop copies its
 * own between two events.
 */
#ifndef PX_STATS_STATS_H
#define PX_STATS_STATS_H

#include "proxy/compare/ledger.h"
#include "proxy/stats/trial.h"

#define PX_STATS_NOBODY PX_VERSIONS_MAX
#define PX_STATS_NO_RULE PX_RULES_MAX

/* Upper bounds in microseconds; the last bucket is +Inf. */
extern const uint64_t px_stats_bucket_us[PX_STATS_BUCKETS - 1];

/* Codes with a counter of their own; others are counted by class ("2xx"). Fixed, so that metrics
 * stay bounded. */
#define PX_STATS_CODES 40
uint32_t px_stats_code_index(unsigned status);
const char *px_stats_code_label(uint32_t index); /* NULL past the end */

struct px_stats_cell {
    uint64_t codes[PX_STATS_CODES];
    uint64_t decisions[STRATEGY_REASON_COUNT];
    uint64_t buckets[PX_STATS_BUCKETS];
    uint64_t duration_us;
    uint64_t client_bytes_in, client_bytes_out;
    uint64_t aborted;                         /* answers broken off after their head */
    uint64_t failed_over;                     /* charged here although another version answered */
    uint64_t failed_over_to[PX_VERSIONS_MAX]; /* which one: by its stat; the sum is failed_over */
    uint64_t spilled;                         /* to another endpoint than the user's own */
    int64_t in_flight; /* per loop it may be counted anywhere; the sum is right */
    uint64_t tunnels;  /* gauge: open ones, which are in flight as well */
    uint64_t tunnels_opened;
};

/* X(enumerator, label) */
#define PX_MIRROR_DROP_MAP(X)                                                                      \
    X(IN_FLIGHT, "in_flight") /* 256 under way */                                                  \
    X(BUFFER, "buffer")       /* it lags more than mirror_buffer before its first byte went */     \
    X(MEMORY, "memory")       /* 16 MiB of the process are used */                                 \
    X(NO_ENDPOINT, "no_endpoint")                                                                  \
    X(CONNECT, "connect") /* refused, or the connection was gone before its first byte went */     \
    X(CONNECT_TIMEOUT, "connect_timeout")                                                          \
    X(CLIENT_LEFT, "client_left")                                                                  \
    X(LIMIT, "limit") /* body larger than max_body */                                              \
    X(STOPPED, "stopped")                                                                          \
    X(TIMEOUT, "timeout") /* mirror_total was over before its first byte went */
#define PX_MIRROR_FAIL_MAP(X)                                                                      \
    X(TIMEOUT, "timeout")                                                                          \
    X(RESET, "reset")                                                                              \
    X(PROTOCOL, "protocol")                                                                        \
    X(BUFFER, "buffer")                                                                            \
    X(CLIENT_LEFT, "client_left")                                                                  \
    X(LIMIT, "limit")                                                                              \
    X(STOPPED, "stopped")                                                                          \
    X(MEMORY, "memory")

enum px_mirror_drop {
#define PX_MIRROR_DROP_ENUM(name, label) PX_MIRROR_DROP_##name,
    PX_MIRROR_DROP_MAP(PX_MIRROR_DROP_ENUM)
#undef PX_MIRROR_DROP_ENUM
        PX_MIRROR_DROP_COUNT
};

enum px_mirror_fail {
#define PX_MIRROR_FAIL_ENUM(name, label) PX_MIRROR_FAIL_##name,
    PX_MIRROR_FAIL_MAP(PX_MIRROR_FAIL_ENUM)
#undef PX_MIRROR_FAIL_ENUM
        PX_MIRROR_FAIL_COUNT
};

const char *px_mirror_pass_label(enum px_mirror_pass reason);
const char *px_mirror_drop_label(enum px_mirror_drop reason);
const char *px_mirror_fail_label(enum px_mirror_fail reason);

/*
 * Requests that the rule took = selected + passed_over.
 * selected = sent + dropped + queued; sent (first byte written) = answered + failed + in flight.
 * Always: queued and in_flight are what is left over.
 */
struct px_stats_mirror {
    uint64_t selected, sent, answered;
    uint64_t dropped[PX_MIRROR_DROP_COUNT];
    uint64_t failed[PX_MIRROR_FAIL_COUNT];
    uint64_t passed_over[PX_MIRROR_PASS_COUNT];
    uint64_t compared[PX_COMPARE_RESULT_COUNT]; /* of a baseline as well */
    uint64_t compare_waiting;                   /* gauge */
};

uint64_t px_stats_mirror_queued(const struct px_stats_mirror *mirror);
uint64_t px_stats_mirror_in_flight(const struct px_stats_mirror *mirror);

struct px_stats_endpoint {
    uint64_t requests, connects, connect_failures, resets;
    uint64_t open, idle; /* gauges */
};

/* Of requests that waited for max_requests. */
struct px_stats_version {
    uint64_t queue_waits, queue_timeouts, queue_full;
    uint64_t queued; /* gauge */
};

#define PX_RETRY_MAP(X)                                                                            \
    X(CONNECT, "connect") /* nothing was sent */                                                   \
    X(REUSED, "reused")   /* a pooled connection died before any byte of the answer */

enum px_retry {
#define PX_RETRY_ENUM(name, label) PX_RETRY_##name,
    PX_RETRY_MAP(PX_RETRY_ENUM)
#undef PX_RETRY_ENUM
        PX_RETRY_COUNT
};

const char *px_retry_label(enum px_retry reason);

struct px_stats {
    struct px_stats_cell *cells[PX_RULES_MAX + 1][PX_VERSIONS_MAX + 1];
    struct px_stats_mirror *mirrors[PX_RULES_MAX][PX_VERSIONS_MAX];
    struct px_stats_trial *trials[PX_RULES_MAX];      /* of the newest snapshot, by rule */
    struct px_stats_trial *next_trials[PX_RULES_MAX]; /* made ready */
    struct px_stats_mirror
        *baselines[PX_RULES_MAX]; /* second requests to the version that answers */
    struct px_ledger *ledgers[PX_RULES_MAX][PX_VERSIONS_MAX]; /* of mirrors that compare */
    bool has_ledgers; /* of a sum: false, it is made without them, for they are large */
    struct px_stats_endpoint endpoints[PX_ENDPOINTS_MAX]; /* by px_endpoint.slot */
    struct px_stats_version versions[PX_VERSIONS_MAX];    /* by px_snapshot_version.stat */
    uint64_t retries[PX_RETRY_COUNT];
    uint64_t client_connections; /* gauge */
    uint64_t client_connections_total;
    uint64_t client_refused; /* over the connection cap */
    uint64_t client_slow_readers;
    uint64_t memory_refused;  /* connections and requests */
    uint64_t accept_failures; /* for want of descriptors or memory */
    uint64_t log_dropped;
    uint64_t revision; /* of the snapshot that new requests get; the sum keeps the lowest */
    uint64_t mirror_memory_bytes;
    uint64_t mirror_pair_bytes; /* of a sum: gauge */
};

int px_stats_new(struct px_stats **ret_stats);
void px_stats_free(struct px_stats *stats);

/* All memory that px_stats_adopt() of this snapshot needs, which then can't fail; nothing that
 * counts is touched. -ENOMEM. */
int px_stats_prepare(struct px_stats *stats, const struct px_snapshot *snapshot);

/* Makes the cells that this snapshot can count in. */
int px_stats_adopt(struct px_stats *stats, const struct px_snapshot *snapshot);

/* into += from. */
int px_stats_add(struct px_stats *into, const struct px_stats *from);

/* The rule's trial, if it is the one that requests of this snapshot belong to; else NULL. */
static inline struct px_stats_trial *px_stats_trial(const struct px_stats *stats,
                                                    const struct px_snapshot_rule *rule)
{
    struct px_stats_trial *trial = stats->trials[rule->stat];

    return trial && rule->trial && trial->number == rule->trial->number ? trial : NULL;
}

#endif

/*
 * trial: what one loop counts of a rule's trial, for verdicts and guards, and the sum over loops.
 *
 * Not for judging (strategies/verdict, admin/finding.h). Shapes: plain integers, written by one
 * loop only, made when a snapshot is adopted, so that counting never allocates. Memory is bounded:
 * 30 KiB for each version of a sticky rule, and 8 KiB more for each goal. Errors: -ENOMEM.
 * Ownership: px_stats_trial_free. Threads: as stats.h.
 */
#ifndef PX_STATS_TRIAL_H
#define PX_STATS_TRIAL_H

#include "proxy/config/snapshot.h"
#include "strategies/verdict/verdict.h"

#define PX_STATS_BUCKETS 20 /* of durations: px_stats_bucket_us */

/*
 * One trial of a rule (snapshot.h): what its verdicts are made of. Judged are requests that the
 * version answered or failed to (session/judge.c); a request that went elsewhere because the
 * version could not answer is its failure. Users are known by their key, and counted where the
 * rule is sticky.
 */
#define PX_STATS_USER_BITS 65536

struct px_stats_bits {
    uint64_t words[PX_STATS_USER_BITS / 64];
};

struct px_stats_crowd {
    struct px_stats_bits seen;                        /* a bit by hash for every user */
    struct strategy_counts buckets[STRATEGY_BUCKETS]; /* all users of the version */
    /* as many users of stable as of this version, and the reverse; not of stable itself */
    struct strategy_counts own[STRATEGY_BUCKETS], stable[STRATEGY_BUCKETS];
    struct px_stats_bits reached[]; /* for every goal: who got there */
};

struct px_stats_arm {
    uint64_t requests, errors;
    uint64_t buckets[PX_STATS_BUCKETS]; /* of their durations */
    uint64_t dealt;                     /* slots */
    uint64_t issued;                    /* new keys */
    uint64_t goals[PX_GOALS_MAX];       /* requests */
    struct px_stats_crowd *crowd;       /* NULL: users are not known */
};

struct px_stats_trial {
    uint64_t number; /* of px_trial */
    uint32_t goal_count;
    uint32_t arm_count;         /* versions of the rule, by place */
    struct px_stats_arm arms[]; /* arm_count */
};

/* Zeros for this rule's trial, which is not NULL. NULL: no memory. */
struct px_stats_trial *px_stats_trial_new(const struct px_snapshot_rule *rule);
void px_stats_trial_free(struct px_stats_trial *trial); /* NULL is fine */

/* into += from, of one rule; the newer trial wins. from may be NULL. -ENOMEM. */
int px_stats_trial_add(struct px_stats_trial **into, const struct px_stats_trial *from);

void px_stats_bits_set(struct px_stats_bits *bits, uint64_t key);
uint64_t px_stats_bits_count(const struct px_stats_bits *bits);

#endif

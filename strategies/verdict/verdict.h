/*
 * verdict: what the figures of two versions say: the contract of strategies/verdict.
 *
 * Not for counting (proxy/stats), and not for acting on it (proxy/admin, the guard).
 * Shapes: counts go in, intervals and words come out; nothing is remembered between calls. Every
 * interval and every word is anytime-valid: with 95 % it holds at *all* looks together, however
 * often and whenever somebody looks (docs/notes/0007, with sources). "stable" is the version that
 * abort goes back to, "candidate" one that is compared with it. Units: shares are 0 to 1, times
 * what the bounds of a histogram are in. Errors: none; impossible counts are programmer mistakes
 * (assert). Ownership: nothing is kept. Pure: no I/O, clock, randomness, heap or state. Threads:
 * any.
 */
#ifndef STRATEGY_VERDICT_VERDICT_H
#define STRATEGY_VERDICT_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#define STRATEGY_VERDICT_ERROR 0.05 /* what all looks at one comparison may be wrong with */
#define STRATEGY_BUCKETS 256        /* of users by hash */

/* A share, or a difference of two, and where it lies. */
struct strategy_interval {
    double value, low, high;
};

/* So many of so many: requests that failed, users who reached a goal. */
struct strategy_counts {
    uint64_t events, of;
};

/* --- intervals: one version --------------------------------------------------------------------
 */

/* Units are independent: requests that were dealt, users. Nothing counted: 0 to 1, value 0. */
void strategy_share_interval(const struct strategy_counts *counts,
                             struct strategy_interval *ret_interval);

/* Requests of users: each bucket holds those of the users whose hash falls into it. */
void strategy_share_interval_by_user(const struct strategy_counts buckets[STRATEGY_BUCKETS],
                                     struct strategy_interval *ret_interval);

/* --- differences: candidate minus stable -------------------------------------------------------
 */

/* Units are independent. Nothing counted on one side: -1 to 1, value 0. */
void strategy_difference(const struct strategy_counts *candidate,
                         const struct strategy_counts *stable,
                         struct strategy_interval *ret_interval);

/*
 * Requests of users, who may be as different from each other as they like: a few may make most of
 * the requests. Both groups must be drawn alike and be of the same expected size (of the larger
 * one, keep strategy_user_is_kept).
 */
void strategy_difference_by_user(const struct strategy_counts candidate[STRATEGY_BUCKETS],
                                 const struct strategy_counts stable[STRATEGY_BUCKETS],
                                 struct strategy_interval *ret_interval);

/* Which bucket the user of this 64-bit key is counted in: independent of where the key goes. */
uint32_t strategy_user_bucket(uint64_t key);

/* Whether a user of a version of weight `own` is kept for a comparison with one of weight `other`.
 */
bool strategy_user_is_kept(uint64_t key, uint32_t own, uint32_t other);

/* --- words -------------------------------------------------------------------------------------
 */

/* X(enumerator, word) */
#define STRATEGY_VERDICT_MAP(X)                                                                    \
    X(INCONCLUSIVE, "inconclusive") /* not yet enough to say anything */                           \
    X(BETTER, "better")             /* fails less often than stable */                             \
    X(SAME, "same")                 /* the difference is within the margin */                      \
    X(WORSE, "worse")               /* fails more often than stable */

enum strategy_verdict {
#define STRATEGY_VERDICT_ENUM(name, word) STRATEGY_VERDICT_##name,
    STRATEGY_VERDICT_MAP(STRATEGY_VERDICT_ENUM)
#undef STRATEGY_VERDICT_ENUM
        STRATEGY_VERDICT_COUNT
};

const char *strategy_verdict_word(enum strategy_verdict verdict);

/* Differences up to this are called "same": a fifth of stable's share, at least 0.1 % points. */
double strategy_margin(double stable_share);

/* Of events that are bad. The whole interval within the margin: same; else by its side of 0. */
enum strategy_verdict strategy_judge(const struct strategy_interval *difference, double margin);

/*
 * How many of the candidate's units must be counted before an error share that is twice stable's is
 * found with at least 90 %. `part` is the candidate's part of both versions' requests.
 */
double strategy_sample(double stable_share, double part);

/* The same in requests of users, from what was counted of both so far: the more their errors and
 * requests come from few of them, the more it takes. Negative: not known before both have errors.
 */
double strategy_sample_by_user(const struct strategy_counts candidate[STRATEGY_BUCKETS],
                               const struct strategy_counts stable[STRATEGY_BUCKETS]);

/* --- is the split what was asked for -----------------------------------------------------------
 */

/* Dealt by slots: every window of dealt requests is within `bound` of its share. */
bool strategy_slots_mismatch(const uint64_t *counts, const uint32_t *weights, uint32_t count,
                             double bound);

/* Drawn by hash or issued as keys: false alarms in at most one of 1,000 rules, ever. counts may be
 * estimates: doubles. */
bool strategy_keys_mismatch(const double *counts, const uint32_t *weights, uint32_t count);

/* How many users, from a table of `size` bits in which each has set one by hash; variance is what
 * the estimate adds. All set: as many as can be told apart. */
double strategy_users(uint64_t set, uint64_t size, double *ret_variance);

/* --- times -------------------------------------------------------------------------------------
 */

/* The value below which `part` of a histogram lies; bounds has count - 1 entries, the last bucket
 * has no end. Negative: nothing counted. */
double strategy_quantile(const uint64_t *buckets, const uint64_t *bounds, uint32_t count,
                         double part);

/* --- alarm: an error share that is too high, now ------------------------------------------------
 */

/* The caller's, zeros at the start: what came since the share was last surely below the limit. */
struct strategy_alarm {
    double evidence;
    uint64_t requests, errors;
};

/*
 * Adds what was counted since the last call. True when the latest requests fail more often than
 * `limit` beyond doubt: as unlikely as 1 in 10,000 stretches at the limit. Old good requests don't
 * outweigh new bad ones. requests and errors are then those of the stretch.
 */
bool strategy_alarm_add(struct strategy_alarm *alarm, double limit, uint64_t requests,
                        uint64_t errors);

#endif

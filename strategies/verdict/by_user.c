#include "strategies/traffic/mix.h"
#include "strategies/verdict/verdict.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

/* Salts of a key: bucket and sample must not depend on where the key goes, nor on each other. */
#define BUCKET_SALT 0x6275636b65747321u
#define SAMPLE_SALT 0x73616d706c657321u
/* Where the bound is tightest, in squared errors: some dozens of them. */
#define TUNED_FOR 8.0
#define HALVINGS 48

uint32_t strategy_user_bucket(uint64_t key)
{
    return strategy_scale(strategy_mix64(key ^ BUCKET_SALT), STRATEGY_BUCKETS);
}

bool strategy_user_is_kept(uint64_t key, uint32_t own, uint32_t other)
{
    return own <= other || strategy_scale(strategy_mix64(key ^ SAMPLE_SALT), own) < other;
}

struct sums {
    double requests, errors;
};

static struct sums sum(const struct strategy_counts buckets[STRATEGY_BUCKETS])
{
    struct sums sums = {0, 0};

    for (uint32_t i = 0; i < STRATEGY_BUCKETS; i++) {
        assert(buckets[i].events <= buckets[i].of);
        sums.requests += (double)buckets[i].of;
        sums.errors += (double)buckets[i].events;
    }
    return sums;
}

/*
 * What each bucket has too many: u - d w, where d is the value that is asked about. Of many buckets
 * only sums of squares are needed.
 */
struct line {
    double u, w;       /* sums */
    double uu, uw, ww; /* sums of products */
};

static void add_bucket(struct line *line, double u, double w)
{
    line->u += u;
    line->w += w;
    line->uu += u * u;
    line->uw += u * w;
    line->ww += w * w;
}

/*
 * Summands that are as likely positive as negative (alike versions: who is whose user is the toss
 * of a coin) make exp(λS - λ²V/2) an expectation of at most 1, whatever their tails (de la Peña
 * 1999); mixed over normal λ this is the bound. S: their sum, V: the sum of their squares.
 */
static bool is_allowed(const struct line *line, double value)
{
    double s = line->u - value * line->w;
    double v = line->uu - 2 * value * line->uw + value * value * line->ww;

    v = v > 0 ? v : 0;
    return s * s < (v + TUNED_FOR) * (log1p(v / TUNED_FOR) - 2 * log(STRATEGY_VERDICT_ERROR));
}

static double end_of(const struct line *line, double inside, double outside)
{
    if (is_allowed(line, outside))
        return outside;
    for (int i = 0; i < HALVINGS; i++) {
        double middle = (inside + outside) / 2;

        if (is_allowed(line, middle))
            inside = middle;
        else
            outside = middle;
    }
    return outside;
}

void strategy_share_interval_by_user(const struct strategy_counts buckets[STRATEGY_BUCKETS],
                                     struct strategy_interval *ret_interval)
{
    struct sums all = sum(buckets);
    struct line line = {0};
    double share;

    if (!(all.requests > 0)) {
        *ret_interval = (struct strategy_interval){0, 0, 1};
        return;
    }
    share = all.errors / all.requests;
    for (uint32_t i = 0; i < STRATEGY_BUCKETS; i++)
        add_bucket(&line, (double)buckets[i].events, (double)buckets[i].of);
    *ret_interval =
        (struct strategy_interval){share, end_of(&line, share, 0), end_of(&line, share, 1)};
}

void strategy_difference_by_user(const struct strategy_counts candidate[STRATEGY_BUCKETS],
                                 const struct strategy_counts stable[STRATEGY_BUCKETS],
                                 struct strategy_interval *ret_interval)
{
    struct sums own = sum(candidate);
    struct sums other = sum(stable);
    double requests = own.requests + other.requests;
    struct line line = {0};
    double share;
    double value;

    if (!(own.requests > 0) || !(other.requests > 0)) {
        *ret_interval = (struct strategy_interval){0, -1, 1};
        return;
    }
    share = (own.errors + other.errors) / requests;
    for (uint32_t i = 0; i < STRATEGY_BUCKETS; i++) {
        double first = (double)candidate[i].of;
        double second = (double)stable[i].of;
        double u = ((double)candidate[i].events - share * first) -
                   ((double)stable[i].events - share * second);

        add_bucket(&line, u, (first * other.requests + second * own.requests) / requests);
    }
    value = own.errors / own.requests - other.errors / other.requests;
    *ret_interval =
        (struct strategy_interval){value, end_of(&line, value, -1), end_of(&line, value, 1)};
}

/* Simulated (docs/notes/0007), with Pareto users whose own error shares differ. */
double strategy_sample_by_user(const struct strategy_counts candidate[STRATEGY_BUCKETS],
                               const struct strategy_counts stable[STRATEGY_BUCKETS])
{
    struct sums own = sum(candidate);
    struct sums other = sum(stable);
    double clustered = 0; /* how many errors come at once, as if they came in such heaps */
    double heavy = 0;     /* how many requests the user of a request makes, likewise */

    if (!(own.errors > 0) || !(other.errors > 0))
        return -1;
    for (uint32_t i = 0; i < STRATEGY_BUCKETS; i++) {
        double first = (double)candidate[i].of;
        double second = (double)stable[i].of;
        double error = ((double)candidate[i].events - own.errors / own.requests * first) -
                       ((double)stable[i].events - other.errors / other.requests * second);
        double part = first / own.requests - second / other.requests;

        clustered += error * error;
        heavy += part * part;
    }
    clustered /= own.errors + other.errors;
    heavy *= own.requests * other.requests / (own.requests + other.requests);
    return 80 * (clustered > 1 ? clustered : 1) * other.requests / other.errors + 20 * heavy;
}

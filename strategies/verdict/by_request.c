#include "strategies/verdict/mixture.h"

#define COMPONENTS 10
#define SHAPE 1.5 /* of each Beta: about one order of magnitude wide */
/* Half for which side of 0, half for how far: the two halves together are never wrong more often
 * than STRATEGY_VERDICT_ERROR. */
#define HALF_ERROR (STRATEGY_VERDICT_ERROR / 2)
#define HALVINGS 32 /* an end is right to 2^-32, and rather too far out */
#define STEPS 60
#define TINY 1e-10

static double log_add(double a, double b)
{
    double high = a > b ? a : b;
    double low = a > b ? b : a;

    return high + log1p(exp(low - high));
}

double strategy_log_mixture(const struct strategy_counts *candidate,
                            const struct strategy_counts *stable)
{
    double alike = -INFINITY; /* both from the same component */
    double alone = -INFINITY; /* stable's component says nothing about the candidate */
    double mean = 0.5;

    for (int i = 0; i < COMPONENTS; i++, mean /= 4) {
        double other = SHAPE * (1 - mean) / mean;
        double first = strategy_log_beta_mixture(candidate, SHAPE, other);
        double second = stable ? strategy_log_beta_mixture(stable, SHAPE, other) : 0;

        alike = i == 0 ? first + second : log_add(alike, first + second);
        alone = i == 0 ? second : log_add(alone, second);
    }
    alone += strategy_log_beta_mixture(candidate, 0.5, 0.5);
    return log_add(alike, alone) - log(2 * COMPONENTS);
}

/* --- how far: all differences that the counts allow ---------------------------------------------
 */

struct pair {
    const struct strategy_counts *candidate, *stable;
    double limit; /* log-likelihoods above this are not yet ruled out */
};

/*
 * The share of stable at which the pair is likeliest, the difference held fast: where the slope of
 * the log-likelihood, which falls, is 0. Newton's steps, or halves where those lead out.
 */
static double best_share(const struct pair *pair, double difference)
{
    double events[2] = {(double)pair->candidate->events, (double)pair->stable->events};
    double others[2] = {(double)pair->candidate->of - events[0],
                        (double)pair->stable->of - events[1]};
    double low = difference < 0 ? -difference : 0;
    double high = difference > 0 ? 1 - difference : 1;
    double share = (low + high) / 2;

    for (int i = 0; i < STEPS && high - low > TINY * high; i++) {
        double slope = 0;
        double bend = 0;

        for (int k = 0; k < 2; k++) {
            double own = k == 0 ? share + difference : share;

            slope += events[k] / own - others[k] / (1 - own);
            bend += events[k] / (own * own) + others[k] / ((1 - own) * (1 - own));
        }
        if (slope > 0)
            low = share;
        else
            high = share;
        if (fabs(slope) < TINY * bend * share)
            break;
        share += slope / bend;
        if (!(share > low && share < high))
            share = (low + high) / 2;
    }
    return share;
}

/* The highest log-likelihood that the pair of shares may have with this difference. */
static double likelihood_at(const struct pair *pair, double difference)
{
    double share = best_share(pair, difference);

    return strategy_log_likelihood(pair->stable, share) +
           strategy_log_likelihood(pair->candidate, share + difference);
}

static double end_of(const struct pair *pair, double inside, double outside)
{
    for (int i = 0; i < HALVINGS; i++) {
        double middle = (inside + outside) / 2;

        if (likelihood_at(pair, middle) > pair->limit)
            inside = middle;
        else
            outside = middle;
    }
    return outside;
}

/* --- which side: whose events are they -----------------------------------------------------------
 */

/*
 * If the versions are alike, each event is the candidate's with the candidate's share of the units,
 * whatever the error share was at that moment (so an outage of both doesn't count against one). The
 * events' owners against that share: again a mixture, of one stream, without an unknown.
 */
static bool is_one_sided(const struct strategy_counts *candidate,
                         const struct strategy_counts *stable)
{
    struct strategy_counts owners = {candidate->events, candidate->events + stable->events};
    double share = (double)candidate->of / ((double)candidate->of + (double)stable->of);
    double smaller = share < 0.5 ? share : 1 - share;
    double a = SHAPE * share / smaller;
    double b = SHAPE * (1 - share) / smaller;

    return strategy_log_beta_mixture(&owners, a, b) - strategy_log_likelihood(&owners, share) >=
           -log(HALF_ERROR);
}

void strategy_difference(const struct strategy_counts *candidate,
                         const struct strategy_counts *stable,
                         struct strategy_interval *ret_interval)
{
    struct pair pair = {candidate, stable, 0};
    struct strategy_interval found = {0, -1, 1};

    assert(candidate->events <= candidate->of && stable->events <= stable->of);
    if (candidate->of > 0 && stable->of > 0) {
        pair.limit = strategy_log_mixture(candidate, stable) + log(HALF_ERROR);
        found.value = (double)candidate->events / (double)candidate->of -
                      (double)stable->events / (double)stable->of;
        found.low = end_of(&pair, found.value, -1);
        found.high = end_of(&pair, found.value, 1);
        if (is_one_sided(candidate, stable)) {
            if (found.value > 0 && found.low < 0)
                found.low = 0;
            else if (found.value < 0 && found.high > 0)
                found.high = 0;
        }
    }
    *ret_interval = found;
}

/* Simulated (docs/notes/0007): 90 % are found by 30 errors of stable's share, 60 at half and half.
 */
double strategy_sample(double stable_share, double part)
{
    assert(stable_share > 0 && part < 1);
    return 36 / (stable_share * (1 - part));
}

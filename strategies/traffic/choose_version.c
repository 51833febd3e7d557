#include "strategies/traffic/mix.h"
#include "strategies/traffic/modes.h"
#include "strategies/traffic/slots.h"
#include "strategies/traffic/strategy.h"

#include <assert.h>
#include <math.h>

/* A rare version's id is looked for among the keys whose time is at most this many mean times of
 * the winner; e^-40 of them are missed: fewer than one step of the 2^53 that a time has. */
#define REACH 40.0

struct pick {
    uint64_t ids[STRATEGY_VERSIONS_MAX];
    uint32_t weights[STRATEGY_VERSIONS_MAX];
    uint32_t count;
    uint32_t total;
    uint32_t positive; /* how many have weight, and the last of them */
    uint32_t last;
};

/* What each candidate may get: of a draining one only those who are decided by their key. */
static void weigh(const struct strategy_version_question *question, bool has_key, bool only_up,
                  struct pick *ret_pick)
{
    assert(question->count > 0 && question->count <= STRATEGY_VERSIONS_MAX);
    ret_pick->count = question->count;
    ret_pick->total = 0;
    ret_pick->positive = 0;
    for (uint32_t i = 0; i < question->count; i++) {
        const struct strategy_candidate *candidate = &question->candidates[i];
        bool is_open =
            candidate->mode == STRATEGY_ACTIVE || (candidate->mode == STRATEGY_DRAINING && has_key);

        ret_pick->ids[i] = candidate->id;
        ret_pick->weights[i] = is_open && (candidate->up || !only_up) ? candidate->weight : 0;
        ret_pick->total += ret_pick->weights[i];
        if (ret_pick->weights[i] > 0) {
            ret_pick->positive++;
            ret_pick->last = i;
        }
    }
}

/* Where a share goes that nobody with weight may take. */
static uint32_t find_stable(const struct strategy_version_question *question)
{
    uint32_t stable = question->stable;

    if (stable == STRATEGY_NONE || question->candidates[stable].mode != STRATEGY_ACTIVE)
        return STRATEGY_NONE;
    return stable;
}

static bool has_one_weight(const struct strategy_version_question *question)
{
    uint32_t weighty = 0;

    for (uint32_t i = 0; i < question->count; i++)
        weighty += question->candidates[i].weight > 0;
    return weighty == 1;
}

static uint32_t choose_by_key(const struct strategy_version_question *question, uint64_t key)
{
    struct pick pick;

    weigh(question, true, false, &pick);
    if (pick.total == 0)
        return find_stable(question);
    return strategy_rendezvous(key, pick.ids, pick.weights, pick.count);
}

/* ret_rank: what a failed version's slots are dealt again by. */
static uint32_t choose_wanted(const struct strategy_version_question *question, uint64_t *ret_rank,
                              enum strategy_reason *ret_reason)
{
    bool is_dealt = question->is_newcomer || !question->has_key;
    struct pick pick;

    *ret_rank = question->n;
    if (question->bound != STRATEGY_NONE &&
        question->candidates[question->bound].mode != STRATEGY_CUT) {
        *ret_reason = STRATEGY_REASON_BOUND;
        return question->bound;
    }
    weigh(question, !is_dealt, false, &pick);
    if (pick.total == 0) {
        *ret_reason = STRATEGY_REASON_STABLE;
        return find_stable(question);
    }
    if (question->is_newcomer)
        *ret_reason = STRATEGY_REASON_NEWCOMER;
    else if (has_one_weight(question))
        *ret_reason = STRATEGY_REASON_ONLY;
    else
        *ret_reason = is_dealt ? STRATEGY_REASON_SLOT : STRATEGY_REASON_KEY;
    if (pick.positive == 1) /* all slots and keys are its own */
        return pick.last;
    if (is_dealt)
        return strategy_slot_rank(question->seed, pick.weights, pick.count, question->n, ret_rank);
    return strategy_rendezvous(question->key, pick.ids, pick.weights, pick.count);
}

bool strategy_has_taker(const struct strategy_version_question *question)
{
    enum strategy_reason reason;
    uint64_t rank;

    return choose_wanted(question, &rank, &reason) != STRATEGY_NONE;
}

static uint32_t fail_over(const struct strategy_version_question *question, uint64_t rank)
{
    bool has_key = question->has_key && !question->is_newcomer;
    struct pick pick;

    weigh(question, has_key, true, &pick);
    if (pick.total == 0) {
        uint32_t stable = find_stable(question);

        return stable != STRATEGY_NONE && question->candidates[stable].up ? stable : STRATEGY_NONE;
    }
    if (has_key)
        return strategy_rendezvous(question->key, pick.ids, pick.weights, pick.count);
    return strategy_slot(strategy_mix64(question->seed), pick.weights, pick.count, rank);
}

void strategy_choose_version(const struct strategy_version_question *question,
                             struct strategy_version_answer *ret_answer)
{
    enum strategy_reason reason;
    uint64_t rank;
    uint32_t wanted = choose_wanted(question, &rank, &reason);
    uint32_t index = wanted;

    if (wanted != STRATEGY_NONE && !question->candidates[wanted].up) {
        index = STRATEGY_NONE;
        if (question->on_unhealthy == STRATEGY_FAILOVER)
            index = fail_over(question, rank);
        reason = STRATEGY_REASON_FAILOVER;
    }
    ret_answer->index = index;
    ret_answer->wanted = wanted;
    ret_answer->reason = index == STRATEGY_NONE ? STRATEGY_REASON_UNAVAILABLE : reason;
}

bool strategy_key_lands_in(const struct strategy_version_question *question, uint64_t key,
                           uint32_t wanted)
{
    return choose_by_key(question, key) == wanted;
}

/* The upper 64 bits of a product. */
static uint64_t multiply_high(uint64_t a, uint64_t b)
{
    uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX);
    uint64_t middle = (a >> 32) * (b & UINT32_MAX) + (low >> 32);
    uint64_t middle2 = (a & UINT32_MAX) * (b >> 32) + (middle & UINT32_MAX);

    return (a >> 32) * (b >> 32) + (middle >> 32) + (middle2 >> 32);
}

/*
 * The winner's time is exponential of rate W (all weights), so a key that lands in a version of
 * weight w has, but for e^-REACH of them, a time t < REACH/W there: its u = e^-wt lies above
 * e^-(REACH w/W). Keys are drawn evenly from just these, by undoing the hash. Whether one lands in
 * the version is asked afterwards, so those that do are as even as if all had been tried.
 */
uint64_t strategy_key_propose(const struct strategy_version_question *question, uint32_t wanted,
                              uint64_t random)
{
    struct pick pick;
    double share;
    uint64_t range;

    weigh(question, true, false, &pick);
    if (pick.weights[wanted] == 0)
        return random;
    share = (double)pick.weights[wanted] / pick.total;
    if (share * REACH >= 1)
        return random;
    range = (uint64_t)(-expm1(-share * REACH) * 0x1p64);
    return strategy_unmix64(UINT64_MAX - multiply_high(random, range)) ^
           strategy_mix64(pick.ids[wanted]);
}

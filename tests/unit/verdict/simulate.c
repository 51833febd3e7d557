#include "tests/unit/verdict/simulate.h"

#include "strategies/traffic/strategy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST 50 /* requests of each version before anybody looks */
#define WHOLE 10000

static double draw(uint64_t *random)
{
    return ((double)(strategy_mix((*random)++) >> 11) + 0.5) / 9007199254740992.0;
}

static bool toss(uint64_t *random, double share)
{
    return draw(random) < share;
}

static void judge(const struct strategy_interval *difference, struct test_run *run)
{
    enum strategy_verdict verdict = strategy_judge(difference, 0);

    run->is_worse = verdict == STRATEGY_VERDICT_WORSE;
    run->was_better = run->was_better || verdict == STRATEGY_VERDICT_BETTER;
}

static void count(struct strategy_counts *counts, bool is_event)
{
    counts->of++;
    counts->events += is_event;
}

struct test_run test_run_requests(uint64_t seed, const struct test_requests *plan)
{
    uint32_t weights[2] = {(uint32_t)(plan->part * WHOLE), 0};
    struct strategy_counts candidate = {0, 0};
    struct strategy_counts stable = {0, 0};
    struct test_run run = {0};
    uint64_t random = strategy_mix(seed);
    uint64_t slots = random++;
    double sample = strategy_sample(plan->stable, plan->part);

    weights[1] = WHOLE - weights[0];
    for (uint64_t n = 0; n < plan->most && !run.is_worse; n++) {
        bool is_candidate =
            plan->is_dealt ? strategy_slot(slots, weights, 2, n) == 0 : toss(&random, plan->part);
        bool is_outage = plan->has_outages && n % 1000 < 50;
        bool is_error = toss(&random, is_outage      ? 0.3
                                      : is_candidate ? plan->candidate
                                                     : plan->stable);

        count(is_candidate ? &candidate : &stable, is_error);
        if (candidate.of < LEAST || stable.of < LEAST)
            continue;
        /* after every error, and now and then between them: nothing else makes a difference */
        if (is_error || n % 64 == 0) {
            struct strategy_interval difference;

            strategy_difference(&candidate, &stable, &difference);
            judge(&difference, &run);
        }
        run.has_sample = (double)candidate.of >= sample;
        if (run.has_sample && plan->ends_at_sample)
            break;
    }
    run.requests = candidate.of;
    return run;
}

/* --- users --------------------------------------------------------------------------------------
 */

struct user {
    uint64_t key;
    double share; /* of its errors, as a multiple */
    bool is_candidate;
};

struct request {
    float at;
    uint32_t user;
};

struct crowd {
    struct user *users;
    struct request *requests;
    size_t request_count, room;
};

static int compare(const void *a, const void *b)
{
    float x = ((const struct request *)a)->at;
    float y = ((const struct request *)b)->at;

    return (x > y) - (x < y);
}

static void add_user(struct crowd *crowd, const struct test_users *plan, uint32_t place,
                     uint64_t *random)
{
    struct user *user = &crowd->users[place];
    double requests = pow(draw(random), -1 / plan->tail);
    double z = sqrt(-2 * log(draw(random))) * cos(6.283185307179586 * draw(random));
    bool is_short = plan->stay == TEST_STAY_FOR_A_WHILE;
    double from = is_short ? draw(random) : 0;
    double stay = is_short ? (1 - from) * draw(random) : 1;

    if (requests > 2.0 * plan->count)
        requests = 2.0 * plan->count;
    user->key = strategy_mix((*random)++);
    user->share = exp(plan->differ * z - plan->differ * plan->differ / 2);
    if (plan->is_heavy_worse)
        user->share *= pow(requests, 0.3) / 1.5;
    user->is_candidate = toss(random, plan->part);
    for (uint32_t i = 0; i < (uint32_t)requests; i++) {
        if (crowd->request_count == crowd->room) {
            crowd->room = 2 * crowd->room + 1024;
            crowd->requests = realloc(crowd->requests, crowd->room * sizeof(*crowd->requests));
            if (!crowd->requests)
                abort();
        }
        crowd->requests[crowd->request_count++] =
            (struct request){(float)(from + stay * draw(random)), place};
    }
}

struct groups {
    struct strategy_counts candidate[STRATEGY_BUCKETS], stable[STRATEGY_BUCKETS];
    struct strategy_counts all[2];
};

static void look(const struct groups *groups, const struct test_users *plan, struct test_run *run)
{
    struct strategy_interval difference;

    if (plan->by_request)
        strategy_difference(&groups->all[0], &groups->all[1], &difference);
    else
        strategy_difference_by_user(groups->candidate, groups->stable, &difference);
    judge(&difference, run);
}

static bool is_enough(const struct groups *groups)
{
    double sample = strategy_sample_by_user(groups->candidate, groups->stable);

    return sample > 0 && (double)groups->all[0].of >= sample;
}

static void play(const struct crowd *crowd, const struct test_users *plan, uint64_t *random,
                 struct test_run *run)
{
    uint32_t part = (uint32_t)(plan->part * WHOLE);
    struct groups groups;

    memset(&groups, 0, sizeof(groups));
    for (size_t i = 0; i < crowd->request_count && !run->is_worse; i++) {
        const struct user *user = &crowd->users[crowd->requests[i].user];
        double share = user->share * (user->is_candidate ? plan->candidate : plan->stable);
        bool is_error = toss(random, share);
        uint32_t own = user->is_candidate ? part : WHOLE - part;
        struct strategy_counts *buckets = user->is_candidate ? groups.candidate : groups.stable;

        run->requests += user->is_candidate;
        if (!strategy_user_is_kept(user->key, own, WHOLE - own))
            continue;
        count(&buckets[strategy_user_bucket(user->key)], is_error);
        count(&groups.all[!user->is_candidate], is_error);
        if (groups.all[0].of < LEAST || groups.all[1].of < LEAST)
            continue;
        if (is_error)
            look(&groups, plan, run);
        if (i % 64 == 0 && plan->ends_at_sample && !run->is_worse && is_enough(&groups)) {
            run->has_sample = true;
            return;
        }
    }
}

struct test_run test_run_users(uint64_t seed, const struct test_users *plan)
{
    struct crowd crowd = {calloc(plan->count, sizeof(*crowd.users)), NULL, 0, 0};
    struct test_run run = {0};
    uint64_t random = strategy_mix(seed);

    if (!crowd.users)
        abort();
    for (uint32_t i = 0; i < plan->count; i++)
        add_user(&crowd, plan, i, &random);
    qsort(crowd.requests, crowd.request_count, sizeof(*crowd.requests), compare);
    play(&crowd, plan, &random, &run);
    free(crowd.requests);
    free(crowd.users);
    return run;
}

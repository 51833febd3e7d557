/*
 * simulate: requests and users of two versions, looked at all the time.
 *
 * Not for production. Shapes: a run draws its traffic from `seed` alone, so it can be repeated. It
 * ends with the first "worse", or when the traffic does. Units: shares 0 to 1. Threads: one test.
 */
#ifndef TESTS_UNIT_VERDICT_SIMULATE_H
#define TESTS_UNIT_VERDICT_SIMULATE_H

#include "strategies/verdict/verdict.h"

struct test_run {
    bool is_worse;
    bool was_better;   /* at some look */
    uint64_t requests; /* of the candidate, when it ended */
    bool has_sample;   /* what is stated to be enough had been counted by then */
};

struct test_requests {
    double part; /* the candidate's */
    double candidate, stable;
    uint64_t most;       /* requests of both */
    bool is_dealt;       /* by slots, else by a coin */
    bool has_outages;    /* of both: now and then every third request fails */
    bool ends_at_sample; /* of strategy_sample() */
};

struct test_run test_run_requests(uint64_t seed, const struct test_requests *plan);

enum test_stay { TEST_STAY_FOR_A_WHILE, TEST_STAY_ALL_THE_TIME };

struct test_users {
    double part;
    double candidate, stable;
    uint32_t count;
    double tail;         /* of the Pareto distribution of their requests: 1.5 has no variance */
    double differ;       /* log-normal deviation of their own error shares; 0: all alike */
    bool is_heavy_worse; /* who makes more requests fails more often */
    enum test_stay stay;
    bool by_request;     /* judged as if requests were independent: how it is not to be done */
    bool ends_at_sample; /* of strategy_sample_by_user() */
};

struct test_run test_run_users(uint64_t seed, const struct test_users *plan);

#endif

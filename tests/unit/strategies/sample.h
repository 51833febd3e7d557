/*
 * sample: repeatable random questions for the tests of strategies/.
 *
 * Not for production. Shapes: every draw moves `state` on. Threads: one test.
 */
#ifndef TESTS_UNIT_STRATEGIES_SAMPLE_H
#define TESTS_UNIT_STRATEGIES_SAMPLE_H

#include "strategies/traffic/strategy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static inline uint64_t test_draw(uint64_t *state)
{
    return strategy_mix((*state)++);
}

/* Weights of four kinds: small, percents, any, far apart. At least two are above 0. */
static inline void test_draw_weights(uint64_t *state, uint32_t count, uint32_t *ret_weights)
{
    uint64_t kind = test_draw(state) % 4;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t random = test_draw(state);

        switch (kind) {
        case 0:
            ret_weights[i] = (uint32_t)(1 + random % 10);
            break;
        case 1:
            ret_weights[i] = (uint32_t)(1 + random % 100);
            break;
        case 2:
            ret_weights[i] = (uint32_t)(1 + random % STRATEGY_WEIGHT_MAX);
            break;
        default:
            ret_weights[i] = 1u << random % 19;
        }
    }
}

static inline uint64_t test_sum(const uint32_t *weights, uint32_t count)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < count; i++)
        total += weights[i];
    return total;
}

/* Squared standard deviations between what was counted and `trials` draws of probability `share`.
 */
static inline double test_deviations(double counted, double trials, double share)
{
    double difference = counted - trials * share;
    double variance = trials * share * (1 - share);

    return variance > 0 ? difference * difference / variance : difference == 0 ? 0 : 1e9;
}

/* 25 is five standard deviations. Seeds are fixed, so a test that passes stays passed. */
#define TEST_FIVE_SIGMA 25.0

#define test_assert_at_most(value, most)                                                           \
    do {                                                                                           \
        double test_value_ = (value);                                                              \
        double test_most_ = (most);                                                                \
        if (!(test_value_ <= test_most_))                                                          \
            fail_msg("%s is %.4f, at most %.4f", #value, test_value_, test_most_);                 \
    } while (0)

#endif

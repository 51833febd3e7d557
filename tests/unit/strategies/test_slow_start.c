#include "tests/unit/strategies/sample.h"

#define TURNS 40000

static void test_slow_start_rises_in_a_straight_line(void **state)
{
    (void)state;
    assert_int_equal(strategy_cold(0, 30000), 900);
    assert_int_equal(strategy_cold(10000, 30000), 600);
    assert_int_equal(strategy_cold(15000, 30000), 450);
    assert_int_equal(strategy_cold(29999, 30000), 0);
    assert_int_equal(strategy_cold(30000, 30000), 0);
    assert_int_equal(strategy_cold(UINT64_MAX, 30000), 0);
    assert_int_equal(strategy_cold(0, 0), 0);
    assert_int_equal(strategy_cold(0, 1), 900);
    assert_int_equal(strategy_cold(0, 31536000000), 900); /* a year */
    for (uint64_t ms = 1; ms < 30000; ms++)
        assert_true(strategy_cold(ms, 30000) <= strategy_cold(ms - 1, 30000));
}

/* As many turns as it is warm, compared with all the others, whoever is closed or full. */
static void test_slow_start_round_robin_deals_by_warmth(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (int trial = 0; trial < 60; trial++) {
        struct strategy_endpoint endpoints[6] = {{0}};
        struct strategy_endpoint_question question = {.endpoints = endpoints};
        uint32_t counted[6] = {0};
        uint32_t warmth = 0;

        question.count = (uint32_t)(2 + test_draw(&random) % 5);
        for (uint32_t i = 0; i < question.count; i++) {
            endpoints[i].index = i;
            endpoints[i].up = i < 2 || test_draw(&random) % 4 > 0;
            endpoints[i].full = i >= 2 && test_draw(&random) % 4 == 0;
            endpoints[i].cold = test_draw(&random) % 2 ? 0 : (uint32_t)(test_draw(&random) % 901);
            if (endpoints[i].up && !endpoints[i].full)
                warmth += STRATEGY_WARM - endpoints[i].cold;
        }
        question.n = test_draw(&random);
        for (uint32_t i = 0; i < TURNS; i++, question.n++) {
            uint32_t place = strategy_balance_ops(STRATEGY_ROUND_ROBIN)->choose(&question);

            assert_true(endpoints[place].up && !endpoints[place].full);
            counted[place]++;
        }
        for (uint32_t i = 0; i < question.count; i++) {
            double share = (STRATEGY_WARM - endpoints[i].cold) / (double)warmth;

            if (endpoints[i].up && !endpoints[i].full)
                test_assert_at_most(test_deviations(counted[i], TURNS, share), TEST_FIVE_SIGMA);
        }
    }
}

/* After a start of everything at once nobody is favoured, and turns are exact. */
static void test_slow_start_of_all_alike_changes_nothing(void **state)
{
    struct strategy_endpoint endpoints[4] = {{0}};
    struct strategy_endpoint_question question = {.endpoints = endpoints, .count = 4};

    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        endpoints[i] = (struct strategy_endpoint){.index = i, .up = true, .cold = 700};
    for (question.n = 0; question.n < 400; question.n++)
        assert_int_equal(strategy_balance_ops(STRATEGY_ROUND_ROBIN)->choose(&question),
                         question.n % 4);
}

static void test_slow_start_least_requests_weighs_requests(void **state)
{
    struct strategy_endpoint endpoints[2] = {{.index = 0, .up = true},
                                             {.index = 1, .up = true, .cold = 900}};
    struct strategy_endpoint_question question = {.endpoints = endpoints, .count = 2};

    (void)state;
    for (uint32_t busy = 0; busy < 20; busy++) {
        endpoints[0].in_flight = busy;
        for (question.n = 0; question.n < 4; question.n++) {
            uint32_t place = strategy_balance_ops(STRATEGY_LEAST_REQUESTS)->choose(&question);

            /* a tenth warm and idle: as busy as one with nine requests */
            if (busy != 9)
                assert_int_equal(place, busy < 9 ? 0 : 1);
        }
    }
}

static void test_slow_start_moves_no_user(void **state)
{
    struct strategy_endpoint endpoints[3] = {{0}};
    struct strategy_endpoint_question question = {
        .endpoints = endpoints, .count = 3, .has_key = true};

    (void)state;
    for (uint32_t i = 0; i < 3; i++)
        endpoints[i] = (struct strategy_endpoint){.index = i, .up = true};
    for (question.key = 0; question.key < 300; question.key++) {
        uint32_t home;

        endpoints[1].cold = 0;
        home = strategy_balance_ops(STRATEGY_HASH)->choose(&question);
        endpoints[1].cold = 900;
        assert_int_equal(strategy_balance_ops(STRATEGY_HASH)->choose(&question), home);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_start_rises_in_a_straight_line),
        cmocka_unit_test(test_slow_start_round_robin_deals_by_warmth),
        cmocka_unit_test(test_slow_start_of_all_alike_changes_nothing),
        cmocka_unit_test(test_slow_start_least_requests_weighs_requests),
        cmocka_unit_test(test_slow_start_moves_no_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

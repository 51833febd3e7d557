#include "strategies/traffic/strategy.h"
#include "strategies/verdict/verdict.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char *judged(double low, double value, double high, double margin)
{
    struct strategy_interval difference = {value, low, high};

    return strategy_verdict_word(strategy_judge(&difference, margin));
}

static void test_words_follow_from_the_interval_and_the_margin(void **state)
{
    (void)state;
    assert_string_equal(judged(-0.02, 0.001, 0.02, 0.01), "inconclusive");
    assert_string_equal(judged(-0.009, 0.001, 0.009, 0.01), "same");
    assert_string_equal(judged(0.001, 0.005, 0.009, 0.01), "same");
    assert_string_equal(judged(0.001, 0.01, 0.02, 0.01), "worse");
    assert_string_equal(judged(-0.02, -0.01, -0.001, 0.01), "better");
    assert_string_equal(judged(0, 0.01, 0.02, 0.005), "worse");
    assert_string_equal(judged(0, 0, 0, 0), "same");
    assert_string_equal(judged(-1, 0, 1, 0.01), "inconclusive");
}

static void test_words_margin_is_a_fifth_and_never_nothing(void **state)
{
    (void)state;
    assert_true(strategy_margin(0) == 0.001);
    assert_true(strategy_margin(0.004) == 0.001);
    assert_true(fabs(strategy_margin(0.05) - 0.01) < 1e-12);
}

/* --- quantiles -----------------------------------------------------------------------------------
 */

static void test_words_quantiles_lie_between_the_bounds(void **state)
{
    static const uint64_t bounds[] = {100, 200, 400};
    static const uint64_t buckets[] = {50, 40, 9, 1};
    static const uint64_t none[4] = {0};

    (void)state;
    assert_true(fabs(strategy_quantile(buckets, bounds, 4, 0.5) - 100) < 1e-9);
    assert_true(fabs(strategy_quantile(buckets, bounds, 4, 0.9) - 200) < 1e-9);
    assert_true(fabs(strategy_quantile(buckets, bounds, 4, 0.7) - 150) < 1e-9);
    assert_true(fabs(strategy_quantile(buckets, bounds, 4, 0.25) - 50) < 1e-9);
    assert_true(fabs(strategy_quantile(buckets, bounds, 4, 0.999) - 400) < 1e-9);
    assert_true(strategy_quantile(none, bounds, 4, 0.5) < 0);
}

/* --- alarm ---------------------------------------------------------------------------------------
 */

/* Requests until the alarm, at most `most`. */
static uint64_t alarm_after(uint64_t *random, double limit, double share, uint64_t most,
                            struct strategy_alarm *alarm)
{
    for (uint64_t n = 1; n <= most; n++) {
        bool is_error = (double)(strategy_mix((*random)++) >> 11) / 9007199254740992.0 < share;

        if (strategy_alarm_add(alarm, limit, 1, is_error))
            return n;
    }
    return most;
}

static void test_words_alarm_hears_new_errors_behind_a_million_good_requests(void **state)
{
    struct strategy_alarm alarm = {0, 0, 0};
    uint64_t random = 1;

    (void)state;
    assert_false(strategy_alarm_add(&alarm, 0.05, 1000000, 10000));
    assert_true(alarm_after(&random, 0.05, 0.5, 10000, &alarm) < 60);
    assert_true(alarm.requests < 60 && alarm.errors >= alarm.requests / 4);
}

static void test_words_alarm_finds_twice_the_limit_before_200_failures(void **state)
{
    uint64_t random = 2;

    (void)state;
    for (int i = 0; i < 200; i++) {
        struct strategy_alarm alarm = {0, 0, 0};
        uint64_t after = alarm_after(&random, 0.05, 0.1, 100000, &alarm);

        assert_true(after < 2000);
        assert_true(alarm.errors < 200);
    }
}

static void test_words_alarm_is_silent_below_the_limit(void **state)
{
    uint64_t random = 3;
    int alarms = 0;

    (void)state;
    for (int i = 0; i < 20; i++) {
        struct strategy_alarm alarm = {0, 0, 0};

        alarms += alarm_after(&random, 0.05, 0.025, 100000, &alarm) < 100000;
    }
    assert_int_equal(alarms, 0);
}

/* Looking at many requests at once says the same as one by one, if none came in between. */
static void test_words_alarm_takes_many_at_once(void **state)
{
    struct strategy_alarm alarm = {0, 0, 0};

    (void)state;
    assert_false(strategy_alarm_add(&alarm, 0.05, 10, 10));
    assert_int_equal(alarm.requests, 10);
    assert_true(strategy_alarm_add(&alarm, 0.05, 10, 10));
    assert_int_equal(alarm.errors, 20);
    assert_false(strategy_alarm_add(&alarm, 0.05, 100000, 0));
    assert_int_equal(alarm.requests, 0);
}

/* --- split ---------------------------------------------------------------------------------------
 */

static void test_words_slots_within_the_bound_are_right(void **state)
{
    static const uint32_t weights[] = {999, 1};
    uint64_t counts[2] = {0};

    (void)state;
    for (uint64_t n = 0; n < 20000; n++) {
        counts[strategy_slot(5, weights, 2, n)]++;
        assert_false(strategy_slots_mismatch(counts, weights, 2, 2));
    }
    counts[1] += 3;
    assert_true(strategy_slots_mismatch(counts, weights, 2, 2));
}

static void test_words_keys_of_the_right_shares_are_no_mismatch(void **state)
{
    static const uint32_t weights[] = {90, 10, 0};
    uint64_t random = 4;
    int alarms = 0;

    (void)state;
    for (int run = 0; run < 200; run++) {
        double counts[3] = {0, 0, 7};
        bool is_alarm = false;

        for (int n = 0; n < 3000; n++) {
            counts[strategy_mix(random++) % 10 == 0]++;
            is_alarm = is_alarm || strategy_keys_mismatch(counts, weights, 3);
        }
        alarms += is_alarm;
    }
    assert_true(alarms <= 2);
}

static void test_words_keys_of_wrong_shares_are_a_mismatch(void **state)
{
    static const uint32_t weights[] = {50, 50};
    uint64_t random = 5;

    (void)state;
    for (int run = 0; run < 50; run++) {
        double counts[2] = {0, 0};

        for (int n = 0; n < 5000; n++)
            counts[strategy_mix(random++) % 100 < 45]++;
        assert_true(strategy_keys_mismatch(counts, weights, 2));
    }
}

static void test_words_users_are_told_apart_by_bits(void **state)
{
    static uint8_t bits[65536];

    (void)state;
    for (uint64_t users = 100; users <= 300000; users *= 3) {
        uint64_t set = 0;
        double variance;
        double found;

        memset(bits, 0, sizeof(bits));
        for (uint64_t i = 0; i < users; i++)
            bits[strategy_mix(i * 977 + users) % 65536] = 1;
        for (size_t i = 0; i < sizeof(bits); i++)
            set += bits[i];
        found = strategy_users(set, sizeof(bits), &variance);
        assert_true(fabs(found - (double)users) <= 4 * sqrt(variance) + 1);
    }
}

static void test_words_users_full_table_is_finite(void **state)
{
    double variance;
    double users = strategy_users(65536, 65536, &variance);

    (void)state;
    assert_true(users > 300000 && users < 1000000);
    assert_true(strategy_users(0, 65536, &variance) == 0);
    assert_true(variance == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_follow_from_the_interval_and_the_margin),
        cmocka_unit_test(test_words_margin_is_a_fifth_and_never_nothing),
        cmocka_unit_test(test_words_quantiles_lie_between_the_bounds),
        cmocka_unit_test(test_words_alarm_hears_new_errors_behind_a_million_good_requests),
        cmocka_unit_test(test_words_alarm_finds_twice_the_limit_before_200_failures),
        cmocka_unit_test(test_words_alarm_is_silent_below_the_limit),
        cmocka_unit_test(test_words_alarm_takes_many_at_once),
        cmocka_unit_test(test_words_slots_within_the_bound_are_right),
        cmocka_unit_test(test_words_keys_of_the_right_shares_are_no_mismatch),
        cmocka_unit_test(test_words_keys_of_wrong_shares_are_a_mismatch),
        cmocka_unit_test(test_words_users_are_told_apart_by_bits),
        cmocka_unit_test(test_words_users_full_table_is_finite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

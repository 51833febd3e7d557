#include "tests/unit/strategies/sample.h"

static void test_mirror_sample_quarter_of_ten_thousand(void **state)
{
    uint32_t sampled = 0;

    (void)state;
    for (uint64_t n = 0; n < 10000; n++)
        sampled += strategy_mirror_sample(1, 250000, 77 + n);
    assert_in_range(sampled, 2499, 2501);
}

static void test_mirror_sample_any_prefix_is_exact(void **state)
{
    static const uint32_t shares[] = {1, 100, 33333, 500000, 750001, 999999};

    (void)state;
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        double sampled = 0;

        for (uint64_t n = 0; n < 5000; n++) {
            double error;

            sampled += strategy_mirror_sample(2, shares[i], n);
            error = sampled - (double)(n + 1) * shares[i] / 1e6;
            test_assert_at_most(error, 1.0 + 1e-9);
            test_assert_at_most(-error, 1.0 + 1e-9);
        }
    }
}

static void test_mirror_sample_all_and_none(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 1000; n++) {
        assert_false(strategy_mirror_sample(3, 0, n));
        assert_true(strategy_mirror_sample(3, 1000000, n));
        assert_false(strategy_mirror_sample_key(3, 0, n));
        assert_true(strategy_mirror_sample_key(3, 1000000, n));
    }
}

static void test_mirror_sample_key_takes_whole_users(void **state)
{
    uint64_t random = 4;
    uint32_t sampled = 0;

    (void)state;
    for (int n = 0; n < 10000; n++)
        sampled += strategy_mirror_sample_key(5, 100000, test_draw(&random));
    test_assert_at_most(test_deviations(sampled, 10000, 0.1), TEST_FIVE_SIGMA);
}

static void test_mirror_sample_key_more_only_adds(void **state)
{
    uint64_t random = 5;

    (void)state;
    for (int n = 0; n < 2000; n++) {
        uint64_t key = test_draw(&random);
        bool was_in = false;

        for (uint32_t ppm = 0; ppm <= 1000000; ppm += 50000) {
            bool is_in = strategy_mirror_sample_key(6, ppm, key);

            assert_true(is_in || !was_in);
            was_in = is_in;
        }
    }
}

/* The mirrored users must not be those of one version, nor those of another mirror. */
static void test_mirror_sample_key_is_independent(void **state)
{
    const uint64_t ids[] = {0xb1, 0x62ee};
    const uint32_t weights[] = {1, 1};
    uint64_t random = 6;
    uint32_t with_version = 0;
    uint32_t with_mirror = 0;

    (void)state;
    for (int n = 0; n < 4000; n++) {
        uint64_t key = test_draw(&random);
        bool is_in = strategy_mirror_sample_key(7, 500000, key);

        with_version += is_in && strategy_rendezvous(key, ids, weights, 2) == 1;
        with_mirror += is_in && strategy_mirror_sample_key(8, 500000, key);
    }
    test_assert_at_most(test_deviations(with_version, 4000, 0.25), TEST_FIVE_SIGMA);
    test_assert_at_most(test_deviations(with_mirror, 4000, 0.25), TEST_FIVE_SIGMA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mirror_sample_quarter_of_ten_thousand),
        cmocka_unit_test(test_mirror_sample_any_prefix_is_exact),
        cmocka_unit_test(test_mirror_sample_all_and_none),
        cmocka_unit_test(test_mirror_sample_key_takes_whole_users),
        cmocka_unit_test(test_mirror_sample_key_more_only_adds),
        cmocka_unit_test(test_mirror_sample_key_is_independent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

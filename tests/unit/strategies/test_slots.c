#include "strategies/traffic/slots.h"
#include "tests/unit/strategies/sample.h"

/* How far the counts of each version stray from its share: from the start, and in any window. */
struct stray {
    double error;
    double window;
};

static struct stray measure(uint64_t seed, const uint32_t *weights, uint32_t count, uint64_t start,
                            uint32_t slots)
{
    double total = (double)test_sum(weights, count);
    double counted[STRATEGY_VERSIONS_MAX] = {0};
    double highest[STRATEGY_VERSIONS_MAX] = {0};
    double lowest[STRATEGY_VERSIONS_MAX] = {0};
    struct stray stray = {0, 0};

    for (uint32_t n = 0; n < slots; n++) {
        counted[strategy_slot(seed, weights, count, start + n)]++;
        for (uint32_t i = 0; i < count; i++) {
            double error = counted[i] - (n + 1) * weights[i] / total;

            highest[i] = error > highest[i] ? error : highest[i];
            lowest[i] = error < lowest[i] ? error : lowest[i];
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        double most = highest[i] > -lowest[i] ? highest[i] : -lowest[i];

        stray.error = most > stray.error ? most : stray.error;
        /* any window is a difference of two prefixes */
        stray.window =
            highest[i] - lowest[i] > stray.window ? highest[i] - lowest[i] : stray.window;
    }
    return stray;
}

static void test_slots_error_is_bounded_for_random_weights(void **state)
{
    static const double errors[] = {0, 0, 1.0, 1.95, 1.95, 2.3};
    static const double windows[] = {0, 0, 2.0, 3.8, 3.8, 4.2};
    uint64_t random = 1;

    (void)state;
    for (uint32_t count = 2; count <= 5; count++) {
        for (int trial = 0; trial < 250; trial++) {
            uint32_t weights[5];
            struct stray stray;

            test_draw_weights(&random, count, weights);
            stray = measure(test_draw(&random), weights, count, 0, 3000);
            test_assert_at_most(stray.error, errors[count] + 1e-9);
            test_assert_at_most(stray.window, windows[count]);
        }
    }
}

/* What is proven and not only seen: below log2(count), rounded up. */
static void test_slots_error_is_below_depth_of_tree_for_all_counts(void **state)
{
    uint64_t random = 2;

    (void)state;
    for (uint32_t count = 2; count <= STRATEGY_VERSIONS_MAX; count++) {
        double depth = count <= 2 ? 1 : count <= 4 ? 2 : count <= 8 ? 3 : 4;

        for (int trial = 0; trial < 25; trial++) {
            uint32_t weights[STRATEGY_VERSIONS_MAX];
            struct stray stray;

            test_draw_weights(&random, count, weights);
            stray = measure(test_draw(&random), weights, count, 0, 2000);
            test_assert_at_most(stray.error, depth + 1e-9);
            test_assert_at_most(stray.window, 2 * depth);
        }
    }
}

static void test_slots_error_is_bounded_far_from_the_start(void **state)
{
    /* the largest n there is, and one in the middle of nowhere */
    const uint64_t starts[] = {UINT64_MAX - 20000, 0x123456789abcdefu};
    const uint32_t weights[] = {999999, 1000000, 7};

    (void)state;
    for (int i = 0; i < 2; i++) {
        double counted[3] = {0};

        for (uint32_t n = 0; n < 20000; n++)
            counted[strategy_slot(3, weights, 3, starts[i] + n)]++;
        for (int v = 0; v < 3; v++) {
            double error = counted[v] - 20000.0 * weights[v] / 2000006.0;

            test_assert_at_most(error, 4);
            test_assert_at_most(-error, 4);
        }
    }
}

static void test_slots_whole_periods_are_exact(void **state)
{
    const uint32_t weights[] = {50, 0, 30, 13, 7};
    uint32_t counted[5] = {0};

    (void)state;
    for (uint64_t n = 0; n < 1000; n++) {
        counted[strategy_slot(4, weights, 5, 700 + n)]++;
        if (n % 100 == 99) {
            for (int i = 0; i < 5; i++)
                assert_int_equal(counted[i], weights[i] * (n + 1) / 100);
        }
    }
}

static void test_slots_tenth_of_ten_thousand_is_a_thousand(void **state)
{
    const uint32_t weights[] = {90, 10};
    uint32_t green = 0;

    (void)state;
    for (uint64_t n = 0; n < 10000; n++)
        green += strategy_slot(5, weights, 2, 123456789 + n);
    assert_in_range(green, 999, 1001);
}

static void test_slots_version_without_weight_is_never_chosen(void **state)
{
    const uint32_t weights[] = {0, 3, 0, 1, 0};
    const uint32_t only[] = {0, 0, 8};

    (void)state;
    for (uint64_t n = 0; n < 1000; n++) {
        uint32_t chosen = strategy_slot(6, weights, 5, n);

        assert_true(chosen == 1 || chosen == 3);
        assert_int_equal(strategy_slot(6, only, 3, n), 2);
    }
}

static void test_slots_only_proportions_count(void **state)
{
    const uint32_t small[] = {6, 3, 1};
    const uint32_t large[] = {600000, 300000, 100000};

    (void)state;
    for (uint64_t n = 0; n < 5000; n++)
        assert_int_equal(strategy_slot(7, small, 3, n), strategy_slot(7, large, 3, n));
}

static void test_slots_seed_moves_the_places(void **state)
{
    const uint32_t weights[] = {90, 10};
    uint32_t same = 0;

    (void)state;
    for (uint64_t n = 0; n < 10000; n++)
        same += strategy_slot(8, weights, 2, n) == 1 && strategy_slot(9, weights, 2, n) == 1;
    /* 1,000 slots each, a tenth of them by chance */
    assert_in_range(same, 50, 150);
}

/* A page of `assets` requests in fixed order: does each of its assets get its share of green? */
static double worst_asset(const uint32_t *weights, uint32_t count, uint32_t assets, uint32_t pages)
{
    uint32_t hits[20] = {0};
    double share = (double)weights[count - 1] / (double)test_sum(weights, count);
    double worst = 0;

    for (uint64_t n = 0; n < (uint64_t)pages * assets; n++)
        hits[n % assets] += strategy_slot(10, weights, count, n) == count - 1;
    for (uint32_t asset = 0; asset < assets; asset++) {
        double deviations = test_deviations(hits[asset], pages, share);

        worst = deviations > worst ? deviations : worst;
    }
    return worst;
}

static void test_slots_no_asset_of_a_page_is_favoured(void **state)
{
    /* 60/40, 70/30, 67/33: strata that don't end on whole places */
    const uint32_t pairs[][2] = {{90, 10}, {60, 40}, {70, 30}, {67, 33}, {50, 50}, {999, 1}};
    const uint32_t triples[][3] = {{60, 30, 10}, {50, 27, 23}};

    (void)state;
    for (uint32_t assets = 2; assets <= 20; assets++) {
        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
            test_assert_at_most(worst_asset(pairs[i], 2, assets, 10000), TEST_FIVE_SIGMA);
        for (size_t i = 0; i < sizeof(triples) / sizeof(triples[0]); i++)
            test_assert_at_most(worst_asset(triples[i], 3, assets, 10000), TEST_FIVE_SIGMA);
    }
}

/* Whatever its number, a place is green with just its share, over all seeds. */
static void test_slots_every_place_is_taken_with_its_share(void **state)
{
    const uint32_t weights[] = {60, 40};

    (void)state;
    for (uint64_t n = 0; n < 25; n++) {
        uint32_t hits = 0;

        for (uint64_t seed = 0; seed < 20000; seed++)
            hits += strategy_slot(strategy_mix(seed), weights, 2, n);
        test_assert_at_most(test_deviations(hits, 20000, 0.4), TEST_FIVE_SIGMA);
    }
}

static void test_slots_rank_counts_a_version_s_own_slots(void **state)
{
    uint64_t random = 11;

    (void)state;
    for (int trial = 0; trial < 100; trial++) {
        uint32_t count = (uint32_t)(1 + test_draw(&random) % STRATEGY_VERSIONS_MAX);
        uint32_t weights[STRATEGY_VERSIONS_MAX];
        uint64_t next[STRATEGY_VERSIONS_MAX] = {0};
        uint64_t seed = test_draw(&random);

        test_draw_weights(&random, count, weights);
        for (uint64_t n = 0; n < 500; n++) {
            uint64_t rank;
            uint32_t chosen = strategy_slot_rank(seed, weights, count, n, &rank);

            assert_int_equal(chosen, strategy_slot(seed, weights, count, n));
            assert_int_equal(rank, next[chosen]);
            next[chosen]++;
        }
    }
}

/* Another replica or build must deal the same slots: computed by a second implementation, with
 * fractions, in another language. */
static void test_slots_vectors(void **state)
{
    const uint64_t tenth[] = {7, 18, 23, 36, 41, 53, 64, 76, 80, 92, 109, 119};
    const uint64_t two_fifths[] = {1,  2,  5,  9,  10, 12, 17, 19, 20, 23, 26, 27,
                                   30, 33, 36, 38, 41, 44, 47, 48, 51, 53, 55, 58};
    const uint32_t weights[][2] = {{90, 10}, {60, 40}};
    size_t found[2] = {0, 0};

    (void)state;
    for (uint64_t n = 0; n <= tenth[11]; n++) {
        if (strategy_slot(42, weights[0], 2, n) == 1)
            assert_int_equal(n, tenth[found[0]++]);
    }
    for (uint64_t n = 0; n <= two_fifths[23]; n++) {
        if (strategy_slot(42, weights[1], 2, n) == 1)
            assert_int_equal(n, two_fifths[found[1]++]);
    }
    assert_int_equal(found[0], 12);
    assert_int_equal(found[1], 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots_error_is_bounded_for_random_weights),
        cmocka_unit_test(test_slots_error_is_below_depth_of_tree_for_all_counts),
        cmocka_unit_test(test_slots_error_is_bounded_far_from_the_start),
        cmocka_unit_test(test_slots_whole_periods_are_exact),
        cmocka_unit_test(test_slots_tenth_of_ten_thousand_is_a_thousand),
        cmocka_unit_test(test_slots_version_without_weight_is_never_chosen),
        cmocka_unit_test(test_slots_only_proportions_count),
        cmocka_unit_test(test_slots_seed_moves_the_places),
        cmocka_unit_test(test_slots_no_asset_of_a_page_is_favoured),
        cmocka_unit_test(test_slots_every_place_is_taken_with_its_share),
        cmocka_unit_test(test_slots_rank_counts_a_version_s_own_slots),
        cmocka_unit_test(test_slots_vectors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

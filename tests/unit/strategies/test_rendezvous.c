#include "tests/unit/strategies/sample.h"

#define KEYS 4000

static const uint64_t ids[5] = {0x1111, 0x2222222, 0x333, 0x44444444444, 0x5};

static void test_rendezvous_key_moves_only_towards_a_weight_that_rose(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (int trial = 0; trial < 300; trial++) {
        uint32_t count = (uint32_t)(2 + test_draw(&random) % 4);
        uint32_t before[5];
        uint32_t after[5];

        test_draw_weights(&random, count, before);
        test_draw_weights(&random, count, after);
        /* now and then a weight of 0, and a weight that stays */
        before[test_draw(&random) % count] *= (uint32_t)(test_draw(&random) % 2);
        after[test_draw(&random) % count] *= (uint32_t)(test_draw(&random) % 2);
        for (uint32_t i = 0; i < count; i++) {
            if (test_draw(&random) % 3 == 0)
                after[i] = before[i];
        }
        for (int n = 0; n < 500; n++) {
            uint64_t key = test_draw(&random);
            uint32_t i = strategy_rendezvous(key, ids, before, count);
            uint32_t j = strategy_rendezvous(key, ids, after, count);

            if (i == j || i == STRATEGY_NONE || j == STRATEGY_NONE)
                continue;
            /* after_j / after_i > before_j / before_i */
            assert_true((uint64_t)after[j] * before[i] > (uint64_t)before[j] * after[i]);
        }
    }
}

#define STEPS 4 /* weights 0 to 3 */

/* All pairs of all weight vectors of up to five versions, one key after the other. */
static void test_rendezvous_moves_rightly_between_all_pairs_of_vectors(void **state)
{
    static uint8_t chosen[1024];
    static uint32_t weights[1024][5];
    uint64_t random = 9;
    uint64_t moves = 0;

    (void)state;
    for (uint32_t count = 2; count <= 5; count++) {
        uint32_t vectors = 1u << (2 * count); /* STEPS to the power of count */

        for (int n = 0; n < 24; n++) {
            uint64_t key = test_draw(&random);

            for (uint32_t v = 0; v < vectors; v++) {
                for (uint32_t i = 0; i < count; i++)
                    weights[v][i] = v >> (2 * i) & (STEPS - 1);
                chosen[v] = (uint8_t)strategy_rendezvous(key, ids, weights[v], count);
            }
            for (uint32_t a = 1; a < vectors; a++) { /* vector 0 is all zero */
                for (uint32_t b = 1; b < vectors; b++) {
                    uint32_t i = chosen[a];
                    uint32_t j = chosen[b];

                    if (i == j)
                        continue;
                    if (weights[b][j] * weights[a][i] <= weights[a][j] * weights[b][i])
                        fail_msg("key %llx, vectors %x and %x", (unsigned long long)key, a, b);
                    moves++;
                }
            }
        }
    }
    assert_true(moves > 1000000);
}

static void test_rendezvous_growing_share_never_sends_anybody_back(void **state)
{
    uint64_t random = 2;

    (void)state;
    for (int n = 0; n < KEYS; n++) {
        uint64_t key = test_draw(&random);
        bool was_green = false;

        for (uint32_t share = 0; share <= 100; share += 5) {
            const uint32_t weights[] = {100 - share, share};
            bool is_green = strategy_rendezvous(key, ids, weights, 2) == 1;

            assert_true(is_green || !was_green);
            was_green = is_green;
        }
        assert_true(was_green);
    }
}

static void test_rendezvous_shares_are_within_chance(void **state)
{
    uint64_t random = 3;

    (void)state;
    for (int trial = 0; trial < 40; trial++) {
        uint32_t count = (uint32_t)(2 + test_draw(&random) % 4);
        uint32_t counted[5] = {0};
        uint32_t weights[5];

        test_draw_weights(&random, count, weights);
        for (int n = 0; n < KEYS; n++)
            counted[strategy_rendezvous(test_draw(&random), ids, weights, count)]++;
        for (uint32_t i = 0; i < count; i++) {
            double share = weights[i] / (double)test_sum(weights, count);

            if (share * KEYS >= 10)
                test_assert_at_most(test_deviations(counted[i], KEYS, share), TEST_FIVE_SIGMA);
            else
                assert_in_range(counted[i], 0, 40);
        }
    }
}

static void test_rendezvous_keys_in_a_row_spread_as_well(void **state)
{
    const uint32_t weights[] = {1, 1, 1};
    uint32_t counted[3] = {0};

    (void)state;
    for (uint64_t key = 0; key < 9000; key++)
        counted[strategy_rendezvous(key, ids, weights, 3)]++;
    for (int i = 0; i < 3; i++)
        test_assert_at_most(test_deviations(counted[i], 9000, 1 / 3.0), TEST_FIVE_SIGMA);
}

static void test_rendezvous_order_of_the_list_plays_no_part(void **state)
{
    const uint64_t turned[] = {0x333, 0x1111, 0x2222222};
    const uint32_t weights[] = {5, 3, 2};
    const uint32_t turned_weights[] = {2, 5, 3};
    uint64_t random = 4;

    (void)state;
    for (int n = 0; n < KEYS; n++) {
        uint64_t key = test_draw(&random);

        assert_int_equal(ids[strategy_rendezvous(key, ids, weights, 3)],
                         turned[strategy_rendezvous(key, turned, turned_weights, 3)]);
    }
}

static void test_rendezvous_weight_zero_gets_nobody(void **state)
{
    const uint32_t none[] = {0, 0};
    const uint32_t one[] = {0, 1};

    (void)state;
    assert_int_equal(strategy_rendezvous(1, ids, none, 2), STRATEGY_NONE);
    assert_int_equal(strategy_rendezvous(1, ids, none, 0), STRATEGY_NONE);
    for (uint64_t key = 0; key < 1000; key++)
        assert_int_equal(strategy_rendezvous(key, ids, one, 2), 1);
}

/* Other replicas, builds and languages must give the same answers. */
static void test_rendezvous_vectors(void **state)
{
    static const uint64_t vector_ids[] = {0x626c7565, 0x677265656e, 0x796f};
    static const struct {
        uint64_t key;
        uint32_t weights[3];
        uint32_t expected;
    } vectors[] = {
        {0x3c1eba8b4dccc148u, {90, 10, 0}, 0},  {0x533e00f7f3c606d4u, {1, 1, 1}, 0},
        {0xeefa317fac7ab8fdu, {999, 1, 0}, 0},  {0x9a989360446679b8u, {50, 30, 20}, 2},
        {0xc8e28bfe16044686u, {0, 3, 7}, 2},    {0xee73b213dfd00283u, {90, 10, 0}, 0},
        {0x73107157f961ea45u, {1, 1, 1}, 2},    {0xe637bb4c9e7d0985u, {999, 1, 0}, 0},
        {0xeeca0d1638d4ff44u, {50, 30, 20}, 1}, {0x927f2452d4b0258au, {0, 3, 7}, 2},
        {0x5267207749d7d891u, {90, 10, 0}, 0},  {0x7d58d2344464bd8eu, {1, 1, 1}, 2},
        {0x103269e656fb174cu, {999, 1, 0}, 0},  {0x2f61324e2880d25cu, {50, 30, 20}, 1},
        {0xa05955c9267c7f5fu, {0, 3, 7}, 2},    {0xacd6640cd844b3dbu, {90, 10, 0}, 0},
        {0xe4ef795ff906fdceu, {1, 1, 1}, 2},    {0x5982b57817b1014fu, {999, 1, 0}, 0},
        {0x3d836a4cefe2d32cu, {50, 30, 20}, 0}, {0x5ffdc18818799a51u, {0, 3, 7}, 2},
    };

    (void)state;
    assert_int_equal(strategy_mix(0), 0xe220a8397b1dcdafu); /* published for splitmix64 */
    assert_int_equal(strategy_mix(1), 0x910a2dec89025cc1u);
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
        assert_int_equal(strategy_rendezvous(vectors[i].key, vector_ids, vectors[i].weights, 3),
                         vectors[i].expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rendezvous_key_moves_only_towards_a_weight_that_rose),
        cmocka_unit_test(test_rendezvous_moves_rightly_between_all_pairs_of_vectors),
        cmocka_unit_test(test_rendezvous_growing_share_never_sends_anybody_back),
        cmocka_unit_test(test_rendezvous_shares_are_within_chance),
        cmocka_unit_test(test_rendezvous_keys_in_a_row_spread_as_well),
        cmocka_unit_test(test_rendezvous_order_of_the_list_plays_no_part),
        cmocka_unit_test(test_rendezvous_weight_zero_gets_nobody),
        cmocka_unit_test(test_rendezvous_vectors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

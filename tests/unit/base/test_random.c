#include "lib/base/random.h"

#include "tests/unit/base/test.h"

#include <string.h>

/* First outputs of the authors' program for this state. */
static void test_random_is_xoshiro256_star_star(void **state)
{
    static const uint64_t want[] = {11520, 0, 1509978240, 1215971899390074240, 1216172134540287360};
    struct tn_random random;

    (void)state;
    tn_random_init_seeded(&random, 0);
    for (unsigned i = 0; i < 4; i++)
        random.state[i] = i + 1;
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_int_equal(tn_random_u64(&random), want[i]);
}

/* The state comes from splitmix64; first outputs of that one for seed 0. */
static void test_random_seed(void **state)
{
    struct tn_random random;

    (void)state;
    tn_random_init_seeded(&random, 0);
    assert_int_equal(random.state[0], 0xe220a8397b1dcdafULL);
    assert_int_equal(random.state[1], 0x6e789e6aa1b965f4ULL);
    assert_int_equal(random.state[2], 0x06c45d188009454fULL);
    assert_int_equal(random.state[3], 0xf88bb8a8724c81ecULL);
    assert_int_equal(tn_random_u64(&random), 0x99ec5f36cb75f2b4ULL);
}

static void test_random_same_seed_same_bytes(void **state)
{
    unsigned char a[37], b[37];
    struct tn_random x, y;

    (void)state;
    tn_random_init_seeded(&x, 42);
    tn_random_init_seeded(&y, 42);
    x.fill(&x, a, sizeof(a));
    y.fill(&y, b, sizeof(b));
    assert_memory_equal(a, b, sizeof(a));
    tn_random_init_seeded(&y, 43);
    y.fill(&y, b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
}

/* Lengths around the pool: nothing is given twice, nothing is written past the end. */
static void test_random_system_fills_exactly(void **state)
{
    static const size_t sizes[] = {0, 1, 8, 255, 256, 257, 1000};
    static unsigned char bytes[1002];
    struct tn_random random;

    (void)state;
    tn_random_init_system(&random);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t size = sizes[i];

        memset(bytes, 0xee, sizeof(bytes));
        random.fill(&random, bytes + 1, size);
        assert_int_equal(bytes[0], 0xee);
        assert_int_equal(bytes[size + 1], 0xee);
    }
}

static void test_random_system_does_not_repeat(void **state)
{
    struct tn_random x, y;
    uint64_t seen[100];

    (void)state;
    tn_random_init_system(&x);
    tn_random_init_system(&y);
    assert_int_not_equal(tn_random_u64(&x), tn_random_u64(&y));
    for (size_t i = 0; i < 100; i++) {
        seen[i] = tn_random_u64(&x);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(seen[i], seen[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_is_xoshiro256_star_star),
        cmocka_unit_test(test_random_seed),
        cmocka_unit_test(test_random_same_seed_same_bytes),
        cmocka_unit_test(test_random_system_fills_exactly),
        cmocka_unit_test(test_random_system_does_not_repeat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "proxy/admin/shares.h"

#include "lib/base/random.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VERSIONS 16
#define ROUNDS 20000

static void expect(const uint64_t *weights, const uint32_t *fixed, uint32_t count,
                   const uint32_t *expected)
{
    uint32_t ppm[VERSIONS];

    assert_int_equal(px_shares_scale(weights, fixed, count, ppm), 0);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(ppm[i], expected[i]);
}

#define FREE PX_SHARES_FREE

static void test_shares_scale_the_others(void **state)
{
    (void)state;
    /* the usual canary */
    expect((uint64_t[]){1, 0}, (uint32_t[]){FREE, 100000}, 2, (uint32_t[]){900000, 100000});
    /* three versions keep their proportion */
    expect((uint64_t[]){60, 30, 10}, (uint32_t[]){FREE, FREE, 100000}, 3,
           (uint32_t[]){600000, 300000, 100000});
    expect((uint64_t[]){2, 1, 1}, (uint32_t[]){FREE, FREE, 500000}, 3,
           (uint32_t[]){333333, 166667, 500000});
    /* three equal thirds: the remainder goes to the first */
    expect((uint64_t[]){1, 1, 1}, (uint32_t[]){FREE, FREE, FREE}, 3,
           (uint32_t[]){333334, 333333, 333333});
    /* all said */
    expect((uint64_t[]){5, 5}, (uint32_t[]){1000000, 0}, 2, (uint32_t[]){1000000, 0});
    expect((uint64_t[]){5, 5}, (uint32_t[]){FREE, 1000000}, 2, (uint32_t[]){0, 1000000});
    /* one part of a million */
    expect((uint64_t[]){1, 0}, (uint32_t[]){FREE, 1}, 2, (uint32_t[]){999999, 1});
}

static void test_shares_that_cannot_be(void **state)
{
    uint32_t ppm[VERSIONS];

    (void)state;
    assert_int_equal(px_shares_scale((uint64_t[]){1, 1}, (uint32_t[]){600000, 400001}, 2, ppm),
                     -ERANGE);
    assert_int_equal(px_shares_scale((uint64_t[]){1, 0}, (uint32_t[]){500000, FREE}, 2, ppm),
                     -ENOENT);
    assert_int_equal(px_shares_scale((uint64_t[]){1}, (uint32_t[]){999999}, 1, ppm), -ENOENT);
}

/* Random vectors: the sum is a million; fixed shares are exact; every other one is within one part
 * of its exact quota; more weight never gets less; nobody without weight gets anything. */
static void check_random(struct tn_random *random)
{
    uint32_t count = 1 + (uint32_t)(tn_random_u64(random) % VERSIONS);
    uint64_t weights[VERSIONS];
    uint32_t fixed[VERSIONS];
    uint32_t ppm[VERSIONS];
    uint64_t rest = PX_SHARES_PPM;
    uint64_t weight = 0;
    uint64_t sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        weights[i] = tn_random_u64(random) % 4 == 0 ? 0 : tn_random_u64(random) % 1000001;
        fixed[i] = FREE;
        if (tn_random_u64(random) % 3 == 0) {
            fixed[i] = (uint32_t)(tn_random_u64(random) % (rest + 1));
            rest -= fixed[i];
        } else {
            weight += weights[i];
        }
    }
    if (px_shares_scale(weights, fixed, count, ppm) != 0) {
        assert_true(rest > 0 && weight == 0);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        double quota = weight ? (double)rest * (double)weights[i] / (double)weight : 0;

        sum += ppm[i];
        if (fixed[i] != FREE) {
            assert_int_equal(ppm[i], fixed[i]);
            continue;
        }
        assert_true(fabs(ppm[i] - quota) < 1);
        for (uint32_t k = 0; k < count; k++) {
            if (fixed[k] == FREE && weights[k] > weights[i])
                assert_true(ppm[k] >= ppm[i]);
        }
    }
    assert_int_equal(sum, PX_SHARES_PPM);
}

static void test_shares_property_of_random_vectors(void **state)
{
    struct tn_random random;

    (void)state;
    tn_random_init_seeded(&random, 7);
    for (int i = 0; i < ROUNDS; i++)
        check_random(&random);
}

static void test_shares_reduce(void **state)
{
    uint32_t canary[] = {900000, 100000};
    uint32_t odd[] = {999999, 1};
    uint32_t all[] = {0, 1000000};
    uint32_t none[] = {0, 0};

    (void)state;
    px_shares_reduce(canary, 2);
    assert_memory_equal(canary, ((uint32_t[]){9, 1}), sizeof(canary));
    px_shares_reduce(odd, 2);
    assert_memory_equal(odd, ((uint32_t[]){999999, 1}), sizeof(odd));
    px_shares_reduce(all, 2);
    assert_memory_equal(all, ((uint32_t[]){0, 1}), sizeof(all));
    px_shares_reduce(none, 2);
    assert_memory_equal(none, ((uint32_t[]){0, 0}), sizeof(none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_scale_the_others),
        cmocka_unit_test(test_shares_that_cannot_be),
        cmocka_unit_test(test_shares_property_of_random_vectors),
        cmocka_unit_test(test_shares_reduce),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

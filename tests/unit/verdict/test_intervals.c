#include "strategies/traffic/strategy.h"
#include "strategies/verdict/verdict.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct strategy_interval share(uint64_t events, uint64_t of)
{
    struct strategy_counts counts = {events, of};
    struct strategy_interval interval;

    strategy_share_interval(&counts, &interval);
    return interval;
}

static struct strategy_interval difference(uint64_t events, uint64_t of, uint64_t stable_events,
                                           uint64_t stable_of)
{
    struct strategy_counts candidate = {events, of};
    struct strategy_counts stable = {stable_events, stable_of};
    struct strategy_interval interval;

    strategy_difference(&candidate, &stable, &interval);
    return interval;
}

static void assert_near(double value, double wanted, double most)
{
    if (!(fabs(value - wanted) <= most))
        fail_msg("%.9f is not within %.9f of %.9f", value, most, wanted);
}

static void test_intervals_nothing_counted_says_nothing(void **state)
{
    struct strategy_interval none = share(0, 0);
    struct strategy_interval both = difference(0, 0, 3, 10);
    struct strategy_counts buckets[STRATEGY_BUCKETS] = {{0, 0}};
    struct strategy_interval users;

    (void)state;
    assert_true(none.value == 0 && none.low == 0 && none.high == 1);
    assert_true(both.value == 0 && both.low == -1 && both.high == 1);
    strategy_share_interval_by_user(buckets, &users);
    assert_true(users.value == 0 && users.low == 0 && users.high == 1);
    strategy_difference_by_user(buckets, buckets, &users);
    assert_true(users.value == 0 && users.low == -1 && users.high == 1);
}

static void test_intervals_hold_their_value_and_shrink(void **state)
{
    double width = 1;

    (void)state;
    for (uint64_t of = 10; of <= 100000000; of *= 10) {
        struct strategy_interval interval = share(of / 10, of);

        assert_near(interval.value, 0.1, 1e-12);
        assert_true(interval.low < 0.1 && interval.high > 0.1);
        assert_true(interval.high - interval.low < width);
        width = interval.high - interval.low;
    }
    assert_true(width < 0.001);
}

/* A mixture costs more than a bound for one look, but little more than twice. */
static void test_intervals_are_wider_than_for_one_look_but_bounded(void **state)
{
    (void)state;
    for (uint64_t of = 1000; of <= 1000000; of *= 10) {
        struct strategy_interval interval = share(of / 50, of);
        double one_look = 2 * 1.96 * sqrt(0.02 * 0.98 / (double)of);

        assert_true(interval.high - interval.low > one_look);
        assert_true(interval.high - interval.low < 2.3 * one_look);
    }
}

static void test_intervals_ends_of_the_scale(void **state)
{
    struct strategy_interval none = share(0, 1000);
    struct strategy_interval all = share(1000, 1000);

    (void)state;
    assert_true(none.value == 0 && none.low == 0 && none.high > 0.001 && none.high < 0.02);
    assert_true(all.value == 1 && all.high == 1 && all.low > 0.97 && all.low < 1);
}

static void test_intervals_difference_changes_its_sign_with_its_sides(void **state)
{
    struct strategy_interval one = difference(30, 1000, 10, 1000);
    struct strategy_interval other = difference(10, 1000, 30, 1000);

    (void)state;
    assert_near(one.value, 0.02, 1e-12);
    assert_near(one.value, -other.value, 1e-12);
    assert_true(one.low < one.value && one.value < one.high);
    assert_true(other.low < other.value && other.value < other.high);
}

/* The ends are the differences at which the best pair of shares has just become too unlikely. */
static void test_intervals_difference_holds_what_one_look_would(void **state)
{
    (void)state;
    for (uint64_t stable = 500; stable <= 50000; stable *= 10) {
        struct strategy_interval interval = difference(20, 500, stable / 25, stable);
        double one_look = 1.96 * sqrt(0.04 * 0.96 * (1.0 / 500 + 1.0 / (double)stable));

        assert_near(interval.value, 0, 1e-12);
        assert_true(interval.low < -one_look && interval.high > one_look);
        assert_true(interval.high - interval.low < 2 * 2.5 * one_look);
    }
}

static void test_intervals_few_total_failures_are_enough(void **state)
{
    struct strategy_interval interval = difference(10, 50, 0, 950);

    (void)state;
    assert_true(interval.low >= 0);
    interval = difference(2, 50, 0, 950);
    assert_true(interval.low < 0);
}

static void test_intervals_large_counts_stay_finite(void **state)
{
    struct strategy_interval interval = difference(10100000, 1000000000, 190000000, 19000000000u);

    (void)state;
    assert_near(interval.value, 0.0001, 1e-9);
    assert_true(interval.low > 0.00005 && interval.high < 0.00015);
    interval = difference(0, 1000000000, 0, 1000000000);
    assert_true(interval.low > -1e-6 && interval.high < 1e-6);
}

/* --- users ---------------------------------------------------------------------------------------
 */

struct groups {
    struct strategy_counts candidate[STRATEGY_BUCKETS], stable[STRATEGY_BUCKETS];
};

static void fill(struct groups *groups, uint64_t requests, uint64_t errors, uint64_t stable_errors)
{
    for (uint32_t i = 0; i < STRATEGY_BUCKETS; i++) {
        groups->candidate[i] = (struct strategy_counts){errors + i % 2, requests};
        groups->stable[i] = (struct strategy_counts){stable_errors + i / 2 % 2, requests};
    }
}

static void test_intervals_users_alike_are_the_same(void **state)
{
    struct groups groups;
    struct strategy_interval interval;

    (void)state;
    fill(&groups, 1000, 9, 9);
    strategy_difference_by_user(groups.candidate, groups.stable, &interval);
    assert_near(interval.value, 0, 1e-12);
    assert_true(interval.low < 0 && interval.high > 0);
    assert_near(interval.high, -interval.low, 1e-9);
    assert_true(interval.high < 0.0005);
}

static void test_intervals_users_different_are_found(void **state)
{
    struct groups groups;
    struct strategy_interval interval;

    (void)state;
    fill(&groups, 100, 4, 1);
    strategy_difference_by_user(groups.candidate, groups.stable, &interval);
    assert_near(interval.value, 0.03, 1e-12);
    assert_true(interval.low > 0.025 && interval.high < 0.035);
}

/* However many requests one user makes, and all of them fail: that is one user. */
static void test_intervals_one_heavy_user_decides_nothing(void **state)
{
    struct groups groups;
    struct strategy_interval interval;
    struct strategy_interval by_request;
    uint64_t requests = 0;

    (void)state;
    fill(&groups, 20, 0, 0);
    for (uint32_t i = 0; i < STRATEGY_BUCKETS; i++)
        requests += groups.candidate[i].of;
    groups.candidate[17].of += 5000;
    groups.candidate[17].events += 5000;
    strategy_difference_by_user(groups.candidate, groups.stable, &interval);
    assert_true(interval.value > 0.4);
    assert_true(interval.low < 0);
    by_request = difference(5128, requests + 5000, 128, requests);
    assert_true(by_request.low > 0.4);
}

static void test_intervals_share_by_user_is_wider_when_errors_cluster(void **state)
{
    struct strategy_counts even[STRATEGY_BUCKETS];
    struct strategy_counts clustered[STRATEGY_BUCKETS];
    struct strategy_interval one;
    struct strategy_interval other;

    (void)state;
    for (uint32_t i = 0; i < STRATEGY_BUCKETS; i++) {
        even[i] = (struct strategy_counts){4 + i % 3, 100};
        clustered[i] = (struct strategy_counts){i % 16 == 0 ? 80 : 0, 100};
    }
    strategy_share_interval_by_user(even, &one);
    strategy_share_interval_by_user(clustered, &other);
    assert_near(one.value, 0.05, 0.001);
    assert_near(other.value, 0.05, 0.001);
    assert_true(one.low < one.value && one.value < one.high);
    assert_true(other.high - other.low > 3 * (one.high - one.low));
}

static void test_intervals_buckets_and_kept_users_are_even_and_independent(void **state)
{
    uint32_t buckets[STRATEGY_BUCKETS] = {0};
    uint32_t kept = 0;
    uint32_t kept_low = 0;

    (void)state;
    for (uint64_t i = 0; i < 256000; i++) {
        uint64_t key = strategy_mix(i);
        bool is_kept = strategy_user_is_kept(key, 95, 5);
        uint32_t bucket = strategy_user_bucket(key);

        assert_true(bucket < STRATEGY_BUCKETS);
        assert_true(strategy_user_is_kept(key, 5, 95));
        assert_true(strategy_user_is_kept(key, 50, 50));
        buckets[bucket]++;
        kept += is_kept;
        kept_low += is_kept && bucket < STRATEGY_BUCKETS / 2;
    }
    for (uint32_t i = 0; i < STRATEGY_BUCKETS; i++)
        assert_true(buckets[i] > 840 && buckets[i] < 1160); /* five deviations */
    assert_near(kept, 256000.0 * 5 / 95, 600);
    assert_near(kept_low, kept / 2.0, 320);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intervals_nothing_counted_says_nothing),
        cmocka_unit_test(test_intervals_hold_their_value_and_shrink),
        cmocka_unit_test(test_intervals_are_wider_than_for_one_look_but_bounded),
        cmocka_unit_test(test_intervals_ends_of_the_scale),
        cmocka_unit_test(test_intervals_difference_changes_its_sign_with_its_sides),
        cmocka_unit_test(test_intervals_difference_holds_what_one_look_would),
        cmocka_unit_test(test_intervals_few_total_failures_are_enough),
        cmocka_unit_test(test_intervals_large_counts_stay_finite),
        cmocka_unit_test(test_intervals_users_alike_are_the_same),
        cmocka_unit_test(test_intervals_users_different_are_found),
        cmocka_unit_test(test_intervals_one_heavy_user_decides_nothing),
        cmocka_unit_test(test_intervals_share_by_user_is_wider_when_errors_cluster),
        cmocka_unit_test(test_intervals_buckets_and_kept_users_are_even_and_independent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The histogram of the bench's client: buckets, percentiles, sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/bench/histogram.h"

static struct histogram one, other;

static int each_setup(void **state)
{
    (void)state;
    histogram_init(&one);
    histogram_init(&other);
    return 0;
}

static void test_histogram_small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 2048; value++) {
        assert_int_equal(histogram_bucket(value), value);
        assert_int_equal(histogram_bucket_top((uint32_t)value), value);
    }
}

static void test_histogram_buckets_join_without_gap_or_overlap(void **state)
{
    (void)state;
    uint64_t next = 0; /* first value of the bucket */
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        uint64_t top = histogram_bucket_top(bucket);
        assert_true(top >= next);
        assert_int_equal(histogram_bucket(next), bucket);
        assert_int_equal(histogram_bucket(top), bucket);
        next = top + 1;
    }
    assert_true(next - 1 == HISTOGRAM_VALUE_MAX);
}

static void test_histogram_is_at_most_a_thousandth_too_large(void **state)
{
    (void)state;
    uint64_t value = 88172645463325252u;
    for (int i = 0; i < 100000; i++) {
        value ^= value << 13;
        value ^= value >> 7;
        value ^= value << 17;
        uint64_t small = value >> (22 + i % 40);
        uint64_t top = histogram_bucket_top(histogram_bucket(small));
        assert_true(top >= small);
        assert_true((double)(top - small) <= (double)small / 1000);
    }
}

static void test_histogram_percentiles_of_a_thousand(void **state)
{
    (void)state;
    for (uint64_t value = 1000; value >= 1; value--) {
        histogram_record(&one, value);
    }
    assert_int_equal(histogram_percentile(&one, 0), 1);
    assert_int_equal(histogram_percentile(&one, 0.1), 1);
    assert_int_equal(histogram_percentile(&one, 0.11), 2);
    assert_int_equal(histogram_percentile(&one, 50), 500);
    assert_int_equal(histogram_percentile(&one, 50.05), 501);
    assert_int_equal(histogram_percentile(&one, 99.9), 999);
    assert_int_equal(histogram_percentile(&one, 100), 1000);
    assert_true(histogram_mean(&one) == 500.5);
    assert_int_equal(one.least, 1);
    assert_int_equal(one.most, 1000);
}

static void test_histogram_percentile_is_never_above_what_was_seen(void **state)
{
    (void)state;
    histogram_record(&one, 1000001);
    assert_int_equal(histogram_percentile(&one, 50), 1000001);
    histogram_record(&one, 5000000000u);
    uint64_t low = histogram_percentile(&one, 50);
    assert_true(low >= 1000001 && low <= 1001001);
    assert_true(histogram_percentile(&one, 100) == 5000000000u);
}

static void test_histogram_empty_has_no_figures(void **state)
{
    (void)state;
    assert_int_equal(histogram_percentile(&one, 99), 0);
    assert_true(histogram_mean(&one) == 0);
}

static void test_histogram_counts_what_is_beyond_its_range(void **state)
{
    (void)state;
    histogram_record(&one, HISTOGRAM_VALUE_MAX + 12345);
    assert_int_equal(one.counts[HISTOGRAM_BUCKETS - 1], 1);
    assert_true(histogram_percentile(&one, 50) == HISTOGRAM_VALUE_MAX + 12345);
}

static void test_histogram_add_is_as_if_one_had_seen_all(void **state)
{
    (void)state;
    static struct histogram all;
    histogram_init(&all);
    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t value = i * i * 37 + 11;
        histogram_record(i % 3 ? &one : &other, value);
        histogram_record(&all, value);
    }
    histogram_add(&one, &other);
    assert_memory_equal(&one, &all, sizeof(all));
    histogram_init(&other);
    histogram_add(&one, &other); /* nothing changes by adding nothing, the least neither */
    assert_memory_equal(&one, &all, sizeof(all));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_histogram_small_values_are_exact, each_setup),
        cmocka_unit_test_setup(test_histogram_buckets_join_without_gap_or_overlap, each_setup),
        cmocka_unit_test_setup(test_histogram_is_at_most_a_thousandth_too_large, each_setup),
        cmocka_unit_test_setup(test_histogram_percentiles_of_a_thousand, each_setup),
        cmocka_unit_test_setup(test_histogram_percentile_is_never_above_what_was_seen, each_setup),
        cmocka_unit_test_setup(test_histogram_empty_has_no_figures, each_setup),
        cmocka_unit_test_setup(test_histogram_counts_what_is_beyond_its_range, each_setup),
        cmocka_unit_test_setup(test_histogram_add_is_as_if_one_had_seen_all, each_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "cli/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static char buffer[CLI_TEXT_SIZE];

static void test_text_ppm_is_the_shortest_percent(void **state)
{
    (void)state;
    assert_string_equal(cli_write_ppm(0, buffer), "0%");
    assert_string_equal(cli_write_ppm(1, buffer), "0.0001%");
    assert_string_equal(cli_write_ppm(1000, buffer), "0.1%");
    assert_string_equal(cli_write_ppm(100000, buffer), "10%");
    assert_string_equal(cli_write_ppm(333333, buffer), "33.3333%");
    assert_string_equal(cli_write_ppm(1000000, buffer), "100%");
}

static void test_text_measured_has_two_decimals_or_four(void **state)
{
    (void)state;
    assert_string_equal(cli_write_measured(0, buffer), "0.00%");
    assert_string_equal(cli_write_measured(0.9001, buffer), "90.01%");
    assert_string_equal(cli_write_measured(1, buffer), "100.00%");
    assert_string_equal(cli_write_measured(0.0001, buffer), "0.01%");
    assert_string_equal(cli_write_measured(0.00002, buffer), "0.0020%");
}

static void test_text_counts_are_in_groups_of_three(void **state)
{
    (void)state;
    assert_string_equal(cli_write_count(0, buffer), "0");
    assert_string_equal(cli_write_count(999, buffer), "999");
    assert_string_equal(cli_write_count(1000, buffer), "1,000");
    assert_string_equal(cli_write_count(1234567, buffer), "1,234,567");
    assert_string_equal(cli_write_count(UINT64_MAX, buffer), "18,446,744,073,709,551,615");
}

static void test_text_ages(void **state)
{
    (void)state;
    assert_string_equal(cli_write_age(0, buffer), "0 s");
    assert_string_equal(cli_write_age(59, buffer), "59 s");
    assert_string_equal(cli_write_age(60, buffer), "1 min");
    assert_string_equal(cli_write_age(3599, buffer), "59 min");
    assert_string_equal(cli_write_age(11100, buffer), "3 h 5 min");
    assert_string_equal(cli_write_age(183600, buffer), "2 d 3 h");
}

static void test_text_latencies(void **state)
{
    (void)state;
    assert_string_equal(cli_write_latency(0.04, buffer), "0.0 ms");
    assert_string_equal(cli_write_latency(1.25, buffer), "1.2 ms");
    assert_string_equal(cli_write_latency(9.96, buffer), "10 ms");
    assert_string_equal(cli_write_latency(999.4, buffer), "999 ms");
    assert_string_equal(cli_write_latency(1500, buffer), "1.5 s");
}

static void test_text_times_are_utc_only(void **state)
{
    int64_t seconds = 77;

    (void)state;
    assert_int_equal(cli_parse_time("2026-11-03T08:00:00Z", &seconds), 0);
    assert_int_equal(seconds, 1793692800);
    assert_int_equal(cli_parse_time("2026-11-03T08:00:01.123Z", &seconds), 0);
    assert_int_equal(seconds, 1793692801);
    assert_int_equal(cli_parse_time("2026-11-03T08:00:00+01:00", &seconds), -EINVAL);
    assert_int_equal(cli_parse_time("yesterday", &seconds), -EINVAL);
    assert_int_equal(cli_parse_time("", &seconds), -EINVAL);
    assert_int_equal(cli_parse_time(NULL, &seconds), -EINVAL);
    assert_int_equal(seconds, 1793692801);
}

static void test_text_format_allocates(void **state)
{
    char *text = cli_format("%s-%d", "a", 1);

    (void)state;
    assert_string_equal(text, "a-1");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_ppm_is_the_shortest_percent),
        cmocka_unit_test(test_text_measured_has_two_decimals_or_four),
        cmocka_unit_test(test_text_counts_are_in_groups_of_three),
        cmocka_unit_test(test_text_ages),
        cmocka_unit_test(test_text_latencies),
        cmocka_unit_test(test_text_times_are_utc_only),
        cmocka_unit_test(test_text_format_allocates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "proxy/config/units.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef int(parse_fn)(struct tn_str text, uint64_t *ret_value);

static int parse_percent(struct tn_str text, uint64_t *ret_value)
{
    uint32_t ppm;
    int r = px_units_parse_percent(text, &ppm);
    if (r == 0) {
        *ret_value = ppm;
    }
    return r;
}

struct row {
    const char *text;
    int result;
    uint64_t value;
};

static void check(parse_fn *parse, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 4711;
        int r = parse(tn_str_of(rows[i].text), &value);
        if (r != rows[i].result || value != (r == 0 ? rows[i].value : 4711)) {
            fail_msg("'%s': %d, %" PRIu64, rows[i].text, r, value);
        }
    }
}

#define CHECK(parse, rows) check(parse, rows, sizeof(rows) / sizeof((rows)[0]))

static void test_units_durations_are_milliseconds(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"500ms", 0, 500},
        {"2s", 0, 2000},
        {"5m", 0, 300000},
        {"1h", 0, 3600000},
        {"7d", 0, 604800000},
        {"0s", 0, 0},
        {"0ms", 0, 0},
        {"007s", 0, 7000},
        {"365d", 0, PX_UNITS_DURATION_MAX_MS},
        {"366d", -ERANGE, 0},
        {"31536000001ms", -ERANGE, 0},
        {"99999999999999999999s", -ERANGE, 0},
        {"", -EINVAL, 0},
        {"2", -EINVAL, 0},
        {"s", -EINVAL, 0},
        {"2 s", -EINVAL, 0},
        {" 2s", -EINVAL, 0},
        {"2S", -EINVAL, 0},
        {"2sec", -EINVAL, 0},
        {"1.5s", -EINVAL, 0},
        {"-2s", -EINVAL, 0},
        {"+2s", -EINVAL, 0},
        {"1m30s", -EINVAL, 0},
        {"2us", -EINVAL, 0},
    };
    CHECK(px_units_parse_duration, rows);
}

static void test_units_sizes_are_bytes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"0", 0, 0},
        {"65536", 0, 65536},
        {"64KiB", 0, 65536},
        {"16MiB", 0, 16777216},
        {"1GiB", 0, 1073741824},
        {"1048576GiB", 0, PX_UNITS_SIZE_MAX},
        {"1048577GiB", -ERANGE, 0},
        {"1125899906842625", -ERANGE, 0},
        {"99999999999999999999", -ERANGE, 0},
        {"64k", -EINVAL, 0},
        {"64KB", -EINVAL, 0},
        {"64 KiB", -EINVAL, 0},
        {"64kib", -EINVAL, 0},
        {"1TiB", -EINVAL, 0},
        {"KiB", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"1e3", -EINVAL, 0},
        {"0x10", -EINVAL, 0},
        {"1_000", -EINVAL, 0},
    };
    CHECK(px_units_parse_size, rows);
}

static void test_units_percents_are_exact_ppm(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"25", 0, 250000},
        {"25%", 0, 250000},
        {"25 %", 0, 250000},
        {"100", 0, 1000000},
        {"100.0000", 0, 1000000},
        {"0", 0, 0},
        {"0%", 0, 0},
        {"0.1", 0, 1000},
        {"0.3%", 0, 3000},
        {"33.3333", 0, 333333},
        {"0.0001%", 0, 1},
        {"99.9999", 0, 999999},
        {"12.5", 0, 125000},
        {"12.50", 0, 125000},
        {"7.07", 0, 70700},
        {"100.0001", -ERANGE, 0},
        {"101", -ERANGE, 0},
        {"1000000000000000000000", -ERANGE, 0},
        {"0.00001", -EINVAL, 0},
        {".5", -EINVAL, 0},
        {"5.", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"%", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"1.-5", -EINVAL, 0},
        {"5%%", -EINVAL, 0},
        {"1,5", -EINVAL, 0},
        {"1e2", -EINVAL, 0},
        {"half", -EINVAL, 0},
    };
    CHECK(parse_percent, rows);
}

static void test_units_every_ppm_comes_back(void **state)
{
    (void)state;
    char text[PX_UNITS_TEXT_SIZE];
    for (uint32_t ppm = 0; ppm <= PX_UNITS_PPM_MAX; ppm++) {
        uint32_t again = ~0u;
        px_units_write_percent(ppm, text);
        assert_int_equal(px_units_parse_percent(tn_str_of(text), &again), 0);
        assert_int_equal(again, ppm);
    }
}

static void test_units_writes_the_shortest_text(void **state)
{
    (void)state;
    char text[PX_UNITS_TEXT_SIZE];
    assert_string_equal(px_units_write_percent(0, text), "0%");
    assert_string_equal(px_units_write_percent(250000, text), "25%");
    assert_string_equal(px_units_write_percent(1000, text), "0.1%");
    assert_string_equal(px_units_write_percent(100000, text), "10%");
    assert_string_equal(px_units_write_percent(1000000, text), "100%");
    assert_string_equal(px_units_write_percent(1, text), "0.0001%");
    assert_string_equal(px_units_write_duration(0, text), "0s");
    assert_string_equal(px_units_write_duration(1, text), "1ms");
    assert_string_equal(px_units_write_duration(1500, text), "1500ms");
    assert_string_equal(px_units_write_duration(90000, text), "90s");
    assert_string_equal(px_units_write_duration(300000, text), "5m");
    assert_string_equal(px_units_write_duration(3600000, text), "1h");
    assert_string_equal(px_units_write_duration(86400000, text), "1d");
    assert_string_equal(px_units_write_size(0, text), "0");
    assert_string_equal(px_units_write_size(1000, text), "1000");
    assert_string_equal(px_units_write_size(1024, text), "1KiB");
    assert_string_equal(px_units_write_size(16777216, text), "16MiB");
    assert_string_equal(px_units_write_size(PX_UNITS_SIZE_MAX, text), "1048576GiB");
}

static void test_units_written_durations_and_sizes_come_back(void **state)
{
    (void)state;
    char text[PX_UNITS_TEXT_SIZE];
    for (uint64_t i = 0; i < 40000; i++) {
        /* near and far, round and not: steps grow with i */
        uint64_t value = i * i * (i % 7 == 0 ? 1000 : i % 5 == 0 ? 1024 : 1);
        uint64_t again = ~0ull;
        if (value <= PX_UNITS_DURATION_MAX_MS) {
            px_units_write_duration(value, text);
            assert_int_equal(px_units_parse_duration(tn_str_of(text), &again), 0);
            assert_true(again == value);
        }
        px_units_write_size(value, text);
        assert_int_equal(px_units_parse_size(tn_str_of(text), &again), 0);
        assert_true(again == value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units_durations_are_milliseconds),
        cmocka_unit_test(test_units_sizes_are_bytes),
        cmocka_unit_test(test_units_percents_are_exact_ppm),
        cmocka_unit_test(test_units_every_ppm_comes_back),
        cmocka_unit_test(test_units_writes_the_shortest_text),
        cmocka_unit_test(test_units_written_durations_and_sizes_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* counter: little-endian bytes of 1 to 8, and sums that do not start again at 0. */
#include "app/counter.h"
#include "tests/unit/app/test.h"

#include <errno.h>
#include <string.h>

static void test_counter_encodes_little_endian(void **state)
{
    static const unsigned char expected[] = {0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01};
    unsigned char bytes[APP_COUNTER_SIZE];
    (void)state;
    app_counter_encode(UINT64_C(0x0102030405060708), bytes);
    assert_memory_equal(bytes, expected, sizeof(expected));
    app_counter_encode(7, bytes);
    assert_memory_equal(bytes, "\x07\0\0\0\0\0\0\0", 8);
}

static void test_counter_reads_back_what_it_wrote(void **state)
{
    static const uint64_t values[] = {
        0, 1, 255, 256, 65535, 65536, UINT32_MAX, UINT64_C(1) << 32, INT64_MAX, UINT64_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        unsigned char bytes[APP_COUNTER_SIZE];
        uint64_t value = ~values[i];
        app_counter_encode(values[i], bytes);
        assert_int_equal(app_counter_decode(bytes, sizeof(bytes), &value), 0);
        assert_true(value == values[i]);
    }
}

static void test_counter_reads_what_older_builds_wrote(void **state)
{
    static const unsigned char bytes[] = {0x72, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0xff};
    static const uint64_t expected[] = {0x72,
                                        0x0172,
                                        0x020172,
                                        0x03020172,
                                        UINT64_C(0x0403020172),
                                        UINT64_C(0x050403020172),
                                        UINT64_C(0x06050403020172),
                                        UINT64_C(0xff06050403020172)};
    (void)state;
    for (size_t len = 1; len <= sizeof(bytes); len++) {
        uint64_t value;
        assert_int_equal(app_counter_decode(bytes, len, &value), 0);
        assert_true(value == expected[len - 1]);
    }
}

static void test_counter_refuses_other_lengths(void **state)
{
    unsigned char bytes[16];
    uint64_t value = 42;
    (void)state;
    memset(bytes, 1, sizeof(bytes));
    assert_int_equal(app_counter_decode(bytes, 0, &value), -EINVAL);
    assert_int_equal(app_counter_decode(bytes, 9, &value), -EINVAL);
    assert_int_equal(app_counter_decode(bytes, 16, &value), -EINVAL);
    assert_int_equal(value, 42);
}

static void test_counter_adds(void **state)
{
    uint64_t sum;
    (void)state;
    assert_int_equal(app_counter_add(5, 7, &sum), 0);
    assert_int_equal(sum, 12);
    assert_int_equal(app_counter_add(UINT64_MAX - 1, 1, &sum), 0);
    assert_true(sum == UINT64_MAX);
    assert_int_equal(app_counter_add(UINT64_MAX, 0, &sum), 0);
    assert_true(sum == UINT64_MAX);
}

static void test_counter_does_not_overflow(void **state)
{
    uint64_t sum = 42;
    (void)state;
    assert_int_equal(app_counter_add(UINT64_MAX, 1, &sum), -EOVERFLOW);
    assert_int_equal(app_counter_add(1, UINT64_MAX, &sum), -EOVERFLOW);
    assert_int_equal(app_counter_add(UINT64_MAX, UINT64_MAX, &sum), -EOVERFLOW);
    assert_int_equal(sum, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counter_encodes_little_endian),
        cmocka_unit_test(test_counter_reads_back_what_it_wrote),
        cmocka_unit_test(test_counter_reads_what_older_builds_wrote),
        cmocka_unit_test(test_counter_refuses_other_lengths),
        cmocka_unit_test(test_counter_adds),
        cmocka_unit_test(test_counter_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* body: the pattern, and how much of a slow body is due. */
#include "app/body.h"
#include "tests/unit/app/test.h"

#include <stdio.h>
#include <string.h>

static void test_body_pattern_tells_its_offset(void **state)
{
    char buffer[49];
    (void)state;
    app_body_fill_pattern(0, buffer, 48);
    buffer[48] = '\0';
    assert_string_equal(buffer, "000000000000000\n000000000000010\n000000000000020\n");
    app_body_fill_pattern(UINT64_C(0x123456789ab0), buffer, 16);
    assert_memory_equal(buffer, "000123456789ab0\n", 16);
}

static void test_body_pattern_is_the_same_in_any_pieces(void **state)
{
    char whole[1000];
    (void)state;
    app_body_fill_pattern(0, whole, sizeof(whole));
    for (size_t piece = 1; piece < 40; piece++) {
        char pieces[sizeof(whole)];
        for (size_t at = 0; at < sizeof(whole); at += piece) {
            size_t len = sizeof(whole) - at < piece ? sizeof(whole) - at : piece;
            app_body_fill_pattern(at, pieces + at, len);
        }
        assert_memory_equal(whole, pieces, sizeof(whole));
    }
}

static void test_body_slow_is_due_in_tenths(void **state)
{
    uint64_t wait_ms;
    (void)state;
    assert_int_equal(app_body_allowed(1000, 0, 0, 500, &wait_ms), 100);
    assert_int_equal(app_body_allowed(1000, 0, 49, 500, &wait_ms), 100);
    assert_int_equal(app_body_allowed(1000, 0, 50, 500, &wait_ms), 200);
    assert_int_equal(app_body_allowed(1000, 0, 449, 500, &wait_ms), 900);
    assert_int_equal(app_body_allowed(1000, 0, 450, 500, &wait_ms), 1000);
    assert_int_equal(app_body_allowed(1000, 0, 100000, 500, &wait_ms), 1000);
}

static void test_body_slow_says_how_long_to_wait(void **state)
{
    uint64_t wait_ms = 0;
    (void)state;
    assert_int_equal(app_body_allowed(1000, 100, 10, 500, &wait_ms), 100);
    assert_int_equal(wait_ms, 40);
    assert_int_equal(app_body_allowed(1000, 900, 449, 500, &wait_ms), 900);
    assert_int_equal(wait_ms, 1);
}

/* Whatever the length and the time, someone who waits as told gets everything, in time. */
static void test_body_slow_always_ends(void **state)
{
    (void)state;
    for (uint64_t len = 1; len < 64; len++) {
        for (uint32_t slow_ms = 1; slow_ms < 50; slow_ms += 7) {
            uint64_t now = 0;
            uint64_t sent = 0;
            while (sent < len) {
                uint64_t wait_ms;
                uint64_t end = app_body_allowed(len, sent, now, slow_ms, &wait_ms);
                assert_in_range(end, sent, len);
                if (end == sent) {
                    assert_in_range(wait_ms, 1, slow_ms);
                    now += wait_ms;
                }
                sent = end;
            }
            assert_in_range(now, 0, slow_ms);
        }
    }
}

static void test_body_slow_of_a_huge_length_does_not_overflow(void **state)
{
    uint64_t wait_ms;
    uint64_t len = UINT64_C(1) << 62;
    (void)state;
    assert_true(app_body_allowed(len, 0, 0, 1000, &wait_ms) == len / 10);
    assert_true(app_body_allowed(len, 0, 899, 1000, &wait_ms) < len);
    assert_true(app_body_allowed(len, 0, 900, 1000, &wait_ms) == len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body_pattern_tells_its_offset),
        cmocka_unit_test(test_body_pattern_is_the_same_in_any_pieces),
        cmocka_unit_test(test_body_slow_is_due_in_tenths),
        cmocka_unit_test(test_body_slow_says_how_long_to_wait),
        cmocka_unit_test(test_body_slow_always_ends),
        cmocka_unit_test(test_body_slow_of_a_huge_length_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

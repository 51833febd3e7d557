#include "lib/base/clock.h"

#include "tests/unit/base/test.h"

#include <locale.h>
#include <string.h>

#define S 1000000000ULL

static void test_clock_rfc3339(void **state)
{
    char text[TN_RFC3339_SIZE];

    (void)state;
    assert_ptr_equal(tn_clock_rfc3339(0, text), text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    assert_string_equal(tn_clock_rfc3339(1793689953 * S + 123456789, text),
                        "2026-11-03T07:12:33.123Z");
    assert_string_equal(tn_clock_rfc3339(1709164800 * S + 999999999, text),
                        "2024-02-29T00:00:00.999Z");
    assert_string_equal(tn_clock_rfc3339(4102444799 * S, text), "2099-12-31T23:59:59.000Z");
}

static void test_clock_http_date(void **state)
{
    char text[TN_HTTP_DATE_SIZE];

    (void)state;
    assert_ptr_equal(tn_clock_http_date(0, text), text);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_string_equal(tn_clock_http_date(784111777 * S, text), /* RFC 9110's own example */
                        "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_string_equal(tn_clock_http_date(1793689953 * S, text), "Tue, 03 Nov 2026 07:12:33 GMT");
    assert_int_equal(strlen(text), TN_HTTP_DATE_SIZE - 1);
}

/* Every day of a leap year and every month: names come from tables of our own. */
static void test_clock_http_date_names(void **state)
{
    static const char days[] = "ThuFriSatSunMonTueWed";
    char text[TN_HTTP_DATE_SIZE];

    (void)state;
    for (unsigned day = 0; day < 800; day++) {
        tn_clock_http_date(day * 86400 * S, text);
        assert_memory_equal(text, days + (size_t)(day % 7) * 3, 3);
        assert_non_null(strstr("JanFebMarAprMayJunJulAugSepOctNovDec",
                               (char[]){text[8], text[9], text[10], '\0'}));
    }
}

static void test_clock_system(void **state)
{
    const struct tn_clock *clock = &tn_clock_system;
    uint64_t before = clock->monotonic_ns(clock->context);

    (void)state;
    assert_true(clock->monotonic_ns(clock->context) >= before);
    assert_true(clock->boottime_ns(clock->context) >= before);
    assert_true(clock->wall_ns(clock->context) > 1700000000 * S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_rfc3339),
        cmocka_unit_test(test_clock_http_date),
        cmocka_unit_test(test_clock_http_date_names),
        cmocka_unit_test(test_clock_system),
    };

    (void)setlocale(LC_ALL, ""); /* whatever it is, it plays no part */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

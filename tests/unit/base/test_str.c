#include "lib/base/str.h"

#include "tests/unit/base/test.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <stdlib.h>

static const struct tn_str empty = {NULL, 0};

static void test_str_of(void **state)
{
    (void)state;
    assert_int_equal(tn_str_of(NULL).len, 0);
    assert_int_equal(tn_str_of("").len, 0);
    assert_int_equal(tn_str_of("abc").len, 3);
    assert_int_equal(TN_STR("a\0b").len, 3);
}

static void test_str_equal(void **state)
{
    (void)state;
    assert_true(tn_str_equal(empty, TN_STR("")));
    assert_true(tn_str_equal(TN_STR("a\0b"), TN_STR("a\0b")));
    assert_false(tn_str_equal(TN_STR("a\0b"), TN_STR("a\0c")));
    assert_false(tn_str_equal(TN_STR("a"), TN_STR("ab")));
    assert_false(tn_str_equal(TN_STR("a"), TN_STR("A")));
}

static void test_str_equal_nocase_is_ascii_only(void **state)
{
    (void)state;
    assert_true(tn_str_equal_nocase(empty, TN_STR("")));
    assert_true(tn_str_equal_nocase(TN_STR("Content-Length"), TN_STR("cONTENT-lENGTH")));
    assert_false(tn_str_equal_nocase(TN_STR("abc"), TN_STR("abcd")));
    /* neighbours of the letters, 0x20 apart, are not letters */
    assert_false(tn_str_equal_nocase(TN_STR("@"), TN_STR("`")));
    assert_false(tn_str_equal_nocase(TN_STR("["), TN_STR("{")));
    assert_false(tn_str_equal_nocase(TN_STR("-"), TN_STR("\r")));
    assert_false(tn_str_equal_nocase(TN_STR("\xc4"), TN_STR("\xe4")));
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            char x = (char)a, y = (char)b;
            int la = a >= 'A' && a <= 'Z' ? a + 32 : a, lb = b >= 'A' && b <= 'Z' ? b + 32 : b;

            assert_int_equal(tn_str_equal_nocase((struct tn_str){&x, 1}, (struct tn_str){&y, 1}),
                             la == lb);
        }
    }
}

static void test_str_has_prefix(void **state)
{
    (void)state;
    assert_true(tn_str_has_prefix(TN_STR("abc"), TN_STR("ab")));
    assert_true(tn_str_has_prefix(TN_STR("abc"), TN_STR("abc")));
    assert_true(tn_str_has_prefix(TN_STR("abc"), empty));
    assert_true(tn_str_has_prefix(empty, empty));
    assert_false(tn_str_has_prefix(TN_STR("ab"), TN_STR("abc")));
    assert_false(tn_str_has_prefix(TN_STR("abc"), TN_STR("b")));
}

static void test_str_trim(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},          {" ", ""},    {" \t ", ""},   {"a", "a"},
        {"\ta b ", "a b"}, {"  a", "a"}, {"a\t\t", "a"}, {"\n a \r", "\n a \r"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(tn_str_equal(tn_str_trim(tn_str_of(cases[i][0])), tn_str_of(cases[i][1])));
    assert_int_equal(tn_str_trim(empty).len, 0);
}

static void test_str_parse_u64(void **state)
{
    static const struct {
        const char *text;
        unsigned long long max;
        int error;
        unsigned long long value;
    } cases[] = {
        {"0", 0, 0, 0},
        {"1", 0, -ERANGE, 0},
        {"007", 7, 0, 7},
        {"10", 9, -ERANGE, 0},
        {"9", 10, 0, 9},
        {"9", 5, -ERANGE, 0},
        {"18446744073709551615", ULLONG_MAX, 0, ULLONG_MAX},
        {"18446744073709551616", ULLONG_MAX, -ERANGE, 0},
        {"99999999999999999999999", ULLONG_MAX, -ERANGE, 0},
        {"18446744073709551615", ULLONG_MAX - 1, -ERANGE, 0},
        {"9007199254740992", 9007199254740992ULL, 0, 9007199254740992ULL},
        {"9007199254740993", 9007199254740992ULL, -ERANGE, 0},
        {"", 9, -EINVAL, 0},
        {"+1", 9, -EINVAL, 0},
        {"-0", 9, -EINVAL, 0},
        {" 1", 9, -EINVAL, 0},
        {"1 ", 9, -EINVAL, 0},
        {"0x1", 9, -EINVAL, 0},
        {"1_0", 99, -EINVAL, 0},
        /* a byte that is no digit weighs more than a number that is too large */
        {"99x", 9, -EINVAL, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned long long value = 4711;

        assert_int_equal(tn_str_parse_u64(tn_str_of(cases[i].text), cases[i].max, &value),
                         cases[i].error);
        assert_int_equal(value, cases[i].error ? 4711 : cases[i].value);
    }
}

static void test_str_dup(void **state)
{
    char *copy = tn_str_dup(TN_STR("a\0b"));

    (void)state;
    assert_non_null(copy);
    assert_memory_equal(copy, "a\0b", 4);
    free(copy);
    copy = tn_str_dup(empty);
    assert_non_null(copy);
    assert_string_equal(copy, "");
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str_of),
        cmocka_unit_test(test_str_equal),
        cmocka_unit_test(test_str_equal_nocase_is_ascii_only),
        cmocka_unit_test(test_str_has_prefix),
        cmocka_unit_test(test_str_trim),
        cmocka_unit_test(test_str_parse_u64),
        cmocka_unit_test(test_str_dup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

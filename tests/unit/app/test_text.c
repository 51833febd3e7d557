/* text: bounded, terminated, and escaped for where it goes. */
#include "app/text.h"
#include "tests/unit/app/test.h"

#include <errno.h>

static void test_text_adds_and_counts(void **state)
{
    char buffer[32];
    struct app_text text;
    (void)state;
    app_text_init(&text, buffer, sizeof(buffer));
    ASSERT_TEXT(text, "");
    app_text_add(&text, "%s-%d", "app", 7);
    app_text_add(&text, "!");
    ASSERT_TEXT(text, "app-7!");
    assert_int_equal(text.len, 6);
    assert_false(text.cut);
}

static void test_text_is_cut_at_the_end_of_the_buffer(void **state)
{
    char buffer[8];
    struct app_text text;
    (void)state;
    app_text_init(&text, buffer, sizeof(buffer));
    app_text_add(&text, "1234567");
    assert_false(text.cut);
    app_text_add(&text, "8");
    assert_true(text.cut);
    ASSERT_TEXT(text, "1234567");
    assert_int_equal(text.len, 7);
}

static void test_text_of_a_long_word_is_cut_and_terminated(void **state)
{
    char buffer[8];
    struct app_text text;
    (void)state;
    app_text_init(&text, buffer, sizeof(buffer));
    app_text_add(&text, "%s", "0123456789");
    assert_true(text.cut);
    ASSERT_TEXT(text, "0123456");
    app_text_init(&text, buffer, sizeof(buffer));
    app_text_add_json(&text, "0123456789");
    assert_true(text.cut);
    ASSERT_TEXT(text, "\"012345");
    app_text_init(&text, buffer, sizeof(buffer));
    app_text_add_html(&text, "a<<<<<");
    assert_true(text.cut);
    assert_int_equal(buffer[7], '\0');
}

static void test_text_in_a_buffer_of_one_byte(void **state)
{
    char buffer[1];
    struct app_text text;
    (void)state;
    app_text_init(&text, buffer, sizeof(buffer));
    app_text_add(&text, "x");
    app_text_add_json(&text, "x");
    assert_true(text.cut);
    ASSERT_TEXT(text, "");
}

static void test_text_escapes_html(void **state)
{
    char buffer[128];
    struct app_text text;
    (void)state;
    app_text_init(&text, buffer, sizeof(buffer));
    app_text_add_html(&text, "<b a=\"1\" c='2'>&amp;");
    ASSERT_TEXT(text, "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;");
}

static void test_text_escapes_json(void **state)
{
    char buffer[128];
    struct app_text text;
    (void)state;
    app_text_init(&text, buffer, sizeof(buffer));
    app_text_add_json(&text, "a\"b\\c\nd\x01\xc3\xa9");
    ASSERT_TEXT(text, "\"a\\\"b\\\\c\\nd\\u0001\xc3\xa9\"");
}

static void test_text_parses_whole_numbers(void **state)
{
    static const char *const good[] = {"0", "7", "007", "18446744073709551615"};
    static const uint64_t values[] = {0, 7, 7, UINT64_MAX};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        uint64_t value;
        assert_int_equal(app_text_parse_u64(good[i], UINT64_MAX, &value), 0);
        assert_true(value == values[i]);
    }
}

static void test_text_refuses_other_numbers(void **state)
{
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "1e3",
                                      "0x1",
                                      "1_000",
                                      "18446744073709551616",
                                      "99999999999999999999999"};
    uint64_t value = 42;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(app_text_parse_u64(bad[i], UINT64_MAX, &value), -EINVAL);
    }
    assert_int_equal(value, 42);
}

static void test_text_holds_numbers_to_their_maximum(void **state)
{
    uint64_t value;
    (void)state;
    assert_int_equal(app_text_parse_u64("65535", 65535, &value), 0);
    assert_int_equal(value, 65535);
    assert_int_equal(app_text_parse_u64("65536", 65535, &value), -EINVAL);
    assert_int_equal(app_text_parse_u64("70000", 65535, &value), -EINVAL);
    assert_int_equal(app_text_parse_u64("0", 0, &value), 0);
    assert_int_equal(app_text_parse_u64("1", 0, &value), -EINVAL);
    assert_int_equal(app_text_parse_u64("6", 5, &value), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_adds_and_counts),
        cmocka_unit_test(test_text_is_cut_at_the_end_of_the_buffer),
        cmocka_unit_test(test_text_of_a_long_word_is_cut_and_terminated),
        cmocka_unit_test(test_text_in_a_buffer_of_one_byte),
        cmocka_unit_test(test_text_escapes_html),
        cmocka_unit_test(test_text_escapes_json),
        cmocka_unit_test(test_text_parses_whole_numbers),
        cmocka_unit_test(test_text_refuses_other_numbers),
        cmocka_unit_test(test_text_holds_numbers_to_their_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "cli/width.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_width_of_texts(void **state)
{
    static const struct {
        const char *text;
        size_t width;
    } rows[] = {
        {"", 0},
        {"abc", 3},
        {"\xc2\xb1 1%", 4},              /* ± */
        {"\xe4\xb8\xad\xe6\x96\x87", 4}, /* two wide ones */
        {"e\xcc\x81", 1},                /* e and a combining accent */
        {"\xf0\x9f\x9a\x80", 2},         /* a rocket */
        {"\xe2\x80\x8d", 0},             /* a joiner */
        {"\033[1;31mred\033[0m", 3},     /* colours */
        {"\033[", 2},                    /* none */
        {"\xff\xfe", 2},                 /* no UTF-8 */
        {"\xe4\xb8", 2},                 /* cut off */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(cli_width(rows[i].text), rows[i].width);
    assert_int_equal(cli_width(NULL), 0);
}

static void test_width_next_goes_on_by_whole_characters(void **state)
{
    const char *text = "a\xe4\xb8\xad\033[0me\xcc\x81";
    static const size_t lens[] = {1, 3, 4, 1, 2};
    static const size_t all_places[] = {1, 2, 0, 1, 0};

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        size_t places = 99;
        size_t len = cli_width_next(text, &places);

        assert_int_equal(len, lens[i]);
        assert_int_equal(places, all_places[i]);
        text += len;
    }
    assert_int_equal(*text, '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_width_of_texts),
        cmocka_unit_test(test_width_next_goes_on_by_whole_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

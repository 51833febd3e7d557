#include "cli/screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BEGIN "\033[?2026h\033[H"
#define END "\033[?2026l"

static void expect(const char *text, unsigned rows, unsigned columns, const char *page)
{
    char *fit = cli_screen_fit(text, (struct cli_screen_size){rows, columns});

    assert_string_equal(fit, page);
    free(fit);
}

static void test_screen_page_erases_what_was_there(void **state)
{
    (void)state;
    expect("ab\n\nc\n", 5, 10, BEGIN "ab\033[K\r\n\033[K\r\nc\033[K\r\n\033[J" END);
    expect("", 5, 10, BEGIN "\033[J" END);
}

static void test_screen_page_as_high_as_the_terminal_does_not_scroll(void **state)
{
    (void)state;
    expect("a\nb\n", 2, 10, BEGIN "a\033[K\r\nb\033[K" END);
}

static void test_screen_lines_that_are_too_many_are_counted(void **state)
{
    (void)state;
    expect("a\nb\nc\nd\n", 3, 20, BEGIN "a\033[K\r\nb\033[K\r\n... 2 more lines\033[K" END);
    expect("a\nb\n", 1, 5, BEGIN "... 2" END);
}

/* Behind the last place a terminal's cursor stands on it still: erasing would take it away. */
static void test_screen_lines_are_cut_to_the_terminal(void **state)
{
    (void)state;
    expect("abcdef\n", 3, 4, BEGIN "abcd\r\n\033[J" END);
    expect("abcd\n", 3, 4, BEGIN "abcd\r\n\033[J" END);
    expect("abc\n", 3, 4, BEGIN "abc\033[K\r\n\033[J" END);
}

static void test_screen_wide_and_combining_characters_are_not_torn(void **state)
{
    (void)state;
    /* the second wide one would need places 4 and 5 */
    expect("a\xe4\xb8\xad\xe6\x96\x87z\n", 3, 4, BEGIN "a\xe4\xb8\xad\033[K\r\n\033[J" END);
    /* what belongs to the last character goes with it */
    expect("abce\xcc\x81z\n", 3, 4, BEGIN "abce\xcc\x81\r\n\033[J" END);
}

static void test_screen_colours_of_what_is_cut_end(void **state)
{
    (void)state;
    expect("\033[31mabcdef\033[0mgh\n", 3, 4, BEGIN "\033[31mabcd\033[0m\033[0m\r\n\033[J" END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_screen_page_erases_what_was_there),
        cmocka_unit_test(test_screen_page_as_high_as_the_terminal_does_not_scroll),
        cmocka_unit_test(test_screen_lines_that_are_too_many_are_counted),
        cmocka_unit_test(test_screen_lines_are_cut_to_the_terminal),
        cmocka_unit_test(test_screen_wide_and_combining_characters_are_not_torn),
        cmocka_unit_test(test_screen_colours_of_what_is_cut_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "lib/base/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *nearest(const char *typed)
{
    static const char *const words[] = {"get", "set", "status", "route", "reload", "share", "all"};
    struct tn_suggestion suggestion = {0};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        tn_suggest(&suggestion, tn_str_of(typed), words[i]);
    return suggestion.word;
}

static void test_suggest_slips_of_the_hand(void **state)
{
    (void)state;
    assert_string_equal(nearest("stauts"), "status"); /* swapped */
    assert_string_equal(nearest("statu"), "status");  /* one missing */
    assert_string_equal(nearest("routee"), "route");  /* one too many */
    assert_string_equal(nearest("shore"), "share");   /* one wrong */
    assert_string_equal(nearest("GET"), "get");
    assert_string_equal(nearest("al"), "all");
}

static void test_suggest_nothing_for_another_word(void **state)
{
    (void)state;
    assert_null(nearest("deploy"));
    assert_null(nearest("x"));
    assert_null(nearest(""));
    assert_null(nearest("a word of more than thirty-two characters"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suggest_slips_of_the_hand),
        cmocka_unit_test(test_suggest_nothing_for_another_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

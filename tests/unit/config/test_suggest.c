#include "proxy/config/parse.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const keys[] = {"name",   "match",        "stable", "weights",
                                   "sticky", "on_unhealthy", "mirror", "timeouts"};

static const char *suggest(const char *found)
{
    return px_suggest(tn_str_of(found), keys, sizeof(keys) / sizeof(keys[0]));
}

static void test_suggest_slips_of_the_hand(void **state)
{
    (void)state;
    assert_string_equal(suggest("wieghts"), "weights"); /* swapped */
    assert_string_equal(suggest("weight"), "weights");  /* left out */
    assert_string_equal(suggest("weightss"), "weights");
    assert_string_equal(suggest("weoghts"), "weights");
    assert_string_equal(suggest("Weights"), "weights");
    assert_string_equal(suggest("WEIGHTS"), "weights");
    assert_string_equal(suggest("on-unhealthy"), "on_unhealthy");
    assert_string_equal(suggest("onUnhealthy"), "on_unhealthy");
    assert_string_equal(suggest("timeout"), "timeouts");
    assert_string_equal(suggest("nmae"), "name");
}

static void test_suggest_nothing_for_other_words(void **state)
{
    (void)state;
    assert_null(suggest("backend"));
    assert_null(suggest("colour"));
    assert_null(suggest("x"));
    assert_null(suggest(""));
    assert_null(suggest("na")); /* half of it is not there */
    assert_null(
        suggest("stickies-and-much-more-than-sixty-four-letters-so-that-nobody-looks-at-it"));
}

static void test_suggest_the_nearest(void **state)
{
    (void)state;
    static const char *const words[] = {"green", "greed", "greet"};
    assert_string_equal(px_suggest(tn_str_of("greeen"), words, 3), "green");
    assert_string_equal(px_suggest(tn_str_of("greedd"), words, 3), "greed");
    assert_string_equal(px_suggest(tn_str_of("greex"), words, 3), "green"); /* first of equals */
}

static void test_suggest_a_word_by_its_part(void **state)
{
    (void)state;
    static const char *const by[] = {"cookie", "client_ip", "round_robin", "head_timeout",
                                     "queue_timeout"};
    assert_string_equal(px_suggest(tn_str_of("ip"), by, 5), "client_ip");
    assert_string_equal(px_suggest(tn_str_of("RR_robin"), by, 5), "round_robin");
    assert_string_equal(px_suggest(tn_str_of("client"), by, 5), "client_ip");
    assert_null(px_suggest(tn_str_of("timeout"), by, 5)); /* of two words */
}

static void test_suggest_from_no_words(void **state)
{
    (void)state;
    static const char *const long_words[] = {
        "a-word-of-more-than-sixty-four-letters-which-no-name-that-is-right-can-have"};
    assert_null(px_suggest(tn_str_of("a-word"), long_words, 1));
    assert_null(px_suggest(tn_str_of("name"), NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suggest_slips_of_the_hand),
        cmocka_unit_test(test_suggest_nothing_for_other_words),
        cmocka_unit_test(test_suggest_the_nearest),
        cmocka_unit_test(test_suggest_a_word_by_its_part),
        cmocka_unit_test(test_suggest_from_no_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

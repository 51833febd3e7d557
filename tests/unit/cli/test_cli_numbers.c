#include "cli/numbers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Takes why over. */
static void expect_why(char *why, const char *expected)
{
    if (!why)
        fail_msg("no message; expected: %s", expected);
    assert_string_equal(why, expected);
    free(why);
}

static void test_percent_is_exact(void **state)
{
    static const struct {
        const char *text;
        uint32_t ppm;
    } rows[] = {{"10%", 100000},   {"0.1%", 1000},  {"10 %", 100000},
                {"100%", 1000000}, {"0%", 0},       {"33.3333%", 333333},
                {"0.0001%", 1},    {" 5% ", 50000}, {"100.0000%", 1000000}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t ppm = 77;

        assert_null(cli_parse_percent("--share", rows[i].text, &ppm));
        assert_int_equal(ppm, rows[i].ppm);
    }
}

static void test_percent_without_its_sign_is_refused_with_the_way_to_write_it(void **state)
{
    uint32_t ppm = 77;

    (void)state;
    expect_why(cli_parse_percent("--share", "10", &ppm),
               "--share 10: a share is written with its unit: --share 10%");
    expect_why(cli_parse_percent("--share", "0.1", &ppm),
               "--share 0.1: a share is written with its unit: --share 0.1% (or --share 10%, if "
               "that is meant)");
    expect_why(cli_parse_percent("--share", "1", &ppm),
               "--share 1: a share is written with its unit: --share 1% (or --share 100%, if that "
               "is meant)");
    expect_why(cli_parse_percent("--share", "0", &ppm),
               "--share 0: a share is written with its unit: --share 0%");
    assert_int_equal(ppm, 77);
}

static void test_percent_refuses_other_texts(void **state)
{
    static const char *const rows[] = {"ten%", "%", "-1%", "1e1%", "10%%", "0.00001%", "1,5%"};
    uint32_t ppm = 77;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *why = cli_parse_percent("--share", rows[i], &ppm);
        assert_non_null(strstr(why, "expected a percentage such as 10% or 0.1% (four decimals at "
                                    "most)"));
        free(why);
    }
    expect_why(cli_parse_percent("--share", "100.1%", &ppm),
               "--share 100.1%: a share is at most 100%");
    assert_int_equal(ppm, 77);
}

static void test_percent_number_takes_both_where_the_option_names_the_unit(void **state)
{
    uint32_t ppm;

    (void)state;
    assert_null(cli_parse_percent_number("--percent", "25", &ppm));
    assert_int_equal(ppm, 250000);
    assert_null(cli_parse_percent_number("--percent", "25%", &ppm));
    assert_int_equal(ppm, 250000);
    assert_null(cli_parse_percent_number("--percent", "0.5", &ppm));
    assert_int_equal(ppm, 5000);
    expect_why(cli_parse_percent_number("--percent", "125", &ppm),
               "--percent 125: a share is at most 100%");
}

static void test_revision_is_a_number(void **state)
{
    uint64_t revision = 77;

    (void)state;
    assert_null(cli_parse_revision("--if-revision", "7", &revision));
    assert_int_equal(revision, 7);
    expect_why(cli_parse_revision("--if-revision", "r7", &revision),
               "--if-revision 'r7': expected a revision as 'turnout get' shows it, for example 7");
    free(cli_parse_revision("--if-revision", "-1", &revision));
    free(cli_parse_revision("--if-revision", "99999999999999999999", &revision));
    assert_int_equal(revision, 7);
}

static void test_duration_needs_its_unit(void **state)
{
    uint64_t ms = 77;

    (void)state;
    assert_null(cli_parse_duration("--timeout", "60s", &ms));
    assert_int_equal(ms, 60000);
    assert_null(cli_parse_duration("--timeout", "0s", &ms));
    assert_int_equal(ms, 0);
    expect_why(cli_parse_duration("--timeout", "60", &ms),
               "--timeout 60: a duration is written with its unit: 60s");
    expect_why(cli_parse_duration("--timeout", "soon", &ms),
               "--timeout 'soon': expected a duration such as 500ms, 60s or 5m");
}

#define LIST(...)                                                                                  \
    (&(const struct cli_list){.items = {__VA_ARGS__},                                              \
                              .count = sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)})

/* Takes pairs over. */
static void expect_pairs(json_t *pairs, const char *expected)
{
    char *text = json_dumps(pairs, JSON_COMPACT);

    assert_string_equal(text, expected);
    free(text);
    json_decref(pairs);
}

static void test_weights_in_one_word_or_several(void **state)
{
    json_t *pairs = NULL;

    (void)state;
    assert_null(cli_parse_weights(LIST("blue=999,green=1"), &pairs));
    expect_pairs(pairs, "{\"blue\":999,\"green\":1}");
    assert_null(cli_parse_weights(LIST("blue=0", "green=1000000"), &pairs));
    expect_pairs(pairs, "{\"blue\":0,\"green\":1000000}");
    assert_null(cli_parse_weights(LIST("blue=1,", "green=2"), &pairs));
    expect_pairs(pairs, "{\"blue\":1,\"green\":2}");
}

static void test_weights_refuse_what_is_none(void **state)
{
    json_t *pairs = NULL;

    (void)state;
    expect_why(cli_parse_weights(LIST("blue=90%,green=10%"), &pairs),
               "blue=90%: a weight is a plain number, relative to the others. For a share: turnout "
               "set share blue=90%");
    expect_why(cli_parse_weights(LIST("blue=1000001"), &pairs),
               "blue=1000001: expected a weight, a whole number from 0 to 1000000");
    expect_why(cli_parse_weights(LIST("blue=0.5"), &pairs),
               "blue=0.5: expected a weight, a whole number from 0 to 1000000");
    expect_why(cli_parse_weights(LIST("blue=1,blue=2"), &pairs), "blue is given twice");
    expect_why(cli_parse_weights(LIST("blue"), &pairs),
               "'blue': expected VERSION=WEIGHT, for example blue=9,green=1");
    expect_why(cli_parse_weights(LIST("=1"), &pairs),
               "'=1': expected VERSION=WEIGHT, for example blue=9,green=1");
    expect_why(cli_parse_weights(LIST("blue=,green=1"), &pairs),
               "'blue=': expected VERSION=WEIGHT, for example blue=9,green=1");
    expect_why(cli_parse_weights(LIST(","), &pairs),
               "nothing given: expected VERSION=WEIGHT, for example blue=9,green=1");
    expect_why(cli_parse_weights(LIST("bl\xff=1"), &pairs), "'bl\xff': not a name in UTF-8");
    assert_null(pairs);
}

static void test_weights_refuse_long_words_without_overflow(void **state)
{
    char word[400];
    json_t *pairs = NULL;

    (void)state;
    memset(word, '9', sizeof(word));
    word[200] = '=';
    word[sizeof(word) - 1] = '\0';
    char *why = cli_parse_weights(LIST(word), &pairs);
    assert_non_null(why);
    free(why);
}

static void test_shares_in_ppm(void **state)
{
    json_t *pairs = NULL;

    (void)state;
    assert_null(cli_parse_shares(LIST("green=10%"), &pairs));
    expect_pairs(pairs, "{\"green\":100000}");
    assert_null(cli_parse_shares(LIST("green=0.1 %,red=5%"), &pairs));
    expect_pairs(pairs, "{\"green\":1000,\"red\":50000}");
    assert_null(cli_parse_shares(LIST("green=10", "%", "red=5", "%"), &pairs));
    expect_pairs(pairs, "{\"green\":100000,\"red\":50000}");
}

static void test_shares_refuse_a_bare_number(void **state)
{
    json_t *pairs = NULL;

    (void)state;
    expect_why(cli_parse_shares(LIST("green=10"), &pairs),
               "green=10: a share is written with its unit: green=10%");
    expect_why(cli_parse_shares(LIST("green=10%", "red=5"), &pairs),
               "red=5: a share is written with its unit: red=5%");
    assert_null(pairs);
}

static void test_split_is_in_plain_numbers(void **state)
{
    json_t *pairs = NULL;

    (void)state;
    assert_null(cli_parse_split("blue=50,green=50", &pairs));
    expect_pairs(pairs, "{\"blue\":50,\"green\":50}");
    expect_why(cli_parse_split("blue=50%,green=50%", &pairs),
               "--split blue=50%: expected a whole number from 0 to 1000000, relative to the "
               "others: blue=50,green=50");
}

static void test_mirror_is_a_share_or_off(void **state)
{
    char *to = NULL;
    uint32_t ppm = 77;

    (void)state;
    assert_null(cli_parse_mirror(LIST("green=25%"), &to, &ppm));
    assert_string_equal(to, "green");
    assert_int_equal(ppm, 250000);
    free(to);
    assert_null(cli_parse_mirror(LIST("green=off"), &to, &ppm));
    assert_int_equal(ppm, 0);
    free(to);
}

static void test_mirror_refuses_what_is_none(void **state)
{
    char *to = NULL;
    uint32_t ppm = 77;

    (void)state;
    expect_why(cli_parse_mirror(LIST("green=25"), &to, &ppm),
               "green=25: a share is written with its unit: green=25%");
    expect_why(cli_parse_mirror(LIST("green"), &to, &ppm),
               "'green': expected VERSION=PERCENT or VERSION=off, for example green=25%");
    expect_why(cli_parse_mirror(LIST("green=1%,blue=2%"), &to, &ppm),
               "one mirror at a time: green=1%, then blue=2%");
    expect_why(cli_parse_mirror(LIST(","), &to, &ppm),
               "nothing given: expected VERSION=PERCENT or VERSION=off, for example green=25%");
    assert_null(to);
    assert_int_equal(ppm, 77);
}

static void test_fields_split_at_the_first_separator(void **state)
{
    json_t *field = NULL;

    (void)state;
    assert_null(cli_parse_field("--header", "=:", "X-User: 7", &field));
    expect_pairs(field, "{\"name\":\"X-User\",\"value\":\"7\"}");
    assert_null(cli_parse_field("--header", "=:", "X-Version=a:b=c", &field));
    expect_pairs(field, "{\"name\":\"X-Version\",\"value\":\"a:b=c\"}");
    assert_null(cli_parse_field("--cookie", "=", "k=", &field));
    expect_pairs(field, "{\"name\":\"k\",\"value\":\"\"}");
}

static void test_fields_refuse_what_is_none(void **state)
{
    json_t *field = NULL;

    (void)state;
    expect_why(cli_parse_field("--header", "=:", "X-User", &field),
               "--header 'X-User': expected NAME=VALUE");
    expect_why(cli_parse_field("--cookie", "=", "k: v", &field),
               "--cookie 'k: v': expected NAME=VALUE");
    expect_why(cli_parse_field("--header", ":=", ": v", &field),
               "--header ': v': expected NAME:VALUE");
    expect_why(cli_parse_field("--header", ":=", "a: \xff", &field),
               "--header 'a: \xff': not text in UTF-8");
    assert_null(field);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percent_is_exact),
        cmocka_unit_test(test_percent_without_its_sign_is_refused_with_the_way_to_write_it),
        cmocka_unit_test(test_percent_refuses_other_texts),
        cmocka_unit_test(test_percent_number_takes_both_where_the_option_names_the_unit),
        cmocka_unit_test(test_revision_is_a_number),
        cmocka_unit_test(test_duration_needs_its_unit),
        cmocka_unit_test(test_weights_in_one_word_or_several),
        cmocka_unit_test(test_weights_refuse_what_is_none),
        cmocka_unit_test(test_weights_refuse_long_words_without_overflow),
        cmocka_unit_test(test_shares_in_ppm),
        cmocka_unit_test(test_shares_refuse_a_bare_number),
        cmocka_unit_test(test_split_is_in_plain_numbers),
        cmocka_unit_test(test_mirror_is_a_share_or_off),
        cmocka_unit_test(test_mirror_refuses_what_is_none),
        cmocka_unit_test(test_fields_split_at_the_first_separator),
        cmocka_unit_test(test_fields_refuse_what_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

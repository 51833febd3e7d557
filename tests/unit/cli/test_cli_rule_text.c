#include "cli/rule_text.h"

#include "capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Takes text over; NULL expects NULL. */
static void expect(char *text, const char *expected)
{
    if (expected)
        assert_string_equal(text ? text : "(nothing)", expected);
    else
        assert_null(text);
    free(text);
}

static void test_rule_text_shares_are_of_the_sum(void **state)
{
    json_t *rule = capture_json("{'weights':{'blue':999,'green':1,'red':0}}");
    json_t *thirds = capture_json("{'weights':{'a':1,'b':2}}");
    json_t *none = capture_json("{'weights':{'a':0}}");

    (void)state;
    expect(cli_rule_share(rule, "blue"), "99.9%");
    expect(cli_rule_share(rule, "green"), "0.1%");
    expect(cli_rule_share(rule, "red"), NULL);
    expect(cli_rule_share(rule, "other"), NULL);
    expect(cli_rule_share(thirds, "a"), "33.3333%");
    expect(cli_rule_share(thirds, "b"), "66.6667%");
    expect(cli_rule_share(none, "a"), NULL);
    expect(cli_rule_share(NULL, "a"), NULL);
    json_decref(rule);
    json_decref(thirds);
    json_decref(none);
}

static void test_rule_text_mirrors(void **state)
{
    json_t *rule = capture_json("{'mirror':[{'to':'green','percent':'25%'},{'to':'red'}]}");

    (void)state;
    expect(cli_rule_mirror(rule, "green"), "25%");
    expect(cli_rule_mirror(rule, "red"), "100%");
    expect(cli_rule_mirror(rule, "blue"), NULL);
    expect(cli_rule_mirror(NULL, "blue"), NULL);
    json_decref(rule);
}

static void expect_match(const char *match, const char *expected)
{
    json_t *rule = json_pack("{s:o}", "match", capture_json(match));

    expect(cli_rule_match(rule), expected);
    json_decref(rule);
}

static void test_rule_text_matches(void **state)
{
    (void)state;
    expect_match("[]", NULL);
    expect_match("[{'headers':[{'name':'X-Version','value':'green'}]},"
                 "{'cookies':[{'name':'beta','value':'1'}]}]",
                 "X-Version=green, or cookie beta=1");
    expect_match("[{'host':'a.example','path':{'prefix':'/api/'},'method':'GET'}]",
                 "host=a.example and path=/api/... and method=GET");
    expect_match("[{'query':[{'name':'q','regex':'^a'}],'headers':[{'name':'H','present':true}]}]",
                 "H present and query q~^a");
    expect_match("[{'headers':[{'name':'H','value':'v','not':true}]}]", "not H=v");
}

static void test_rule_text_sticky(void **state)
{
    json_t *plain = capture_json("{'sticky':{'by':'cookie'}}");
    json_t *all =
        capture_json("{'sticky':{'by':'header:X-User','seed':'spring','scope':'endpoint'}}");
    json_t *none = capture_json("{'sticky':null}");

    (void)state;
    expect(cli_rule_sticky(plain), "by cookie");
    expect(cli_rule_sticky(all), "by header:X-User, seed spring, scope endpoint");
    expect(cli_rule_sticky(none), NULL);
    json_decref(plain);
    json_decref(all);
    json_decref(none);
}

static void test_rule_text_finds_by_name(void **state)
{
    json_t *rules = capture_json("[{'name':'a'},{'x':1},{'name':'b'}]");

    (void)state;
    assert_ptr_equal(cli_find_rule(rules, "b"), json_array_get(rules, 2));
    assert_null(cli_find_rule(rules, "c"));
    assert_null(cli_find_rule(rules, NULL));
    assert_null(cli_find_rule(NULL, "a"));
    json_decref(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule_text_shares_are_of_the_sum),
        cmocka_unit_test(test_rule_text_mirrors),
        cmocka_unit_test(test_rule_text_matches),
        cmocka_unit_test(test_rule_text_sticky),
        cmocka_unit_test(test_rule_text_finds_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "capture.h"
#include "cli/change.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void expect(const char *answer_text, const char *expected)
{
    struct capture capture;
    json_t *answer = capture_json(answer_text);

    capture_start(&capture);
    cli_print_change(&capture.context, answer);
    assert_string_equal(capture_out(&capture), expected);
    assert_string_equal(capture_err(&capture), "");
    capture_end(&capture);
    json_decref(answer);
}

static void test_change_view_shows_shares_before_and_after(void **state)
{
    (void)state;
    expect("{'revision':8,'changed':true,'durable':true,"
           "'before':[{'name':'main','stable':'blue','weights':{'blue':1}}],"
           "'after':[{'name':'main','stable':'blue','weights':{'blue':9,'green':1}}]}",
           "revision 8\n\n"
           "RULE  TRAFFIC  BEFORE  AFTER\n"
           "main  blue     100%    90%\n"
           "      green    -       10%\n");
}

static void test_change_view_shows_new_and_removed_rules(void **state)
{
    (void)state;
    expect("{'revision':9,'changed':true,"
           "'before':[{'name':'main','weights':{'blue':1}},"
           "{'name':'main/ab-1','match':[{'cookies':[{'name':'k','value':'1'}]}],"
           "'weights':{'green':1}}],"
           "'after':[{'name':'main/ab-2','match':[{'headers':[{'name':'H','value':'v'}]}],"
           "'weights':{'green':1},'made_by_route':true}]}",
           "revision 9\n\n"
           "RULE                 TRAFFIC  BEFORE      AFTER\n"
           "main/ab-2 (new)      green    -           100%\n"
           "                     for      -           H=v\n"
           "main (removed)       blue     100%        -\n"
           "main/ab-1 (removed)  green    100%        -\n"
           "                     for      cookie k=1  -\n");
}

static void test_change_view_shows_modes(void **state)
{
    (void)state;
    expect("{'revision':9,'changed':true,'durable':true,'before':[],'after':[],"
           "'modes':[{'name':'green','before':'active','after':'cut','until':null},"
           "{'name':'blue/1','before':'cut','after':'draining','until':'T'}],"
           "'ended':2,'notes':['one']}",
           "revision 9\n\n"
           "VERSION  BEFORE  AFTER\n"
           "green    active  cut\n"
           "blue/1   cut     draining until T\n"
           "\n2 open exchanges were ended\n"
           "\nnote: one\n");
    expect("{'revision':9,'changed':false,'before':[],'after':[],'ended':1}",
           "revision 9: nothing to change\n\n1 open exchange was ended\n");
    expect("{'revision':9,'changed':true,'dry_run':true,'ended':0,'before':[],'after':[]}",
           "dry run, nothing was changed; it would be\n");
}

static void test_change_view_says_not_durable_aloud(void **state)
{
    struct capture capture;
    json_t *answer = capture_json("{'revision':9,'changed':true,'durable':false,"
                                  "'not_durable':'the disk is full','before':[],'after':[]}");

    (void)state;
    capture_start(&capture);
    cli_print_change(&capture.context, answer);
    assert_string_equal(capture_out(&capture), "revision 9\n");
    assert_string_equal(capture_err(&capture),
                        "applied, NOT durable: the disk is full; it is tried again\n");
    capture_end(&capture);
    json_decref(answer);
}

static void test_change_view_shows_mirrors_and_settings(void **state)
{
    (void)state;
    expect("{'revision':3,'changed':true,"
           "'before':[{'name':'main','stable':'blue','weights':{'blue':1},"
           "'mirror':[{'to':'green','percent':'25%'}],'sticky':{'by':'cookie'},"
           "'timeouts':{'total':'1s'}}],"
           "'after':[{'name':'main','stable':'green','weights':{'blue':0,'green':1},"
           "'mirror':[{'to':'red'}],'max_body':'1MiB'}]}",
           "revision 3\n\n"
           "RULE  TRAFFIC            BEFORE          AFTER\n"
           "main  blue               100%            -\n"
           "      green              -               100%\n"
           "      mirrored to green  25%             -\n"
           "      mirrored to red    -               100%\n"
           "      stable             blue            green\n"
           "      sticky             by cookie       -\n"
           "      timeouts           {\"total\":\"1s\"}  -\n"
           "      max_body           -               \"1MiB\"\n");
}

static void test_change_view_says_when_nothing_changed(void **state)
{
    (void)state;
    expect("{'revision':7,'changed':false,'before':[],'after':[]}",
           "revision 7: nothing to change\n");
}

static void test_change_view_says_that_a_dry_run_is_one(void **state)
{
    (void)state;
    expect("{'revision':7,'changed':true,'dry_run':true,'durable':false,"
           "'before':[{'name':'m','weights':{'a':1}}],'after':[{'name':'m','weights':{'b':1}}]}",
           "dry run, nothing was changed; it would be\n\n"
           "RULE  TRAFFIC  BEFORE  AFTER\n"
           "m     a        100%    -\n"
           "      b        -       100%\n");
}

static void test_change_view_ends_with_notes(void **state)
{
    (void)state;
    expect("{'revision':8,'changed':true,'durable':false,'before':[],'after':[],"
           "'notes':['rule testers still sends to green','second']}",
           "revision 8\n\n"
           "note: rule testers still sends to green\n"
           "note: second\n\n"
           "note: kept in memory only: after a restart it is gone\n");
}

static void test_change_view_survives_answers_of_another_shape(void **state)
{
    (void)state;
    expect("{}", "revision 0: nothing to change\n");
    expect("{'changed':true,'revision':1,'before':3,'after':[1,{},{'name':'x','weights':[],"
           "'mirror':[{}]}],'notes':[4]}",
           "revision 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_change_view_shows_shares_before_and_after),
        cmocka_unit_test(test_change_view_shows_new_and_removed_rules),
        cmocka_unit_test(test_change_view_shows_modes),
        cmocka_unit_test(test_change_view_says_not_durable_aloud),
        cmocka_unit_test(test_change_view_shows_mirrors_and_settings),
        cmocka_unit_test(test_change_view_says_when_nothing_changed),
        cmocka_unit_test(test_change_view_says_that_a_dry_run_is_one),
        cmocka_unit_test(test_change_view_ends_with_notes),
        cmocka_unit_test(test_change_view_survives_answers_of_another_shape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

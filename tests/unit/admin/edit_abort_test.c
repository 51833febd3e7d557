#include "tests/unit/admin/edit_table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MAIN "{'name':'main','stable':'blue','weights':{'blue':9,'green':1}}"
#define MAIN_BACK "{'name':'main','stable':'blue','weights':{'blue':1}}"
#define TESTERS "{'name':'testers','match':[{'path':'/t'}],'weights':{'green':1}}"
#define TESTERS_OFF                                                                                \
    "{'name':'testers','match':[{'path':'/t'}],'weights':{'green':1},'switched_off':true}"
#define OWN "{'name':'own','match':[{'path':'/o'}],'weights':{'blue':1}}"
#define SESSION "'sticky':{'by':'cookie','affinity':'session'}"

static void check_all(const struct edit_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        edit_check(px_edit_abort, &rows[i]);
}

#define CHECK_ALL(rows) check_all(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_abort_sends_every_rule_back(void **state)
{
    static const struct edit_row rows[] = {
        {.what = "to stable", .rules = "[" MAIN "]", .request = "{}", .after = "[" MAIN_BACK "]"},
        {.what = "there already",
         .rules = "[{'name':'main','stable':'blue','weights':{'blue':7,'green':0}}]",
         .request = "{}",
         .after = "[{'name':'main','stable':'blue','weights':{'blue':7,'green':0}}]"},
        {.what = "nowhere else to go",
         .rules = "[{'name':'main','weights':{'blue':1}}]",
         .request = "{}",
         .after = "[{'name':'main','weights':{'blue':1}}]",
         .says = "rule main has no stable and sends all to blue: it stays"},
        {.what = "all to another than stable",
         .rules = "[{'name':'main','stable':'blue','weights':{'green':1}}]",
         .request = "{}",
         .after = "[" MAIN_BACK "]"},
        {.what = "mirrors stop",
         .rules =
             "[{'name':'main','stable':'blue','weights':{'blue':1},'mirror':[{'to':'green'}]}]",
         .request = "{}",
         .after = "[" MAIN_BACK "]"},
        {.what = "a match rule with its own stable",
         .rules =
             "[{'name':'t','match':[{'path':'/'}],'stable':'red','weights':{'green':1}}," MAIN "]",
         .request = "{}",
         .after =
             "[{'name':'t','match':[{'path':'/'}],'stable':'red','weights':{'red':1}}," MAIN_BACK
             "]"},
        {.what = "members of every change",
         .rules = "[" MAIN "]",
         .request = "{'reason':'r','author':'a','dry_run':true}",
         .after = "[" MAIN_BACK "]"},
        {.what = "unknown member",
         .rules = "[" MAIN "]",
         .request = "{'version':'green'}",
         .says = "unknown member 'version'"},
    };

    (void)state;
    CHECK_ALL(rows);
}

static void test_abort_switches_match_rules_off(void **state)
{
    static const struct edit_row rows[] = {
        {.what = "names another version",
         .rules = "[" TESTERS "," MAIN "]",
         .request = "{}",
         .after = "[" TESTERS_OFF "," MAIN_BACK "]",
         .says = "rule testers has no stable and names green: it is switched off"},
        {.what = "is off already",
         .rules = "[" TESTERS_OFF "," MAIN "]",
         .request = "{}",
         .after = "[" TESTERS_OFF "," MAIN_BACK "]"},
        {.what = "names what the last rule goes back to",
         .rules = "[" OWN "," MAIN "]",
         .request = "{}",
         .after = "[" OWN "," MAIN_BACK "]"},
        {.what = "the last rule has no stable but one version",
         .rules = "[" OWN "," TESTERS ",{'name':'main','weights':{'blue':1}}]",
         .request = "{}",
         .after = "[" OWN "," TESTERS_OFF ",{'name':'main','weights':{'blue':1}}]",
         .says = "switched off"},
        {.what = "its mirrors stop as well",
         .rules = "[{'name':'own','match':[{'path':'/o'}],'weights':{'blue':1},"
                  "'mirror':[{'to':'green'}]}," MAIN "]",
         .request = "{}",
         .after = "[" OWN "," MAIN_BACK "]"},
    };

    (void)state;
    CHECK_ALL(rows);
}

static void test_abort_of_one_rule_takes_what_route_made_for_it(void **state)
{
    static const struct edit_row rows[] = {
        {.what = "one rule",
         .rules = "[" TESTERS "," MAIN "]",
         .request = "{'rule':'main'}",
         .after = "[" TESTERS "," MAIN_BACK "]"},
        {.what = "made by route, and a namesake that is not",
         .rules = "[{'name':'main/ab-1','match':[{'path':'/'}],'weights':{'green':1},"
                  "'made_by_route':true},"
                  "{'name':'main/own','match':[{'path':'/'}],'weights':{'green':1}}," MAIN "]",
         .request = "{'rule':'main'}",
         .after = "[{'name':'main/ab-1','match':[{'path':'/'}],'weights':{'green':1},"
                  "'made_by_route':true,'switched_off':true},"
                  "{'name':'main/own','match':[{'path':'/'}],'weights':{'green':1}}," MAIN_BACK "]",
         .says = "rule main/ab-1 has no stable"},
        {.what = "made for a rule that goes back to another one than the last",
         .rules =
             "[{'name':'t/ab-1','match':[{'path':'/'}],'weights':{'red':1},"
             "'made_by_route':true},"
             "{'name':'t','match':[{'path':'/'}],'stable':'red','weights':{'green':1}}," MAIN "]",
         .request = "{'rule':'t'}",
         .after =
             "[{'name':'t/ab-1','match':[{'path':'/'}],'weights':{'red':1},"
             "'made_by_route':true},"
             "{'name':'t','match':[{'path':'/'}],'stable':'red','weights':{'red':1}}," MAIN "]"},
        {.what = "a match rule alone",
         .rules = "[" TESTERS "," MAIN "]",
         .request = "{'rule':'testers'}",
         .after = "[" TESTERS_OFF "," MAIN "]",
         .says = "switched off"},
        {.what = "no such rule",
         .rules = "[" MAIN "]",
         .request = "{'rule':'mian'}",
         .says = "there is no rule 'mian'"},
    };

    (void)state;
    CHECK_ALL(rows);
}

static void test_abort_makes_session_bindings_void(void **state)
{
    static const struct {
        struct edit_row row;
        struct edit_extras extras;
    } rows[] = {
        {.row.what = "with the new revision",
         .row.rules = "[{'name':'main','stable':'blue','weights':{'green':1}," SESSION "}]",
         .row.request = "{}",
         .row.after = "[{'name':'main','stable':'blue','weights':{'blue':1}," SESSION "}]",
         .extras.unbound = "{'main':18}"},
        {.row.what = "also when the weights are there already: users may still be bound elsewhere",
         .row.rules = "[{'name':'main','stable':'blue','weights':{'blue':1}," SESSION "}]",
         .row.request = "{}",
         .row.after = "[{'name':'main','stable':'blue','weights':{'blue':1}," SESSION "}]",
         .extras.unbound_before = "{'main':3,'other':4}",
         .extras.unbound = "{'main':18,'other':4}"},
        {.row.what = "not again when nothing came between",
         .row.rules = "[{'name':'main','stable':'blue','weights':{'blue':1}," SESSION "}]",
         .row.request = "{}",
         .row.after = "[{'name':'main','stable':'blue','weights':{'blue':1}," SESSION "}]",
         .extras.unbound_before = "{'main':17}",
         .extras.unbound = "{'main':17}"},
        {.row.what = "only of the rule that is aborted",
         .row.rules =
             "[{'name':'t','match':[{'path':'/'}],'stable':'blue','weights':{'blue':1}," SESSION
             "},{'name':'main','stable':'blue','weights':{'blue':1}," SESSION "}]",
         .row.request = "{'rule':'t'}",
         .row.after =
             "[{'name':'t','match':[{'path':'/'}],'stable':'blue','weights':{'blue':1}," SESSION
             "},{'name':'main','stable':'blue','weights':{'blue':1}," SESSION "}]",
         .extras.unbound = "{'t':18}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        edit_check_extras(px_edit_abort, &rows[i].row, &rows[i].extras);
}

static void test_arranging_a_rule_anew_switches_it_on(void **state)
{
    static const struct edit_row weights = {
        .what = "weights",
        .rules = "[" TESTERS_OFF "," MAIN "]",
        .request = "{'rule':'testers','weights':{'green':1}}",
        .after = "[" TESTERS "," MAIN "]",
        .says = "rule testers, which an abort switched off, is on again"};
    static const struct edit_row share = {.what = "share",
                                          .rules = "[" TESTERS_OFF "," MAIN "]",
                                          .request = "{'rule':'testers','share':{'green':1000000}}",
                                          .after = "[" TESTERS "," MAIN "]",
                                          .says = "is on again"};
    static const struct edit_row route = {
        .what = "route",
        .rules = "[" TESTERS_OFF "," MAIN "]",
        .request = "{'rule':'testers','strategy':'all','version':'green'}",
        .after = "[" TESTERS "," MAIN "]",
        .says = "is on again"};
    static const struct edit_row elsewhere = {
        .what = "a rule that is off sends nowhere",
        .rules = "[" TESTERS_OFF "," MAIN "]",
        .request = "{'strategy':'all','version':'blue'}",
        .after = "[" TESTERS_OFF ",{'name':'main','stable':'blue','weights':{'blue':1}}]"};

    (void)state;
    edit_check(px_edit_weights, &weights);
    edit_check(px_edit_share, &share);
    edit_check(px_edit_route, &route);
    edit_check(px_edit_route, &elsewhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_abort_sends_every_rule_back),
        cmocka_unit_test(test_abort_switches_match_rules_off),
        cmocka_unit_test(test_abort_of_one_rule_takes_what_route_made_for_it),
        cmocka_unit_test(test_abort_makes_session_bindings_void),
        cmocka_unit_test(test_arranging_a_rule_anew_switches_it_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

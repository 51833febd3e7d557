#include "tests/unit/admin/edit_table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MAIN "{'name':'main','stable':'blue','weights':{'blue':9,'green':1}}"
#define TESTERS "{'name':'testers','match':[{'path':'/t'}],'weights':{'green':1}}"
#define BOTH "[" TESTERS "," MAIN "]"
#define ONLY "[" MAIN "]"
#define ALL_GREEN "[{'name':'main','weights':{'green':1}}]"
#define ALONE "[{'name':'main','stable':'blue','weights':{'green':1}}]"
#define CUT "{'mode':'cut'}"
#define UNTIL "'until':'2026-09-21T14:13:50.000Z','timeout_ms':30000"
#define DRAINING "{'mode':'draining'," UNTIL "}"
#define CUT_AT(address) "{'mode':'cut','address':'" address "'}"

struct row {
    struct edit_row row;
    struct edit_extras extras;
};

static void check_all(px_edit_fn *edit, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        edit_check_extras(edit, &rows[i].row, &rows[i].extras);
}

#define CHECK_ALL(edit, rows) check_all(edit, rows, sizeof(rows) / sizeof((rows)[0]))

/* The rules stay as they are: modes are beside them. */
static void test_mode_of_versions_and_endpoints(void **state)
{
    static const struct row rows[] = {
        {{"cut a version", ONLY, NULL, "{'version':'green','mode':'cut'}", ONLY, NULL},
         {.modes = "{'green':" CUT "}"}},
        {{"cut an endpoint", ONLY, NULL, "{'version':'blue','endpoint':1,'mode':'cut'}", ONLY,
          NULL},
         {.modes = "{'blue/1':" CUT_AT("127.0.0.1:5002") "}"}},
        {{"cut, and end what is open", ONLY, NULL,
          "{'version':'green','mode':'cut','abort_open':true}", ONLY, NULL},
         {.modes = "{'green':" CUT "}", .closing = "['green']"}},
        {{"cut already, but end what is open", ONLY, NULL,
          "{'version':'blue','endpoint':0,'mode':'cut','abort_open':true}", ONLY, NULL},
         {.modes_before = "{'blue/0':" CUT "}",
          .modes = "{'blue/0':" CUT "}",
          .closing = "['blue/0']"}},
        {{"drain for 30 s", ONLY, NULL, "{'version':'green','mode':'draining'}", ONLY, NULL},
         {.modes = "{'green':" DRAINING "}"}},
        {{"drain for long", ONLY, NULL,
          "{'version':'green','mode':'draining','timeout_ms':86400000}", ONLY, NULL},
         {.modes = "{'green':{'mode':'draining','until':'2026-09-22T14:13:20.000Z',"
                   "'timeout_ms':86400000}}"}},
        {{"drain for no time", ONLY, NULL, "{'version':'green','mode':'draining','timeout_ms':0}",
          ONLY, NULL},
         {.modes = "{'green':{'mode':'draining','until':'2026-09-21T14:13:20.000Z',"
                   "'timeout_ms':0}}"}},
        {{"drain anew: the time starts again", ONLY, NULL, "{'version':'green','mode':'draining'}",
          ONLY, NULL},
         {.modes_before = "{'green':{'mode':'draining','until':'2026-09-21T14:13:21.000Z',"
                          "'timeout_ms':5000}}",
          .modes = "{'green':" DRAINING "}"}},
        {{"cut what drains", ONLY, NULL, "{'version':'green','mode':'cut'}", ONLY, NULL},
         {.modes_before = "{'green':" DRAINING "}", .modes = "{'green':" CUT "}"}},
        {{"undrain", ONLY, NULL, "{'version':'green','mode':'active'}", ONLY, NULL},
         {.modes_before = "{'green':" CUT ",'blue/0':" CUT "}", .modes = "{'blue/0':" CUT "}"}},
        {{"undrain who is active", ONLY, NULL, "{'version':'green','mode':'active'}", ONLY, NULL},
         {.modes = "{}"}},
    };

    (void)state;
    CHECK_ALL(px_edit_mode, rows);
}

static void test_mode_says_where_requests_go(void **state)
{
    static const struct row rows[] = {
        {{"on to the next rule", BOTH, NULL, "{'version':'green','mode':'cut'}", BOTH,
          "the requests of rule testers go on to the rules below it"},
         {.modes = "{'green':" CUT "}"}},
        {{"to stable", ALONE, NULL, "{'version':'green','mode':'cut'}", ALONE,
          "the requests of rule main go to its stable, blue"},
         {.modes = "{'green':" CUT "}"}},
        {{"nowhere", ALL_GREEN, NULL, "{'version':'green','mode':'cut'}", ALL_GREEN,
          "the requests of rule main are refused (503): it has no other version"},
         {.modes = "{'green':" CUT "}"}},
        {{"nowhere, when stable is cut as well", ALONE, NULL,
          "{'version':'green','mode':'draining'}", ALONE,
          "the new users of rule main are refused (503)"},
         {.modes_before = "{'blue':" CUT "}", .modes = "{'blue':" CUT ",'green':" DRAINING "}"}},
        {{"the last endpoint", ALL_GREEN, NULL, "{'version':'green','endpoint':0,'mode':'cut'}",
          ALL_GREEN, "the requests of rule main are refused (503)"},
         {.modes = "{'green/0':" CUT_AT("127.0.0.1:5101") "}"}},
        {{"a rule that is off is nobody's concern",
          "[{'name':'t','match':[{'path':'/t'}],'weights':{'green':1},'switched_off':true}," MAIN
          "]",
          NULL, "{'version':'green','mode':'cut'}",
          "[{'name':'t','match':[{'path':'/t'}],'weights':{'green':1},'switched_off':true}," MAIN
          "]",
          NULL},
         {.modes = "{'green':" CUT "}"}},
        {{"what stays of its endpoints", ONLY, NULL, "{'version':'blue','mode':'active'}", ONLY,
          "blue/1 is still cut"},
         {.modes_before = "{'blue':" CUT ",'blue/1':" CUT "}", .modes = "{'blue/1':" CUT "}"}},
        {{"what stays of its version", ONLY, NULL,
          "{'version':'blue','endpoint':1,'mode':'active'}", ONLY, "version blue is still cut"},
         {.modes_before = "{'blue':" CUT ",'blue/1':" CUT "}", .modes = "{'blue':" CUT "}"}},
    };

    (void)state;
    CHECK_ALL(px_edit_mode, rows);
}

static void test_mode_refusals(void **state)
{
    static const struct edit_row rows[] = {
        {"no version", ONLY, NULL, "{'mode':'cut'}", NULL, "'version' is missing"},
        {"no mode", ONLY, NULL, "{'version':'green'}", NULL, "'mode' is missing"},
        {"another mode", ONLY, NULL, "{'version':'green','mode':'paused'}", NULL,
         "'mode' must be active, draining or cut"},
        {"unknown version", ONLY, NULL, "{'version':'gren','mode':'cut'}", NULL,
         "there is no version 'gren': the versions are blue, green, red"},
        {"an endpoint too many", ONLY, NULL, "{'version':'blue','endpoint':2,'mode':'cut'}", NULL,
         "'endpoint' must be a number: blue has 0 to 1"},
        {"its only endpoint", ONLY, NULL, "{'version':'green','endpoint':1,'mode':'cut'}", NULL,
         "green has only 0 to 0"},
        {"a negative endpoint", ONLY, NULL, "{'version':'blue','endpoint':-1,'mode':'cut'}", NULL,
         "'endpoint' must be a number"},
        {"an endpoint by name", ONLY, NULL, "{'version':'blue','endpoint':'1','mode':'cut'}", NULL,
         "'endpoint' must be a number"},
        {"a timeout of cut", ONLY, NULL, "{'version':'blue','mode':'cut','timeout_ms':1}", NULL,
         "'timeout_ms' is for draining"},
        {"a timeout too long", ONLY, NULL,
         "{'version':'blue','mode':'draining','timeout_ms':86400001}", NULL,
         "0 to 86400000 (a day)"},
        {"a timeout as text", ONLY, NULL, "{'version':'blue','mode':'draining','timeout_ms':'30s'}",
         NULL, "'timeout_ms' must be a whole number"},
        {"abort_open of drain", ONLY, NULL,
         "{'version':'blue','mode':'draining','abort_open':true}", NULL, "'abort_open' is for cut"},
        {"abort_open as a number", ONLY, NULL, "{'version':'blue','mode':'cut','abort_open':1}",
         NULL, "'abort_open' must be true or false"},
        {"a rule", ONLY, NULL, "{'version':'blue','mode':'cut','rule':'main'}", NULL,
         "'rule' has no meaning here"},
        {"unknown member", ONLY, NULL, "{'version':'blue','mode':'cut','hard':true}", NULL,
         "unknown member 'hard'"},
    };
    static const struct row cut = {{"drain what is cut", ONLY, NULL,
                                    "{'version':'green','mode':'draining'}", NULL,
                                    "green is cut: nobody is left there to drain"},
                                   {.modes_before = "{'green':" CUT "}"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        edit_check(px_edit_mode, &rows[i]);
    edit_check_extras(px_edit_mode, &cut.row, &cut.extras);
}

static void test_drained_is_cut_unless_somebody_was_faster(void **state)
{
    static const struct row rows[] = {
        {{"time is over", ONLY, NULL, "{'modes':{'green':'2026-09-21T14:13:50.000Z'}}", ONLY, NULL},
         {.modes_before = "{'green':" DRAINING ",'blue':" DRAINING "}",
          .modes = "{'green':" CUT ",'blue':" DRAINING "}",
          .closing = "['green']"}},
        {{"undrained meanwhile", ONLY, NULL, "{'modes':{'green':'2026-09-21T14:13:50.000Z'}}", ONLY,
          NULL},
         {.modes = "{}"}},
        {{"drained anew meanwhile", ONLY, NULL, "{'modes':{'green':'2026-09-21T14:13:49.000Z'}}",
          ONLY, NULL},
         {.modes_before = "{'green':" DRAINING "}", .modes = "{'green':" DRAINING "}"}},
        {{"cut meanwhile", ONLY, NULL, "{'modes':{'green':'2026-09-21T14:13:50.000Z'}}", ONLY,
          NULL},
         {.modes_before = "{'green':" CUT "}", .modes = "{'green':" CUT "}"}},
        {{"an endpoint keeps its address", ONLY, NULL,
          "{'modes':{'blue/0':'2026-09-21T14:13:50.000Z'}}", ONLY, NULL},
         {.modes_before = "{'blue/0':{'mode':'draining'," UNTIL ",'address':'a'}}",
          .modes = "{'blue/0':{'mode':'cut','address':'a'}}",
          .closing = "['blue/0']"}},
    };

    (void)state;
    CHECK_ALL(px_edit_drained, rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mode_of_versions_and_endpoints),
        cmocka_unit_test(test_mode_says_where_requests_go),
        cmocka_unit_test(test_mode_refusals),
        cmocka_unit_test(test_drained_is_cut_unless_somebody_was_faster),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

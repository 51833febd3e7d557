#include "tests/unit/admin/edit_table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MAIN "{'name':'main','stable':'blue','weights':{'blue':9,'green':1}}"
#define DONE "{'name':'main','stable':'green','weights':{'green':1}}"
#define TESTERS "{'name':'testers','match':[{'path':'/t'}],'weights':{'red':1}}"
#define MADE                                                                                       \
    "{'name':'main/ab-1','match':[{'path':'/a'}],'weights':{'green':1},'made_by_route':true}"

static void test_promote_makes_stable_with_all_traffic(void **state)
{
    static const struct edit_row rows[] = {
        {"the only other one with weight", "[" MAIN "]", NULL, "{}", "[" DONE "]", NULL},
        {"by name", "[" MAIN "]", NULL, "{'version':'green','reason':'r'}", "[" DONE "]", NULL},
        {"the one that is stable already: back", "[" MAIN "]", NULL, "{'version':'blue'}",
         "[{'name':'main','stable':'blue','weights':{'blue':1}}]", NULL},
        {"one without weight", "[" MAIN "]", NULL, "{'version':'red'}",
         "[{'name':'main','stable':'red','weights':{'red':1}}]", NULL},
        {"a rule without stable", "[{'name':'main','weights':{'blue':1}}]", NULL,
         "{'version':'green'}", "[{'name':'main','weights':{'green':1},'stable':'green'}]", NULL},
        {"what route made for it goes", "[" MADE "," MAIN "]", NULL, "{}", "[" DONE "]", NULL},
        {"what sends elsewhere is told", "[" TESTERS "," MAIN "]", NULL, "{}",
         "[" TESTERS "," DONE "]", "rule testers still sends to red"},
        {"another rule",
         "[{'name':'t','match':[{'path':'/'}],'stable':'blue','weights':{'blue':1,'red':1}}," MAIN
         "]",
         NULL, "{'rule':'t'}",
         "[{'name':'t','match':[{'path':'/'}],'stable':'red','weights':{'red':1}}," MAIN "]", NULL},
        {"a rule that was switched off",
         "[{'name':'t','match':[{'path':'/'}],'weights':{'red':1},'switched_off':true}," MAIN "]",
         NULL, "{'rule':'t','version':'green'}",
         "[{'name':'t','match':[{'path':'/'}],'stable':'green','weights':{'green':1}}," MAIN "]",
         "is on again"},
        {"stickiness and all else stay",
         "[{'name':'main','stable':'blue','weights':{'blue':1,'green':1},"
         "'sticky':{'by':'cookie'},'max_body':'1KiB'}]",
         NULL, "{}",
         "[{'name':'main','stable':'green','weights':{'green':1},"
         "'sticky':{'by':'cookie'},'max_body':'1KiB'}]",
         NULL},
        {"mirrors to it stop, others go on",
         "[{'name':'main','stable':'blue','weights':{'blue':1},"
         "'mirror':[{'to':'green'},{'to':'red'}]}]",
         NULL, "{'version':'green'}",
         "[{'name':'main','stable':'green','weights':{'green':1},'mirror':[{'to':'red'}]}]", NULL},
        {"the only mirror",
         "[{'name':'main','stable':'blue','weights':{'blue':1},'mirror':[{'to':'green'}]}]", NULL,
         "{'version':'green'}", "[" DONE "]", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        edit_check(px_edit_promote, &rows[i]);
}

static void test_promote_refusals(void **state)
{
    static const struct edit_row rows[] = {
        {"nobody else", "[{'name':'main','stable':'blue','weights':{'blue':1,'green':0}}]", NULL,
         "{}", NULL, "no other version than stable has weight in rule main"},
        {"several", "[{'name':'main','stable':'blue','weights':{'blue':1,'green':1,'red':1}}]",
         NULL, "{}", NULL, "several versions have weight in rule main: say which"},
        {"unknown version", "[" MAIN "]", NULL, "{'version':'gren'}", NULL,
         "there is no version 'gren'"},
        {"unknown rule", "[" MAIN "]", NULL, "{'rule':'mian'}", NULL, "there is no rule 'mian'"},
        {"no text", "[" MAIN "]", NULL, "{'version':7}", NULL,
         "'version' is missing or is no text"},
        {"no word of a truth", "[" MAIN "]", NULL, "{'accept_shadow_data':'yes'}", NULL,
         "'accept_shadow_data' must be true or false"},
        {"unknown member", "[" MAIN "]", NULL, "{'to':'green'}", NULL, "unknown member 'to'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        edit_check(px_edit_promote, &rows[i]);
}

static void test_promote_of_whom_nobody_reaches_is_refused(void **state)
{
    static const struct edit_row row = {"cut", "[" MAIN "]", NULL,
                                        "{}",  NULL,         "green is cut: undrain it first"};
    static const struct edit_extras own = {.modes_before = "{'green':{'mode':'cut'}}"};
    static const struct edit_extras all = {.modes_before = "{'green/0':{'mode':'cut'}}"};

    (void)state;
    edit_check_extras(px_edit_promote, &row, &own);
    edit_check_extras(px_edit_promote, &row, &all);
}

static void test_promote_of_shadow_data_is_asked_for(void **state)
{
    static const struct edit_extras shadowed = {.shadowed = "{'green':'2026-09-21T14:13:20.000Z'}"};
    static const struct edit_extras accepted = {.shadowed = "{'green':'2026-09-21T14:13:20.000Z'}",
                                                .accepted = "green"};
    static const struct edit_row asked = {
        "refused", "[" MAIN "]", NULL,
        "{}",      NULL,         "green got mirrored requests since 2026-09-21T14:13:20.000Z"};
    static const struct edit_row said_no = {
        "said no", "[" MAIN "]",
        NULL,      "{'accept_shadow_data':false}",
        NULL,      "accept that with --accept-shadow-data, or reset"};
    static const struct edit_row said_yes = {"accepted",   "[" MAIN "]",
                                             NULL,         "{'accept_shadow_data':true}",
                                             "[" DONE "]", "its data counts as its own now"};
    static const struct edit_row nothing = {"nothing to accept",           "[" MAIN "]", NULL,
                                            "{'accept_shadow_data':true}", "[" DONE "]", NULL};
    static const struct edit_row other = {"another version",
                                          "[" MAIN "]",
                                          NULL,
                                          "{'version':'blue'}",
                                          "[{'name':'main','stable':'blue','weights':{'blue':1}}]",
                                          NULL};

    (void)state;
    edit_check_extras(px_edit_promote, &asked, &shadowed);
    edit_check_extras(px_edit_promote, &said_no, &shadowed);
    edit_check_extras(px_edit_promote, &said_yes, &accepted);
    edit_check_extras(px_edit_promote, &other, &shadowed);
    edit_check(px_edit_promote, &nothing); /* no harm */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promote_makes_stable_with_all_traffic),
        cmocka_unit_test(test_promote_refusals),
        cmocka_unit_test(test_promote_of_whom_nobody_reaches_is_refused),
        cmocka_unit_test(test_promote_of_shadow_data_is_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

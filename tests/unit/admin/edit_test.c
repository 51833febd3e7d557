#include "tests/unit/admin/edit_table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BOTH                                                                                       \
    "[{'name':'testers','match':[{'path':'/t'}],'weights':{'green':1}},"                           \
    "{'name':'main','stable':'blue','weights':{'blue':9,'green':1}}]"
#define TESTERS "{'name':'testers','match':[{'path':'/t'}],'weights':{'green':1}}"
#define PLAIN "[{'name':'main','weights':{'blue':1}}]"

static void check_all(px_edit_fn *edit, const struct edit_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        edit_check(edit, &rows[i]);
}

#define CHECK_ALL(edit, rows) check_all(edit, rows, sizeof(rows) / sizeof((rows)[0]))

static void test_edit_weights(void **state)
{
    static const struct edit_row rows[] = {
        {"whole vector, last rule", BOTH, NULL, "{'weights':{'blue':999,'green':1}}",
         "[" TESTERS ",{'name':'main','stable':'blue','weights':{'blue':999,'green':1}}]", NULL},
        {"what is left out is gone", BOTH, NULL, "{'weights':{'green':1}}",
         "[" TESTERS ",{'name':'main','stable':'blue','weights':{'green':1}}]", NULL},
        {"a rule by name", BOTH, NULL, "{'rule':'testers','weights':{'blue':1}}",
         "[{'name':'testers','match':[{'path':'/t'}],'weights':{'blue':1}},"
         "{'name':'main','stable':'blue','weights':{'blue':9,'green':1}}]",
         NULL},
        {"who served alone becomes stable", PLAIN, NULL, "{'weights':{'blue':9,'green':1}}",
         "[{'name':'main','weights':{'blue':9,'green':1},'stable':'blue'}]", "stable is now blue"},
        {"stable that is said", PLAIN, NULL, "{'weights':{'blue':9,'green':1},'stable':'green'}",
         "[{'name':'main','weights':{'blue':9,'green':1},'stable':'green'}]", NULL},
        {"nobody was alone", "[{'name':'main','weights':{'blue':0}}]", NULL,
         "{'weights':{'blue':9,'green':1}}", NULL, "has no 'stable'"},
        {"members of every change", PLAIN, NULL,
         "{'weights':{'blue':2},'reason':'r','author':'a','dry_run':true}",
         "[{'name':'main','weights':{'blue':2}}]", NULL},
        {"unknown rule", BOTH, NULL, "{'rule':'mian','weights':{'blue':1}}", NULL,
         "there is no rule 'mian': the rules are testers, main"},
        {"rule of another type", BOTH, NULL, "{'rule':7,'weights':{'blue':1}}", NULL,
         "'rule' must be"},
        {"unknown member", BOTH, NULL, "{'wieghts':{'blue':1}}", NULL, "unknown member 'wieghts'"},
        {"no weights", BOTH, NULL, "{}", NULL, "'weights' must name versions"},
        {"empty weights", BOTH, NULL, "{'weights':{}}", NULL, "'weights' must name versions"},
        {"a list", BOTH, NULL, "{'weights':[1]}", NULL, "'weights' must name versions"},
        {"a fraction", BOTH, NULL, "{'weights':{'blue':0.5}}", NULL,
         "the weight of 'blue' must be a whole number"},
        {"negative", BOTH, NULL, "{'weights':{'blue':-1}}", NULL, "must be a whole number"},
        {"too large", BOTH, NULL, "{'weights':{'blue':1000001}}", NULL, "0 to 1000000"},
        {"a text", BOTH, NULL, "{'weights':{'blue':'9'}}", NULL, "must be a whole number"},
    };

    (void)state;
    CHECK_ALL(px_edit_weights, rows);
}

static void test_edit_share(void **state)
{
    static const struct edit_row rows[] = {
        {"the other one is scaled", BOTH, NULL, "{'share':{'green':250000}}",
         "[" TESTERS ",{'name':'main','stable':'blue','weights':{'blue':3,'green':1}}]", NULL},
        {"a version that is new in the rule", PLAIN, NULL, "{'share':{'green':100000}}",
         "[{'name':'main','weights':{'blue':9,'green':1},'stable':'blue'}]", "stable is now blue"},
        {"one part of a million", PLAIN, NULL, "{'share':{'green':1}}",
         "[{'name':'main','weights':{'blue':999999,'green':1},'stable':'blue'}]",
         "stable is now blue"},
        {"nothing", BOTH, NULL, "{'share':{'green':0}}",
         "[" TESTERS ",{'name':'main','stable':'blue','weights':{'blue':1,'green':0}}]", NULL},
        {"everything", BOTH, NULL, "{'share':{'green':1000000}}",
         "[" TESTERS ",{'name':'main','stable':'blue','weights':{'blue':0,'green':1}}]", NULL},
        {"three versions", "[{'name':'main','stable':'a','weights':{'a':60,'b':30,'c':10}}]", NULL,
         "{'share':{'c':500000}}",
         "[{'name':'main','stable':'a','weights':{'a':333333,'b':166667,'c':500000}}]", NULL},
        {"all of them said", BOTH, NULL, "{'share':{'blue':400000,'green':600000}}",
         "[" TESTERS ",{'name':'main','stable':'blue','weights':{'blue':2,'green':3}}]", NULL},
        {"back from nothing: stable takes the rest",
         "[{'name':'main','stable':'blue','weights':{'blue':0,'green':1}}]", NULL,
         "{'share':{'green':900000}}",
         "[{'name':'main','stable':'blue','weights':{'blue':1,'green':9}}]", NULL},
        {"stable that is not even listed",
         "[{'name':'main','stable':'blue','weights':{'green':1}}]", NULL,
         "{'share':{'green':900000}}",
         "[{'name':'main','stable':'blue','weights':{'green':9,'blue':1}}]", NULL},
        {"the only other one takes the rest", "[{'name':'main','weights':{'blue':0,'green':1}}]",
         NULL, "{'share':{'green':500000}}",
         "[{'name':'main','weights':{'blue':1,'green':1},'stable':'green'}]",
         "stable is now green"},
        {"nobody takes the rest", PLAIN, NULL, "{'share':{'blue':900000}}", NULL,
         "say who gets the rest"},
        {"two could take the rest", "[{'name':'main','weights':{'a':1,'b':0,'c':0}}]", NULL,
         "{'share':{'a':500000}}", NULL, "say who gets the rest"},
        {"more than there is", BOTH, NULL, "{'share':{'blue':600000,'green':600000}}", NULL,
         "more than 100 %"},
        {"no number", BOTH, NULL, "{'share':{'green':'10%'}}", NULL, "parts per million"},
        {"a fraction", BOTH, NULL, "{'share':{'green':0.1}}", NULL, "parts per million"},
        {"too large", BOTH, NULL, "{'share':{'green':1000001}}", NULL, "parts per million"},
        {"nothing said", BOTH, NULL, "{'share':{}}", NULL, "'share' must name versions"},
        {"no member", BOTH, NULL, "{}", NULL, "'share' must name versions"},
    };

    (void)state;
    CHECK_ALL(px_edit_share, rows);
}

static void test_edit_mirror(void **state)
{
    static const struct edit_row rows[] = {
        {"new", PLAIN, NULL, "{'to':'green','ppm':250000}",
         "[{'name':'main','weights':{'blue':1},'mirror':[{'to':'green','percent':'25%'}]}]", NULL},
        {"a thousandth", PLAIN, NULL, "{'to':'green','ppm':1000}",
         "[{'name':'main','weights':{'blue':1},'mirror':[{'to':'green','percent':'0.1%'}]}]", NULL},
        {"what was said about the copies stays",
         "[{'name':'main','weights':{'blue':1},'mirror':[{'to':'green','percent':'5%',"
         "'drop_headers':['Cookie']}]}]",
         NULL, "{'to':'green','ppm':1000000}",
         "[{'name':'main','weights':{'blue':1},'mirror':[{'to':'green','percent':'100%',"
         "'drop_headers':['Cookie']}]}]",
         NULL},
        {"beside another",
         "[{'name':'main','weights':{'blue':1},'mirror':[{'to':'red','percent':'5%'}]}]", NULL,
         "{'to':'green','ppm':10000}",
         "[{'name':'main','weights':{'blue':1},'mirror':[{'to':'red','percent':'5%'},"
         "{'to':'green','percent':'1%'}]}]",
         NULL},
        {"off, the last one",
         "[{'name':'main','weights':{'blue':1},'mirror':[{'to':'green','percent':'5%'}]}]", NULL,
         "{'to':'green','ppm':0}", "[{'name':'main','weights':{'blue':1}}]", NULL},
        {"off, one of two",
         "[{'name':'main','weights':{'blue':1},'mirror':[{'to':'green'},{'to':'red'}]}]", NULL,
         "{'to':'green','ppm':0}", "[{'name':'main','weights':{'blue':1},'mirror':[{'to':'red'}]}]",
         NULL},
        {"off, where there is none", PLAIN, NULL, "{'to':'green','ppm':0}", PLAIN,
         "has no mirror to green"},
        {"to the one that answers everything", PLAIN, NULL, "{'to':'blue','ppm':5}",
         "[{'name':'main','weights':{'blue':1},'mirror':[{'to':'blue','percent':'0.0005%'}]}]",
         "nothing will be mirrored"},
        {"no version", PLAIN, NULL, "{'ppm':5}", NULL, "'to' is missing"},
        {"no share", PLAIN, NULL, "{'to':'green'}", NULL, "'ppm' must be"},
    };

    (void)state;
    CHECK_ALL(px_edit_mirror, rows);
}

static void test_edit_rules(void **state)
{
    static const struct edit_row rows[] = {
        {"the whole list", BOTH, NULL, "{'rules':[{'name':'x','weights':{'green':1}}]}",
         "[{'name':'x','weights':{'green':1}}]", NULL},
        {"no list", BOTH, NULL, "{'rules':{}}", NULL, "must be a list"},
        {"nothing", BOTH, NULL, "{}", NULL, "must be a list"},
        {"one rule of them", BOTH, NULL, "{'rule':'main','rules':[]}", NULL,
         "'rule' has no meaning here"},
        {"unknown member", BOTH, NULL, "{'rules':[],'x':1}", NULL, "unknown member 'x'"},
    };

    (void)state;
    CHECK_ALL(px_edit_rules, rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edit_weights),
        cmocka_unit_test(test_edit_share),
        cmocka_unit_test(test_edit_mirror),
        cmocka_unit_test(test_edit_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

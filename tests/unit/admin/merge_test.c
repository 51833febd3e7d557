#include "proxy/admin/reload.h"
#include "tests/unit/admin/edit_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Rules are told apart by one weight: R('main', 1). */
#define R(name, weight) "{'name':'" name "','weights':{'blue':" weight "}}"
#define MADE(name) "{'name':'" name "','weights':{'green':1},'made_by_route':true}"

struct row {
    const char *what;
    const char *applied; /* hashes when the file was last applied */
    const char *hashes;  /* now */
    const char *file;
    const char *current;
    const char *after;
    const char *says; /* part of a note; NULL: no notes */
};

static void check(const struct row *row)
{
    struct px_merge merge = {.current = edit_json(row->current),
                             .applied = edit_json(row->applied),
                             .file = edit_json(row->file),
                             .hashes = edit_json(row->hashes),
                             .notes = json_array()};
    json_t *rules = NULL;
    char *notes;

    for (int i = 0;; i++) { /* memory that runs out at every place, then a whole run */
        json_t *partly = NULL;
        int error;

        edit_fail_allocation(i);
        error = px_merge_rules(&merge, &partly);
        if (!edit_end_failing()) {
            json_array_clear(merge.notes);
            json_decref(partly);
            break;
        }
        if (!error)
            edit_assert_json(row->what, partly, row->after);
        json_decref(partly);
    }
    assert_int_equal(px_merge_rules(&merge, &rules), 0);
    edit_assert_json(row->what, rules, row->after);
    notes = json_dumps(merge.notes, 0);
    if (row->says ? !strstr(notes, row->says) : json_array_size(merge.notes) > 0)
        fail_msg("%s: notes %s", row->what, notes);
    free(notes);
    json_decref(rules);
    json_decref(merge.current);
    json_decref(merge.applied);
    json_decref(merge.file);
    json_decref(merge.hashes);
    json_decref(merge.notes);
}

static void test_merge_tables(void **state)
{
    static const struct row rows[] = {
        {"nothing changed anywhere", "{'a':'1','main':'1'}", "{'a':'1','main':'1'}",
         "[" R("a", "1") "," R("main", "1") "]", "[" R("a", "1") "," R("main", "1") "]",
         "[" R("a", "1") "," R("main", "1") "]", NULL},
        {"Friday's abort survives Monday's typo elsewhere", "{'a':'1','main':'1'}",
         "{'a':'2','main':'1'}", "[" R("a", "5") "," R("main", "1") "]",
         "[" R("a", "1") "," R("main", "9") "]", "[" R("a", "5") "," R("main", "9") "]",
         "rule a is taken from the file"},
        {"the rule's own text changed: the file wins", "{'main':'1'}", "{'main':'2'}",
         "[" R("main", "5") "]", "[" R("main", "9") "]", "[" R("main", "5") "]",
         "rule main is taken from the file"},
        {"changed to what it is already: nothing to say", "{'main':'1'}", "{'main':'2'}",
         "[" R("main", "9") "]", "[" R("main", "9") "]", "[" R("main", "9") "]", NULL},
        {"a new rule in front", "{'main':'1'}", "{'a':'1','main':'1'}",
         "[" R("a", "1") "," R("main", "1") "]", "[" R("main", "9") "]",
         "[" R("a", "1") "," R("main", "9") "]", NULL},
        {"a rule that the file lost", "{'a':'1','main':'1'}", "{'main':'1'}",
         "[" R("main", "1") "]", "[" R("a", "7") "," R("main", "9") "]", "[" R("main", "9") "]",
         "rule a is gone, as in the file"},
        {"a rule of run time stays where it stood", "{'a':'1','main':'1'}", "{'main':'1'}",
         "[" R("main", "1") "]", "[" R("x", "3") "," R("a", "1") "," R("main", "9") "]",
         "[" R("x", "3") "," R("main", "9") "]", "rule a is gone"},
        {"several of them keep their order", "{'main':'1'}", "{'a':'1','main':'1'}",
         "[" R("a", "1") "," R("main", "1") "]",
         "[" R("x", "1") "," R("y", "1") "," R("main", "9") "]",
         "[" R("a", "1") "," R("x", "1") "," R("y", "1") "," R("main", "9") "]", NULL},
        {"removed at run time stays removed", "{'a':'1','main':'1'}", "{'a':'1','main':'1'}",
         "[" R("a", "1") "," R("main", "1") "]", "[" R("main", "9") "]", "[" R("main", "9") "]",
         NULL},
        {"removed at run time, and the file has news of it", "{'a':'1','main':'1'}",
         "{'a':'2','main':'1'}", "[" R("a", "4") "," R("main", "1") "]", "[" R("main", "9") "]",
         "[" R("a", "4") "," R("main", "9") "]", NULL},
        {"removed at run time, while the file's order changed", "{'a':'1','b':'1','main':'1'}",
         "{'b':'1','a':'1','main':'1'}", "[" R("b", "1") "," R("a", "1") "," R("main", "1") "]",
         "[" R("b", "1") "," R("main", "9") "]", "[" R("b", "1") "," R("main", "9") "]", NULL},
        {"a new order of the file", "{'a':'1','b':'1','main':'1'}", "{'b':'1','a':'1','main':'1'}",
         "[" R("b", "1") "," R("a", "1") "," R("main", "1") "]",
         "[" R("a", "7") "," R("b", "8") "," R("main", "9") "]",
         "[" R("b", "8") "," R("a", "7") "," R("main", "9") "]", NULL},
        {"an order of run time stays while the file's does not change",
         "{'a':'1','b':'1','main':'1'}", "{'a':'1','b':'2','main':'1'}",
         "[" R("a", "1") "," R("b", "5") "," R("main", "1") "]",
         "[" R("b", "8") "," R("a", "7") "," R("main", "9") "]",
         "[" R("b", "5") "," R("a", "7") "," R("main", "9") "]", "rule b is taken from the file"},
        {"match rules of route stay with their rule", "{'main':'1'}", "{'main':'1'}",
         "[" R("main", "1") "]", "[" MADE("main/ab-1") "," R("main", "9") "]",
         "[" MADE("main/ab-1") "," R("main", "9") "]", NULL},
        {"and go when it is taken from the file", "{'main':'1'}", "{'main':'2'}",
         "[" R("main", "5") "]", "[" MADE("main/ab-1") "," R("main", "9") "]",
         "[" R("main", "5") "]", "rule main/ab-1, made by route, is gone"},
        {"or when the file lost it", "{'a':'1','main':'1'}", "{'main':'1'}", "[" R("main", "1") "]",
         "[" MADE("a/ab-1") "," R("a", "1") "," R("main", "9") "]", "[" R("main", "9") "]",
         "rule a/ab-1, made by route, is gone"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_merge_tables)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

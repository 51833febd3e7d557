/* Going back to earlier revisions. */
#include "tests/unit/admin/book.h"
#include "tests/unit/admin/edit_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAIN "[{name: main, stable: blue, weights: {blue: 9, green: 1}}]"
#define STORE "store: {file: \"./turnout.store\"}"
#define AT_FIRST "[{'name':'main','stable':'blue','weights':{'blue':9,'green':1}}]"
#define ALL_GREEN "[{'name':'main','stable':'blue','weights':{'green':1}}]"

static void expect(struct book *book, uint64_t revision, const char *rules)
{
    if (book->status != 200)
        fail_msg("%u: %s", book->status, book->detail);
    assert_int_equal(px_rulebook_state(book->book).revision, revision);
    edit_assert_json("rules", px_rulebook_rules(book->book), rules);
}

static void refused(struct book *book, const char *request, const char *part)
{
    book_do(book, px_edit_undo, request);
    assert_int_equal(book->status, 422);
    if (!strstr(book->detail, part))
        fail_msg("'%s' does not hold '%s'", book->detail, part);
}

static void opened(struct book *book, const char *extra)
{
    book_write(book, MAIN, extra);
    book_open(book);
}

static void test_undo_twice_is_redo(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    book_do(book, px_edit_weights, "{'weights':{'green':1}}");
    book_do(book, px_edit_undo, "{}");
    expect(book, 3, AT_FIRST);
    book_do(book, px_edit_undo, "{'reason':'no, it was right'}");
    expect(book, 4, ALL_GREEN);
    book_do(book, px_edit_undo, "{'to_revision':1}");
    expect(book, 5, AT_FIRST);
    book_do(book, px_edit_undo, "{'to_revision':1}");
    expect(book, 5, AT_FIRST); /* nothing to change */
    assert_true(json_is_false(json_object_get(book->answer, "changed")));
}

static void test_undo_after_a_restart(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    book_do(book, px_edit_weights, "{'weights':{'green':1}}");
    book_close(book);
    book_open(book);
    book_do(book, px_edit_undo, "{}");
    expect(book, 3, AT_FIRST);
    book_close(book);
    book_open(book);
    expect(book, 3, AT_FIRST);
}

static void test_undo_without_a_store_remembers_too(void **state)
{
    struct book *book = *state;

    opened(book, "");
    book_do(book, px_edit_weights, "{'weights':{'green':1}}");
    book_do(book, px_edit_undo, "{}");
    expect(book, 3, AT_FIRST);
}

static void test_undo_takes_modes_and_bindings_along(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    book_do(book, px_edit_mode, "{'version':'green','mode':'cut'}");
    book_do(book, px_edit_weights, "{'weights':{'green':1}}");
    book_do(book, px_edit_undo, "{'to_revision':1}");
    expect(book, 4, AT_FIRST);
    edit_assert_json("modes", px_rulebook_modes(book->book), "{}");
    assert_int_equal(px_rulebook_snapshot(book->book)->versions[1].mode, STRATEGY_ACTIVE);
    book_do(book, px_edit_undo, "{'to_revision':2}");
    edit_assert_json("modes", px_rulebook_modes(book->book), "{'green':{'mode':'cut'}}");
    assert_int_equal(px_rulebook_snapshot(book->book)->versions[1].mode, STRATEGY_CUT);
}

/* A drain of that revision goes on, or is a cut when its time ran out meanwhile. */
static void test_undo_to_a_drain(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    book_do(book, px_edit_mode, "{'version':'green','mode':'draining','timeout_ms':60000}");
    book_do(book, px_edit_mode, "{'version':'green','mode':'active'}");
    book_do(book, px_edit_undo, "{}");
    assert_int_equal(px_rulebook_snapshot(book->book)->versions[1].mode, STRATEGY_DRAINING);
    book_do(book, px_edit_undo, "{}");
    book->wall_ahead_ns = 61000000000;
    book_do(book, px_edit_undo, "{}");
    edit_assert_json("modes", px_rulebook_modes(book->book), "{'green':{'mode':'cut'}}");
}

static void test_undo_refusals(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    refused(book, "{}", "there is nothing to undo: revision 1 is the first");
    refused(book, "{'to_revision':5}", "there is no revision 5 yet: the rules are at 1");
    refused(book, "{'to_revision':0}", "'to_revision' must be the number of a revision");
    refused(book, "{'rule':'main'}", "'rule' has no meaning here");
    refused(book, "{'weights':{}}", "unknown member 'weights'");
    for (int i = 0; i < 140; i++)
        book_do(book, px_edit_weights,
                i % 2 ? "{'weights':{'green':1}}" : "{'weights':{'blue':1}}");
    refused(book, "{'to_revision':1}", "revision 1 is not kept any more: the oldest is 14");
    book_do(book, px_edit_undo, "{'to_revision':14}");
    assert_int_equal(book->status, 200);
}

static void test_undo_to_a_version_that_is_gone_is_refused(void **state)
{
    struct book *book = *state;
    FILE *file;

    opened(book, STORE);
    book_do(book, px_edit_weights, "{'weights':{'blue':1}}");
    file = fopen(book->file, "w");
    assert_non_null(file);
    fputs("listen: [\"127.0.0.1:0\"]\nadmin: \"unix:./turnout.sock\"\n" STORE "\n"
          "versions: {blue: {endpoints: [\"127.0.0.1:5001\"], build: \"1\"}}\n"
          "rules: [{name: main, weights: {blue: 1}}]\n",
          file);
    fclose(file);
    book_do(book, NULL, "{}");
    assert_int_equal(book->status, 200);
    refused(book, "{'to_revision':1}",
            "revision 1 can't be in force again: its rule main uses version 'green', which is not "
            "configured any more");
}

/* What is undone is the rules; the file is still the one that was applied last. */
static void test_undo_of_a_reload_is_not_undone_by_the_next_one(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    book_write(book, "[{name: main, stable: blue, weights: {blue: 1, green: 1}}]", STORE);
    book_do(book, NULL, "{}");
    book_do(book, px_edit_undo, "{}");
    expect(book, 3, AT_FIRST);
    book_do(book, NULL, "{}");
    expect(book, 3, AT_FIRST);
}

static void test_undo_by_compare_and_swap_and_dry_run(void **state)
{
    struct book *book = *state;
    struct px_change *change;

    opened(book, STORE);
    book_do(book, px_edit_weights, "{'weights':{'green':1}}");
    change = book_change(book, px_edit_undo, "{}");
    change->is_dry_run = true;
    book_submit(book, change);
    book_wait(book, 1);
    expect(book, 2, ALL_GREEN);
    edit_assert_json("after", json_object_get(book->answer, "after"), AT_FIRST);
    change = book_change(book, px_edit_undo, "{}");
    change->has_if_revision = true;
    change->if_revision = 1;
    book_submit(book, change);
    book_wait(book, 1);
    assert_int_equal(book->status, 412);
    edit_assert_json("rules", px_rulebook_rules(book->book), ALL_GREEN);
}

static void test_undo_without_memory_changes_nothing(void **state)
{
    struct book *book = *state;
    bool has_failed = true;

    opened(book, "");
    book_do(book, px_edit_weights, "{'weights':{'green':1}}");
    for (int i = 0; has_failed; i++) {
        struct px_change *change = book_change(book, px_edit_undo, "{}");

        edit_fail_allocation(i);
        book_submit(book, change);
        while (book->done == 0)
            book_turn(book);
        has_failed = edit_end_failing();
        book_wait(book, 1);
        if (book->status != 200)
            edit_assert_json("rules", px_rulebook_rules(book->book), ALL_GREEN);
        else if (has_failed)
            book_do(book, px_edit_weights, "{'weights':{'green':1}}");
    }
    expect(book, px_rulebook_state(book->book).revision, AT_FIRST);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, book_setup, book_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_undo_twice_is_redo),
        TEST(test_undo_after_a_restart),
        TEST(test_undo_without_a_store_remembers_too),
        TEST(test_undo_takes_modes_and_bindings_along),
        TEST(test_undo_to_a_drain),
        TEST(test_undo_refusals),
        TEST(test_undo_to_a_version_that_is_gone_is_refused),
        TEST(test_undo_of_a_reload_is_not_undone_by_the_next_one),
        TEST(test_undo_by_compare_and_swap_and_dry_run),
        TEST(test_undo_without_memory_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

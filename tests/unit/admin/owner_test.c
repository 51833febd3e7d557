/* Rules in somebody's care: who may change them, and that it is remembered. */
#include "tests/unit/admin/book.h"
#include "tests/unit/admin/edit_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define MAIN "{name: main, stable: blue, weights: {blue: 9, green: 1}}"
#define OTHER "{name: other, match: [{path: /o}], stable: blue, weights: {blue: 1}}"
#define STORE "store: {file: \"./turnout.store\"}"
#define ENTRY "{'owner':'update 42','on_lost':'abort','length_ms':15000}"

static void opened(struct book *book)
{
    book_write(book, "[" OTHER ", " MAIN "]", STORE);
    book_open(book);
}

static void own(struct book *book)
{
    size_t before = book_store_size(book);

    px_rulebook_set_owner(book->book, "main", edit_json(ENTRY));
    while (book_store_size(book) == before) {
        book_turn(book);
        usleep(100);
    }
}

static unsigned change_by(struct book *book, const char *author, px_edit_fn *edit,
                          const char *request)
{
    struct px_change *change = book_change(book, edit, request);

    change->author = author ? strdup(author) : NULL;
    book_submit(book, change);
    book_wait(book, 1);
    return book->status;
}

static void test_owner_changes_his_rule_and_others_must_take_over(void **state)
{
    struct book *book = *state;

    opened(book);
    own(book);
    assert_int_equal(change_by(book, "ann", px_edit_weights, "{'weights':{'green':1}}"), 409);
    assert_non_null(strstr(book->detail,
                           "rule main is in the care of update 42: abort, cut and "
                           "drain work as always, everything else needs --take-over"));
    assert_int_equal(change_by(book, NULL, px_edit_mirror, "{'to':'green','ppm':9}"), 409);
    assert_int_equal(change_by(book, NULL, px_edit_route,
                               "{'strategy':'ab','stable':'blue','canary':'green','headers':[{'"
                               "name':'X','value':'1'}]}"),
                     409);
    assert_int_equal(change_by(book, "update 42", px_edit_weights, "{'weights':{'green':1}}"), 200);
    assert_int_equal(change_by(book, NULL, px_edit_undo, "{}"), 409);
    assert_int_equal(
        change_by(book, NULL, px_edit_weights, "{'rule':'other','weights':{'green':1}}"), 200);
    assert_int_equal(
        change_by(book, "ann", px_edit_weights, "{'weights':{'blue':1},'take_over':true}"), 200);
    assert_int_equal(
        change_by(book, "ann", px_edit_weights, "{'weights':{'blue':2},'take_over':'yes'}"), 422);
}

static void test_owner_never_stands_in_the_way_of_abort_cut_and_drain(void **state)
{
    struct book *book = *state;

    opened(book);
    own(book);
    assert_int_equal(change_by(book, NULL, px_edit_mode, "{'version':'green','mode':'cut'}"), 200);
    assert_int_equal(change_by(book, NULL, px_edit_mode, "{'version':'green','mode':'active'}"),
                     200);
    assert_int_equal(change_by(book, NULL, px_edit_abort, "{}"), 200);
    edit_assert_json("rules", json_array_get(px_rulebook_rules(book->book), 1),
                     "{'name':'main','stable':'blue','weights':{'blue':1}}");
}

static void test_owner_is_asked_before_a_reload_takes_his_rule(void **state)
{
    struct book *book = *state;

    opened(book);
    own(book);
    book_write(book, "[{name: other, match: [{path: /oo}], weights: {blue: 1}}, " MAIN "]", STORE);
    assert_int_equal(change_by(book, NULL, NULL, "{}"), 200);
    book_write(book,
               "[{name: other, match: [{path: /oo}], weights: {blue: 1}}, {name: main, stable: "
               "blue, weights: {blue: 1, green: 1}}]",
               STORE);
    assert_int_equal(change_by(book, NULL, NULL, "{}"), 409);
    assert_int_equal(change_by(book, NULL, NULL, "{'take_over':true}"), 200);
}

static void test_owner_is_remembered_and_forgotten_across_restarts(void **state)
{
    struct book *book = *state;
    json_t *history;

    opened(book);
    own(book);
    book_close(book);
    book_open(book);
    edit_assert_json("owners", px_rulebook_owners(book->book), "{'main':" ENTRY "}");
    assert_int_equal(change_by(book, NULL, px_edit_weights, "{'weights':{'green':1}}"), 409);
    assert_int_equal(change_by(book, "update 42", px_edit_weights, "{'weights':{'green':1}}"), 200);
    book_close(book);
    book_open(book);
    edit_assert_json("owners", px_rulebook_owners(book->book), "{'main':" ENTRY "}");
    px_rulebook_set_owner(book->book, "main", NULL);
    px_rulebook_set_owner(book->book, "main", NULL); /* once is enough */
    book_turn(book);
    book_close(book);
    book_open(book);
    edit_assert_json("owners", px_rulebook_owners(book->book), "{}");
    assert_int_equal(change_by(book, NULL, px_edit_weights, "{'weights':{'blue':1}}"), 200);
    history = px_rulebook_history(book->book, 9); /* none of it is a revision */
    assert_int_equal(json_array_size(json_object_get(history, "revisions")), 3);
    json_decref(history);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, book_setup, book_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_owner_changes_his_rule_and_others_must_take_over),
        TEST(test_owner_never_stands_in_the_way_of_abort_cut_and_drain),
        TEST(test_owner_is_asked_before_a_reload_takes_his_rule),
        TEST(test_owner_is_remembered_and_forgotten_across_restarts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

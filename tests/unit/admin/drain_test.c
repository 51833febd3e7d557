/* Modes in the rulebook: in force, recorded, over in time, through restart and reload. */
#include "tests/unit/admin/book.h"
#include "tests/unit/admin/edit_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define MAIN "[{name: main, stable: blue, weights: {blue: 9, green: 1}}]"
#define STORE "store: {file: \"./turnout.store\"}"
#define SECOND INT64_C(1000000000)

static void opened(struct book *book, const char *extra)
{
    book_write(book, MAIN, extra);
    book_open(book);
}

static void set_mode(struct book *book, const char *request)
{
    struct px_change *change = book_change(book, px_edit_mode, request);

    change->what = "mode";
    change->is_urgent = true;
    book_submit(book, change);
    book_wait(book, 1);
    if (book->status != 200)
        fail_msg("%s: %s", request, book->detail);
}

static const struct px_snapshot_version *version(const struct book *book, uint32_t number)
{
    return &px_rulebook_snapshot(book->book)->versions[number];
}

static uint32_t mode_of(const struct book *book, uint32_t number, uint32_t endpoint)
{
    return atomic_load(&version(book, number)->endpoints[endpoint]->mode);
}

/* The machine slept, or somebody set the wall clock; the loop's timer looks each second. */
static void pass(struct book *book, int64_t boot_ns, int64_t wall_ns)
{
    book->boot_ahead_ns += boot_ns;
    book->wall_ahead_ns += wall_ns;
}

static void wait_revision(struct book *book, uint64_t revision)
{
    while (px_rulebook_state(book->book).revision < revision) {
        book_turn(book);
        usleep(1000);
    }
    book_turn(book);
    assert_int_equal(px_rulebook_state(book->book).revision, revision);
}

static void test_modes_are_in_the_snapshot_and_a_revision(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    assert_false(px_rulebook_snapshot(book->book)->rules[0].is_restricted);
    set_mode(book, "{'version':'green','mode':'cut'}");
    assert_int_equal(book->revision, 2);
    assert_int_equal(version(book, 1)->mode, STRATEGY_CUT);
    assert_int_equal(mode_of(book, 1, 0), STRATEGY_ACTIVE);
    assert_true(px_rulebook_snapshot(book->book)->rules[0].is_restricted);
    edit_assert_json("modes", json_object_get(book->answer, "modes"),
                     "[{'name':'green','before':'active','after':'cut','until':null}]");
    edit_assert_json("before", json_object_get(book->answer, "before"), "[]");
    set_mode(book, "{'version':'green','mode':'cut'}");
    assert_true(json_is_false(json_object_get(book->answer, "changed")));
    assert_int_equal(book->revision, 2);
    set_mode(book, "{'version':'blue','endpoint':1,'mode':'cut'}");
    assert_int_equal(version(book, 0)->mode, STRATEGY_ACTIVE);
    assert_int_equal(mode_of(book, 0, 1), STRATEGY_CUT);
    assert_int_equal(mode_of(book, 0, 0), STRATEGY_ACTIVE);
    set_mode(book, "{'version':'blue','endpoint':0,'mode':'draining'}");
    assert_int_equal(version(book, 0)->mode, STRATEGY_DRAINING); /* all of its endpoints */
    assert_int_equal(version(book, 0)->loose_mode, STRATEGY_CUT);
    set_mode(book, "{'version':'green','mode':'active'}");
    assert_int_equal(version(book, 1)->mode, STRATEGY_ACTIVE);
    assert_int_equal(book->revision, 5);
}

static void test_modes_stay_with_other_changes(void **state)
{
    struct book *book = *state;

    opened(book, "");
    set_mode(book, "{'version':'green','mode':'cut'}");
    book_do(book, px_edit_weights, "{'weights':{'green':1}}");
    assert_int_equal(version(book, 1)->mode, STRATEGY_CUT);
    book_do(book, NULL, NULL);
    assert_int_equal(version(book, 1)->mode, STRATEGY_CUT);
    assert_int_equal(px_rulebook_state(book->book).revision, 3);
}

static void test_modes_survive_a_restart(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    set_mode(book, "{'version':'green','mode':'cut'}");
    set_mode(book, "{'version':'blue','endpoint':1,'mode':'cut'}");
    book_close(book);
    book_open(book);
    assert_int_equal(px_rulebook_state(book->book).revision, 3);
    assert_int_equal(version(book, 1)->mode, STRATEGY_CUT);
    assert_int_equal(mode_of(book, 0, 1), STRATEGY_CUT);
    assert_true(px_rulebook_snapshot(book->book)->rules[0].is_restricted);
}

static void test_modes_follow_endpoints_through_a_reload(void **state)
{
    struct book *book = *state;
    FILE *file;

    opened(book, STORE);
    set_mode(book, "{'version':'blue','endpoint':1,'mode':'cut'}");
    file = fopen(book->file, "w");
    fputs("listen: [\"127.0.0.1:0\"]\nadmin: \"unix:./turnout.sock\"\n" STORE "\n"
          "versions: {blue: {endpoints: [\"127.0.0.1:5002\", \"127.0.0.1:5003\"], build: \"1\"},"
          " green: {endpoints: [\"127.0.0.1:5101\"], build: \"2\"}}\nrules: " MAIN "\n",
          file);
    fclose(file);
    book_do(book, NULL, NULL);
    assert_int_equal(book->status, 200);
    assert_int_equal(mode_of(book, 0, 0), STRATEGY_CUT); /* 5002, wherever it is */
    assert_int_equal(mode_of(book, 0, 1), STRATEGY_ACTIVE);
    edit_assert_json("modes", json_object_get(book->answer, "modes"),
                     "[{'name':'blue/1','before':'cut','after':'active','until':null},"
                     "{'name':'blue/0','before':'active','after':'cut','until':null}]");
    book_close(book);
    book_write(book, MAIN, STORE); /* 5001 and 5002 again, while nobody ran */
    book_open(book);
    assert_int_equal(mode_of(book, 0, 1), STRATEGY_CUT);
    assert_int_equal(mode_of(book, 0, 0), STRATEGY_ACTIVE);
}

/* --- time --------------------------------------------------------------------------------------
 */

static void test_drain_ends_in_a_cut(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    set_mode(book, "{'version':'green','mode':'draining','timeout_ms':60000}");
    assert_int_equal(version(book, 1)->mode, STRATEGY_DRAINING);
    assert_int_equal(book->broken_off_count, 0);
    pass(book, 59 * SECOND, 0);
    for (int i = 0; i < 20; i++)
        book_turn(book);
    assert_int_equal(px_rulebook_state(book->book).revision, 2);
    pass(book, 2 * SECOND, 0); /* the wall clock plays no part while it runs */
    wait_revision(book, 3);
    assert_int_equal(version(book, 1)->mode, STRATEGY_CUT);
    /* and what is still open there is ended */
    assert_int_equal(book->broken_off_count, 1);
    assert_int_equal(book->broken_off[0].version, version(book, 1)->stat);
    assert_true(book->broken_off[0].endpoint == PX_ANY_ENDPOINT);
    assert_false(book->broken_off[0].tunnels_only);
    book_turn(book);
}

static void test_drain_of_an_endpoint_ends_with_what_is_open_there(void **state)
{
    struct book *book = *state;

    opened(book, "");
    set_mode(book, "{'version':'blue','endpoint':1,'mode':'draining','timeout_ms':0}");
    wait_revision(book, 3);
    assert_int_equal(mode_of(book, 0, 1), STRATEGY_CUT);
    assert_int_equal(book->broken_off_count, 1);
    assert_true(book->broken_off[0].endpoint == version(book, 0)->endpoints[1]->id);
}

static void test_drain_that_is_taken_back_ends_in_nothing(void **state)
{
    struct book *book = *state;

    opened(book, "");
    set_mode(book, "{'version':'green','mode':'draining','timeout_ms':60000}");
    set_mode(book, "{'version':'blue','endpoint':0,'mode':'draining','timeout_ms':1000}");
    set_mode(book, "{'version':'green','mode':'active'}");
    pass(book, 61 * SECOND, 0);
    wait_revision(book, 5); /* of blue/0 */
    assert_int_equal(version(book, 1)->mode, STRATEGY_ACTIVE);
    assert_int_equal(mode_of(book, 0, 0), STRATEGY_CUT);
}

static void test_drain_goes_on_after_a_restart(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    set_mode(book, "{'version':'green','mode':'draining','timeout_ms':60000}");
    book_close(book);
    pass(book, 0, 50 * SECOND);
    book_open(book);
    assert_int_equal(version(book, 1)->mode, STRATEGY_DRAINING);
    assert_int_equal(px_rulebook_state(book->book).revision, 2);
    pass(book, 8 * SECOND, 0);
    for (int i = 0; i < 20; i++)
        book_turn(book);
    assert_int_equal(px_rulebook_state(book->book).revision, 2);
    pass(book, 3 * SECOND, 0);
    wait_revision(book, 3);
    assert_int_equal(version(book, 1)->mode, STRATEGY_CUT);
}

static void test_drain_never_lasts_longer_than_asked(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    set_mode(book, "{'version':'green','mode':'draining','timeout_ms':60000}");
    book_close(book);
    pass(book, 0, -3600 * SECOND); /* somebody set the clock back */
    book_open(book);
    assert_int_equal(version(book, 1)->mode, STRATEGY_DRAINING);
    pass(book, 61 * SECOND, 0);
    wait_revision(book, 3);
}

static void test_drain_that_ran_out_meanwhile_is_over_at_the_start(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    set_mode(book, "{'version':'green','mode':'draining','timeout_ms':60000}");
    book_close(book);
    pass(book, 0, 61 * SECOND);
    book_open(book);
    assert_int_equal(version(book, 1)->mode, STRATEGY_CUT);
    assert_int_equal(px_rulebook_state(book->book).revision, 3);
    book_close(book);
    book_open(book); /* and that was recorded */
    assert_int_equal(px_rulebook_state(book->book).revision, 3);
}

/* --- what is open ------------------------------------------------------------------------------
 */

static void test_cut_may_end_what_is_open(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    set_mode(book, "{'version':'green','mode':'cut'}");
    assert_int_equal(book->broken_off_count, 0);
    assert_null(json_object_get(book->answer, "ended"));
    set_mode(book, "{'version':'green','mode':'cut','abort_open':true}"); /* now */
    assert_int_equal(book->broken_off_count, 1);
    assert_true(json_is_false(json_object_get(book->answer, "changed")));
    assert_int_equal(json_integer_value(json_object_get(book->answer, "ended")), 3);
    assert_int_equal(book->published, 2);
    set_mode(book, "{'version':'blue','endpoint':0,'mode':'cut','abort_open':true}");
    assert_int_equal(book->broken_off_count, 2);
    assert_int_equal(book->published, 3);
    assert_int_equal(json_integer_value(json_object_get(book->answer, "ended")), 3);
}

static void test_cut_publishes_before_it_ends_anything(void **state)
{
    struct book *book = *state;
    struct px_change *change;

    opened(book, "");
    book->is_by_hand = true;
    change = book_change(book, px_edit_mode, "{'version':'green','mode':'cut','abort_open':true}");
    book_submit(book, change);
    while (book->published < 2)
        book_turn(book);
    book_turn(book);
    assert_int_equal(book->broken_off_count, 0);
    book_switch(book);
    assert_int_equal(book->broken_off_count, 1);
    book_wait(book, 1);
}

static void test_cut_as_a_dry_run_ends_nothing(void **state)
{
    struct book *book = *state;
    struct px_change *change;

    opened(book, "");
    change = book_change(book, px_edit_mode, "{'version':'green','mode':'cut','abort_open':true}");
    change->is_dry_run = true;
    book_submit(book, change);
    book_wait(book, 1);
    assert_int_equal(book->broken_off_count, 0);
    assert_int_equal(version(book, 1)->mode, STRATEGY_ACTIVE);
    edit_assert_json("modes", json_object_get(book->answer, "modes"),
                     "[{'name':'green','before':'active','after':'cut','until':null}]");
}

/* --- promote -----------------------------------------------------------------------------------
 */

static void test_promote_takes_shadow_data_for_its_own(void **state)
{
    struct book *book = *state;
    struct px_change *change;

    opened(book, STORE);
    px_rulebook_mirrored(book->book, "green");
    book_turn(book);
    book_do(book, px_edit_promote, "{}");
    assert_int_equal(book->status, 422);
    assert_non_null(px_rulebook_shadowed_since(book->book, "green"));
    for (int accepts = 0; accepts < 2; accepts++) { /* a dry run tells, and changes nothing */
        change = book_change(book, px_edit_promote, accepts ? "{'accept_shadow_data':true}" : "{}");
        change->is_dry_run = true;
        book_submit(book, change);
        book_wait(book, 1);
        assert_int_equal(book->status, accepts ? 200 : 422);
        assert_non_null(px_rulebook_shadowed_since(book->book, "green"));
    }
    book_do(book, px_edit_promote, "{'accept_shadow_data':true}");
    assert_int_equal(book->status, 200);
    assert_null(px_rulebook_shadowed_since(book->book, "green"));
    book_close(book);
    book_open(book);
    assert_null(px_rulebook_shadowed_since(book->book, "green"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, book_setup, book_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_modes_are_in_the_snapshot_and_a_revision),
        TEST(test_modes_stay_with_other_changes),
        TEST(test_modes_survive_a_restart),
        TEST(test_modes_follow_endpoints_through_a_reload),
        TEST(test_drain_ends_in_a_cut),
        TEST(test_drain_of_an_endpoint_ends_with_what_is_open_there),
        TEST(test_drain_that_is_taken_back_ends_in_nothing),
        TEST(test_drain_goes_on_after_a_restart),
        TEST(test_drain_never_lasts_longer_than_asked),
        TEST(test_drain_that_ran_out_meanwhile_is_over_at_the_start),
        TEST(test_cut_may_end_what_is_open),
        TEST(test_cut_publishes_before_it_ends_anything),
        TEST(test_cut_as_a_dry_run_ends_nothing),
        TEST(test_promote_takes_shadow_data_for_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

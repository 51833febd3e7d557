/* Changes that go back by themselves: what goes back, when, and what stays. */
#include "proxy/admin/change.h"
#include "proxy/admin/change_parts.h"
#include "tests/unit/admin/book.h"
#include "tests/unit/admin/edit_table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define MAIN "{name: main, stable: blue, weights: {blue: 9, green: 1}}"
#define OTHER "{name: other, match: [{path: /o}], stable: blue, weights: {blue: 1}}"
#define RULES "[" OTHER ", " MAIN "]"
#define STORE "store: {file: \"./turnout.store\"}"
#define MINUTE 60000
#define NS 1000000LL

static int sync_error;

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int __wrap_fdatasync(int fd)
{
    if (sync_error == 0)
        return __real_fdatasync(fd);
    errno = sync_error;
    return -1;
}

static int teardown(void **state)
{
    sync_error = 0;
    return book_teardown(state);
}

static void opened(struct book *book)
{
    book_write(book, RULES, STORE);
    book_open(book);
}

static void reopened(struct book *book)
{
    book_close(book);
    book_open(book);
}

/* Of a good change; the time is in ms, 0: none. */
static void made(struct book *book, px_edit_fn *edit, const char *request, int64_t ttl_ms)
{
    struct px_change *change = book_change(book, edit, request);

    change->ttl_ms = ttl_ms;
    book_submit(book, change);
    book_wait(book, 1);
    if (book->status != 200)
        fail_msg("%s: %u %s", request, book->status, book->detail);
}

static void refused(struct book *book, px_edit_fn *edit, const char *request, int64_t ttl_ms,
                    const char *part)
{
    struct px_change *change = book_change(book, edit, request);

    change->ttl_ms = ttl_ms;
    book_submit(book, change);
    book_wait(book, 1);
    assert_int_equal(book->status, 422);
    if (!strstr(book->detail, part))
        fail_msg("'%s' does not hold '%s'", book->detail, part);
}

/* Nothing is under way any more; a disk that fails is not waited for. */
static void settle(struct book *book)
{
    const struct px_rulebook *inner = book->book;

    do {
        book_turn(book);
        usleep(50);
    } while (inner->current || inner->waiting_count > 0 || inner->parked_count > 0 ||
             inner->recorder.is_writing);
}

/* Both clocks go on, as they do in life; then the book looks, as its timers let it each second. */
static void pass(struct book *book, int64_t ms)
{
    book->wall_ahead_ns += ms * NS;
    book->boot_ahead_ns += ms * NS;
    px_drains_on_timer(&book->book->drains);
    settle(book);
    px_ttls_on_timer(&book->book->ttl_timer);
    settle(book);
}

static uint64_t revision(const struct book *book)
{
    return px_rulebook_state(book->book).revision;
}

static void expect_member(const struct book *book, const char *rule, const char *key,
                          const char *expected)
{
    const json_t *found = px_edit_find_by_name(px_rulebook_rules(book->book), rule);
    json_t *value = json_object_get(found, key);

    if (!expected)
        assert_null(value);
    else
        edit_assert_json(key, value, expected);
}

static void expect_main(const struct book *book, const char *weights)
{
    expect_member(book, "main", "weights", weights);
}

static size_t pending(const struct book *book)
{
    json_t *ttls = px_rulebook_ttls(book->book);
    size_t count = json_array_size(ttls);

    json_decref(ttls);
    return count;
}

/* What history says of a revision: its ttl's state, and who ended it. */
static void expect_history(const struct book *book, json_int_t number, const char *state,
                           json_int_t by)
{
    json_t *history = px_rulebook_history(book->book, 128);
    size_t i;
    json_t *entry;
    bool is_found = false;

    json_array_foreach(json_object_get(history, "revisions"), i, entry)
    {
        const json_t *ttl = json_object_get(entry, "ttl");

        if (json_integer_value(json_object_get(entry, "revision")) != number)
            continue;
        is_found = true;
        assert_string_equal(json_string_value(json_object_get(ttl, "state")), state);
        assert_int_equal(json_integer_value(json_object_get(ttl, "by")), by);
    }
    assert_true(is_found);
    json_decref(history);
}

#define BEFORE "{'blue':9,'green':1}"
#define HALF "{'weights':{'blue':1,'green':1}}"

/* --- going back ---------------------------------------------------------------------------------
 */

static void test_ttl_goes_back_as_a_revision_of_its_own(void **state)
{
    struct book *book = *state;
    json_t *history;
    json_t *entry;

    opened(book);
    made(book, px_edit_weights, HALF, 30 * MINUTE);
    assert_int_equal(pending(book), 1);
    expect_history(book, 2, "running", 0);
    pass(book, 30 * MINUTE - 2000);
    assert_int_equal(revision(book), 2);
    pass(book, 2001);
    assert_int_equal(revision(book), 3);
    expect_main(book, BEFORE);
    assert_int_equal(pending(book), 0);
    expect_history(book, 2, "went_back", 3);
    history = px_rulebook_history(book->book, 1);
    entry = json_array_get(json_object_get(history, "revisions"), 0);
    assert_string_equal(json_string_value(json_object_get(entry, "what")), "ttl");
    assert_string_equal(json_string_value(json_object_get(entry, "author")), "ttl");
    assert_string_equal(json_string_value(json_object_get(entry, "reason")),
                        "revision 2 was for 30m");
    json_decref(history);
    reopened(book);
    assert_int_equal(revision(book), 3);
    expect_main(book, BEFORE);
    expect_history(book, 2, "went_back", 3);
}

static void test_ttl_of_a_route_takes_its_match_rule_and_mirror_away(void **state)
{
    struct book *book = *state;
    json_t *before;

    opened(book);
    before = json_deep_copy(px_rulebook_rules(book->book));
    made(book, px_edit_route,
         "{'strategy':'ab','stable':'blue','canary':'green','headers':[{'name':'X','value':'1'}]}",
         MINUTE);
    assert_int_equal(json_array_size(px_rulebook_rules(book->book)), 3);
    pass(book, MINUTE);
    assert_true(json_equal(before, px_rulebook_rules(book->book)));
    made(book, px_edit_route, "{'strategy':'shadow','stable':'blue','canary':'green','ppm':250000}",
         MINUTE);
    pass(book, MINUTE);
    assert_true(json_equal(before, px_rulebook_rules(book->book)));
    json_decref(before);
}

static void test_ttl_of_all_rules_brings_those_that_went_back_to_their_places(void **state)
{
    struct book *book = *state;
    json_t *before;

    opened(book);
    made(book, px_edit_rules,
         "{'rules':[{'name':'a','match':[{'path':'/a'}],'weights':{'blue':1}},"
         "{'name':'b','match':[{'path':'/b'}],'weights':{'blue':1}},"
         "{'name':'main','weights':{'blue':1}}]}",
         0);
    before = json_deep_copy(px_rulebook_rules(book->book));
    made(book, px_edit_rules,
         "{'rules':[{'name':'c','match':[{'path':'/c'}],'weights':{'green':1}},"
         "{'name':'a','match':[{'path':'/aa'}],'weights':{'blue':1}},"
         "{'name':'main','weights':{'green':1},'max_body':'1MiB'}]}",
         MINUTE);
    pass(book, MINUTE);
    if (!json_equal(before, px_rulebook_rules(book->book)))
        fail_msg("%s", json_dumps(px_rulebook_rules(book->book), 0));
    json_decref(before);
}

static void test_ttl_of_a_drain_covers_the_cut_that_it_ends_in(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_mode, "{'version':'green','mode':'draining','timeout_ms':1000}", MINUTE);
    pass(book, 1001);
    edit_assert_json("modes", px_rulebook_modes(book->book), "{'green':{'mode':'cut'}}");
    assert_int_equal(pending(book), 1);
    pass(book, MINUTE);
    edit_assert_json("modes", px_rulebook_modes(book->book), "{}");
    assert_int_equal(px_rulebook_snapshot(book->book)->versions[1].mode, STRATEGY_ACTIVE);
}

/* --- several, and others' changes ---------------------------------------------------------------
 */

static void test_ttl_of_several_rules_each_at_its_time(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_weights, "{'rule':'other','weights':{'green':1}}", 2 * MINUTE);
    made(book, px_edit_weights, HALF, MINUTE);
    assert_int_equal(pending(book), 2);
    pass(book, MINUTE);
    expect_main(book, BEFORE);
    expect_member(book, "other", "weights", "{'green':1}");
    pass(book, MINUTE);
    expect_member(book, "other", "weights", "{'blue':1}");
    assert_int_equal(revision(book), 5);
}

static void test_ttl_leaves_what_a_later_change_made_elsewhere(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_weights, HALF, MINUTE);
    made(book, px_edit_mirror, "{'to':'green','ppm':1000}", 0);
    pass(book, MINUTE);
    expect_main(book, BEFORE);
    expect_member(book, "main", "mirror", "[{'to':'green','percent':'0.1%'}]");
    expect_history(book, 2, "went_back", 4);
}

static void test_ttl_is_superseded_by_a_later_change_of_the_same(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_weights, HALF, MINUTE);
    made(book, px_edit_share, "{'share':{'green':300000}}", 0);
    assert_int_equal(pending(book), 0);
    assert_non_null(
        strstr(json_string_value(json_array_get(json_object_get(book->answer, "notes"), 0)),
               "does not any more"));
    expect_history(book, 2, "superseded", 3);
    pass(book, 2 * MINUTE);
    assert_int_equal(revision(book), 3);
    expect_main(book, "{'blue':7,'green':3}");
}

/* Saying it again without a time makes it stay. */
static void test_ttl_ends_when_the_same_is_set_for_good(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_weights, HALF, MINUTE);
    made(book, px_edit_weights, HALF, 0);
    assert_true(json_is_true(json_object_get(book->answer, "changed")));
    assert_int_equal(pending(book), 0);
    pass(book, MINUTE);
    expect_main(book, "{'blue':1,'green':1}");
    expect_history(book, 2, "superseded", 3);
}

/* What is temporary never becomes what another temporary change goes back to for good. */
static void test_ttl_over_ttl(void **state)
{
    static const struct {
        int64_t first, second;
        const char *after_one, *after_two; /* minutes */
    } rows[] = {{1, 2, "{'blue':3,'green':1}", BEFORE}, {2, 1, "{'blue':1,'green':1}", BEFORE}};
    struct book *book = *state;

    for (size_t i = 0; i < 2; i++) {
        unlink(book->store);
        opened(book);
        made(book, px_edit_weights, HALF, rows[i].first * MINUTE);
        made(book, px_edit_weights, "{'weights':{'blue':3,'green':1}}", rows[i].second * MINUTE);
        reopened(book);
        assert_int_equal(pending(book), 1);
        pass(book, MINUTE);
        expect_main(book, rows[i].after_one);
        assert_int_equal(pending(book), 1);
        pass(book, MINUTE);
        expect_main(book, rows[i].after_two);
        assert_int_equal(pending(book), 0);
        book_close(book);
    }
    unlink(book->store); /* both run out while nobody is there */
    opened(book);
    made(book, px_edit_weights, HALF, 2 * MINUTE);
    made(book, px_edit_weights, "{'weights':{'blue':3,'green':1}}", MINUTE);
    book_close(book);
    book->wall_ahead_ns += 3 * MINUTE * NS;
    book_open(book);
    expect_main(book, BEFORE);
    assert_int_equal(revision(book), 5);
    expect_history(book, 3, "went_back", 4);
    expect_history(book, 2, "went_back", 5);
}

static void test_ttl_again_sets_its_time_anew(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_weights, HALF, 10 * MINUTE);
    made(book, px_edit_weights, HALF, MINUTE); /* shorter */
    assert_int_equal(pending(book), 1);
    pass(book, MINUTE);
    expect_main(book, BEFORE);
    made(book, px_edit_weights, HALF, MINUTE);
    made(book, px_edit_weights, HALF, 10 * MINUTE); /* longer */
    pass(book, 9 * MINUTE);
    expect_main(book, "{'blue':1,'green':1}");
    pass(book, MINUTE);
    expect_main(book, BEFORE);
}

static void test_ttl_that_changes_nothing_has_nothing_to_go_back(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_weights, "{'weights':" BEFORE "}", MINUTE);
    assert_true(json_is_false(json_object_get(book->answer, "changed")));
    assert_int_equal(pending(book), 0);
    edit_assert_json("notes", json_object_get(book->answer, "notes"),
                     "['nothing differs, so there is nothing to go back']");
}

/* --- abort, promote, undo, reload ---------------------------------------------------------------
 */

static void test_ttl_never_overrules_an_abort(void **state)
{
    struct book *book = *state;
    struct px_change *change;

    opened(book);
    /* nothing for green, for a minute; the abort finds all at stable and says so all the same */
    made(book, px_edit_weights, "{'weights':{'blue':1,'green':0}}", MINUTE);
    made(book, px_edit_mode, "{'version':'green','mode':'draining'}", MINUTE);
    change = book_change(book, px_edit_abort, "{}");
    change->is_urgent = true;
    book_submit(book, change);
    book_wait(book, 1);
    assert_true(json_is_true(json_object_get(book->answer, "changed")));
    expect_history(book, 2, "superseded", 4);
    assert_int_equal(pending(book), 1); /* a drain is none of its business */
    pass(book, 2 * MINUTE);
    expect_main(book, "{'blue':1,'green':0}");
    edit_assert_json("modes", px_rulebook_modes(book->book), "{}");
}

static void test_ttl_ends_with_a_promote_of_its_rule(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_weights, "{'rule':'other','weights':{'green':1}}", MINUTE);
    made(book, px_edit_weights, "{'weights':{'green':1}}", MINUTE);
    made(book, px_edit_promote, "{'version':'green'}", 0);
    assert_int_equal(pending(book), 1); /* the other rule's */
    pass(book, 2 * MINUTE);
    expect_main(book, "{'green':1}");
    expect_member(book, "other", "weights", "{'blue':1}");
}

static void test_ttl_and_undo(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_weights, HALF, 10 * MINUTE);
    made(book, px_edit_undo, "{}", 0);
    expect_main(book, BEFORE);
    assert_int_equal(pending(book), 0);
    expect_history(book, 2, "superseded", 3);
    made(book, px_edit_undo, "{}", 0); /* a redo: what was temporary still is */
    assert_int_equal(pending(book), 1);
    expect_history(book, 2, "running", 0);
    made(book, px_edit_mirror, "{'to':'green','ppm':1000}", 0);
    made(book, px_edit_undo, "{}", 0);
    assert_int_equal(pending(book), 1);
    pass(book, 10 * MINUTE);
    expect_main(book, BEFORE);
    made(book, px_edit_undo, "{}", 0); /* its time is over long since */
    expect_main(book, "{'blue':1,'green':1}");
    assert_int_equal(pending(book), 0);
    assert_non_null(
        strstr(json_string_value(json_array_get(json_object_get(book->answer, "notes"), 0)),
               "now it stays"));
}

static void test_ttl_ends_when_the_file_says_something_else_about_its_rule(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_weights, "{'rule':'other','weights':{'green':1}}", MINUTE);
    made(book, px_edit_weights, HALF, MINUTE);
    /* what is in force now becomes what the file says */
    book_write(book, "[" OTHER ", {name: main, stable: blue, weights: {blue: 1, green: 1}}]",
               STORE);
    made(book, NULL, "{}", 0);
    expect_history(book, 3, "superseded", 4);
    pass(book, MINUTE);
    expect_main(book, "{'blue':1,'green':1}");
    expect_member(book, "other", "weights", "{'blue':1}");
}

static void test_ttl_ends_when_the_file_changed_before_the_start(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_weights, HALF, MINUTE);
    book_close(book);
    book_write(book, "[" OTHER ", {name: main, stable: blue, weights: {blue: 1, green: 1}}]",
               STORE);
    book_open(book);
    assert_int_equal(pending(book), 0);
    expect_history(book, 2, "superseded", 3);
}

static void write_without_green(struct book *book)
{
    FILE *file = fopen(book->file, "w");

    assert_non_null(file);
    fputs("listen: [\"127.0.0.1:0\"]\nadmin: \"unix:./turnout.sock\"\n" STORE "\n"
          "versions: {blue: {endpoints: [\"127.0.0.1:5001\", \"127.0.0.1:5002\"], build: \"1\"}}\n"
          "rules: [" OTHER ", {name: main, weights: {blue: 1}}]\n",
          file);
    fclose(file);
}

static void test_ttl_keeps_the_version_that_it_goes_back_to(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_weights, "{'rule':'other','weights':{'green':1}}", 0);
    made(book, px_edit_weights, "{'rule':'other','weights':{'blue':1}}", MINUTE);
    write_without_green(book);
    refused(book, NULL, "{}", 0,
            "version 'green' can't be removed: rule other goes back to it at ");
    book_close(book);
    book->wall_ahead_ns += 2 * MINUTE * NS; /* a start has nobody to ask */
    book_open(book);
    expect_member(book, "other", "weights", "{'blue':1}");
    assert_int_equal(pending(book), 0);
    expect_history(book, 3, "superseded", 4);
}

static void test_ttl_is_refused_where_it_has_no_meaning(void **state)
{
    struct book *book = *state;

    opened(book);
    refused(book, px_edit_abort, "{}", MINUTE, "takes no ttl");
    refused(book, px_edit_promote, "{'version':'green'}", MINUTE, "takes no ttl");
    refused(book, px_edit_undo, "{}", MINUTE, "there is nothing to undo");
    refused(book, px_edit_mode, "{'version':'green','mode':'cut'}", MINUTE, "takes no ttl");
    refused(book, NULL, "{}", MINUTE, "takes no ttl");
    for (int i = 0; i < PX_TTL_MAX; i++) {
        char request[256];

        snprintf(request, sizeof(request),
                 "{'rules':[{'name':'r%d','match':[{'path':'/r'}],'weights':{'blue':1}},"
                 "{'name':'main','weights':{'blue':%d}}]}",
                 i, i + 1);
        made(book, px_edit_rules, request, 0);
        snprintf(request, sizeof(request), "{'to':'green','ppm':%d,'rule':'r%d'}", i + 1, i);
        made(book, px_edit_mirror, request, MINUTE);
    }
    assert_true(pending(book) >= 1);
}

/* --- clocks, restarts, disks --------------------------------------------------------------------
 */

static void test_ttl_is_not_moved_by_a_wall_clock_that_jumps(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_weights, HALF, 10 * MINUTE);
    book->wall_ahead_ns += 3600000 * NS; /* an hour ahead */
    pass(book, MINUTE);
    expect_main(book, "{'blue':1,'green':1}");
    book->wall_ahead_ns -= 2 * 3600000 * NS; /* two back */
    pass(book, 9 * MINUTE);
    expect_main(book, BEFORE);
}

/* The machine slept: its timers stood still, the boot clock did not. */
static void test_ttl_goes_on_while_the_machine_sleeps(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_weights, HALF, 10 * MINUTE);
    pass(book, 3600000);
    expect_main(book, BEFORE);
}

static void test_ttl_has_the_rest_of_its_time_after_a_restart(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_weights, HALF, 10 * MINUTE);
    book_close(book);
    book->wall_ahead_ns += 4 * MINUTE * NS;
    book_open(book);
    assert_int_equal(revision(book), 2);
    pass(book, 5 * MINUTE);
    expect_main(book, "{'blue':1,'green':1}");
    book_close(book);
    book->wall_ahead_ns -= 3600000 * NS; /* as if an hour were left: at most its length */
    book_open(book);
    pass(book, 9 * MINUTE);
    expect_main(book, "{'blue':1,'green':1}");
    pass(book, MINUTE + 1);
    expect_main(book, BEFORE);
}

static void test_ttl_that_ran_out_meanwhile_is_applied_before_the_start(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_weights, HALF, MINUTE);
    made(book, px_edit_mode, "{'version':'green','mode':'draining'}", MINUTE);
    made(book, px_edit_mirror, "{'to':'green','ppm':1000}", 0);
    book_close(book);
    book->wall_ahead_ns += 2 * MINUTE * NS;
    book_open(book);
    assert_int_equal(revision(book), 6);
    assert_int_equal(px_rulebook_snapshot(book->book)->revision, 6);
    expect_main(book, BEFORE);
    edit_assert_json("modes", px_rulebook_modes(book->book), "{}");
    expect_history(book, 3, "went_back", 5);
    expect_history(book, 2, "went_back", 6);
    reopened(book);
    assert_int_equal(revision(book), 6);
}

static void test_ttl_goes_back_on_a_full_disk_too(void **state)
{
    struct book *book = *state;

    opened(book);
    made(book, px_edit_weights, HALF, MINUTE);
    sync_error = ENOSPC;
    pass(book, MINUTE);
    expect_main(book, BEFORE);
    assert_false(px_rulebook_state(book->book).is_durable);
    book_close(book);
    book_open(book); /* still full: once more from what the disk has, in memory only */
    expect_main(book, BEFORE);
    assert_false(px_rulebook_state(book->book).is_durable);
    sync_error = 0;
    for (int i = 0; i < 3000 && !px_rulebook_state(book->book).is_durable; i++) {
        book_turn(book);
        usleep(1000);
    }
    reopened(book);
    expect_main(book, BEFORE);
    expect_history(book, 2, "went_back", 3);
}

static void test_ttl_without_memory_changes_all_or_nothing(void **state)
{
    struct book *book = *state;
    bool has_failed = true;

    opened(book);
    for (int i = 0; has_failed; i++) {
        struct px_change *change = book_change(book, px_edit_weights, HALF);

        change->ttl_ms = MINUTE;
        edit_fail_allocation(i);
        book_submit(book, change);
        while (book->done == 0)
            book_turn(book);
        has_failed = edit_end_failing();
        book_wait(book, 1);
        if (book->status != 200) {
            expect_main(book, BEFORE);
            assert_int_equal(pending(book), 0);
        } else if (has_failed) {
            pass(book, MINUTE + 2000);
            expect_main(book, BEFORE);
        }
    }
    assert_int_equal(pending(book), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, book_setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_ttl_goes_back_as_a_revision_of_its_own),
        TEST(test_ttl_of_a_route_takes_its_match_rule_and_mirror_away),
        TEST(test_ttl_of_all_rules_brings_those_that_went_back_to_their_places),
        TEST(test_ttl_of_a_drain_covers_the_cut_that_it_ends_in),
        TEST(test_ttl_of_several_rules_each_at_its_time),
        TEST(test_ttl_leaves_what_a_later_change_made_elsewhere),
        TEST(test_ttl_is_superseded_by_a_later_change_of_the_same),
        TEST(test_ttl_ends_when_the_same_is_set_for_good),
        TEST(test_ttl_over_ttl),
        TEST(test_ttl_again_sets_its_time_anew),
        TEST(test_ttl_that_changes_nothing_has_nothing_to_go_back),
        TEST(test_ttl_never_overrules_an_abort),
        TEST(test_ttl_ends_with_a_promote_of_its_rule),
        TEST(test_ttl_and_undo),
        TEST(test_ttl_ends_when_the_file_says_something_else_about_its_rule),
        TEST(test_ttl_ends_when_the_file_changed_before_the_start),
        TEST(test_ttl_keeps_the_version_that_it_goes_back_to),
        TEST(test_ttl_is_refused_where_it_has_no_meaning),
        TEST(test_ttl_is_not_moved_by_a_wall_clock_that_jumps),
        TEST(test_ttl_goes_on_while_the_machine_sleeps),
        TEST(test_ttl_has_the_rest_of_its_time_after_a_restart),
        TEST(test_ttl_that_ran_out_meanwhile_is_applied_before_the_start),
        TEST(test_ttl_goes_back_on_a_full_disk_too),
        TEST(test_ttl_without_memory_changes_all_or_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

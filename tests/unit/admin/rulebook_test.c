#include "tests/unit/admin/book.h"
#include "tests/unit/admin/edit_table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define MAIN "[{name: main, stable: blue, weights: {blue: 9, green: 1}}]"
#define STORE "store: {file: \"./turnout.store\"}"
#define TO_BLUE "{'weights':{'blue':1}}"
#define TO_GREEN "{'weights':{'green':1}}"

/* --- the disk ----------------------------------------------------------------------------------
 */

static int sync_error; /* 0: works */

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

static void opened(struct book *book, const char *rules, const char *extra)
{
    book_write(book, rules, extra);
    book_open(book);
}

static void expect_rules(const struct book *book, const char *expected)
{
    edit_assert_json("rules", px_rulebook_rules(book->book), expected);
}

/* --- opening -----------------------------------------------------------------------------------
 */

static void test_rulebook_without_a_store_has_the_rules_of_the_file(void **state)
{
    struct book *book = *state;
    struct px_rulebook_state now;

    opened(book, MAIN, "");
    now = px_rulebook_state(book->book);
    assert_int_equal(now.revision, 1);
    assert_false(now.is_durable);
    assert_true(now.applied_wall_ns > 0);
    expect_rules(book, "[{'name':'main','stable':'blue','weights':{'blue':9,'green':1}}]");
    assert_int_equal(px_rulebook_snapshot(book->book)->revision, 1);
}

static void test_rulebook_start_is_recorded_once(void **state)
{
    struct book *book = *state;
    size_t size;
    uint64_t applied;

    opened(book, MAIN, STORE);
    assert_true(px_rulebook_state(book->book).is_durable);
    applied = px_rulebook_state(book->book).applied_wall_ns;
    size = book_store_size(book);
    assert_true(size > 0);
    book_close(book);
    book_open(book);
    assert_int_equal(px_rulebook_state(book->book).revision, 1);
    /* the moment that it became so, to the second */
    assert_int_equal(px_rulebook_state(book->book).applied_wall_ns / 1000000000,
                     applied / 1000000000);
    assert_int_equal(book_store_size(book), size);
}

static void test_rulebook_rules_of_run_time_survive_a_restart(void **state)
{
    struct book *book = *state;

    opened(book, MAIN, STORE);
    book_do(book, px_edit_weights, TO_GREEN);
    assert_int_equal(book->status, 200);
    book_close(book);
    book_open(book);
    assert_int_equal(px_rulebook_state(book->book).revision, 2);
    expect_rules(book, "[{'name':'main','stable':'blue','weights':{'green':1}}]");
}

static void test_rulebook_file_wins_where_its_text_changed(void **state)
{
    struct book *book = *state;

    opened(book, MAIN, STORE);
    book_do(book, px_edit_weights, TO_GREEN);
    book_close(book);
    book_write(book, "[{name: main, stable: blue, weights: {blue: 7, green: 3}}]", STORE);
    book_open(book);
    assert_int_equal(px_rulebook_state(book->book).revision, 3);
    expect_rules(book, "[{'name':'main','stable':'blue','weights':{'blue':7,'green':3}}]");
    /* and is now what was applied last */
    book_do(book, px_edit_weights, TO_BLUE);
    book_close(book);
    book_open(book);
    assert_int_equal(px_rulebook_state(book->book).revision, 4);
    expect_rules(book, "[{'name':'main','stable':'blue','weights':{'blue':1}}]");
}

static void test_rulebook_stored_rules_that_do_not_fit_the_file(void **state)
{
    struct book *book = *state;
    FILE *file;

    opened(book, MAIN, STORE);
    book_do(book, px_edit_weights, TO_GREEN);
    book_close(book);
    file = fopen(book->file, "w");
    fputs("listen: [\"127.0.0.1:0\"]\n" STORE "\n"
          "versions: {blue: {endpoints: [\"127.0.0.1:1\"]}, red: {endpoints: [\"127.0.0.1:2\"]}}\n"
          "rules: [{name: x, match: [{path: /}], weights: {red: 1}},"
          " {name: main, stable: blue, weights: {blue: 9, red: 1}}]\n",
          file);
    fclose(file);
    book_open(book); /* main's text changed: taken from the file */
    book_close(book);
    book_write(book, MAIN, STORE);
    book_open(book);
    book_do(book, px_edit_rules,
            "{'rules':[{'name':'own','match':[{'path':'/'}],'weights':{'green':1}},"
            "{'name':'main','stable':'blue','weights':{'blue':9,'green':1}}]}");
    assert_int_equal(book->status, 200);
    book_close(book);
    file = fopen(book->file, "w");
    fputs("listen: [\"127.0.0.1:0\"]\n" STORE "\n"
          "versions: {blue: {endpoints: [\"127.0.0.1:1\"]}}\n"
          "rules: [{name: main, weights: {blue: 9}}]\n",
          file);
    fclose(file);
    book_open_bad(book, "do not fit");
}

static void test_rulebook_damaged_store_refuses(void **state)
{
    struct book *book = *state;
    FILE *file;

    opened(book, MAIN, STORE);
    book_close(book);
    file = fopen(book->store, "r+");
    fseek(file, 30, SEEK_SET);
    fputc('#', file);
    fclose(file);
    book_open_bad(book, "turnout.store:1: the line is damaged");
}

static void test_rulebook_store_of_a_later_format_refuses(void **state)
{
    struct book *book = *state;
    char *why = NULL;
    json_t *last;
    struct px_store *store;
    json_t *record;

    book_write(book, MAIN, STORE);
    assert_int_equal(px_store_open(book->store, NULL, &why, &last, &store), 0);
    assert_null(last);
    record = edit_json("{'format':2,'revision':1,'rules':[],'file':{}}");
    assert_int_equal(px_store_append_now(store, record, &why), 0);
    json_decref(record);
    px_store_close(store);
    book_open_bad(book, "not of format 1");
}

static void test_rulebook_start_on_a_full_disk_serves(void **state)
{
    struct book *book = *state;

    sync_error = ENOSPC;
    opened(book, MAIN, STORE);
    assert_false(px_rulebook_state(book->book).is_durable);
    sync_error = 0;
    book_do(book, px_edit_weights, TO_GREEN);
    assert_int_equal(book->status, 200);
    assert_true(px_rulebook_state(book->book).is_durable);
}

/* --- changing ----------------------------------------------------------------------------------
 */

static void test_rulebook_change_is_recorded_published_then_answered(void **state)
{
    struct book *book = *state;
    size_t before;

    opened(book, MAIN, STORE);
    before = book_store_size(book);
    book->is_by_hand = true;
    book_submit(book, book_change(book, px_edit_weights, TO_GREEN));
    while (book->published < 2)
        book_turn(book);
    assert_true(book->store_size_when_published > before);
    assert_int_equal(book->snapshots_seen, 1);
    assert_ptr_equal(px_rulebook_snapshot(book->book), book->snapshots[1]);
    book_turn(book);
    assert_int_equal(book->done, 0); /* until every loop has switched */
    book_switch(book);
    assert_int_equal(book->done, 1);
    assert_int_equal(book->status, 200);
    assert_int_equal(book->revision, 2);
    edit_assert_json("answer", book->answer,
                     "{'revision':2,'changed':true,'dry_run':false,'durable':true,'rule':'main',"
                     "'before':[{'name':'main','stable':'blue','weights':{'blue':9,'green':1}}],"
                     "'after':[{'name':'main','stable':'blue','weights':{'green':1}}],"
                     "'notes':[]}");
}

static void test_rulebook_without_a_store_says_not_durable(void **state)
{
    struct book *book = *state;

    opened(book, MAIN, "");
    book_do(book, px_edit_weights, TO_GREEN);
    assert_int_equal(book->status, 200);
    assert_true(json_is_false(json_object_get(book->answer, "durable")));
}

static void test_rulebook_dry_run_changes_nothing(void **state)
{
    struct book *book = *state;
    struct px_change *change;
    size_t before;

    opened(book, MAIN, STORE);
    before = book_store_size(book);
    change = book_change(book, px_edit_weights, TO_GREEN);
    change->is_dry_run = true;
    book_submit(book, change);
    book_wait(book, 1);
    assert_int_equal(book->status, 200);
    assert_true(json_is_true(json_object_get(book->answer, "changed")));
    assert_true(json_is_true(json_object_get(book->answer, "dry_run")));
    assert_int_equal(json_integer_value(json_object_get(book->answer, "revision")), 1);
    edit_assert_json("after", json_object_get(book->answer, "after"),
                     "[{'name':'main','stable':'blue','weights':{'green':1}}]");
    assert_int_equal(book->published, 1);
    assert_int_equal(book_store_size(book), before);
    expect_rules(book, "[{'name':'main','stable':'blue','weights':{'blue':9,'green':1}}]");
}

static void test_rulebook_tells_of_versions_that_cannot_answer(void **state)
{
    struct book *book = *state;
    const struct px_snapshot_version *green;

    opened(book, MAIN, "");
    green = &px_rulebook_snapshot(book->book)->versions[1];
    atomic_store(&green->endpoints[0]->probed, true);
    book_do(book, px_edit_weights, TO_GREEN);
    edit_assert_json("notes", json_object_get(book->answer, "notes"),
                     "['version green has no endpoint up']");
    book_do(book, px_edit_weights, TO_BLUE); /* not probed yet: nothing is known */
    edit_assert_json("notes", json_object_get(book->answer, "notes"), "[]");
    green = &px_rulebook_snapshot(book->book)->versions[1];
    atomic_store(&green->endpoints[0]->up, true);
    book_do(book, px_edit_weights, TO_GREEN);
    edit_assert_json("notes", json_object_get(book->answer, "notes"), "[]");
}

static void test_rulebook_same_rules_make_no_revision(void **state)
{
    struct book *book = *state;

    opened(book, MAIN, STORE);
    book_do(book, px_edit_weights, "{'weights':{'green':1,'blue':9}}");
    assert_int_equal(book->status, 200);
    assert_true(json_is_false(json_object_get(book->answer, "changed")));
    assert_int_equal(book->revision, 1);
    assert_int_equal(book->published, 1);
}

static void test_rulebook_stale_revision_is_refused(void **state)
{
    struct book *book = *state;
    struct px_change *change;

    opened(book, MAIN, "");
    for (int i = 0; i < 2; i++) { /* both saw revision 1; one of them is late */
        change = book_change(book, px_edit_weights, i == 0 ? TO_GREEN : TO_BLUE);
        change->has_if_revision = true;
        change->if_revision = 1;
        book_submit(book, change);
    }
    book_wait(book, 2);
    assert_int_equal(book->status, 412);
    assert_string_equal(book->detail, "the rules are at revision 2, not 1");
    expect_rules(book, "[{'name':'main','stable':'blue','weights':{'green':1}}]");
}

static void test_rulebook_changes_are_computed_one_after_the_other(void **state)
{
    struct book *book = *state;

    opened(book, "[{name: main, weights: {blue: 1}}]", STORE);
    book_submit(book, book_change(book, px_edit_share, "{'share':{'green':500000}}"));
    book_submit(book, book_change(book, px_edit_mirror, "{'to':'green','ppm':10000}"));
    book_submit(book, book_change(book, px_edit_share, "{'share':{'green':250000}}"));
    book_wait(book, 3);
    assert_int_equal(book->revision, 4);
    expect_rules(book, "[{'name':'main','stable':'blue','weights':{'blue':3,'green':1},"
                       "'mirror':[{'to':'green','percent':'1%'}]}]");
}

static void test_rulebook_queue_has_an_end(void **state)
{
    struct book *book = *state;

    opened(book, MAIN, "");
    for (int i = 0; i < PX_CHANGES_MAX; i++)
        book_submit(book, book_change(book, px_edit_weights, i % 2 ? TO_BLUE : TO_GREEN));
    book_submit(book, book_change(book, px_edit_weights, TO_BLUE));
    book_wait(book, PX_CHANGES_MAX + 1);
    assert_int_equal(book->unavailable, 1);
    assert_int_equal(book->published, PX_CHANGES_MAX + 1);
}

static void test_rulebook_refusals_say_what_the_parser_says(void **state)
{
    struct book *book = *state;

    opened(book, MAIN, "");
    book_do(book, px_edit_weights, "{'weights':{'gren':1}}");
    assert_int_equal(book->status, 422);
    assert_non_null(strstr(book->detail, "unknown version 'gren' (did you mean 'green'?)"));
    assert_null(book->errors);
    book_do(book, px_edit_weights, "{'weights':{'blue':0}}");
    assert_int_equal(book->status, 422);
    book_do(book, px_edit_weights, "{'rule':'x','weights':{'blue':1}}");
    assert_int_equal(book->status, 422);
    assert_non_null(strstr(book->detail, "there is no rule 'x'"));
    assert_int_equal(book->published, 1);
}

static void test_rulebook_rules_as_yaml(void **state)
{
    struct book *book = *state;
    struct px_change *change;

    opened(book, MAIN, "");
    change = book_change(book, px_edit_rules, NULL);
    change->yaml = strdup("- name: main\n  weights: {green: 1}\n");
    change->yaml_len = strlen(change->yaml);
    book_submit(book, change);
    book_wait(book, 1);
    assert_int_equal(book->status, 200);
    expect_rules(book, "[{'name':'main','weights':{'green':1}}]");

    change = book_change(book, px_edit_rules, NULL);
    change->yaml = strdup("- name: main\n  wieghts: {green: 1}\n- name: 7\n");
    change->yaml_len = strlen(change->yaml);
    book_submit(book, change);
    book_wait(book, 1);
    assert_int_equal(book->status, 422);
    assert_true(json_array_size(book->errors) >= 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(book->errors, 1), "line")),
                     2);
}

static void test_rulebook_full_disk_refuses_the_change(void **state)
{
    struct book *book = *state;
    size_t before;

    opened(book, MAIN, STORE);
    before = book_store_size(book);
    sync_error = ENOSPC;
    book_do(book, px_edit_weights, TO_GREEN);
    assert_int_equal(book->status, 507);
    assert_non_null(strstr(book->detail, "No space left on device"));
    assert_non_null(strstr(book->detail, "nothing was changed"));
    sync_error = EIO;
    book_do(book, px_edit_weights, TO_GREEN);
    assert_int_equal(book->status, 500);
    assert_int_equal(book->published, 1);
    expect_rules(book, "[{'name':'main','stable':'blue','weights':{'blue':9,'green':1}}]");
    sync_error = 0;
    assert_int_equal(book_store_size(book), before);
    book_do(book, px_edit_weights, TO_GREEN);
    assert_int_equal(book->status, 200);
    assert_int_equal(book->revision, 2);
}

/* --- reload ------------------------------------------------------------------------------------
 */

/* What the loops or the probers have no memory for is refused before it is recorded. */
static void test_rulebook_without_memory_the_change_is_refused(void **state)
{
    struct book *book = *state;
    size_t before;
    unsigned seen;

    opened(book, MAIN, STORE);
    before = book_store_size(book);
    book->prepare_error = -ENOMEM;
    book_do(book, px_edit_weights, TO_GREEN);
    assert_int_equal(book->status, 503);
    assert_string_equal(book->detail, "out of memory; nothing was changed");
    seen = book->snapshots_seen;
    assert_true(seen > 0); /* the old one, for whoever was ready for the new one */
    book->prepare_error = 0;
    book->on_prepare_error = -ENOMEM;
    book_do(book, px_edit_weights, TO_GREEN);
    assert_int_equal(book->status, 503);
    assert_int_equal(book->published, 1);
    assert_int_equal(book_store_size(book), before);
    expect_rules(book, "[{'name':'main','stable':'blue','weights':{'blue':9,'green':1}}]");
    book->on_prepare_error = 0;
    book_do(book, px_edit_weights, TO_GREEN);
    assert_int_equal(book->status, 200);
    assert_int_equal(book->revision, 2);
}

static void test_rulebook_reload_takes_what_changed(void **state)
{
    struct book *book = *state;

    opened(book, MAIN, STORE);
    book_do(book, px_edit_weights, TO_GREEN);
    book_write(book,
               "[{name: testers, match: [{path: /t}], weights: {green: 1}},"
               " {name: main, stable: blue, weights: {blue: 9, green: 1}}]",
               STORE);
    book_do(book, NULL, NULL);
    assert_int_equal(book->status, 200);
    assert_int_equal(book->revision, 3);
    expect_rules(book, "[{'name':'testers','match':[{'path':'/t'}],'weights':{'green':1}},"
                       "{'name':'main','stable':'blue','weights':{'green':1}}]");
    edit_assert_json("before", json_object_get(book->answer, "before"), "[]");
}

static void test_rulebook_reload_of_a_broken_file_says_everything(void **state)
{
    struct book *book = *state;

    opened(book, MAIN, "");
    book_write(book, "[{name: main, weights: {gren: 1}, wieghts: {}}]", "limitss: {}");
    book_do(book, NULL, NULL);
    assert_int_equal(book->status, 422);
    assert_true(json_array_size(book->errors) >= 3);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(book->errors, 0), "line")),
                     3);
    assert_int_equal(book->published, 1);
    unlink(book->file);
    book_do(book, NULL, NULL);
    assert_int_equal(book->status, 422);
    assert_non_null(strstr(book->detail, "turnout.yaml: cannot be read: No such file"));
}

static void test_rulebook_remembers_whether_the_last_reload_took_the_file(void **state)
{
    struct book *book = *state;

    book_write(book, MAIN, "");
    book_open(book);
    assert_true(px_rulebook_state(book->book).is_reload_ok);
    uint64_t started = px_rulebook_state(book->book).reloaded_wall_ns;
    assert_true(started > 0);
    book_write(book, "[{name: main, weights: {red: 1}}]", "");
    book_do(book, NULL, NULL);
    assert_int_equal(book->status, 422);
    assert_false(px_rulebook_state(book->book).is_reload_ok);
    assert_int_equal(px_rulebook_state(book->book).reloaded_wall_ns, started);
    /* Other changes say nothing about the file, and neither does asking. */
    book_do(book, px_edit_weights, "{'weights':{'blue':1}}");
    assert_int_equal(book->status, 200);
    assert_false(px_rulebook_state(book->book).is_reload_ok);
    book_write(book, MAIN, "");
    struct px_change *asked = book_change(book, NULL, NULL);
    asked->is_dry_run = true;
    book_submit(book, asked);
    book_wait(book, 1);
    assert_int_equal(book->status, 200);
    assert_false(px_rulebook_state(book->book).is_reload_ok);
    book_do(book, NULL, NULL);
    assert_int_equal(book->status, 200);
    assert_true(px_rulebook_state(book->book).is_reload_ok);
    assert_true(px_rulebook_state(book->book).reloaded_wall_ns > started);
}

#define TAKEOVER " changed: no reload can do that, but a takeover can: turnout serve --takeover"

static void test_rulebook_reload_of_what_needs_another_process(void **state)
{
    struct book *book = *state;

    opened(book, MAIN, "");
    book_write(book, "[{name: main, stable: blue, weights: {blue: 1}}]",
               "threads: 7\nmetrics: \"127.0.0.1:1\"\n" STORE "\nlog: {access: \"./x\"}");
    book_do(book, NULL, NULL);
    assert_int_equal(book->status, 422);
    edit_assert_json("errors", book->errors,
                     "[{'text':'threads" TAKEOVER "'},{'text':'store" TAKEOVER "'}]");
    expect_rules(book, "[{'name':'main','stable':'blue','weights':{'blue':9,'green':1}}]");
}

static void write_blue_only(struct book *book)
{
    FILE *file = fopen(book->file, "w");

    fputs("listen: [\"127.0.0.1:0\"]\nadmin: \"unix:./turnout.sock\"\n"
          "versions: {blue: {endpoints: [\"127.0.0.1:5001\"]}}\n"
          "rules: [{name: main, weights: {blue: 1}}]\n",
          file);
    fclose(file);
}

static void test_rulebook_reload_keeps_versions_that_are_in_use(void **state)
{
    struct book *book = *state;

    opened(book, "[{name: main, weights: {blue: 1}}]", "");
    book_do(book, px_edit_weights, TO_GREEN);
    write_blue_only(book);
    book_do(book, NULL, NULL);
    assert_int_equal(book->status, 422);
    assert_string_equal(book->detail, "version 'green' can't be removed: rule main still uses it");
    book_do(book, px_edit_weights, TO_BLUE);
    book_do(book, px_edit_mirror, "{'to':'green','ppm':1000000}");
    book_do(book, NULL, NULL);
    assert_string_equal(book->detail, "version 'green' can't be removed: rule main mirrors to it");
    book_do(book, px_edit_mirror, "{'to':'green','ppm':0}");
    book_do(book, NULL, NULL);
    assert_int_equal(book->status, 200);
    assert_int_equal(px_rulebook_snapshot(book->book)->version_count, 1);
}

static void test_rulebook_reload_dry_run_of_a_text(void **state)
{
    struct book *book = *state;
    struct px_change *change;

    opened(book, MAIN, "");
    book_do(book, px_edit_weights, TO_GREEN);
    book_do(book, NULL, "{'text':'rules: 3'}");
    assert_int_equal(book->status, 422);
    assert_string_equal(book->detail,
                        "'text' needs dry_run: a reload takes the file as it is there");
    for (int i = 0; i < 3; i++) {
        static const char *const texts[] = {
            "{'dry_run':true,'text':3}", "{'dry_run':true,'text':'rules: 3'}", "{'dry_run':true}"};

        change = book_change(book, NULL, texts[i]);
        change->is_dry_run = true;
        book_submit(book, change);
        book_wait(book, 1);
        assert_int_equal(book->status, i < 2 ? 422 : 200);
        assert_int_equal(book->revision, 2);
    }
    json_t *kept = json_object_get(json_object_get(book->answer, "reload"), "kept");

    assert_true(json_is_false(json_object_get(book->answer, "changed")));
    edit_assert_json("kept", kept,
                     "[{'rule':'main','state':'changed','members':['weights'],'revision':2,"
                     "'what':'edit','author':null}]");
}

static void test_rulebook_reload_of_endpoints_is_a_revision(void **state)
{
    struct book *book = *state;

    opened(book, MAIN, "");
    book_write(book, MAIN, "limits: {queue: 7}");
    book_do(book, NULL, NULL);
    assert_int_equal(book->status, 200);
    assert_true(json_is_true(json_object_get(book->answer, "changed")));
    assert_int_equal(book->revision, 2);
    assert_int_equal(px_rulebook_snapshot(book->book)->limits->queue_length, 7);
}

static void test_rulebook_reload_without_a_change_publishes_and_counts_nothing(void **state)
{
    struct book *book = *state;
    size_t size;

    opened(book, MAIN, STORE);
    size = book_store_size(book);
    book_do(book, NULL, NULL);
    assert_int_equal(book->status, 200);
    assert_true(json_is_false(json_object_get(book->answer, "changed")));
    assert_int_equal(book->revision, 1);
    assert_int_equal(book->published, 2); /* key files were read again */
    assert_int_equal(book_store_size(book), size);
}

/* --- what shares are counted from --------------------------------------------------------------
 */

static struct px_stats_cell *cell(struct book *book, uint32_t rule, uint32_t version)
{
    return book->stats->cells[rule][version];
}

static void test_rulebook_new_weights_count_from_here(void **state)
{
    struct book *book = *state;
    const struct px_baseline *baseline;

    opened(book, MAIN, "");
    assert_int_equal(px_stats_adopt(book->stats, px_rulebook_snapshot(book->book)), 0);
    assert_null(px_rulebook_baseline(book->book, 0));
    cell(book, 0, 0)->decisions[STRATEGY_REASON_SLOT] = 90;
    book_do(book, px_edit_weights, TO_GREEN);
    baseline = px_rulebook_baseline(book->book, 0);
    assert_non_null(baseline);
    assert_int_equal(baseline->cells[0].decisions[STRATEGY_REASON_SLOT], 90);
    assert_true(baseline->since_wall_ns > 0);
    /* a mirror leaves them alone */
    cell(book, 0, 0)->decisions[STRATEGY_REASON_SLOT] = 100;
    book_do(book, px_edit_mirror, "{'to':'blue','ppm':5000}");
    assert_int_equal(book->status, 200);
    assert_int_equal(px_rulebook_baseline(book->book, 0)->cells[0].decisions[STRATEGY_REASON_SLOT],
                     90);
}

static void test_rulebook_new_mirror_counts_from_here(void **state)
{
    struct book *book = *state;

    opened(book, "[{name: main, weights: {blue: 1}, mirror: [{to: green, percent: 5}]}]", "");
    assert_int_equal(px_stats_adopt(book->stats, px_rulebook_snapshot(book->book)), 0);
    book->stats->mirrors[0][1]->selected = 40;
    book_do(book, px_edit_mirror, "{'to':'green','ppm':250000}");
    assert_int_equal(px_rulebook_baseline(book->book, 0)->mirrors[1].selected, 40);
    assert_int_equal(px_rulebook_baseline(book->book, 0)->since_wall_ns, 0); /* weights: no news */
    book->stats->mirrors[0][1]->selected = 60;
    book_do(book, px_edit_weights, "{'weights':{'blue':2}}");
    assert_int_equal(px_rulebook_baseline(book->book, 0)->mirrors[1].selected, 40);
}

static void test_rulebook_without_memory_for_counters_goes_on(void **state)
{
    struct book *book = *state;

    opened(book, MAIN, "");
    book->has_no_stats = true;
    book_do(book, px_edit_weights, TO_GREEN);
    assert_int_equal(book->status, 200);
    assert_null(px_rulebook_baseline(book->book, 0));
}

/* --- stopping ----------------------------------------------------------------------------------
 */

static void on_idle(void *context)
{
    *(unsigned *)context += 1;
}

static void test_rulebook_stop_waits_for_the_change_under_way(void **state)
{
    struct book *book = *state;
    unsigned idle = 0;

    opened(book, MAIN, "");
    book->is_by_hand = true;
    book_submit(book, book_change(book, px_edit_weights, TO_GREEN));
    book_turn(book);
    px_rulebook_stop(book->book, on_idle, &idle);
    book_submit(book, book_change(book, px_edit_weights, TO_BLUE));
    book_turn(book);
    assert_int_equal(book->done, 1); /* the late one */
    assert_int_equal(book->status, 503);
    assert_string_equal(book->detail, "turnout is stopping");
    assert_int_equal(idle, 0);
    book_switch(book);
    assert_int_equal(book->done, 2);
    assert_int_equal(book->status, 200);
    assert_int_equal(idle, 1);
}

static void test_rulebook_stop_when_idle(void **state)
{
    struct book *book = *state;
    unsigned idle = 0;

    opened(book, MAIN, "");
    px_rulebook_stop(book->book, on_idle, &idle);
    assert_int_equal(idle, 0); /* never from inside the call */
    book_turn(book);
    assert_int_equal(idle, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, book_setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_rulebook_without_a_store_has_the_rules_of_the_file),
        TEST(test_rulebook_start_is_recorded_once),
        TEST(test_rulebook_rules_of_run_time_survive_a_restart),
        TEST(test_rulebook_file_wins_where_its_text_changed),
        TEST(test_rulebook_stored_rules_that_do_not_fit_the_file),
        TEST(test_rulebook_damaged_store_refuses),
        TEST(test_rulebook_store_of_a_later_format_refuses),
        TEST(test_rulebook_start_on_a_full_disk_serves),
        TEST(test_rulebook_change_is_recorded_published_then_answered),
        TEST(test_rulebook_without_a_store_says_not_durable),
        TEST(test_rulebook_dry_run_changes_nothing),
        TEST(test_rulebook_tells_of_versions_that_cannot_answer),
        TEST(test_rulebook_same_rules_make_no_revision),
        TEST(test_rulebook_stale_revision_is_refused),
        TEST(test_rulebook_changes_are_computed_one_after_the_other),
        TEST(test_rulebook_queue_has_an_end),
        TEST(test_rulebook_refusals_say_what_the_parser_says),
        TEST(test_rulebook_rules_as_yaml),
        TEST(test_rulebook_full_disk_refuses_the_change),
        TEST(test_rulebook_without_memory_the_change_is_refused),
        TEST(test_rulebook_reload_takes_what_changed),
        TEST(test_rulebook_reload_of_a_broken_file_says_everything),
        TEST(test_rulebook_remembers_whether_the_last_reload_took_the_file),
        TEST(test_rulebook_reload_of_what_needs_another_process),
        TEST(test_rulebook_reload_keeps_versions_that_are_in_use),
        TEST(test_rulebook_reload_dry_run_of_a_text),
        TEST(test_rulebook_reload_of_endpoints_is_a_revision),
        TEST(test_rulebook_reload_without_a_change_publishes_and_counts_nothing),
        TEST(test_rulebook_new_weights_count_from_here),
        TEST(test_rulebook_new_mirror_counts_from_here),
        TEST(test_rulebook_without_memory_for_counters_goes_on),
        TEST(test_rulebook_stop_waits_for_the_change_under_way),
        TEST(test_rulebook_stop_when_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

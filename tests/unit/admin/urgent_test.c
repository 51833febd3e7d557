/* Changes that wait for no disk: abort, cut, drain. */
#include "tests/unit/admin/book.h"
#include "tests/unit/admin/edit_table.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define MAIN "[{name: main, stable: blue, weights: {blue: 9, green: 1}}]"
#define STORE "store: {file: \"./turnout.store\"}"
#define BACK "[{'name':'main','stable':'blue','weights':{'blue':1}}]"
#define TO_GREEN "{'weights':{'green':1}}"

/* --- the disk: works, fails, or hangs until it is let go ----------------------------------------
 */

static _Atomic int sync_error;
static pthread_mutex_t hanging = PTHREAD_MUTEX_INITIALIZER;
static _Atomic unsigned syncs;

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int __wrap_fdatasync(int fd)
{
    syncs++;
    pthread_mutex_lock(&hanging);
    pthread_mutex_unlock(&hanging);
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

static void opened(struct book *book, const char *extra)
{
    book_write(book, MAIN, extra);
    book_open(book);
}

static struct px_change *urgent(struct book *book, const char *request)
{
    struct px_change *change = book_change(book, px_edit_abort, request);

    change->what = "abort";
    change->is_urgent = true;
    return change;
}

static bool is_durable(const struct book *book)
{
    return px_rulebook_state(book->book).is_durable;
}

static void expect_rules(const struct book *book, const char *expected)
{
    edit_assert_json("rules", px_rulebook_rules(book->book), expected);
}

/* Turns until what is in force is on the disk. */
static void wait_durable(struct book *book)
{
    while (!is_durable(book)) {
        book_turn(book);
        usleep(100);
    }
}

static void test_urgent_is_published_before_it_is_recorded(void **state)
{
    struct book *book = *state;
    size_t before;

    opened(book, STORE);
    before = book_store_size(book);
    book_submit(book, urgent(book, "{}"));
    book_wait(book, 1);
    assert_int_equal(book->status, 200);
    assert_int_equal(book->store_size_when_published, before);
    assert_true(book_store_size(book) > before);
    assert_true(json_is_true(json_object_get(book->answer, "durable")));
    assert_null(json_object_get(book->answer, "not_durable"));
    book_close(book);
    book_open(book);
    assert_int_equal(px_rulebook_state(book->book).revision, 2);
    expect_rules(book, BACK);
}

static void test_urgent_on_a_full_disk_is_applied_and_tried_again(void **state)
{
    struct book *book = *state;
    unsigned tries;

    opened(book, STORE);
    sync_error = ENOSPC;
    book_submit(book, urgent(book, "{}"));
    book_wait(book, 1);
    assert_int_equal(book->status, 200);
    assert_int_equal(book->revision, 2);
    assert_int_equal(book->published, 2);
    assert_true(json_is_false(json_object_get(book->answer, "durable")));
    assert_non_null(strstr(json_string_value(json_object_get(book->answer, "not_durable")),
                           "No space left on device"));
    assert_false(is_durable(book));
    expect_rules(book, BACK);
    tries = syncs;
    while (syncs < tries + 2) /* again and again */
        book_turn(book);
    assert_false(is_durable(book));
    sync_error = 0;
    wait_durable(book);
    book_close(book);
    book_open(book);
    assert_int_equal(px_rulebook_state(book->book).revision, 2);
    expect_rules(book, BACK);
}

static void test_urgent_records_are_written_in_their_order(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    sync_error = ENOSPC;
    book_submit(book, urgent(book, "{}"));
    book_wait(book, 1);
    book_do(book, px_edit_weights, TO_GREEN); /* can't be recorded: not applied */
    assert_int_equal(book->status, 507);
    expect_rules(book, BACK);
    sync_error = 0;
    book_do(book, px_edit_weights, TO_GREEN); /* both are written now, with no wait for the retry */
    assert_int_equal(book->status, 200);
    assert_int_equal(book->revision, 3);
    assert_true(is_durable(book));
    book_close(book);
    book_open(book);
    expect_rules(book, "[{'name':'main','stable':'blue','weights':{'green':1}}]");
}

static void test_urgent_does_not_wait_for_a_disk_that_hangs(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    pthread_mutex_lock(&hanging);
    book_submit(book, urgent(book, "{}"));
    book_wait(book, 1);
    pthread_mutex_unlock(&hanging);
    assert_int_equal(book->status, 200);
    assert_string_equal(json_string_value(json_object_get(book->answer, "not_durable")),
                        "the store does not answer");
    assert_int_equal(book->published, 2);
    wait_durable(book);
}

static void test_urgent_sends_away_a_change_that_waits_for_the_disk(void **state)
{
    struct book *book = *state;
    unsigned before = syncs;

    opened(book, STORE);
    before = syncs;
    pthread_mutex_lock(&hanging);
    book_submit(book, book_change(book, px_edit_weights, TO_GREEN));
    while (syncs == before)
        book_turn(book);
    assert_int_equal(book->done, 0);
    book_submit(book, urgent(book, "{'author':'ann'}"));
    book_turn(book);
    assert_int_equal(book->done, 1);
    assert_int_equal(book->status, 412);
    assert_string_equal(book->detail, "abort by somebody came first; nothing was changed");
    assert_int_equal(book->published, 2); /* the abort, while the disk still hangs */
    expect_rules(book, BACK);
    assert_int_equal(px_rulebook_state(book->book).revision, 3); /* 2 may be on the disk */
    pthread_mutex_unlock(&hanging);
    book_wait(book, 2);
    assert_int_equal(book->status, 200);
    assert_int_equal(book->revision, 3);
    wait_durable(book);
    book_close(book);
    book_open(book);
    assert_int_equal(px_rulebook_state(book->book).revision, 3);
    expect_rules(book, BACK);
}

static void test_urgent_goes_ahead_of_the_queue(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    book->is_by_hand = true;
    for (int i = 0; i < 3; i++)
        book_submit(book, book_change(book, px_edit_share,
                                      i == 1 ? "{'share':{'green':1}}" : "{'share':{'green':2}}"));
    book_submit(book, urgent(book, "{}"));
    while (book->published < 2)
        book_turn(book);
    assert_int_equal(px_rulebook_state(book->book).revision, 2);
    expect_rules(book, BACK);
    book->is_by_hand = false;
    book_switch(book);
    book_wait(book, 4);
}

static void test_urgent_that_is_parked_keeps_nobody_waiting(void **state)
{
    struct book *book = *state;

    opened(book, STORE);
    pthread_mutex_lock(&hanging);
    for (int i = 0; i < 3; i++) { /* each differs from the one before */
        book_submit(book, urgent(book, "{}"));
        while (book->published < 2u)
            book_turn(book);
    }
    assert_int_equal(px_rulebook_state(book->book).revision, 2);
    pthread_mutex_unlock(&hanging);
    book_wait(book, 3);
    assert_int_equal(book->status, 200);
}

static void test_urgent_dry_run_sends_nobody_away(void **state)
{
    struct book *book = *state;
    struct px_change *change;
    unsigned before;

    opened(book, STORE);
    before = syncs;
    pthread_mutex_lock(&hanging);
    book_submit(book, book_change(book, px_edit_weights, TO_GREEN));
    while (syncs == before)
        book_turn(book);
    change = urgent(book, "{}");
    change->is_dry_run = true;
    book_submit(book, change);
    book_turn(book);
    assert_int_equal(book->done, 0);
    pthread_mutex_unlock(&hanging);
    book_wait(book, 2);
    assert_int_equal(px_rulebook_state(book->book).revision, 2);
    expect_rules(book, "[{'name':'main','stable':'blue','weights':{'green':1}}]");
}

static void test_urgent_without_a_store(void **state)
{
    struct book *book = *state;

    opened(book, "");
    book_submit(book, urgent(book, "{}"));
    book_wait(book, 1);
    assert_int_equal(book->status, 200);
    assert_true(json_is_false(json_object_get(book->answer, "durable")));
    assert_null(json_object_get(book->answer, "not_durable")); /* nothing was to be recorded */
}

static void test_start_on_a_full_disk_is_recorded_later(void **state)
{
    struct book *book = *state;

    sync_error = ENOSPC;
    opened(book, STORE);
    assert_false(is_durable(book));
    sync_error = 0;
    wait_durable(book);
    assert_true(book_store_size(book) > 0);
}

/* --- stopping ----------------------------------------------------------------------------------
 */

static void on_idle(void *context)
{
    *(unsigned *)context += 1;
}

static void test_stop_tries_once_more(void **state)
{
    struct book *book = *state;
    unsigned idle = 0;

    opened(book, STORE);
    sync_error = ENOSPC;
    book_submit(book, urgent(book, "{}"));
    book_wait(book, 1);
    sync_error = 0;
    px_rulebook_stop(book->book, on_idle, &idle);
    while (idle == 0)
        book_turn(book);
    assert_true(is_durable(book));
    book_close(book);
    book_open(book);
    expect_rules(book, BACK);
}

static void test_stop_gives_up_on_a_full_disk(void **state)
{
    struct book *book = *state;
    unsigned idle = 0;

    opened(book, STORE);
    sync_error = ENOSPC;
    book_submit(book, urgent(book, "{}"));
    book_wait(book, 1);
    px_rulebook_stop(book->book, on_idle, &idle);
    while (idle == 0)
        book_turn(book);
    assert_int_equal(idle, 1);
    assert_false(is_durable(book));
}

/* --- bindings ----------------------------------------------------------------------------------
 */

static void test_abort_gives_bindings_another_mask_for_good(void **state)
{
    static const char rules[] = "[{name: main, stable: blue, weights: {blue: 9, green: 1},"
                                " sticky: {by: cookie, affinity: session, key_file: ./keys}}]";
    struct book *book = *state;
    char path[128];
    uint64_t mask;
    FILE *file;

    snprintf(path, sizeof(path), "%s/keys", book->folder);
    file = fopen(path, "w");
    fputs("0123456789012345678901234567890123456789\n", file);
    fclose(file);
    book->has_keys = true;
    book_write(book, rules, STORE);
    book_open(book);
    assert_int_equal(px_rulebook_snapshot(book->book)->rules[0].binding_mask, 0);
    book_submit(book, urgent(book, "{}"));
    book_wait(book, 1);
    mask = px_rulebook_snapshot(book->book)->rules[0].binding_mask;
    assert_true(mask != 0);
    book_do(book, px_edit_weights, TO_GREEN); /* a later change leaves it alone */
    assert_int_equal(book->status, 200);
    assert_true(px_rulebook_snapshot(book->book)->rules[0].binding_mask == mask);
    book_do(book, NULL, NULL); /* and so does a reload */
    assert_true(px_rulebook_snapshot(book->book)->rules[0].binding_mask == mask);
    book_close(book);
    book_open(book);
    assert_true(px_rulebook_snapshot(book->book)->rules[0].binding_mask == mask);
    book_submit(book, urgent(book, "{}"));
    book_wait(book, 1);
    assert_true(px_rulebook_snapshot(book->book)->rules[0].binding_mask != mask);
}

/* --- the proxy's own ---------------------------------------------------------------------------
 */

struct own {
    unsigned calls;
    unsigned status;
    bool is_changed;
    char detail[256];
};

static void on_aborted(void *context, unsigned status, bool is_changed, const char *detail)
{
    struct own *own = context;

    own->calls++;
    own->status = status;
    own->is_changed = is_changed;
    snprintf(own->detail, sizeof(own->detail), "%s", detail ? detail : "");
}

static void abort_own(struct book *book, const char *rule, struct own *own)
{
    unsigned before = own->calls;

    assert_int_equal(
        px_rulebook_abort(book->book, rule, "guard", "12 of 40 failed", on_aborted, own), 0);
    assert_int_equal(own->calls, before);
    while (own->calls == before)
        book_turn(book);
}

static void test_own_abort_needs_no_disk(void **state)
{
    struct book *book = *state;
    struct own own = {0};

    opened(book, STORE);
    sync_error = ENOSPC;
    abort_own(book, "main", &own);
    assert_int_equal(own.status, 200);
    assert_true(own.is_changed);
    expect_rules(book, BACK);
    abort_own(book, "main", &own);
    assert_int_equal(own.status, 200);
    assert_false(own.is_changed);
    abort_own(book, "mian", &own);
    assert_int_equal(own.status, 422);
    assert_non_null(strstr(own.detail, "there is no rule 'mian'"));
    assert_int_equal(px_rulebook_abort(book->book, "main", "guard", "", NULL, NULL), 0);
    book_turn(book);
}

static void test_own_abort_is_recorded_with_its_figures(void **state)
{
    struct book *book = *state;
    struct own own = {0};
    char line[4096] = "";
    FILE *file;

    opened(book, STORE);
    abort_own(book, "main", &own);
    file = fopen(book->store, "r");
    while (fgets(line, sizeof(line), file))
        ;
    fclose(file);
    assert_non_null(strstr(line, "\"what\":\"abort\""));
    assert_non_null(strstr(line, "\"author\":\"guard\""));
    assert_non_null(strstr(line, "\"reason\":\"12 of 40 failed\""));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, book_setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_urgent_is_published_before_it_is_recorded),
        TEST(test_urgent_on_a_full_disk_is_applied_and_tried_again),
        TEST(test_urgent_records_are_written_in_their_order),
        TEST(test_urgent_does_not_wait_for_a_disk_that_hangs),
        TEST(test_urgent_sends_away_a_change_that_waits_for_the_disk),
        TEST(test_urgent_goes_ahead_of_the_queue),
        TEST(test_urgent_that_is_parked_keeps_nobody_waiting),
        TEST(test_urgent_dry_run_sends_nobody_away),
        TEST(test_urgent_without_a_store),
        TEST(test_start_on_a_full_disk_is_recorded_later),
        TEST(test_stop_tries_once_more),
        TEST(test_stop_gives_up_on_a_full_disk),
        TEST(test_abort_gives_bindings_another_mask_for_good),
        TEST(test_own_abort_needs_no_disk),
        TEST(test_own_abort_is_recorded_with_its_figures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which versions got mirrored requests: remembered by the store. */
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

/* --- the tests ---------------------------------------------------------------------------------
 */

static void test_shadowed_is_remembered_over_restarts(void **state)
{
    struct book *book = *state;
    struct px_rulebook_state before;
    char since[64];

    opened(book, MAIN, STORE);
    before = px_rulebook_state(book->book);
    assert_null(px_rulebook_shadowed_since(book->book, "green"));
    px_rulebook_mirrored(book->book, "green");
    assert_non_null(px_rulebook_shadowed_since(book->book, "green"));
    snprintf(since, sizeof(since), "%s", px_rulebook_shadowed_since(book->book, "green"));
    while (book_store_size(book) == book->store_size_when_published)
        book_turn(book);
    for (int i = 0; i < 100; i++) {
        book_turn(book);
        usleep(100);
    }
    px_rulebook_mirrored(book->book, "green"); /* each loop says so, after each change */
    book_close(book);
    book_open(book);
    assert_string_equal(px_rulebook_shadowed_since(book->book, "green"), since);
    assert_null(px_rulebook_shadowed_since(book->book, "blue"));
    assert_int_equal(px_rulebook_state(book->book).revision, before.revision);
    /* to the second: that is how a record says when */
    assert_int_equal(px_rulebook_state(book->book).applied_wall_ns / 1000000000,
                     before.applied_wall_ns / 1000000000);
    /* a change's record takes it along */
    book_do(book, px_edit_weights, TO_BLUE);
    book_close(book);
    book_open(book);
    assert_string_equal(px_rulebook_shadowed_since(book->book, "green"), since);
}

static void test_shadowed_is_recorded_at_the_latest_at_the_end(void **state)
{
    struct book *book = *state;

    opened(book, MAIN, STORE);
    px_rulebook_stop(book->book, NULL, NULL);
    px_rulebook_mirrored(book->book, "green");
    book_turn(book);
    book_close(book);
    book_open(book);
    assert_non_null(px_rulebook_shadowed_since(book->book, "green"));
}

static void test_shadowed_on_a_full_disk_is_recorded_with_what_follows(void **state)
{
    struct book *book = *state;

    opened(book, MAIN, STORE);
    sync_error = ENOSPC;
    px_rulebook_mirrored(book->book, "green");
    book_do(book, px_edit_weights, TO_BLUE);
    assert_int_equal(book->status, 507);
    sync_error = 0;
    assert_non_null(px_rulebook_shadowed_since(book->book, "green"));
    book_close(book);
    book_open(book);
    assert_non_null(px_rulebook_shadowed_since(book->book, "green"));
}

static void test_shadowed_without_a_store_is_known_until_the_end(void **state)
{
    struct book *book = *state;

    opened(book, MAIN, "");
    px_rulebook_mirrored(book->book, "green");
    book_turn(book);
    assert_non_null(px_rulebook_shadowed_since(book->book, "green"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, book_setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_shadowed_is_remembered_over_restarts),
        TEST(test_shadowed_is_recorded_at_the_latest_at_the_end),
        TEST(test_shadowed_on_a_full_disk_is_recorded_with_what_follows),
        TEST(test_shadowed_without_a_store_is_known_until_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* When a rule in somebody's care goes back, and when it does not. */
#include "proxy/admin/lease.h"
#include "tests/support/virtual_time.h"
#include "tests/unit/admin/book.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RULES "[{name: main, stable: blue, weights: {blue: 9, green: 1}}]"

struct fixture {
    struct book *book;
    struct px_admin admin;
    struct px_leases *leases;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    void *book = NULL;

    assert_non_null(fixture);
    book_setup(&book);
    fixture->book = book;
    book_write(fixture->book, RULES, "");
    book_open(fixture->book);
    fixture->admin = (struct px_admin){.book = fixture->book->book, .clock = &fixture->book->clock};
    assert_int_equal(px_leases_new(&fixture->book->loop, &fixture->admin, &fixture->leases), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    void *book = fixture->book;

    px_leases_close(fixture->leases);
    book_turn(fixture->book);
    book_teardown(&book);
    free(fixture);
    return 0;
}

static void pass(struct fixture *fixture, uint64_t ms)
{
    virtual_time_pass(ms);
    for (int i = 0; i < 3; i++)
        book_turn(fixture->book);
}

static int take(struct fixture *fixture, const char *owner, uint64_t ms, bool is_abort)
{
    const char *other = NULL;

    return px_leases_take(fixture->leases, "main", owner, ms, is_abort, &other);
}

static uint64_t revision(const struct fixture *fixture)
{
    return px_rulebook_state(fixture->book->book).revision;
}

static bool is_all_stable(const struct fixture *fixture)
{
    const struct px_snapshot_rule *rule = &px_rulebook_snapshot(fixture->book->book)->rules[0];

    return rule->only != STRATEGY_NONE && rule->only == rule->stable;
}

static void test_lease_that_lapses_aborts_its_rule(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(take(fixture, "update 1", 5000, true), 0);
    pass(fixture, 4700);
    assert_int_equal(revision(fixture), 1);
    pass(fixture, 600);
    assert_int_equal(revision(fixture), 2);
    assert_true(is_all_stable(fixture));
    pass(fixture, 6000);
    assert_int_equal(revision(fixture), 2); /* once */
}

static void test_lease_that_is_renewed_leaves_it_alone(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 10; i++) {
        assert_int_equal(take(fixture, "update 1", 5000, true), 0);
        pass(fixture, 4000);
    }
    assert_int_equal(revision(fixture), 1);
    assert_int_equal(take(fixture, "update 1", 0, true), 0); /* given back */
    pass(fixture, 10000);
    assert_int_equal(revision(fixture), 1);
}

static void test_lease_on_hold_only_tells(void **state)
{
    struct fixture *fixture = *state;
    json_t *leases;

    assert_int_equal(take(fixture, "update 1", 1000, false), 0);
    pass(fixture, 1400);
    assert_int_equal(revision(fixture), 1);
    leases = px_leases_json(fixture->leases);
    assert_int_equal(json_array_size(json_object_get(leases, "leases")), 0);
    json_decref(leases);
}

static void test_lease_is_one_owners(void **state)
{
    struct fixture *fixture = *state;
    const char *other = NULL;
    json_t *leases;
    const json_t *first;

    assert_int_equal(take(fixture, "update 1", 5000, true), 0);
    assert_int_equal(px_leases_take(fixture->leases, "main", "update 2", 5000, false, &other),
                     -EEXIST);
    assert_string_equal(other, "update 1");
    assert_int_equal(px_leases_take(fixture->leases, "main", "update 2", 0, false, &other),
                     -EEXIST);
    leases = px_leases_json(fixture->leases);
    first = json_array_get(json_object_get(leases, "leases"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "rule")), "main");
    assert_string_equal(json_string_value(json_object_get(first, "owner")), "update 1");
    assert_string_equal(json_string_value(json_object_get(first, "on_lost")), "abort");
    assert_int_equal(json_integer_value(json_object_get(first, "left_ms")), 5000);
    json_decref(leases);
    assert_int_equal(take(fixture, "update 1", 0, true), 0);
    assert_int_equal(take(fixture, "update 2", 100, false), 0);
}

static void test_lease_counts_while_the_machine_sleeps(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(take(fixture, "update 1", 60000, true), 0);
    fixture->book->boot_ahead_ns += 61000000000; /* CLOCK_BOOTTIME went on alone */
    pass(fixture, 250);
    assert_int_equal(revision(fixture), 2);
}

static void test_lease_table_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    const char *other;
    char name[16];

    for (int i = 0; i < PX_RULES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "r%d", i);
        assert_int_equal(px_leases_take(fixture->leases, name, "a", 60000, false, &other), 0);
    }
    assert_int_equal(px_leases_take(fixture->leases, "one more", "a", 60000, false, &other),
                     -ENOSPC);
    px_leases_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lease_that_lapses_aborts_its_rule),
        TEST(test_lease_that_is_renewed_leaves_it_alone),
        TEST(test_lease_on_hold_only_tells),
        TEST(test_lease_is_one_owners),
        TEST(test_lease_counts_while_the_machine_sleeps),
        TEST(test_lease_table_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

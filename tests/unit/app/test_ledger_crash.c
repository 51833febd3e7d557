/*
 * ledger, exhaustively: a fixed story of visits and imports, with a failure at every single call to
 * the disk, one or many in a row, of every kind; and with the process ended at every single call.
 */
#include "app/ledger.h"
#include "tests/unit/app/fake_disk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct step {
    const char *id; /* NULL: visits */
    uint64_t count;
};

/* 250 visits first, so that a carry changes more than one byte. An import is repeated until it is
 * answered, as its sender does. */
static const struct step story[] = {{NULL, 250},   {NULL, 1}, {"t1", 114}, {NULL, 7},
                                    {"t2", 65536}, {NULL, 1}, {"t3", 1},   {NULL, 3}};
#define STEPS (sizeof(story) / sizeof(story[0]))

/* What a client knows. */
struct knowledge {
    uint64_t visits_answered;
    uint64_t visits_asked;
    uint64_t imported;          /* of imports that were answered */
    uint64_t imports_undecided; /* of those that were refused, and perhaps counted */
};

static struct app_ledger ledger;

static int open_ledger(void)
{
    char buffer[512];
    struct app_text problem;
    app_text_init(&problem, buffer, sizeof(buffer));
    int error = app_ledger_open(&ledger, fake_disk.path, &fake_disk_ops, &problem);
    if (error != 0) {
        app_ledger_close(&ledger);
    }
    return error;
}

/* Returns false when the step failed. */
static bool take_step(const struct step *step, struct knowledge *knowledge)
{
    bool was_new;
    if (step->id == NULL) {
        knowledge->visits_asked += step->count;
        if (app_ledger_add(&ledger, step->count) != 0) {
            return false;
        }
        knowledge->visits_answered += step->count;
        return true;
    }
    if (app_ledger_import(&ledger, step->id, step->count, &was_new) != 0) {
        return false;
    }
    knowledge->imported += step->count;
    return true;
}

/* After a new start the file holds everything that was answered, and nothing that nobody asked. */
static void check_restart(const struct knowledge *knowledge)
{
    fake_disk_heal();
    assert_int_equal(open_ledger(), 0);
    uint64_t visits = fake_disk_visits();
    assert_true(visits == ledger.value);
    assert_true(visits >= knowledge->visits_answered + knowledge->imported);
    assert_true(visits <=
                knowledge->visits_asked + knowledge->imported + knowledge->imports_undecided);
}

/* Every import again: afterwards each counts exactly once. */
static void check_imports(const struct knowledge *knowledge, size_t reached)
{
    struct knowledge ignored = {0};
    uint64_t imports = 0;
    for (size_t i = 0; i < STEPS && i <= reached; i++) {
        if (story[i].id != NULL) {
            assert_true(take_step(&story[i], &ignored));
            imports += story[i].count;
        }
    }
    assert_in_range(ledger.value, knowledge->visits_answered + imports,
                    knowledge->visits_asked + imports);
    assert_true(fake_disk_visits() == ledger.value);
}

/* The process ends at the first step that fails: everything from a call on fails, so what stood on
 * the disk at that call stands there for ever. Returns true when the story went through. */
static bool run_until_crash(unsigned call, size_t short_len)
{
    struct knowledge knowledge = {0};
    fake_disk_heal();
    assert_int_equal(open_ledger(), 0);
    fake_disk_fail(call, FAKE_DISK_FOREVER, EIO, short_len);
    size_t i = 0;
    while (i < STEPS && take_step(&story[i], &knowledge)) {
        i++;
    }
    app_ledger_close(&ledger);
    if (i < STEPS && story[i].id != NULL) {
        knowledge.imports_undecided = story[i].count;
    }
    check_restart(&knowledge);
    check_imports(&knowledge, i);
    app_ledger_close(&ledger);
    return i == STEPS;
}

static void test_ledger_survives_an_end_at_every_call(void **state)
{
    unsigned call = 1;
    for (bool is_through = false; !is_through; call++) {
        assert_int_equal(fake_disk_open(state), 0);
        is_through = run_until_crash(call, 0);
        assert_int_equal(fake_disk_close(state), 0);
    }
    assert_in_range(call, 20, 200); /* the story makes so many calls */
}

/* Fails `count` calls from `call` on; each step is repeated until it goes well. Returns whether any
 * call failed. */
static bool run_with_failures(unsigned call, unsigned count, int error, size_t short_len)
{
    struct knowledge knowledge = {0};
    bool has_failed = false;
    fake_disk_heal();
    assert_int_equal(open_ledger(), 0);
    fake_disk_fail(call, count, error, short_len);
    for (size_t i = 0; i < STEPS; i++) {
        while (!take_step(&story[i], &knowledge)) {
            has_failed = true;
            assert_true(ledger.is_broken);
            assert_in_range(fake_disk.calls, call, call + 100);
        }
    }
    /* Nobody died: what failed is not counted, what was imported is counted once. */
    assert_true(ledger.value == knowledge.visits_answered + knowledge.imported);
    assert_true(fake_disk_visits() == ledger.value);
    app_ledger_close(&ledger);
    check_restart(&knowledge);
    check_imports(&knowledge, STEPS - 1);
    app_ledger_close(&ledger);
    return has_failed;
}

static void walk_failures(void **state, unsigned count, int error, size_t short_len)
{
    bool has_failed = true;
    for (unsigned call = 1; has_failed || call < 30; call++) {
        assert_int_equal(fake_disk_open(state), 0);
        has_failed = run_with_failures(call, count, error, short_len);
        assert_int_equal(fake_disk_close(state), 0);
        assert_in_range(call, 1, 200);
    }
}

static void test_ledger_goes_on_after_one_failure_anywhere(void **state)
{
    walk_failures(state, 1, ENOSPC, 0);
}

static void test_ledger_goes_on_after_failures_in_a_row(void **state)
{
    for (unsigned count = 2; count < 12; count++) {
        walk_failures(state, count, EIO, 0);
    }
}

static void test_ledger_goes_on_after_short_writes(void **state)
{
    for (size_t short_len = 1; short_len < 8; short_len++) {
        walk_failures(state, 2, ENOSPC, short_len);
        walk_failures(state, 4, ENOSPC, short_len);
    }
}

/* A failure, visits after it, and then the end: what a sender may meet on a bad disk. */
static void test_ledger_survives_an_end_after_a_failure(void **state)
{
    for (unsigned first = 1; first < 30; first++) {
        for (unsigned count = 1; count < 4; count++) {
            struct knowledge knowledge = {0};
            assert_int_equal(fake_disk_open(state), 0);
            assert_int_equal(open_ledger(), 0);
            fake_disk_fail(first, count, EIO, 0);
            for (size_t i = 0; i < STEPS; i++) {
                if (!take_step(&story[i], &knowledge) && story[i].id != NULL) {
                    knowledge.imports_undecided += story[i].count;
                }
            }
            app_ledger_close(&ledger);
            check_restart(&knowledge);
            check_imports(&knowledge, STEPS - 1);
            app_ledger_close(&ledger);
            assert_int_equal(fake_disk_close(state), 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ledger_survives_an_end_at_every_call),
        cmocka_unit_test(test_ledger_goes_on_after_one_failure_anywhere),
        cmocka_unit_test(test_ledger_goes_on_after_failures_in_a_row),
        cmocka_unit_test(test_ledger_goes_on_after_short_writes),
        cmocka_unit_test(test_ledger_survives_an_end_after_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* When a guard aborts its rule, when it does not, and how often it looks. */
#include "proxy/admin/guard.h"
#include "tests/support/virtual_time.h"
#include "tests/unit/admin/book.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAIN(guard) "[{name: main, stable: blue, weights: {blue: 9, green: 1}, guard: {" guard "}}]"
#define RATE MAIN("max_error_rate: 10%, min_requests: 50")
#define SPACING_MS 10
#define PERIOD_MS 1000
#define BLUE 0 /* places in the rule */
#define GREEN 1

struct fixture {
    struct book *book;
    struct px_admin admin;
    struct px_guards *guards;
    unsigned looks;
    unsigned heard; /* on_look */
    bool is_held;   /* counters come when the test says so */
    void (*on_stats)(void *context, struct px_stats *stats);
    void *stats_context;
};

static void collect(void *workers, void (*on_stats)(void *context, struct px_stats *stats),
                    void *context)
{
    struct fixture *fixture = workers;

    fixture->looks++;
    if (fixture->is_held) {
        fixture->on_stats = on_stats;
        fixture->stats_context = context;
        return;
    }
    book_publisher_ops.collect(fixture->book, on_stats, context);
}

static void on_look(void *context)
{
    struct fixture *fixture = context;

    fixture->heard++;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    void *book = NULL;

    assert_non_null(fixture);
    book_setup(&book);
    fixture->book = book;
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    void *book = fixture->book;

    px_guards_close(fixture->guards);
    book_turn(fixture->book);
    book_teardown(&book);
    free(fixture);
    return 0;
}

static void start_with(struct fixture *fixture, const char *rules, const char *extra)
{
    struct px_guards_options options = {.loop = &fixture->book->loop,
                                        .admin = &fixture->admin,
                                        .on_look = on_look,
                                        .context = fixture};

    book_write(fixture->book, rules, extra);
    book_open(fixture->book);
    fixture->admin =
        (struct px_admin){.book = fixture->book->book, .publisher = book_publisher_ops};
    fixture->admin.publisher.workers = fixture;
    fixture->admin.publisher.collect = collect;
    assert_int_equal(
        px_stats_adopt(fixture->book->stats, px_rulebook_snapshot(fixture->book->book)), 0);
    assert_int_equal(px_guards_new(&options, &fixture->guards), 0);
}

static void start(struct fixture *fixture, const char *rules)
{
    start_with(fixture, rules, "");
}

static const struct px_snapshot_rule *rule_of(const struct fixture *fixture)
{
    return &px_rulebook_snapshot(fixture->book->book)->rules[0];
}

static void count(struct fixture *fixture, uint32_t place, uint64_t requests, uint64_t errors)
{
    struct px_stats_trial *trial = px_stats_trial(fixture->book->stats, rule_of(fixture));

    assert_non_null(trial);
    trial->arms[place].requests += requests;
    trial->arms[place].errors += errors;
}

static void pass(struct fixture *fixture, uint64_t ms)
{
    virtual_time_pass(ms);
    for (int i = 0; i < 3; i++)
        book_turn(fixture->book);
}

/* A failed request was told, and the time of a look has passed. */
static void look(struct fixture *fixture)
{
    px_guards_suspect(fixture->guards);
    pass(fixture, SPACING_MS);
}

static uint64_t revision(const struct fixture *fixture)
{
    return px_rulebook_state(fixture->book->book).revision;
}

/* All goes to stable: a revision of its own. */
static void assert_aborted(const struct fixture *fixture)
{
    const struct px_snapshot_rule *rule = rule_of(fixture);

    assert_int_equal(revision(fixture), 2);
    assert_int_not_equal(rule->only, STRATEGY_NONE);
    assert_int_equal(rule->only, rule->stable);
}

/* --- the four reasons --------------------------------------------------------------------------
 */

static void test_guard_rate_is_a_limit_that_may_be_met(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, RATE);
    count(fixture, GREEN, 100, 10);
    look(fixture);
    assert_int_equal(fixture->looks, 1);
    assert_int_equal(revision(fixture), 1);
    count(fixture, GREEN, 1, 1);
    look(fixture);
    assert_aborted(fixture);
}

static void test_guard_rate_needs_min_requests(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, RATE);
    count(fixture, GREEN, 49, 49);
    look(fixture);
    assert_int_equal(revision(fixture), 1);
    count(fixture, GREEN, 1, 0);
    look(fixture);
    assert_aborted(fixture);
}

/* 400 failures in a row are 0.04 % of all: the rate alone would wait for 110,000 more. */
static void test_guard_old_good_requests_hide_no_new_errors(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, RATE);
    count(fixture, GREEN, 1000000, 0);
    look(fixture);
    count(fixture, GREEN, 400, 400);
    look(fixture);
    assert_aborted(fixture);
}

static void test_guard_a_rate_below_the_limit_is_no_news(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, RATE);
    for (unsigned i = 0; i < 200; i++) {
        count(fixture, GREEN, 100, 8);
        look(fixture);
    }
    assert_int_equal(fixture->looks, 200);
    assert_int_equal(revision(fixture), 1);
}

static void test_guard_failures_in_a_row(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, MAIN("consecutive_failures: 5"));
    count(fixture, GREEN, 5, 5); /* no rate is asked for: the row alone says it */
    look(fixture);
    assert_int_equal(revision(fixture), 1);
    atomic_store(&rule_of(fixture)->trial->is_row_full[GREEN], true);
    look(fixture);
    assert_aborted(fixture);
}

static void test_guard_failures_in_a_row_are_asked_for(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, RATE);
    atomic_store(&rule_of(fixture)->trial->is_row_full[GREEN], true);
    look(fixture);
    assert_int_equal(revision(fixture), 1);
}

static void test_guard_worse_than_stable(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, MAIN("worse: abort"));
    count(fixture, BLUE, 2000, 200);
    count(fixture, GREEN, 2000, 200); /* as bad as stable: not worse */
    look(fixture);
    assert_int_equal(revision(fixture), 1);
    count(fixture, GREEN, 2000, 1200);
    look(fixture);
    assert_aborted(fixture);
}

static void test_guard_stable_is_never_aborted(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, MAIN("max_error_rate: 10%, worse: abort, consecutive_failures: 3"));
    count(fixture, BLUE, 5000, 5000);
    count(fixture, GREEN, 5000, 0);
    atomic_store(&rule_of(fixture)->trial->is_row_full[BLUE], true);
    look(fixture);
    assert_int_equal(fixture->looks, 1);
    assert_int_equal(revision(fixture), 1);
}

/* --- once a trial, and on the record ------------------------------------------------------------
 */

static void test_guard_aborts_once_and_the_next_trial_again(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, RATE);
    count(fixture, GREEN, 100, 50);
    look(fixture);
    assert_aborted(fixture);
    look(fixture);
    pass(fixture, PERIOD_MS);
    assert_int_equal(revision(fixture), 2);
    book_do(fixture->book, px_edit_weights, "{'weights':{'blue':1,'green':1}}");
    assert_int_equal(fixture->book->status, 200);
    assert_int_equal(
        px_stats_adopt(fixture->book->stats, px_rulebook_snapshot(fixture->book->book)), 0);
    look(fixture);
    assert_int_equal(revision(fixture), 3); /* what was before is forgotten */
    count(fixture, GREEN, 60, 60);
    look(fixture);
    assert_int_equal(revision(fixture), 4);
    assert_int_equal(rule_of(fixture)->only, rule_of(fixture)->stable);
}

static void test_guard_writes_the_figures_into_the_record(void **state)
{
    struct fixture *fixture = *state;
    char text[8192];
    FILE *file;
    size_t len;

    start_with(fixture, RATE, "store: {file: ./turnout.store}");
    count(fixture, GREEN, 200, 50);
    look(fixture);
    assert_aborted(fixture);
    px_guards_close(fixture->guards);
    fixture->guards = NULL;
    book_close(fixture->book); /* what is being written is written */
    file = fopen(fixture->book->store, "r");
    assert_non_null(file);
    len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    fclose(file);
    assert_non_null(strstr(text, "\"guard\""));
    assert_non_null(strstr(text, "green: 50 of 200 requests failed, 25% (max_error_rate 10%)"));
}

/* --- looking -------------------------------------------------------------------------------------
 */

static void test_guard_looks_each_second_besides(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, RATE);
    count(fixture, GREEN, 100, 50);
    pass(fixture, PERIOD_MS - 1);
    assert_int_equal(fixture->looks, 0);
    pass(fixture, 1);
    assert_int_equal(fixture->looks, 1);
    assert_int_equal(fixture->heard, 1);
    assert_aborted(fixture);
}

/* However many tell, and however long the counters take: one look at a time, none is missed. */
static void test_guard_that_is_told_while_it_looks_looks_again(void **state)
{
    struct fixture *fixture = *state;
    struct px_stats *stats = NULL;

    start(fixture, RATE);
    fixture->is_held = true;
    look(fixture);
    assert_int_equal(fixture->looks, 1);
    for (unsigned i = 0; i < 3; i++)
        look(fixture);
    pass(fixture, PERIOD_MS);
    assert_int_equal(fixture->looks, 1);
    assert_int_equal(fixture->admin.collecting, 1);
    fixture->is_held = false;
    assert_int_equal(px_stats_new(&stats), 0);
    fixture->on_stats(fixture->stats_context, stats);
    assert_int_equal(fixture->admin.collecting, 0);
    count(fixture, GREEN, 100, 50);
    pass(fixture, SPACING_MS);
    assert_int_equal(fixture->looks, 2);
    assert_aborted(fixture);
}

static void test_guard_survives_want_of_memory(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, RATE);
    count(fixture, GREEN, 100, 50);
    fixture->book->has_no_stats = true;
    look(fixture);
    assert_int_equal(revision(fixture), 1);
    fixture->book->has_no_stats = false;
    pass(fixture, PERIOD_MS);
    assert_aborted(fixture);
}

static void test_guard_without_a_guard_nobody_looks(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, "[{name: main, stable: blue, weights: {blue: 9, green: 1}}]");
    count(fixture, GREEN, 100, 100);
    look(fixture);
    pass(fixture, PERIOD_MS);
    assert_int_equal(fixture->looks, 0);
}

static void test_guard_looks_no_more_when_the_loops_have_stopped(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, RATE);
    fixture->admin.is_over = true;
    look(fixture);
    assert_int_equal(fixture->looks, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_guard_rate_is_a_limit_that_may_be_met),
        TEST(test_guard_rate_needs_min_requests),
        TEST(test_guard_old_good_requests_hide_no_new_errors),
        TEST(test_guard_a_rate_below_the_limit_is_no_news),
        TEST(test_guard_failures_in_a_row),
        TEST(test_guard_failures_in_a_row_are_asked_for),
        TEST(test_guard_worse_than_stable),
        TEST(test_guard_stable_is_never_aborted),
        TEST(test_guard_aborts_once_and_the_next_trial_again),
        TEST(test_guard_writes_the_figures_into_the_record),
        TEST(test_guard_looks_each_second_besides),
        TEST(test_guard_that_is_told_while_it_looks_looks_again),
        TEST(test_guard_survives_want_of_memory),
        TEST(test_guard_without_a_guard_nobody_looks),
        TEST(test_guard_looks_no_more_when_the_loops_have_stopped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Knocks from other threads: none is lost, many are one, and none comes after close. */
#include "lib/net/wake.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SENDERS 4
#define SENDS 5000

struct fixture {
    struct tn_loop loop;
    struct tn_wake wake;
    _Atomic unsigned sent; /* counted before each send */
    unsigned seen;         /* the count at the last wake */
    unsigned wakes, closeds;
    _Atomic bool is_over; /* the loop is gone: those who send without end stop */
    unsigned close_at;    /* wakes after which it is closed; 0: when all was seen */
};

static void on_closed(struct tn_wake *wake)
{
    TN_CONTAINER_OF(wake, struct fixture, wake)->closeds++;
}

static void on_wake(struct tn_wake *wake)
{
    struct fixture *fixture = TN_CONTAINER_OF(wake, struct fixture, wake);

    assert_int_equal(fixture->closeds, 0);
    fixture->wakes++;
    fixture->seen = atomic_load(&fixture->sent);
    if (fixture->close_at ? fixture->wakes == fixture->close_at : fixture->seen == SENDERS * SENDS)
        tn_wake_close(wake, on_closed);
}

static void *send_many(void *context)
{
    struct fixture *fixture = context;

    for (unsigned i = 0; fixture->close_at ? !atomic_load(&fixture->is_over) : i < SENDS; i++) {
        atomic_fetch_add(&fixture->sent, 1);
        tn_wake_send(&fixture->wake);
    }
    return NULL;
}

static void open_fixture(struct fixture *fixture)
{
    assert_int_equal(tn_loop_init(&fixture->loop), 0);
    assert_int_equal(tn_wake_open(&fixture->wake, &fixture->loop, on_wake), 0);
}

static void test_wake_sends_before_a_turn_are_one(void **state)
{
    struct fixture fixture = {.close_at = 2};

    (void)state;
    open_fixture(&fixture);
    for (unsigned i = 0; i < 10; i++)
        tn_wake_send(&fixture.wake);
    assert_int_equal(fixture.wakes, 0); /* never from inside */
    uv_run(&fixture.loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(fixture.wakes, 1);
    tn_wake_send(&fixture.wake);
    tn_loop_run(&fixture.loop);
    assert_int_equal(fixture.wakes, 2);
    assert_int_equal(fixture.closeds, 1);
    tn_wake_send(&fixture.wake); /* nothing happens */
    assert_int_equal(tn_loop_deinit(&fixture.loop), 0);
}

static void run_with_senders(struct fixture *fixture)
{
    pthread_t threads[SENDERS];

    open_fixture(fixture);
    for (unsigned i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, fixture), 0);
    tn_loop_run(&fixture->loop); /* until it was closed */
    assert_int_equal(tn_loop_deinit(&fixture->loop), 0);
    atomic_store(&fixture->is_over, true);
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(fixture->closeds, 1);
}

static void test_wake_of_many_threads_loses_none(void **state)
{
    struct fixture fixture = {.close_at = 0};

    (void)state;
    run_with_senders(&fixture); /* ends only when a wake came after the last count */
    assert_int_equal(fixture.seen, SENDERS * SENDS);
}

/* The loop is closed, and its descriptors are others', while they still send. */
static void test_wake_closes_under_senders(void **state)
{
    struct fixture fixture = {.close_at = 3};

    (void)state;
    run_with_senders(&fixture);
    assert_int_equal(fixture.wakes, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wake_sends_before_a_turn_are_one),
        cmocka_unit_test(test_wake_of_many_threads_loses_none),
        cmocka_unit_test(test_wake_closes_under_senders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

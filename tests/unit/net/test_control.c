/* Timers, signals and work on another thread: what only the control thread's loop has. */
#include "lib/net/control.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct tn_loop loop;
    struct tn_timer timer;
    struct tn_signal signal;
    struct tn_work work;
    unsigned ticks, signals, closeds;
    unsigned stop_after;
    int number;
    pthread_t worker;
    bool is_done;
};

static struct fixture fixture;

static void on_timer(struct tn_timer *timer)
{
    assert_ptr_equal(timer, &fixture.timer);
    if (++fixture.ticks == fixture.stop_after)
        tn_timer_stop(timer);
}

static void on_timer_closed(struct tn_timer *timer)
{
    assert_ptr_equal(timer, &fixture.timer);
    fixture.closeds++;
}

static void on_signal(struct tn_signal *signal, int number)
{
    assert_ptr_equal(signal, &fixture.signal);
    fixture.signals++;
    fixture.number = number;
    tn_loop_stop(&fixture.loop);
}

static void on_signal_closed(struct tn_signal *signal)
{
    assert_ptr_equal(signal, &fixture.signal);
    fixture.closeds++;
}

static void run_work(struct tn_work *work)
{
    assert_ptr_equal(work, &fixture.work);
    fixture.worker = pthread_self();
}

static void on_done(struct tn_work *work)
{
    assert_ptr_equal(work, &fixture.work);
    assert_false(pthread_equal(fixture.worker, pthread_self()));
    fixture.is_done = true;
}

static int setup(void **state)
{
    (void)state;
    memset(&fixture, 0, sizeof(fixture));
    return tn_loop_init(&fixture.loop);
}

static int teardown(void **state)
{
    (void)state;
    tn_loop_run(&fixture.loop);
    return tn_loop_deinit(&fixture.loop);
}

static void test_control_timer_repeats_until_stopped(void **state)
{
    (void)state;
    assert_int_equal(tn_timer_open(&fixture.timer, &fixture.loop, on_timer), 0);
    fixture.stop_after = 5;
    tn_timer_start(&fixture.timer, 0, 1);
    tn_loop_run(&fixture.loop); /* ends when the timer is stopped */
    assert_int_equal(fixture.ticks, 5);
    tn_timer_start(&fixture.timer, 1, 0);
    tn_loop_run(&fixture.loop);
    assert_int_equal(fixture.ticks, 6);
    tn_timer_close(&fixture.timer, on_timer_closed);
    tn_timer_close(&fixture.timer, on_timer_closed);
    tn_loop_run(&fixture.loop);
    assert_int_equal(fixture.closeds, 1);
}

static void test_control_signal_is_told_on_the_loop(void **state)
{
    (void)state;
    assert_int_equal(tn_signal_open(&fixture.signal, &fixture.loop, SIGUSR2, on_signal), 0);
    assert_int_equal(raise(SIGUSR2), 0);
    assert_int_equal(fixture.signals, 0);
    tn_loop_run(&fixture.loop);
    assert_int_equal(fixture.signals, 1);
    assert_int_equal(fixture.number, SIGUSR2);
    tn_signal_close(&fixture.signal, on_signal_closed);
    tn_loop_run(&fixture.loop);
    assert_int_equal(fixture.closeds, 1);
}

static void test_control_work_runs_elsewhere_and_is_told_here(void **state)
{
    (void)state;
    fixture.work.run = run_work;
    fixture.work.on_done = on_done;
    assert_int_equal(tn_work_start(&fixture.work, &fixture.loop), 0);
    assert_false(fixture.is_done);
    tn_loop_run(&fixture.loop);
    assert_true(fixture.is_done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_control_timer_repeats_until_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_control_signal_is_told_on_the_loop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_control_work_runs_elsewhere_and_is_told_here, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* delay: each item once, soonest first, and all at once when flushed. No test sleeps: they wait for
 * the call. */
#include "app/delay.h"
#include "tests/unit/app/test.h"

#include <string.h>

#define FOREVER_MS 600000

struct note {
    struct app_delay_item item;
    char name;
};

struct fixture {
    struct app_delay delay;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    char order[16]; /* names, as they were due */
    size_t count;
};

static struct fixture fixture;

static void on_due(struct app_delay_item *item)
{
    struct note *note = (struct note *)(void *)item;
    pthread_mutex_lock(&fixture.mutex);
    fixture.order[fixture.count++] = note->name;
    pthread_cond_signal(&fixture.changed);
    pthread_mutex_unlock(&fixture.mutex);
}

static void wait_for(size_t count)
{
    pthread_mutex_lock(&fixture.mutex);
    while (fixture.count < count) {
        pthread_cond_wait(&fixture.changed, &fixture.mutex);
    }
    pthread_mutex_unlock(&fixture.mutex);
}

static int setup(void **state)
{
    (void)state;
    memset(&fixture, 0, sizeof(fixture));
    pthread_mutex_init(&fixture.mutex, NULL);
    pthread_cond_init(&fixture.changed, NULL);
    return app_delay_start(&fixture.delay);
}

static struct note make_note(char name)
{
    return (struct note){.item = {.on_due = on_due}, .name = name};
}

static void test_delay_calls_back_in_the_order_of_time(void **state)
{
    struct note late = make_note('c');
    struct note soon = make_note('a');
    struct note middle = make_note('b');
    (void)state;
    app_delay_add(&fixture.delay, &late.item, 30);
    app_delay_add(&fixture.delay, &soon.item, 5);
    app_delay_add(&fixture.delay, &middle.item, 15);
    wait_for(3);
    app_delay_stop(&fixture.delay);
    assert_string_equal(fixture.order, "abc");
}

static void test_delay_is_never_early(void **state)
{
    struct note note = make_note('a');
    (void)state;
    uint64_t start_ns = app_delay_now_ns();
    app_delay_add(&fixture.delay, &note.item, 10);
    wait_for(1);
    assert_true(app_delay_now_ns() - start_ns >= 10000000u);
    app_delay_stop(&fixture.delay);
    assert_int_equal(fixture.count, 1);
}

static void test_delay_of_the_same_time_keeps_its_order(void **state)
{
    struct note notes[8];
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        notes[i] = make_note((char)('a' + i));
        app_delay_add(&fixture.delay, &notes[i].item, 3);
    }
    wait_for(8);
    app_delay_stop(&fixture.delay);
    assert_string_equal(fixture.order, "abcdefgh");
}

static void test_delay_flush_makes_past_and_future_due(void **state)
{
    struct note first = make_note('a');
    struct note second = make_note('b');
    (void)state;
    app_delay_add(&fixture.delay, &first.item, FOREVER_MS);
    assert_false(app_delay_is_flushed(&fixture.delay));
    app_delay_flush(&fixture.delay);
    assert_true(app_delay_is_flushed(&fixture.delay));
    wait_for(1);
    app_delay_add(&fixture.delay, &second.item, FOREVER_MS);
    wait_for(2);
    app_delay_stop(&fixture.delay);
    assert_string_equal(fixture.order, "ab");
}

static void test_delay_stop_leaves_nobody_waiting(void **state)
{
    struct note notes[3];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        notes[i] = make_note((char)('a' + i));
        app_delay_add(&fixture.delay, &notes[i].item, FOREVER_MS - i);
    }
    app_delay_stop(&fixture.delay);
    assert_string_equal(fixture.order, "cba");
}

static void test_delay_stop_without_work(void **state)
{
    (void)state;
    app_delay_stop(&fixture.delay);
    assert_int_equal(fixture.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_delay_calls_back_in_the_order_of_time, setup),
        cmocka_unit_test_setup(test_delay_is_never_early, setup),
        cmocka_unit_test_setup(test_delay_of_the_same_time_keeps_its_order, setup),
        cmocka_unit_test_setup(test_delay_flush_makes_past_and_future_due, setup),
        cmocka_unit_test_setup(test_delay_stop_leaves_nobody_waiting, setup),
        cmocka_unit_test_setup(test_delay_stop_without_work, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

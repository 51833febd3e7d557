/* The timing wheel, in virtual time: never early, at most one tick late, no timer when empty. */
#include "lib/base/random.h"
#include "lib/net/deadline.h"
#include "tests/support/virtual_time.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct tn_loop loop;
    uv_timer_t driver; /* keeps the loop alive: the sweep itself does not */
};

struct item {
    struct tn_deadline deadline;
    struct fixture *fixture;
    uint64_t due_ms; /* 0: must not fire */
    unsigned fired;
    uint64_t late_ms;
    struct item *clears;
    struct item *sets;
    uint64_t sets_after_ms;
    uint64_t repeats_after_ms; /* sets itself again */
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    assert_int_equal(tn_loop_init(&fixture->loop), 0);
    uv_timer_init(&fixture->loop.uv, &fixture->driver);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    uv_close((uv_handle_t *)&fixture->driver, NULL);
    assert_int_equal(tn_loop_deinit(&fixture->loop), 0);
    free(fixture);
    return 0;
}

static void on_driver(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* Runs the loop for so long, in virtual time. */
static void run_for(struct fixture *fixture, uint64_t ms)
{
    uv_update_time(&fixture->loop.uv);
    uv_timer_start(&fixture->driver, on_driver, ms, 0);
    tn_loop_run(&fixture->loop);
}

static void on_expired(struct tn_deadline *deadline)
{
    struct item *item = TN_CONTAINER_OF(deadline, struct item, deadline);
    struct tn_loop *loop = &item->fixture->loop;
    uint64_t now = tn_loop_now_ms(loop);

    item->fired++;
    assert_true(now >= item->due_ms);
    assert_true(item->due_ms > 0);
    item->late_ms = now - item->due_ms;
    if (item->clears)
        tn_deadline_clear(loop, &item->clears->deadline);
    if (item->sets) {
        item->sets->due_ms = now + item->sets_after_ms;
        tn_deadline_after(loop, &item->sets->deadline, item->sets_after_ms);
    }
    if (item->repeats_after_ms) {
        item->due_ms = now + item->repeats_after_ms;
        tn_deadline_after(loop, deadline, item->repeats_after_ms);
    }
}

static void init_item(struct item *item, struct fixture *fixture)
{
    memset(item, 0, sizeof(*item));
    item->fixture = fixture;
    tn_deadline_init(&item->deadline, on_expired);
}

static void set_item(struct item *item, uint64_t after_ms)
{
    item->due_ms = tn_loop_now_ms(&item->fixture->loop) + after_ms;
    tn_deadline_after(&item->fixture->loop, &item->deadline, after_ms);
}

static void test_deadline_fires_once_and_at_most_a_tick_late(void **state)
{
    struct fixture *fixture = *state;

    /* every phase of the tick, as set and as due */
    for (uint64_t phase = 0; phase < TN_DEADLINE_TICK_MS; phase += 7) {
        for (uint64_t after = 0; after < 3 * TN_DEADLINE_TICK_MS; after += 11) {
            struct item item;

            run_for(fixture, 1 + phase);
            init_item(&item, fixture);
            set_item(&item, after);
            run_for(fixture, after + 4 * TN_DEADLINE_TICK_MS);
            assert_int_equal(item.fired, 1);
            assert_true(item.late_ms <= TN_DEADLINE_TICK_MS);
        }
    }
}

static void test_deadline_beyond_one_turn_of_the_wheel(void **state)
{
    struct fixture *fixture = *state;
    uint64_t turn_ms = (uint64_t)TN_DEADLINE_SLOTS * TN_DEADLINE_TICK_MS;
    struct item items[4];
    const uint64_t after[4] = {turn_ms - 1, turn_ms, turn_ms + TN_DEADLINE_TICK_MS,
                               5 * turn_ms + 3};

    for (size_t i = 0; i < 4; i++) {
        init_item(&items[i], fixture);
        set_item(&items[i], after[i]);
    }
    run_for(fixture, 6 * turn_ms);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(items[i].fired, 1);
        assert_true(items[i].late_ms <= TN_DEADLINE_TICK_MS);
    }
}

static void test_deadline_cleared_or_never_does_not_fire(void **state)
{
    struct fixture *fixture = *state;
    struct item cleared;
    struct item disarmed;

    init_item(&cleared, fixture);
    init_item(&disarmed, fixture);
    set_item(&cleared, 100);
    set_item(&disarmed, 100);
    tn_deadline_clear(&fixture->loop, &cleared.deadline);
    tn_deadline_clear(&fixture->loop, &cleared.deadline);
    tn_deadline_set(&fixture->loop, &disarmed.deadline, TN_DEADLINE_NEVER);
    run_for(fixture, 1000);
    assert_int_equal(cleared.fired, 0);
    assert_int_equal(disarmed.fired, 0);
    assert_int_equal(fixture->loop.deadline_count, 0);
}

static void test_deadline_set_later_is_one_store(void **state)
{
    struct fixture *fixture = *state;
    struct item item;
    struct tn_list *neighbour;

    init_item(&item, fixture);
    set_item(&item, 100);
    neighbour = item.deadline.node.next;
    set_item(&item, 700);
    assert_ptr_equal(item.deadline.node.next, neighbour);
    run_for(fixture, 600);
    assert_int_equal(item.fired, 0);
    run_for(fixture, 200);
    assert_int_equal(item.fired, 1);
}

static void test_deadline_set_earlier_fires_earlier(void **state)
{
    struct fixture *fixture = *state;
    struct item item;

    init_item(&item, fixture);
    set_item(&item, 30000);
    set_item(&item, 60);
    run_for(fixture, 200);
    assert_int_equal(item.fired, 1);
    run_for(fixture, 40000);
    assert_int_equal(item.fired, 1);
}

static void test_deadline_callback_may_clear_and_set_others(void **state)
{
    struct fixture *fixture = *state;
    struct item killer;
    struct item victim;
    struct item child;

    init_item(&killer, fixture);
    init_item(&victim, fixture);
    init_item(&child, fixture);
    killer.clears = &victim; /* in the same slot, right behind it */
    killer.sets = &child;
    killer.sets_after_ms = 0;
    set_item(&killer, 120);
    set_item(&victim, 120);
    run_for(fixture, 400);
    assert_int_equal(killer.fired, 1);
    assert_int_equal(victim.fired, 0);
    assert_int_equal(child.fired, 1);
}

static void test_deadline_callback_may_set_itself_again(void **state)
{
    struct fixture *fixture = *state;
    struct item item;

    init_item(&item, fixture);
    item.repeats_after_ms = 1000;
    set_item(&item, 1000);
    run_for(fixture, 20500);
    assert_in_range(item.fired, 19, 20);
    tn_deadline_clear(&fixture->loop, &item.deadline);
}

static void test_deadline_survives_a_pause_of_the_machine(void **state)
{
    struct fixture *fixture = *state;
    struct item soon;
    struct item later;

    init_item(&soon, fixture);
    init_item(&later, fixture);
    set_item(&soon, 100);
    set_item(&later, 3600 * 1000);
    virtual_time_pass(1800 * 1000);
    run_for(fixture, 100);
    assert_int_equal(soon.fired, 1);
    assert_int_equal(later.fired, 0);
    run_for(fixture, 1800 * 1000);
    assert_int_equal(later.fired, 1);
    assert_true(later.late_ms <= TN_DEADLINE_TICK_MS);
}

static void test_deadline_sweep_rests_when_nothing_is_filed(void **state)
{
    struct fixture *fixture = *state;
    struct item item;

    assert_false(fixture->loop.is_sweeping_set);
    init_item(&item, fixture);
    set_item(&item, 70);
    assert_true(fixture->loop.is_sweeping_set);
    run_for(fixture, 300);
    assert_int_equal(item.fired, 1);
    assert_false(fixture->loop.is_sweeping_set);
    /* and starts again, without sweeping what passed meanwhile */
    run_for(fixture, 123456);
    set_item(&item, 70);
    run_for(fixture, 300);
    assert_int_equal(item.fired, 2);
    assert_true(item.late_ms <= TN_DEADLINE_TICK_MS);
}

#define ALIKE 1000

struct turns {
    uv_check_t check; /* once in each turn, after its timers */
    struct item *items;
    unsigned seen;
    unsigned most;
};

static void on_turn(uv_check_t *check)
{
    struct turns *turns = TN_CONTAINER_OF(check, struct turns, check);
    unsigned fired = 0;

    for (size_t i = 0; i < ALIKE; i++)
        fired += turns->items[i].fired;
    if (fired - turns->seen > turns->most)
        turns->most = fired - turns->seen;
    turns->seen = fired;
}

/* Others have their turn in between. */
static void test_deadline_alike_fire_a_few_in_each_turn(void **state)
{
    struct fixture *fixture = *state;
    struct item *items = calloc(ALIKE, sizeof(*items));
    struct turns turns = {.items = items};

    assert_non_null(items);
    for (size_t i = 0; i < ALIKE; i++) {
        init_item(&items[i], fixture);
        set_item(&items[i], 100);
    }
    /* one of them clears another that is due in the same tick, one sets another later */
    items[0].clears = &items[ALIKE - 1];
    items[1].sets = &items[ALIKE - 2];
    items[1].sets_after_ms = 1000;
    uv_check_init(&fixture->loop.uv, &turns.check);
    uv_check_start(&turns.check, on_turn);
    uv_unref((uv_handle_t *)&turns.check);
    run_for(fixture, 800);
    assert_int_equal(turns.most, TN_DEADLINE_BURST);
    for (size_t i = 0; i < ALIKE - 2; i++)
        assert_int_equal(items[i].fired, 1);
    assert_int_equal(items[ALIKE - 1].fired, 0);
    assert_int_equal(items[ALIKE - 2].fired, 0);
    run_for(fixture, 800);
    assert_int_equal(items[ALIKE - 2].fired, 1);
    assert_int_equal(fixture->loop.deadline_count, 0);
    assert_false(fixture->loop.is_sweeping_set);
    uv_close((uv_handle_t *)&turns.check, NULL);
    run_for(fixture, 1);
    free(items);
}

#define CROWD 500

/* Against the plainest model: an array of due times. */
static void test_deadline_crowd_in_random_order(void **state)
{
    struct fixture *fixture = *state;
    struct item *items = calloc(CROWD, sizeof(*items));
    struct tn_random random;
    unsigned expected = 0;
    unsigned fired = 0;

    assert_non_null(items);
    tn_random_init_seeded(&random, 42);
    for (size_t i = 0; i < CROWD; i++)
        init_item(&items[i], fixture);
    for (unsigned step = 0; step < 20000; step++) {
        struct item *item = &items[tn_random_u64(&random) % CROWD];
        uint64_t dice = tn_random_u64(&random) % 10;

        if (item->due_ms > 0 && item->fired > 0) {
            item->due_ms = 0;
            fired += item->fired;
            item->fired = 0;
        }
        if (dice < 6) {
            expected += item->due_ms == 0;
            set_item(item, tn_random_u64(&random) % 200000);
        } else if (dice < 8) {
            expected -= item->due_ms > 0;
            item->due_ms = 0;
            tn_deadline_clear(&fixture->loop, &item->deadline);
        } else {
            run_for(fixture, 1 + tn_random_u64(&random) % 400);
        }
    }
    run_for(fixture, 300000);
    for (size_t i = 0; i < CROWD; i++) {
        assert_true(items[i].fired <= 1);
        assert_true(items[i].late_ms <= TN_DEADLINE_TICK_MS);
        fired += items[i].fired;
    }
    assert_int_equal(fired, expected);
    assert_int_equal(fixture->loop.deadline_count, 0);
    free(items);
}

static void test_loop_deinit_says_busy_instead_of_hanging(void **state)
{
    struct fixture *fixture = *state;
    struct tn_loop loop;
    uv_timer_t somebodys;

    (void)fixture;
    assert_int_equal(tn_loop_init(&loop), 0);
    uv_timer_init(&loop.uv, &somebodys);
    uv_timer_start(&somebodys, on_driver, 1000000000, 0);
    assert_int_equal(tn_loop_deinit(&loop), -EBUSY);
    uv_close((uv_handle_t *)&somebodys, NULL);
    assert_int_equal(tn_loop_deinit(&loop), 0);
}

/* Asked again and again in one turn, and once the loop has waited. */
static void test_loop_time_is_read_once_a_turn(void **state)
{
    struct fixture *fixture = *state;
    uint64_t now = tn_loop_now_ns(&fixture->loop), wall = tn_loop_wall_ns(&fixture->loop);

    virtual_time_pass(3);
    assert_int_equal(tn_loop_now_ns(&fixture->loop), now);
    assert_int_equal(tn_loop_wall_ns(&fixture->loop), wall);
    run_for(fixture, 4);
    assert_int_equal(tn_loop_now_ns(&fixture->loop), now + 7000000);
    assert_int_equal(tn_loop_wall_ns(&fixture->loop), wall + 7000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_deadline_fires_once_and_at_most_a_tick_late, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_deadline_beyond_one_turn_of_the_wheel, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_deadline_cleared_or_never_does_not_fire, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_deadline_set_later_is_one_store, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deadline_set_earlier_fires_earlier, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deadline_callback_may_clear_and_set_others, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_deadline_callback_may_set_itself_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_deadline_survives_a_pause_of_the_machine, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_deadline_sweep_rests_when_nothing_is_filed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_deadline_alike_fire_a_few_in_each_turn, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_deadline_crowd_in_random_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loop_time_is_read_once_a_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loop_deinit_says_busy_instead_of_hanging, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Who waits for room, on one loop and on several, and who is woken. */
#include "proxy/upstream/queue.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define LOOPS 3
#define PATIENCE 1000

struct fixture {
    struct tn_loop loops[LOOPS];
    struct px_queue queues[LOOPS];
    struct px_queue_board board;
    struct px_limits limits;
    struct px_stats *stats[LOOPS];
    struct px_endpoint endpoints[2];
};

struct asker {
    struct px_waiter waiter;
    struct px_queue *queue;
    bool has_room;
    unsigned asked;
    unsigned *order; /* the next number of who was served */
    unsigned served;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    fixture->limits.queue_length = 4;
    for (unsigned i = 0; i < LOOPS; i++) {
        assert_int_equal(tn_loop_init(&fixture->loops[i]), 0);
        assert_int_equal(px_stats_new(&fixture->stats[i]), 0);
        assert_int_equal(px_queue_open(&fixture->queues[i], &fixture->board, &fixture->loops[i],
                                       &fixture->limits, fixture->stats[i]),
                         0);
    }
    fixture->endpoints[1].version = 1;
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned i = 0; i < PX_VERSIONS_MAX; i++)
        assert_int_equal(fixture->board.waiting[i], 0);
    for (unsigned i = 0; i < LOOPS; i++) {
        px_queue_close(&fixture->queues[i]);
        assert_int_equal(tn_loop_deinit(&fixture->loops[i]), 0);
        px_stats_free(fixture->stats[i]);
    }
    free(fixture);
    return 0;
}

static bool try_room(struct px_waiter *waiter)
{
    struct asker *asker = TN_CONTAINER_OF(waiter, struct asker, waiter);

    asker->asked++;
    if (!asker->has_room)
        return false;
    if (asker->order)
        asker->served = ++*asker->order;
    px_queue_leave(asker->queue, waiter);
    return true;
}

static void join(struct fixture *fixture, unsigned loop, struct asker *asker, uint32_t version,
                 struct px_endpoint *endpoint)
{
    *asker =
        (struct asker){.waiter = {.version = version, .endpoint = endpoint, .try_room = try_room},
                       .queue = &fixture->queues[loop]};
    assert_int_equal(px_queue_join(asker->queue, &asker->waiter), 0);
}

/* What is ready now, without letting the clock's poll come. */
static void turn(struct fixture *fixture, unsigned loop)
{
    for (unsigned i = 0; i < 3; i++)
        uv_run(&fixture->loops[loop].uv, UV_RUN_NOWAIT);
}

static void test_queue_asks_in_order_and_stops_at_the_first_without_room(void **state)
{
    struct fixture *fixture = *state;
    struct asker askers[4];
    unsigned order = 0;

    for (unsigned i = 0; i < 4; i++)
        join(fixture, 0, &askers[i], 0, NULL);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(askers[i].asked, 0); /* never from inside a join */
        askers[i].order = &order;
        askers[i].has_room = i != 2;
    }
    turn(fixture, 0);
    assert_int_equal(askers[0].served, 1);
    assert_int_equal(askers[1].served, 2);
    assert_int_equal(askers[2].asked, 1);
    assert_int_equal(askers[3].asked, 0);
    assert_int_equal(fixture->stats[0]->versions[0].queued, 2);
    askers[2].has_room = true;
    px_queue_freed(&fixture->queues[0], &fixture->endpoints[0]);
    turn(fixture, 0);
    assert_int_equal(askers[2].served, 3);
    assert_int_equal(askers[3].served, 4);
}

static void test_queue_choosy_ones_are_in_nobody_s_way(void **state)
{
    struct fixture *fixture = *state;
    struct asker choosy;
    struct asker any;
    struct asker other;

    join(fixture, 0, &choosy, 0, &fixture->endpoints[0]);
    join(fixture, 0, &any, 0, NULL);
    join(fixture, 0, &other, 1, NULL);
    any.has_room = other.has_room = true;
    turn(fixture, 0);
    assert_true(choosy.waiter.is_waiting);
    assert_false(any.waiter.is_waiting);
    assert_false(other.waiter.is_waiting);
    /* nor is he held up by those who find none */
    join(fixture, 0, &any, 0, NULL);
    choosy.has_room = true;
    turn(fixture, 0);
    assert_false(choosy.waiter.is_waiting);
    px_queue_leave(&fixture->queues[0], &any.waiter);
}

static void test_queue_is_bounded_for_each_version(void **state)
{
    struct fixture *fixture = *state;
    struct asker askers[5];
    struct asker other;

    for (unsigned i = 0; i < 4; i++)
        join(fixture, 0, &askers[i], 0, NULL);
    askers[4] = (struct asker){.waiter = {.try_room = try_room}};
    assert_int_equal(px_queue_join(&fixture->queues[0], &askers[4].waiter), -ENOSPC);
    assert_false(askers[4].waiter.is_waiting);
    join(fixture, 0, &other, 1, NULL);
    px_queue_leave(&fixture->queues[0], &askers[1].waiter);
    join(fixture, 0, &askers[4], 0, NULL);
    assert_int_equal(fixture->stats[0]->versions[0].queue_full, 1);
    assert_int_equal(fixture->stats[0]->versions[0].queue_waits, 5);
    assert_int_equal(fixture->stats[0]->versions[0].queued, 4);
    for (unsigned i = 0; i < 5; i++)
        px_queue_leave(&fixture->queues[0], &askers[i].waiter); /* again: nothing */
    px_queue_leave(&fixture->queues[0], &other.waiter);
    assert_int_equal(fixture->stats[0]->versions[0].queued, 0);
}

static void test_queue_room_made_on_another_loop_wakes_those_who_wait(void **state)
{
    struct fixture *fixture = *state;
    struct asker askers[2];

    for (unsigned i = 0; i < 2; i++) {
        join(fixture, i + 1, &askers[i], 0, NULL);
        turn(fixture, i + 1);
        assert_int_equal(askers[i].asked, 1);
    }
    /* of another version: nobody is woken */
    px_queue_freed(&fixture->queues[0], &fixture->endpoints[1]);
    turn(fixture, 1);
    assert_int_equal(askers[0].asked, 1);
    px_queue_freed(&fixture->queues[0], &fixture->endpoints[0]);
    for (unsigned i = 0; i < 2; i++) {
        askers[i].has_room = true;
        turn(fixture, i + 1);
        assert_false(askers[i].waiter.is_waiting);
    }
    assert_false(px_queue_is_contended(&fixture->queues[0], 0));
}

static void test_queue_asks_again_by_itself(void **state)
{
    struct fixture *fixture = *state;
    struct asker asker;

    join(fixture, 0, &asker, 0, NULL);
    turn(fixture, 0);
    asker.has_room = true; /* nobody says so */
    for (unsigned i = 0; i < PATIENCE && asker.waiter.is_waiting; i++)
        uv_run(&fixture->loops[0].uv, UV_RUN_ONCE);
    assert_false(asker.waiter.is_waiting);
}

/* In the middle of being asked, one leaves who is next, and one joins. */
struct meddler {
    struct asker asker;
    struct fixture *fixture;
    struct asker *leaver;
    struct asker *joiner;
};

static bool meddle(struct px_waiter *waiter)
{
    struct meddler *meddler =
        TN_CONTAINER_OF(TN_CONTAINER_OF(waiter, struct asker, waiter), struct meddler, asker);

    px_queue_leave(&meddler->fixture->queues[0], waiter);
    px_queue_leave(&meddler->fixture->queues[0], &meddler->leaver->waiter);
    join(meddler->fixture, 0, meddler->joiner, 0, NULL);
    meddler->joiner->has_room = true;
    return true;
}

static void test_queue_survives_changes_while_it_asks(void **state)
{
    struct fixture *fixture = *state;
    struct asker leaver;
    struct asker last;
    struct asker joiner;
    struct meddler meddler = {.fixture = fixture, .leaver = &leaver, .joiner = &joiner};

    join(fixture, 0, &meddler.asker, 0, NULL);
    meddler.asker.waiter.try_room = meddle;
    join(fixture, 0, &leaver, 0, NULL);
    join(fixture, 0, &last, 0, NULL);
    last.has_room = true;
    turn(fixture, 0);
    assert_int_equal(leaver.asked, 0);
    assert_int_equal(last.asked, 1);
    assert_int_equal(joiner.asked, 1);
}

/* --- several threads --- */

#define THREADS 4
#define JOBS 3000
#define WIDTH 32 /* requests that a thread has open at a time */
#define ROOM 3

struct job {
    struct px_waiter waiter;
    struct worker *worker;
    uv_timer_t timer;
    bool is_running;
};

struct worker {
    pthread_t thread;
    struct tn_loop loop;
    struct px_queue queue;
    struct px_stats *stats;
    struct px_limits limits;
    struct px_endpoint *endpoint;
    struct job jobs[WIDTH];
    unsigned begun;
    unsigned done;
    uint32_t most; /* under way at once, as far as this thread saw */
};

static void begin_job(struct job *job);

static void end_job(uv_timer_t *timer)
{
    struct job *job = TN_CONTAINER_OF(timer, struct job, timer);
    struct worker *worker = job->worker;

    atomic_fetch_sub(&worker->endpoint->in_flight, 1);
    px_queue_freed(&worker->queue, worker->endpoint);
    worker->done++;
    if (worker->begun < JOBS)
        begin_job(job);
    else if (worker->done == JOBS)
        tn_loop_stop(&worker->loop);
}

static bool take(struct job *job)
{
    struct px_endpoint *endpoint = job->worker->endpoint;
    uint32_t now = atomic_load(&endpoint->in_flight);

    do {
        if (now >= ROOM)
            return false;
    } while (!atomic_compare_exchange_weak(&endpoint->in_flight, &now, now + 1));
    if (now + 1 > job->worker->most)
        job->worker->most = now + 1;
    uv_timer_start(&job->timer, end_job, 0, 0);
    return true;
}

static bool take_waiting(struct px_waiter *waiter)
{
    struct job *job = TN_CONTAINER_OF(waiter, struct job, waiter);

    if (!take(job))
        return false;
    px_queue_leave(&job->worker->queue, waiter);
    return true;
}

static void begin_job(struct job *job)
{
    struct worker *worker = job->worker;

    worker->begun++;
    if (!px_queue_is_contended(&worker->queue, 0) && take(job))
        return;
    job->waiter = (struct px_waiter){.try_room = take_waiting};
    assert_int_equal(px_queue_join(&worker->queue, &job->waiter), 0);
}

static void *work(void *context)
{
    struct worker *worker = context;

    for (unsigned i = 0; i < WIDTH; i++)
        begin_job(&worker->jobs[i]);
    tn_loop_run(&worker->loop);
    return NULL;
}

static void open_worker(struct worker *worker, struct px_queue_board *board,
                        struct px_endpoint *endpoint)
{
    worker->endpoint = endpoint;
    worker->limits.queue_length = WIDTH;
    assert_int_equal(tn_loop_init(&worker->loop), 0);
    assert_int_equal(px_stats_new(&worker->stats), 0);
    assert_int_equal(
        px_queue_open(&worker->queue, board, &worker->loop, &worker->limits, worker->stats), 0);
    for (unsigned i = 0; i < WIDTH; i++) {
        worker->jobs[i].worker = worker;
        uv_timer_init(&worker->loop.uv, &worker->jobs[i].timer);
    }
}

static void close_worker(struct worker *worker)
{
    assert_int_equal(worker->done, JOBS);
    assert_in_range(worker->most, 1, ROOM);
    assert_int_equal(worker->stats->versions[0].queued, 0);
    px_queue_close(&worker->queue);
    for (unsigned i = 0; i < WIDTH; i++)
        uv_close((uv_handle_t *)&worker->jobs[i].timer, NULL);
    assert_int_equal(tn_loop_deinit(&worker->loop), 0);
    px_stats_free(worker->stats);
}

/* 128 requests compete for 3 places over four loops: never one too many, and all are served. */
static void test_queue_of_many_threads_serves_everybody(void **state)
{
    struct worker *workers = calloc(THREADS, sizeof(*workers));
    struct px_queue_board *board = calloc(1, sizeof(*board));
    struct px_endpoint *endpoint = calloc(1, sizeof(*endpoint));

    (void)state;
    assert_true(workers && board && endpoint);
    for (unsigned i = 0; i < THREADS; i++)
        open_worker(&workers[i], board, endpoint);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    for (unsigned i = 0; i < THREADS; i++)
        close_worker(&workers[i]);
    assert_int_equal(endpoint->in_flight, 0);
    assert_int_equal(board->waiting[0], 0);
    free(workers);
    free(board);
    free(endpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_queue_asks_in_order_and_stops_at_the_first_without_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queue_choosy_ones_are_in_nobody_s_way, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_queue_is_bounded_for_each_version, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queue_room_made_on_another_loop_wakes_those_who_wait,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_queue_asks_again_by_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queue_survives_changes_while_it_asks, setup, teardown),
        cmocka_unit_test(test_queue_of_many_threads_serves_everybody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

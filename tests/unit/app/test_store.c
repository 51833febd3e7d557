/* store: every job is answered once, many share one sync, and none is answered before it. */
#include "app/store.h"
#include "tests/unit/app/fake_disk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CROWD 64
#define NEVER_MS 600000 /* until a broken disk is tried again */

struct job {
    struct app_store_job job;
    unsigned done;
    unsigned syncs; /* how many there had been when it was done */
};

static struct app_ledger ledger;
static struct app_store store;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned done_count;

static void on_done(struct app_store_job *base)
{
    struct job *job = (struct job *)(void *)base;
    pthread_mutex_lock(&mutex);
    job->done++;
    job->syncs = fake_disk.syncs;
    done_count++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void wait_for(unsigned count)
{
    pthread_mutex_lock(&mutex);
    while (done_count < count) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
}

static int setup(void **state)
{
    char buffer[512];
    struct app_text problem;
    app_text_init(&problem, buffer, sizeof(buffer));
    done_count = 0;
    if (fake_disk_open(state) != 0 ||
        app_ledger_open(&ledger, fake_disk.path, &fake_disk_ops, &problem) != 0) {
        return -1;
    }
    fake_disk_heal();
    return app_store_start(&store, &ledger, NEVER_MS);
}

/* Tests that stop the store by themselves close the ledger here all the same. */
static int teardown(void **state)
{
    app_ledger_close(&ledger);
    return fake_disk_close(state);
}

static void submit(struct job *job, const char *transfer_id, uint64_t amount)
{
    memset(job, 0, sizeof(*job));
    job->job.transfer_id = transfer_id;
    job->job.amount = amount;
    job->job.on_done = on_done;
    app_store_submit(&store, &job->job);
}

static struct app_store_snapshot read_store(void)
{
    struct app_store_snapshot snapshot;
    app_store_read(&store, &snapshot);
    return snapshot;
}

static void test_store_counts_a_visit(void **state)
{
    struct job job;
    (void)state;
    submit(&job, NULL, 0);
    wait_for(1);
    struct app_store_snapshot snapshot = read_store();
    app_store_stop(&store);
    assert_int_equal(job.job.error, 0);
    assert_int_equal(job.job.visits, 1);
    assert_int_equal(job.syncs, 1);
    assert_int_equal(fake_disk_visits(), 1);
    assert_int_equal(snapshot.visits, 1);
}

static void test_store_answers_only_what_is_durable(void **state)
{
    struct job job;
    (void)state;
    fake_disk.is_gated = true;
    submit(&job, NULL, 0);
    fake_disk_wait_at_gate();
    pthread_mutex_lock(&mutex);
    assert_int_equal(job.done, 0);
    pthread_mutex_unlock(&mutex);
    assert_int_equal(read_store().visits, 0);
    fake_disk_open_gate();
    wait_for(1);
    app_store_stop(&store);
    assert_int_equal(job.done, 1);
}

static void test_store_shares_one_sync(void **state)
{
    struct job first;
    struct job crowd[CROWD];
    bool is_taken[CROWD + 2] = {false};
    (void)state;
    fake_disk.is_gated = true;
    submit(&first, NULL, 0);
    fake_disk_wait_at_gate();
    for (unsigned i = 0; i < CROWD; i++) {
        submit(&crowd[i], NULL, 0);
    }
    fake_disk_open_gate();
    wait_for(CROWD + 1);
    struct app_store_snapshot snapshot = read_store();
    app_store_stop(&store);
    assert_int_equal(fake_disk.syncs, 2);
    assert_int_equal(snapshot.commits, 2);
    assert_int_equal(first.job.visits, 1);
    for (unsigned i = 0; i < CROWD; i++) {
        assert_int_equal(crowd[i].job.error, 0);
        assert_int_equal(crowd[i].done, 1);
        assert_in_range(crowd[i].job.visits, 2, CROWD + 1);
        assert_false(is_taken[crowd[i].job.visits]); /* a number of its own */
        is_taken[crowd[i].job.visits] = true;
    }
    assert_int_equal(fake_disk_visits(), CROWD + 1);
}

static void test_store_mixes_visits_and_imports(void **state)
{
    struct job first;
    struct job jobs[6];
    (void)state;
    fake_disk.is_gated = true;
    submit(&first, NULL, 0);
    fake_disk_wait_at_gate();
    submit(&jobs[0], "t1", 100);
    submit(&jobs[1], NULL, 0);
    submit(&jobs[2], "t1", 100);
    submit(&jobs[3], "t1", 7);
    submit(&jobs[4], NULL, 0);
    submit(&jobs[5], "t2", UINT64_MAX);
    fake_disk_open_gate();
    wait_for(7);
    struct app_store_snapshot snapshot = read_store();
    app_store_stop(&store);
    assert_int_equal(jobs[1].job.visits, 2);
    assert_int_equal(jobs[4].job.visits, 3);
    assert_int_equal(jobs[0].job.error, 0);
    assert_true(jobs[0].job.was_new);
    assert_int_equal(jobs[0].job.visits, 103);
    assert_int_equal(jobs[2].job.error, 0);
    assert_false(jobs[2].job.was_new);
    assert_int_equal(jobs[3].job.error, -EEXIST);
    assert_int_equal(jobs[5].job.error, -EOVERFLOW);
    assert_int_equal(fake_disk_visits(), 103);
    assert_int_equal(snapshot.error, 0); /* refusals are no failures of the disk */
}

static void test_store_tells_each_that_the_write_failed(void **state)
{
    struct job first;
    struct job jobs[3];
    (void)state;
    fake_disk_fail(3, 1, ENOSPC, 0); /* the second batch's pwrite */
    fake_disk.is_gated = true;
    submit(&first, NULL, 0);
    fake_disk_wait_at_gate();
    for (unsigned i = 0; i < 3; i++) {
        submit(&jobs[i], NULL, 0);
    }
    fake_disk_open_gate();
    wait_for(4);
    assert_int_equal(first.job.error, 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(jobs[i].job.error, -ENOSPC);
    }
    struct job again;
    submit(&again, NULL, 0);
    wait_for(5);
    struct app_store_snapshot snapshot = read_store();
    app_store_stop(&store);
    assert_int_equal(again.job.error, 0);
    assert_int_equal(again.job.visits, 2); /* those that failed are not counted */
    assert_int_equal(fake_disk_visits(), 2);
    assert_int_equal(snapshot.error, 0);
    assert_in_range(snapshot.failures, 1, 2);
}

static void test_store_says_that_the_disk_is_broken(void **state)
{
    struct job job;
    (void)state;
    fake_disk_fail(1, FAKE_DISK_FOREVER, EIO, 0);
    submit(&job, NULL, 0);
    wait_for(1);
    assert_int_equal(job.job.error, -EIO);
    assert_int_equal(read_store().error, -EIO);
    assert_int_equal(read_store().visits, 0);
    app_store_stop(&store);
    assert_true(ledger.is_broken);
    assert_int_equal(fake_disk_visits(), 0);
}

/* The retry of a broken disk comes without any visit. */
static void test_store_heals_by_itself(void **state)
{
    struct job job;
    (void)state;
    app_store_stop(&store);
    assert_int_equal(app_store_start(&store, &ledger, 1), 0);
    fake_disk_fail(1, 1, EIO, 0);
    submit(&job, NULL, 0);
    wait_for(1);
    assert_int_equal(job.job.error, -EIO);
    while (read_store().error != 0) {
        sched_yield();
    }
    struct app_store_snapshot snapshot = read_store();
    app_store_stop(&store);
    assert_false(ledger.is_broken);
    assert_int_equal(snapshot.commits, 1);
}

static void test_store_stop_finishes_every_job(void **state)
{
    struct job first;
    struct job crowd[CROWD];
    (void)state;
    fake_disk.is_gated = true;
    submit(&first, NULL, 0);
    fake_disk_wait_at_gate();
    for (unsigned i = 0; i < CROWD; i++) {
        submit(&crowd[i], NULL, 0);
    }
    fake_disk_open_gate();
    app_store_stop(&store);
    assert_int_equal(done_count, CROWD + 1);
    assert_int_equal(fake_disk_visits(), CROWD + 1);
}

static void *visit_often(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < 200; i++) {
        struct job job;
        submit(&job, NULL, 0);
        pthread_mutex_lock(&mutex);
        while (job.done == 0) {
            pthread_cond_wait(&changed, &mutex);
        }
        pthread_mutex_unlock(&mutex);
        assert_int_equal(job.job.error, 0);
    }
    return NULL;
}

static void test_store_takes_jobs_from_many_threads(void **state)
{
    pthread_t threads[4];
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, visit_often, NULL), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    app_store_stop(&store);
    assert_int_equal(fake_disk_visits(), 800);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_store_counts_a_visit),
        TEST(test_store_answers_only_what_is_durable),
        TEST(test_store_shares_one_sync),
        TEST(test_store_mixes_visits_and_imports),
        TEST(test_store_tells_each_that_the_write_failed),
        TEST(test_store_says_that_the_disk_is_broken),
        TEST(test_store_heals_by_itself),
        TEST(test_store_stop_finishes_every_job),
        TEST(test_store_takes_jobs_from_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

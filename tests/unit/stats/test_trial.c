/* Trials: what they are counted in, whose number wins, users as bits. */
#include "proxy/stats/stats.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned countdown; /* allocation that fails; 0: none */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
    if (countdown > 0 && --countdown == 0)
        return NULL;
    return __real_calloc(count, size);
}

struct fixture {
    struct px_rule rule;
    struct px_trial trial;
    struct px_snapshot_version versions[2];
    struct px_snapshot_rule snapshot_rule;
    struct px_snapshot snapshot;
    struct px_stats *stats;
};

static int set_up(void **state)
{
    struct fixture *fixture = __real_calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    countdown = 0;
    fixture->rule.goal_count = 2;
    fixture->rule.sticky.by = PX_STICKY_COOKIE;
    fixture->trial.number = 5;
    fixture->versions[1].stat = 1;
    fixture->snapshot_rule = (struct px_snapshot_rule){.rule = &fixture->rule,
                                                       .stat = 3,
                                                       .version_count = 2,
                                                       .versions = {0, 1},
                                                       .trial = &fixture->trial};
    fixture->snapshot = (struct px_snapshot){.versions = fixture->versions,
                                             .version_count = 2,
                                             .rules = &fixture->snapshot_rule,
                                             .rule_count = 1};
    assert_int_equal(px_stats_new(&fixture->stats), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    px_stats_free(fixture->stats);
    free(fixture);
    return 0;
}

static struct px_stats_trial *adopt(struct fixture *fixture)
{
    assert_int_equal(px_stats_adopt(fixture->stats, &fixture->snapshot), 0);
    return px_stats_trial(fixture->stats, &fixture->snapshot_rule);
}

static void test_trial_is_kept_until_its_number_changes(void **state)
{
    struct fixture *fixture = *state;
    struct px_stats_trial *trial = adopt(fixture);

    assert_int_equal(trial->number, 5);
    assert_int_equal(trial->arm_count, 2);
    assert_int_equal(trial->goal_count, 2);
    assert_non_null(trial->arms[1].crowd);
    trial->arms[1].requests = 7;
    assert_ptr_equal(adopt(fixture), trial);
    assert_int_equal(trial->arms[1].requests, 7);
    fixture->trial.number = 6;
    assert_null(px_stats_trial(fixture->stats, &fixture->snapshot_rule));
    assert_int_equal(adopt(fixture)->arms[1].requests, 0);
    fixture->snapshot_rule.trial = NULL;
    assert_null(adopt(fixture));
    assert_null(fixture->stats->trials[3]);
}

static void test_trial_without_stickiness_knows_no_users(void **state)
{
    struct fixture *fixture = *state;

    fixture->rule.sticky.by = PX_STICKY_NONE;
    assert_null(adopt(fixture)->arms[0].crowd);
}

static void fill(struct px_stats_trial *trial, uint64_t key)
{
    struct px_stats_arm *arm = &trial->arms[1];

    arm->requests += 10;
    arm->errors += 2;
    arm->buckets[4] += 10;
    arm->dealt += 3;
    arm->issued += 1;
    arm->goals[1] += 4;
    px_stats_bits_set(&arm->crowd->seen, key);
    px_stats_bits_set(&arm->crowd->reached[1], key);
    arm->crowd->buckets[9].of += 10;
    arm->crowd->own[9].events += 2;
    arm->crowd->stable[9].of += 5;
}

static void test_trial_sum_is_of_all_loops(void **state)
{
    struct fixture *fixture = *state;
    const struct px_stats_arm *arm;
    struct px_stats *sum = NULL;

    fill(adopt(fixture), 1);
    assert_int_equal(px_stats_new(&sum), 0);
    assert_int_equal(px_stats_add(sum, fixture->stats), 0);
    px_stats_bits_set(&px_stats_trial(fixture->stats, &fixture->snapshot_rule)->arms[1].crowd->seen,
                      2);
    assert_int_equal(px_stats_add(sum, fixture->stats), 0);
    arm = &px_stats_trial(sum, &fixture->snapshot_rule)->arms[1];
    assert_int_equal(arm->requests, 20);
    assert_int_equal(arm->errors, 4);
    assert_int_equal(arm->buckets[4], 20);
    assert_int_equal(arm->dealt, 6);
    assert_int_equal(arm->issued, 2);
    assert_int_equal(arm->goals[1], 8);
    assert_int_equal(arm->crowd->buckets[9].of, 20);
    assert_int_equal(arm->crowd->own[9].events, 4);
    assert_int_equal(arm->crowd->stable[9].of, 10);
    /* one user on both loops is one user */
    assert_int_equal(px_stats_bits_count(&arm->crowd->seen), 2);
    assert_int_equal(px_stats_bits_count(&arm->crowd->reached[1]), 1);
    assert_int_equal(px_stats_bits_count(&arm->crowd->reached[0]), 0);
    px_stats_free(sum);
}

/* A loop that has switched and one that has not: the newer trial alone is told. */
static void test_trial_sum_takes_the_newest(void **state)
{
    struct fixture *fixture = *state;
    struct px_stats *old = NULL;
    struct px_stats *sum = NULL;

    assert_int_equal(px_stats_new(&old), 0);
    assert_int_equal(px_stats_adopt(old, &fixture->snapshot), 0);
    fill(old->trials[3], 1);
    fixture->trial.number = 6;
    fill(adopt(fixture), 2);
    for (int order = 0; order < 2; order++) {
        assert_int_equal(px_stats_new(&sum), 0);
        assert_int_equal(px_stats_add(sum, order ? old : fixture->stats), 0);
        assert_int_equal(px_stats_add(sum, order ? fixture->stats : old), 0);
        assert_int_equal(sum->trials[3]->number, 6);
        assert_int_equal(sum->trials[3]->arms[1].requests, 10);
        px_stats_free(sum);
    }
    px_stats_free(old);
}

static void test_trial_without_memory_is_refused(void **state)
{
    struct fixture *fixture = *state;
    unsigned i = 1;
    int error = -ENOMEM;

    for (; error == -ENOMEM && i < 100; i++) {
        struct px_stats *stats = NULL;

        assert_int_equal(px_stats_new(&stats), 0);
        countdown = i;
        error = px_stats_adopt(stats, &fixture->snapshot);
        countdown = 0;
        px_stats_free(stats);
    }
    assert_int_equal(error, 0);
    assert_true(i > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_trial_is_kept_until_its_number_changes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_trial_without_stickiness_knows_no_users, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_trial_sum_is_of_all_loops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trial_sum_takes_the_newest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trial_without_memory_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What the counts of a trial are said to mean. */
#include "proxy/admin/finding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct px_rule rule;
    struct px_trial trial;
    struct px_snapshot_rule snapshot_rule;
    struct px_stats_trial *counts;
};

/* blue (stable) and green at half and half, one goal. */
static void make(struct fixture *fixture, enum px_sticky_by by)
{
    static char name[] = "order";

    memset(fixture, 0, sizeof(*fixture));
    fixture->rule.sticky.by = by;
    fixture->rule.goal_count = 1;
    fixture->rule.goals[0].name = name;
    fixture->trial.number = 1;
    fixture->snapshot_rule = (struct px_snapshot_rule){.rule = &fixture->rule,
                                                       .version_count = 2,
                                                       .versions = {0, 1},
                                                       .weights = {1, 1},
                                                       .only = STRATEGY_NONE,
                                                       .trial = &fixture->trial};
    fixture->counts = px_stats_trial_new(&fixture->snapshot_rule);
    assert_non_null(fixture->counts);
}

static void drop(struct fixture *fixture)
{
    px_stats_trial_free(fixture->counts);
}

static void count(struct fixture *fixture, uint32_t place, uint64_t requests, uint64_t errors)
{
    fixture->counts->arms[place].requests = requests;
    fixture->counts->arms[place].errors = errors;
}

static struct px_finding find(const struct fixture *fixture, uint32_t place)
{
    struct px_finding finding;

    px_find(&fixture->snapshot_rule, fixture->counts, place, &finding);
    return finding;
}

static void test_finding_by_request(void **state)
{
    struct fixture fixture;
    struct px_finding finding;

    (void)state;
    make(&fixture, PX_STICKY_NONE);
    count(&fixture, 0, 10000, 100);
    count(&fixture, 1, 10000, 300);
    finding = find(&fixture, 1);
    assert_int_equal(finding.unit, PX_UNIT_REQUEST);
    assert_null(finding.errors.why);
    assert_true(finding.errors.has_verdict && finding.errors.has_difference);
    assert_int_equal(finding.errors.verdict, STRATEGY_VERDICT_WORSE);
    assert_true(finding.errors.margin == 0.002);
    assert_false(finding.has_users);
    assert_true(finding.sample > 1000);
    finding = find(&fixture, 0);
    assert_string_equal(finding.errors.why, "this is stable");
    assert_false(finding.errors.has_verdict);
    assert_true(finding.errors.share.low < 0.01 && finding.errors.share.high > 0.01);
    drop(&fixture);
}

static void test_finding_needs_its_minimum(void **state)
{
    struct fixture fixture;
    struct px_finding finding;

    (void)state;
    make(&fixture, PX_STICKY_NONE);
    count(&fixture, 0, 10000, 0);
    count(&fixture, 1, 49, 49);
    finding = find(&fixture, 1);
    assert_string_equal(finding.errors.why, "too few requests");
    assert_true(finding.errors.has_verdict);
    assert_int_equal(finding.errors.verdict, STRATEGY_VERDICT_INCONCLUSIVE);
    fixture.rule.guard.is_set = true;
    fixture.rule.guard.min_requests = 40;
    assert_int_equal(find(&fixture, 1).errors.verdict, STRATEGY_VERDICT_WORSE);
    count(&fixture, 0, 39, 0);
    assert_string_equal(find(&fixture, 1).errors.why, "too few requests of stable");
    drop(&fixture);
}

static void test_finding_of_groups_that_are_not_comparable(void **state)
{
    struct fixture fixture;

    (void)state;
    make(&fixture, PX_STICKY_NONE);
    count(&fixture, 0, 1000, 0);
    count(&fixture, 1, 1000, 500);
    fixture.snapshot_rule.stable = STRATEGY_NONE;
    assert_string_equal(find(&fixture, 1).errors.why, "no stable version to compare with");
    fixture.snapshot_rule.stable = 0;
    fixture.trial.is_bound_before = true;
    assert_non_null(strstr(find(&fixture, 1).errors.why, "bound"));
    assert_false(find(&fixture, 1).errors.has_verdict);
    fixture.trial.is_bound_before = false;
    fixture.rule.match_count = 1;
    assert_null(find(&fixture, 1).errors.why); /* drawn among those who match */
    fixture.snapshot_rule.only = 1;
    assert_non_null(strstr(find(&fixture, 1).errors.why, "chosen by match"));
    drop(&fixture);
}

static void test_finding_by_user_and_goals_of_users(void **state)
{
    struct fixture fixture;
    struct px_finding finding;
    struct px_comparison goal;

    (void)state;
    make(&fixture, PX_STICKY_COOKIE);
    for (uint32_t place = 0; place < 2; place++) {
        struct px_stats_crowd *crowd = fixture.counts->arms[place].crowd;

        count(&fixture, place, 5120, 512 * place);
        for (uint64_t user = 0; user < 2560; user++) {
            px_stats_bits_set(&crowd->seen, user + 100000 * place);
            if (user % (place ? 4 : 20) == 0)
                px_stats_bits_set(&crowd->reached[0], user + 100000 * place);
        }
    }
    for (uint32_t i = 0; i < STRATEGY_BUCKETS; i++) {
        fixture.counts->arms[1].crowd->own[i] = (struct strategy_counts){2, 20};
        fixture.counts->arms[1].crowd->stable[i] = (struct strategy_counts){0, 20};
        fixture.counts->arms[1].crowd->buckets[i] = (struct strategy_counts){2, 20};
    }
    finding = find(&fixture, 1);
    assert_int_equal(finding.unit, PX_UNIT_USER);
    assert_true(finding.has_users && finding.users > 2500 && finding.users < 2620);
    assert_int_equal(finding.errors.verdict, STRATEGY_VERDICT_WORSE);
    px_find_goal(&fixture.snapshot_rule, fixture.counts, 1, 0, &goal);
    assert_int_equal(goal.verdict, STRATEGY_VERDICT_BETTER); /* more of a goal is better */
    assert_true(goal.counts.events > 620 && goal.counts.events < 660);
    assert_true(goal.share.low < 0.25 && goal.share.high > 0.25);
    drop(&fixture);
}

static void test_finding_goals_of_requests(void **state)
{
    struct fixture fixture;
    struct px_comparison goal;

    (void)state;
    make(&fixture, PX_STICKY_NONE);
    count(&fixture, 0, 1000, 0);
    count(&fixture, 1, 1000, 0);
    fixture.counts->arms[0].goals[0] = 400;
    fixture.counts->arms[1].goals[0] = 100;
    px_find_goal(&fixture.snapshot_rule, fixture.counts, 1, 0, &goal);
    assert_int_equal(goal.verdict, STRATEGY_VERDICT_WORSE);
    assert_int_equal(goal.counts.of, 1000);
    drop(&fixture);
}

static enum px_split split(const struct fixture *fixture, const char *wanted)
{
    const char *test;
    enum px_split found = px_find_split(&fixture->snapshot_rule, fixture->counts, &test);

    assert_string_equal(test, wanted);
    return found;
}

static void test_finding_split_of_slots(void **state)
{
    struct fixture fixture;

    (void)state;
    make(&fixture, PX_STICKY_NONE);
    fixture.counts->arms[0].dealt = 1002;
    fixture.counts->arms[1].dealt = 1000;
    assert_int_equal(split(&fixture, "slots"), PX_SPLIT_RIGHT);
    fixture.counts->arms[0].dealt = 1006;
    assert_int_equal(split(&fixture, "slots"), PX_SPLIT_WRONG);
    atomic_store(&fixture.trial.is_uneven, true);
    assert_int_equal(split(&fixture, "slots"), PX_SPLIT_UNKNOWN);
    atomic_store(&fixture.trial.is_uneven, false);
    fixture.snapshot_rule.only = 0;
    assert_int_equal(split(&fixture, "slots"), PX_SPLIT_UNKNOWN);
    drop(&fixture);
}

static void test_finding_split_of_keys_and_users(void **state)
{
    struct fixture fixture;

    (void)state;
    make(&fixture, PX_STICKY_COOKIE);
    fixture.counts->arms[0].issued = 5000;
    fixture.counts->arms[1].issued = 5100;
    assert_int_equal(split(&fixture, "keys"), PX_SPLIT_RIGHT);
    fixture.counts->arms[1].issued = 6000;
    assert_int_equal(split(&fixture, "keys"), PX_SPLIT_WRONG);
    fixture.rule.sticky.by = PX_STICKY_HEADER;
    assert_int_equal(split(&fixture, "users"), PX_SPLIT_RIGHT);
    for (uint64_t user = 0; user < 8000; user++)
        px_stats_bits_set(&fixture.counts->arms[user % 8 == 0].crowd->seen, user);
    assert_int_equal(split(&fixture, "users"), PX_SPLIT_WRONG);
    drop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finding_by_request),
        cmocka_unit_test(test_finding_needs_its_minimum),
        cmocka_unit_test(test_finding_of_groups_that_are_not_comparable),
        cmocka_unit_test(test_finding_by_user_and_goals_of_users),
        cmocka_unit_test(test_finding_goals_of_requests),
        cmocka_unit_test(test_finding_split_of_slots),
        cmocka_unit_test(test_finding_split_of_keys_and_users),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

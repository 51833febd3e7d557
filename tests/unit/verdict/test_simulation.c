#include "tests/unit/verdict/simulate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* What the verdicts promise (docs/notes/0007). Seeds are fixed: a run is always the same. */
#define FALSE_AT_MOST 0.05
#define FOUND_AT_LEAST 0.90
/* Fewer say nothing alone: the quick form is judged over all plans of a test together, the big one
 * for each. */
#define ENOUGH_RUNS 250

static int runs(int quick, int big)
{
    return getenv("TURNOUT_LONG") ? big : quick;
}

struct tally {
    int count, worse, better, missed, undecided;
};

static void add(struct tally *tally, const struct tally *more)
{
    tally->count += more->count;
    tally->worse += more->worse;
    tally->better += more->better;
    tally->missed += more->missed;
    tally->undecided += more->undecided;
}

static void add_run(struct tally *tally, const struct test_run *run)
{
    const struct tally one = {1, run->is_worse, run->was_better, !run->is_worse && run->has_sample,
                              !run->is_worse && !run->has_sample};

    add(tally, &one);
}

static double part_of(int count, int all)
{
    return all > 0 ? (double)count / all : 0;
}

static void check_false(const char *what, const struct tally *tally)
{
    double worse = part_of(tally->worse, tally->count);
    double better = part_of(tally->better, tally->count);

    print_message("%s: false worse %.4f, false better %.4f of %d\n", what, worse, better,
                  tally->count);
    if (tally->count >= ENOUGH_RUNS && (worse > FALSE_AT_MOST || better > FALSE_AT_MOST))
        fail_msg("%s: worse %.4f, better %.4f, at most %.2f", what, worse, better, FALSE_AT_MOST);
}

static void check_found(const char *what, const struct tally *tally)
{
    double found = part_of(tally->worse, tally->worse + tally->missed);

    print_message("%s: found %.4f of %d, %d ended before\n", what, found,
                  tally->worse + tally->missed, tally->undecided);
    if (tally->count >= ENOUGH_RUNS &&
        (found < FOUND_AT_LEAST || 2 * tally->undecided > tally->count))
        fail_msg("%s: found %.4f of %d, at least %.2f", what, found, tally->worse + tally->missed,
                 FOUND_AT_LEAST);
}

/* --- independent requests -----------------------------------------------------------------------
 */

static void try_requests(const struct test_requests *plan, const char *what, struct tally *all)
{
    struct tally tally = {0};
    char text[160];

    for (int i = 0; i < runs(plan->has_outages ? 150 : 40, 500); i++) {
        struct test_run run = test_run_requests((uint64_t)(i + 1) * 7919, plan);

        add_run(&tally, &run);
    }
    snprintf(text, sizeof(text), "requests, %s, part %g, error share %g to %g", what, plan->part,
             plan->stable, plan->candidate);
    add(all, &tally);
    if (plan->candidate > plan->stable)
        check_found(text, &tally);
    else
        check_false(text, &tally);
}

static const double parts[] = {0.5, 0.05, 0.01};
static const double shares[] = {0.2, 0.05, 0.01};

static void test_simulation_requests_alike_are_not_called_worse(void **state)
{
    struct tally all = {0};

    (void)state;
    for (int p = 0; p < 3; p++) {
        for (int s = 0; s < 3; s++) {
            struct test_requests plan = {.part = parts[p],
                                         .candidate = shares[s],
                                         .stable = shares[s],
                                         .most = (uint64_t)(runs(200, 1500) / shares[s]),
                                         .is_dealt = true};

            try_requests(&plan, "dealt", &all);
            plan.is_dealt = false;
            try_requests(&plan, "drawn", &all);
        }
    }
    check_false("requests alike, all", &all);
}

static void test_simulation_outages_of_both_are_not_called_worse(void **state)
{
    struct test_requests plan = {.part = 0.05,
                                 .candidate = 0.01,
                                 .stable = 0.01,
                                 .most = runs(4000, 30000),
                                 .is_dealt = true,
                                 .has_outages = true};

    struct tally all = {0};

    (void)state;
    for (int i = 0; i < 2; i++, plan.part = 0.5)
        try_requests(&plan, "outages", &all);
    check_false("outages, all", &all);
}

static void test_simulation_requests_doubled_errors_are_found_within_sample(void **state)
{
    struct tally all = {0};

    (void)state;
    for (int p = 0; p < 3; p++) {
        for (int s = 0; s < 3; s++) {
            struct test_requests plan = {.part = parts[p],
                                         .candidate = 2 * shares[s],
                                         .stable = shares[s],
                                         .most = UINT64_MAX,
                                         .is_dealt = true,
                                         .ends_at_sample = true};

            if (parts[p] > 0.02 || shares[s] > 0.02 || getenv("TURNOUT_LONG"))
                try_requests(&plan, "doubled", &all);
        }
    }
    check_found("requests doubled, all", &all);
}

/* --- users ---------------------------------------------------------------------------------------
 */

static void try_users(const struct test_users *plan, int count, struct tally *all)
{
    struct tally tally = {0};
    char text[200];

    for (int i = 0; i < count; i++) {
        struct test_run run = test_run_users((uint64_t)(i + 1) * 104729, plan);

        add_run(&tally, &run);
    }
    snprintf(text, sizeof(text),
             "users, part %g, error share %g to %g, tail %g, differ %g%s, stay %d", plan->part,
             plan->stable, plan->candidate, plan->tail, plan->differ,
             plan->is_heavy_worse ? ", heavy ones worse" : "", plan->stay);
    add(all, &tally);
    if (plan->candidate > plan->stable)
        check_found(text, &tally);
    else
        check_false(text, &tally);
}

static const double tails[] = {3, 1.5, 1.1};

static void test_simulation_users_alike_are_not_called_worse(void **state)
{
    struct tally all = {0};

    (void)state;
    for (int p = 0; p < 2; p++) {
        for (int t = 0; t < 3; t++) {
            for (int d = 0; d < 3; d++) {
                struct test_users plan = {.part = parts[p],
                                          .candidate = 0.05,
                                          .stable = 0.05,
                                          .count = (uint32_t)(runs(300, 1000) / parts[p]),
                                          .tail = tails[t],
                                          .differ = d,
                                          .is_heavy_worse = d == 2,
                                          .stay = d == 1 ? TEST_STAY_ALL_THE_TIME
                                                         : TEST_STAY_FOR_A_WHILE};

                try_users(&plan, runs(40, 500), &all);
            }
        }
    }
    check_false("users alike, all", &all);
}

static void test_simulation_users_doubled_errors_are_found_within_sample(void **state)
{
    struct tally all = {0};

    (void)state;
    for (int p = 0; p < 2; p++) {
        for (int t = 0; t < 2; t++) {
            for (int d = 0; d < 2; d++) {
                struct test_users plan = {.part = parts[p],
                                          .candidate = 0.1,
                                          .stable = 0.05,
                                          .count = (uint32_t)(3000 / parts[p]),
                                          .tail = tails[t],
                                          .differ = d,
                                          .ends_at_sample = true};

                try_users(&plan, runs(40, 500), &all);
            }
        }
    }
    check_found("users doubled, all", &all);
}

/* The reason for all this: by request, users alike are called different in half of all cases. */
static void test_simulation_users_by_request_would_cry_wolf(void **state)
{
    struct test_users plan = {.part = 0.5,
                              .candidate = 0.05,
                              .stable = 0.05,
                              .count = 4000,
                              .tail = 1.1,
                              .differ = 1,
                              .by_request = true};
    struct tally tally = {0};

    (void)state;
    for (int i = 0; i < 40; i++) {
        struct test_run run = test_run_users((uint64_t)(i + 1) * 104729, &plan);

        add_run(&tally, &run);
    }
    print_message("users by request: false worse or better %d of 40\n", tally.worse + tally.better);
    assert_true(tally.worse + tally.better >= 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simulation_requests_alike_are_not_called_worse),
        cmocka_unit_test(test_simulation_outages_of_both_are_not_called_worse),
        cmocka_unit_test(test_simulation_requests_doubled_errors_are_found_within_sample),
        cmocka_unit_test(test_simulation_users_alike_are_not_called_worse),
        cmocka_unit_test(test_simulation_users_doubled_errors_are_found_within_sample),
        cmocka_unit_test(test_simulation_users_by_request_would_cry_wolf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

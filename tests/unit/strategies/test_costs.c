/*
 * What a decision costs, in instructions and not in time: O(versions), whatever the weights and
 * however large the slot's number; O(endpoints).
 */
#include "tests/support/instructions.h"
#include "tests/unit/strategies/sample.h"

#define SAMPLES 2

enum arrangement { RISING, FALLING, RANDOM, EQUAL };

struct work {
    uint64_t seed;
    uint64_t n;
    uint32_t count;
    uint32_t weights[STRATEGY_VERSIONS_MAX];
    uint64_t ids[STRATEGY_VERSIONS_MAX];
    struct strategy_candidate candidates[STRATEGY_VERSIONS_MAX];
    struct strategy_version_question question;
    struct strategy_endpoint endpoints[256];
    enum strategy_balance balance;
    volatile uint32_t result;
};

static void nothing(void *context)
{
    (void)context;
}

static void run_slot(void *context)
{
    struct work *work = context;

    work->result = strategy_slot(work->seed, work->weights, work->count, work->n);
}

static void run_rendezvous(void *context)
{
    struct work *work = context;

    work->result = strategy_rendezvous(work->n, work->ids, work->weights, work->count);
}

static void run_version(void *context)
{
    struct work *work = context;
    struct strategy_version_answer answer;

    strategy_choose_version(&work->question, &answer);
    work->result = answer.index;
}

static void run_endpoint(void *context)
{
    struct work *work = context;
    const struct strategy_endpoint_question question = {.endpoints = work->endpoints,
                                                        .count = work->count,
                                                        .n = work->n,
                                                        .has_key = true,
                                                        .key = work->seed};

    work->result = strategy_balance_ops(work->balance)->choose(&question);
}

static void arrange(struct work *work, uint32_t count, enum arrangement arrangement,
                    uint64_t *random)
{
    work->count = count;
    work->seed = test_draw(random);
    work->n = test_draw(random) >> (test_draw(random) % 64);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t weight = 1 + (uint32_t)(test_draw(random) % STRATEGY_WEIGHT_MAX);

        work->ids[i] = test_draw(random);
        work->weights[i] = arrangement == RISING    ? (i + 1) * 1000
                           : arrangement == FALLING ? (count - i) * 1000
                           : arrangement == EQUAL   ? 7
                                                    : weight;
        work->candidates[i] =
            (struct strategy_candidate){.id = work->ids[i], .weight = work->weights[i], .up = true};
    }
    work->question = (struct strategy_version_question){.candidates = work->candidates,
                                                        .count = count,
                                                        .seed = work->seed,
                                                        .n = work->n,
                                                        .bound = STRATEGY_NONE,
                                                        .on_unhealthy = STRATEGY_FAILOVER,
                                                        .stable = 0};
}

/* The most that any of the samples took, without what an empty function takes. */
static int64_t cost_of(void (*run)(void *context), uint32_t count)
{
    uint64_t random = 5;
    int64_t empty = instructions_of(nothing, NULL);
    int64_t most = 0;

    for (int i = 0; i < 4 * SAMPLES; i++) {
        struct work work;
        int64_t cost;

        arrange(&work, count, (enum arrangement)(i % 4), &random);
        cost = instructions_of(run, &work) - empty;
        most = cost > most ? cost : most;
    }
    return most;
}

/* No version more costs more than those of a pair do each, and a quarter. */
static void expect_linear(const char *name, void (*run)(void *context))
{
    int64_t costs[5];

    for (uint32_t i = 1; i <= 4; i++)
        costs[i] = cost_of(run, 1u << i);
    print_message("%s: %lld, %lld, %lld, %lld instructions for 2, 4, 8, 16 versions\n", name,
                  (long long)costs[1], (long long)costs[2], (long long)costs[3],
                  (long long)costs[4]);
    for (uint32_t i = 2; i <= 4; i++)
        assert_true(4 * costs[i] <= (5 * costs[1]) << (i - 1));
}

static bool may_count(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("skipped: most instructions are the sanitizer's\n");
    return false;
#else
    if (instructions_of(nothing, NULL) > 0)
        return true;
    print_message("skipped: this machine forbids to single-step a child\n");
    return false;
#endif
}

static void test_costs_of_versions_are_linear(void **state)
{
    (void)state;
    if (!may_count())
        skip();
    expect_linear("slot", run_slot);
    expect_linear("rendezvous", run_rendezvous);
    expect_linear("choose_version", run_version);
}

/* No loop over time: the last of all slots costs what the first does, up to branches taken. */
static void test_costs_of_a_slot_do_not_grow_with_its_number(void **state)
{
    int64_t least = INT64_MAX;
    int64_t most = 0;

    (void)state;
    if (!may_count())
        skip();
    for (int shift = 0; shift < 64; shift += 3) {
        struct work work = {
            .seed = 3, .n = UINT64_MAX >> shift, .count = 2, .weights = {999999, 1}};
        int64_t cost = instructions_of(run_slot, &work);

        least = cost < least ? cost : least;
        most = cost > most ? cost : most;
    }
    assert_true(most <= 2 * least);
}

static void test_costs_of_endpoints_are_linear(void **state)
{
    (void)state;
    if (!may_count())
        skip();
    for (int balance = 0; balance < STRATEGY_BALANCE_COUNT; balance++) {
        int64_t costs[2];

        for (int i = 0; i < 2; i++) {
            struct work work = {.seed = 3,
                                .n = 2,
                                .count = i ? 256 : 64,
                                .balance = (enum strategy_balance)balance};

            for (uint32_t e = 0; e < work.count; e++) /* the turn is a cold one's: all are seen */
                work.endpoints[e] = (struct strategy_endpoint){.index = e, .up = true, .cold = 500};
            work.endpoints[work.count - 1].cold = 0;
            costs[i] = instructions_of(run_endpoint, &work);
        }
        print_message("%s: %lld, %lld instructions for 64, 256 endpoints\n",
                      strategy_balance_ops((enum strategy_balance)balance)->name,
                      (long long)costs[0], (long long)costs[1]);
        assert_true(costs[1] <= 4 * costs[0] + 60);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_costs_of_versions_are_linear),
        cmocka_unit_test(test_costs_of_a_slot_do_not_grow_with_its_number),
        cmocka_unit_test(test_costs_of_endpoints_are_linear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

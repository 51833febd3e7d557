#include "tests/unit/strategies/sample.h"

#define MANY 1000

/* `count` endpoints, all up, active and idle. */
static struct strategy_endpoint_question make(struct strategy_endpoint *endpoints, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        endpoints[i] = (struct strategy_endpoint){.index = i, .up = true};
    return (struct strategy_endpoint_question){.endpoints = endpoints, .count = count};
}

static uint32_t choose(enum strategy_balance balance, const struct strategy_endpoint_question *q)
{
    return strategy_balance_ops(balance)->choose(q);
}

static void test_choose_endpoint_round_robin_takes_turns(void **state)
{
    struct strategy_endpoint endpoints[4];
    struct strategy_endpoint_question question = make(endpoints, 4);

    (void)state;
    for (question.n = 100; question.n < 120; question.n++)
        assert_int_equal(choose(STRATEGY_ROUND_ROBIN, &question), question.n % 4);
}

static void test_choose_endpoint_round_robin_deals_closed_turns_evenly(void **state)
{
    struct strategy_endpoint endpoints[5];
    struct strategy_endpoint_question question = make(endpoints, 5);
    uint32_t counted[5] = {0};

    (void)state;
    endpoints[1].up = false;
    endpoints[2].mode = STRATEGY_CUT;
    for (question.n = 0; question.n < 1500; question.n++)
        counted[choose(STRATEGY_ROUND_ROBIN, &question)]++;
    assert_int_equal(counted[1] + counted[2], 0);
    assert_int_equal(counted[0], 500);
    assert_int_equal(counted[3], 500);
    assert_int_equal(counted[4], 500);
}

static void test_choose_endpoint_least_requests_takes_the_idlest(void **state)
{
    struct strategy_endpoint endpoints[4];
    struct strategy_endpoint_question question = make(endpoints, 4);

    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        endpoints[i].in_flight = 10 - i;
    for (question.n = 0; question.n < 8; question.n++)
        assert_int_equal(choose(STRATEGY_LEAST_REQUESTS, &question), 3);
    endpoints[3].up = false;
    assert_int_equal(choose(STRATEGY_LEAST_REQUESTS, &question), 2);
    endpoints[2].tried = true;
    assert_int_equal(choose(STRATEGY_LEAST_REQUESTS, &question), 1);
}

static void test_choose_endpoint_least_requests_takes_turns_among_equals(void **state)
{
    struct strategy_endpoint endpoints[3];
    struct strategy_endpoint_question question = make(endpoints, 3);
    uint32_t counted[3] = {0};

    (void)state;
    for (question.n = 0; question.n < 300; question.n++)
        counted[choose(STRATEGY_LEAST_REQUESTS, &question)]++;
    for (int i = 0; i < 3; i++)
        assert_int_equal(counted[i], 100);
}

static void test_choose_endpoint_hash_spreads_and_stays(void **state)
{
    struct strategy_endpoint endpoints[4];
    struct strategy_endpoint_question question = make(endpoints, 4);
    uint32_t counted[4] = {0};

    (void)state;
    question.has_key = true;
    for (question.key = 0; question.key < 4000; question.key++) {
        uint32_t place = choose(STRATEGY_HASH, &question);

        question.n++;
        assert_int_equal(choose(STRATEGY_HASH, &question), place);
        counted[place]++;
    }
    for (int i = 0; i < 4; i++)
        test_assert_at_most(test_deviations(counted[i], 4000, 0.25), TEST_FIVE_SIGMA);
}

static void test_choose_endpoint_hash_goes_by_index_not_by_place(void **state)
{
    struct strategy_endpoint blue[3];
    struct strategy_endpoint green[3];
    struct strategy_endpoint_question ask_blue = make(blue, 3);
    struct strategy_endpoint_question ask_green = make(green, 3);

    (void)state;
    green[0].index = 2; /* listed in another order */
    green[2].index = 0;
    ask_blue.has_key = ask_green.has_key = true;
    for (uint64_t key = 0; key < 300; key++) {
        ask_blue.key = ask_green.key = key;
        assert_int_equal(blue[choose(STRATEGY_HASH, &ask_blue)].index,
                         green[choose(STRATEGY_HASH, &ask_green)].index);
    }
}

static void test_choose_endpoint_hash_moves_only_the_users_of_what_changes(void **state)
{
    struct strategy_endpoint endpoints[5];
    struct strategy_endpoint_question four = make(endpoints, 4);
    struct strategy_endpoint_question five = make(endpoints, 5);
    uint32_t moved = 0;

    (void)state;
    four.has_key = five.has_key = true;
    for (uint64_t key = 0; key < 2000; key++) {
        uint32_t before;

        four.key = five.key = key;
        before = choose(STRATEGY_HASH, &four);
        if (choose(STRATEGY_HASH, &five) != before) {
            assert_int_equal(choose(STRATEGY_HASH, &five), 4);
            moved++;
        }
        endpoints[1].up = false;
        if (before != 1)
            assert_int_equal(choose(STRATEGY_HASH, &four), before);
        else
            assert_int_not_equal(choose(STRATEGY_HASH, &four), 1);
        endpoints[1].up = true;
    }
    test_assert_at_most(test_deviations(moved, 2000, 0.2), TEST_FIVE_SIGMA);
}

static void test_choose_endpoint_hash_without_key_takes_turns(void **state)
{
    struct strategy_endpoint endpoints[3];
    struct strategy_endpoint_question question = make(endpoints, 3);

    (void)state;
    for (question.n = 0; question.n < 9; question.n++)
        assert_int_equal(choose(STRATEGY_HASH, &question), question.n % 3);
}

static void test_choose_endpoint_draining_keeps_only_its_own(void **state)
{
    struct strategy_endpoint endpoints[2];
    struct strategy_endpoint_question question = make(endpoints, 2);
    bool stayed = false;

    (void)state;
    endpoints[0].mode = STRATEGY_DRAINING;
    for (question.n = 0; question.n < 10; question.n++) {
        assert_int_equal(choose(STRATEGY_ROUND_ROBIN, &question), 1);
        assert_int_equal(choose(STRATEGY_LEAST_REQUESTS, &question), 1);
        assert_int_equal(choose(STRATEGY_HASH, &question), 1);
    }
    question.has_key = true;
    for (question.key = 0; question.key < 20; question.key++)
        stayed |= choose(STRATEGY_HASH, &question) == 0;
    assert_true(stayed);
}

static void test_choose_endpoint_tried_ones_are_out(void **state)
{
    struct strategy_endpoint endpoints[3];
    struct strategy_endpoint_question question = make(endpoints, 3);

    (void)state;
    endpoints[0].tried = endpoints[2].tried = true;
    for (int balance = 0; balance < STRATEGY_BALANCE_COUNT; balance++) {
        for (int has_key = 0; has_key < 2; has_key++) {
            question.has_key = has_key;
            for (question.n = question.key = 0; question.n < 6; question.n++, question.key++)
                assert_int_equal(choose((enum strategy_balance)balance, &question), 1);
        }
    }
}

static void test_choose_endpoint_full_ones_are_passed_over(void **state)
{
    struct strategy_endpoint endpoints[3];
    struct strategy_endpoint_question question = make(endpoints, 3);

    (void)state;
    endpoints[1].full = true;
    for (int balance = 0; balance < STRATEGY_BALANCE_COUNT; balance++) {
        for (int has_key = 0; has_key < 2; has_key++) {
            question.has_key = has_key;
            for (question.n = question.key = 0; question.n < 20; question.n++, question.key++)
                assert_int_not_equal(choose((enum strategy_balance)balance, &question), 1);
        }
    }
    endpoints[0].full = endpoints[2].full = true;
    for (int balance = 0; balance < STRATEGY_BALANCE_COUNT; balance++)
        assert_int_equal(choose((enum strategy_balance)balance, &question), STRATEGY_NONE);
}

static void test_choose_endpoint_nobody(void **state)
{
    struct strategy_endpoint endpoints[3];
    struct strategy_endpoint_question question = make(endpoints, 3);
    struct strategy_endpoint_question empty = make(endpoints, 0);

    (void)state;
    endpoints[0].up = false;
    endpoints[1].mode = STRATEGY_CUT;
    endpoints[2].tried = true;
    for (int balance = 0; balance < STRATEGY_BALANCE_COUNT; balance++) {
        for (int has_key = 0; has_key < 2; has_key++) {
            question.has_key = empty.has_key = has_key;
            assert_int_equal(choose((enum strategy_balance)balance, &question), STRATEGY_NONE);
            assert_int_equal(choose((enum strategy_balance)balance, &empty), STRATEGY_NONE);
        }
    }
}

static void test_choose_endpoint_many(void **state)
{
    static struct strategy_endpoint endpoints[MANY];
    struct strategy_endpoint_question question = make(endpoints, MANY);
    static uint32_t counted[MANY];

    (void)state;
    for (uint32_t i = 0; i < MANY; i += 2)
        endpoints[i].up = false;
    for (question.n = 0; question.n < 2 * MANY; question.n++)
        counted[choose(STRATEGY_ROUND_ROBIN, &question)]++;
    for (uint32_t i = 0; i < MANY; i++)
        assert_in_range(counted[i], i % 2 ? 3 : 0, i % 2 ? 5 : 0);
}

static void test_choose_endpoint_balances_have_names(void **state)
{
    static const char *const names[] = {"round_robin", "least_requests", "hash"};
    enum strategy_balance balance = STRATEGY_LEAST_REQUESTS;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_string_equal(strategy_balance_ops((enum strategy_balance)i)->name, names[i]);
        assert_ptr_equal(strategy_find_balance(names[i], &balance),
                         strategy_balance_ops((enum strategy_balance)i));
        assert_int_equal(balance, i);
    }
    balance = STRATEGY_LEAST_REQUESTS;
    assert_null(strategy_find_balance("random", &balance));
    assert_int_equal(balance, STRATEGY_LEAST_REQUESTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choose_endpoint_round_robin_takes_turns),
        cmocka_unit_test(test_choose_endpoint_round_robin_deals_closed_turns_evenly),
        cmocka_unit_test(test_choose_endpoint_least_requests_takes_the_idlest),
        cmocka_unit_test(test_choose_endpoint_least_requests_takes_turns_among_equals),
        cmocka_unit_test(test_choose_endpoint_hash_spreads_and_stays),
        cmocka_unit_test(test_choose_endpoint_hash_goes_by_index_not_by_place),
        cmocka_unit_test(test_choose_endpoint_hash_moves_only_the_users_of_what_changes),
        cmocka_unit_test(test_choose_endpoint_hash_without_key_takes_turns),
        cmocka_unit_test(test_choose_endpoint_draining_keeps_only_its_own),
        cmocka_unit_test(test_choose_endpoint_tried_ones_are_out),
        cmocka_unit_test(test_choose_endpoint_full_ones_are_passed_over),
        cmocka_unit_test(test_choose_endpoint_nobody),
        cmocka_unit_test(test_choose_endpoint_many),
        cmocka_unit_test(test_choose_endpoint_balances_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

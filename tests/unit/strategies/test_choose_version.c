#include "tests/unit/strategies/sample.h"

enum { BLUE, GREEN, RED };

/* blue 50, green 30, red 20; all up and active; no key. */
struct fixture {
    struct strategy_candidate candidates[3];
    struct strategy_version_question question;
};

static struct fixture make(void)
{
    struct fixture fixture = {
        .candidates = {{0xb1, 50, STRATEGY_ACTIVE, true},
                       {0x62ee, 30, STRATEGY_ACTIVE, true},
                       {0x4ed, 20, STRATEGY_ACTIVE, true}},
        .question = {.count = 3, .seed = 7, .bound = STRATEGY_NONE, .stable = STRATEGY_NONE},
    };

    return fixture;
}

static struct strategy_version_answer ask(struct fixture *fixture)
{
    struct strategy_version_answer answer;

    fixture->question.candidates = fixture->candidates;
    strategy_choose_version(&fixture->question, &answer);
    return answer;
}

static struct strategy_version_answer ask_key(struct fixture *fixture, uint64_t key)
{
    fixture->question.has_key = true;
    fixture->question.key = key;
    return ask(fixture);
}

/* Deals n slots and counts whom they reach. */
static void deal(struct fixture *fixture, uint32_t slots, uint32_t *ret_counted)
{
    memset(ret_counted, 0, 3 * sizeof(*ret_counted));
    for (uint32_t n = 0; n < slots; n++) {
        struct strategy_version_answer answer;

        fixture->question.n = n;
        answer = ask(fixture);
        if (answer.index != STRATEGY_NONE)
            ret_counted[answer.index]++;
    }
}

static void test_choose_version_deals_slots(void **state)
{
    struct fixture fixture = make();
    uint32_t counted[3];

    (void)state;
    assert_int_equal(ask(&fixture).reason, STRATEGY_REASON_SLOT);
    deal(&fixture, 1000, counted);
    assert_int_equal(counted[BLUE], 500);
    assert_int_equal(counted[GREEN], 300);
    assert_int_equal(counted[RED], 200);
}

static void test_choose_version_key_decides_alone(void **state)
{
    struct fixture fixture = make();

    (void)state;
    for (uint64_t key = 0; key < 300; key++) {
        const uint64_t ids[] = {0xb1, 0x62ee, 0x4ed};
        const uint32_t weights[] = {50, 30, 20};
        struct strategy_version_answer answer;

        fixture.question.n = key * 7;
        answer = ask_key(&fixture, key);
        assert_int_equal(answer.index, strategy_rendezvous(key, ids, weights, 3));
        assert_int_equal(answer.wanted, answer.index);
        assert_int_equal(answer.reason, STRATEGY_REASON_KEY);
    }
}

static void test_choose_version_only_one_with_weight(void **state)
{
    struct fixture fixture = make();

    (void)state;
    fixture.candidates[BLUE].weight = 0;
    fixture.candidates[RED].weight = 0;
    assert_int_equal(ask(&fixture).index, GREEN);
    assert_int_equal(ask(&fixture).reason, STRATEGY_REASON_ONLY);
    assert_int_equal(ask_key(&fixture, 5).reason, STRATEGY_REASON_ONLY);
    fixture.question.has_key = false;
    fixture.question.is_newcomer = true;
    assert_int_equal(ask(&fixture).reason, STRATEGY_REASON_NEWCOMER);
}

static void test_choose_version_cut_share_goes_to_the_others_in_proportion(void **state)
{
    struct fixture fixture = make();
    uint32_t counted[3];

    (void)state;
    fixture.candidates[BLUE].mode = STRATEGY_CUT;
    deal(&fixture, 1000, counted);
    assert_int_equal(counted[BLUE], 0);
    assert_int_equal(counted[GREEN], 600);
    assert_int_equal(counted[RED], 400);
    for (uint64_t key = 0; key < 300; key++) {
        struct fixture whole = make();
        struct strategy_version_answer before = ask_key(&whole, key);
        struct strategy_version_answer after = ask_key(&fixture, key);

        assert_int_not_equal(after.index, BLUE);
        if (before.index != BLUE)
            assert_int_equal(after.index, before.index); /* nobody else moves */
    }
}

static void test_choose_version_cut_goes_to_stable_then_to_nobody(void **state)
{
    struct fixture fixture = make();

    (void)state;
    fixture.candidates[GREEN].mode = STRATEGY_CUT;
    fixture.candidates[BLUE].weight = 0;
    fixture.candidates[RED].weight = 0;
    assert_int_equal(ask(&fixture).index, STRATEGY_NONE);
    assert_int_equal(ask(&fixture).reason, STRATEGY_REASON_UNAVAILABLE);
    fixture.question.stable = BLUE;
    assert_int_equal(ask(&fixture).index, BLUE);
    assert_int_equal(ask(&fixture).reason, STRATEGY_REASON_STABLE);
    assert_int_equal(ask_key(&fixture, 9).index, BLUE);
    fixture.candidates[BLUE].mode = STRATEGY_CUT;
    assert_int_equal(ask(&fixture).index, STRATEGY_NONE);
    assert_int_equal(ask(&fixture).wanted, STRATEGY_NONE);
}

static void test_choose_version_draining_gets_no_new_users(void **state)
{
    struct fixture fixture = make();
    uint32_t counted[3];
    bool somebody_stayed = false;

    (void)state;
    fixture.candidates[BLUE].mode = STRATEGY_DRAINING;
    deal(&fixture, 1000, counted);
    assert_int_equal(counted[BLUE], 0);
    assert_int_equal(counted[GREEN], 600);
    fixture.question.is_newcomer = true;
    deal(&fixture, 1000, counted);
    assert_int_equal(counted[BLUE], 0);
    fixture.question.is_newcomer = false;
    for (uint64_t key = 0; key < 300; key++) {
        struct fixture whole = make();

        /* those who have a key stay where they are */
        assert_int_equal(ask_key(&fixture, key).index, ask_key(&whole, key).index);
        somebody_stayed |= ask_key(&fixture, key).index == BLUE;
    }
    assert_true(somebody_stayed);
}

static void test_choose_version_draining_alone_sends_new_ones_to_stable(void **state)
{
    struct fixture fixture = make();

    (void)state;
    fixture.candidates[BLUE].mode = STRATEGY_DRAINING;
    fixture.candidates[GREEN].weight = 0;
    fixture.candidates[RED].weight = 0;
    assert_int_equal(ask(&fixture).index, STRATEGY_NONE);
    fixture.question.stable = RED;
    assert_int_equal(ask(&fixture).index, RED);
    assert_int_equal(ask(&fixture).reason, STRATEGY_REASON_STABLE);
    assert_int_equal(ask_key(&fixture, 1).index, BLUE);
    fixture.question.stable = BLUE; /* draining itself */
    fixture.question.has_key = false;
    assert_int_equal(ask(&fixture).index, STRATEGY_NONE);
}

static void test_choose_version_binding_is_stronger_than_weights(void **state)
{
    struct fixture fixture = make();

    (void)state;
    fixture.question.bound = RED;
    for (uint64_t key = 0; key < 50; key++) {
        assert_int_equal(ask_key(&fixture, key).index, RED);
        assert_int_equal(ask_key(&fixture, key).reason, STRATEGY_REASON_BOUND);
    }
    fixture.candidates[RED].weight = 0;
    assert_int_equal(ask_key(&fixture, 1).index, RED);
    fixture.candidates[RED].mode = STRATEGY_DRAINING;
    assert_int_equal(ask_key(&fixture, 1).index, RED);
}

static void test_choose_version_cut_is_stronger_than_binding(void **state)
{
    struct fixture fixture = make();

    (void)state;
    fixture.question.bound = RED;
    fixture.candidates[RED].mode = STRATEGY_CUT;
    for (uint64_t key = 0; key < 50; key++) {
        assert_int_not_equal(ask_key(&fixture, key).index, RED);
        assert_int_equal(ask_key(&fixture, key).reason, STRATEGY_REASON_KEY);
    }
}

static void test_choose_version_unhealthy_fails_by_default(void **state)
{
    struct fixture fixture = make();
    uint32_t refused = 0;

    (void)state;
    fixture.candidates[GREEN].up = false;
    for (uint32_t n = 0; n < 1000; n++) {
        struct strategy_version_answer answer;

        fixture.question.n = n;
        answer = ask(&fixture);
        if (answer.index == STRATEGY_NONE) {
            assert_int_equal(answer.wanted, GREEN);
            assert_int_equal(answer.reason, STRATEGY_REASON_UNAVAILABLE);
            refused++;
        }
    }
    assert_int_equal(refused, 300);
}

static void test_choose_version_failover_deals_the_share_again(void **state)
{
    struct fixture fixture = make();
    uint32_t counted[3] = {0};
    uint32_t charged = 0;

    (void)state;
    fixture.candidates[GREEN].up = false;
    fixture.question.on_unhealthy = STRATEGY_FAILOVER;
    for (uint32_t n = 0; n < 7000; n++) {
        struct strategy_version_answer answer;

        fixture.question.n = n;
        answer = ask(&fixture);
        counted[answer.index]++;
        charged += answer.wanted == GREEN;
        assert_int_equal(answer.reason,
                         answer.wanted == GREEN ? STRATEGY_REASON_FAILOVER : STRATEGY_REASON_SLOT);
    }
    assert_int_equal(charged, 2100);
    assert_int_equal(counted[GREEN], 0);
    /* 2,100 of green in proportion 50:20, as exact as the slots themselves */
    assert_int_equal(counted[BLUE], 3500 + 1500);
    assert_int_equal(counted[RED], 1400 + 600);
}

static void test_choose_version_failover_of_a_key_is_its_next_version(void **state)
{
    struct fixture fixture = make();
    uint32_t met[3] = {0};

    (void)state;
    fixture.candidates[GREEN].up = false;
    fixture.question.on_unhealthy = STRATEGY_FAILOVER;
    for (uint64_t key = 0; key < 3000; key++) {
        const uint64_t ids[] = {0xb1, 0x62ee, 0x4ed};
        const uint32_t without[] = {50, 0, 20};
        struct strategy_version_answer answer = ask_key(&fixture, key);

        assert_int_equal(answer.index, strategy_rendezvous(key, ids, without, 3));
        if (answer.wanted == GREEN)
            met[answer.index]++;
        else
            assert_int_equal(answer.index, answer.wanted);
    }
    test_assert_at_most(test_deviations(met[RED], met[RED] + met[BLUE], 20 / 70.0),
                        TEST_FIVE_SIGMA);
}

static void test_choose_version_failover_of_a_binding(void **state)
{
    struct fixture fixture = make();
    struct strategy_version_answer answer;

    (void)state;
    fixture.question.bound = RED;
    fixture.candidates[RED].up = false;
    assert_int_equal(ask_key(&fixture, 3).index, STRATEGY_NONE);
    fixture.question.on_unhealthy = STRATEGY_FAILOVER;
    answer = ask_key(&fixture, 3);
    assert_int_not_equal(answer.index, RED);
    assert_int_equal(answer.wanted, RED);
    assert_int_equal(answer.reason, STRATEGY_REASON_FAILOVER);
}

static void test_choose_version_failover_ends_at_stable_then_nobody(void **state)
{
    struct fixture fixture = make();

    (void)state;
    fixture.question.on_unhealthy = STRATEGY_FAILOVER;
    fixture.candidates[GREEN].up = false;
    fixture.candidates[BLUE].weight = 0;
    fixture.candidates[RED].weight = 0;
    assert_int_equal(ask(&fixture).index, STRATEGY_NONE);
    fixture.question.stable = BLUE;
    assert_int_equal(ask(&fixture).index, BLUE);
    assert_int_equal(ask(&fixture).wanted, GREEN);
    assert_int_equal(ask(&fixture).reason, STRATEGY_REASON_FAILOVER);
    fixture.candidates[BLUE].up = false;
    assert_int_equal(ask(&fixture).index, STRATEGY_NONE);
    assert_int_equal(ask(&fixture).reason, STRATEGY_REASON_UNAVAILABLE);
}

static void test_choose_version_failover_keeps_out_of_cut_and_draining(void **state)
{
    struct fixture fixture = make();

    (void)state;
    fixture.question.on_unhealthy = STRATEGY_FAILOVER;
    fixture.candidates[GREEN].up = false;
    fixture.candidates[RED].mode = STRATEGY_DRAINING;
    for (uint32_t n = 0; n < 200; n++) {
        fixture.question.n = n;
        assert_int_equal(ask(&fixture).index, BLUE);
    }
    fixture.candidates[RED].mode = STRATEGY_CUT;
    for (uint64_t key = 0; key < 200; key++)
        assert_int_equal(ask_key(&fixture, key).index, BLUE);
}

static void test_choose_version_reasons_have_words(void **state)
{
    (void)state;
    assert_string_equal(strategy_reason_word(STRATEGY_REASON_ONLY), "only");
    assert_string_equal(strategy_reason_word(STRATEGY_REASON_SLOT), "slot");
    assert_string_equal(strategy_reason_word(STRATEGY_REASON_FAILOVER), "failover");
    assert_string_equal(strategy_reason_word(STRATEGY_REASON_UNAVAILABLE), "unavailable");
    for (int reason = 0; reason < STRATEGY_REASON_COUNT; reason++)
        assert_true(strlen(strategy_reason_word((enum strategy_reason)reason)) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choose_version_deals_slots),
        cmocka_unit_test(test_choose_version_key_decides_alone),
        cmocka_unit_test(test_choose_version_only_one_with_weight),
        cmocka_unit_test(test_choose_version_cut_share_goes_to_the_others_in_proportion),
        cmocka_unit_test(test_choose_version_cut_goes_to_stable_then_to_nobody),
        cmocka_unit_test(test_choose_version_draining_gets_no_new_users),
        cmocka_unit_test(test_choose_version_draining_alone_sends_new_ones_to_stable),
        cmocka_unit_test(test_choose_version_binding_is_stronger_than_weights),
        cmocka_unit_test(test_choose_version_cut_is_stronger_than_binding),
        cmocka_unit_test(test_choose_version_unhealthy_fails_by_default),
        cmocka_unit_test(test_choose_version_failover_deals_the_share_again),
        cmocka_unit_test(test_choose_version_failover_of_a_key_is_its_next_version),
        cmocka_unit_test(test_choose_version_failover_of_a_binding),
        cmocka_unit_test(test_choose_version_failover_ends_at_stable_then_nobody),
        cmocka_unit_test(test_choose_version_failover_keeps_out_of_cut_and_draining),
        cmocka_unit_test(test_choose_version_reasons_have_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "strategies/traffic/mix.h"
#include "tests/unit/strategies/sample.h"

/* blue of weight `rest`, green of weight `share`. */
struct fixture {
    struct strategy_candidate candidates[2];
    struct strategy_version_question question;
};

static struct strategy_version_question *make(struct fixture *fixture, uint32_t rest,
                                              uint32_t share)
{
    *fixture = (struct fixture){
        .candidates = {{0xb1, rest, STRATEGY_ACTIVE, true}, {0x62ee, share, STRATEGY_ACTIVE, true}},
        .question = {.count = 2, .seed = 7, .bound = STRATEGY_NONE, .stable = STRATEGY_NONE},
    };
    fixture->question.candidates = fixture->candidates;
    fixture->question.is_newcomer = true;
    return &fixture->question;
}

static uint64_t find_key(const struct strategy_version_question *question, uint32_t wanted,
                         uint64_t *state, uint32_t *tries)
{
    for (;;) {
        uint64_t key = strategy_key_propose(question, wanted, test_draw(state));

        (*tries)++;
        if (strategy_key_lands_in(question, key, wanted))
            return key;
    }
}

static void test_newcomer_keys_land_where_the_slot_was_dealt(void **state)
{
    static const uint32_t shares[] = {1, 10, 1000, 100000, 500000, 999999};
    uint64_t random = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        struct fixture fixture;
        struct strategy_version_question *question =
            make(&fixture, STRATEGY_WEIGHT_MAX - shares[i], shares[i]);
        uint32_t tries = 0;

        for (uint32_t n = 0; n < 200; n++) {
            struct strategy_version_answer first;
            struct strategy_version_answer next;

            question->has_key = false;
            question->is_newcomer = true;
            question->n = n;
            strategy_choose_version(question, &first);
            assert_int_equal(first.reason, STRATEGY_REASON_NEWCOMER);
            question->key = find_key(question, first.wanted, &random, &tries);
            question->has_key = true;
            question->is_newcomer = false;
            strategy_choose_version(question, &next);
            assert_int_equal(next.index, first.index);
            assert_int_equal(next.reason, STRATEGY_REASON_KEY);
        }
    }
}

static void test_newcomer_keys_are_found_fast_for_any_share(void **state)
{
    static const uint32_t shares[] = {1, 30, 1000, 24000, 26000, 100000, 500000, 1000000};
    uint64_t random = 2;

    (void)state;
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        struct fixture fixture;
        struct strategy_version_question *question =
            make(&fixture, STRATEGY_WEIGHT_MAX - shares[i], shares[i]);
        uint32_t tries = 0;

        for (int n = 0; n < 1000; n++)
            find_key(question, 1, &random, &tries);
        /* 40 expected at most; 1/share above a fortieth */
        test_assert_at_most(tries / 1000.0, shares[i] > 25000 ? 1.2e6 / shares[i] : 46);
    }
}

/*
 * Keys that were found must be like those that come by chance: when the share is halved, half of
 * them move on; when it grows tenfold, all stay. Found only in the middle of green, none would
 * move.
 */
static void test_newcomer_keys_are_even_over_the_version(void **state)
{
    uint64_t random = 3;

    (void)state;
    for (uint32_t share = 100; share <= 100000; share *= 10) {
        struct fixture fixture;
        struct fixture halved;
        struct fixture grown;
        struct strategy_version_question *question =
            make(&fixture, STRATEGY_WEIGHT_MAX - share, share);
        uint32_t stayed = 0;
        uint32_t low_bits = 0;
        uint32_t tries = 0;
        double half = share / 2 / (double)(STRATEGY_WEIGHT_MAX - share + share / 2);

        make(&halved, STRATEGY_WEIGHT_MAX - share, share / 2);
        make(&grown, STRATEGY_WEIGHT_MAX - share, share * 10);
        for (int n = 0; n < 2000; n++) {
            uint64_t key = find_key(question, 1, &random, &tries);

            stayed += strategy_key_lands_in(&halved.question, key, 1);
            low_bits += key & 1;
            assert_true(strategy_key_lands_in(&grown.question, key, 1));
        }
        test_assert_at_most(test_deviations(stayed, 2000, half / (share / 1e6)), TEST_FIVE_SIGMA);
        test_assert_at_most(test_deviations(low_bits, 2000, 0.5), TEST_FIVE_SIGMA);
    }
}

static void test_newcomer_keys_of_a_rare_version_differ(void **state)
{
    struct fixture fixture;
    struct strategy_version_question *question = make(&fixture, 999999, 1);
    uint64_t random = 4;
    uint32_t tries = 0;
    uint64_t last = 0;

    (void)state;
    for (int n = 0; n < 500; n++) {
        uint64_t key = find_key(question, 1, &random, &tries);

        assert_true(key != last);
        last = key;
    }
}

static void test_newcomer_keys_agree_while_another_drains_or_is_cut(void **state)
{
    static const uint8_t modes[] = {STRATEGY_DRAINING, STRATEGY_CUT};
    uint64_t random = 5;

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture fixture;
        struct strategy_version_question *question = make(&fixture, 900, 100);
        uint32_t tries = 0;

        fixture.candidates[0].mode = modes[i];
        for (uint32_t n = 0; n < 100; n++) {
            struct strategy_version_answer answer;

            question->n = n;
            question->has_key = false;
            question->is_newcomer = true;
            strategy_choose_version(question, &answer);
            assert_int_equal(answer.wanted, 1);
            question->key = find_key(question, 1, &random, &tries);
            question->has_key = true;
            question->is_newcomer = false;
            strategy_choose_version(question, &answer);
            assert_int_equal(answer.index, 1);
        }
    }
}

static void test_newcomer_keys_nobody_lands_without_weight(void **state)
{
    struct fixture fixture;
    struct strategy_version_question *question = make(&fixture, 100, 0);

    (void)state;
    for (uint64_t random = 0; random < 100; random++) {
        assert_int_equal(strategy_key_propose(question, 1, random), random);
        assert_false(strategy_key_lands_in(question, random, 1));
    }
    /* but with everybody cut, all keys go to stable */
    fixture.candidates[0].mode = STRATEGY_CUT;
    question->stable = 1;
    assert_true(strategy_key_lands_in(question, 5, 1));
}

static void test_newcomer_keys_mix_can_be_undone(void **state)
{
    uint64_t random = 6;

    (void)state;
    for (int n = 0; n < 1000; n++) {
        uint64_t x = test_draw(&random);

        assert_true(strategy_mix64(strategy_unmix64(x)) == x);
        assert_true(strategy_unmix64(strategy_mix(x)) == x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newcomer_keys_land_where_the_slot_was_dealt),
        cmocka_unit_test(test_newcomer_keys_are_found_fast_for_any_share),
        cmocka_unit_test(test_newcomer_keys_are_even_over_the_version),
        cmocka_unit_test(test_newcomer_keys_of_a_rare_version_differ),
        cmocka_unit_test(test_newcomer_keys_agree_while_another_drains_or_is_cut),
        cmocka_unit_test(test_newcomer_keys_nobody_lands_without_weight),
        cmocka_unit_test(test_newcomer_keys_mix_can_be_undone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

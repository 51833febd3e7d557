/* Properties of draining and cut over random questions: who is never chosen, who is never moved. */
#include "strategies/traffic/modes.h"
#include "tests/unit/strategies/sample.h"

#define VERSIONS 5
#define QUESTIONS 20000

struct sample {
    struct strategy_candidate candidates[VERSIONS];
    struct strategy_version_question question;
};

static void draw(uint64_t *state, struct sample *sample)
{
    uint32_t count = (uint32_t)(1 + test_draw(state) % VERSIONS);
    uint32_t kind = (uint32_t)(test_draw(state) % 4);

    *sample = (struct sample){.question = {.count = count,
                                           .seed = test_draw(state),
                                           .has_key = kind == 1 || kind == 3,
                                           .is_newcomer = kind == 2,
                                           .key = test_draw(state),
                                           .n = test_draw(state) % 1000000,
                                           .bound = STRATEGY_NONE,
                                           .stable = STRATEGY_NONE,
                                           .on_unhealthy = (uint8_t)(test_draw(state) % 2)}};
    for (uint32_t i = 0; i < count; i++)
        sample->candidates[i] =
            (struct strategy_candidate){.id = test_draw(state),
                                        .weight = (uint32_t)(test_draw(state) % 4 * 25),
                                        .mode = (uint8_t)(test_draw(state) % 3),
                                        .up = test_draw(state) % 4 > 0};
    if (kind == 3)
        sample->question.bound = (uint32_t)(test_draw(state) % count);
    if (test_draw(state) % 2)
        sample->question.stable = (uint32_t)(test_draw(state) % count);
}

static struct strategy_version_answer ask(struct sample *sample)
{
    struct strategy_version_answer answer;

    sample->question.candidates = sample->candidates;
    strategy_choose_version(&sample->question, &answer);
    return answer;
}

static void test_modes_nobody_reaches_a_cut_version(void **state)
{
    uint64_t seed = 1;
    uint32_t reached = 0;

    (void)state;
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        struct sample sample;
        struct strategy_version_answer answer;

        draw(&seed, &sample);
        answer = ask(&sample);
        if (answer.wanted != STRATEGY_NONE)
            assert_int_not_equal(sample.candidates[answer.wanted].mode, STRATEGY_CUT);
        if (answer.index == STRATEGY_NONE)
            continue;
        assert_int_not_equal(sample.candidates[answer.index].mode, STRATEGY_CUT);
        assert_true(sample.candidates[answer.index].up);
        reached++;
    }
    assert_true(reached > QUESTIONS / 4); /* the questions are not all hopeless */
}

/* New: without a key, or a newcomer who will be given one. */
static void test_modes_nobody_new_reaches_a_draining_version(void **state)
{
    uint64_t seed = 2;
    uint32_t known = 0;

    (void)state;
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        struct sample sample;
        struct strategy_version_answer answer;
        bool is_known;

        draw(&seed, &sample);
        answer = ask(&sample);
        is_known = sample.question.has_key && !sample.question.is_newcomer;
        if (answer.index == STRATEGY_NONE ||
            sample.candidates[answer.index].mode != STRATEGY_DRAINING)
            continue;
        assert_true(is_known);
        known++;
    }
    assert_true(known > 100); /* and those who are known do stay */
}

static void test_modes_a_taker_is_there_exactly_when_one_is_chosen(void **state)
{
    uint64_t seed = 3;
    uint32_t none = 0;

    (void)state;
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        struct sample sample;
        bool is_chosen;

        draw(&seed, &sample);
        is_chosen = ask(&sample).wanted != STRATEGY_NONE;
        assert_int_equal(strategy_has_taker(&sample.question), is_chosen);
        for (uint32_t k = 0; k < sample.question.count; k++)
            sample.candidates[k].up = false; /* health plays no part */
        assert_int_equal(strategy_has_taker(&sample.question), is_chosen);
        none += !is_chosen;
    }
    assert_true(none > 100 && none < QUESTIONS - 100);
}

/* A binding holds at any weight and while it drains; only a cut ends it. */
static void test_modes_force_is_cut_then_binding_then_weights(void **state)
{
    uint64_t seed = 4;
    uint32_t bound = 0;

    (void)state;
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        struct sample sample;
        struct strategy_version_answer answer;
        uint32_t to;

        draw(&seed, &sample);
        to = sample.question.bound;
        if (to == STRATEGY_NONE)
            continue;
        answer = ask(&sample);
        if (sample.candidates[to].mode == STRATEGY_CUT) {
            assert_int_not_equal(answer.wanted, to);
            assert_int_not_equal(answer.reason, STRATEGY_REASON_BOUND);
        } else {
            assert_int_equal(answer.wanted, to);
            bound++;
        }
    }
    assert_true(bound > 1000);
}

/* Cutting a version moves its own users only, and taking it back brings each of them home. */
static void test_modes_cut_moves_only_its_own_users(void **state)
{
    uint64_t seed = 5;
    uint32_t moved = 0;

    (void)state;
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        struct sample sample;
        uint32_t before;
        uint32_t after;
        uint32_t cut;

        draw(&seed, &sample);
        sample.question.has_key = true;
        sample.question.is_newcomer = false;
        sample.question.bound = STRATEGY_NONE;
        for (uint32_t k = 0; k < sample.question.count; k++) {
            sample.candidates[k].mode = STRATEGY_ACTIVE;
            sample.candidates[k].weight += 1;
        }
        before = ask(&sample).wanted;
        cut = (uint32_t)(test_draw(&seed) % sample.question.count);
        sample.candidates[cut].mode = STRATEGY_DRAINING;
        assert_int_equal(ask(&sample).wanted, before); /* nobody yet */
        sample.candidates[cut].mode = STRATEGY_CUT;
        after = ask(&sample).wanted;
        if (before != cut)
            assert_int_equal(after, before);
        else
            assert_int_not_equal(after, cut);
        moved += before == cut;
        sample.candidates[cut].mode = STRATEGY_ACTIVE;
        assert_int_equal(ask(&sample).wanted, before);
    }
    assert_true(moved > 1000);
}

/* The others share a cut version's slots as their weights are, as exactly as always: below
 * log2(count) from the start, twice that in any window. */
static void test_modes_cut_share_goes_to_the_others_in_proportion(void **state)
{
    uint64_t seed = 6;

    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        uint32_t weights[VERSIONS];
        uint32_t counted[VERSIONS] = {0};
        struct sample sample;
        uint32_t cut;
        uint64_t total = 0;

        draw(&seed, &sample);
        sample.question.count = VERSIONS;
        sample.question.has_key = sample.question.is_newcomer = false;
        sample.question.bound = STRATEGY_NONE;
        cut = (uint32_t)(test_draw(&seed) % VERSIONS);
        test_draw_weights(&seed, VERSIONS, weights);
        for (uint32_t k = 0; k < VERSIONS; k++) {
            sample.candidates[k] =
                (struct strategy_candidate){.id = k,
                                            .weight = weights[k],
                                            .mode = k == cut ? STRATEGY_CUT : STRATEGY_ACTIVE,
                                            .up = true};
            total += k == cut ? 0 : weights[k];
        }
        for (uint32_t n = 0; n < 2000; n++) {
            sample.question.n = n;
            counted[ask(&sample).index]++;
        }
        assert_int_equal(counted[cut], 0);
        for (uint32_t k = 0; k < VERSIONS; k++) {
            double wanted = k == cut ? 0 : 2000.0 * weights[k] / (double)total;

            test_assert_at_most(counted[k] > wanted ? counted[k] - wanted : wanted - counted[k],
                                3.0);
        }
    }
}

static void test_modes_of_a_version_with_its_endpoints(void **state)
{
    static const struct {
        enum strategy_mode own, mildest, kept, other;
    } rows[] = {
        {STRATEGY_ACTIVE, STRATEGY_ACTIVE, STRATEGY_ACTIVE, STRATEGY_ACTIVE},
        {STRATEGY_ACTIVE, STRATEGY_DRAINING, STRATEGY_DRAINING, STRATEGY_CUT},
        {STRATEGY_ACTIVE, STRATEGY_CUT, STRATEGY_CUT, STRATEGY_CUT},
        {STRATEGY_DRAINING, STRATEGY_ACTIVE, STRATEGY_DRAINING, STRATEGY_DRAINING},
        {STRATEGY_DRAINING, STRATEGY_DRAINING, STRATEGY_DRAINING, STRATEGY_CUT},
        {STRATEGY_DRAINING, STRATEGY_CUT, STRATEGY_CUT, STRATEGY_CUT},
        {STRATEGY_CUT, STRATEGY_ACTIVE, STRATEGY_CUT, STRATEGY_CUT},
        {STRATEGY_CUT, STRATEGY_DRAINING, STRATEGY_CUT, STRATEGY_CUT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(strategy_version_mode(rows[i].own, rows[i].mildest, true), rows[i].kept);
        assert_int_equal(strategy_version_mode(rows[i].own, rows[i].mildest, false), rows[i].other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes_nobody_reaches_a_cut_version),
        cmocka_unit_test(test_modes_nobody_new_reaches_a_draining_version),
        cmocka_unit_test(test_modes_a_taker_is_there_exactly_when_one_is_chosen),
        cmocka_unit_test(test_modes_force_is_cut_then_binding_then_weights),
        cmocka_unit_test(test_modes_cut_moves_only_its_own_users),
        cmocka_unit_test(test_modes_cut_share_goes_to_the_others_in_proportion),
        cmocka_unit_test(test_modes_of_a_version_with_its_endpoints),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "proxy/route/newcomer.h"
#include "proxy/route/pick.h"
#include "tests/unit/route/fixture.h"

static struct strategy_version_question ask(const struct fixture *f, uint32_t blue, uint32_t green)
{
    static struct strategy_candidate candidates[2];

    candidates[0] = (struct strategy_candidate){f->versions[BLUE].id, blue, STRATEGY_ACTIVE, true};
    candidates[1] =
        (struct strategy_candidate){f->versions[GREEN].id, green, STRATEGY_ACTIVE, true};
    return (struct strategy_version_question){.candidates = candidates,
                                              .count = 2,
                                              .is_newcomer = true,
                                              .bound = STRATEGY_NONE,
                                              .stable = STRATEGY_NONE};
}

static void test_newcomer_id_has_the_key_that_lands(void **state)
{
    static const uint32_t shares[] = {1, 50000, 900000};
    struct fixture *f = fixture_new();

    (void)state;
    for (int s = 0; s < 3; s++) {
        struct strategy_version_question question = ask(f, 1000000 - shares[s], shares[s]);
        struct px_newcomer_question newcomer = {.question = &question, .wanted = 1, .seed = 9};

        for (int i = 0; i < 200; i++) {
            uint8_t id[PX_ID_BYTES];
            uint64_t key;

            assert_true(px_newcomer_draw(&newcomer, &f->loop.random, id, &key));
            assert_true(px_key_of_id(id, 9) == key);
            assert_true(strategy_key_lands_in(&question, key, 1));
        }
    }
    fixture_free(f);
}

/* One source of random bytes that counts, so that a rare version cannot stall the loop. */
static uint64_t filled;

static void fill_counting(struct tn_random *random, void *bytes, size_t len)
{
    uint64_t word = strategy_mix(random->state[0]++);

    filled++;
    memcpy(bytes, &word, len < sizeof(word) ? len : sizeof(word));
}

static void test_newcomer_of_a_millionth_is_found_fast(void **state)
{
    struct fixture *f = fixture_new();
    struct strategy_version_question question = ask(f, 999999, 1);
    struct px_newcomer_question newcomer = {.question = &question, .wanted = 1, .seed = 9};
    struct tn_random random = {.fill = fill_counting};
    uint8_t id[PX_ID_BYTES];
    uint64_t key;

    (void)state;
    filled = 0;
    for (int i = 0; i < 500; i++)
        assert_true(px_newcomer_draw(&newcomer, &random, id, &key));
    assert_in_range(filled / 500, 20, 60);
    fixture_free(f);
}

static void fill_with_zero(struct tn_random *random, void *bytes, size_t len)
{
    (void)random;
    filled++;
    memset(bytes, 0, len);
}

static void test_newcomer_drawing_ends(void **state)
{
    struct fixture *f = fixture_new();
    struct strategy_version_question question = ask(f, 10, 10);
    struct px_newcomer_question newcomer = {.question = &question, .seed = 9};
    struct tn_random random = {.fill = fill_with_zero};
    uint8_t id[PX_ID_BYTES];
    uint64_t key;

    (void)state;
    /* the one key that a broken source gives lands in one version, never in the other */
    newcomer.wanted = strategy_key_lands_in(&question, 0, 0) ? 1 : 0;
    filled = 0;
    assert_false(px_newcomer_draw(&newcomer, &random, id, &key));
    assert_int_equal(filled, 2048);
    fixture_free(f);
}

static void test_newcomer_gets_a_home_that_is_open(void **state)
{
    struct fixture *f = fixture_new();
    struct strategy_version_question question = ask(f, 50, 50);
    struct px_newcomer_question newcomer = {
        .question = &question, .wanted = 1, .seed = 9, .home = &f->versions[GREEN]};

    (void)state;
    f->endpoints[GREEN][0].up = false;
    f->endpoints[GREEN][1].mode = STRATEGY_DRAINING;
    for (int i = 0; i < 200; i++) {
        uint8_t id[PX_ID_BYTES];
        uint64_t key;

        assert_true(px_newcomer_draw(&newcomer, &f->loop.random, id, &key));
        assert_true(px_pick_home(&f->versions[GREEN], key) >= 2);
    }
    fixture_free(f);
}

static void test_newcomer_without_any_open_home_gets_an_id(void **state)
{
    struct fixture *f = fixture_new();
    struct strategy_version_question question = ask(f, 50, 50);
    struct px_newcomer_question newcomer = {
        .question = &question, .wanted = 1, .seed = 9, .home = &f->versions[GREEN]};
    uint8_t id[PX_ID_BYTES];
    uint64_t key;

    (void)state;
    for (uint32_t i = 0; i < FIXTURE_ENDPOINTS; i++)
        f->endpoints[GREEN][i].up = false;
    assert_true(px_newcomer_draw(&newcomer, &f->loop.random, id, &key));
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_newcomer_id_has_the_key_that_lands),
        cmocka_unit_test(test_newcomer_of_a_millionth_is_found_fast),
        cmocka_unit_test(test_newcomer_drawing_ends),
        cmocka_unit_test(test_newcomer_gets_a_home_that_is_open),
        cmocka_unit_test(test_newcomer_without_any_open_home_gets_an_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

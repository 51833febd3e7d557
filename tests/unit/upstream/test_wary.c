#include "proxy/upstream/wary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_wary_trusts_at_first(void **state)
{
    struct px_wary wary = {0};

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_true(px_wary_may_reuse(&wary, i % 2 == 0));
        px_wary_lived(&wary);
    }
}

static void test_wary_forgets_one_death_soon(void **state)
{
    struct px_wary wary = {0};

    (void)state;
    px_wary_died(&wary);
    for (unsigned penalty = PX_WARY_PENALTY_STEP; penalty > 0; penalty--) {
        assert_false(px_wary_may_reuse(&wary, false)); /* however long: nothing is risked */
        for (unsigned i = 0; i < penalty; i++)
            assert_false(px_wary_may_reuse(&wary, true));
        assert_true(px_wary_may_reuse(&wary, true));
        assert_false(px_wary_may_reuse(&wary, true)); /* no word of that one yet */
        px_wary_lived(&wary);
        wary.left = wary.penalty;
    }
    assert_true(px_wary_may_reuse(&wary, false));
    assert_true(px_wary_may_reuse(&wary, true));
}

/* Of a thousand requests to a service each of whose connections dies at its `lives`-th reuse. */
static unsigned deaths_of(unsigned lives)
{
    struct px_wary wary = {0};
    unsigned deaths = 0;
    unsigned reuses = 0;

    for (int i = 0; i < 1000; i++) {
        if (!px_wary_may_reuse(&wary, true))
            continue;
        if (++reuses % lives == 0) {
            px_wary_died(&wary);
            deaths++;
        } else {
            px_wary_lived(&wary);
        }
    }
    return deaths;
}

static void test_wary_deaths_stay_within_the_budget_of_retries(void **state)
{
    (void)state;
    assert_in_range(deaths_of(1), 10, 25); /* one in 64, after the first few */
    for (unsigned lives = 2; lives < 30; lives++)
        assert_in_range(deaths_of(lives), 1, 70);
}

/* Sixteen at once, none of which knows yet what became of the others. */
static void test_wary_tries_one_at_a_time(void **state)
{
    struct px_wary wary = {0};
    unsigned tried = 0;

    (void)state;
    for (int i = 0; i < 6; i++)
        px_wary_died(&wary);
    assert_int_equal(wary.penalty, PX_WARY_PENALTY_MAX);
    px_wary_died(&wary);
    assert_int_equal(wary.penalty, PX_WARY_PENALTY_MAX);
    for (int i = 0; i < 64 * 5; i++)
        tried += px_wary_may_reuse(&wary, true);
    assert_int_equal(tried, 5);
    for (int i = 0; i < PX_WARY_PENALTY_MAX; i++)
        px_wary_lived(&wary);
    assert_true(px_wary_may_reuse(&wary, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wary_trusts_at_first),
        cmocka_unit_test(test_wary_forgets_one_death_soon),
        cmocka_unit_test(test_wary_deaths_stay_within_the_budget_of_retries),
        cmocka_unit_test(test_wary_tries_one_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

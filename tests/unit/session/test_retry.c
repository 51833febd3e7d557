#include "proxy/session/failure.h"
#include "proxy/session/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct px_retry_question reused_get = {
    .is_connected = true,
    .is_reused = true,
    .is_idempotent = true,
    .tries = 1,
    .tries_max = 3,
};

static void test_retry_connect_failure_goes_elsewhere_for_any_method(void **state)
{
    struct px_retry_question question = {.has_body = true, .tries = 1, .tries_max = 2};

    (void)state;
    assert_int_equal(px_retry_decide(&question), PX_RETRY_CONNECT);
}

static void test_retry_ends_when_all_tries_are_used(void **state)
{
    struct px_retry_question question = {.tries = 2, .tries_max = 2};

    (void)state;
    assert_int_equal(px_retry_decide(&question), PX_RETRY_COUNT);
}

static void test_retry_reused_connection_once_for_idempotent_without_body(void **state)
{
    struct px_retry_question question = reused_get;

    (void)state;
    assert_int_equal(px_retry_decide(&question), PX_RETRY_REUSED);
    question.has_retried_reused = true;
    assert_int_equal(px_retry_decide(&question), PX_RETRY_COUNT);
}

static void test_retry_never_what_may_have_been_acted_on(void **state)
{
    struct px_retry_question question = reused_get;

    (void)state;
    question.is_idempotent = false;
    assert_int_equal(px_retry_decide(&question), PX_RETRY_COUNT);
    question = reused_get;
    question.has_body = true;
    assert_int_equal(px_retry_decide(&question), PX_RETRY_COUNT);
    question = reused_get;
    question.has_answer_bytes = true;
    assert_int_equal(px_retry_decide(&question), PX_RETRY_COUNT);
    question = reused_get;
    question.is_reused = false;
    assert_int_equal(px_retry_decide(&question), PX_RETRY_COUNT);
}

static void test_retry_budget_is_a_fifth_of_the_requests(void **state)
{
    struct px_retry_budget budget;
    unsigned taken = 0;

    (void)state;
    px_retry_budget_init(&budget);
    for (unsigned i = 0; i < 10000; i++) {
        px_retry_budget_add_request(&budget);
        if (px_retry_budget_take(&budget))
            taken++;
    }
    assert_in_range(taken, 2000, 2003);
}

static void test_retry_budget_leaves_three_a_second_and_saves_at_most_a_hundred(void **state)
{
    struct px_retry_budget budget;
    unsigned taken = 0;

    (void)state;
    px_retry_budget_init(&budget);
    while (px_retry_budget_take(&budget))
        taken++;
    assert_int_equal(taken, 3);
    px_retry_budget_add_second(&budget);
    px_retry_budget_add_second(&budget);
    for (taken = 0; px_retry_budget_take(&budget);)
        taken++;
    assert_int_equal(taken, 3);
    for (unsigned i = 0; i < 100000; i++)
        px_retry_budget_add_request(&budget);
    for (taken = 0; px_retry_budget_take(&budget);)
        taken++;
    assert_int_equal(taken, 100);
}

static void test_failure_table_is_complete(void **state)
{
    (void)state;
    for (int i = 0; i < PX_FAILURE_COUNT; i++) {
        enum px_failure failure = (enum px_failure)i;
        unsigned status = px_failure_status(failure);

        assert_true(strlen(px_failure_word(failure)) > 0);
        assert_true(status == 0 || (status >= 400 && status < 600));
        assert_true(status == 0 || status == 400 || strlen(px_failure_text(failure)) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_connect_failure_goes_elsewhere_for_any_method),
        cmocka_unit_test(test_retry_ends_when_all_tries_are_used),
        cmocka_unit_test(test_retry_reused_connection_once_for_idempotent_without_body),
        cmocka_unit_test(test_retry_never_what_may_have_been_acted_on),
        cmocka_unit_test(test_retry_budget_is_a_fifth_of_the_requests),
        cmocka_unit_test(test_retry_budget_leaves_three_a_second_and_saves_at_most_a_hundred),
        cmocka_unit_test(test_failure_table_is_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* faults: set all or none, shown as set, dealt exactly. */
#include "app/faults.h"
#include "tests/unit/app/test.h"

#include <errno.h>
#include <string.h>

#define NOTHING                                                                                    \
    "{\"error_rate\":0,\"error_status\":500,\"latency_ms\":0,\"slow_body_ms\":0,"                  \
    "\"never_ready\":false,\"wrong_field\":\"\",\"wrong_rate\":100,\"crash_after\":0}\n"

static struct app_faults faults;
static char problem[1024];

static int setup(void **state)
{
    (void)state;
    app_faults_init(&faults);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    app_faults_deinit(&faults);
    return 0;
}

static const char *show(void)
{
    static char buffer[1024];
    struct app_text text;
    app_text_init(&text, buffer, sizeof(buffer));
    app_faults_show(&faults, &text);
    assert_false(text.cut);
    return buffer;
}

static int set(const char *fields, bool *ret_crash)
{
    struct app_text text;
    app_text_init(&text, problem, sizeof(problem));
    return app_faults_set(&faults, fields, ret_crash, &text);
}

static void set_well(const char *fields)
{
    bool crash = true;
    assert_int_equal(set(fields, &crash), 0);
    assert_false(crash);
}

static void test_faults_are_none_at_first(void **state)
{
    (void)state;
    assert_string_equal(show(), NOTHING);
    struct app_faults_draw draw = app_faults_draw(&faults);
    assert_int_equal(draw.error_status, 0);
    assert_int_equal(draw.latency_ms, 0);
    assert_int_equal(draw.slow_body_ms, 0);
    assert_int_equal(draw.wrong_field, APP_WRONG_NONE);
    assert_false(draw.crash);
    assert_false(app_faults_is_never_ready(&faults));
}

static void test_faults_set_by_json_and_by_query(void **state)
{
    static const char expected[] =
        "{\"error_rate\":12.5,\"error_status\":503,\"latency_ms\":20,\"slow_body_ms\":30,"
        "\"never_ready\":true,\"wrong_field\":\"visits\",\"wrong_rate\":0.0001,\"crash_after\":9}"
        "\n";
    (void)state;
    set_well("{\"error_rate\":12.5,\"error_status\":503,\"latency_ms\":20,\"slow_body_ms\":30,"
             "\"never_ready\":true,\"wrong_field\":\"visits\",\"wrong_rate\":0.0001,"
             "\"crash_after\":9}");
    assert_string_equal(show(), expected);
    app_faults_reset(&faults);
    assert_string_equal(show(), NOTHING);
    set_well("error_rate=12.5000&error_status=503&latency_ms=20&slow_body_ms=30&never_ready=1"
             "&wrong_field=visits&wrong_rate=0.0001&crash_after=9");
    assert_string_equal(show(), expected);
    assert_true(app_faults_is_never_ready(&faults));
}

static void test_faults_keep_what_is_not_named(void **state)
{
    (void)state;
    set_well("latency_ms=20");
    set_well("error_rate=5");
    set_well("");
    set_well("{}");
    assert_int_equal(app_faults_draw(&faults).latency_ms, 20);
    assert_non_null(strstr(show(), "\"error_rate\":5,"));
}

static void test_faults_refuse_bad_values_and_change_nothing(void **state)
{
    static const char *const rows[][2] = {
        {"error_rate=100.1", "error_rate: expected 0 to 100"},
        {"error_rate=101", "error_rate"},
        {"error_rate=-1", "error_rate"},
        {"error_rate=", "error_rate"},
        {"error_rate=1.", "error_rate"},
        {"error_rate=.5", "error_rate"},
        {"error_rate=1.00001", "error_rate"},
        {"error_rate=1.0.1", "error_rate"},
        {"error_rate=000000001", "error_rate"},
        {"wrong_rate=x", "wrong_rate"},
        {"error_status=399", "error_status: expected 400 to 599"},
        {"error_status=600", "error_status"},
        {"latency_ms=600001", "latency_ms: expected 0 to 600000"},
        {"slow_body_ms=1s", "slow_body_ms"},
        {"never_ready=yes", "never_ready: expected true or false"},
        {"wrong_field=color", "wrong_field: expected version"},
        {"crash_after=-1", "crash_after"},
        {"crash=maybe", "crash: expected"},
        {"chaos=1", "unknown field"},
        {"{\"latency_ms\":7,\"error_rate\":\"x\"}", "error_rate"},
        {"{\"latency_ms\":7", "expected ',' or '}'"},
        {"latency_ms", "NAME=VALUE"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool crash = true;
        assert_int_equal(set(rows[i][0], &crash), -EINVAL);
        assert_true(crash); /* untouched */
        assert_non_null(strstr(problem, rows[i][1]));
        assert_string_equal(show(), NOTHING);
    }
}

static unsigned count_errors(unsigned requests)
{
    unsigned errors = 0;
    for (unsigned i = 0; i < requests; i++) {
        errors += app_faults_draw(&faults).error_status != 0;
    }
    return errors;
}

static void test_faults_deal_the_error_rate_exactly(void **state)
{
    (void)state;
    set_well("error_rate=25");
    assert_int_equal(count_errors(400), 100);
    set_well("error_rate=30"); /* no whole number of requests between two */
    assert_int_equal(count_errors(1000), 300);
    set_well("error_rate=0.1");
    assert_int_equal(count_errors(10000), 10);
    set_well("error_rate=100&error_status=418");
    assert_int_equal(count_errors(7), 7);
    assert_int_equal(app_faults_draw(&faults).error_status, 418);
    set_well("error_rate=0");
    assert_int_equal(count_errors(1000), 0);
}

static void test_faults_spread_errors_evenly(void **state)
{
    (void)state;
    set_well("error_rate=10");
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(count_errors(10), 1);
    }
}

static void test_faults_deal_the_wrong_field(void **state)
{
    unsigned wrong = 0;
    (void)state;
    set_well("wrong_field=name");
    assert_int_equal(app_faults_draw(&faults).wrong_field, APP_WRONG_NAME);
    set_well("wrong_rate=10");
    for (unsigned i = 0; i < 200; i++) {
        wrong += app_faults_draw(&faults).wrong_field != APP_WRONG_NONE;
    }
    assert_int_equal(wrong, 20);
    set_well("wrong_field=");
    assert_int_equal(app_faults_draw(&faults).wrong_field, APP_WRONG_NONE);
}

static void test_faults_crash_once_after_so_many(void **state)
{
    (void)state;
    set_well("crash_after=3");
    assert_false(app_faults_draw(&faults).crash);
    assert_false(app_faults_draw(&faults).crash);
    assert_true(app_faults_draw(&faults).crash);
    assert_false(app_faults_draw(&faults).crash);
}

static void test_faults_crash_is_told_and_not_kept(void **state)
{
    bool crash = false;
    (void)state;
    assert_int_equal(set("crash=true", &crash), 0);
    assert_true(crash);
    assert_int_equal(set("latency_ms=1", &crash), 0);
    assert_false(crash);
    assert_null(strstr(show(), "\"crash\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_faults_are_none_at_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults_set_by_json_and_by_query, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults_keep_what_is_not_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults_refuse_bad_values_and_change_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_faults_deal_the_error_rate_exactly, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults_spread_errors_evenly, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults_deal_the_wrong_field, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults_crash_once_after_so_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults_crash_is_told_and_not_kept, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

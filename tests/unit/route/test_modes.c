/* Draining and cut versions and endpoints on the way of a request. */
#include "tests/unit/route/fixture.h"

static const char tester[] = "GET / HTTP/1.1\r\nX-Version: green\r\n";

/* Testers to green, everybody else to blue. */
static struct fixture *make(struct px_match_value *header)
{
    struct fixture *f = fixture_new();
    struct px_match *match;

    *header = fixture_value(PX_MATCH_EXACT, "X-Version", "green");
    fixture_rule(f, "testers", 0, 1, 0);
    match = fixture_match(f, 0);
    match->headers = header;
    match->header_count = 1;
    fixture_rule(f, "main", 1, 0, 0);
    return f;
}

/* As px_modes_apply does it. */
static void set_mode(struct fixture *f, uint32_t version, uint32_t mode)
{
    f->versions[version].mode = mode;
    f->versions[version].loose_mode = mode;
    for (uint32_t i = 0; i < f->snapshot.rule_count; i++)
        f->rules[i].is_restricted = true;
}

static void expect_told(const struct fixture *f, const char *part)
{
    if (!strstr(f->told, part))
        fail_msg("'%s' is not in:\n%s", part, f->told);
}

static void test_cut_is_stronger_than_matches(void **state)
{
    struct px_match_value header;
    struct fixture *f = make(&header);

    (void)state;
    fixture_request(f, tester);
    assert_int_equal(fixture_decide(f)->version, GREEN);
    set_mode(f, GREEN, STRATEGY_CUT);
    assert_int_equal(fixture_decide(f)->version, BLUE);
    assert_int_equal(f->decision.rule, 1);
    fixture_explain(f);
    expect_told(f, "rule testers, match 1 of 1: matches\n");
    expect_told(f, "version green is cut\n");
    expect_told(f, "rule testers: none of its versions may take this request: passed over\n");
    expect_told(f, "rule main: matches every request\n");
    expect_told(f, "version: blue (only)\n");
    fixture_free(f);
}

static void test_cut_of_a_match_rule_goes_to_its_stable(void **state)
{
    struct px_match_value header;
    struct fixture *f = make(&header);

    (void)state;
    f->rules[0].stable = RED; /* place and number are the same in the fixture */
    fixture_request(f, tester);
    set_mode(f, GREEN, STRATEGY_CUT);
    assert_int_equal(fixture_decide(f)->version, RED);
    assert_int_equal(f->decision.rule, 0);
    assert_int_equal(f->decision.reason, STRATEGY_REASON_STABLE);
    set_mode(f, RED, STRATEGY_CUT); /* and then on */
    assert_int_equal(fixture_decide(f)->version, BLUE);
    assert_int_equal(f->decision.rule, 1);
    fixture_free(f);
}

static void test_cut_of_the_last_rule_refuses(void **state)
{
    struct px_match_value header;
    struct fixture *f = make(&header);

    (void)state;
    set_mode(f, BLUE, STRATEGY_CUT);
    fixture_decide(f);
    assert_int_equal(f->decision.version, STRATEGY_NONE);
    assert_int_equal(f->decision.refused_status, 503);
    assert_int_equal(f->decision.rule, 1);
    fixture_explain(f);
    expect_told(f, "version blue is cut and up\n");
    expect_told(f, "503");
    fixture_free(f);
}

static void test_failed_is_not_passed_over(void **state)
{
    struct px_match_value header;
    struct fixture *f = make(&header);

    (void)state;
    fixture_request(f, tester);
    set_mode(f, RED, STRATEGY_CUT); /* somebody else is */
    for (uint32_t i = 0; i < FIXTURE_ENDPOINTS; i++)
        f->endpoints[GREEN][i].up = false;
    assert_int_equal(fixture_decide(f)->version, STRATEGY_NONE);
    assert_int_equal(f->decision.rule, 0);
    fixture_free(f);
}

static void test_passing_over_takes_no_slot_and_sets_no_cookie(void **state)
{
    struct px_match_value header;
    struct fixture *f = make(&header);

    (void)state;
    fixture_weights(f, 0, 0, 50, 50);
    fixture_sticky(f, 0, false);
    fixture_request(f, tester);
    set_mode(f, GREEN, STRATEGY_CUT);
    set_mode(f, RED, STRATEGY_CUT);
    assert_int_equal(fixture_decide(f)->rule, 1);
    assert_int_equal(f->deals[0].n, 0);
    assert_int_equal(f->decision.set_cookie_len, 0);
    assert_false(f->decision.has_key);
    fixture_free(f);
}

static void test_draining_rule_keeps_whom_it_knows(void **state)
{
    struct px_match_value header;
    struct fixture *f = make(&header);
    struct px_decision known;
    char request[600];

    (void)state;
    fixture_sticky(f, 0, false);
    fixture_request(f, tester);
    known = *fixture_decide(f);
    assert_true(known.set_cookie_len > 0);
    snprintf(request, sizeof(request), "%sCookie: %.*s\r\n", tester,
             (int)strcspn(known.set_cookie, ";"), known.set_cookie);
    set_mode(f, GREEN, STRATEGY_DRAINING);
    fixture_request(f, request);
    assert_int_equal(fixture_decide(f)->version, GREEN);
    assert_int_equal(f->decision.rule, 0);
    fixture_request(f, tester); /* new here: the rules below are asked */
    assert_int_equal(fixture_decide(f)->version, BLUE);
    assert_int_equal(f->decision.rule, 1);
    set_mode(f, GREEN, STRATEGY_CUT); /* the time is over: everybody moves */
    fixture_request(f, request);
    assert_int_equal(fixture_decide(f)->version, BLUE);
    fixture_free(f);
}

/* A user who belongs to a version stays while its endpoints drain one by one; one who belongs to an
 * endpoint stays there. */
static void test_draining_endpoints(void **state)
{
    struct fixture *f = fixture_new();
    struct px_decision user;

    (void)state;
    fixture_rule(f, "main", 50, 50, 0);
    fixture_sticky(f, 0, false);
    do {
        fixture_request(f, "GET / HTTP/1.1\r\n");
        user = *fixture_decide(f);
    } while (user.version != GREEN);
    for (uint32_t i = 0; i + 1 < FIXTURE_ENDPOINTS; i++)
        f->endpoints[GREEN][i].mode = STRATEGY_DRAINING;
    for (int i = 0; i < 20; i++) { /* scope: version: nobody belongs to an endpoint */
        fixture_request_with_cookie(f, &user);
        assert_int_equal(fixture_decide(f)->version, GREEN);
        assert_int_equal(f->decision.endpoint, FIXTURE_ENDPOINTS - 1);
    }
    f->endpoints[GREEN][FIXTURE_ENDPOINTS - 1].mode = STRATEGY_DRAINING;
    f->versions[GREEN].mode = STRATEGY_DRAINING;
    f->versions[GREEN].loose_mode = STRATEGY_CUT;
    f->rules[0].is_restricted = true;
    assert_int_equal(fixture_decide(f)->version, BLUE); /* and is answered, not refused */
    f->said[0].sticky.scope_endpoint = true;
    fixture_request_with_cookie(f, &user);
    assert_int_equal(fixture_decide(f)->version, GREEN);
    fixture_free(f);
}

static void test_cut_endpoint_spills_its_users(void **state)
{
    struct fixture *f = fixture_new();
    struct px_decision user;

    (void)state;
    fixture_rule(f, "main", 1, 0, 0);
    fixture_sticky(f, 0, false);
    f->said[0].sticky.scope_endpoint = true;
    user = *fixture_decide(f);
    f->endpoints[BLUE][user.endpoint].mode = STRATEGY_DRAINING;
    fixture_request_with_cookie(f, &user);
    assert_int_equal(fixture_decide(f)->endpoint, user.endpoint);
    assert_false(f->decision.is_spilled);
    f->endpoints[BLUE][user.endpoint].mode = STRATEGY_CUT;
    assert_int_not_equal(fixture_decide(f)->endpoint, user.endpoint);
    assert_true(f->decision.is_spilled);
    f->said[0].sticky.on_missing_fail = true;
    assert_int_equal(fixture_decide(f)->version, STRATEGY_NONE);
    f->endpoints[BLUE][user.endpoint].mode = STRATEGY_ACTIVE; /* undrain: back home */
    assert_int_equal(fixture_decide(f)->endpoint, user.endpoint);
    fixture_free(f);
}

static void test_switched_off_rule_matches_nothing(void **state)
{
    struct px_match_value header;
    struct fixture *f = make(&header);

    (void)state;
    f->said[0].is_switched_off = true;
    fixture_request(f, tester);
    assert_int_equal(fixture_decide(f)->version, BLUE);
    fixture_explain(f);
    expect_told(f, "rule testers: switched off by an abort\n");
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_is_stronger_than_matches),
        cmocka_unit_test(test_cut_of_a_match_rule_goes_to_its_stable),
        cmocka_unit_test(test_cut_of_the_last_rule_refuses),
        cmocka_unit_test(test_failed_is_not_passed_over),
        cmocka_unit_test(test_passing_over_takes_no_slot_and_sets_no_cookie),
        cmocka_unit_test(test_draining_rule_keeps_whom_it_knows),
        cmocka_unit_test(test_draining_endpoints),
        cmocka_unit_test(test_cut_endpoint_spills_its_users),
        cmocka_unit_test(test_switched_off_rule_matches_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/unit/route/fixture.h"

#define expect_told(fixture, text)                                                                 \
    do {                                                                                           \
        if (!strstr((fixture)->told, text))                                                        \
            fail_msg("not told: %s\n%s", text, (fixture)->told);                                   \
    } while (0)

static void test_explain_takes_nothing(void **state)
{
    struct fixture *f = fixture_new();
    struct tn_random random;
    uint64_t turns;

    (void)state;
    fixture_rule(f, "main", 90, 10, 0);
    fixture_sticky(f, 0, true);
    fixture_mirror(f, 0, RED, 500000);
    random = f->loop.random;
    turns = f->loop.endpoint_n[BLUE] + f->loop.endpoint_n[GREEN];
    fixture_explain(f);
    assert_int_equal(f->deals[0].n, 0);
    assert_int_equal(f->mirror_deals[0][0].n, 0);
    assert_int_equal(f->loop.endpoint_n[BLUE] + f->loop.endpoint_n[GREEN], turns);
    assert_memory_equal(&f->loop.random, &random, sizeof(random));
    assert_int_equal(f->decision.set_cookie_len, 0);
    fixture_free(f);
}

static void test_explain_says_what_would_happen(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    fixture_rule(f, "main", 50, 30, 20);
    fixture_mirror(f, 0, RED, 300000);
    for (int i = 0; i < 200; i++) {
        struct px_decision told = *fixture_explain(f);

        for (uint32_t place = 0; place < FIXTURE_ENDPOINTS; place++)
            assert_true(px_route_may_meet(&f->snapshot, &told, place));
        fixture_decide(f);
        assert_int_equal(told.version, f->decision.version);
        assert_int_equal(told.wanted, f->decision.wanted);
        assert_int_equal(told.slot, f->decision.slot);
        assert_int_equal(told.endpoint, f->decision.endpoint);
        assert_int_equal(told.mirrors, f->decision.mirrors);
        assert_int_equal(told.reason, f->decision.reason);
    }
    fixture_free(f);
}

static void test_explain_tells_matches(void **state)
{
    struct fixture *f = fixture_new();
    struct px_match_value header = fixture_value(PX_MATCH_EXACT, "X-Version", "green");
    struct px_match_value cookie = fixture_value(PX_MATCH_REGEX, "beta", "^(a+)+$");
    struct px_match_value path = fixture_value(PX_MATCH_PREFIX, NULL, "/new");
    struct px_match *match;

    (void)state;
    cookie.negate = true;
    fixture_rule(f, "testers", 0, 1, 0);
    match = fixture_match(f, 0);
    match->headers = &header;
    match->header_count = 1;
    match = fixture_match(f, 0);
    match->cookies = &cookie;
    match->cookie_count = 1;
    fixture_match(f, 0)->path = &path;
    fixture_rule(f, "main", 1, 0, 0);
    fixture_request(f, "GET /x HTTP/1.1\r\nX-Version: blue\r\n"
                       "Cookie: beta=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\r\n");
    fixture_explain(f);
    expect_told(f, "rule testers, match 1 of 3:\n");
    expect_told(f, "  headers X-Version exact \"green\": \"blue\": no\n");
    expect_told(f, "  cookies beta not regex \"^(a+)+$\": "
                   "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\": no: the regex ran into its limit\n");
    expect_told(f, "  path prefix \"/new\": \"/x\": no\n");
    expect_told(f, "rule testers, match 3 of 3: doesn't match\n");
    expect_told(f, "rule main: matches every request\n");
    fixture_request(f, "GET /new/1 HTTP/1.1\r\n");
    fixture_explain(f);
    expect_told(f, "  headers X-Version exact \"green\": not given (or twice): no\n");
    /* absent, and `not`: the second match holds */
    expect_told(f, "  cookies beta not regex \"^(a+)+$\": not given (or twice): yes\n");
    expect_told(f, "rule testers, match 2 of 3: matches\n");
    expect_told(f, "version: green (only)\n");
    fixture_free(f);
}

static void test_explain_tells_slot_weights_and_endpoint(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    fixture_rule(f, "main", 90, 10, 0);
    f->deals[0].n = 41;
    fixture_explain(f);
    expect_told(f, "weights blue=90 green=10 red=0\n");
    expect_told(f, "the next slot is number 41: ");
    expect_told(f,
                f->decision.version == BLUE ? "version: blue (slot)\n" : "version: green (slot)\n");
    expect_told(f,
                f->decision.version == BLUE
                    ? "endpoint: by round_robin, each data loop in its own turn: one of blue/0, "
                      "blue/1, blue/2, blue/3\n"
                    : "endpoint: by round_robin, each data loop in its own turn: one of green/0, "
                      "green/1, green/2, green/3\n");
    fixture_free(f);
}

static void test_explain_tells_cookie_states(void **state)
{
    struct fixture *f = fixture_new();
    struct px_decision issued;

    (void)state;
    fixture_rule(f, "main", 90, 10, 0);
    fixture_sticky(f, 0, true);
    issued = *fixture_decide(f);
    fixture_explain(f);
    expect_told(f, "sticky by cookie turnout: not given\n");
    expect_told(f, "a cookie would be issued with a new id that lands in ");
    fixture_request_with_cookie(f, &issued);
    fixture_explain(f);
    expect_told(f, "sticky by cookie turnout: valid\n");
    expect_told(f, " (key)\n");
    fixture_request(f, "GET / HTTP/1.1\r\nCookie: turnout=x\r\n");
    fixture_explain(f);
    expect_told(f, "sticky by cookie turnout: malformed, taken as absent\n");
    fixture_request(f, "GET / HTTP/1.1\r\nCookie: turnout=1.AQIDBAUGBwgJCgsMDQ4PEA\r\n");
    fixture_explain(f);
    expect_told(f, "sticky by cookie turnout: bad signature, taken as absent\n");
    f->said[0].sticky.affinity_session = true;
    fixture_request(f, "GET / HTTP/1.1\r\n");
    issued = *fixture_decide(f);
    fixture_request_with_cookie(f, &issued);
    fixture_explain(f);
    expect_told(f, issued.version == BLUE ? "affinity session: bound to blue\n"
                                          : "affinity session: bound to green\n");
    expect_told(f, " (bound)\n");
    fixture_free(f);
}

static void test_explain_tells_header_keys(void **state)
{
    struct fixture *f = fixture_new();
    char text[96];

    (void)state;
    fixture_rule(f, "main", 90, 10, 0);
    f->said[0].sticky.by = PX_STICKY_HEADER;
    f->said[0].sticky.name = strdup("X-User");
    fixture_explain(f);
    expect_told(f, "sticky by header:X-User: not given\n");
    fixture_request(f, "GET / HTTP/1.1\r\nX-User: 7\r\n");
    fixture_explain(f);
    expect_told(f, "sticky by header:X-User: given\n");
    snprintf(text, sizeof(text), "the key is %016llx, by the seed \"main\"\n",
             (unsigned long long)f->decision.key);
    expect_told(f, text);
    f->said[0].sticky.by = PX_STICKY_OWN_COOKIE;
    fixture_explain(f);
    expect_told(f, "sticky by cookie:X-User: not given\n");
    f->said[0].sticky.by = PX_STICKY_CLIENT_IP;
    free(f->said[0].sticky.name);
    f->said[0].sticky.name = NULL;
    fixture_explain(f);
    expect_told(f, "sticky by client_ip: given\n");
    fixture_free(f);
}

static void test_explain_tells_modes_health_and_refusal(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    fixture_rule(f, "main", 90, 10, 0);
    f->versions[GREEN].mode = STRATEGY_CUT;
    for (uint32_t e = 0; e < FIXTURE_ENDPOINTS; e++)
        f->endpoints[BLUE][e].up = false;
    fixture_explain(f);
    expect_told(f, "version blue is active and has no endpoint up\n");
    expect_told(f, "version green is cut and up\n");
    expect_told(f, "endpoint blue/3 is down\n");
    expect_told(f, "version: none can answer (unavailable, on_unhealthy fail): 503\n");
    assert_int_equal(f->decision.refused_status, 503);
    fixture_free(f);
}

static void test_explain_tells_a_missing_endpoint(void **state)
{
    struct fixture *f = fixture_new();
    struct px_decision issued;
    char text[128];

    (void)state;
    fixture_rule(f, "main", 1, 0, 0);
    fixture_sticky(f, 0, false);
    f->said[0].sticky.scope_endpoint = true;
    issued = *fixture_decide(f);
    f->endpoints[BLUE][issued.endpoint].up = false;
    fixture_request_with_cookie(f, &issued);
    fixture_explain(f);
    snprintf(text, sizeof(text), "scope endpoint: the user's endpoint blue/%u is gone, on_missing",
             issued.endpoint);
    expect_told(f, text);
    expect_told(f, "on_missing spill\n");
    expect_told(f, " (by key, spilled)\n");
    f->said[0].sticky.on_missing_fail = true;
    fixture_explain(f);
    expect_told(f, "on_missing fail\n");
    expect_told(f, "endpoint: none of blue can answer: 503\n");
    fixture_free(f);
}

static void test_explain_tells_endpoints_that_are_not_like_the_others(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    fixture_rule(f, "main", 1, 0, 0);
    f->versions[BLUE].slow_start_ms = 10000;
    f->loop.now_ms = 20000;
    f->endpoints[BLUE][0].mode = STRATEGY_DRAINING;
    f->endpoints[BLUE][1].in_flight = 512;
    f->endpoints[BLUE][2].up_since_ms = 15000;
    f->endpoints[BLUE][3].ejected = true;
    fixture_explain(f);
    expect_told(f, "endpoint blue/0 is draining: only for users who belong to it by key\n");
    expect_told(f, "endpoint blue/1 is full: it has max_requests 512\n");
    expect_told(f, "endpoint blue/2 is up since 5.0 s, at 55% of a share by slow_start\n");
    expect_told(f, "endpoint blue/3 is up, but its requests failed: it gets none for a while\n");
    expect_told(f, "endpoint: blue/2 (round_robin, and no other is open)\n");
    for (uint32_t place = 0; place < FIXTURE_ENDPOINTS; place++)
        assert_int_equal(px_route_may_meet(&f->snapshot, &f->decision, place), place == 2);
    f->endpoints[BLUE][2].in_flight = 512;
    f->endpoints[BLUE][3].ejected = false;
    f->endpoints[BLUE][3].up = false;
    f->versions[BLUE].balance = STRATEGY_LEAST_REQUESTS;
    fixture_explain(f);
    expect_told(f, "endpoint blue/3 is down\n");
    expect_told(f, "endpoint: by least_requests: one of blue/1 with 512 under way, blue/2 with 512 "
                   "under way\n");
    expect_told(f, "it has max_requests 512: the request waits its turn (queue 128, queue_timeout "
                   "1000 ms) or gets 503\n");
    f->endpoints[BLUE][1].mode = STRATEGY_CUT;
    f->endpoints[BLUE][2].probed = f->endpoints[BLUE][2].up = false;
    fixture_explain(f);
    expect_told(f, "endpoint blue/1 is cut\n");
    expect_told(f, "endpoint blue/2 is not probed yet\n");
    fixture_free(f);
}

/* What depends on an id that is not drawn is not said to be known. */
static void test_explain_knows_no_id_before_it_is_drawn(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    fixture_rule(f, "main", 1, 0, 0);
    fixture_sticky(f, 0, false);
    f->said[0].sticky.scope_endpoint = true;
    fixture_mirror(f, 0, GREEN, 500000)->sample_key = true;
    fixture_explain(f);
    expect_told(f, "endpoint: where the new id belongs: one of blue/0, blue/1, blue/2, blue/3\n");
    expect_told(f, "mirror to green, 50%: as the new id falls (sample key)\n");
    assert_int_equal(f->decision.mirrors, 0);
    for (uint32_t place = 0; place < FIXTURE_ENDPOINTS; place++)
        assert_true(px_route_may_meet(&f->snapshot, &f->decision, place));
    f->said[0].sticky.scope_endpoint = false;
    f->versions[BLUE].balance = STRATEGY_HASH; /* not of the address, which decides without key */
    fixture_explain(f);
    expect_told(f, "endpoint: where the new id belongs: one of blue/0, blue/1, blue/2, blue/3\n");
    fixture_free(f);
}

/* A newcomer to a version that failed: what explain says is what happens, with three versions. */
static void test_explain_knows_who_stands_in_for_a_newcomer(void **state)
{
    struct fixture *f = fixture_new();
    uint32_t counted[VERSIONS] = {0};

    (void)state;
    fixture_rule(f, "main", 60, 30, 10);
    fixture_sticky(f, 0, false);
    f->said[0].on_unhealthy = STRATEGY_FAILOVER;
    for (uint32_t e = 0; e < FIXTURE_ENDPOINTS; e++)
        f->endpoints[BLUE][e].up = false;
    for (int i = 0; i < 400; i++) {
        struct px_decision told;
        struct px_decision issued;

        fixture_request(f, "GET / HTTP/1.1\r\n");
        told = *fixture_explain(f);
        issued = *fixture_decide(f);
        assert_int_equal(told.version, issued.version);
        assert_int_equal(told.wanted, issued.wanted);
        assert_int_equal(told.reason, issued.reason);
        counted[issued.version]++;
        fixture_request_with_cookie(f, &issued); /* and stays */
        assert_int_equal(fixture_decide(f)->version, issued.version);
    }
    assert_int_equal(counted[BLUE], 0);
    assert_in_range(counted[GREEN], 297, 303); /* 120 own and three quarters of 240 */
    fixture_free(f);
}

static void test_explain_tells_mirrors(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    fixture_rule(f, "main", 1, 0, 0);
    fixture_mirror(f, 0, GREEN, 1000000);
    fixture_mirror(f, 0, BLUE, 1000000);
    fixture_mirror(f, 0, RED, 1000);
    fixture_explain(f);
    expect_told(f, "mirror to green, 100%: yes (sampled by request)\n");
    expect_told(f, "mirror to blue: not eligible, the same version answers\n");
    expect_told(f, "mirror to red, 0.1%: not this one (sampled by request)\n");
    fixture_request(f, "POST / HTTP/1.1\r\n");
    fixture_explain(f);
    expect_told(f, "mirror to green: not eligible, not a method that is mirrored\n");
    fixture_free(f);
}

static void test_explain_lines_are_safe_to_print(void **state)
{
    struct fixture *f = fixture_new();
    struct px_match_value header = fixture_value(PX_MATCH_EXACT, "X-A", "1");
    static char text[4096];
    struct px_match *match;

    (void)state;
    fixture_rule(f, "testers", 0, 1, 0);
    match = fixture_match(f, 0);
    match->headers = &header;
    match->header_count = 1;
    fixture_rule(f, "main", 1, 0, 0);
    fixture_request(f, "GET / HTTP/1.1\r\nX-A: a\tb\033[2J\177\r\n");
    fixture_explain(f);
    expect_told(f, "\"a?b?[2J?\": no\n");
    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nX-A: %03000d\r\n", 1);
    fixture_request(f, text);
    fixture_explain(f);
    assert_true(strlen(f->told) < 1000);
    fixture_free(f);
}

static void test_explain_lines_are_utf8(void **state)
{
    static const char *const values[][2] = {
        {"gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x9a\x82", "gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x9a\x82"},
        {"latin \xfc.", "latin ?."},
        {"c1 \xc2\x9b.", "c1 ??."},
        {"short \xe2\x82", "short ??"},
        {"overlong \xc0\xaf.", "overlong ??."},
        {"\xe0\x80\xaf.", "???."},
        {"surrogate \xed\xa0\x80.", "surrogate ???."},
        {"far \xf4\x90\x80\x80.", "far ????."},
        {"\xf0\x80\x80\x80.", "????."},
        {"none \xff\x80.", "none ??."},
    };
    struct fixture *f = fixture_new();
    struct px_match_value header = fixture_value(PX_MATCH_EXACT, "X-A", "1");
    struct px_match *match;

    (void)state;
    fixture_rule(f, "testers", 0, 1, 0);
    match = fixture_match(f, 0);
    match->headers = &header;
    match->header_count = 1;
    fixture_rule(f, "main", 1, 0, 0);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char text[128];
        char expected[128];

        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nX-A: %s\r\n", values[i][0]);
        snprintf(expected, sizeof(expected), ": \"%s\": no\n", values[i][1]);
        fixture_request(f, text);
        fixture_explain(f);
        expect_told(f, expected);
    }
    fixture_free(f);
}

static void test_explain_no_rule(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    fixture_explain(f);
    expect_told(f, "no rule matches: 503\n");
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_explain_takes_nothing),
        cmocka_unit_test(test_explain_says_what_would_happen),
        cmocka_unit_test(test_explain_tells_matches),
        cmocka_unit_test(test_explain_tells_slot_weights_and_endpoint),
        cmocka_unit_test(test_explain_tells_cookie_states),
        cmocka_unit_test(test_explain_tells_header_keys),
        cmocka_unit_test(test_explain_tells_modes_health_and_refusal),
        cmocka_unit_test(test_explain_tells_a_missing_endpoint),
        cmocka_unit_test(test_explain_tells_endpoints_that_are_not_like_the_others),
        cmocka_unit_test(test_explain_knows_no_id_before_it_is_drawn),
        cmocka_unit_test(test_explain_knows_who_stands_in_for_a_newcomer),
        cmocka_unit_test(test_explain_tells_mirrors),
        cmocka_unit_test(test_explain_lines_are_safe_to_print),
        cmocka_unit_test(test_explain_lines_are_utf8),
        cmocka_unit_test(test_explain_no_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

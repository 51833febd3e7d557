#include "tests/unit/route/fixture.h"

/* main: all to blue, mirrored to green. */
static struct fixture *make(uint32_t ppm)
{
    struct fixture *f = fixture_new();

    fixture_rule(f, "main", 1, 0, 0);
    fixture_mirror(f, 0, GREEN, ppm);
    return f;
}

static uint32_t ask(struct fixture *f, const char *text)
{
    fixture_request(f, text);
    return fixture_decide(f)->mirrors;
}

static void test_mirrors_quarter_is_exact(void **state)
{
    struct fixture *f = make(250000);
    uint32_t sent = 0;

    (void)state;
    for (int i = 0; i < 10000; i++)
        sent += ask(f, "GET / HTTP/1.1\r\n");
    assert_in_range(sent, 2499, 2501);
    assert_int_equal(f->mirror_deals[0][0].n, 10000);
    fixture_free(f);
}

static void test_mirrors_only_eligible_requests_are_counted(void **state)
{
    static const char *const eligible[] = {
        "GET / HTTP/1.1\r\n",
        "HEAD / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1000\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
        "GET / HTTP/1.1\r\nTurnout-Other: 1\r\n",
        "GET / HTTP/1.1\r\nX-Turnout-Shadow: 1\r\n",
    };
    static const char *const others[] = {
        "POST / HTTP/1.1\r\n",
        "PROPFIND / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1001\r\n",
        "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n",
        "GET / HTTP/1.1\r\nTurnout-Shadow: 1\r\n",
        "GET / HTTP/1.1\r\nturnout_shadow: 1\r\n",
    };
    struct fixture *f = make(1000000);
    uint64_t counted = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(eligible) / sizeof(eligible[0]); i++) {
        assert_int_equal(ask(f, eligible[i]), 1);
        assert_int_equal(f->mirror_deals[0][0].n, ++counted);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(ask(f, others[i]), 0);
        assert_int_equal(f->mirror_deals[0][0].n, counted);
    }
    fixture_free(f);
}

static void test_mirrors_say_why_one_passes_a_request_over(void **state)
{
    static const struct {
        const char *request;
        enum px_mirror_pass pass;
    } rows[] = {
        {"POST / HTTP/1.1\r\n", PX_MIRROR_PASS_METHOD},
        {"GET / HTTP/1.1\r\nContent-Length: 1001\r\n", PX_MIRROR_PASS_SIZE},
        {"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: a\r\n", PX_MIRROR_PASS_UPGRADE},
        {"GET / HTTP/1.1\r\nTurnout-Shadow: 1\r\n", PX_MIRROR_PASS_SHADOW},
        {"GET / HTTP/1.1\r\n", PX_MIRROR_PASS_COUNT},
    };
    struct fixture *f = make(1000000);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ask(f, rows[i].request);
        assert_int_equal(f->decision.passes[0], rows[i].pass);
    }
    f->said[0].mirrors[0].ppm = 0;
    ask(f, "GET / HTTP/1.1\r\n");
    assert_int_equal(f->decision.passes[0], PX_MIRROR_PASS_NOT_SAMPLED);
    f->versions[GREEN].mode = STRATEGY_CUT;
    ask(f, "GET / HTTP/1.1\r\n");
    assert_int_equal(f->decision.passes[0], PX_MIRROR_PASS_MODE);
    for (uint32_t e = 0; e < FIXTURE_ENDPOINTS; e++)
        f->endpoints[BLUE][e].up = false;
    ask(f, "GET / HTTP/1.1\r\n");
    assert_int_equal(f->decision.passes[0], PX_MIRROR_PASS_REFUSED);
    fixture_weights(f, 0, 0, 1, 0);
    f->versions[GREEN].mode = STRATEGY_ACTIVE;
    ask(f, "GET / HTTP/1.1\r\n");
    assert_int_equal(f->decision.passes[0], PX_MIRROR_PASS_SAME_VERSION);
    fixture_free(f);
}

static void test_mirrors_methods_named(void **state)
{
    struct fixture *f = make(1000000);

    (void)state;
    f->said[0].mirrors[0].methods = 1u << TN_HTTP_POST;
    assert_int_equal(ask(f, "POST / HTTP/1.1\r\nContent-Length: 10\r\n"), 1);
    assert_int_equal(ask(f, "GET / HTTP/1.1\r\n"), 0);
    fixture_free(f);
}

static void test_mirrors_not_to_the_version_that_answers(void **state)
{
    struct fixture *f = make(1000000);
    uint32_t sent = 0;

    (void)state;
    fixture_weights(f, 0, 90, 10, 0);
    for (int i = 0; i < 1000; i++) {
        uint32_t mirrors = ask(f, "GET / HTTP/1.1\r\n");

        assert_int_equal(mirrors, f->decision.version == BLUE);
        sent += mirrors;
    }
    assert_int_equal(sent, 900);
    assert_int_equal(f->mirror_deals[0][0].n, 900);
    fixture_free(f);
}

static void test_mirrors_not_to_draining_or_cut(void **state)
{
    struct fixture *f = make(1000000);

    (void)state;
    f->versions[GREEN].mode = STRATEGY_DRAINING;
    assert_int_equal(ask(f, "GET / HTTP/1.1\r\n"), 0);
    f->versions[GREEN].mode = STRATEGY_CUT;
    assert_int_equal(ask(f, "GET / HTTP/1.1\r\n"), 0);
    f->versions[GREEN].mode = STRATEGY_ACTIVE;
    assert_int_equal(ask(f, "GET / HTTP/1.1\r\n"), 1);
    fixture_free(f);
}

/* A target that is down is chosen all the same, and then counted as dropped. */
static void test_mirrors_to_a_version_that_is_down(void **state)
{
    struct fixture *f = make(1000000);

    (void)state;
    for (uint32_t e = 0; e < FIXTURE_ENDPOINTS; e++)
        f->endpoints[GREEN][e].up = false;
    assert_int_equal(ask(f, "GET / HTTP/1.1\r\n"), 1);
    assert_int_equal(px_route_mirror_endpoint(&f->snapshot, &f->loop, &f->decision, 0),
                     STRATEGY_NONE);
    fixture_free(f);
}

static void test_mirrors_none_when_nobody_answers(void **state)
{
    struct fixture *f = make(1000000);

    (void)state;
    for (uint32_t e = 0; e < FIXTURE_ENDPOINTS; e++)
        f->endpoints[BLUE][e].up = false;
    assert_int_equal(ask(f, "GET / HTTP/1.1\r\n"), 0);
    assert_int_equal(f->mirror_deals[0][0].n, 0);
    fixture_free(f);
}

static void test_mirrors_each_has_its_own_slots(void **state)
{
    struct fixture *f = make(500000);
    uint32_t first = 0;
    uint32_t second = 0;
    uint32_t both = 0;

    (void)state;
    fixture_mirror(f, 0, RED, 200000);
    for (int i = 0; i < 1000; i++) {
        uint32_t mirrors = ask(f, "GET / HTTP/1.1\r\n");

        first += mirrors & 1;
        second += mirrors >> 1 & 1;
        both += mirrors == 3;
    }
    assert_int_equal(first, 500);
    assert_int_equal(second, 200);
    assert_in_range(both, 70, 130);
    fixture_free(f);
}

static void test_mirrors_whole_users(void **state)
{
    struct fixture *f = make(300000);
    uint32_t users = 0;

    (void)state;
    f->said[0].mirrors[0].sample_key = true;
    f->said[0].sticky.by = PX_STICKY_HEADER;
    f->said[0].sticky.name = strdup("X-User");
    for (int i = 0; i < 500; i++) {
        char text[64];
        uint32_t mirrors;

        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nX-User: %d\r\n", i);
        f->said[0].mirrors[0].ppm = 300000;
        mirrors = ask(f, text);
        assert_int_equal(ask(f, text), mirrors);
        f->said[0].mirrors[0].ppm = 600000;
        f->mirror_deals[0][0].seed++; /* as a new revision would have it */
        assert_true(ask(f, text) >= mirrors);
        users += mirrors;
    }
    assert_in_range(users, 110, 190);
    assert_int_equal(f->mirror_deals[0][0].n, 0);
    ask(f, "GET / HTTP/1.1\r\n"); /* nobody's request is sampled by slots */
    assert_int_equal(f->mirror_deals[0][0].n, 1);
    fixture_free(f);
}

static void test_mirrors_endpoint_is_the_same_ordinal_for_a_user(void **state)
{
    struct fixture *f = make(1000000);

    (void)state;
    fixture_sticky(f, 0, false);
    f->said[0].sticky.scope_endpoint = true;
    for (int i = 0; i < 50; i++) {
        ask(f, "GET / HTTP/1.1\r\n");
        assert_int_equal(px_route_mirror_endpoint(&f->snapshot, &f->loop, &f->decision, 0),
                         f->decision.endpoint);
    }
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mirrors_quarter_is_exact),
        cmocka_unit_test(test_mirrors_only_eligible_requests_are_counted),
        cmocka_unit_test(test_mirrors_say_why_one_passes_a_request_over),
        cmocka_unit_test(test_mirrors_methods_named),
        cmocka_unit_test(test_mirrors_not_to_the_version_that_answers),
        cmocka_unit_test(test_mirrors_not_to_draining_or_cut),
        cmocka_unit_test(test_mirrors_to_a_version_that_is_down),
        cmocka_unit_test(test_mirrors_none_when_nobody_answers),
        cmocka_unit_test(test_mirrors_each_has_its_own_slots),
        cmocka_unit_test(test_mirrors_whole_users),
        cmocka_unit_test(test_mirrors_endpoint_is_the_same_ordinal_for_a_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

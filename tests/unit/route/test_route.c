#include "tests/unit/route/fixture.h"

#include <errno.h>
#include <pthread.h>

static void test_route_first_match_wins(void **state)
{
    struct fixture *f = fixture_new();
    struct px_match_value header = fixture_value(PX_MATCH_EXACT, "X-Version", "green");
    struct px_match_value path = fixture_value(PX_MATCH_PREFIX, NULL, "/red");
    struct px_match *match;

    (void)state;
    fixture_rule(f, "testers", 0, 1, 0);
    match = fixture_match(f, 0);
    match->headers = &header;
    match->header_count = 1;
    fixture_rule(f, "red", 0, 0, 1);
    fixture_match(f, 1)->path = &path;
    fixture_rule(f, "main", 1, 0, 0);

    fixture_request(f, "GET /red HTTP/1.1\r\nX-Version: green\r\n");
    assert_int_equal(fixture_decide(f)->rule, 0);
    assert_int_equal(f->decision.version, GREEN);
    fixture_request(f, "GET /red HTTP/1.1\r\n");
    assert_int_equal(fixture_decide(f)->rule, 1);
    assert_int_equal(f->decision.version, RED);
    fixture_request(f, "GET / HTTP/1.1\r\n");
    assert_int_equal(fixture_decide(f)->rule, 2);
    assert_int_equal(f->decision.version, BLUE);
    /* what was counted belongs to the rule that decided */
    assert_int_equal(f->deals[0].n + f->deals[1].n + f->deals[2].n, 0);
    fixture_free(f);
}

static void test_route_no_rule_refuses(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    fixture_decide(f);
    assert_int_equal(f->decision.rule, STRATEGY_NONE);
    assert_int_equal(f->decision.version, STRATEGY_NONE);
    assert_int_equal(f->decision.refused_status, 503);
    fixture_free(f);
}

static void test_route_deals_slots_exactly(void **state)
{
    struct fixture *f = fixture_new();
    uint32_t green = 0;

    (void)state;
    fixture_rule(f, "main", 90, 10, 0);
    for (uint64_t i = 0; i < 10000; i++) {
        fixture_decide(f);
        assert_int_equal(f->decision.reason, STRATEGY_REASON_SLOT);
        assert_true(f->decision.has_slot);
        assert_int_equal(f->decision.slot, i);
        assert_int_equal(f->decision.wanted, f->decision.version);
        assert_int_equal(f->decision.set_cookie_len, 0);
        green += f->decision.version == GREEN;
    }
    assert_in_range(green, 999, 1001);
    fixture_free(f);
}

/* Two loops on one counter are as exact as one. */
struct worker {
    struct fixture *fixture;
    struct px_route_loop loop;
    uint32_t green;
};

static void *work(void *context)
{
    struct worker *worker = context;
    struct px_decision decision;

    for (int i = 0; i < 5000; i++) {
        px_route_decide(&worker->fixture->snapshot, &worker->loop, &worker->fixture->request, NULL,
                        &decision);
        worker->green += decision.version == GREEN;
    }
    return NULL;
}

static void test_route_loops_share_the_counter(void **state)
{
    struct fixture *f = fixture_new();
    struct worker workers[2];
    pthread_t threads[2];

    (void)state;
    fixture_rule(f, "main", 90, 10, 0);
    for (uint32_t i = 0; i < 2; i++) {
        workers[i] = (struct worker){.fixture = f};
        assert_int_equal(px_route_loop_init(&workers[i].loop, 1, i), 0);
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        px_route_loop_deinit(&workers[i].loop);
    }
    assert_int_equal(f->deals[0].n, 10000);
    assert_in_range(workers[0].green + workers[1].green, 999, 1001);
    fixture_free(f);
}

static void test_route_only_version_takes_no_slot(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    fixture_rule(f, "main", 0, 7, 0);
    fixture_decide(f);
    assert_int_equal(f->decision.version, GREEN);
    assert_int_equal(f->decision.reason, STRATEGY_REASON_ONLY);
    assert_false(f->decision.has_slot);
    assert_int_equal(f->deals[0].n, 0);
    fixture_free(f);
}

static void close_version(struct fixture *f, uint32_t version, bool is_up)
{
    for (uint32_t i = 0; i < FIXTURE_ENDPOINTS; i++)
        f->endpoints[version][i].up = is_up;
}

static void test_route_version_is_up_by_any_endpoint(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    fixture_rule(f, "main", 1, 0, 0);
    close_version(f, BLUE, false);
    fixture_decide(f);
    assert_int_equal(f->decision.version, STRATEGY_NONE);
    assert_int_equal(f->decision.wanted, BLUE);
    assert_int_equal(f->decision.endpoint, STRATEGY_NONE);
    assert_int_equal(f->decision.reason, STRATEGY_REASON_UNAVAILABLE);
    assert_int_equal(f->decision.refused_status, 503);
    f->endpoints[BLUE][3].up = true;
    fixture_decide(f);
    assert_int_equal(f->decision.version, BLUE);
    assert_int_equal(f->decision.endpoint, 3);
    assert_int_equal(f->decision.refused_status, 0);
    f->endpoints[BLUE][3].mode = STRATEGY_CUT;
    assert_int_equal(fixture_decide(f)->version, STRATEGY_NONE);
    f->endpoints[BLUE][3].mode = STRATEGY_DRAINING; /* nobody here has a claim to it */
    assert_int_equal(fixture_decide(f)->version, STRATEGY_NONE);
    fixture_free(f);
}

static void test_route_fails_over(void **state)
{
    struct fixture *f = fixture_new();
    uint32_t failed_over = 0;

    (void)state;
    fixture_rule(f, "main", 90, 10, 0);
    f->said[0].on_unhealthy = STRATEGY_FAILOVER;
    close_version(f, GREEN, false);
    for (int i = 0; i < 1000; i++) {
        fixture_decide(f);
        assert_int_equal(f->decision.version, BLUE);
        assert_int_not_equal(f->decision.endpoint, STRATEGY_NONE);
        if (f->decision.wanted == GREEN) {
            assert_int_equal(f->decision.reason, STRATEGY_REASON_FAILOVER);
            failed_over++;
        }
    }
    assert_int_equal(failed_over, 100);
    fixture_free(f);
}

static void test_route_cut_takes_effect_at_once(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    fixture_rule(f, "main", 50, 50, 0);
    f->versions[GREEN].mode = STRATEGY_CUT;
    for (int i = 0; i < 100; i++)
        assert_int_equal(fixture_decide(f)->version, BLUE);
    f->versions[BLUE].mode = STRATEGY_CUT;
    assert_int_equal(fixture_decide(f)->version, STRATEGY_NONE);
    assert_int_equal(f->decision.wanted, STRATEGY_NONE);
    fixture_free(f);
}

static void test_route_rule_of_two_in_other_order_than_versions(void **state)
{
    struct fixture *f = fixture_new();
    uint32_t counted[VERSIONS] = {0};

    (void)state;
    fixture_rule(f, "main", 0, 0, 0);
    f->rules[0].version_count = 2;
    f->rules[0].versions[0] = RED;
    f->rules[0].versions[1] = BLUE;
    f->rules[0].weights[0] = 3;
    f->rules[0].weights[1] = 1;
    f->rules[0].ids[0] = f->versions[RED].id;
    f->rules[0].ids[1] = f->versions[BLUE].id;
    for (int i = 0; i < 400; i++)
        counted[fixture_decide(f)->version]++;
    assert_int_equal(counted[RED], 300);
    assert_int_equal(counted[BLUE], 100);
    fixture_free(f);
}

static void test_route_balance_hash_goes_by_client_without_key(void **state)
{
    struct fixture *f = fixture_new();
    struct sockaddr_in *client = (struct sockaddr_in *)(void *)&f->client;
    uint32_t met[FIXTURE_ENDPOINTS] = {0};

    (void)state;
    fixture_rule(f, "main", 1, 0, 0);
    f->versions[BLUE].balance = STRATEGY_HASH;
    for (uint32_t i = 0; i < 100; i++) {
        uint32_t place;

        client->sin_addr.s_addr = i;
        client->sin_port = (uint16_t)i;
        place = fixture_decide(f)->endpoint;
        client->sin_port++;
        assert_int_equal(fixture_decide(f)->endpoint, place);
        met[place]++;
    }
    for (int i = 0; i < FIXTURE_ENDPOINTS; i++)
        assert_in_range(met[i], 10, 45);
    f->request.client = NULL; /* no address: in turn */
    assert_int_not_equal(STRATEGY_NONE, fixture_decide(f)->endpoint);
    fixture_free(f);
}

static void test_route_retry_takes_another_endpoint_of_the_version(void **state)
{
    struct fixture *f = fixture_new();
    uint32_t tried[FIXTURE_ENDPOINTS];

    (void)state;
    fixture_rule(f, "main", 1, 1, 0);
    tried[0] = fixture_decide(f)->endpoint;
    for (uint32_t tries = 1; tries < FIXTURE_ENDPOINTS; tries++) {
        tried[tries] = px_route_endpoint(&f->snapshot, &f->loop, &f->decision, tried, tries);
        assert_int_not_equal(tried[tries], STRATEGY_NONE);
        for (uint32_t i = 0; i < tries; i++)
            assert_int_not_equal(tried[tries], tried[i]);
    }
    assert_int_equal(
        px_route_endpoint(&f->snapshot, &f->loop, &f->decision, tried, FIXTURE_ENDPOINTS),
        STRATEGY_NONE);
    assert_int_equal(f->deals[0].n, 1); /* and no slot */
    fixture_free(f);
}

static void test_route_retry_of_a_bound_user(void **state)
{
    struct fixture *f = fixture_new();
    uint32_t tried;

    (void)state;
    fixture_rule(f, "main", 1, 0, 0);
    fixture_sticky(f, 0, false);
    f->said[0].sticky.scope_endpoint = true;
    tried = fixture_decide(f)->endpoint;
    assert_int_not_equal(px_route_endpoint(&f->snapshot, &f->loop, &f->decision, &tried, 1),
                         STRATEGY_NONE);
    f->said[0].sticky.on_missing_fail = true;
    assert_int_equal(px_route_endpoint(&f->snapshot, &f->loop, &f->decision, &tried, 1),
                     STRATEGY_NONE);
    f->decision.version = STRATEGY_NONE;
    assert_int_equal(px_route_endpoint(&f->snapshot, &f->loop, &f->decision, NULL, 0),
                     STRATEGY_NONE);
    fixture_free(f);
}

static void test_route_loop_deinit_takes_half_built(void **state)
{
    struct px_route_loop loop = {.start = 0};

    (void)state;
    px_route_loop_deinit(&loop);
    assert_int_equal(px_route_loop_init(&loop, 1, 2), 0);
    px_route_loop_deinit(&loop);
    px_route_loop_deinit(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_route_first_match_wins),
        cmocka_unit_test(test_route_no_rule_refuses),
        cmocka_unit_test(test_route_deals_slots_exactly),
        cmocka_unit_test(test_route_loops_share_the_counter),
        cmocka_unit_test(test_route_only_version_takes_no_slot),
        cmocka_unit_test(test_route_version_is_up_by_any_endpoint),
        cmocka_unit_test(test_route_fails_over),
        cmocka_unit_test(test_route_cut_takes_effect_at_once),
        cmocka_unit_test(test_route_rule_of_two_in_other_order_than_versions),
        cmocka_unit_test(test_route_balance_hash_goes_by_client_without_key),
        cmocka_unit_test(test_route_retry_takes_another_endpoint_of_the_version),
        cmocka_unit_test(test_route_retry_of_a_bound_user),
        cmocka_unit_test(test_route_loop_deinit_takes_half_built),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

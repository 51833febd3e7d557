#include "proxy/health/ejection.h"
#include "proxy/health/health.h"
#include "proxy/upstream/outlier.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ENDPOINTS 4
#define FIRST_MS 100
#define PATIENCE_MS 5000

/* A version of four endpoints that nobody listens for, on one loop; `up` is set by the test. */
struct stage {
    struct tn_loop loop;
    struct tn_random random;
    struct px_health *health;
    struct px_limits limits;
    struct px_endpoint endpoints[ENDPOINTS];
    struct px_endpoint *list[ENDPOINTS];
    struct px_snapshot_version version;
    struct px_snapshot snapshot;
    bool is_closed;
};

static int set_up(void **state)
{
    struct stage *stage = calloc(1, sizeof(*stage));
    struct px_health_options options = {.loop = &stage->loop, .random = &stage->random};

    tn_net_init();
    tn_loop_init(&stage->loop);
    tn_random_init_seeded(&stage->random, 1);
    stage->limits = (struct px_limits){
        .ejection_failures = 5, .ejection_ms = FIRST_MS, .ejection_max_ms = 4 * FIRST_MS};
    for (uint32_t i = 0; i < ENDPOINTS; i++) {
        struct sockaddr_in *sa = (struct sockaddr_in *)&stage->endpoints[i].address.sa;

        sa->sin_family = AF_INET;
        sa->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sa->sin_port = htons(1);
        stage->endpoints[i].address.text = (char *)(uintptr_t) "127.0.0.1:1";
        stage->endpoints[i].up = true;
        stage->endpoints[i].index = i;
        stage->list[i] = &stage->endpoints[i];
    }
    /* an hour between probes: only the first one, at the start, says anything */
    stage->version = (struct px_snapshot_version){
        .name = "blue",
        .endpoints = stage->list,
        .endpoint_count = ENDPOINTS,
        .health = {.path = (char *)(uintptr_t) "/",
                   .interval_ms = 3600000,
                   .timeout_ms = 1000,
                   .up_after = 2,
                   .down_after = 1000},
    };
    stage->snapshot = (struct px_snapshot){
        .versions = &stage->version, .version_count = 1, .limits = &stage->limits};
    assert_int_equal(px_health_new(&options, &stage->health), 0);
    assert_int_equal(px_health_update(stage->health, &stage->snapshot), 0);
    *state = stage;
    return 0;
}

static void on_closed(void *context)
{
    ((struct stage *)context)->is_closed = true;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;

    px_health_close(stage->health, on_closed, stage);
    tn_loop_run(&stage->loop);
    assert_true(stage->is_closed);
    assert_int_equal(tn_loop_deinit(&stage->loop), 0);
    free(stage);
    return 0;
}

static void test_outlier_tells_once_when_enough_failed_in_a_row(void **state)
{
    struct stage *stage = *state;
    struct px_endpoint *endpoint = stage->list[0];

    for (unsigned i = 0; i < 4; i++)
        assert_false(px_outlier_failed(endpoint, 5));
    px_outlier_well(endpoint);
    for (unsigned i = 0; i < 4; i++)
        assert_false(px_outlier_failed(endpoint, 5));
    assert_true(px_outlier_failed(endpoint, 5));
    assert_false(px_outlier_failed(endpoint, 5));
}

static void test_outlier_never_tells_with_limit_zero(void **state)
{
    struct stage *stage = *state;

    for (unsigned i = 0; i < 100; i++)
        assert_false(px_outlier_failed(stage->list[0], 0));
}

static void test_ejection_takes_at_most_half_and_never_the_last(void **state)
{
    static const struct {
        uint32_t endpoints, ejected, open;
        bool is_allowed;
    } cases[] = {
        {1, 0, 1, false}, {2, 0, 2, true},  {2, 1, 1, false},  {2, 0, 1, false}, {3, 0, 3, true},
        {3, 1, 2, false}, {4, 1, 3, true},  {4, 2, 2, false},  {5, 1, 4, true},  {5, 2, 3, false},
        {4, 1, 1, false}, {10, 4, 6, true}, {10, 5, 5, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct px_ejection_question question = {cases[i].endpoints, cases[i].ejected,
                                                cases[i].open};

        assert_int_equal(px_ejection_is_allowed(&question), cases[i].is_allowed);
    }
}

static void test_ejection_doubles_up_to_its_limit(void **state)
{
    (void)state;
    assert_int_equal(px_ejection_length_ms(0, 10000, 300000), 10000);
    assert_int_equal(px_ejection_length_ms(1, 10000, 300000), 20000);
    assert_int_equal(px_ejection_length_ms(4, 10000, 300000), 160000);
    assert_int_equal(px_ejection_length_ms(5, 10000, 300000), 300000);
    assert_int_equal(px_ejection_length_ms(4000000, 10000, 300000), 300000);
}

static uint64_t until_let_in(struct stage *stage, const struct px_endpoint *endpoint)
{
    uint64_t start;

    uv_update_time(&stage->loop.uv);
    start = tn_loop_now_ms(&stage->loop);
    uv_ref((uv_handle_t *)&stage->loop.sweep); /* nothing else keeps this loop going */
    while (endpoint->ejected) {
        uv_run(&stage->loop.uv, UV_RUN_ONCE);
        assert_true(tn_loop_now_ms(&stage->loop) < start + PATIENCE_MS);
    }
    uv_unref((uv_handle_t *)&stage->loop.sweep);
    return tn_loop_now_ms(&stage->loop) - start;
}

static void test_ejection_ends_by_itself_and_the_next_is_longer(void **state)
{
    struct stage *stage = *state;
    struct px_endpoint *endpoint = stage->list[1];
    uint64_t first;
    uint64_t second;

    uv_update_time(&stage->loop.uv);
    assert_true(px_health_eject(stage->health, &stage->snapshot, endpoint));
    assert_true(endpoint->ejected);
    assert_false(px_health_eject(stage->health, &stage->snapshot, endpoint));
    first = until_let_in(stage, endpoint);
    assert_true(first >= FIRST_MS - TN_DEADLINE_TICK_MS);
    assert_int_equal(endpoint->failures, 0);
    assert_int_equal(endpoint->up_since_ms, tn_loop_now_ms(&stage->loop));
    for (uint32_t i = 0; i < ENDPOINTS; i++)
        stage->list[i]->up = true; /* the first probe has found nobody meanwhile */
    assert_true(px_health_eject(stage->health, &stage->snapshot, endpoint));
    second = until_let_in(stage, endpoint);
    assert_true(second >= 2 * FIRST_MS - TN_DEADLINE_TICK_MS);
    assert_int_equal(endpoint->ejections, 2);
}

static void test_ejection_leaves_half_of_the_version(void **state)
{
    struct stage *stage = *state;

    assert_true(px_health_eject(stage->health, &stage->snapshot, stage->list[0]));
    assert_true(px_health_eject(stage->health, &stage->snapshot, stage->list[1]));
    stage->list[2]->failures = 5;
    assert_false(px_health_eject(stage->health, &stage->snapshot, stage->list[2]));
    assert_false(stage->list[2]->ejected);
    assert_int_equal(stage->list[2]->failures, 0); /* it is asked again after five more */
}

static void test_ejection_ends_with_the_endpoint(void **state)
{
    struct stage *stage = *state;

    assert_true(px_health_eject(stage->health, &stage->snapshot, stage->list[3]));
    stage->version.endpoint_count = 3;
    assert_int_equal(px_health_update(stage->health, &stage->snapshot), 0);
    assert_false(stage->list[3]->ejected);
    assert_false(px_health_eject(stage->health, &stage->snapshot, stage->list[3]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_outlier_tells_once_when_enough_failed_in_a_row, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_outlier_never_tells_with_limit_zero, set_up,
                                        tear_down),
        cmocka_unit_test(test_ejection_takes_at_most_half_and_never_the_last),
        cmocka_unit_test(test_ejection_doubles_up_to_its_limit),
        cmocka_unit_test_setup_teardown(test_ejection_ends_by_itself_and_the_next_is_longer, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_ejection_leaves_half_of_the_version, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_ejection_ends_with_the_endpoint, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "proxy/route/pick.h"
#include "tests/unit/route/fixture.h"

static uint32_t pick(struct fixture *f)
{
    const struct px_pick_question question = {.version = &f->versions[BLUE], .loop = &f->loop};

    return px_pick_endpoint(&question);
}

static uint32_t pick_key(struct fixture *f, uint32_t version, uint64_t key)
{
    const struct px_pick_question question = {.version = &f->versions[version],
                                              .loop = &f->loop,
                                              .has_key = true,
                                              .is_keyed = true,
                                              .key = key};

    return px_pick_endpoint(&question);
}

static void test_pick_round_robin_meets_all_in_turn(void **state)
{
    struct fixture *f = fixture_new();
    uint32_t first = pick(f);

    (void)state;
    for (uint32_t i = 1; i < 12; i++)
        assert_int_equal(pick(f), (first + i) % FIXTURE_ENDPOINTS);
    fixture_free(f);
}

/* Eight requests over new connections are spread over loops: they must not all start at 0. */
static void test_pick_round_robin_starts_elsewhere_per_proxy_loop_and_version(void **state)
{
    uint32_t by_loop[FIXTURE_ENDPOINTS] = {0};
    uint32_t by_proxy[FIXTURE_ENDPOINTS] = {0};
    uint32_t by_version[FIXTURE_ENDPOINTS] = {0};
    struct fixture *f = fixture_new();

    (void)state;
    for (uint32_t i = 0; i < 64; i++) {
        px_route_loop_deinit(&f->loop);
        assert_int_equal(px_route_loop_init(&f->loop, 1, i), 0);
        by_loop[pick(f)]++;
        px_route_loop_deinit(&f->loop);
        assert_int_equal(px_route_loop_init(&f->loop, i, 0), 0);
        by_proxy[pick(f)]++;
        px_route_loop_deinit(&f->loop);
        assert_int_equal(px_route_loop_init(&f->loop, 1, 0), 0);
        f->versions[BLUE].id = strategy_mix(i);
        by_version[pick(f)]++;
    }
    for (int i = 0; i < FIXTURE_ENDPOINTS; i++) {
        assert_in_range(by_loop[i], 4, 30);
        assert_in_range(by_proxy[i], 4, 30);
        assert_in_range(by_version[i], 4, 30);
    }
    fixture_free(f);
}

static void test_pick_versions_keep_their_own_turn(void **state)
{
    struct fixture *f = fixture_new();
    uint32_t blue = pick(f);
    const struct px_pick_question green = {.version = &f->versions[GREEN], .loop = &f->loop};

    (void)state;
    for (int i = 0; i < 3; i++)
        px_pick_endpoint(&green);
    assert_int_equal(pick(f), (blue + 1) % FIXTURE_ENDPOINTS);
    fixture_free(f);
}

static void test_pick_dry_takes_no_turn(void **state)
{
    struct fixture *f = fixture_new();
    const struct px_pick_question dry = {
        .version = &f->versions[BLUE], .loop = &f->loop, .is_dry = true};
    uint32_t next = px_pick_endpoint(&dry);

    (void)state;
    assert_int_equal(px_pick_endpoint(&dry), next);
    assert_int_equal(pick(f), next);
    assert_int_equal(pick(f), (next + 1) % FIXTURE_ENDPOINTS);
    fixture_free(f);
}

static void test_pick_skips_down_cut_and_draining(void **state)
{
    struct fixture *f = fixture_new();
    uint32_t counted[FIXTURE_ENDPOINTS] = {0};

    (void)state;
    f->endpoints[BLUE][0].up = false;
    f->endpoints[BLUE][1].mode = STRATEGY_CUT;
    f->endpoints[BLUE][2].mode = STRATEGY_DRAINING;
    for (int i = 0; i < 20; i++)
        counted[pick(f)]++;
    assert_int_equal(counted[3], 20);
    f->endpoints[BLUE][3].up = false;
    assert_int_equal(pick(f), STRATEGY_NONE);
    f->versions[BLUE].endpoint_count = 0;
    assert_int_equal(pick(f), STRATEGY_NONE);
    fixture_free(f);
}

static void test_pick_least_requests_reads_the_load(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    f->versions[BLUE].balance = STRATEGY_LEAST_REQUESTS;
    for (uint32_t i = 0; i < FIXTURE_ENDPOINTS; i++)
        f->endpoints[BLUE][i].in_flight = i == 2 ? 3 : 4;
    for (int i = 0; i < 8; i++)
        assert_int_equal(pick(f), 2);
    fixture_free(f);
}

static void test_pick_by_key_is_the_same_ordinal_of_any_version(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    for (uint64_t key = 0; key < 200; key++) {
        uint32_t home = px_pick_home(&f->versions[BLUE], key);

        assert_int_equal(pick_key(f, BLUE, key), home);
        assert_int_equal(pick_key(f, GREEN, key), home);
        f->endpoints[GREEN][home].up = false;
        assert_int_equal(px_pick_home(&f->versions[GREEN], key), home); /* home stays home */
        assert_int_not_equal(pick_key(f, GREEN, key), home);
        f->endpoints[GREEN][home].up = true;
    }
    fixture_free(f);
}

static void test_pick_another_than_those_tried(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    for (int balance = STRATEGY_ROUND_ROBIN; balance <= STRATEGY_HASH; balance++) {
        f->versions[BLUE].balance = (enum strategy_balance)balance;
        for (uint64_t key = 0; key < 20; key++) {
            uint32_t tried[FIXTURE_ENDPOINTS];

            for (uint32_t tries = 0; tries <= FIXTURE_ENDPOINTS; tries++) {
                const struct px_pick_question question = {.version = &f->versions[BLUE],
                                                          .loop = &f->loop,
                                                          .has_key = key % 2 == 0,
                                                          .key = key,
                                                          .tried = tried,
                                                          .tried_count = tries};
                uint32_t place = px_pick_endpoint(&question);

                assert_int_equal(place == STRATEGY_NONE, tries == FIXTURE_ENDPOINTS);
                for (uint32_t i = 0; i < tries; i++)
                    assert_int_not_equal(place, tried[i]);
                if (tries < FIXTURE_ENDPOINTS)
                    tried[tries] = place;
            }
        }
    }
    fixture_free(f);
}

static void test_pick_among_a_thousand(void **state)
{
    static struct px_endpoint endpoints[PX_ENDPOINTS_MAX];
    static struct px_endpoint *list[PX_ENDPOINTS_MAX];
    struct fixture *f = fixture_new();
    uint32_t met = 0;

    (void)state;
    for (uint32_t i = 0; i < PX_ENDPOINTS_MAX; i++) {
        endpoints[i].index = i;
        atomic_init(&endpoints[i].up, i % 10 == 3);
        list[i] = &endpoints[i];
    }
    f->versions[BLUE].endpoints = list;
    f->versions[BLUE].endpoint_count = PX_ENDPOINTS_MAX;
    for (int i = 0; i < 1000; i++) {
        uint32_t place = pick(f);

        assert_int_equal(place % 10, 3);
        met += endpoints[place].in_flight++ == 0;
    }
    assert_int_equal(met, 100);
    assert_int_equal(pick_key(f, BLUE, 5) % 10, 3);
    fixture_free(f);
}

static void test_pick_any_open(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    for (uint32_t i = 0; i < FIXTURE_ENDPOINTS; i++)
        f->endpoints[BLUE][i].up = false;
    assert_false(px_pick_any_open(&f->versions[BLUE], true));
    f->endpoints[BLUE][3].up = true;
    assert_true(px_pick_any_open(&f->versions[BLUE], false));
    f->endpoints[BLUE][3].mode = STRATEGY_DRAINING;
    assert_false(px_pick_any_open(&f->versions[BLUE], false));
    assert_true(px_pick_any_open(&f->versions[BLUE], true));
    f->endpoints[BLUE][3].mode = STRATEGY_CUT;
    assert_false(px_pick_any_open(&f->versions[BLUE], true));
    fixture_free(f);
}

static void test_pick_passes_over_those_with_max_requests(void **state)
{
    struct fixture *f = fixture_new();
    uint64_t key;

    (void)state;
    for (uint32_t i = 0; i < 3; i++)
        f->endpoints[BLUE][i].in_flight = 512;
    for (int i = 0; i < 8; i++)
        assert_int_equal(pick(f), 3);
    for (key = 0; key < 8; key++)
        assert_int_equal(pick_key(f, BLUE, key), 3);
    /* all full: who it would be, so that somebody can be waited for */
    f->endpoints[BLUE][3].in_flight = 512;
    assert_in_range(pick(f), 0, 3);
    f->endpoints[BLUE][0].up = f->endpoints[BLUE][1].up = f->endpoints[BLUE][2].up = false;
    assert_int_equal(pick(f), 3);
    fixture_free(f);
}

/* Copies of mirrors weigh as much as requests, but take no room, and are not kept away by any. */
static void test_pick_copies_are_load_without_room(void **state)
{
    struct fixture *f = fixture_new();
    struct px_pick_question question = {
        .version = &f->versions[BLUE], .loop = &f->loop, .ignores_room = true};
    uint32_t met = 0;

    (void)state;
    for (uint32_t i = 0; i < FIXTURE_ENDPOINTS; i++)
        f->endpoints[BLUE][i].copies = 600;
    assert_true(px_pick_has_room(&f->versions[BLUE], &f->endpoints[BLUE][0]));
    f->endpoints[BLUE][2].copies = 3;
    f->versions[BLUE].balance = STRATEGY_LEAST_REQUESTS;
    assert_int_equal(pick(f), 2);
    f->versions[BLUE].balance = STRATEGY_ROUND_ROBIN;
    f->endpoints[BLUE][1].in_flight = 512;
    for (int i = 0; i < 4; i++)
        met |= 1u << px_pick_endpoint(&question);
    assert_int_equal(met, 15);
    fixture_free(f);
}

static void test_pick_slow_start_counts_from_when_it_came_up(void **state)
{
    struct fixture *f = fixture_new();
    uint32_t counted[FIXTURE_ENDPOINTS] = {0};

    (void)state;
    f->versions[BLUE].slow_start_ms = 10000;
    f->loop.now_ms = 1000000;
    f->endpoints[BLUE][1].up_since_ms = 1000000 - 5000; /* 55 % of a share */
    f->endpoints[BLUE][2].up_since_ms = 1000000 + 7;    /* another thread's clock: 10 % */
    for (int i = 0; i < 10000; i++)
        counted[pick(f)]++;
    assert_in_range(counted[0], 3593, 3953); /* 10,000 / 2.65 is 3,774, four sigma of 45 */
    assert_in_range(counted[3], 3593, 3953);
    assert_in_range(counted[1], 1896, 2255);
    assert_in_range(counted[2], 300, 455);
    f->loop.now_ms += 10007;
    memset(counted, 0, sizeof(counted));
    for (int i = 0; i < 400; i++)
        counted[pick(f)]++;
    for (int i = 0; i < FIXTURE_ENDPOINTS; i++)
        assert_int_equal(counted[i], 100);
    fixture_free(f);
}

/* New ones are met when no other one is left, and the first result decides. */
static void test_pick_meets_the_unknown_when_no_other_is_left(void **state)
{
    struct fixture *f = fixture_new();
    uint32_t home = px_pick_home(&f->versions[BLUE], 77);

    (void)state;
    for (uint32_t i = 0; i < FIXTURE_ENDPOINTS; i++)
        f->endpoints[BLUE][i].up = f->endpoints[BLUE][i].probed = false;
    f->endpoints[BLUE][1].up = f->endpoints[BLUE][1].probed = true;
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(pick(f), 1);
    assert_true(px_pick_is_open(&f->versions[BLUE], 1, false));
    assert_false(px_pick_is_open(&f->versions[BLUE], 0, false));
    f->endpoints[BLUE][1].up = false; /* its probe said so */
    assert_true(px_pick_any_open(&f->versions[BLUE], false));
    for (uint32_t i = 0; i < 20; i++)
        assert_int_not_equal(pick(f), 1);
    assert_true(px_pick_is_open(&f->versions[BLUE], 0, false));
    assert_false(px_pick_is_open(&f->versions[BLUE], 1, false));
    /* Its own users go to one that nobody knows yet, if it is the only kind there is. */
    f->endpoints[BLUE][1].probed = false;
    assert_int_equal(pick_key(f, BLUE, 77), home);
    assert_true(px_pick_is_open(&f->versions[BLUE], home, true));
    f->endpoints[BLUE][home].mode = STRATEGY_CUT;
    assert_int_not_equal(pick_key(f, BLUE, 77), home);
    assert_false(px_pick_is_open(&f->versions[BLUE], home, true));
    for (uint32_t i = 0; i < FIXTURE_ENDPOINTS; i++)
        f->endpoints[BLUE][i].probed = true; /* and all are down */
    assert_false(px_pick_any_open(&f->versions[BLUE], true));
    assert_int_equal(pick(f), STRATEGY_NONE);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pick_round_robin_meets_all_in_turn),
        cmocka_unit_test(test_pick_round_robin_starts_elsewhere_per_proxy_loop_and_version),
        cmocka_unit_test(test_pick_versions_keep_their_own_turn),
        cmocka_unit_test(test_pick_dry_takes_no_turn),
        cmocka_unit_test(test_pick_skips_down_cut_and_draining),
        cmocka_unit_test(test_pick_least_requests_reads_the_load),
        cmocka_unit_test(test_pick_by_key_is_the_same_ordinal_of_any_version),
        cmocka_unit_test(test_pick_another_than_those_tried),
        cmocka_unit_test(test_pick_among_a_thousand),
        cmocka_unit_test(test_pick_any_open),
        cmocka_unit_test(test_pick_passes_over_those_with_max_requests),
        cmocka_unit_test(test_pick_copies_are_load_without_room),
        cmocka_unit_test(test_pick_slow_start_counts_from_when_it_came_up),
        cmocka_unit_test(test_pick_meets_the_unknown_when_no_other_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

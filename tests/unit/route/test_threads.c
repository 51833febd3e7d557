/* Slots of one rule dealt by any number of threads: none twice, none left out, and so as exact as
 * by one. */
#include "tests/unit/route/fixture.h"

#include <math.h>
#include <pthread.h>

#define THREADS_MAX 16
#define REQUESTS 24000

struct dealer {
    pthread_t thread;
    struct fixture *f;
    struct px_route_loop loop;
    uint32_t count;
    uint64_t slots[REQUESTS];
    uint8_t versions[REQUESTS];
};

static void *deal(void *context)
{
    struct dealer *dealer = context;
    struct px_decision decision;

    for (uint32_t i = 0; i < dealer->count; i++) {
        px_route_decide(&dealer->f->snapshot, &dealer->loop, &dealer->f->request, NULL, &decision);
        assert_true(decision.has_slot);
        dealer->slots[i] = decision.slot;
        dealer->versions[i] = (uint8_t)decision.version;
    }
    return NULL;
}

/* Lays all slots out in their order. */
static void gather(const struct dealer *dealers, uint32_t count, uint64_t first,
                   uint8_t versions[REQUESTS])
{
    memset(versions, VERSIONS, REQUESTS);
    for (uint32_t d = 0; d < count; d++) {
        for (uint32_t i = 0; i < dealers[d].count; i++) {
            uint64_t at = dealers[d].slots[i] - first;

            assert_true(at < REQUESTS);
            assert_int_equal(versions[at], VERSIONS); /* not dealt before */
            versions[at] = dealers[d].versions[i];
        }
    }
}

static void check_bounds(const uint8_t versions[REQUESTS], const double shares[VERSIONS])
{
    for (uint32_t v = 0; v < VERSIONS; v++) {
        double low = 0;
        double high = 0;
        uint32_t count = 0;

        for (uint32_t n = 0; n < REQUESTS; n++) {
            double error;

            count += versions[n] == v;
            error = count - (n + 1) * shares[v];
            low = fmin(low, error);
            high = fmax(high, error);
        }
        assert_true(high <= 2 && low >= -2); /* every prefix */
        assert_true(high - low < 4);         /* every window */
    }
}

static void test_threads_deal_as_exactly_as_one(void **state)
{
    static const double shares[VERSIONS] = {0.7, 0.293, 0.007};
    struct dealer *dealers = calloc(THREADS_MAX, sizeof(*dealers));
    static uint8_t versions[REQUESTS];

    (void)state;
    assert_non_null(dealers);
    for (uint32_t count = 1; count <= THREADS_MAX; count *= 2) {
        struct fixture *f = fixture_new();
        uint64_t first;

        fixture_rule(f, "main", 700, 293, 7);
        first = f->deals[0].n = 1000 * 1000;
        for (uint32_t d = 0; d < count; d++) {
            dealers[d].f = f;
            dealers[d].count = REQUESTS / count;
            assert_int_equal(px_route_loop_init(&dealers[d].loop, 1, d), 0);
        }
        for (uint32_t d = 0; d < count; d++)
            assert_int_equal(pthread_create(&dealers[d].thread, NULL, deal, &dealers[d]), 0);
        for (uint32_t d = 0; d < count; d++) {
            pthread_join(dealers[d].thread, NULL);
            px_route_loop_deinit(&dealers[d].loop);
        }
        gather(dealers, count, first, versions);
        check_bounds(versions, shares);
        fixture_free(f);
    }
    free(dealers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_deal_as_exactly_as_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a copy may cost, and how it ends with its client and with the process. */
#include "proxy/mirror/copy.h"
#include "tests/support/virtual_time.h"
#include "tests/unit/mirror/shadow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- budgets ---- */

static void test_mirror_without_endpoint_drops(void **state)
{
    struct shadow *shadow = *state;

    shadow->endpoint.slot = 0;
    assert_null(shadow_begin(shadow, SHADOW_GET));
    shadow_assert_end(shadow, "dropped", "no_endpoint", 0);
    assert_null(shadow->end.endpoint);
    shadow->endpoint.slot = SHADOW_SLOT;
}

static void test_mirror_in_flight_is_capped(void **state)
{
    struct shadow *shadow = *state;

    shadow->limits.mirror_in_flight = 3;
    for (unsigned i = 0; i < 3; i++)
        shadow_send(shadow, SHADOW_GET);
    assert_null(shadow_begin(shadow, SHADOW_GET));
    shadow_assert_end(shadow, "dropped", "in_flight", 0);
    shadow_run(shadow, 10);
    shadow_answer(shadow_peer(shadow, 1), SHADOW_OK);
    shadow_run(shadow, 10);
    shadow_send(shadow, SHADOW_GET);
    assert_null(shadow_begin(shadow, SHADOW_GET));
    assert_int_equal(DROPPED(shadow, IN_FLIGHT), 2);
}

static void test_mirror_in_flight_of_other_loops_counts(void **state)
{
    struct shadow *shadow = *state;

    shadow->limits.mirror_in_flight = 3;
    shadow->in_flight += 3;
    shadow->limits.mirror_in_flight = 3;
    {
        /* shadow_check() knows of one loop only */
        struct px_stats_mirror *counters = shadow_counters(shadow);

        counters->selected += 3;
        assert_null(shadow_begin(shadow, SHADOW_GET));
        counters->selected -= 3;
    }
    shadow->in_flight -= 3;
    assert_int_equal(DROPPED(shadow, IN_FLIGHT), 1);
}

static void test_mirror_lag_before_the_connection_is_bounded(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *copy;
    unsigned pieces = 0;

    if (tn_listener_refuse_new(&shadow->listener) != 0)
        skip();
    copy = shadow_begin(shadow, SHADOW_POST("100000000"));
    while (shadow_body(copy, shadow_much, 8192))
        pieces++;
    assert_int_equal(pieces, 7); /* and a head make less than 64 KiB */
    shadow_assert_end(shadow, "dropped", "buffer", 0);
    assert_int_equal(shadow->memory, 0);
}

/* A client's burst within one turn of the loop: the handshake is through, the loop does not know.
 */
static void test_mirror_burst_before_the_loop_knows_of_the_connection(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *copy = shadow_begin(shadow, SHADOW_POST("1048576"));
    struct shadow_peer *peer;
    const char *body;

    for (unsigned i = 0; i < 16; i++) {
        memset(shadow_much, 'a' + (int)i, 65536);
        assert_true(shadow_body(copy, shadow_much, 65536));
        shadow_check(shadow);
        assert_true(shadow->memory < 65536 + 4096);
    }
    px_mirror_end(copy);
    assert_int_equal(shadow_counters(shadow)->sent, 1);
    shadow_run(shadow, 10);
    peer = shadow_peer(shadow, 0);
    body = strstr(peer->bytes, "\r\n\r\n") + 4;
    assert_int_equal(peer->len - (size_t)(body - peer->bytes), 1048576);
    for (unsigned i = 0; i < 1048576; i++)
        assert_int_equal(body[i], 'a' + (int)(i / 65536));
    shadow_answer(peer, SHADOW_OK);
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "answered", "", 200);
    assert_int_equal(shadow_connections(shadow), 1);
}

/* More than the kernel takes: what is left of a half-taken buffer keeps its place. */
static void test_mirror_burst_that_the_kernel_takes_in_part(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *copy = shadow_begin(shadow, SHADOW_POST("100000000"));
    struct shadow_peer *peer;
    const char *body;
    size_t given = 0;
    bool is_partial = false;

    for (unsigned i = 0; !is_partial; i++) {
        bool was_full = copy->waiting_len + 20000 > 65536;

        memset(shadow_much, 'a' + (int)(i % 26), 20000);
        assert_true(i < 5000);
        if (!shadow_body(copy, shadow_much, 20000))
            skip(); /* this kernel takes a buffer as a whole or not at all */
        given += 20000;
        is_partial = was_full && copy->waiting_len > 0;
    }
    shadow_run(shadow, 10);
    peer = shadow_peer(shadow, 0);
    body = strstr(peer->bytes, "\r\n\r\n") + 4;
    assert_int_equal(peer->len - (size_t)(body - peer->bytes), given);
    for (size_t i = 0; i < given; i++)
        assert_int_equal(body[i], 'a' + (int)(i / 20000 % 26));
    px_mirror_abort(copy);
}

static void test_mirror_burst_to_a_shadow_that_resets_is_failed(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *copy = shadow_begin(shadow, SHADOW_POST_CHUNKED);

    assert_true(shadow_body(copy, shadow_much, 65535));
    assert_int_equal(shadow_counters(shadow)->sent, 1);
    shadow->refuse_all = true;
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "failed", "reset", 0);
    assert_false(shadow_body(copy, shadow_much, 1));
}

static void test_mirror_memory_of_the_process_is_bounded(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *first;
    struct px_mirror_copy *second;

    shadow->limits.mirror_memory_bytes = 60000;
    first = shadow_begin(shadow, SHADOW_POST("100000"));
    assert_true(shadow_body(first, shadow_much, 30000));
    second = shadow_begin(shadow, SHADOW_POST("100000"));
    assert_non_null(second);
    assert_false(shadow_body(second, shadow_much, 30000));
    shadow_assert_end(shadow, "dropped", "memory", 0);
    shadow->limits.mirror_memory_bytes = shadow->memory + 1000; /* less than a copy needs */
    assert_null(shadow_begin(shadow, SHADOW_GET));
    assert_int_equal(DROPPED(shadow, MEMORY), 2);
    px_mirror_abort(first);
    assert_int_equal(shadow->memory, 0);
}

static void test_mirror_tail_counts_as_memory(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *copy;
    size_t given = 0;

    shadow->limits.mirror_buffer_bytes = 1u << 20;
    shadow->limits.mirror_memory_bytes = 100000;
    copy = shadow_begin(shadow, SHADOW_POST("100000000"));
    shadow_run(shadow, 10);
    tn_stream_pause(&shadow_peer(shadow, 0)->stream);
    while (shadow_body(copy, shadow_much, 16384)) {
        given += 16384;
        assert_true(given < 100000000);
        assert_true(shadow->memory <= 100000);
    }
    shadow_assert_end(shadow, "failed", "memory", 0);
}

static void test_mirror_body_over_its_limit(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *copy;

    shadow->mirror.max_body_bytes = 1000;
    assert_null(shadow_begin(shadow, SHADOW_POST("1001")));
    shadow_assert_end(shadow, "dropped", "limit", 0);
    /* of unknown length: known too late */
    copy = shadow_begin(shadow, SHADOW_POST_CHUNKED);
    assert_false(shadow_body(copy, shadow_much, 1001));
    shadow_assert_end(shadow, "dropped", "limit", 0);
    copy = shadow_begin(shadow, SHADOW_POST_CHUNKED);
    assert_true(shadow_body(copy, shadow_much, 1000));
    shadow_run(shadow, 10);
    assert_false(shadow_body(copy, "x", 1));
    shadow_assert_end(shadow, "failed", "limit", 0);
    shadow_run(shadow, 10);
    assert_int_equal(shadow_connections(shadow), 0);
    px_mirror_end(shadow_begin(shadow, SHADOW_POST("1000")));
}

static void test_mirror_head_larger_than_the_buffer_drops(void **state)
{
    struct shadow *shadow = *state;

    shadow->limits.mirror_buffer_bytes = 64;
    assert_null(shadow_begin(shadow, SHADOW_GET));
    shadow_assert_end(shadow, "dropped", "buffer", 0);
}

/* ---- the client's and the process's end ---- */

static void test_mirror_client_that_leaves_early_ends_the_copy(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *copy = shadow_begin(shadow, SHADOW_POST("10"));

    px_mirror_abort(copy);
    shadow_assert_end(shadow, "dropped", "client_left", 0);
    copy = shadow_begin(shadow, SHADOW_POST("10"));
    assert_true(shadow_body(copy, "12345", 5));
    shadow_run(shadow, 10);
    px_mirror_abort(copy);
    shadow_assert_end(shadow, "failed", "client_left", 0);
    shadow_run(shadow, 10);
    assert_int_equal(shadow_connections(shadow),
                     0); /* half a request must not be continued by another */
}

static void test_mirror_stop_ends_all(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *queued = shadow_begin(shadow, SHADOW_POST("10"));
    struct px_mirror_copy *sent = shadow_begin(shadow, SHADOW_POST("10"));
    struct px_mirror_copy *third = shadow_begin(shadow, SHADOW_POST("10"));

    shadow_send(shadow, SHADOW_GET);
    assert_true(shadow_body(sent, "12345", 5));
    shadow_run(shadow, 10);
    px_mirrors_stop(shadow->mirrors);
    assert_int_equal(DROPPED(shadow, STOPPED), 2);
    assert_int_equal(FAILED(shadow, STOPPED), 2);
    assert_null(shadow_begin(shadow, SHADOW_GET));
    assert_int_equal(DROPPED(shadow, STOPPED), 3);
    /* the session still has three handles, and lets go in its own time */
    assert_false(shadow_body(sent, "67890", 5));
    px_mirror_end(queued);
    px_mirror_abort(third);
    assert_int_equal(shadow->ends, 5);
}

static void test_mirror_idle_connections_of_a_gone_endpoint_are_dropped(void **state)
{
    struct shadow *shadow = *state;

    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    shadow_answer(shadow_peer(shadow, 0), SHADOW_OK);
    shadow_run(shadow, 10);
    assert_int_equal(shadow_connections(shadow), 1);
    px_mirrors_drop_idle(shadow->mirrors, &shadow->endpoint);
    shadow_run(shadow, 10);
    assert_int_equal(shadow_connections(shadow), 0);
}

static void test_mirror_slow_client_may_outlast_the_deadline(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *copy = shadow_begin(shadow, SHADOW_POST("10"));

    shadow_run(shadow, 10100);
    shadow_assert_end(shadow, "dropped", "timeout", 0); /* not a byte was sent */
    assert_false(shadow_body(copy, "1", 1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, shadow_setup, shadow_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_mirror_without_endpoint_drops),
        TEST(test_mirror_in_flight_is_capped),
        TEST(test_mirror_in_flight_of_other_loops_counts),
        TEST(test_mirror_lag_before_the_connection_is_bounded),
        TEST(test_mirror_burst_before_the_loop_knows_of_the_connection),
        TEST(test_mirror_burst_that_the_kernel_takes_in_part),
        TEST(test_mirror_burst_to_a_shadow_that_resets_is_failed),
        TEST(test_mirror_memory_of_the_process_is_bounded),
        TEST(test_mirror_tail_counts_as_memory),
        TEST(test_mirror_body_over_its_limit),
        TEST(test_mirror_head_larger_than_the_buffer_drops),
        TEST(test_mirror_client_that_leaves_early_ends_the_copy),
        TEST(test_mirror_stop_ends_all),
        TEST(test_mirror_idle_connections_of_a_gone_endpoint_are_dropped),
        TEST(test_mirror_slow_client_may_outlast_the_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

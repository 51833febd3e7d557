/* Copies and the shadows they meet: the good one, and all bad ones of docs/reference/performance.
 */
#include "tests/support/virtual_time.h"
#include "tests/unit/mirror/shadow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- the good shadow ---- */

static void test_mirror_sends_the_forwarded_head_marked(void **state)
{
    struct shadow *shadow = *state;
    struct shadow_peer *peer;

    shadow_send(shadow, SHADOW_GET);
    assert_int_equal(px_stats_mirror_queued(shadow_counters(shadow)), 1);
    shadow_run(shadow, 10);
    assert_int_equal(px_stats_mirror_in_flight(shadow_counters(shadow)), 1);
    peer = shadow_peer(shadow, 0);
    assert_true(shadow_received(peer, "GET /path?q=1 HTTP/1.1\r\n"));
    assert_true(shadow_received(peer, "\r\nTurnout-Shadow: 1\r\n"));
    assert_true(shadow_received(peer, "\r\nX-Request-Id: id-1\r\n"));
    assert_true(shadow_received(peer, "\r\nHost: example\r\n"));
    assert_true(shadow_received(peer, "\r\nX-Forwarded-For: 192.0.2.7\r\n"));
    assert_false(shadow_received(peer, "Authorization"));
    assert_false(shadow_received(peer, "Basic"));
    shadow_answer(peer, SHADOW_OK);
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "answered", "", 200);
    assert_string_equal(shadow->end_id, "id-1");
    assert_ptr_equal(shadow->end.endpoint, &shadow->endpoint);
    assert_int_equal(shadow_counters(shadow)->answered, 1);
}

static void test_mirror_uses_its_connection_again(void **state)
{
    struct shadow *shadow = *state;

    for (unsigned i = 0; i < 10; i++) {
        shadow_send(shadow, SHADOW_GET);
        shadow_run(shadow, 10);
        shadow_answer(shadow_peer(shadow, 0), SHADOW_OK);
        shadow_run(shadow, 10);
    }
    assert_int_equal(shadow->peer_count, 1);
    assert_int_equal(shadow_counters(shadow)->answered, 10);
}

static void test_mirror_sends_a_body_of_known_length(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *copy = shadow_begin(shadow, SHADOW_POST("10"));
    struct tn_str pieces[3] = {TN_STR("01"), {NULL, 0}, TN_STR("234")};
    struct shadow_peer *peer;

    shadow_run(shadow, 10);
    peer = shadow_peer(shadow, 0);
    assert_int_equal(peer->len, 0); /* head and first bytes leave together */
    assert_true(px_mirror_body(copy, pieces, 3));
    shadow_run(shadow, 10);
    assert_true(shadow_received(peer, "\r\nContent-Length: 10\r\n"));
    assert_false(shadow_received(peer, "Expect"));
    assert_true(shadow_received(peer, "\r\n\r\n01234"));
    assert_true(shadow_body(copy, "56789", 5));
    px_mirror_end(copy);
    shadow_run(shadow, 10);
    assert_true(shadow_received(peer, "\r\n\r\n0123456789"));
    shadow_answer(peer, "HTTP/1.1 204 No Content\r\n\r\n");
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "answered", "", 204);
    assert_int_equal(shadow_connections(shadow), 1);
}

static void test_mirror_frames_chunks_anew(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *copy = shadow_begin(shadow, SHADOW_POST_CHUNKED);
    struct tn_str pieces[2] = {TN_STR("abc"), TN_STR("defghijklmnopqrst")};

    assert_true(px_mirror_body(copy, pieces, 2)); /* before the connection is there */
    assert_true(shadow_body(copy, NULL, 0));      /* must not become the last chunk */
    shadow_run(shadow, 10);
    assert_true(shadow_body(copy, "uvw", 3));
    px_mirror_end(copy);
    shadow_run(shadow, 10);
    assert_true(shadow_received(shadow_peer(shadow, 0), "\r\nTransfer-Encoding: chunked\r\n"));
    assert_true(shadow_received(shadow_peer(shadow, 0),
                                "\r\n\r\n14\r\nabcdefghijklmnopqrst\r\n3\r\nuvw\r\n0\r\n\r\n"));
    shadow_answer(shadow_peer(shadow, 0), SHADOW_OK);
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "answered", "", 200);
}

static void test_mirror_chunked_without_body_ends(void **state)
{
    struct shadow *shadow = *state;

    px_mirror_end(shadow_begin(shadow, SHADOW_POST_CHUNKED));
    shadow_run(shadow, 10);
    assert_true(shadow_received(shadow_peer(shadow, 0), "chunked\r\n\r\n0\r\n\r\n"));
}

static void test_mirror_large_body_arrives_whole(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *copy = shadow_begin(shadow, SHADOW_POST("8388608"));
    struct shadow_peer *peer;
    size_t head;

    shadow_run(shadow, 10);
    for (unsigned i = 0; i < (8u << 20) / 65536; i++) {
        assert_true(shadow_body(copy, shadow_much, 65536));
        shadow_run(shadow, 1);
    }
    px_mirror_end(copy);
    shadow_run(shadow, 10);
    peer = shadow_peer(shadow, 0);
    head = (size_t)(strstr(peer->bytes, "\r\n\r\n") - peer->bytes) + 4;
    assert_int_equal(peer->len - head, 8u << 20);
    shadow_answer(peer, SHADOW_OK);
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "answered", "", 200);
    assert_int_equal(shadow_connections(shadow), 1);
}

static void test_mirror_id_is_made_when_the_request_has_none(void **state)
{
    struct shadow *shadow = *state;

    shadow_send(shadow, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    shadow_run(shadow, 10);
    assert_true(shadow_received(shadow_peer(shadow, 0), "\r\nX-Request-Id: made-id\r\n"));
    shadow_answer(shadow_peer(shadow, 0), SHADOW_OK);
    shadow_run(shadow, 10);
    assert_string_equal(shadow->end_id, "made-id");
}

static void test_mirror_head_request_has_an_answer_without_body(void **state)
{
    struct shadow *shadow = *state;

    shadow_send(shadow, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    shadow_run(shadow, 10);
    shadow_answer(shadow_peer(shadow, 0), "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "answered", "", 200);
    assert_int_equal(shadow_connections(shadow), 1);
}

/* ---- answers ---- */

static void answer_in_pieces(struct shadow *shadow, const char *answer)
{
    for (const char *byte = answer; *byte; byte++) {
        char piece[2] = {*byte, '\0'};

        shadow_answer(shadow_peer(shadow, 0), piece);
        shadow_run(shadow, 1);
    }
}

static void test_mirror_answer_may_come_byte_by_byte(void **state)
{
    struct shadow *shadow = *state;

    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    answer_in_pieces(shadow, "HTTP/1.1 100 Continue\r\n\r\n"
                             "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
                             "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "3\r\nabc\r\n0\r\n\r\n");
    shadow_assert_end(shadow, "answered", "", 201);
    assert_int_equal(shadow_connections(shadow), 1);
}

static void test_mirror_answers_that_end_the_connection(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", /* never asked for */
    };
    struct shadow *shadow = *state;

    for (unsigned i = 0; i < 3; i++) {
        shadow_send(shadow, SHADOW_GET);
        shadow_run(shadow, 10);
        shadow_answer(shadow_peer(shadow, i), answers[i]);
        shadow_run(shadow, 10);
        shadow_assert_end(shadow, "answered", "", 200);
        assert_int_equal(shadow->peer_count, i + 1);
        assert_int_equal(shadow_connections(shadow), 0);
    }
}

static void test_mirror_answer_until_close_is_whole_at_eof_only(void **state)
{
    struct shadow *shadow = *state;

    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    shadow_answer(shadow_peer(shadow, 0), "HTTP/1.1 200 OK\r\n\r\nsome");
    shadow_run(shadow, 10);
    assert_int_equal(shadow->ends, 0);
    tn_stream_close(&shadow_peer(shadow, 0)->stream);
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "answered", "", 200);

    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    shadow_answer(shadow_peer(shadow, 1), "HTTP/1.1 200 OK\r\n\r\nsome");
    shadow_run(shadow, 10);
    tn_stream_reset(&shadow_peer(shadow, 1)->stream);
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "failed", "reset", 200);
}

static void test_mirror_broken_answers_fail(void **state)
{
    static const struct {
        const char *answer;
        const char *reason;
        unsigned status;
        bool closes;
    } cases[] = {
        {"SSH-2.0-OpenSSH_9.2\r\n", "protocol", 0, false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "protocol", 0,
         false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "protocol", 200, false},
        {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
         "protocol", 0, false},
        {"HTTP/1.1 200 OK\r\nContent-Le", "reset", 0, true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "reset", 200, true},
        {"", "reset", 0, true},
    };
    struct shadow *shadow = *state;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        shadow_send(shadow, SHADOW_GET);
        shadow_run(shadow, 10);
        shadow_answer(shadow_peer(shadow, i), cases[i].answer);
        shadow_run(shadow, 10);
        if (cases[i].closes)
            tn_stream_close(&shadow_peer(shadow, i)->stream);
        shadow_run(shadow, 10);
        assert_int_equal(shadow->ends, i + 1);
        shadow_assert_end(shadow, "failed", cases[i].reason, cases[i].status);
    }
}

static void test_mirror_too_many_interim_answers_fail(void **state)
{
    struct shadow *shadow = *state;

    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    for (unsigned i = 0; i < 8; i++)
        shadow_answer(shadow_peer(shadow, 0), "HTTP/1.1 102 Processing\r\n\r\n");
    shadow_run(shadow, 10);
    assert_int_equal(shadow->ends, 0);
    shadow_answer(shadow_peer(shadow, 0), "HTTP/1.1 102 Processing\r\n\r\n");
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "failed", "protocol", 0);
}

static void test_mirror_head_of_an_answer_is_bounded(void **state)
{
    struct shadow *shadow = *state;

    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    shadow_answer(shadow_peer(shadow, 0), "HTTP/1.1 200 OK\r\nX: ");
    shadow_much[65535] = '\0';
    shadow_answer(shadow_peer(shadow, 0), shadow_much);
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "failed", "protocol", 0);
}

static void test_mirror_early_answer_counts_and_ends_the_copy(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *copy = shadow_begin(shadow, SHADOW_POST("100"));

    assert_true(shadow_body(copy, "first", 5));
    shadow_run(shadow, 10);
    shadow_answer(shadow_peer(shadow, 0),
                  "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "answered", "", 413);
    assert_int_equal(shadow_connections(shadow), 0); /* half a request is on it */
    assert_false(shadow_body(copy, "second", 6));
    assert_int_equal(shadow->ends, 1);
}

/* ---- bad shadows: the primary's side is never held up, each is counted by reason ---- */

static void test_mirror_shadow_that_sleeps_is_waited_for(void **state)
{
    struct shadow *shadow = *state;

    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 3000);
    assert_int_equal(shadow->ends, 0);
    shadow_answer(shadow_peer(shadow, 0), SHADOW_OK);
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "answered", "", 200);
}

static void test_mirror_shadow_that_never_answers_times_out(void **state)
{
    struct shadow *shadow = *state;

    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 9999);
    assert_int_equal(shadow->ends, 0);
    shadow_run(shadow, 2 + TN_DEADLINE_TICK_MS);
    shadow_assert_end(shadow, "failed", "timeout", 0);
    assert_true(shadow->end.duration_us >= 10000000 && shadow->end.duration_us < 10100000);
    shadow_run(shadow, 10);
    assert_int_equal(shadow_connections(shadow), 0);
}

static void test_mirror_shadow_that_refuses_drops(void **state)
{
    struct shadow *shadow = *state;

    tn_listener_close(&shadow->listener);
    shadow_run(shadow, 1);
    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "dropped", "connect", 0);
    assert_int_equal(DROPPED(shadow, CONNECT), 1);
}

static void test_mirror_shadow_that_does_not_take_connections_drops(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *copy;

    if (tn_listener_refuse_new(&shadow->listener) != 0)
        skip();
    shadow_send(shadow, SHADOW_GET);
    copy = shadow_begin(shadow, SHADOW_POST("5"));
    shadow_run(shadow, 990);
    assert_int_equal(shadow->ends, 0);
    shadow_run(shadow, 20 + TN_DEADLINE_TICK_MS);
    assert_int_equal(DROPPED(shadow, CONNECT_TIMEOUT), 2);
    assert_false(shadow_body(copy, "late!", 5));
}

static void test_mirror_shadow_that_resets_after_the_head_fails(void **state)
{
    struct shadow *shadow = *state;

    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    shadow_answer(shadow_peer(shadow, 0), "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    shadow_run(shadow, 10);
    tn_stream_reset(&shadow_peer(shadow, 0)->stream);
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "failed", "reset", 200);
}

static void test_mirror_shadow_with_an_endless_body_is_left(void **state)
{
    struct shadow *shadow = *state;
    struct tn_str piece = {shadow_much, 65536};
    unsigned rounds = 0;

    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    shadow_answer(shadow_peer(shadow, 0), "HTTP/1.1 200 OK\r\n\r\n");
    while (shadow->ends == 0) {
        assert_true(rounds++ < 40);
        assert_int_equal(tn_stream_write(&shadow_peer(shadow, 0)->stream, &piece, 1), 0);
        shadow_run(shadow, 1);
    }
    assert_true(rounds > 16); /* 1 MiB is drained */
    shadow_assert_end(shadow, "answered", "", 200);
    shadow_run(shadow, 10);
    assert_int_equal(shadow_connections(shadow), 0);
}

static void test_mirror_answer_below_the_drain_limit_keeps_the_connection(void **state)
{
    struct shadow *shadow = *state;
    struct tn_str piece = {shadow_much, 65536};

    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    shadow_answer(shadow_peer(shadow, 0), "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n");
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(tn_stream_write(&shadow_peer(shadow, 0)->stream, &piece, 1), 0);
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "answered", "", 200);
    assert_int_equal(shadow_connections(shadow), 1);
}

static void test_mirror_shadow_that_reads_slowly_fails(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *copy = shadow_begin(shadow, SHADOW_POST("100000000"));
    size_t given = 0;

    shadow_run(shadow, 10);
    tn_stream_pause(&shadow_peer(shadow, 0)->stream);
    while (shadow_body(copy, shadow_much, 65536)) {
        given += 65536;
        assert_true(given < 100000000);
        shadow_run(shadow, 1);
        assert_true(shadow->memory < 2 * 65536 + 8192);
    }
    shadow_assert_end(shadow, "failed", "buffer", 0);
    assert_int_equal(shadow->memory, 0);
}

/* Lagging within mirror_buffer is allowed, however large the body. */
static void test_mirror_shadow_that_reads_in_bursts_is_served(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *copy = shadow_begin(shadow, SHADOW_POST("4194304"));

    shadow_run(shadow, 10);
    for (unsigned i = 0; i < 4194304 / 16384; i++) {
        if (i % 4 == 0)
            tn_stream_pause(&shadow_peer(shadow, 0)->stream);
        assert_true(shadow_body(copy, shadow_much, 16384));
        if (i % 4 == 3)
            tn_stream_resume(&shadow_peer(shadow, 0)->stream);
        shadow_run(shadow, 1);
    }
    px_mirror_end(copy);
    shadow_run(shadow, 10);
    shadow_answer(shadow_peer(shadow, 0), SHADOW_OK);
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "answered", "", 200);
}

static void test_mirror_stale_connection_is_not_retried(void **state)
{
    struct shadow *shadow = *state;

    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    shadow_answer(shadow_peer(shadow, 0), SHADOW_OK);
    shadow_run(shadow, 10);
    /* closed at the very moment at which it is used again */
    tn_stream_close(&shadow_peer(shadow, 0)->stream);
    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "failed", "reset", 0);
    assert_int_equal(shadow->peer_count, 1);
    assert_int_equal(shadow->ends, 2);
}

static void test_mirror_connection_that_dies_before_the_first_byte_drops(void **state)
{
    struct shadow *shadow = *state;
    struct px_mirror_copy *copy = shadow_begin(shadow, SHADOW_POST("5"));

    shadow_run(shadow, 10);
    tn_stream_close(&shadow_peer(shadow, 0)->stream);
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "dropped", "connect", 0);
    px_mirror_end(copy);

    copy = shadow_begin(shadow, SHADOW_POST("5"));
    shadow_run(shadow, 10);
    shadow_answer(shadow_peer(shadow, 1), SHADOW_OK); /* to nothing */
    shadow_run(shadow, 10);
    shadow_assert_end(shadow, "dropped", "connect", 0);
    px_mirror_abort(copy);
}

static void test_mirror_first_sent_is_told_once_until_asked_anew(void **state)
{
    struct shadow *shadow = *state;

    shadow_send(shadow, SHADOW_GET);
    assert_int_equal(shadow->first_sent, 0); /* nothing has left yet */
    shadow_run(shadow, 10);
    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    assert_int_equal(shadow->first_sent, 1);
    px_mirrors_tell_anew(shadow->mirrors);
    shadow_run(shadow, 10);
    assert_int_equal(shadow->first_sent, 1);
    shadow_send(shadow, SHADOW_GET);
    shadow_run(shadow, 10);
    assert_int_equal(shadow->first_sent, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, shadow_setup, shadow_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_mirror_sends_the_forwarded_head_marked),
        TEST(test_mirror_uses_its_connection_again),
        TEST(test_mirror_sends_a_body_of_known_length),
        TEST(test_mirror_frames_chunks_anew),
        TEST(test_mirror_chunked_without_body_ends),
        TEST(test_mirror_large_body_arrives_whole),
        TEST(test_mirror_id_is_made_when_the_request_has_none),
        TEST(test_mirror_head_request_has_an_answer_without_body),
        TEST(test_mirror_answer_may_come_byte_by_byte),
        TEST(test_mirror_answers_that_end_the_connection),
        TEST(test_mirror_answer_until_close_is_whole_at_eof_only),
        TEST(test_mirror_broken_answers_fail),
        TEST(test_mirror_too_many_interim_answers_fail),
        TEST(test_mirror_head_of_an_answer_is_bounded),
        TEST(test_mirror_early_answer_counts_and_ends_the_copy),
        TEST(test_mirror_shadow_that_sleeps_is_waited_for),
        TEST(test_mirror_shadow_that_never_answers_times_out),
        TEST(test_mirror_shadow_that_refuses_drops),
        TEST(test_mirror_shadow_that_does_not_take_connections_drops),
        TEST(test_mirror_shadow_that_resets_after_the_head_fails),
        TEST(test_mirror_shadow_with_an_endless_body_is_left),
        TEST(test_mirror_answer_below_the_drain_limit_keeps_the_connection),
        TEST(test_mirror_shadow_that_reads_slowly_fails),
        TEST(test_mirror_shadow_that_reads_in_bursts_is_served),
        TEST(test_mirror_stale_connection_is_not_retried),
        TEST(test_mirror_connection_that_dies_before_the_first_byte_drops),
        TEST(test_mirror_first_sent_is_told_once_until_asked_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

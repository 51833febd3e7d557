#include "tests/unit/session/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BLUE "  - {name: main, weights: {blue: 1}}"
#define GET "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\n"

/* blue has two endpoints: what one test expects of "the upstream" holds for either. */
static void answer_blue(struct rig *rig, const char *answer)
{
    rig_answer(rig, 0, answer);
    rig_answer(rig, 1, answer);
}

static unsigned connections(const struct rig *rig)
{
    return rig->upstreams[0].connections + rig->upstreams[1].connections;
}

static void test_session_keeps_both_connections_alive(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    for (unsigned i = 1; i <= 6; i++) {
        rig_send(client, GET);
        assert_true(rig_sees_times(client, "\r\n\r\nok", i));
    }
    assert_int_equal(rig_requests(rig), 6);
    assert_int_equal(connections(rig), 2); /* one for each endpoint */
    assert_false(client->is_eof);
    rig_free(rig);
}

static void test_session_answers_pipelined_requests_in_order(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);
    char many[100 * (sizeof(GET) - 1) + 1] = "";

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        strcat(many, GET);
    rig_send(client, many);
    assert_true(rig_sees_times(client, "\r\n\r\nok", 100));
    assert_int_equal(rig_requests(rig), 100);
    rig_free(rig);
}

static void test_session_names_the_endpoint_where_no_host_was_sent(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);
    char host[2][40];

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        snprintf(host[i], sizeof(host[i]), "\r\nHost: 127.0.0.1:%u\r\n", rig->upstreams[i].port);
    rig_send(client, "GET /a HTTP/1.0\r\n\r\n");
    assert_true(rig_sees(client, "\r\n\r\nok"));
    assert_true(strstr(rig->upstreams[0].received, host[0]) ||
                strstr(rig->upstreams[1].received, host[1]));
    rig_free(rig);
}

static void send_byte_by_byte(struct rig *rig, struct rig_client *client, const char *bytes)
{
    for (size_t i = 0; bytes[i]; i++) {
        rig_send_bytes(client, bytes + i, 1);
        rig_settle(rig);
    }
}

static void test_session_takes_a_request_byte_by_byte(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    send_byte_by_byte(rig, client, GET GET);
    assert_true(rig_sees_times(client, "\r\n\r\nok", 2));
    rig->upstreams[0].marker = rig->upstreams[1].marker = "\r\n0\r\n\r\n";
    send_byte_by_byte(rig, client,
                      "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "3;ext=1\r\nabc\r\n0\r\nTrailer: t\r\n\r\n");
    assert_true(rig_sees_times(client, "\r\n\r\nok", 3));
    assert_int_equal(rig_requests(rig), 3);
    rig_free(rig);
}

static void test_session_sends_head_and_body_of_a_post(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);
    bool is_first;

    (void)state;
    rig_send(client, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    assert_true(rig_sees(client, "\r\n\r\nok"));
    is_first = rig->upstreams[0].requests == 1;
    assert_non_null(strstr(rig->upstreams[is_first ? 0 : 1].received, "Content-Length: 5\r\n"));
    assert_true(rig_upstream_sees(rig, is_first ? 0 : 1, "\r\n\r\nhello"));
    rig_free(rig);
}

static void test_session_refuses_bad_requests_and_forwards_nothing(void **state)
{
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
        "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        "FOO / HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    struct rig *rig = rig_new(BLUE, "{}");

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct rig_client *client = rig_connect(rig);

        rig_send(client, bad[i]);
        assert_true(rig_sees(client, "Connection: close\r\n"));
        assert_true(rig_sees_end(client));
        tn_stream_close(&client->stream);
    }
    assert_int_equal(rig_requests(rig), 0);
    rig_free(rig);
}

static void test_session_answers_valid_then_refuses_invalid_pipelined(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    rig_send(client, GET "GET / HTTP/1.1\r\n\r\n");
    assert_true(rig_sees(client, "\r\n\r\nok"));
    assert_true(rig_sees(client, "HTTP/1.1 400 "));
    assert_true(rig_sees_end(client));
    rig_free(rig);
}

static void test_session_aborts_a_body_with_a_broken_chunk(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    rig->upstreams[0].answer_count = rig->upstreams[1].answer_count = 0;
    answer_blue(rig, ""); /* never asked to answer: the head goes, the body breaks */
    rig_send(client,
             "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n");
    assert_true(rig_sees_end(client));
    assert_null(strstr(rig->upstreams[0].received, "0\r\n\r\n"));
    assert_null(strstr(rig->upstreams[1].received, "0\r\n\r\n"));
    rig_free(rig);
}

static void test_session_retries_a_get_once_when_a_pooled_connection_died(void **state)
{
    struct rig *rig = rig_new("  - {name: main, weights: {blue: 1}}", "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    rig->upstreams[0].closes_idle = rig->upstreams[1].closes_idle = true;
    for (unsigned i = 1; i <= 4; i++) {
        rig_send(client, GET);
        assert_true(rig_sees_times(client, "\r\n\r\nok", i));
    }
    assert_int_equal(rig->stats->retries[PX_RETRY_REUSED], 2);
    rig_free(rig);
}

static void test_session_does_not_retry_a_post_on_a_dead_pooled_connection(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    rig->upstreams[0].closes_idle = rig->upstreams[1].closes_idle = true;
    rig_send(client, GET GET);
    assert_true(rig_sees_times(client, "\r\n\r\nok", 2));
    rig_send(client, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nz");
    assert_true(rig_sees(client, "HTTP/1.1 502 "));
    assert_int_equal(rig->stats->retries[PX_RETRY_REUSED], 0);
    rig_free(rig);
}

static void test_session_goes_to_another_endpoint_when_one_refuses(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    rig->upstreams[1].marker = "\r\n\r\nz"; /* the body must follow the head to the second try */
    tn_listener_close(&rig->upstreams[0].listener);
    rig_settle(rig);
    for (unsigned i = 1; i <= 3; i++) {
        rig_send(client, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nz");
        assert_true(rig_sees_times(client, "\r\n\r\nok", i));
        assert_false(client->is_eof);
    }
    assert_true(rig->stats->retries[PX_RETRY_CONNECT] >= 1);
    assert_int_equal(rig->upstreams[1].requests, 3);
    rig_free(rig);
}

static void test_session_says_503_with_retry_after_and_keeps_the_connection(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    for (uint32_t i = 0; i < px_registry_endpoint_count(rig->registry); i++)
        px_registry_endpoint(rig->registry, i)->up = false;
    rig_send(client, GET);
    assert_true(rig_sees(client, "HTTP/1.1 503 "));
    assert_true(rig_sees(client, "Retry-After: "));
    assert_null(strstr(client->received, "Connection: close"));
    for (uint32_t i = 0; i < px_registry_endpoint_count(rig->registry); i++)
        px_registry_endpoint(rig->registry, i)->up = true;
    rig_send(client, GET);
    assert_true(rig_sees(client, "\r\n\r\nok"));
    rig_free(rig);
}

static void test_session_turns_hostile_answers_into_502(void **state)
{
    static const char *const hostile[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "garbage garbage garbage\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nboo",
        "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
        "",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        struct rig *rig = rig_new(BLUE, "{}");
        struct rig_client *client = rig_connect(rig);

        answer_blue(rig, hostile[i]);
        rig_send(client, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        assert_true(rig_sees(client, "HTTP/1.1 502 "));
        assert_null(strstr(client->received, "boo"));
        rig_free(rig);
    }
}

static void test_session_never_gives_extra_bytes_to_the_next_request(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    answer_blue(rig, OK "Content-Length: 2\r\n\r\nok" OK "Content-Length: 6\r\n\r\npoison");
    for (unsigned i = 1; i <= 4; i++) {
        rig_send(client, GET);
        assert_true(rig_sees_times(client, "\r\n\r\nok", i));
    }
    assert_null(strstr(client->received, "poison"));
    assert_int_equal(connections(rig), 4); /* never reused */
    rig_free(rig);
}

static void test_session_breaks_off_a_truncated_answer(void **state)
{
    static const char *const cut[] = {
        OK "Content-Length: 10\r\n\r\nabc",
        OK "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
        struct rig *rig = rig_new(BLUE, "{}");
        struct rig_client *client = rig_connect(rig);

        answer_blue(rig, cut[i]);
        rig->upstreams[0].closes_after_answer = rig->upstreams[1].closes_after_answer = true;
        rig_send(client, GET);
        assert_true(rig_sees_end(client));
        assert_null(strstr(client->received, "0\r\n\r\n"));
        rig_free(rig);
    }
}

static void test_session_chunks_an_answer_that_ends_with_the_connection(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    answer_blue(rig, "HTTP/1.1 200 OK\r\n\r\nto the end");
    rig->upstreams[0].closes_after_answer = rig->upstreams[1].closes_after_answer = true;
    rig_send(client, GET);
    assert_true(rig_sees(client, "Transfer-Encoding: chunked\r\n"));
    assert_true(rig_sees(client, "to the end\r\n0\r\n\r\n"));
    assert_false(client->is_eof);
    rig_free(rig);
}

static void test_session_passes_interim_answers_on_up_to_the_limit(void **state)
{
    struct rig *rig = rig_new(BLUE, "{interim_responses: 2}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    answer_blue(rig,
                "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" OK "Content-Length: 2\r\n\r\nok");
    rig_send(client, GET);
    assert_true(rig_sees(client, "HTTP/1.1 103 "));
    assert_true(rig_sees(client, "\r\n\r\nok"));
    rig->upstreams[0].answer_count = rig->upstreams[1].answer_count = 0;
    answer_blue(rig, "HTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 B\r\n\r\nHTTP/1.1 103 C\r\n\r\n" OK
                     "Content-Length: 2\r\n\r\nok");
    rig_send(client, GET);
    assert_true(rig_sees(client, "HTTP/1.1 502 "));
    rig_free(rig);
}

static void test_session_becomes_a_tunnel_after_101(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);
    bool is_first;

    (void)state;
    answer_blue(rig, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: "
                     "upgrade\r\n\r\nserver speaks first");
    rig_send(client, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n");
    assert_true(rig_sees(client, "HTTP/1.1 101 "));
    assert_true(rig_sees(client, "server speaks first"));
    is_first = rig->upstreams[0].requests == 1;
    rig_send(client, "client answers");
    assert_true(rig_upstream_sees(rig, is_first ? 0 : 1, "client answers"));
    rig_free(rig);
}

static void test_session_gives_up_on_a_slow_head(void **state)
{
    struct rig *rig = rig_new(BLUE, "{head_timeout: 100ms}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    rig_send(client, "GET / HTTP/1.1\r\nHo");
    assert_true(rig_sees(client, "HTTP/1.1 408 "));
    assert_true(rig_sees_end(client));
    assert_int_equal(rig_requests(rig), 0);
    rig_free(rig);
}

static void test_session_gives_up_on_a_silent_upstream(void **state)
{
    struct rig *rig =
        rig_new("  - {name: main, weights: {blue: 1}, timeouts: {first_byte: 100ms}}", "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    answer_blue(rig, "HTTP/1.1 200");
    rig_send(client, GET);
    assert_true(rig_sees(client, "HTTP/1.1 504 "));
    rig_free(rig);
}

static void test_session_refuses_a_body_over_the_limit(void **state)
{
    struct rig *rig = rig_new("  - {name: main, weights: {blue: 1}, max_body: 4}", "{}");
    struct rig_client *sized = rig_connect(rig);
    struct rig_client *chunked = rig_connect(rig);

    (void)state;
    rig_send(sized, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    assert_true(rig_sees(sized, "HTTP/1.1 413 "));
    assert_int_equal(rig_requests(rig), 0);
    rig_send(chunked, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "5\r\nhello\r\n0\r\n\r\n");
    assert_true(rig_sees(chunked, "HTTP/1.1 413 "));
    rig_free(rig);
}

static void test_session_counts_every_answer_once(void **state)
{
    struct rig *rig = rig_new("  - {name: main, stable: blue, weights: {blue: 9, green: 1}}", "{}");
    struct rig_client *client = rig_connect(rig);
    uint64_t answered = 0;

    (void)state;
    for (unsigned i = 1; i <= 100; i++) {
        rig_send(client, GET);
        assert_true(rig_sees_times(client, "\r\n\r\nok", i));
    }
    for (uint32_t v = 0; v < 2; v++) {
        const struct px_stats_cell *cell =
            rig->stats->cells[rig->snapshot->rules[0].stat][rig->snapshot->versions[v].stat];

        answered += cell->codes[px_stats_code_index(200)];
        assert_int_equal(cell->in_flight, 0);
    }
    assert_int_equal(answered, 100);
    assert_in_range(rig->upstreams[2].requests + rig->upstreams[3].requests, 9, 11);
    rig_free(rig);
}

static void test_session_mirrors_without_delaying_the_answer(void **state)
{
    struct rig *rig =
        rig_new("  - {name: main, weights: {blue: 1}, mirror: [{to: green, percent: 100}]}", "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    rig_answer(rig, 2, "HTTP/1.1 200"); /* never finishes its answer */
    rig_answer(rig, 3, "HTTP/1.1 200");
    for (unsigned i = 1; i <= 10; i++) {
        rig_send(client, GET);
        assert_true(rig_sees_times(client, "\r\n\r\nok", i));
    }
    rig_settle(rig);
    assert_int_equal(rig->upstreams[2].requests + rig->upstreams[3].requests, 10);
    assert_non_null(strstr(rig->upstreams[2].received, "Turnout-Shadow: 1\r\n"));
    rig_free(rig);
}

/* Every request of the rule is selected or passed over, those that we answer ourselves too. */
static void test_session_counts_what_mirrors_pass_over(void **state)
{
    static const char *const requests[] = {
        GET,
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab",
        "GET / HTTP/1.1\r\nHost: x\r\nTurnout-Shadow: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\nMax-Forwards: 0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
    };
    struct rig *rig = rig_new("  - {name: main, weights: {blue: 1}, max_body: 50, mirror: [{to: "
                              "green, max_body: 4}]}",
                              "{}");
    struct px_stats_mirror *counters;
    struct rig_client *client = rig_connect(rig);

    (void)state;
    for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        rig_send(client, requests[i]);
        assert_true(rig_sees_times(client, "HTTP/1.1 ", i + 1));
    }
    rig_settle(rig);
    counters = rig->stats->mirrors[rig->snapshot->rules[0].stat][rig->snapshot->versions[1].stat];
    assert_int_equal(counters->selected, 1);
    assert_int_equal(counters->passed_over[PX_MIRROR_PASS_METHOD], 1);
    assert_int_equal(counters->passed_over[PX_MIRROR_PASS_SHADOW], 1);
    assert_int_equal(counters->passed_over[PX_MIRROR_PASS_SIZE], 1);
    assert_int_equal(counters->passed_over[PX_MIRROR_PASS_REFUSED], 2);
    rig_free(rig);
}

static void test_session_stops_without_breaking_anything_off(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *idle = rig_connect(rig);

    (void)state;
    rig_send(idle, GET);
    assert_true(rig_sees(idle, "\r\n\r\nok"));
    px_session_stop(&rig->session);
    rig_settle(rig);
    assert_false(idle->is_eof); /* the next request may be under way */
    rig_send(idle, GET);
    assert_true(rig_sees_times(idle, "\r\n\r\nok", 2));
    assert_true(rig_sees(idle, "Connection: close\r\n"));
    assert_true(rig_sees_end(idle));
    tn_stream_close(&idle->stream);
    rig_settle(rig);
    assert_true(rig->is_empty);
    rig_free(rig);
}

static bool has_upload(void *context)
{
    struct rig *rig = context;

    for (unsigned i = 0; i < 2; i++) {
        if (strstr(rig->upstreams[i].received, "/early"))
            return true;
    }
    return false;
}

/* The service says `answer` and resets, and our write fails before we read it. */
static struct rig_client *upload_to_a_reset(struct rig *rig, const char *answer)
{
    struct rig_client *client = rig_connect(rig);
    struct rig_upstream *upstream = rig->upstreams;
    struct tn_str piece = tn_str_of(answer);
    char body[60000];

    upstream[0].marker = upstream[1].marker = "\001"; /* answers nothing by itself */
    memset(body, 'x', sizeof(body));
    rig_send(client, "POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n");
    assert_true(rig_until(rig, has_upload, rig));
    upstream = upstream[0].last ? &upstream[0] : &upstream[1];
    /* Ready in this order: the client's bytes, so that writing fails, then the answer. */
    rig_send_bytes(client, body, sizeof(body));
    if (piece.len > 0)
        tn_stream_write(upstream->last, &piece, 1);
    tn_stream_reset(upstream->last);
    rig_send_bytes(client, body, sizeof(body));
    assert_true(rig_sees_end(client));
    return client;
}

static void test_session_relays_an_early_answer_before_a_reset(void **state)
{
    static const char *const pairs[][2] = {
        {"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig", "HTTP/1.1 413 "},
        {"", "HTTP/1.1 502 "},
        {"HTTP/1.1 4", "HTTP/1.1 502 "},
    };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct rig *rig = rig_new(BLUE, "{}");
        const char *got = upload_to_a_reset(rig, pairs[i][0])->received;

        assert_memory_equal(got, pairs[i][1], strlen(pairs[i][1]));
        assert_non_null(strstr(got, "\r\nConnection: close\r\n"));
        rig_free(rig);
    }
}

/* An answer until close has no other end than the connection's: a reset must not pass for one. */
static void test_session_never_ends_an_early_answer_by_a_reset(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    const char *got = upload_to_a_reset(rig, "HTTP/1.1 200 OK\r\n\r\npartial")->received;

    (void)state;
    assert_null(strstr(got, "\r\n0\r\n\r\n"));
    rig_free(rig);
}

static void test_session_answers_a_half_closed_client(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    rig_send(client, GET GET);
    tn_stream_shutdown(&client->stream);
    assert_true(rig_sees_times(client, "\r\n\r\nok", 2));
    assert_true(rig_sees_end(client));
    rig_free(rig);
}

static void test_session_streams_a_large_answer_with_back_pressure(void **state)
{
    static char answer[200000];
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);
    size_t head = (size_t)sprintf(answer, OK "Content-Length: 150000\r\n\r\n");

    (void)state;
    memset(answer + head, 'x', 150000);
    strcpy(answer + head + 149996, "done");
    answer_blue(rig, answer);
    rig_send(client, GET);
    assert_true(rig_sees(client, "done"));
    rig_free(rig);
}

static void test_session_tells_the_upstream_who_the_client_is(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);
    bool is_first;

    (void)state;
    rig_send(client, "GET /a HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n");
    assert_true(rig_sees(client, "\r\n\r\nok"));
    is_first = rig->upstreams[0].requests == 1;
    assert_true(rig_upstream_sees(rig, is_first ? 0 : 1, "X-Forwarded-For: 127.0.0.1\r\n"));
    assert_null(strstr(rig->upstreams[is_first ? 0 : 1].received, "6.6.6.6"));
    rig_free(rig);
}

/* A client of HTTP/1.0 gets chunks as a body that ends with its connection. */
static void test_session_resets_what_would_look_like_an_end(void **state)
{
    static const char *const answers[] = {
        OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct rig *rig = rig_new(BLUE, "{}");
        struct rig_client *client = rig_connect(rig);

        answer_blue(rig, answers[i]);
        rig->upstreams[0].closes_after_answer = rig->upstreams[1].closes_after_answer = true;
        rig_send(client, "GET /a HTTP/1.0\r\nHost: x\r\n\r\n");
        assert_true(rig_sees_end(client));
        assert_true(client->is_broken);
        assert_false(client->is_eof);
        rig_free(rig);
    }
}

static void test_session_stops_an_answer_without_length_by_a_reset(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    answer_blue(rig, OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    rig_send(client, "GET /a HTTP/1.0\r\nHost: x\r\n\r\n");
    assert_true(rig_sees(client, "hello"));
    assert_int_equal(px_session_abort_all(&rig->session), 1);
    assert_true(rig_sees_end(client));
    assert_true(client->is_broken);
    assert_false(client->is_eof);
    rig_free(rig);
}

/* The head was fine and is not out yet when the body turns out to be none. */
static void test_session_says_502_while_nothing_of_the_answer_is_out(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    answer_blue(rig, OK "Transfer-Encoding: chunked\r\n\r\nZZ\r\n");
    rig_send(client, GET);
    assert_true(rig_sees(client, "HTTP/1.1 502 "));
    assert_null(strstr(client->received, "200 OK"));
    rig_free(rig);
}

/* The next exchange begins while the read that ended the one before is still being looked at. */
static void test_session_gives_no_rest_to_a_pipelined_request(void **state)
{
    static const char *const firsts[] = {
        OK "Content-Length: 2\r\n\r\nok" OK "Content-Length: 6\r\n\r\nPOISON",
        OK "Content-Length: 0\r\n\r\n" OK "Content-Length: 6\r\n\r\nPOISON",
        "HTTP/1.1 204 No Content\r\n\r\n" OK "Content-Length: 6\r\n\r\nPOISON",
        OK "Content-Length: x\r\n\r\n" OK "Content-Length: 6\r\n\r\nPOISON",
        "HTTP/1.1 100 C\r\nContent-Length: 0\r\n\r\n" OK "Content-Length: 6\r\n\r\nPOISON",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        struct rig *rig = rig_new(BLUE, "{}");
        struct rig_client *client = rig_connect(rig);

        answer_blue(rig, firsts[i]);
        rig_answer(rig, 0, OK "Content-Length: 4\r\n\r\nmine");
        rig_answer(rig, 1, OK "Content-Length: 4\r\n\r\nmine");
        rig_send(client, "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
                         "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
                         "POST /3 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        assert_true(rig_sees(client, "mine"));
        rig_settle(rig);
        assert_null(strstr(client->received, "POISON"));
        rig_free(rig);
    }
}

static void test_session_says_what_is_allowed(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);
    struct rig_client *connecting = rig_connect(rig);

    (void)state;
    rig_send(client, "OPTIONS * HTTP/1.1\r\nHost: x\r\nMax-Forwards: 0\r\n\r\n" GET);
    assert_true(rig_sees(client, "HTTP/1.1 204 "));
    assert_true(rig_sees(client, "Allow: GET, HEAD, POST"));
    assert_true(rig_sees(client, "\r\n\r\nok"));
    assert_int_equal(rig_requests(rig), 1);
    rig_send(connecting, "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n");
    assert_true(rig_sees(connecting, "HTTP/1.1 405 "));
    assert_true(rig_sees(connecting, "Allow: GET, HEAD, POST"));
    rig_free(rig);
}

static void test_session_gives_a_1_0_request_without_host_the_endpoints(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    rig_send(client, "GET /a HTTP/1.0\r\n\r\n");
    assert_true(rig_sees(client, "\r\n\r\nok"));
    assert_true(strstr(rig->upstreams[0].received, "Host: 127.0.0.1:") ||
                strstr(rig->upstreams[1].received, "Host: 127.0.0.1:"));
    rig_free(rig);
}

static void test_session_takes_the_address_of_a_proxy_header(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client;
    bool is_first;

    (void)state;
    rig->proxy_protocol = true;
    client = rig_connect(rig);
    send_byte_by_byte(rig, client, "PROXY TCP4 192.0.2.7 198.51.100.2 56324 443\r\n" GET);
    assert_true(rig_sees(client, "\r\n\r\nok"));
    is_first = rig->upstreams[0].requests == 1;
    assert_true(rig_upstream_sees(rig, is_first ? 0 : 1, "X-Forwarded-For: 192.0.2.7\r\n"));
    rig_send(client, GET); /* the header stands before the first request only */
    assert_true(rig_sees_times(client, "\r\n\r\nok", 2));
    rig_free(rig);
}

static void test_session_closes_whoever_comes_without_its_proxy_header(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client;

    (void)state;
    rig->proxy_protocol = true;
    client = rig_connect(rig);
    rig_send(client, GET);
    assert_true(rig_sees_end(client));
    assert_int_equal(client->received_len, 0);
    assert_int_equal(rig_requests(rig), 0);
    rig_free(rig);
}

static void test_session_refuses_clients_over_the_cap_in_words(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *first;
    struct rig_client *second;

    (void)state;
    rig->session.client_max = 1;
    first = rig_connect(rig);
    rig_settle(rig);
    second = rig_connect(rig);
    rig_send(second, GET);
    assert_true(rig_sees(second, "HTTP/1.1 503 "));
    assert_true(rig_sees(second, "Retry-After: "));
    assert_true(rig_sees_end(second));
    assert_int_equal(rig->stats->client_refused, 1);
    rig_send(first, GET); /* whoever was in goes on */
    assert_true(rig_sees(first, "\r\n\r\nok"));
    assert_int_equal(rig_requests(rig), 1);
    rig_free(rig);
}

static void test_session_at_the_memory_limit_finishes_and_takes_nothing_new(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    _Atomic bool is_full = false;
    struct rig_client *running;
    struct rig_client *idle;
    struct rig_client *fresh;

    (void)state;
    rig->session.is_memory_full = &is_full;
    running = rig_connect(rig);
    idle = rig_connect(rig);
    rig->upstreams[0].marker = rig->upstreams[1].marker = "hello";
    rig_send(running, "POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
    while (rig->upstreams[0].received_len + rig->upstreams[1].received_len == 0)
        rig_settle(rig);
    is_full = true;
    rig_send(idle, GET);
    assert_true(rig_sees(idle, "HTTP/1.1 503 "));
    assert_true(rig_sees(idle, "Retry-After: "));
    fresh = rig_connect(rig);
    rig_send(fresh, GET);
    assert_true(rig_sees(fresh, "HTTP/1.1 503 "));
    assert_true(rig_sees(fresh, "Retry-After: "));
    assert_true(rig_sees_end(fresh));
    assert_int_equal(rig->stats->memory_refused, 2);
    assert_int_equal(rig->stats->client_refused, 0);
    rig_send(running, "llo");
    assert_true(rig_sees(running, "HTTP/1.1 200 OK"));
    assert_int_equal(rig_requests(rig), 1);
    is_full = false;
    rig->upstreams[0].marker = rig->upstreams[1].marker = NULL;
    rig_send(idle, GET); /* the connection was kept */
    assert_true(rig_sees(idle, "\r\n\r\nok"));
    rig_free(rig);
}

static void test_session_charges_the_version_that_could_not_answer(void **state)
{
    struct rig *rig = rig_new("  - {name: main, stable: blue, weights: {blue: 1, green: 1},"
                              " on_unhealthy: failover}",
                              "{}");
    struct px_stats_cell *const *cells = rig->stats->cells[rig->snapshot->rules[0].stat];
    struct rig_client *client = rig_connect(rig);
    uint32_t blue = rig->snapshot->versions[0].stat;
    uint32_t green = rig->snapshot->versions[1].stat;

    (void)state;
    for (uint32_t i = 0; i < 2; i++)
        rig->snapshot->versions[1].endpoints[i]->up = false;
    for (unsigned i = 1; i <= 4; i++) {
        rig_send(client, GET);
        assert_true(rig_sees_times(client, "\r\n\r\nok", i));
    }
    assert_int_equal(cells[green]->failed_over, 2);
    assert_int_equal(cells[green]->failed_over_to[blue], 2);
    for (uint32_t i = 0; i < 2; i++)
        rig->snapshot->versions[0].endpoints[i]->up = false;
    rig_send(client, GET GET);
    assert_true(rig_sees_times(client, "HTTP/1.1 503 ", 2));
    assert_int_equal(cells[blue]->codes[px_stats_code_index(503)], 1);
    assert_int_equal(cells[green]->codes[px_stats_code_index(503)], 1);
    assert_int_equal(cells[blue]->in_flight + cells[green]->in_flight, 0);
    rig_free(rig);
}

static void test_session_tells_when_an_endpoint_fails_five_times_in_a_row(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");

    (void)state;
    answer_blue(rig, "garbage\r\n\r\n");
    for (unsigned i = 1; i <= 10; i++) {
        struct rig_client *client = rig_connect(rig);

        rig_send(client, GET);
        assert_true(rig_sees(client, "HTTP/1.1 502 "));
        tn_stream_close(&client->stream);
        rig_settle(rig);
        rig->client_count--; /* its place may be taken again */
        memset(client, 0, sizeof(*client));
        assert_int_equal(rig->failing_told, i < 9 ? 0 : i - 8); /* two endpoints in turn */
    }
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session_keeps_both_connections_alive),
        cmocka_unit_test(test_session_answers_pipelined_requests_in_order),
        cmocka_unit_test(test_session_names_the_endpoint_where_no_host_was_sent),
        cmocka_unit_test(test_session_takes_a_request_byte_by_byte),
        cmocka_unit_test(test_session_sends_head_and_body_of_a_post),
        cmocka_unit_test(test_session_refuses_bad_requests_and_forwards_nothing),
        cmocka_unit_test(test_session_answers_valid_then_refuses_invalid_pipelined),
        cmocka_unit_test(test_session_aborts_a_body_with_a_broken_chunk),
        cmocka_unit_test(test_session_retries_a_get_once_when_a_pooled_connection_died),
        cmocka_unit_test(test_session_does_not_retry_a_post_on_a_dead_pooled_connection),
        cmocka_unit_test(test_session_goes_to_another_endpoint_when_one_refuses),
        cmocka_unit_test(test_session_says_503_with_retry_after_and_keeps_the_connection),
        cmocka_unit_test(test_session_turns_hostile_answers_into_502),
        cmocka_unit_test(test_session_never_gives_extra_bytes_to_the_next_request),
        cmocka_unit_test(test_session_breaks_off_a_truncated_answer),
        cmocka_unit_test(test_session_chunks_an_answer_that_ends_with_the_connection),
        cmocka_unit_test(test_session_passes_interim_answers_on_up_to_the_limit),
        cmocka_unit_test(test_session_becomes_a_tunnel_after_101),
        cmocka_unit_test(test_session_gives_up_on_a_slow_head),
        cmocka_unit_test(test_session_gives_up_on_a_silent_upstream),
        cmocka_unit_test(test_session_refuses_a_body_over_the_limit),
        cmocka_unit_test(test_session_counts_every_answer_once),
        cmocka_unit_test(test_session_mirrors_without_delaying_the_answer),
        cmocka_unit_test(test_session_counts_what_mirrors_pass_over),
        cmocka_unit_test(test_session_stops_without_breaking_anything_off),
        cmocka_unit_test(test_session_relays_an_early_answer_before_a_reset),
        cmocka_unit_test(test_session_never_ends_an_early_answer_by_a_reset),
        cmocka_unit_test(test_session_answers_a_half_closed_client),
        cmocka_unit_test(test_session_tells_the_upstream_who_the_client_is),
        cmocka_unit_test(test_session_resets_what_would_look_like_an_end),
        cmocka_unit_test(test_session_stops_an_answer_without_length_by_a_reset),
        cmocka_unit_test(test_session_says_502_while_nothing_of_the_answer_is_out),
        cmocka_unit_test(test_session_gives_no_rest_to_a_pipelined_request),
        cmocka_unit_test(test_session_says_what_is_allowed),
        cmocka_unit_test(test_session_gives_a_1_0_request_without_host_the_endpoints),
        cmocka_unit_test(test_session_takes_the_address_of_a_proxy_header),
        cmocka_unit_test(test_session_closes_whoever_comes_without_its_proxy_header),
        cmocka_unit_test(test_session_refuses_clients_over_the_cap_in_words),
        cmocka_unit_test(test_session_at_the_memory_limit_finishes_and_takes_nothing_new),
        cmocka_unit_test(test_session_charges_the_version_that_could_not_answer),
        cmocka_unit_test(test_session_tells_when_an_endpoint_fails_five_times_in_a_row),
        cmocka_unit_test(test_session_streams_a_large_answer_with_back_pressure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

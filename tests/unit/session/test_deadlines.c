/*
 * Deadlines of a session, on a clock that the test moves: what a slow client, in either direction,
 * may do for how long, and to the very step.
 */
#include "proxy/session/exchange.h"
#include "tests/support/virtual_time.h"
#include "tests/unit/session/rig.h"

#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BLUE "  - {name: main, weights: {blue: 1}}"
#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define STEP_MS 50 /* the tick of deadlines: they are that late at most */
#define SECOND 1000u

/* Lets time go by; whatever becomes due happens. */
static void pass(struct rig *rig, uint64_t ms)
{
    for (uint64_t gone = 0; gone < ms; gone += STEP_MS) {
        virtual_time_pass(STEP_MS);
        for (unsigned turn = 0; turn < 4; turn++)
            uv_run(&rig->loop.uv, UV_RUN_NOWAIT);
    }
}

static bool has_ended(const struct rig_client *client)
{
    return client->is_eof || client->is_broken;
}

/* --- heads ------------------------------------------------------------------------------------ */

static void test_deadlines_a_head_has_ten_seconds_however_it_drips(void **state)
{
    static const char drip[] =
        "GET / HTTP/1.1\r\nHost: h\r\nX-Drip: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);
    unsigned sent = 0;

    (void)state;
    rig_settle(rig);
    while (sent < 19) { /* a byte each half second: for 9.5 s */
        rig_send_bytes(client, drip + sent++, 1);
        pass(rig, 500);
        assert_false(has_ended(client));
    }
    pass(rig, 500 + STEP_MS);
    assert_non_null(strstr(client->received, "HTTP/1.1 408 "));
    assert_true(has_ended(client));
    rig_free(rig);
}

/* Whoever connects and says nothing has that time too, and a first byte buys no second helping. */
static void test_deadlines_the_first_head_is_timed_from_the_connection(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *silent = rig_connect(rig);
    struct rig_client *late = rig_connect(rig);

    (void)state;
    rig_settle(rig);
    pass(rig, 9 * SECOND);
    rig_send(late, "GET ");
    rig_settle(rig);
    assert_false(has_ended(silent));
    pass(rig, 1 * SECOND + STEP_MS);
    assert_true(has_ended(silent));
    assert_int_equal(silent->received_len, 0); /* nobody to answer */
    assert_non_null(strstr(late->received, "HTTP/1.1 408 "));
    rig_free(rig);
}

static void test_deadlines_later_heads_are_timed_from_their_first_byte(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    rig_send(client, GET);
    assert_true(rig_sees(client, "\r\n\r\nok"));
    pass(rig, 59 * SECOND); /* idle, within keep_alive */
    rig_send(client, "GET ");
    pass(rig, 9 * SECOND);
    assert_false(has_ended(client));
    pass(rig, 1 * SECOND + 2 * STEP_MS);
    assert_true(has_ended(client));
    assert_non_null(strstr(client->received, "HTTP/1.1 408 "));
    rig_free(rig);
}

static void test_deadlines_an_idle_client_has_a_minute(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    rig_send(client, GET);
    assert_true(rig_sees(client, "\r\n\r\nok"));
    pass(rig, 60 * SECOND - STEP_MS);
    assert_false(has_ended(client));
    pass(rig, 2 * STEP_MS);
    assert_true(client->is_eof);
    rig_free(rig);
}

/* --- bodies ----------------------------------------------------------------------------------- */

static void post(struct rig_client *client, const char *length)
{
    rig_send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ");
    rig_send(client, length);
    rig_send(client, "\r\n\r\n");
}

static void test_deadlines_a_body_has_five_seconds_then_its_floor(void **state)
{
    static char bytes[3000];
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *silent = rig_connect(rig);
    struct rig_client *slow = rig_connect(rig);
    struct rig_client *steady = rig_connect(rig);

    (void)state;
    memset(bytes, 'b', sizeof(bytes));
    for (unsigned upstream = 0; upstream < 2; upstream++)
        rig->upstreams[upstream].marker = "never";
    post(silent, "100000");
    post(slow, "100000");
    post(steady, "100000");
    rig_settle(rig);
    rig_send_bytes(slow, bytes, 2750); /* enough for 5.5 s */
    for (unsigned second = 0; second < 5; second++) {
        rig_send_bytes(steady, bytes, 550);
        pass(rig, 1 * SECOND - STEP_MS);
        assert_false(has_ended(silent));
        pass(rig, STEP_MS);
    }
    pass(rig, 2 * STEP_MS);
    assert_non_null(strstr(silent->received, "HTTP/1.1 408 "));
    assert_false(has_ended(slow));
    rig_send_bytes(steady, bytes, 550);
    pass(rig, 1 * SECOND);
    assert_non_null(strstr(slow->received, "HTTP/1.1 408 "));
    for (unsigned second = 0; second < 60; second++) {
        rig_send_bytes(steady, bytes, 550);
        pass(rig, 1 * SECOND);
    }
    assert_false(has_ended(steady));
    rig_free(rig);
}

/* 200,000 bytes at once are worth 400 s of silence by the floor alone. */
static void test_deadlines_a_fast_start_buys_no_long_silence(void **state)
{
    static char bytes[200000];
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    memset(bytes, 'b', sizeof(bytes));
    for (unsigned upstream = 0; upstream < 2; upstream++)
        rig->upstreams[upstream].marker = "never";
    post(client, "300000");
    rig_send_bytes(client, bytes, sizeof(bytes));
    pass(rig, 29 * SECOND);
    assert_false(has_ended(client));
    pass(rig, 7 * SECOND);
    assert_non_null(strstr(client->received, "HTTP/1.1 408 "));
    rig_free(rig);
}

/* --- readers ---------------------------------------------------------------------------------- */

#define ANSWER_BYTES 300000
#define BUFFER_BYTES 8192

static char large[ANSWER_BYTES + 200];

/* Small buffers in the kernel, or it would take the whole answer for a client that never reads. */
static void shrink(struct rig *rig, struct rig_client *client)
{
    struct px_client *inside = TN_CONTAINER_OF(rig->session.clients.prev, struct px_client, node);
    int size = BUFFER_BYTES;
    uv_os_fd_t fd;

    assert_int_equal(uv_fileno(&inside->stream.uv.handle, &fd), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    assert_int_equal(uv_fileno(&client->stream.uv.handle, &fd), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
}

/* Small segments, or the kernel would wait, in its own time, until a large one fits into the small
 * buffer. */
static void shrink_segments(struct rig *rig)
{
    int size = 1000;
    uv_os_fd_t fd;

    assert_int_equal(uv_fileno(&rig->listener.uv.handle, &fd), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &size, sizeof(size)), 0);
}

/* A client that takes nothing of the answers to what it sent. */
static struct rig_client *start_reader(struct rig *rig, const char *fields, const char *request)
{
    struct rig_client *client;
    size_t head = (size_t)sprintf(large, "HTTP/1.1 200 OK\r\n%s\r\n", fields);

    memset(large + head, 'x', ANSWER_BYTES);
    memcpy(large + head + ANSWER_BYTES - 4, "done", 5);
    for (unsigned upstream = 0; upstream < 2; upstream++)
        rig_answer(rig, upstream, large);
    shrink_segments(rig);
    client = rig_connect(rig);
    rig_settle(rig);
    shrink(rig, client);
    tn_stream_pause(&client->stream);
    rig_send(client, request);
    rig_settle(rig);
    rig_settle(rig);
    return client;
}

#define SIZED "Content-Length: 300000\r\n"

static void test_deadlines_a_client_that_never_reads_has_a_minute(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = start_reader(rig, SIZED, GET);

    (void)state;
    assert_true(rig->stats->client_connections == 1);
    pass(rig, 60 * SECOND - STEP_MS);
    assert_int_equal(rig->stats->client_connections, 1);
    assert_int_equal(rig->stats->client_slow_readers, 0);
    pass(rig, 3 * STEP_MS);
    assert_int_equal(rig->stats->client_slow_readers, 1);
    assert_int_equal(rig->stats->client_connections, 0);
    tn_stream_resume(&client->stream);
    assert_true(rig_sees_end(client));
    assert_true(client->is_broken); /* a reset, as what it has is not all of the answer */
    assert_null(strstr(client->received, "done"));
    rig_free(rig);
}

/*
 * Takes so many bytes of what is there, every so many seconds. Returns bytes per second: what the
 * kernels make of it, for small windows open in larger steps.
 */
static size_t read_slowly(struct rig *rig, struct rig_client *client, unsigned every_s,
                          unsigned seconds)
{
    char sink[4000];
    size_t taken = 0;
    uv_os_fd_t fd;

    assert_int_equal(uv_fileno(&client->stream.uv.handle, &fd), 0);
    for (unsigned i = 0; i < seconds && rig->stats->client_connections > 0; i++) {
        ssize_t got = i % every_s == 0 ? recv(fd, sink, sizeof(sink), MSG_DONTWAIT) : 0;

        taken += (size_t)(got > 0 ? got : 0);
        pass(rig, 1 * SECOND);
    }
    return taken / seconds;
}

static void test_deadlines_a_reader_below_the_floor_ends_one_above_does_not(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = start_reader(rig, SIZED, GET);

    (void)state;
    assert_in_range(read_slowly(rig, client, 2, 70), 600, 4000);
    assert_int_equal(rig->stats->client_connections, 1);
    assert_in_range(read_slowly(rig, client, 20, 130), 50, 300);
    assert_int_equal(rig->stats->client_slow_readers, 1);
    assert_int_equal(rig->stats->client_connections, 0);
    rig_free(rig);
}

/* What the client takes keeps the exchange alive, although nothing is read from the service. */
static void test_deadlines_idle_is_no_byte_in_either_direction(void **state)
{
    struct rig *rig = rig_new("  - {name: main, weights: {blue: 1}, timeouts: {idle: 20s}}",
                              "{response_grace: 10s}");
    struct rig_client *client = start_reader(rig, SIZED, GET);

    (void)state;
    assert_in_range(read_slowly(rig, client, 2, 60), 600, 4000);
    assert_int_equal(rig->stats->client_connections, 1);
    tn_stream_resume(&client->stream);
    assert_true(rig_sees(client, "done"));
    rig_free(rig);
}

static void test_deadlines_without_a_floor_idle_ends_a_stuck_reader(void **state)
{
    struct rig *rig = rig_new(BLUE, "{response_floor: 0}");

    (void)state;
    start_reader(rig, SIZED, GET);
    pass(rig, 299 * SECOND);
    assert_int_equal(rig->stats->client_connections, 1);
    pass(rig, 2 * SECOND);
    assert_int_equal(rig->stats->client_connections, 0);
    assert_int_equal(rig->stats->client_slow_readers, 0);
    rig_free(rig);
}

/* The answer's rest is in our hands and the service is done: a client above the floor gets it, not
 * only what fits into keep_alive. */
static void test_deadlines_the_rest_of_an_answer_outlives_keep_alive(void **state)
{
    struct rig *rig = rig_new(BLUE, "{keep_alive: 1s, side_buffer: 512KiB, response_grace: 10s}");
    struct rig_client *client = start_reader(rig, SIZED, GET);

    (void)state;
    assert_null(TN_CONTAINER_OF(rig->session.clients.prev, struct px_client, node)->exchange);
    assert_in_range(read_slowly(rig, client, 2, 30), 600, 4000);
    assert_int_equal(rig->stats->client_connections, 1);
    pass(rig, 21 * SECOND);
    assert_int_equal(rig->stats->client_slow_readers, 1);
    assert_int_equal(rig->stats->client_connections, 0);
    rig_free(rig);
}

static void test_deadlines_the_rest_is_delivered_to_a_client_that_ended_its_side(void **state)
{
    struct rig *rig = rig_new(BLUE, "{side_buffer: 512KiB}");
    struct rig_client *client = start_reader(rig, SIZED, GET);

    (void)state;
    tn_stream_shutdown(&client->stream);
    rig_settle(rig);
    tn_stream_resume(&client->stream);
    assert_true(rig_sees(client, "done"));
    assert_true(rig_sees_end(client));
    assert_false(client->is_broken);
    rig_free(rig);
}

/* Requests in a row whose answers nobody reads: bounded, and all of them answered in the end. */
static void test_deadlines_answers_to_a_pipeline_wait_for_their_reader(void **state)
{
    static char requests[100 * sizeof(GET)] = "";
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client;
    struct px_client *inside;
    char *at = requests;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        at = stpcpy(at, GET);
    client = rig_connect(rig);
    memset(large, 'x', 3000);
    sprintf(large, "HTTP/1.1 200 OK\r\nContent-Length: 2950\r\n\r\n");
    large[strlen(large)] = 'x';
    large[2950 + strlen("HTTP/1.1 200 OK\r\nContent-Length: 2950\r\n\r\n")] = '\0';
    for (unsigned upstream = 0; upstream < 2; upstream++)
        rig_answer(rig, upstream, large);
    rig_settle(rig);
    shrink(rig, client);
    inside = TN_CONTAINER_OF(rig->session.clients.prev, struct px_client, node);
    tn_stream_pause(&client->stream);
    rig_send(client, requests);
    for (unsigned i = 0; i < 20; i++)
        rig_settle(rig);
    assert_true(rig_requests(rig) < 60);
    assert_in_range(tn_stream_queued(&inside->stream), 65536, 2 * 65536);
    assert_null(inside->exchange);
    tn_stream_resume(&client->stream);
    assert_true(rig_sees_times(client, "HTTP/1.1 200 OK", 100));
    rig_free(rig);
}

static void test_deadlines_a_tunnel_does_not_wait_for_a_client_that_never_reads(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);
    struct tn_str piece = {large, ANSWER_BYTES};

    (void)state;
    rig_answer(rig, 0, "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    rig_answer(rig, 1, "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    rig_send(client, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    assert_true(rig_sees(client, "101 Switching"));
    shrink(rig, client);
    tn_stream_pause(&client->stream);
    memset(large, 'x', ANSWER_BYTES);
    tn_stream_write(rig->upstreams[rig->upstreams[0].requests ? 0 : 1].last, &piece, 1);
    for (unsigned second = 0; second < 130; second++) {
        rig_send(client, "p"); /* it goes on talking: idle alone would never end this */
        pass(rig, 1 * SECOND);
    }
    assert_int_equal(rig->stats->client_connections, 0);
    assert_int_equal(rig->stats->client_slow_readers, 1);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deadlines_a_head_has_ten_seconds_however_it_drips),
        cmocka_unit_test(test_deadlines_the_first_head_is_timed_from_the_connection),
        cmocka_unit_test(test_deadlines_later_heads_are_timed_from_their_first_byte),
        cmocka_unit_test(test_deadlines_an_idle_client_has_a_minute),
        cmocka_unit_test(test_deadlines_a_body_has_five_seconds_then_its_floor),
        cmocka_unit_test(test_deadlines_a_fast_start_buys_no_long_silence),
        cmocka_unit_test(test_deadlines_a_client_that_never_reads_has_a_minute),
        cmocka_unit_test(test_deadlines_a_reader_below_the_floor_ends_one_above_does_not),
        cmocka_unit_test(test_deadlines_idle_is_no_byte_in_either_direction),
        cmocka_unit_test(test_deadlines_without_a_floor_idle_ends_a_stuck_reader),
        cmocka_unit_test(test_deadlines_the_rest_of_an_answer_outlives_keep_alive),
        cmocka_unit_test(test_deadlines_the_rest_is_delivered_to_a_client_that_ended_its_side),
        cmocka_unit_test(test_deadlines_answers_to_a_pipeline_wait_for_their_reader),
        cmocka_unit_test(test_deadlines_a_tunnel_does_not_wait_for_a_client_that_never_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Streams over loopback: partial writes and their tail, pausing, half-close, closing in callbacks.
 */
#include "lib/base/random.h"
#include "tests/unit/net/pair.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#define MUCH (8u << 20) /* more than the kernel's buffers of both sides take */

static char *pattern(size_t len)
{
    char *bytes = malloc(len);
    struct tn_random random;

    assert_non_null(bytes);
    tn_random_init_seeded(&random, len);
    random.fill(&random, bytes, len);
    return bytes;
}

static void set_send_buffer(struct end *end, int bytes)
{
    uv_os_fd_t fd;

    assert_int_equal(uv_fileno(&end->stream.uv.handle, &fd), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
}

static void test_stream_carries_bytes_both_ways(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    assert_int_equal(end_write(&pair.client, "ping", 4), 0);
    PAIR_UNTIL(&pair, pair.server.len == 4);
    assert_memory_equal(pair.server.bytes, "ping", 4);
    assert_int_equal(end_write(&pair.server, "pong!", 5), 0);
    PAIR_UNTIL(&pair, pair.client.len == 5);
    assert_memory_equal(pair.client.bytes, "pong!", 5);
    assert_int_equal(pair.client.draineds, 0); /* the kernel took all at once: no tail */
    pair_close(&pair);
}

static void test_stream_tail_holds_what_the_kernel_did_not_take(void **state)
{
    struct pair pair;
    char *bytes = pattern(MUCH);

    (void)state;
    pair_open(&pair);
    tn_stream_pause(&pair.server.stream);
    assert_int_equal(end_write(&pair.client, bytes, MUCH), 0);
    assert_true(tn_stream_queued(&pair.client.stream) > 0);
    assert_true(tn_stream_queued(&pair.client.stream) < MUCH);
    assert_int_equal(end_write(&pair.client, "end", 3), 0); /* waits behind the tail */
    for (int i = 0; i < 50; i++)
        pair_turn(&pair);
    assert_int_equal(pair.server.len, 0);
    assert_int_equal(pair.client.draineds, 0);
    tn_stream_resume(&pair.server.stream);
    PAIR_UNTIL(&pair, pair.server.len == MUCH + 3);
    PAIR_UNTIL(&pair, pair.client.draineds == 1);
    assert_int_equal(tn_stream_queued(&pair.client.stream), 0);
    assert_int_equal(tn_stream_unsent(&pair.client.stream), 0);
    assert_memory_equal(pair.server.bytes, bytes, MUCH);
    assert_memory_equal(pair.server.bytes + MUCH, "end", 3);
    free(bytes);
    pair_close(&pair);
}

static void test_stream_unsent_shrinks_while_the_tail_is_held(void **state)
{
    struct pair pair;
    char *bytes = pattern(MUCH);
    size_t held;
    size_t unsent;

    (void)state;
    pair_open(&pair);
    pair.server.pause_each = true;
    assert_int_equal(end_write(&pair.client, bytes, MUCH), 0);
    assert_int_equal(end_write(&pair.client, bytes, 100), 0);
    held = tn_stream_queued(&pair.client.stream);
    unsent = tn_stream_unsent(&pair.client.stream);
    assert_true(unsent <= held && unsent > 100);
    while (tn_stream_unsent(&pair.client.stream) == unsent) {
        pair_turn(&pair);
        tn_stream_resume(&pair.server.stream);
    }
    assert_true(tn_stream_unsent(&pair.client.stream) < unsent);
    assert_int_equal(tn_stream_queued(&pair.client.stream), held);
    free(bytes);
    pair_close(&pair);
}

/* Megabytes are in the kernels' hands, and the peer's part of it is bounded: what it took is
 * counted by what it acknowledged, and what could not be sent stays with us. */
static void test_stream_taken_is_what_the_peer_acknowledged(void **state)
{
    struct pair pair;
    char *bytes = pattern(MUCH);
    uint64_t taken;
    int left = 0;
    uv_os_fd_t fd;

    (void)state;
    pair_open(&pair);
    assert_int_equal(tn_stream_taken(&pair.client.stream), 0);
    assert_int_equal(end_write(&pair.client, "hello", 5), 0);
    PAIR_UNTIL(&pair, pair.server.len == 5);
    assert_int_equal(tn_stream_taken(&pair.client.stream), 5);
    tn_stream_pause(&pair.server.stream);
    assert_int_equal(end_write(&pair.client, bytes, MUCH), 0);
    for (int i = 0; i < 50; i++)
        pair_turn(&pair);
    taken = tn_stream_taken(&pair.client.stream);
    assert_int_equal(uv_fileno(&pair.client.stream.uv.handle, &fd), 0);
    assert_int_equal(ioctl(fd, SIOCOUTQ, &left), 0);
    assert_in_range(left, 1, 2 * TN_STREAM_KERNEL_BYTES);
    assert_int_equal(taken + (uint64_t)left + tn_stream_unsent(&pair.client.stream), MUCH + 5);
    tn_stream_resume(&pair.server.stream);
    PAIR_UNTIL(&pair, pair.server.len == MUCH + 5);
    PAIR_UNTIL(&pair, tn_stream_taken(&pair.client.stream) == MUCH + 5);
    free(bytes);
    pair_close(&pair);
}

/* Pieces of all sizes, cut by the kernel anywhere: nothing lost, doubled or swapped. */
static void test_stream_pieces_survive_partial_writes(void **state)
{
    struct pair pair;
    char *bytes = pattern(MUCH);
    struct tn_random random;
    size_t given = 0;

    (void)state;
    pair_open(&pair);
    set_send_buffer(&pair.client, 4096);
    tn_random_init_seeded(&random, 7);
    while (given < MUCH / 4) {
        struct tn_str pieces[TN_STREAM_PIECES_MAX];
        unsigned count = (unsigned)(tn_random_u64(&random) % (TN_STREAM_PIECES_MAX + 1));

        for (unsigned i = 0; i < count; i++) {
            size_t len = tn_random_u64(&random) % 5 ? tn_random_u64(&random) % 700 : 0;

            pieces[i] = (struct tn_str){len ? bytes + given : NULL, len};
            given += len;
        }
        assert_int_equal(tn_stream_write(&pair.client.stream, pieces, count), 0);
        if (tn_random_u64(&random) % 8 == 0)
            pair_turn(&pair);
    }
    PAIR_UNTIL(&pair, pair.server.len == given);
    assert_memory_equal(pair.server.bytes, bytes, given);
    free(bytes);
    pair_close(&pair);
}

static void test_stream_pause_and_resume_lose_nothing(void **state)
{
    struct pair pair;
    char *bytes = pattern(MUCH / 8);

    (void)state;
    pair_open(&pair);
    pair.server.pause_each = true;
    assert_int_equal(end_write(&pair.client, bytes, MUCH / 8), 0);
    while (pair.server.len < MUCH / 8) {
        size_t before;

        pair_turn(&pair);
        before = pair.server.len;
        if (before > 0 && !pair.server.stream.is_reading) {
            pair_turn(&pair);
            assert_int_equal(pair.server.len, before); /* paused means paused */
        }
        tn_stream_resume(&pair.server.stream);
        tn_stream_resume(&pair.server.stream);
    }
    assert_memory_equal(pair.server.bytes, bytes, MUCH / 8);
    free(bytes);
    pair_close(&pair);
}

static void test_stream_eof_is_told_once_whatever_resumes(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    assert_int_equal(end_write(&pair.client, "last", 4), 0);
    assert_int_equal(tn_stream_shutdown(&pair.client.stream), 0);
    PAIR_UNTIL(&pair, pair.server.eofs > 0);
    assert_int_equal(pair.server.len, 4);
    tn_stream_pause(&pair.server.stream);
    tn_stream_resume(&pair.server.stream);
    for (int i = 0; i < 20; i++)
        pair_turn(&pair);
    assert_int_equal(pair.server.eofs, 1);
    /* the other direction goes on */
    assert_int_equal(end_write(&pair.server, "reply", 5), 0);
    PAIR_UNTIL(&pair, pair.client.len == 5);
    pair_close(&pair);
}

static void test_stream_shutdown_waits_for_all_of_the_tail(void **state)
{
    struct pair pair;
    char *bytes = pattern(MUCH);

    (void)state;
    pair_open(&pair);
    tn_stream_pause(&pair.server.stream);
    assert_int_equal(end_write(&pair.client, bytes, MUCH), 0);
    assert_int_equal(end_write(&pair.client, bytes, 1000), 0); /* behind the write under way */
    assert_int_equal(tn_stream_shutdown(&pair.client.stream), 0);
    assert_int_equal(tn_stream_shutdown(&pair.client.stream), -ENOTCONN);
    assert_int_equal(end_write(&pair.client, "x", 1), -EPIPE);
    tn_stream_resume(&pair.server.stream);
    PAIR_UNTIL(&pair, pair.server.eofs == 1);
    assert_int_equal(pair.server.len, MUCH + 1000);
    assert_memory_equal(pair.server.bytes, bytes, MUCH);
    assert_memory_equal(pair.server.bytes + MUCH, bytes, 1000);
    free(bytes);
    pair_close(&pair);
}

static void test_stream_close_with_a_shutdown_still_waiting(void **state)
{
    struct pair pair;
    char *bytes = pattern(MUCH);

    (void)state;
    pair_open(&pair);
    tn_stream_pause(&pair.server.stream);
    assert_int_equal(end_write(&pair.client, bytes, MUCH), 0);
    assert_int_equal(end_write(&pair.client, bytes, 1000), 0);
    assert_int_equal(tn_stream_shutdown(&pair.client.stream), 0);
    free(bytes);
    pair_close(&pair); /* frees tail and request: the sanitizer looks */
}

static void test_stream_close_drops_the_tail_and_tells_nothing_more(void **state)
{
    struct pair pair;
    char *bytes = pattern(MUCH);

    (void)state;
    pair_open(&pair);
    tn_stream_pause(&pair.server.stream);
    assert_int_equal(end_write(&pair.client, bytes, MUCH), 0);
    free(bytes);
    tn_stream_close(&pair.client.stream);
    tn_stream_close(&pair.client.stream);
    assert_int_equal(pair.client.closeds, 0); /* never from inside the call */
    assert_int_equal(end_write(&pair.client, "x", 1), -EPIPE);
    assert_int_equal(tn_stream_queued(&pair.client.stream), 0);
    PAIR_UNTIL(&pair, pair.client.closeds == 1);
    assert_int_equal(pair.client.draineds + pair.client.brokens + pair.client.eofs, 0);
    pair_close(&pair);
}

static void test_stream_reset_reaches_the_peer_as_reset(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair);
    tn_stream_reset(&pair.client.stream);
    PAIR_UNTIL(&pair, pair.server.brokens == 1);
    assert_int_equal(pair.server.error, -ECONNRESET);
    assert_int_equal(pair.server.eofs, 0);
    pair_close(&pair);
}

/* The last bytes and the reset are there at once: the reset must not pass for an end. */
static void test_stream_reset_behind_bytes_is_no_eof(void **state)
{
    struct pair pair;
    char *bytes = pattern(MUCH);

    (void)state;
    pair_open(&pair);
    tn_stream_pause(&pair.server.stream);
    assert_int_equal(end_write(&pair.client, bytes, MUCH), 0);
    tn_stream_reset(&pair.client.stream);
    tn_stream_resume(&pair.server.stream);
    PAIR_UNTIL(&pair, pair.server.brokens + pair.server.eofs > 0);
    assert_int_equal(pair.server.brokens, 1);
    assert_int_equal(pair.server.error, -ECONNRESET);
    assert_in_range(pair.server.len, 1, MUCH - 1);
    free(bytes);
    pair_close(&pair);
}

static void test_stream_write_to_a_reset_peer_is_an_error(void **state)
{
    struct pair pair;
    int error = 0;

    (void)state;
    pair_open(&pair);
    tn_stream_pause(&pair.client.stream); /* nothing is told while paused: the write must notice */
    tn_stream_reset(&pair.server.stream);
    PAIR_UNTIL(&pair, pair.server.closeds == 1);
    for (int i = 0; i < 10 && !error; i++)
        error = end_write(&pair.client, "x", 1);
    assert_true(error == -ECONNRESET || error == -EPIPE);
    assert_int_equal(pair.client.brokens, 0);
    pair_close(&pair);
}

static void test_stream_tail_to_a_reset_peer_is_told_as_broken(void **state)
{
    struct pair pair;
    char *bytes = pattern(MUCH);

    (void)state;
    pair_open(&pair);
    tn_stream_pause(&pair.server.stream);
    assert_int_equal(end_write(&pair.client, bytes, MUCH), 0);
    tn_stream_pause(&pair.client.stream);
    tn_stream_reset(&pair.server.stream);
    PAIR_UNTIL(&pair, pair.client.brokens == 1);
    assert_int_equal(pair.client.draineds, 0);
    free(bytes);
    pair_close(&pair);
}

static void close_both_ends(struct end *end)
{
    struct pair *pair = TN_CONTAINER_OF(end, struct pair, server);

    tn_stream_close(&pair->client.stream);
    tn_stream_close(&pair->server.stream);
}

static void test_stream_may_be_closed_in_any_callback(void **state)
{
    struct pair pair;
    char *bytes = pattern(MUCH);

    (void)state;
    for (int event = END_READ; event <= END_DRAINED; event++) {
        pair_open(&pair);
        pair.server.close_on = event;
        if (event == END_READ)
            assert_int_equal(end_write(&pair.client, bytes, MUCH), 0); /* more would follow */
        else if (event == END_EOF)
            assert_int_equal(tn_stream_shutdown(&pair.client.stream), 0);
        else if (event == END_BROKEN)
            tn_stream_reset(&pair.client.stream);
        else
            assert_int_equal(end_write(&pair.server, bytes, MUCH), 0);
        PAIR_UNTIL(&pair, pair.server.closeds == 1);
        assert_int_equal(pair.server.draineds + pair.server.eofs + pair.server.brokens,
                         event == END_READ ? 0 : 1);
        pair_close(&pair);
    }
    pair_open(&pair);
    pair.server.on_read = close_both_ends;
    assert_int_equal(end_write(&pair.client, bytes, MUCH), 0);
    PAIR_UNTIL(&pair, pair.server.closeds == 1 && pair.client.closeds == 1);
    pair_close(&pair);
    free(bytes);
}

struct attempt {
    struct end end;
    unsigned told;
    int error;
};

static void on_attempted(struct tn_stream *stream, int error)
{
    struct attempt *attempt = TN_CONTAINER_OF(stream, struct attempt, end.stream);

    attempt->told++;
    attempt->error = error;
}

static void attempt_connect(struct pair *pair, struct attempt *attempt, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = port, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};

    memset(attempt, 0, sizeof(*attempt));
    end_init(&attempt->end);
    assert_int_equal(tn_stream_open(&attempt->end.stream, &pair->loop, AF_INET, &end_ops), 0);
    assert_int_equal(
        tn_stream_connect(&attempt->end.stream, (const struct sockaddr *)&address, on_attempted),
        0);
    assert_int_equal(attempt->told, 0);
}

static void test_stream_connect_refused_is_told_once(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    struct pair pair;
    struct attempt attempt;
    /* bound, not listening: nobody else gets the port, and whoever connects is refused */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    pair_open(&pair);
    attempt_connect(&pair, &attempt, address.sin_port);
    PAIR_UNTIL(&pair, attempt.told > 0);
    assert_int_equal(attempt.error, -ECONNREFUSED);
    tn_stream_close(&attempt.end.stream);
    PAIR_UNTIL(&pair, attempt.end.closeds == 1);
    assert_int_equal(attempt.told, 1);
    assert_int_equal(attempt.end.brokens + attempt.end.eofs, 0);
    pair_close(&pair);
    close(fd);
}

static void test_stream_closed_before_it_is_connected_tells_nothing(void **state)
{
    struct sockaddr_storage bound;
    struct pair pair;
    struct attempt attempt;

    (void)state;
    pair_open(&pair);
    tn_stream_close(&pair.server.stream);
    PAIR_UNTIL(&pair, pair.server.closeds == 1);
    pair.server.closeds = 0; /* its memory is used for the second connection */
    assert_int_equal(tn_listener_address(&pair.listener, &bound), 0);
    attempt_connect(&pair, &attempt, ((struct sockaddr_in *)&bound)->sin_port);
    tn_stream_close(&attempt.end.stream);
    PAIR_UNTIL(&pair, attempt.end.closeds == 1);
    assert_int_equal(attempt.told, 0);
    PAIR_UNTIL(&pair, pair.server.stream.is_open);
    pair_close(&pair);
}

/* The kernel is through with the handshake before the loop is: bytes may go, and keep their place.
 */
static void test_stream_writes_early_while_connecting(void **state)
{
    struct tn_str pieces[2] = {TN_STR("one "), TN_STR("two ")};
    struct tn_str later = TN_STR("three");
    struct sockaddr_storage bound;
    struct attempt attempt;
    struct pair pair;

    (void)state;
    pair_open(&pair);
    tn_stream_close(&pair.server.stream);
    PAIR_UNTIL(&pair, pair.server.closeds == 1);
    pair.server.closeds = 0;
    assert_int_equal(tn_listener_address(&pair.listener, &bound), 0);
    attempt_connect(&pair, &attempt, ((struct sockaddr_in *)&bound)->sin_port);
    assert_int_equal(tn_stream_write_early(&attempt.end.stream, pieces, 2), 8);
    assert_int_equal(attempt.told, 0);
    PAIR_UNTIL(&pair, attempt.told == 1);
    assert_int_equal(attempt.error, 0);
    assert_int_equal(tn_stream_write(&attempt.end.stream, &later, 1), 0);
    PAIR_UNTIL(&pair, pair.server.len == 13);
    assert_memory_equal(pair.server.bytes, "one two three", 13);
    tn_stream_close(&attempt.end.stream);
    assert_int_equal(tn_stream_write_early(&attempt.end.stream, pieces, 2), 0);
    PAIR_UNTIL(&pair, attempt.end.closeds == 1);
    pair_close(&pair);
}

static void test_stream_writes_nothing_early_to_nobody(void **state)
{
    struct tn_str piece = TN_STR("bytes");
    struct sockaddr_storage bound;
    struct attempt refused;
    struct attempt unanswered;
    struct pair pair;
    uint16_t port;

    (void)state;
    pair_open(&pair);
    assert_int_equal(tn_listener_address(&pair.listener, &bound), 0);
    port = ((struct sockaddr_in *)&bound)->sin_port;
    if (tn_listener_refuse_new(&pair.listener) == 0) {
        attempt_connect(&pair, &unanswered, port);
        assert_int_equal(tn_stream_write_early(&unanswered.end.stream, &piece, 1), 0);
        tn_stream_close(&unanswered.end.stream);
        PAIR_UNTIL(&pair, unanswered.end.closeds == 1);
        assert_int_equal(unanswered.told, 0);
    }
    tn_listener_close(&pair.listener);
    PAIR_UNTIL(&pair, pair.listener_closeds == 1);
    attempt_connect(&pair, &refused, port);
    assert_int_equal(tn_stream_write_early(&refused.end.stream, &piece, 1), 0);
    PAIR_UNTIL(&pair, refused.told == 1);
    assert_int_equal(refused.error, -ECONNREFUSED); /* the attempt to write has not eaten it */
    tn_stream_close(&refused.end.stream);
    PAIR_UNTIL(&pair, refused.end.closeds == 1);
    pair_close(&pair);
}

static void test_stream_says_who_its_peer_is(void **state)
{
    struct sockaddr_storage peer;
    struct sockaddr_storage bound;
    struct pair pair;

    (void)state;
    pair_open(&pair);
    assert_int_equal(tn_listener_address(&pair.listener, &bound), 0);
    assert_int_equal(tn_stream_peer(&pair.client.stream, &peer), 0);
    assert_memory_equal(&peer, &bound, sizeof(struct sockaddr_in));
    assert_ptr_equal(tn_stream_loop(&pair.client.stream), &pair.loop);
    pair_close(&pair);
}

static void test_stream_credentials_are_of_unix_sockets_only(void **state)
{
    struct tn_credentials credentials = {.pid = -7};
    struct tn_loop loop;
    struct end end;
    int fds[2];
    struct pair pair;

    (void)state;
    pair_open(&pair);
    assert_int_equal(tn_stream_credentials(&pair.server.stream, &credentials), -ENOTSOCK);
    assert_int_equal(credentials.pid, -7);
    pair_close(&pair);

    assert_int_equal(tn_loop_init(&loop), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    end_init(&end);
    assert_int_equal(tn_stream_open(&end.stream, &loop, AF_UNIX, &end_ops), 0);
    assert_int_equal(uv_pipe_open(&end.stream.uv.pipe, fds[0]), 0);
    assert_int_equal(tn_stream_credentials(&end.stream, &credentials), 0);
    assert_int_equal(credentials.uid, geteuid());
    assert_int_equal(credentials.gid, getegid());
    assert_int_equal(credentials.pid, getpid());
    tn_stream_close(&end.stream);
    tn_loop_run(&loop);
    close(fds[1]);
    assert_int_equal(tn_loop_deinit(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_carries_bytes_both_ways),
        cmocka_unit_test(test_stream_tail_holds_what_the_kernel_did_not_take),
        cmocka_unit_test(test_stream_unsent_shrinks_while_the_tail_is_held),
        cmocka_unit_test(test_stream_taken_is_what_the_peer_acknowledged),
        cmocka_unit_test(test_stream_pieces_survive_partial_writes),
        cmocka_unit_test(test_stream_pause_and_resume_lose_nothing),
        cmocka_unit_test(test_stream_eof_is_told_once_whatever_resumes),
        cmocka_unit_test(test_stream_shutdown_waits_for_all_of_the_tail),
        cmocka_unit_test(test_stream_close_with_a_shutdown_still_waiting),
        cmocka_unit_test(test_stream_close_drops_the_tail_and_tells_nothing_more),
        cmocka_unit_test(test_stream_reset_reaches_the_peer_as_reset),
        cmocka_unit_test(test_stream_reset_behind_bytes_is_no_eof),
        cmocka_unit_test(test_stream_write_to_a_reset_peer_is_an_error),
        cmocka_unit_test(test_stream_tail_to_a_reset_peer_is_told_as_broken),
        cmocka_unit_test(test_stream_may_be_closed_in_any_callback),
        cmocka_unit_test(test_stream_connect_refused_is_told_once),
        cmocka_unit_test(test_stream_closed_before_it_is_connected_tells_nothing),
        cmocka_unit_test(test_stream_writes_early_while_connecting),
        cmocka_unit_test(test_stream_writes_nothing_early_to_nobody),
        cmocka_unit_test(test_stream_says_who_its_peer_is),
        cmocka_unit_test(test_stream_credentials_are_of_unix_sockets_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

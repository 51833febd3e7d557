/* One loop's pool against a server in the same loop, in virtual time. */
#include "lib/net/listener.h"
#include "proxy/upstream/pool.h"
#include "tests/support/virtual_time.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define PEERS 16
#define SLOT 7
#define CONNECT_MS 1000
#define IDLE_MS 4000

struct peer {
    struct tn_stream stream;
    size_t len; /* bytes received */
    bool is_ended;
};

struct user {
    struct px_upstream *upstream;
    unsigned readies, reads, eofs, brokens, draineds;
    int error;
    bool release_on_read;
};

struct fixture {
    struct tn_loop loop;
    struct tn_listener listener;
    struct peer peers[PEERS];
    unsigned peer_count;
    unsigned listener_closeds;
    struct px_limits limits;
    struct px_stats *stats;
    struct px_pool *pool;
    struct px_endpoint endpoint;
    uv_timer_t driver;
};

static struct fixture *the_fixture;

/* ---- the server ---- */

static void on_peer_read(struct tn_stream *stream, char *data, size_t len)
{
    (void)data;
    TN_CONTAINER_OF(stream, struct peer, stream)->len += len;
}

static void on_peer_eof(struct tn_stream *stream)
{
    TN_CONTAINER_OF(stream, struct peer, stream)->is_ended = true;
}

static void on_peer_broken(struct tn_stream *stream, int error)
{
    (void)error;
    TN_CONTAINER_OF(stream, struct peer, stream)->is_ended = true;
}

static void on_peer_closed(struct tn_stream *stream)
{
    (void)stream;
}

static const struct tn_stream_ops peer_ops = {.on_read = on_peer_read,
                                              .on_eof = on_peer_eof,
                                              .on_broken = on_peer_broken,
                                              .on_closed = on_peer_closed};

static struct tn_stream *on_accept(struct tn_listener *listener)
{
    struct peer *peer = &the_fixture->peers[the_fixture->peer_count];

    (void)listener;
    assert_true(the_fixture->peer_count < PEERS);
    assert_int_equal(tn_stream_open(&peer->stream, &the_fixture->loop, AF_INET, &peer_ops), 0);
    return &peer->stream;
}

static void on_accepted(struct tn_listener *listener, struct tn_stream *stream)
{
    (void)listener;
    the_fixture->peer_count++;
    assert_int_equal(tn_stream_start(stream), 0);
}

static void on_accept_failed(struct tn_listener *listener, struct tn_stream *stream, int error)
{
    (void)listener;
    (void)stream;
    (void)error;
    fail();
}

static void on_listener_closed(struct tn_listener *listener)
{
    (void)listener;
    the_fixture->listener_closeds++;
}

static const struct tn_listener_ops listener_ops = {.on_accept = on_accept,
                                                    .on_accepted = on_accepted,
                                                    .on_failed = on_accept_failed,
                                                    .on_closed = on_listener_closed};

/* ---- the user ---- */

static void on_ready(struct px_upstream *upstream, int error)
{
    struct user *user = upstream->user;

    user->readies++;
    user->error = error;
    if (error)
        user->upstream = NULL;
}

static void on_read(struct px_upstream *upstream, char *data, size_t len)
{
    struct user *user = upstream->user;

    (void)data;
    (void)len;
    user->reads++;
    if (user->release_on_read)
        px_upstream_release(upstream, true);
}

static void on_eof(struct px_upstream *upstream)
{
    ((struct user *)upstream->user)->eofs++;
}

static void on_broken(struct px_upstream *upstream, int error)
{
    struct user *user = upstream->user;

    user->brokens++;
    user->error = error;
}

static void on_drained(struct px_upstream *upstream)
{
    ((struct user *)upstream->user)->draineds++;
}

static const struct px_upstream_ops user_ops = {.on_ready = on_ready,
                                                .on_read = on_read,
                                                .on_eof = on_eof,
                                                .on_broken = on_broken,
                                                .on_drained = on_drained};

/* ---- driving ---- */

static void on_driver(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void run_for(struct fixture *fixture, uint64_t ms)
{
    uv_update_time(&fixture->loop.uv);
    uv_timer_start(&fixture->driver, on_driver, ms, 0);
    tn_loop_run(&fixture->loop);
}

static int setup_with(void **state, bool with_stats)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};

    assert_non_null(fixture);
    tn_net_init();
    the_fixture = fixture;
    assert_int_equal(tn_loop_init(&fixture->loop), 0);
    uv_timer_init(&fixture->loop.uv, &fixture->driver);
    assert_int_equal(tn_listener_open_tcp(&fixture->listener, &fixture->loop,
                                          (const struct sockaddr *)&address, false, &listener_ops),
                     0);
    fixture->limits = (struct px_limits){.http = tn_http_limits_default,
                                         .upstream_idle_ms = IDLE_MS,
                                         .upstream_idle_count = 3,
                                         .upstream_requests = 5};
    fixture->endpoint.slot = SLOT;
    assert_int_equal(tn_listener_address(&fixture->listener, &fixture->endpoint.address.sa), 0);
    assert_int_equal(px_stats_new(&fixture->stats), 0);
    fixture->pool = malloc(sizeof(*fixture->pool));
    assert_non_null(fixture->pool);
    px_pool_init(fixture->pool, &fixture->loop, &fixture->limits,
                 with_stats ? fixture->stats : NULL);
    *state = fixture;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, true);
}

static int setup_without_stats(void **state)
{
    return setup_with(state, false);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    const struct px_stats_endpoint *counters = &fixture->stats->endpoints[SLOT];

    px_pool_stop(fixture->pool);
    run_for(fixture, 10);
    assert_int_equal(fixture->pool->open_count, 0);
    assert_true(tn_list_is_empty(&fixture->pool->all));
    assert_int_equal(fixture->endpoint.in_flight, 0);
    assert_int_equal(counters->open, 0);
    assert_int_equal(counters->idle, 0);
    for (unsigned i = 0; i < fixture->peer_count; i++)
        tn_stream_close(&fixture->peers[i].stream);
    tn_listener_close(&fixture->listener);
    uv_close((uv_handle_t *)&fixture->driver, NULL);
    assert_int_equal(tn_loop_deinit(&fixture->loop), 0);
    px_stats_free(fixture->stats);
    free(fixture->pool);
    free(fixture);
    return 0;
}

static int lease(struct fixture *fixture, struct user *user, bool fresh)
{
    struct px_lease lease = {.endpoint = &fixture->endpoint,
                             .ops = &user_ops,
                             .user = user,
                             .connect_ms = CONNECT_MS,
                             .max_requests = PEERS,
                             .is_fresh = fresh};

    *user = (struct user){0};
    return px_pool_lease(fixture->pool, &lease, &user->upstream);
}

static void lease_ready(struct fixture *fixture, struct user *user)
{
    assert_int_equal(lease(fixture, user, false), 0);
    if (!user->upstream->is_connected)
        run_for(fixture, 1);
    assert_true(user->upstream->is_connected);
}

static uint32_t idle_count(const struct fixture *fixture)
{
    return fixture->pool->idle_count[SLOT];
}

/* ---- tests ---- */

static void test_pool_never_leases_more_than_max_requests(void **state)
{
    struct fixture *fixture = *state;
    struct user users[3];
    struct user copy;
    struct px_lease lease = {.endpoint = &fixture->endpoint,
                             .ops = &user_ops,
                             .connect_ms = CONNECT_MS,
                             .max_requests = 2};

    for (int i = 0; i < 3; i++) {
        users[i] = (struct user){0};
        lease.user = &users[i];
        assert_int_equal(px_pool_lease(fixture->pool, &lease, &users[i].upstream),
                         i < 2 ? 0 : -EBUSY);
    }
    assert_int_equal(fixture->endpoint.in_flight, 2);
    /* a copy takes no room and is bounded elsewhere */
    lease.max_requests = 0;
    copy = (struct user){0};
    lease.user = &copy;
    assert_int_equal(px_pool_lease(fixture->pool, &lease, &copy.upstream), 0);
    assert_int_equal(fixture->endpoint.in_flight, 2);
    assert_int_equal(fixture->endpoint.copies, 1);
    px_upstream_release(copy.upstream, false);
    px_upstream_release(users[0].upstream, false);
    assert_int_equal(fixture->endpoint.copies, 0);
    lease.max_requests = 2;
    lease.user = &users[2];
    assert_int_equal(px_pool_lease(fixture->pool, &lease, &users[2].upstream), 0);
    px_upstream_release(users[1].upstream, false);
    px_upstream_release(users[2].upstream, false);
}

static void test_pool_first_lease_is_told_ready_later_and_once(void **state)
{
    struct fixture *fixture = *state;
    struct user user;

    assert_int_equal(lease(fixture, &user, false), 0);
    assert_int_equal(user.readies, 0);
    assert_false(user.upstream->is_connected);
    assert_int_equal(fixture->endpoint.in_flight, 1);
    run_for(fixture, 2 * CONNECT_MS);
    assert_int_equal(user.readies, 1);
    assert_int_equal(user.error, 0);
    assert_true(user.upstream->is_connected);
    assert_false(user.upstream->is_reused);
    px_upstream_release(user.upstream, true);
    assert_int_equal(fixture->endpoint.in_flight, 0);
}

static void test_pool_takes_the_last_released_connection_first(void **state)
{
    struct fixture *fixture = *state;
    struct user first;
    struct user second;
    struct px_upstream *last;

    lease_ready(fixture, &first);
    lease_ready(fixture, &second);
    assert_int_equal(fixture->peer_count, 2);
    px_upstream_release(second.upstream, true);
    px_upstream_release(first.upstream, true);
    assert_int_equal(idle_count(fixture), 2);
    last = first.upstream;
    assert_int_equal(lease(fixture, &first, false), 0);
    assert_ptr_equal(first.upstream, last);
    assert_true(first.upstream->is_connected);
    assert_true(first.upstream->is_reused);
    run_for(fixture, 10);
    assert_int_equal(first.readies, 0); /* ready at once: nothing to tell */
    assert_int_equal(fixture->peer_count, 2);
    px_upstream_release(first.upstream, true);
}

static void test_pool_fresh_never_takes_an_idle_one(void **state)
{
    struct fixture *fixture = *state;
    struct user user;

    lease_ready(fixture, &user);
    px_upstream_release(user.upstream, true);
    assert_int_equal(lease(fixture, &user, true), 0);
    assert_false(user.upstream->is_connected);
    run_for(fixture, 1);
    assert_int_equal(fixture->peer_count, 2);
    assert_int_equal(idle_count(fixture), 1);
    px_upstream_release(user.upstream, false);
}

/* What lease() asks for may not be sent twice. */
static void test_pool_is_wary_after_a_death(void **state)
{
    struct fixture *fixture = *state;
    struct user user;

    lease_ready(fixture, &user);
    px_upstream_release(user.upstream, true);
    lease_ready(fixture, &user);
    assert_true(user.upstream->is_reused);
    px_upstream_died(user.upstream);
    px_upstream_release(user.upstream, false);
    lease_ready(fixture, &user);
    px_upstream_release(user.upstream, true);
    assert_int_equal(idle_count(fixture), 1);
    lease_ready(fixture, &user);
    assert_false(user.upstream->is_reused); /* although one is idle */
    px_upstream_release(user.upstream, true);
    px_pool_drop_idle(fixture->pool, &fixture->endpoint); /* as when the slot gets a new owner */
    lease_ready(fixture, &user);
    px_upstream_release(user.upstream, true);
    lease_ready(fixture, &user);
    assert_true(user.upstream->is_reused);
    px_upstream_release(user.upstream, false);
}

static void test_pool_refused_connect_ends_the_lease(void **state)
{
    struct fixture *fixture = *state;
    struct user user;

    tn_listener_close(&fixture->listener);
    run_for(fixture, 1);
    assert_int_equal(lease(fixture, &user, false), 0);
    run_for(fixture, 10);
    assert_int_equal(user.readies, 1);
    assert_int_equal(user.error, -ECONNREFUSED);
    assert_int_equal(fixture->endpoint.in_flight, 0);
    assert_int_equal(fixture->stats->endpoints[SLOT].connect_failures, 1);
}

static void test_pool_connect_that_nobody_answers_times_out(void **state)
{
    struct fixture *fixture = *state;
    struct user user;
    uint64_t start_ms;

    if (tn_listener_refuse_new(&fixture->listener) != 0)
        skip();
    run_for(fixture, 1);
    start_ms = virtual_time_ms();
    assert_int_equal(lease(fixture, &user, false), 0);
    run_for(fixture, CONNECT_MS - 1);
    assert_int_equal(user.readies, 0);
    run_for(fixture, 2 + TN_DEADLINE_TICK_MS);
    assert_int_equal(user.readies, 1);
    assert_int_equal(user.error, -ETIMEDOUT);
    assert_true(virtual_time_ms() - start_ms >= CONNECT_MS);
    assert_int_equal(fixture->stats->endpoints[SLOT].connect_failures, 1);
}

static void test_pool_release_while_connecting_tells_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct user user;

    assert_int_equal(lease(fixture, &user, false), 0);
    px_upstream_release(user.upstream, true);
    run_for(fixture, 2 * CONNECT_MS);
    assert_int_equal(user.readies, 0);
    assert_int_equal(idle_count(fixture), 0);
    assert_int_equal(fixture->endpoint.in_flight, 0);
}

static void test_pool_idle_connection_goes_when_its_peer_closes(void **state)
{
    struct fixture *fixture = *state;
    struct user user;

    lease_ready(fixture, &user);
    px_upstream_release(user.upstream, true);
    tn_stream_close(&fixture->peers[0].stream);
    run_for(fixture, 10);
    assert_int_equal(idle_count(fixture), 0);
    assert_int_equal(user.eofs, 0);
    assert_int_equal(fixture->pool->open_count, 0);
}

static void test_pool_idle_connection_goes_when_its_peer_resets(void **state)
{
    struct fixture *fixture = *state;
    struct user user;

    lease_ready(fixture, &user);
    px_upstream_release(user.upstream, true);
    tn_stream_reset(&fixture->peers[0].stream);
    run_for(fixture, 10);
    assert_int_equal(idle_count(fixture), 0);
    assert_int_equal(user.brokens, 0);
}

static void test_pool_idle_connection_goes_at_an_unsolicited_byte(void **state)
{
    struct fixture *fixture = *state;
    struct tn_str byte = TN_STR("H");
    struct user user;

    lease_ready(fixture, &user);
    px_upstream_release(user.upstream, true);
    assert_int_equal(tn_stream_write(&fixture->peers[0].stream, &byte, 1), 0);
    run_for(fixture, 10);
    assert_int_equal(idle_count(fixture), 0);
    assert_int_equal(user.reads, 0);
}

static void test_pool_idle_connection_goes_after_its_time(void **state)
{
    struct fixture *fixture = *state;
    struct user user;

    lease_ready(fixture, &user);
    px_upstream_release(user.upstream, true);
    run_for(fixture, IDLE_MS - 1);
    assert_int_equal(idle_count(fixture), 1);
    run_for(fixture, 2 + TN_DEADLINE_TICK_MS);
    assert_int_equal(idle_count(fixture), 0);
    run_for(fixture, 1);
    assert_true(fixture->peers[0].is_ended);
}

static void test_pool_leased_connection_has_no_idle_time(void **state)
{
    struct fixture *fixture = *state;
    struct user user;

    lease_ready(fixture, &user);
    px_upstream_release(user.upstream, true);
    lease_ready(fixture, &user);
    assert_true(user.upstream->is_reused);
    run_for(fixture, 10 * IDLE_MS);
    assert_int_equal(user.eofs + user.brokens + user.readies, 0);
    assert_false(fixture->peers[0].is_ended);
    px_upstream_release(user.upstream, false);
}

static void test_pool_unhealthy_release_closes(void **state)
{
    struct fixture *fixture = *state;
    struct user user;

    lease_ready(fixture, &user);
    px_upstream_release(user.upstream, false);
    assert_int_equal(idle_count(fixture), 0);
    run_for(fixture, 1);
    assert_true(fixture->peers[0].is_ended);
}

static void test_pool_keeps_nothing_that_is_unfit_for_the_next_user(void **state)
{
    struct fixture *fixture = *state;
    struct tn_str much = {calloc(1, 8u << 20), 8u << 20};
    struct user user;

    /* bytes of the last user are still on their way */
    lease_ready(fixture, &user);
    tn_stream_pause(&fixture->peers[0].stream);
    assert_int_equal(tn_stream_write(&user.upstream->stream, &much, 1), 0);
    px_upstream_release(user.upstream, true);
    assert_int_equal(idle_count(fixture), 0);
    /* nobody would notice its end */
    lease_ready(fixture, &user);
    tn_stream_pause(&user.upstream->stream);
    px_upstream_release(user.upstream, true);
    assert_int_equal(idle_count(fixture), 0);
    /* the peer has said that it is done */
    lease_ready(fixture, &user);
    tn_stream_close(&fixture->peers[2].stream);
    run_for(fixture, 1);
    assert_int_equal(user.eofs, 1);
    px_upstream_release(user.upstream, true);
    assert_int_equal(idle_count(fixture), 0);
    free((void *)(uintptr_t)much.ptr);
}

static void test_pool_connection_serves_so_many_requests(void **state)
{
    struct fixture *fixture = *state;
    struct user user;

    for (unsigned i = 0; i < 12; i++) {
        lease_ready(fixture, &user);
        px_upstream_release(user.upstream, true);
    }
    run_for(fixture, 1);
    assert_int_equal(fixture->peer_count, 3); /* 5 + 5 + 2 */
    assert_int_equal(fixture->stats->endpoints[SLOT].requests, 12);
    assert_int_equal(fixture->stats->endpoints[SLOT].connects, 3);
}

static void test_pool_keeps_so_many_idle_ones(void **state)
{
    struct fixture *fixture = *state;
    struct user users[5];

    for (unsigned i = 0; i < 5; i++)
        lease_ready(fixture, &users[i]);
    assert_int_equal(fixture->stats->endpoints[SLOT].open, 5);
    for (unsigned i = 0; i < 5; i++)
        px_upstream_release(users[i].upstream, true);
    assert_int_equal(idle_count(fixture), 3);
    assert_int_equal(fixture->stats->endpoints[SLOT].idle, 3);
    assert_int_equal(fixture->stats->endpoints[SLOT].open, 3);
}

static void test_pool_sheds_the_older_half_of_what_is_idle(void **state)
{
    struct fixture *fixture = *state;
    struct user users[3];

    assert_false(px_pool_shed_idle(fixture->pool));
    for (unsigned i = 0; i < 3; i++)
        lease_ready(fixture, &users[i]);
    assert_false(px_pool_shed_idle(fixture->pool)); /* what is leased is not idle */
    for (unsigned i = 0; i < 3; i++)
        px_upstream_release(users[i].upstream, true);
    assert_true(px_pool_shed_idle(fixture->pool));
    assert_int_equal(idle_count(fixture), 1);
    assert_ptr_equal(TN_CONTAINER_OF(fixture->pool->idle[SLOT].next, struct px_upstream, node),
                     users[2].upstream); /* released last */
    assert_true(px_pool_shed_idle(fixture->pool));
    assert_int_equal(idle_count(fixture), 0);
}

static void test_pool_stop_closes_idle_ones_and_then_each_released_one(void **state)
{
    struct fixture *fixture = *state;
    struct user idle;
    struct user busy;

    lease_ready(fixture, &busy);
    lease_ready(fixture, &idle);
    px_upstream_release(idle.upstream, true);
    px_pool_stop(fixture->pool);
    assert_int_equal(idle_count(fixture), 0);
    run_for(fixture, 1);
    assert_int_equal(fixture->pool->open_count, 1);
    px_upstream_release(busy.upstream, true);
    run_for(fixture, 1);
    assert_int_equal(fixture->pool->open_count, 0);
}

static void test_pool_drop_idle_is_for_one_endpoint(void **state)
{
    struct fixture *fixture = *state;
    struct px_endpoint other = fixture->endpoint;
    struct user user;

    lease_ready(fixture, &user);
    px_upstream_release(user.upstream, true);
    other.slot = SLOT + 1;
    px_pool_drop_idle(fixture->pool, &other);
    assert_int_equal(idle_count(fixture), 1);
    px_pool_drop_idle(fixture->pool, &fixture->endpoint);
    assert_int_equal(idle_count(fixture), 0);
}

static void test_pool_tells_the_user_what_the_peer_does(void **state)
{
    struct fixture *fixture = *state;
    struct tn_str answer = TN_STR("answer");
    struct user user;

    lease_ready(fixture, &user);
    assert_int_equal(tn_stream_write(&fixture->peers[0].stream, &answer, 1), 0);
    run_for(fixture, 1);
    assert_int_equal(user.reads, 1);
    user.release_on_read = true; /* from inside the callback */
    assert_int_equal(tn_stream_write(&fixture->peers[0].stream, &answer, 1), 0);
    run_for(fixture, 1);
    assert_int_equal(user.reads, 2);
    assert_int_equal(idle_count(fixture), 1);
    lease_ready(fixture, &user);
    tn_stream_reset(&fixture->peers[0].stream);
    run_for(fixture, 1);
    assert_int_equal(user.brokens, 1);
    assert_int_equal(user.error, -ECONNRESET);
    assert_int_equal(fixture->stats->endpoints[SLOT].resets, 1);
    px_upstream_release(user.upstream, false);
    run_for(fixture, 10);
    assert_int_equal(user.brokens, 1);
}

static void test_pool_without_stats_counts_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct user user;

    lease_ready(fixture, &user);
    px_upstream_release(user.upstream, true);
    lease_ready(fixture, &user);
    tn_stream_reset(&fixture->peers[0].stream);
    run_for(fixture, 1);
    px_upstream_release(user.upstream, false);
    assert_int_equal(fixture->stats->endpoints[SLOT].requests, 0);
    assert_int_equal(fixture->stats->endpoints[SLOT].resets, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_pool_first_lease_is_told_ready_later_and_once),
        TEST(test_pool_takes_the_last_released_connection_first),
        TEST(test_pool_fresh_never_takes_an_idle_one),
        TEST(test_pool_is_wary_after_a_death),
        TEST(test_pool_refused_connect_ends_the_lease),
        TEST(test_pool_connect_that_nobody_answers_times_out),
        TEST(test_pool_release_while_connecting_tells_nothing),
        TEST(test_pool_idle_connection_goes_when_its_peer_closes),
        TEST(test_pool_idle_connection_goes_when_its_peer_resets),
        TEST(test_pool_idle_connection_goes_at_an_unsolicited_byte),
        TEST(test_pool_idle_connection_goes_after_its_time),
        TEST(test_pool_leased_connection_has_no_idle_time),
        TEST(test_pool_unhealthy_release_closes),
        TEST(test_pool_keeps_nothing_that_is_unfit_for_the_next_user),
        TEST(test_pool_connection_serves_so_many_requests),
        TEST(test_pool_keeps_so_many_idle_ones),
        TEST(test_pool_sheds_the_older_half_of_what_is_idle),
        TEST(test_pool_stop_closes_idle_ones_and_then_each_released_one),
        TEST(test_pool_drop_idle_is_for_one_endpoint),
        TEST(test_pool_never_leases_more_than_max_requests),
        TEST(test_pool_tells_the_user_what_the_peer_does),
        cmocka_unit_test_setup_teardown(test_pool_without_stats_counts_nothing, setup_without_stats,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* max_requests: who waits, in which order, for how long, and what ends it. */
#include "tests/unit/session/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BLUE "- {name: main, weights: {blue: 1}}"
#define PINNED                                                                                     \
    "- {name: main, weights: {blue: 1}, sticky: {by: \"header:X-User\", scope: endpoint, "         \
    "on_missing: %s}}"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define FULL_QUEUE "{queue: 2}"
#define SHORT "{queue_timeout: 200ms}"

/* blue/0 and blue/1 take one request each, and have it: they answer when told. */
static struct rig *make_full(const char *rules, const char *limits)
{
    struct rig *rig = rig_new(rules, limits);

    rig->snapshot->versions[0].max_requests = 1;
    rig->upstreams[0].marker = rig->upstreams[1].marker = "never";
    for (unsigned i = 0; i < 2; i++)
        rig_send(rig_connect(rig), "GET /first HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(rig_upstream_sees(rig, 0, "GET /first"));
    assert_true(rig_upstream_sees(rig, 1, "GET /first"));
    return rig;
}

static const struct px_stats_version *counts_of(const struct rig *rig)
{
    return &rig->stats->versions[rig->snapshot->versions[0].stat];
}

static void answer(struct rig *rig, unsigned upstream)
{
    struct tn_str piece = tn_str_of(OK);

    assert_int_equal(tn_stream_write(rig->upstreams[upstream].last, &piece, 1), 0);
}

static bool has_waiters(void *context)
{
    const struct rig *rig = context;

    return counts_of(rig)->queued == rig->expected_count;
}

/* The client's request has come to the queue, as the `count`-th that waits. */
static struct rig_client *send_waiting(struct rig *rig, const char *request, unsigned count)
{
    struct rig_client *client = rig_connect(rig);

    rig_send(client, request);
    rig->expected_count = count;
    assert_true(rig_until(rig, has_waiters, rig));
    return client;
}

static void test_session_queue_serves_in_order(void **state)
{
    struct rig *rig = make_full(BLUE, "{}");
    struct rig_client *clients[3];
    char request[64];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        snprintf(request, sizeof(request), "GET /wait%u HTTP/1.1\r\nHost: x\r\n\r\n", i);
        clients[i] = send_waiting(rig, request, i + 1);
    }
    for (unsigned i = 0; i < 3; i++) {
        unsigned upstream = i % 2; /* any endpoint's room will do */

        answer(rig, upstream);
        snprintf(request, sizeof(request), "GET /wait%u", i);
        assert_true(rig_upstream_sees(rig, upstream, request));
        assert_int_equal(counts_of(rig)->queued, 2 - i);
    }
    answer(rig, 0);
    answer(rig, 1);
    for (unsigned i = 1; i < 3; i++)
        assert_true(rig_sees(clients[i], "\r\n\r\nok"));
    assert_int_equal(counts_of(rig)->queue_waits, 3);
    assert_int_equal(counts_of(rig)->queue_timeouts + counts_of(rig)->queue_full, 0);
    rig_free(rig);
}

/* Those of another loop wait as well: whoever finds room goes behind them, not before. */
static void test_session_queue_lets_nobody_overtake(void **state)
{
    struct rig *rig = rig_new(BLUE, "{}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    rig->board.waiting[rig->snapshot->versions[0].stat]++;
    rig_send(client, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(rig_sees(client, "\r\n\r\nok"));
    assert_int_equal(counts_of(rig)->queue_waits, 1);
    rig->board.waiting[rig->snapshot->versions[0].stat]--;
    rig_send(client, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(rig_sees_times(client, "\r\n\r\nok", 2));
    assert_int_equal(counts_of(rig)->queue_waits, 1);
    rig_free(rig);
}

static void test_session_queue_gives_up_after_its_time(void **state)
{
    struct rig *rig = make_full(BLUE, SHORT);
    struct rig_client *client = send_waiting(rig, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n", 1);

    (void)state;
    assert_true(rig_sees(client, "HTTP/1.1 503 "));
    assert_true(rig_sees(client, "Retry-After: "));
    assert_int_equal(counts_of(rig)->queue_timeouts, 1);
    assert_int_equal(counts_of(rig)->queued, 0);
    assert_int_equal(rig_requests(rig), 0);
    /* the connection lives on, and its next request is served */
    answer(rig, 0);
    rig->upstreams[0].marker = rig->upstreams[1].marker = NULL;
    rig_send(client, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(rig_sees(client, "HTTP/1.1 200 OK"));
    rig_free(rig);
}

static void test_session_queue_is_bounded(void **state)
{
    struct rig *rig = make_full(BLUE, FULL_QUEUE);
    struct rig_client *client;

    (void)state;
    send_waiting(rig, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n", 1);
    send_waiting(rig, "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n", 2);
    client = rig_connect(rig);
    rig_send(client, "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(rig_sees(client, "HTTP/1.1 503 "));
    assert_true(rig_sees(client, "Retry-After: "));
    assert_int_equal(counts_of(rig)->queue_full, 1);
    assert_int_equal(counts_of(rig)->queued, 2);
    rig_free(rig);
}

static void test_session_queue_of_none_refuses_at_once(void **state)
{
    struct rig *rig = make_full(BLUE, "{queue: 0}");
    struct rig_client *client = rig_connect(rig);

    (void)state;
    rig_send(client, "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(rig_sees(client, "HTTP/1.1 503 "));
    assert_int_equal(counts_of(rig)->queue_waits, 0);
    rig_free(rig);
}

static void test_session_queue_forgets_who_leaves(void **state)
{
    struct rig *rig = make_full(BLUE, "{}");
    struct rig_client *client = send_waiting(rig, "GET /gone HTTP/1.1\r\nHost: x\r\n\r\n", 1);
    struct rig_client *patient = send_waiting(rig, "GET /stay HTTP/1.1\r\nHost: x\r\n\r\n", 2);

    (void)state;
    tn_stream_close(&client->stream);
    rig->expected_count = 1;
    assert_true(rig_until(rig, has_waiters, rig));
    answer(rig, 0);
    assert_true(rig_upstream_sees(rig, 0, "GET /stay"));
    answer(rig, 0);
    assert_true(rig_sees(patient, "\r\n\r\nok"));
    assert_null(strstr(rig->upstreams[0].received, "/gone"));
    assert_null(strstr(rig->upstreams[1].received, "/gone"));
    rig_free(rig);
}

static void test_session_queue_keeps_a_body(void **state)
{
    struct rig *rig = make_full(BLUE, "{}");
    struct rig_client *client =
        send_waiting(rig, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhell", 1);

    (void)state;
    rig_send(client, "o you");
    rig_settle(rig);
    answer(rig, 1);
    assert_true(rig_upstream_sees(rig, 1, "POST /p"));
    assert_true(rig_upstream_sees(rig, 1, "hello you"));
    answer(rig, 1);
    assert_true(rig_sees(client, "\r\n\r\nok"));
    rig_free(rig);
}

static void test_session_queue_heeds_the_total(void **state)
{
    struct rig *rig = make_full("- {name: late, match: [{path: /late}], weights: {blue: 1}, "
                                "timeouts: {total: 100ms}}\n" BLUE,
                                "{queue_timeout: 1h}");
    struct rig_client *client = send_waiting(rig, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n", 1);

    (void)state;
    assert_true(rig_sees(client, "HTTP/1.1 504 "));
    assert_int_equal(counts_of(rig)->queued, 0);
    assert_int_equal(counts_of(rig)->queue_timeouts, 0);
    rig_free(rig);
}

/* Users of blue/0 and of blue/1, found by asking. */
static void find_users(struct rig *rig, char users[2][16])
{
    bool is_found[2] = {false, false};

    for (unsigned user = 0; !is_found[0] || !is_found[1]; user++) {
        struct rig_client *client = rig_connect(rig);
        unsigned before = rig->upstreams[0].requests;
        char request[96];
        unsigned place;

        snprintf(request, sizeof(request),
                 "GET /find HTTP/1.1\r\nHost: x\r\nX-User: u%u\r\nConnection: close\r\n\r\n", user);
        rig_send(client, request);
        assert_true(rig_sees(client, "\r\n\r\nok"));
        place = rig->upstreams[0].requests > before ? 0 : 1;
        is_found[place] = true;
        snprintf(users[place], sizeof(users[place]), "u%u", user);
    }
}

static struct rig *make_pinned(const char *on_missing, char users[2][16])
{
    char rules[256];
    struct rig *rig;

    snprintf(rules, sizeof(rules), PINNED, on_missing);
    rig = rig_new(rules, "{}");
    find_users(rig, users);
    rig->snapshot->versions[0].max_requests = 1;
    rig->upstreams[0].marker = rig->upstreams[1].marker = "never";
    return rig;
}

static struct rig_client *send_as(struct rig *rig, const char *user, const char *path)
{
    struct rig_client *client = rig_connect(rig);
    char request[96];

    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\nX-User: %s\r\n\r\n", path,
             user);
    rig_send(client, request);
    return client;
}

static void test_session_queue_waits_for_the_user_s_own_endpoint(void **state)
{
    char users[2][16];
    struct rig *rig = make_pinned("spill", users);

    (void)state;
    send_as(rig, users[0], "/first");
    assert_true(rig_upstream_sees(rig, 0, "GET /first"));
    send_as(rig, users[0], "/second");
    rig->expected_count = 1;
    assert_true(rig_until(rig, has_waiters, rig));
    /* the other endpoint is free: its own user is not in the way of, nor held up by, the first */
    send_as(rig, users[1], "/other");
    assert_true(rig_upstream_sees(rig, 1, "GET /other"));
    assert_int_equal(counts_of(rig)->queued, 1);
    assert_null(strstr(rig->upstreams[1].received, "/second"));
    answer(rig, 0);
    assert_true(rig_upstream_sees(rig, 0, "GET /second"));
    rig_free(rig);
}

static void test_session_queue_spills_when_the_endpoint_goes(void **state)
{
    char users[2][16];
    struct rig *rig = make_pinned("spill", users);
    const struct px_stats_cell *cell;

    (void)state;
    send_as(rig, users[0], "/first");
    assert_true(rig_upstream_sees(rig, 0, "GET /first"));
    send_as(rig, users[0], "/second");
    rig->expected_count = 1;
    assert_true(rig_until(rig, has_waiters, rig));
    rig->snapshot->versions[0].endpoints[0]->up = false;
    assert_true(rig_upstream_sees(rig, 1, "GET /second"));
    cell = rig->stats->cells[rig->snapshot->rules[0].stat][rig->snapshot->versions[0].stat];
    assert_int_equal(cell->spilled, 1);
    rig_free(rig);
}

static void test_session_queue_fails_when_no_other_will_do(void **state)
{
    char users[2][16];
    struct rig *rig = make_pinned("fail", users);
    struct rig_client *client;

    (void)state;
    send_as(rig, users[0], "/first");
    assert_true(rig_upstream_sees(rig, 0, "GET /first"));
    client = send_as(rig, users[0], "/second");
    rig->expected_count = 1;
    assert_true(rig_until(rig, has_waiters, rig));
    rig->snapshot->versions[0].endpoints[0]->up = false;
    assert_true(rig_sees(client, "HTTP/1.1 503 "));
    assert_int_equal(counts_of(rig)->queued, 0);
    assert_int_equal(counts_of(rig)->queue_timeouts, 0);
    rig_free(rig);
}

static void test_session_queue_ends_when_nobody_is_up(void **state)
{
    struct rig *rig = make_full(BLUE, "{queue_timeout: 1h}");
    struct rig_client *client = send_waiting(rig, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n", 1);

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        rig->snapshot->versions[0].endpoints[i]->up = false;
    assert_true(rig_sees(client, "HTTP/1.1 503 "));
    assert_true(rig_sees(client, "no endpoint of the version"));
    rig_free(rig);
}

static void test_session_queue_is_left_at_the_stop(void **state)
{
    struct rig *rig = make_full(BLUE, "{queue_timeout: 1h}");

    (void)state;
    send_waiting(rig, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n", 1);
    rig_free(rig); /* asserts that nobody waits, and that all handles are closed */
}

/* As if rules with these modes came into force. */
static void switch_modes(struct rig *rig, enum strategy_mode version, enum strategy_mode first)
{
    rig->snapshot->versions[0].mode = rig->snapshot->versions[0].loose_mode = version;
    atomic_store(&rig->snapshot->versions[0].endpoints[0]->mode, first);
    px_session_set_rules(&rig->session, px_snapshot_use_take(&rig->use));
}

static void test_session_queue_of_a_cut_version_is_told_at_once(void **state)
{
    struct rig *rig = make_full(BLUE, "{queue_timeout: 1h}");
    struct rig_client *clients[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        clients[i] = send_waiting(rig, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n", i + 1);
    switch_modes(rig, STRATEGY_CUT, STRATEGY_ACTIVE);
    answer(rig, 0); /* there is room, but for nobody any more */
    for (unsigned i = 0; i < 2; i++) {
        assert_true(rig_sees(clients[i], "HTTP/1.1 503 "));
        assert_true(rig_sees(clients[i], "Retry-After: "));
        assert_true(rig_sees(clients[i], "has been taken out of service"));
    }
    assert_int_equal(counts_of(rig)->queued, 0);
    assert_int_equal(counts_of(rig)->queue_timeouts, 0);
    answer(rig, 1);
    for (unsigned i = 0; i < 2; i++)
        assert_true(rig_sees(&rig->clients[i], "\r\n\r\nok")); /* what is open finishes */
    rig_settle(rig);
    assert_null(strstr(rig->upstreams[0].received, "/wait"));
    assert_null(strstr(rig->upstreams[1].received, "/wait"));
    rig_free(rig);
}

/* Nobody made room: the new rules themselves have all asked, before the next poll. */
static void test_session_queue_is_asked_when_rules_change(void **state)
{
    struct rig *rig = make_full(BLUE, "{queue_timeout: 1h}");

    (void)state;
    send_waiting(rig, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n", 1);
    rig_settle(rig);
    tn_deadline_clear(&rig->loop, &rig->queue.poll);
    switch_modes(rig, STRATEGY_CUT, STRATEGY_ACTIVE);
    rig->expected_count = 0;
    assert_true(rig_until(rig, has_waiters, rig));
    rig_free(rig);
}

static void test_session_queue_goes_to_endpoints_that_are_left(void **state)
{
    struct rig *rig = make_full(BLUE, "{queue_timeout: 1h}");

    (void)state;
    send_waiting(rig, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n", 1);
    switch_modes(rig, STRATEGY_ACTIVE, STRATEGY_CUT);
    answer(rig, 0);
    rig_settle(rig);
    assert_int_equal(counts_of(rig)->queued, 1);
    answer(rig, 1);
    assert_true(rig_upstream_sees(rig, 1, "GET /wait"));
    assert_null(strstr(rig->upstreams[0].received, "/wait"));
    rig_free(rig);
}

static void test_session_queue_of_cut_endpoints_says_so(void **state)
{
    struct rig *rig = make_full(BLUE, "{queue_timeout: 1h}");
    struct rig_client *client = send_waiting(rig, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n", 1);

    (void)state;
    atomic_store(&rig->snapshot->versions[0].endpoints[1]->mode, STRATEGY_CUT);
    switch_modes(rig, STRATEGY_ACTIVE, STRATEGY_CUT);
    assert_true(rig_sees(client, "has been taken out of service"));
    rig_free(rig);
}

/* Who waits is one of those that a drain lets finish. */
static void test_session_queue_of_a_draining_version_is_served(void **state)
{
    struct rig *rig = make_full(BLUE, "{queue_timeout: 1h}");
    struct rig_client *client = send_waiting(rig, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n", 1);

    (void)state;
    atomic_store(&rig->snapshot->versions[0].endpoints[1]->mode, STRATEGY_DRAINING);
    switch_modes(rig, STRATEGY_DRAINING, STRATEGY_DRAINING);
    rig_settle(rig);
    assert_int_equal(counts_of(rig)->queued, 1);
    answer(rig, 0);
    assert_true(rig_upstream_sees(rig, 0, "GET /wait"));
    answer(rig, 0);
    assert_true(rig_sees(client, "\r\n\r\nok"));
    rig_free(rig);
}

static void test_session_queue_is_broken_off_with_what_it_waits_for(void **state)
{
    struct rig *rig = make_full(BLUE, "{}");
    struct rig_client *waiting = send_waiting(rig, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n", 1);
    struct px_selection selection = {.version = rig->snapshot->versions[0].stat};

    (void)state;
    assert_int_equal(px_session_break_off(&rig->session, &selection), 3);
    for (unsigned i = 0; i < 2; i++)
        assert_true(rig_sees(&rig->clients[i], "HTTP/1.1 503 "));
    assert_true(rig_sees(waiting, "HTTP/1.1 503 "));
    assert_int_equal(counts_of(rig)->queued, 0);
    rig_settle(rig);
    assert_null(strstr(rig->upstreams[0].received, "/wait"));
    assert_null(strstr(rig->upstreams[1].received, "/wait"));
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session_queue_serves_in_order),
        cmocka_unit_test(test_session_queue_lets_nobody_overtake),
        cmocka_unit_test(test_session_queue_gives_up_after_its_time),
        cmocka_unit_test(test_session_queue_is_bounded),
        cmocka_unit_test(test_session_queue_of_none_refuses_at_once),
        cmocka_unit_test(test_session_queue_forgets_who_leaves),
        cmocka_unit_test(test_session_queue_keeps_a_body),
        cmocka_unit_test(test_session_queue_heeds_the_total),
        cmocka_unit_test(test_session_queue_waits_for_the_user_s_own_endpoint),
        cmocka_unit_test(test_session_queue_spills_when_the_endpoint_goes),
        cmocka_unit_test(test_session_queue_fails_when_no_other_will_do),
        cmocka_unit_test(test_session_queue_ends_when_nobody_is_up),
        cmocka_unit_test(test_session_queue_is_left_at_the_stop),
        cmocka_unit_test(test_session_queue_of_a_cut_version_is_told_at_once),
        cmocka_unit_test(test_session_queue_is_asked_when_rules_change),
        cmocka_unit_test(test_session_queue_goes_to_endpoints_that_are_left),
        cmocka_unit_test(test_session_queue_of_cut_endpoints_says_so),
        cmocka_unit_test(test_session_queue_of_a_draining_version_is_served),
        cmocka_unit_test(test_session_queue_is_broken_off_with_what_it_waits_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

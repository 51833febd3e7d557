#include "lib/api/events.h"
#include "tests/support/virtual_time.h"
#include "tests/unit/api/talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define READERS_MAX 40

struct fixture {
    struct tn_loop loop;
    struct tn_api_server *server;
    struct tn_api_events *events;
    const char *first; /* what streams begin with */
    char folder[64];
    char path[96];
    struct talk readers[READERS_MAX];
    unsigned reader_count;
};

static void get_events(struct tn_api_call *call, void *context)
{
    struct fixture *fixture = context;

    tn_api_add_field(call, "X-Test: yes\r\n");
    tn_api_events_open(fixture->events, call, tn_str_of(fixture->first));
}

static void get_plain(struct tn_api_call *call, void *context)
{
    (void)context;
    tn_api_answer(call, 200, "text/plain", TN_STR("plain"));
}

static const struct tn_api_route routes[] = {
    {TN_HTTP_GET, "/events", TN_API_READ, 0, get_events},
    {TN_HTTP_GET, "/plain", TN_API_READ, 0, get_plain},
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct tn_api_options options = {
        .loop = &fixture->loop,
        .clock = &tn_clock_system,
        .routes = routes,
        .route_count = 2,
        .context = fixture,
        .limits = tn_api_limits_default,
    };

    assert_non_null(fixture);
    strcpy(fixture->folder, "/tmp/turnout-events-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof(fixture->path), "%s/socket", fixture->folder);
    fixture->first = "";
    tn_net_init();
    assert_int_equal(tn_loop_init(&fixture->loop), 0);
    assert_int_equal(tn_api_open_unix(&options, fixture->path, 0600, &fixture->server), 0);
    assert_int_equal(
        tn_api_events_new(&fixture->loop, &tn_api_events_limits_default, &fixture->events), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    tn_api_close(fixture->server, NULL, NULL);
    assert_int_equal(tn_api_events_counts(fixture->events).readers, 0);
    tn_api_events_free(fixture->events);
    talk_turn(&fixture->loop);
    for (unsigned i = 0; i < fixture->reader_count; i++)
        talk_close(&fixture->readers[i]);
    assert_int_equal(tn_loop_deinit(&fixture->loop), 0);
    assert_int_equal(rmdir(fixture->folder), 0);
    free(fixture);
    return 0;
}

static struct talk *connect_reader(struct fixture *fixture)
{
    struct talk *talk = &fixture->readers[fixture->reader_count++];

    assert_true(fixture->reader_count <= READERS_MAX);
    talk_open(talk, &fixture->loop, fixture->path);
    return talk;
}

/* Receives until the text is there; the text and all before it is cut off. */
static void expect(struct talk *talk, const char *text)
{
    char bytes[65536];
    char *found = NULL;

    for (int tries = 0; tries < 100; tries++) {
        ssize_t len;

        talk_turn(talk->loop);
        while ((len = recv(talk->fd, bytes, sizeof(bytes), 0)) > 0) {
            talk->in = realloc(talk->in, talk->in_len + (size_t)len + 1);
            assert_non_null(talk->in);
            memcpy(talk->in + talk->in_len, bytes, (size_t)len);
            talk->in_len += (size_t)len;
            talk->in[talk->in_len] = '\0';
        }
        if (len == 0)
            talk->is_closed = true;
        found = talk->in ? strstr(talk->in, text) : NULL;
        if (found || talk->is_closed)
            break;
    }
    if (!found)
        fail_msg("no '%s' in '%.200s'%s", text, talk->in ? talk->in : "",
                 talk->is_closed ? ", closed" : "");
    found += strlen(text);
    talk->in_len -= (size_t)(found - talk->in);
    memmove(talk->in, found, talk->in_len + 1);
}

static struct talk *follow(struct fixture *fixture)
{
    struct talk *talk = connect_reader(fixture);

    talk_send_text(talk, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(talk, "\r\n\r\n");
    return talk;
}

static void send_event(struct fixture *fixture, const char *text)
{
    tn_api_events_send(fixture->events, tn_str_of(text));
}

static struct tn_api_events_counts counts(const struct fixture *fixture)
{
    return tn_api_events_counts(fixture->events);
}

static void test_events_head_first_pictures_then_what_happens(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk = connect_reader(fixture);

    fixture->first = "event: first\n\n";
    assert_int_equal(tn_api_events_show(fixture->events, 1, TN_STR("event: one\n\n")), 0);
    assert_int_equal(tn_api_events_show(fixture->events, 0, TN_STR("event: zero\n\n")), 0);
    talk_send_text(talk, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(talk, "HTTP/1.1 200 OK\r\nDate: ");
    expect(talk, "GMT\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
                 "Connection: close\r\nX-Test: yes\r\n\r\n"
                 "event: first\n\nevent: zero\n\nevent: one\n\n");
    send_event(fixture, "event: a\n\n");
    send_event(fixture, "event: b\n\n");
    expect(talk, "event: a\n\nevent: b\n\n");
    assert_int_equal(talk->in_len, 0);
    assert_int_equal(counts(fixture).opened, 1);
}

static void test_events_every_reader_gets_every_event(void **state)
{
    struct fixture *fixture = *state;
    struct talk *readers[32];

    for (int i = 0; i < 32; i++)
        readers[i] = follow(fixture);
    assert_int_equal(counts(fixture).readers, 32);
    send_event(fixture, "event: all\n\n");
    for (int i = 0; i < 32; i++)
        expect(readers[i], "event: all\n\n");
}

static void test_events_one_reader_too_many_is_told_so(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;
    struct talk *last = NULL;

    for (int i = 0; i < 32; i++)
        last = follow(fixture);
    talk_once(&fixture->loop, fixture->path, "GET /events", "", NULL, &answer);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.head, "Content-Type: application/problem+json\r\n"));
    assert_non_null(strstr(answer.head, "Retry-After: 5\r\n"));
    assert_non_null(strstr(answer.body, "32 readers"));
    talk_answer_deinit(&answer);
    assert_int_equal(counts(fixture).refused, 1);
    /* other resources are not locked out */
    talk_once(&fixture->loop, fixture->path, "GET /plain", "", NULL, &answer);
    assert_int_equal(answer.status, 200);
    talk_answer_deinit(&answer);
    /* one leaves: there is room */
    talk_close(last);
    talk_turn(&fixture->loop);
    assert_int_equal(counts(fixture).readers, 31);
    follow(fixture);
    assert_int_equal(counts(fixture).readers, 32);
}

static void test_events_head_only(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;

    talk_once(&fixture->loop, fixture->path, "HEAD /events", "", NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.head, "Content-Type: text/event-stream\r\n"));
    talk_answer_deinit(&answer);
    assert_int_equal(counts(fixture).opened, 0);
}

static void test_events_pipelined_request_gets_no_answer(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk = connect_reader(fixture);

    talk_send_text(talk, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
                         "GET /plain HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(talk, "\r\n\r\n");
    talk_send_text(talk, "GET /plain HTTP/1.1\r\nHost: localhost\r\n\r\n");
    send_event(fixture, "event: a\n\n");
    expect(talk, "event: a\n\n");
    assert_int_equal(talk->in_len, 0);
}

/* Fills what the kernel takes: from here on nothing leaves. */
static void stuff(struct fixture *fixture)
{
    char *large = malloc(1000001);

    assert_non_null(large);
    memset(large, 'x', 1000000);
    memcpy(large, ": ", 2);
    large[1000000] = '\0';
    assert_int_equal(tn_api_events_show(fixture->events, 0, tn_str_of(large)), 0);
    free(large);
}

static void test_events_slow_reader_of_many_events_is_cut_off(void **state)
{
    struct fixture *fixture = *state;
    struct talk *slow = follow(fixture);

    stuff(fixture);
    for (int i = 0; i < 256; i++)
        send_event(fixture, "event: a\n\n");
    assert_int_equal(counts(fixture).readers, 1);
    send_event(fixture, "event: a\n\n");
    assert_int_equal(counts(fixture).readers, 0);
    assert_int_equal(counts(fixture).slow, 1);
    talk_wait_closed(slow);
}

static void test_events_slow_reader_of_many_bytes_is_cut_off(void **state)
{
    struct fixture *fixture = *state;
    char event[16385];

    follow(fixture);
    memset(event, 'e', sizeof(event) - 1);
    event[sizeof(event) - 1] = '\0';
    stuff(fixture);
    for (int i = 0; i < 4; i++)
        send_event(fixture, event);
    assert_int_equal(counts(fixture).readers, 1);
    send_event(fixture, ":");
    assert_int_equal(counts(fixture).readers, 0);
    assert_int_equal(counts(fixture).slow, 1);
}

static void test_events_that_left_do_not_count(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk = follow(fixture);

    for (int i = 0; i < 1000; i++) {
        send_event(fixture, "event: a\n\n");
        if (i % 100 == 99)
            expect(talk, "event: a\n\n");
    }
    assert_int_equal(counts(fixture).readers, 1);
    assert_int_equal(counts(fixture).slow, 0);
}

static void test_events_slow_reader_gets_the_newest_picture_only(void **state)
{
    struct fixture *fixture = *state;
    struct talk *slow = follow(fixture);
    struct talk *fast;

    stuff(fixture);
    assert_int_equal(tn_api_events_show(fixture->events, 1, TN_STR("event: old\n\n")), 0);
    send_event(fixture, "event: kept\n\n");
    assert_int_equal(tn_api_events_show(fixture->events, 0, TN_STR("event: small\n\n")), 0);
    assert_int_equal(tn_api_events_show(fixture->events, 1, TN_STR("event: new\n\n")), 0);
    fast = follow(fixture);
    expect(fast, "event: small\n\nevent: new\n\n");
    expect(slow, "event: kept\n\nevent: small\n\nevent: new\n\n");
    assert_int_equal(slow->in_len, 0);
    assert_int_equal(counts(fixture).slow, 0);
}

static void test_events_reader_that_takes_nothing_is_cut_off(void **state)
{
    struct fixture *fixture = *state;
    struct talk *slow = follow(fixture);
    uint64_t since = virtual_time_ms();

    stuff(fixture);
    while (counts(fixture).readers > 0 && virtual_time_ms() - since < 60000)
        uv_run(&fixture->loop.uv, UV_RUN_ONCE);
    assert_int_equal(counts(fixture).slow, 1);
    assert_in_range(virtual_time_ms() - since, 30000, 31000);
    talk_wait_closed(slow);
}

static void test_events_say_that_they_live(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk = follow(fixture);
    uint64_t since = virtual_time_ms();

    while (virtual_time_ms() - since < 15000)
        uv_run(&fixture->loop.uv, UV_RUN_ONCE);
    expect(talk, ":\n\n");
    assert_int_equal(talk->in_len, 0);
}

static void test_events_reader_who_leaves_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk = follow(fixture);

    talk_shutdown(talk);
    talk_turn(&fixture->loop);
    assert_int_equal(counts(fixture).readers, 0);
    assert_int_equal(counts(fixture).slow, 0);
}

static void test_events_end_with_a_last_word(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk = follow(fixture);
    struct talk *other = follow(fixture);
    struct talk_answer answer;

    send_event(fixture, "event: a\n\n");
    tn_api_events_end(fixture->events, TN_STR("event: bye\n\n"), "going home");
    assert_int_equal(counts(fixture).readers, 0);
    expect(talk, "event: a\n\nevent: bye\n\n");
    expect(other, "event: bye\n\n");
    talk_wait_closed(talk);
    send_event(fixture, "event: nobody\n\n");
    talk_once(&fixture->loop, fixture->path, "GET /events", "", NULL, &answer);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.body, "going home"));
    talk_answer_deinit(&answer);
}

static void test_events_forgotten_pictures_are_not_shown(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk;

    assert_int_equal(tn_api_events_show(fixture->events, 0, TN_STR("event: old\n\n")), 0);
    tn_api_events_clear(fixture->events);
    talk = follow(fixture);
    send_event(fixture, "event: a\n\n");
    expect(talk, "event: a\n\n");
    assert_int_equal(talk->in_len, 0);
    assert_int_equal(tn_api_events_show(fixture->events, 0, TN_STR("event: new\n\n")), 0);
    expect(talk, "event: new\n\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_events_head_first_pictures_then_what_happens),
        TEST(test_events_every_reader_gets_every_event),
        TEST(test_events_one_reader_too_many_is_told_so),
        TEST(test_events_head_only),
        TEST(test_events_pipelined_request_gets_no_answer),
        TEST(test_events_slow_reader_of_many_events_is_cut_off),
        TEST(test_events_slow_reader_of_many_bytes_is_cut_off),
        TEST(test_events_that_left_do_not_count),
        TEST(test_events_slow_reader_gets_the_newest_picture_only),
        TEST(test_events_reader_that_takes_nothing_is_cut_off),
        TEST(test_events_say_that_they_live),
        TEST(test_events_reader_who_leaves_is_noticed),
        TEST(test_events_end_with_a_last_word),
        TEST(test_events_forgotten_pictures_are_not_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

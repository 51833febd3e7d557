#include "proxy/admin/events.h"
#include "proxy/admin/resources.h"
#include "tests/support/virtual_time.h"
#include "tests/unit/admin/book.h"
#include "tests/unit/admin/edit_table.h"
#include "tests/unit/admin/openapi.h"
#include "tests/unit/api/talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#define MAIN "[{name: main, stable: blue, weights: {blue: 9, green: 1}}]"
#define READERS_MAX 4

struct fixture {
    struct book *book;
    struct px_admin admin;
    struct tn_api_server *listener;
    char path[96];
    json_t *page;
    struct talk readers[READERS_MAX];
    unsigned reader_count;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct px_events_options options = {.limits = tn_api_events_limits_default};
    struct tn_api_options api = {
        .clock = &tn_clock_system,
        .routes = px_admin_routes,
        .route_count = px_admin_route_count,
        .limits = tn_api_limits_default,
    };
    void *book = NULL;

    assert_non_null(fixture);
    tn_net_init();
    book_setup(&book);
    fixture->book = book;
    fixture->page = openapi_load();
    book_write(fixture->book, MAIN, "");
    book_open(fixture->book);
    fixture->admin = (struct px_admin){
        .book = fixture->book->book,
        .registry = fixture->book->registry,
        .publisher = book_publisher_ops,
        .clock = &tn_clock_system,
    };
    fixture->admin.publisher.workers = fixture->book;
    snprintf(fixture->path, sizeof(fixture->path), "%s/admin", fixture->book->folder);
    api.loop = options.loop = &fixture->book->loop;
    api.context = options.admin = &fixture->admin;
    assert_int_equal(
        px_stats_adopt(fixture->book->stats, px_rulebook_snapshot(fixture->admin.book)), 0);
    assert_int_equal(px_events_new(&options, &fixture->admin.events), 0);
    assert_int_equal(tn_api_open_unix(&api, fixture->path, 0600, &fixture->listener), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    void *book = fixture->book;

    tn_api_close(fixture->listener, NULL, NULL);
    while (fixture->admin.collecting > 0)
        uv_run(&fixture->book->loop.uv, UV_RUN_ONCE);
    px_events_close(fixture->admin.events);
    talk_turn(&fixture->book->loop);
    for (unsigned i = 0; i < fixture->reader_count; i++)
        talk_close(&fixture->readers[i]);
    book_teardown(&book);
    json_decref(fixture->page);
    free(fixture);
    return 0;
}

/* Turns the loop until an event is whole; cuts it off. */
static char *take_event(struct talk *talk)
{
    uint64_t since = virtual_time_ms();
    char bytes[65536];
    char *end;
    char *event;

    while (!talk->in || !(end = strstr(talk->in, "\n\n"))) {
        ssize_t len;

        if (virtual_time_ms() - since > 60000)
            fail_msg("no event within a minute");
        uv_run(&talk->loop->uv, UV_RUN_NOWAIT);
        len = recv(talk->fd, bytes, sizeof(bytes), 0);
        if (len == 0)
            fail_msg("the stream ended");
        if (len < 0) {
            uv_run(&talk->loop->uv, UV_RUN_ONCE);
            continue;
        }
        talk->in = realloc(talk->in, talk->in_len + (size_t)len + 1);
        assert_non_null(talk->in);
        memcpy(talk->in + talk->in_len, bytes, (size_t)len);
        talk->in_len += (size_t)len;
        talk->in[talk->in_len] = '\0';
    }
    event = strndup(talk->in, (size_t)(end - talk->in));
    talk->in_len -= (size_t)(end + 2 - talk->in);
    memmove(talk->in, end + 2, talk->in_len + 1);
    return event;
}

/* The next event of this name (others are passed over unless is_next); its data, which fit the
 * page. ret_id: 0 when it had none. */
static json_t *expect(struct fixture *fixture, struct talk *talk, const char *name, bool is_next,
                      unsigned long long *ret_id)
{
    for (;;) {
        char *event = take_event(talk);
        unsigned long long id = 0;
        char found[32];
        int at = 0;
        json_t *data;
        json_t *whole;

        if (event[0] == ':') { /* the connection lives */
            free(event);
            continue;
        }
        if (sscanf(event, "id: %llu\nevent: %31s\ndata: %n", &id, found, &at) < 2 &&
            sscanf(event, "event: %31s\ndata: %n", found, &at) < 1)
            fail_msg("no event: %s", event);
        if (is_next && strcmp(found, name) != 0)
            fail_msg("expected %s, got %s", name, event);
        data = json_loads(event + at, 0, NULL);
        whole = json_pack("{s:o}", found, data);
        if (!openapi_fits(
                fixture->page,
                json_object_get(
                    json_object_get(json_object_get(fixture->page, "components"), "schemas"),
                    "Events"),
                whole, "event"))
            fail_msg("does not fit: %s", event);
        json_incref(data);
        json_decref(whole);
        free(event);
        if (strcmp(found, name) == 0) {
            if (ret_id)
                *ret_id = id;
            return data;
        }
        json_decref(data);
    }
}

static void pass(struct fixture *fixture, struct talk *talk, const char *name)
{
    json_decref(expect(fixture, talk, name, true, NULL));
}

static struct talk *follow(struct fixture *fixture, const char *extra)
{
    struct talk *talk = &fixture->readers[fixture->reader_count++];
    char request[256];
    char *end;

    talk_open(talk, &fixture->book->loop, fixture->path);
    snprintf(request, sizeof(request), "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
             extra);
    talk_send_text(talk, request);
    talk->in = calloc(1, 1);
    while (!(end = strstr(talk->in, "\r\n\r\n"))) {
        char bytes[65536];
        ssize_t len;

        uv_run(&talk->loop->uv, UV_RUN_NOWAIT);
        len = recv(talk->fd, bytes, sizeof(bytes), 0);
        if (len <= 0)
            continue;
        talk->in = realloc(talk->in, talk->in_len + (size_t)len + 1);
        memcpy(talk->in + talk->in_len, bytes, (size_t)len);
        talk->in_len += (size_t)len;
        talk->in[talk->in_len] = '\0';
    }
    assert_non_null(strstr(talk->in, "HTTP/1.1 200 OK\r\n"));
    talk->in_len -= (size_t)(end + 4 - talk->in);
    memmove(talk->in, end + 4, talk->in_len + 1);
    return talk;
}

static void set_weights(struct fixture *fixture, int green)
{
    char request[128];

    snprintf(request, sizeof(request), "{'rule': 'main', 'weights': {'blue': 9, 'green': %d}}",
             green);
    book_do(fixture->book, px_edit_weights, request);
    assert_int_equal(fixture->book->status, 200);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static struct px_endpoint *endpoint(struct fixture *fixture)
{
    return px_rulebook_snapshot(fixture->admin.book)->versions[1].endpoints[0];
}

static struct px_stats_cell *cell(struct fixture *fixture)
{
    const struct px_snapshot *snapshot = px_rulebook_snapshot(fixture->admin.book);

    return fixture->book->stats->cells[snapshot->rules[0].stat][snapshot->versions[0].stat];
}

static void test_events_new_reader_gets_reset_state_and_stats(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk = follow(fixture, "");
    unsigned long long id;
    json_t *data = expect(fixture, talk, "reset", true, &id);

    assert_int_equal(id, 1);
    assert_string_equal(text_of(data, "why"), "new");
    json_decref(data);
    data = expect(fixture, talk, "state", true, NULL);
    assert_int_equal(json_integer_value(json_object_get(data, "revision")), 1);
    assert_int_equal(json_array_size(json_object_get(data, "rules")), 1);
    assert_null(json_object_get(json_object_get(data, "status"), "uptime_s"));
    json_decref(data);
    data = expect(fixture, talk, "stats", true, NULL);
    assert_int_equal(json_array_size(json_object_get(data, "rules")), 1);
    json_decref(data);
}

static void test_events_change_is_told_with_author_and_reason(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk = follow(fixture, "");
    struct px_change *change =
        book_change(fixture->book, px_edit_weights, "{'weights': {'blue': 1, 'green': 1}}");
    unsigned long long id;
    json_t *data;

    pass(fixture, talk, "reset");
    change->author = strdup("ann");
    change->reason = strdup("more of it");
    book_submit(fixture->book, change);
    book_wait(fixture->book, 1);
    data = expect(fixture, talk, "revision", false, &id);
    assert_int_equal(id, 2);
    assert_int_equal(json_integer_value(json_object_get(data, "revision")), 2);
    assert_string_equal(text_of(data, "author"), "ann");
    assert_string_equal(text_of(data, "reason"), "more of it");
    assert_string_equal(json_string_value(json_array_get(json_object_get(data, "rules"), 0)),
                        "main");
    assert_int_equal(json_array_size(json_object_get(data, "rules")), 1);
    json_decref(data);
    data = expect(fixture, talk, "state", false, NULL);
    if (json_integer_value(json_object_get(data, "revision")) == 1) { /* the one at the start */
        json_decref(data);
        data = expect(fixture, talk, "state", false, NULL);
    }
    assert_int_equal(json_integer_value(json_object_get(data, "revision")), 2);
    json_decref(data);
}

static void test_events_are_told_once_the_loops_have_switched(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk = follow(fixture, "");

    pass(fixture, talk, "reset");
    fixture->book->is_by_hand = true;
    book_submit(fixture->book,
                book_change(fixture->book, px_edit_weights, "{'weights': {'blue': 1}}"));
    for (int i = 0; i < 1000 && fixture->book->published == 0; i++)
        book_turn(fixture->book);
    assert_int_equal(fixture->book->published, 1);
    for (int i = 0; i < 3; i++) {
        cell(fixture)->decisions[STRATEGY_REASON_SLOT]++;
        json_decref(expect(fixture, talk, "stats", false, NULL));
        assert_null(strstr(talk->in, "event: revision"));
    }
    book_switch(fixture->book);
    book_wait(fixture->book, 1);
    json_decref(expect(fixture, talk, "revision", false, NULL));
}

static void test_events_nothing_to_change_is_no_event(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk = follow(fixture, "");
    json_t *data;

    pass(fixture, talk, "reset");
    set_weights(fixture, 1);                                             /* as they are */
    book_do(fixture->book, px_edit_weights, "{'weights': {'blue': 0}}"); /* refused */
    set_weights(fixture, 2);
    data = expect(fixture, talk, "revision", false, NULL);
    assert_int_equal(json_integer_value(json_object_get(data, "revision")), 2);
    json_decref(data);
}

static void test_events_reader_who_comes_again_gets_what_he_missed(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk;
    unsigned long long id;

    for (int i = 2; i <= 5; i++)
        set_weights(fixture, i); /* revision i */
    talk = follow(fixture, "Last-Event-ID: 3\r\n");
    json_decref(expect(fixture, talk, "revision", true, &id));
    assert_int_equal(id, 4);
    json_decref(expect(fixture, talk, "revision", true, &id));
    assert_int_equal(id, 5);
    pass(fixture, talk, "state");
    talk = follow(fixture, "Last-Event-ID: 5\r\n");
    pass(fixture, talk, "state");
}

static void test_events_what_is_not_kept_begins_anew(void **state)
{
    struct fixture *fixture = *state;
    static const char *const ids[] = {"1", "99", "x", ""};
    unsigned long long id;
    struct talk *talk;

    for (int i = 2; i <= PX_EVENTS_KEPT + 2; i++)
        set_weights(fixture, i);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        char extra[64];
        json_t *data;

        snprintf(extra, sizeof(extra), "Last-Event-ID: %s\r\n", ids[i]);
        talk = follow(fixture, extra);
        data = expect(fixture, talk, "reset", true, &id);
        assert_int_equal(id, PX_EVENTS_KEPT + 2);
        assert_string_equal(text_of(data, "why"), "unknown");
        json_decref(data);
        talk_close(talk);
        fixture->reader_count--;
        talk_turn(&fixture->book->loop);
    }
    talk = follow(fixture, "Last-Event-ID: 2\r\n"); /* the oldest that is */
    json_decref(expect(fixture, talk, "revision", true, &id));
    assert_int_equal(id, 3);
}

static void test_events_endpoint_that_goes_down_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk = follow(fixture, "");
    json_t *data;

    pass(fixture, talk, "reset");
    pass(fixture, talk, "state");
    pass(fixture, talk, "stats");
    atomic_store(&endpoint(fixture)->up, true);
    data = expect(fixture, talk, "health", false, NULL);
    assert_string_equal(text_of(data, "version"), "green");
    assert_true(json_is_true(json_object_get(data, "up")));
    json_decref(data);
    data = expect(fixture, talk, "state", true, NULL);
    json_decref(data);
    atomic_store(&endpoint(fixture)->up, false);
    data = expect(fixture, talk, "health", false, NULL);
    assert_true(json_is_false(json_object_get(data, "up")));
    json_decref(data);
}

static void test_events_guard_is_told_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk = follow(fixture, "");
    json_t *data;

    pass(fixture, talk, "reset");
    pass(fixture, talk, "state");
    px_events_guard(fixture->admin.events, "main", "too many failed");
    data = expect(fixture, talk, "guard", true, NULL);
    assert_string_equal(text_of(data, "reason"), "too many failed");
    json_decref(data);
    px_events_guard(NULL, "main", "nobody listens");
}

static void test_events_stats_have_the_last_seconds(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk = follow(fixture, "");
    const json_t *recent;
    json_t *data;

    pass(fixture, talk, "reset");
    data = expect(fixture, talk, "stats", false, NULL); /* nothing to compare with */
    json_decref(data);
    for (int i = 0; i < 100; i++) {
        uint64_t since = virtual_time_ms();

        cell(fixture)->decisions[STRATEGY_REASON_SLOT] += 50;
        cell(fixture)->codes[px_stats_code_index(500)] += 10;
        cell(fixture)->buckets[3] += 50;
        data = expect(fixture, talk, "stats", false, NULL);
        if (i > 2) /* no more than four a second */
            assert_in_range(virtual_time_ms() - since, 240, 400);
        if (i < 99)
            json_decref(data);
    }
    recent = json_object_get(
        json_array_get(
            json_object_get(json_array_get(json_object_get(data, "rules"), 0), "versions"), 0),
        "recent");
    assert_int_equal(json_integer_value(json_object_get(recent, "seconds")), 10);
    assert_in_range((int)json_number_value(json_object_get(recent, "requests_per_s")), 180, 210);
    assert_in_range((int)json_number_value(json_object_get(recent, "errors_per_s")), 36, 42);
    assert_true(json_number_value(json_object_get(recent, "p50_ms")) > 0);
    json_decref(data);
}

static void test_events_nothing_new_is_not_told(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk = follow(fixture, "");
    uint64_t since = virtual_time_ms();
    char *beat;

    while (virtual_time_ms() - since < 14000)
        uv_run(&fixture->book->loop.uv, UV_RUN_ONCE);
    do { /* the window grows to its ten seconds, and then nothing changes any more */
        beat = take_event(talk);
        if (beat[0] == ':')
            break;
        free(beat);
    } while (true);
    free(beat);
    assert_in_range(virtual_time_ms() - since, 15000, 15300);
    assert_int_equal(talk->in_len, 0);
}

static void test_events_nobody_follows_nothing_is_counted(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk = follow(fixture, "");
    uint64_t since;

    pass(fixture, talk, "reset");
    talk_shutdown(talk);
    since = virtual_time_ms();
    while (uv_loop_alive(&fixture->book->loop.uv) && virtual_time_ms() - since < 2000 &&
           fixture->admin.collecting == 0 && uv_run(&fixture->book->loop.uv, UV_RUN_NOWAIT))
        virtual_time_pass(50);
    for (int i = 0; i < 50; i++) {
        virtual_time_pass(100);
        uv_run(&fixture->book->loop.uv, UV_RUN_NOWAIT);
        assert_true(fixture->admin.collecting == 0 || i < 5);
    }
}

static void test_events_end_says_why(void **state)
{
    struct fixture *fixture = *state;
    struct talk *talk = follow(fixture, "");
    json_t *data;

    px_events_end(fixture->admin.events, "stopping");
    data = expect(fixture, talk, "bye", false, NULL);
    assert_string_equal(text_of(data, "why"), "stopping");
    json_decref(data);
    talk_wait_closed(talk);
    px_events_end(NULL, "stopping");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_events_new_reader_gets_reset_state_and_stats),
        TEST(test_events_change_is_told_with_author_and_reason),
        TEST(test_events_are_told_once_the_loops_have_switched),
        TEST(test_events_nothing_to_change_is_no_event),
        TEST(test_events_reader_who_comes_again_gets_what_he_missed),
        TEST(test_events_what_is_not_kept_begins_anew),
        TEST(test_events_endpoint_that_goes_down_is_told),
        TEST(test_events_guard_is_told_at_once),
        TEST(test_events_stats_have_the_last_seconds),
        TEST(test_events_nothing_new_is_not_told),
        TEST(test_events_nobody_follows_nothing_is_counted),
        TEST(test_events_end_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "lib/client/events.h"
#include "scripted_server.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define STREAM "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

struct stage {
    struct scripted_server *server;
    struct tn_client client;
    struct tn_client_answer refusal;
    struct tn_client_events *events;
    char heard[512];
};

static int open_stage(struct stage *stage, const struct script *script, const char *last_id)
{
    memset(stage, 0, sizeof(*stage));
    stage->server = scripted_server_start(script);
    tn_client_init(&stage->client, scripted_server_address(stage->server), NULL, &tn_clock_system);
    if (script->is_silent)
        stage->client.timeout_ms = 30;
    return tn_client_events_open(&stage->client, last_id, &stage->refusal, &stage->events);
}

static void close_stage(struct stage *stage)
{
    tn_client_events_close(stage->events);
    tn_client_answer_deinit(&stage->refusal);
    scripted_server_stop(stage->server);
}

static int on_event(void *context, const struct tn_client_event *event)
{
    struct stage *stage = context;
    size_t len = strlen(stage->heard);

    snprintf(stage->heard + len, sizeof(stage->heard) - len, "%s %s;", event->name,
             event->data.ptr);
    return 0;
}

/* Until the stream is over. */
static int read_all(struct stage *stage)
{
    int r = 0;

    while (!r) {
        struct pollfd ready = {.fd = tn_client_events_fd(stage->events), .events = POLLIN};

        r = tn_client_events_read(stage->events, on_event, stage);
        if (!r)
            assert_int_equal(poll(&ready, 1, 5000), 1);
    }
    return r;
}

static void test_events_are_read_until_the_end(void **state)
{
    const struct script script = {
        .pieces = {STREAM "event: a\ndata: 1\n\nev", "ent: b\nda", "ta: 2\n\nevent: cut"}};
    struct stage stage;

    (void)state;
    assert_int_equal(open_stage(&stage, &script, "17"), 0);
    assert_non_null(stage.events);
    assert_int_equal(read_all(&stage), -ECONNRESET);
    assert_string_equal(stage.heard, "a 1;b 2;");
    const char *request = scripted_server_received(stage.server);
    assert_non_null(strstr(request, "GET /v1/events HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "\r\nAccept: text/event-stream\r\n"));
    assert_non_null(strstr(request, "\r\nLast-Event-ID: 17\r\n"));
    close_stage(&stage);
}

static void test_events_chunked_stream(void **state)
{
    const struct script script = {
        .pieces = {"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n",
                   "8\r\ndata: x\n\r\n", "1\r\n\n\r\n", "0\r\n\r\n"}};
    struct stage stage;

    (void)state;
    assert_int_equal(open_stage(&stage, &script, ""), 0);
    assert_int_equal(read_all(&stage), -ECONNRESET);
    assert_string_equal(stage.heard, "message x;");
    assert_null(strstr(scripted_server_received(stage.server), "Last-Event-ID"));
    close_stage(&stage);
}

static void test_events_refusal_is_an_answer(void **state)
{
    const struct script script = {
        .pieces = {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nfu", "ll"}};
    struct stage stage;

    (void)state;
    assert_int_equal(open_stage(&stage, &script, ""), 0);
    assert_null(stage.events);
    assert_int_equal(stage.refusal.status, 503);
    assert_string_equal(stage.refusal.body, "full");
    close_stage(&stage);
}

static void test_events_answer_of_another_type_is_no_stream(void **state)
{
    const struct script script = {
        .pieces = {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                   "\r\n{}"}};
    struct stage stage;

    (void)state;
    assert_int_equal(open_stage(&stage, &script, ""), 0);
    assert_null(stage.events);
    assert_int_equal(stage.refusal.status, 200);
    close_stage(&stage);
}

static void test_events_errors(void **state)
{
    const struct {
        struct script script;
        int error;
    } rows[] = {
        {{.is_silent = true}, -ETIMEDOUT},
        {{.pieces = {"SSH-2.0-OpenSSH\r\n\r\n"}}, -EPROTO},
        {{.pieces = {"HTTP/1.1 200 OK\r\n"}}, -ECONNRESET},
        {{.pieces = {"HTTP/1.1 200 OK\r\nX: "}, .filler_len = 100000}, -EPROTO},
    };
    struct tn_client_events *events = NULL;
    struct tn_client_answer refusal;
    struct tn_client client;
    struct stage stage;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(open_stage(&stage, &rows[i].script, ""), rows[i].error);
        assert_null(stage.events);
        close_stage(&stage);
    }
    tn_client_init(&client, "unix:/nowhere/at/all", NULL, &tn_clock_system);
    assert_int_equal(tn_client_events_open(&client, "", &refusal, &events), -ENOENT);
    tn_client_events_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_are_read_until_the_end),
        cmocka_unit_test(test_events_chunked_stream),
        cmocka_unit_test(test_events_refusal_is_an_answer),
        cmocka_unit_test(test_events_answer_of_another_type_is_no_stream),
        cmocka_unit_test(test_events_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

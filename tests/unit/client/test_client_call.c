#include "lib/client/client.h"
#include "scripted_server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct tn_client_request get_status = {.method = "GET", .target = "/v1/status"};

/* One call against a script; the answer is the caller's. */
static int call(const struct script *script, const struct tn_client_request *request,
                struct tn_client *client, struct tn_client_answer *ret_answer)
{
    struct scripted_server *server = scripted_server_start(script);

    tn_client_init(client, scripted_server_address(server), NULL, &tn_clock_system);
    if (script->is_silent)
        client->timeout_ms = 30;
    int r = tn_client_call(client, request, ret_answer);
    scripted_server_stop(server);
    return r;
}

static void expect_error(const struct script *script, int error)
{
    struct tn_client client;
    struct tn_client_answer answer = {0};

    assert_int_equal(call(script, &get_status, &client, &answer), error);
    assert_null(answer.body);
    if (error == -EPROTO)
        assert_non_null(client.protocol_error);
}

static void test_call_gives_status_and_body(void **state)
{
    const struct script script = {
        .pieces = {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}"}};
    struct tn_client client;
    struct tn_client_answer answer = {0};

    (void)state;
    assert_int_equal(call(&script, &get_status, &client, &answer), 0);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body_len, 7);
    assert_string_equal(answer.body, "{\"a\":1}");
    tn_client_answer_deinit(&answer);
    assert_null(answer.body);
}

static void test_call_takes_an_answer_in_any_pieces(void **state)
{
    const struct script script = {
        .pieces = {"HTTP/1.1 40", "9 Conflict\r\nTransfer-Encoding: ", "chunked\r\n\r\n3\r",
                   "\nabc\r\n2\r\nd", "e\r\n0\r\n", "\r\n"}};
    struct tn_client client;
    struct tn_client_answer answer = {0};

    (void)state;
    assert_int_equal(call(&script, &get_status, &client, &answer), 0);
    assert_int_equal(answer.status, 409);
    assert_string_equal(answer.body, "abcde");
    tn_client_answer_deinit(&answer);
}

static void test_call_takes_a_body_that_ends_with_the_connection(void **state)
{
    const struct script script = {.pieces = {"HTTP/1.1 200 OK\r\n\r\nall ", "of it"}};
    struct tn_client client;
    struct tn_client_answer answer = {0};

    (void)state;
    assert_int_equal(call(&script, &get_status, &client, &answer), 0);
    assert_string_equal(answer.body, "all of it");
    tn_client_answer_deinit(&answer);
}

static void test_call_skips_interim_answers(void **state)
{
    const struct script script = {.pieces = {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                                             "HTTP/1.1 204 No Content\r\n\r\n"}};
    struct tn_client client;
    struct tn_client_answer answer = {0};

    (void)state;
    assert_int_equal(call(&script, &get_status, &client, &answer), 0);
    assert_int_equal(answer.status, 204);
    assert_string_equal(answer.body, "");
    tn_client_answer_deinit(&answer);
}

static void test_call_takes_a_large_body(void **state)
{
    const size_t len = 3 * 1024 * 1024;
    char head[80];
    const struct script script = {.pieces = {head}, .filler_len = len};
    struct tn_client client;
    struct tn_client_answer answer = {0};

    (void)state;
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
    assert_int_equal(call(&script, &get_status, &client, &answer), 0);
    assert_int_equal(answer.body_len, len);
    assert_int_equal(answer.body[len - 1], 'x');
    tn_client_answer_deinit(&answer);
}

static void test_call_refuses_a_body_over_the_limit(void **state)
{
    const struct script script = {.pieces = {"HTTP/1.1 200 OK\r\n\r\n"},
                                  .filler_len = TN_CLIENT_BODY_MAX + 1};

    (void)state;
    expect_error(&script, -EMSGSIZE);
}

static void test_call_says_when_it_is_no_http(void **state)
{
    const struct script ssh = {.pieces = {"SSH-2.0-OpenSSH_9.2\r\n\r\n"}};
    const struct script lengths = {
        .pieces = {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"}};
    const struct script endless = {.pieces = {"HTTP/1.1 200 OK\r\nX: "}, .filler_len = 200000};

    (void)state;
    expect_error(&ssh, -EPROTO);
    expect_error(&lengths, -EPROTO);
    expect_error(&endless, -EPROTO);
}

static void test_call_says_when_the_answer_is_cut(void **state)
{
    const struct script nothing = {.pieces = {NULL}};
    const struct script head = {.pieces = {"HTTP/1.1 200 OK\r\nContent-"}};
    const struct script body = {.pieces = {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"}};
    const struct script chunk = {
        .pieces = {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}};

    (void)state;
    expect_error(&nothing, -ECONNRESET);
    expect_error(&head, -ECONNRESET);
    expect_error(&body, -ECONNRESET);
    expect_error(&chunk, -ECONNRESET);
}

static void test_call_does_not_wait_past_its_time(void **state)
{
    const struct script silent = {.is_silent = true};

    (void)state;
    expect_error(&silent, -ETIMEDOUT);
}

static void test_call_writes_the_request(void **state)
{
    const struct script script = {.pieces = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}};
    struct scripted_server *server = scripted_server_start(&script);
    const uint64_t revision = 7;
    const struct tn_client_request request = {.method = "PUT",
                                              .target = "/v1/weights?x=%20",
                                              .content_type = "application/json",
                                              .body = TN_STR("{\"a\":1}"),
                                              .if_revision = &revision};
    struct tn_client client;
    struct tn_client_answer answer = {0};

    (void)state;
    tn_client_init(&client, NULL, scripted_server_address(server), &tn_clock_system);
    assert_int_equal(tn_client_call(&client, &request, &answer), 0);
    assert_string_equal(scripted_server_received(server), "PUT /v1/weights?x=%20 HTTP/1.1\r\n"
                                                          "Host: localhost\r\n"
                                                          "Connection: close\r\n"
                                                          "Accept: application/json\r\n"
                                                          "Content-Type: application/json\r\n"
                                                          "Content-Length: 7\r\n"
                                                          "If-Match: \"7\"\r\n"
                                                          "\r\n"
                                                          "{\"a\":1}");
    tn_client_answer_deinit(&answer);
    scripted_server_stop(server);
}

/* The answer of a server that will not read so much counts more than our failure to send. */
static void test_call_hears_a_server_that_stopped_reading(void **state)
{
    const struct script script = {
        .pieces = {"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig"},
        .is_deaf = true};
    const size_t len = 4 * 1024 * 1024;
    char *body = calloc(1, len);
    const struct tn_client_request request = {
        .method = "PUT", .target = "/v1/rules", .content_type = "text/yaml", .body = {body, len}};
    struct tn_client client;
    struct tn_client_answer answer = {0};

    (void)state;
    assert_int_equal(call(&script, &request, &client, &answer), 0);
    assert_int_equal(answer.status, 413);
    assert_string_equal(answer.body, "big");
    tn_client_answer_deinit(&answer);
    free(body);
}

static void test_call_refuses_a_target_that_does_not_fit(void **state)
{
    const struct script script = {.pieces = {NULL}};
    char target[10000];
    const struct tn_client_request request = {.method = "GET", .target = target};
    struct tn_client client;
    struct tn_client_answer answer = {0};

    (void)state;
    memset(target, '/', sizeof(target) - 1);
    target[sizeof(target) - 1] = '\0';
    assert_int_equal(call(&script, &request, &client, &answer), -EMSGSIZE);
}

static void test_call_moves_on_only_where_there_is_nothing(void **state)
{
    const struct script script = {.pieces = {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}};
    struct scripted_server *server = scripted_server_start(&script);
    struct tn_client client;
    struct tn_client_answer answer = {0};

    (void)state;
    tn_client_init(&client, NULL, NULL, &tn_clock_system);
    client.places[0] = (struct tn_client_place){TN_CLIENT_ORIGIN_DEFAULT, "/nonexistent/a"};
    client.places[1] =
        (struct tn_client_place){TN_CLIENT_ORIGIN_DEFAULT, scripted_server_address(server)};
    assert_int_equal(tn_client_call(&client, &get_status, &answer), 0);
    assert_int_equal(client.place, 1);
    tn_client_answer_deinit(&answer);
    scripted_server_stop(server);
}

/* A socket left by a stopped service here must not send the command to another service. */
static void test_call_stops_at_a_socket_that_nobody_listens_on(void **state)
{
    char path[] = "/tmp/turnout-stale-XXXXXX";
    const struct script script = {.pieces = {NULL}};
    struct scripted_server *living = scripted_server_start(&script);
    int file = mkstemp(path);
    struct tn_client client;
    struct tn_client_answer answer = {0};

    (void)state;
    assert_true(file >= 0);
    tn_client_init(&client, NULL, NULL, &tn_clock_system);
    client.places[0] = (struct tn_client_place){TN_CLIENT_ORIGIN_DEFAULT, path};
    client.places[1] =
        (struct tn_client_place){TN_CLIENT_ORIGIN_DEFAULT, scripted_server_address(living)};
    assert_int_equal(tn_client_call(&client, &get_status, &answer), -ECONNREFUSED);
    assert_int_equal(client.place, 0);
    scripted_server_stop(living);
    close(file);
    unlink(path);
}

static void test_call_passes_on_a_bad_address(void **state)
{
    struct tn_client client;
    struct tn_client_answer answer = {0};

    (void)state;
    tn_client_init(&client, "nonsense", NULL, &tn_clock_system);
    assert_int_equal(tn_client_call(&client, &get_status, &answer), -EINVAL);
    tn_client_init(&client, "10.0.0.1:1", NULL, &tn_clock_system);
    assert_int_equal(tn_client_call(&client, &get_status, &answer), -EADDRNOTAVAIL);
}

/* Sends "secret" if and only if there is one and the address is on TCP. */
static void expect_token(bool is_tcp, const char *token, const char *expected)
{
    const struct script script = {.pieces = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
                                  .is_tcp = is_tcp};
    struct scripted_server *server = scripted_server_start(&script);
    struct tn_client_answer answer = {0};
    struct tn_client client;
    const char *received;

    tn_client_init(&client, scripted_server_address(server), NULL, &tn_clock_system);
    client.token = token;
    assert_int_equal(tn_client_call(&client, &get_status, &answer), 0);
    tn_client_answer_deinit(&answer);
    received = scripted_server_received(server);
    if (expected)
        assert_non_null(strstr(received, expected));
    else
        assert_null(strstr(received, "Authorization"));
    scripted_server_stop(server);
}

static void test_call_shows_its_token_on_tcp_only(void **state)
{
    (void)state;
    expect_token(true, "secret", "\r\nAuthorization: Bearer secret\r\n");
    expect_token(false, "secret", NULL);
    expect_token(false, NULL, NULL);
}

static void test_call_on_tcp_needs_a_token(void **state)
{
    struct tn_client client;
    struct tn_client_answer answer = {0};

    (void)state;
    tn_client_init(&client, "127.0.0.1:1", NULL, &tn_clock_system);
    assert_int_equal(tn_client_call(&client, &get_status, &answer), -ENOKEY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_gives_status_and_body),
        cmocka_unit_test(test_call_takes_an_answer_in_any_pieces),
        cmocka_unit_test(test_call_shows_its_token_on_tcp_only),
        cmocka_unit_test(test_call_on_tcp_needs_a_token),
        cmocka_unit_test(test_call_takes_a_body_that_ends_with_the_connection),
        cmocka_unit_test(test_call_skips_interim_answers),
        cmocka_unit_test(test_call_takes_a_large_body),
        cmocka_unit_test(test_call_refuses_a_body_over_the_limit),
        cmocka_unit_test(test_call_says_when_it_is_no_http),
        cmocka_unit_test(test_call_says_when_the_answer_is_cut),
        cmocka_unit_test(test_call_does_not_wait_past_its_time),
        cmocka_unit_test(test_call_writes_the_request),
        cmocka_unit_test(test_call_hears_a_server_that_stopped_reading),
        cmocka_unit_test(test_call_refuses_a_target_that_does_not_fit),
        cmocka_unit_test(test_call_moves_on_only_where_there_is_nothing),
        cmocka_unit_test(test_call_stops_at_a_socket_that_nobody_listens_on),
        cmocka_unit_test(test_call_passes_on_a_bad_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* faults_server: the listener for faults, in this process, over real sockets. */
#include "app/faults_server.h"
#include "tests/unit/app/talk.h"

#include <stdio.h>
#include <string.h>

static struct app_faults faults;
static struct app_address address;
static struct MHD_Daemon *server;
static struct talk_answer answer;

static int setup(void **state)
{
    (void)state;
    app_faults_init(&faults);
    return app_faults_server_start(&faults, talk_listen(&address), &server);
}

static int teardown(void **state)
{
    (void)state;
    MHD_stop_daemon(server);
    app_faults_deinit(&faults);
    return 0;
}

static void ask(const char *line, const char *fields, const char *body, int status,
                const char *expected)
{
    talk(&address, line, fields, body, &answer);
    assert_int_equal(answer.status, status);
    if (strstr(answer.text, expected) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", expected, answer.text);
    }
}

static void test_faults_server_shows(void **state)
{
    (void)state;
    ask("GET /", "", "", 200, "{\"error_rate\":0,");
    ask("GET /", "", "", 200, "Content-Type: application/json");
    ask("HEAD /", "", "", 200, "Content-Length: ");
}

static void test_faults_server_sets_by_query_or_body(void **state)
{
    (void)state;
    ask("PUT /?latency_ms=20&error_rate=1.5", "", "", 200, "\"latency_ms\":20,");
    assert_int_equal(app_faults_draw(&faults).latency_ms, 20);
    ask("POST /", "", "{\"latency_ms\":30}", 200, "{\"error_rate\":1.5,");
    assert_int_equal(app_faults_draw(&faults).latency_ms, 30);
    ask("PUT /", "", "latency_ms=40", 200, "\"latency_ms\":40,");
    ask("PUT /?latency_ms=50", "", "latency_ms=60", 200, "\"latency_ms\":50,");
    ask("PUT /?", "", "latency_ms=70", 200, "\"latency_ms\":70,");
    ask("DELETE /", "", "", 200, "\"latency_ms\":0,");
}

static void test_faults_server_decodes_the_query_once(void **state)
{
    (void)state;
    ask("PUT /?wrong_field=%6eame", "", "", 200, "\"wrong_field\":\"name\"");
    ask("PUT /?wrong_field=%256eame", "", "", 400, "wrong_field: expected");
}

static void test_faults_server_refuses(void **state)
{
    (void)state;
    ask("PUT /", "", "error_rate=x", 400, "{\"error\":\"error_rate: expected 0 to 100");
    ask("PUT /", "", "{", 400, "\"error\"");
    ask("PUT /other?latency_ms=1", "", "", 404, "there is only /");
    ask("PATCH /?latency_ms=1", "", "", 405, "Allow: GET, PUT, POST, DELETE");
    ask("PUT /?latency_ms=1", "Origin: http://evil.test\r\n", "", 403, "not for web pages");
    ask("GET /", "", "", 200, "\"latency_ms\":0,");
}

static void test_faults_server_refuses_long_texts(void **state)
{
    static char body[5000];
    static char line[5100];
    (void)state;
    memset(body, ' ', sizeof(body) - 1);
    ask("PUT /", "", body, 413, "4096");
    body[4096] = '\0';
    memcpy(body, "{}", 2);
    ask("PUT /", "", body, 200, "error_rate");
    memset(body, 'a', sizeof(body) - 1);
    (void)snprintf(line, sizeof(line), "PUT /?%s", body);
    ask(line, "", "", 413, "4096");
}

static void test_faults_server_takes_a_body_in_pieces(void **state)
{
    (void)state;
    talk_send(&address,
              "PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
              "3\r\nlat\r\n7\r\nency_ms\r\n3\r\n=12\r\n0\r\n\r\n",
              &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "\"latency_ms\":12,"));
}

static void test_faults_server_survives_broken_requests(void **state)
{
    (void)state;
    talk_send(&address, "PUT /?latency_ms=1 HTTP/1.1\r\nbroken\r\n\r\n", &answer);
    assert_true(answer.status == 0 || answer.status == 400);
    talk_send(&address, "PUT /?latency_ms=1 HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
              &answer);
    assert_true(answer.status == 0 || answer.status == 400);
    ask("GET /", "", "", 200, "\"latency_ms\":0,");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_faults_server_shows),
        TEST(test_faults_server_sets_by_query_or_body),
        TEST(test_faults_server_decodes_the_query_once),
        TEST(test_faults_server_refuses),
        TEST(test_faults_server_refuses_long_texts),
        TEST(test_faults_server_takes_a_body_in_pieces),
        TEST(test_faults_server_survives_broken_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

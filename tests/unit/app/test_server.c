/* server, handlers, reply and import together, in this process, on a disk that fails on order: what
 * a client meets. The rest of what they answer is in tests/e2e/test_counter.py. */
#include "app/server.h"
#include "tests/unit/app/fake_disk.h"
#include "tests/unit/app/talk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NEVER_MS 600000 /* until a broken disk is tried again */
#define JSON "Accept: application/json\r\n"

static struct app_options options;
static struct app_service service;
static struct app_ledger ledger;
static struct app_address address;
static struct MHD_Daemon *server;
static struct talk_answer answer;

static int setup(void **state)
{
    char buffer[512];
    struct app_text problem;
    app_text_init(&problem, buffer, sizeof(buffer));
    options = (struct app_options){.version = "blue",
                                   .build = "1",
                                   .name = "app-blue-0",
                                   .allow_import = true,
                                   .idle_timeout_s = 60,
                                   .max_connections = 64};
    memset(&service, 0, sizeof(service));
    service.options = &options;
    app_faults_init(&service.faults);
    app_metrics_init(&service.metrics);
    if (fake_disk_open(state) != 0 ||
        app_ledger_open(&ledger, fake_disk.path, &fake_disk_ops, &problem) != 0) {
        return -1;
    }
    fake_disk_heal();
    if (app_store_start(&service.store, &ledger, NEVER_MS) != 0 ||
        app_delay_start(&service.delay) != 0) {
        return -1;
    }
    return app_server_start(&service, talk_listen(&address), &server);
}

static int teardown(void **state)
{
    MHD_stop_daemon(server);
    app_delay_stop(&service.delay);
    app_store_stop(&service.store);
    app_ledger_close(&ledger);
    app_faults_deinit(&service.faults);
    assert_int_equal(service.active, 0);
    assert_int_equal(service.waiting, 0);
    return fake_disk_close(state);
}

static void ask(const char *line, const char *body, int status, const char *expected)
{
    talk(&address, line, JSON, body, &answer);
    if (answer.status != status || strstr(answer.text, expected) == NULL) {
        fail_msg("%s: expected %d with \"%s\", got \"%s\"", line, status, expected, answer.text);
    }
}

static void test_server_counts_a_visit(void **state)
{
    (void)state;
    ask("GET /", "", 200,
        "{\"version\":\"blue\",\"build\":\"1\",\"name\":\"app-blue-0\",\"visits\":1}\n");
    ask("GET /", "", 200, "X-Visits: 2\r\n");
    ask("HEAD /", "", 200, "X-Visits: 2\r\n");
    ask("GET /count", "", 200, "\"visits\":2}");
    assert_int_equal(fake_disk_visits(), 2);
}

static void test_server_tells_that_a_visit_was_not_counted(void **state)
{
    static const int errors[] = {ENOSPC, EIO, EDQUOT};
    (void)state;
    ask("GET /", "", 200, "\"visits\":1}");
    for (size_t i = 0; i < 3; i++) {
        char expected[128];
        (void)snprintf(expected, sizeof(expected), "\"error\":\"the visit was not counted: %s\"}\n",
                       strerror(errors[i]));
        fake_disk_fail(2, FAKE_DISK_FOREVER, errors[i], 0);
        ask("GET /", "", 503, expected);
        assert_non_null(strstr(answer.text, "Retry-After: 1\r\n"));
        assert_non_null(strstr(answer.text, "X-Served-By: app-blue-0\r\n"));
        ask("GET /count", "", 200, "\"visits\":1}");
        ask("GET /readyz", "", 503, "the last write failed");
        ask("GET /healthz", "", 200, "ok\n");
    }
    fake_disk_heal();
    ask("GET /", "", 200, "\"visits\":2}");
    ask("GET /readyz", "", 200, "ready\n");
    assert_int_equal(fake_disk_visits(), 2);
}

static void test_server_imports_once_on_a_bad_disk(void **state)
{
    uint64_t sum = 0;
    (void)state;
    /* the line and its sync (and once that of the folder); then the count: pwrite, fdatasync */
    for (unsigned call = 1; call <= 5; call++) {
        char body[64];
        char expected[64];
        (void)snprintf(body, sizeof(body), "{\"transfer\":\"t%u\",\"visits\":100}", call);
        sum += 100;
        fake_disk_fail(call == 5 ? 4 : call, 1, EIO, 0);
        ask("POST /import", body, 503, "repeat it with the same id: Input/output error");
        fake_disk_heal();
        (void)snprintf(expected, sizeof(expected), "\"visits\":%u,\"transfer\":\"t%u\"", call * 100,
                       call);
        ask("POST /import", body, 200, expected);
        ask("POST /import", body, 200, "\"applied\":false}");
        assert_int_equal(fake_disk_visits(), sum);
    }
}

static void test_server_answers_imports(void **state)
{
    (void)state;
    ask("POST /import", "transfer=t1&visits=5", 200, "\"applied\":true}");
    ask("POST /import", "transfer=t1&visits=5", 200, "\"applied\":false}");
    ask("POST /import", "transfer=t1&visits=6", 409, "another number");
    ask("POST /import", "transfer=t2&visits=18446744073709551615", 409, "does not fit");
    ask("POST /import", "transfer=t/2&visits=1", 400, "transfer: expected 1 to 64");
    ask("POST /import", "transfer=t2&visits=0", 400, "visits: expected a whole number");
    ask("POST /import", "transfer=t2", 400, "expected {\\\"transfer\\\"");
    ask("POST /import", "", 400, "expected {");
    options.allow_import = false;
    ask("POST /import", "transfer=t2&visits=1", 403, "--allow-import");
    assert_int_equal(fake_disk_visits(), 5);
}

static void test_server_draws_faults(void **state)
{
    char buffer[256];
    struct app_text problem;
    bool crash;
    (void)state;
    app_text_init(&problem, buffer, sizeof(buffer));
    assert_int_equal(
        app_faults_set(&service.faults, "error_rate=50&error_status=502", &crash, &problem), 0);
    ask("GET /", "", 200, "\"visits\":1}");
    ask("GET /", "", 502, "\"error\":\"fault error_rate\"}");
    ask("GET /healthz", "", 200, "ok");
    ask("GET /nothing", "", 404, "no such page");
    ask("GET /", "", 200, "\"visits\":2}");
    assert_int_equal(app_faults_set(&service.faults,
                                    "latency_ms=20&slow_body_ms=20&error_rate=0&never_ready=1",
                                    &crash, &problem),
                     0);
    uint64_t start_ns = app_delay_now_ns();
    ask("GET /", "", 200, "\"visits\":3}");
    assert_true(app_delay_now_ns() - start_ns >= 38000000u);
    ask("GET /readyz", "", 503, "fault never_ready");
}

static void test_server_says_that_it_stops(void **state)
{
    (void)state;
    ask("GET /readyz", "", 200, "ready");
    service.is_stopping = true;
    ask("GET /readyz", "", 503, "not ready: stopping");
    ask("GET /", "", 200, "\"visits\":1}");
    service.is_refusing = true;
    ask("GET /", "", 503, "\"error\":\"stopping\"");
    assert_int_equal(fake_disk_visits(), 1);
}

static void test_server_stops_while_many_are_delayed(void **state)
{
    char buffer[256];
    struct app_text problem;
    bool crash;
    int fd[4];
    static const char message[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    (void)state;
    app_text_init(&problem, buffer, sizeof(buffer));
    assert_int_equal(app_faults_set(&service.faults, "latency_ms=600000", &crash, &problem), 0);
    for (unsigned i = 0; i < 4; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd[i], (const struct sockaddr *)&address.storage, address.len), 0);
        assert_int_equal(send(fd[i], message, sizeof(message) - 1, 0), sizeof(message) - 1);
    }
    while (atomic_load(&service.waiting) < 4) {
        sched_yield();
    }
    assert_int_equal(app_server_count_connections(server), 4);
    app_delay_flush(&service.delay);
    for (unsigned i = 0; i < 4; i++) {
        char bytes[16];
        assert_int_equal(recv(fd[i], bytes, 12, MSG_WAITALL), 12);
        assert_memory_equal(bytes, "HTTP/1.1 200", 12);
        close(fd[i]);
    }
}

static void test_server_refuses_bodies(void **state)
{
    (void)state;
    talk_send(&address, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 68000000\r\n\r\n", &answer);
    assert_int_equal(answer.status, 413);
    ask("POST /echo-size", "123456789", 200, "\"bytes\":9,\"crc32\":\"cbf43926\"}");
    ask("DELETE /echo-size", "123456789", 405, "Allow: POST, PUT\r\n");
    ask("GET /bytes/20", "", 200, "\r\n\r\n000000000000000\n0000");
    ask("GET /bytes/x", "", 400, "1099511627776");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_server_counts_a_visit),
        TEST(test_server_tells_that_a_visit_was_not_counted),
        TEST(test_server_imports_once_on_a_bad_disk),
        TEST(test_server_answers_imports),
        TEST(test_server_draws_faults),
        TEST(test_server_says_that_it_stops),
        TEST(test_server_stops_while_many_are_delayed),
        TEST(test_server_refuses_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "lib/api/api.h"
#include "lib/api/json.h"
#include "tests/support/virtual_time.h"
#include "tests/unit/api/talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* --- a server with a few resources -------------------------------------------------------------
 */

struct fixture {
    struct tn_loop loop;
    struct tn_api_server *server;
    char folder[64];
    char path[96];
    struct tn_api_call *kept; /* of /later: answered by the test */
    unsigned seen;            /* calls that reached a handler */
    unsigned closed;          /* on_closed of the server */
};

static void get_echo(struct tn_api_call *call, void *context)
{
    struct fixture *fixture = context;

    fixture->seen++;
    tn_api_add_field(call, "X-Seen: %u\r\n", fixture->seen);
    tn_api_answer(call, 200, "text/plain", tn_http_view(call->head, call->head->query));
}

static void put_echo(struct tn_api_call *call, void *context)
{
    struct fixture *fixture = context;
    json_t *body = tn_api_body_json(call);

    fixture->seen++;
    if (body)
        tn_api_answer_json(call, 200, body);
}

static void post_raw(struct tn_api_call *call, void *context)
{
    struct fixture *fixture = context;

    fixture->seen++;
    tn_api_answer(call, 200, call->body_type == TN_API_YAML ? "text/yaml" : "text/plain",
                  call->body);
}

static void get_later(struct tn_api_call *call, void *context)
{
    struct fixture *fixture = context;

    fixture->seen++;
    assert_null(fixture->kept);
    fixture->kept = call;
}

static void get_large(struct tn_api_call *call, void *context)
{
    size_t len = 8 * 1024 * 1024;
    char *body = malloc(len);

    (void)context;
    assert_non_null(body);
    memset(body, 'x', len);
    tn_api_answer(call, 200, "text/plain", (struct tn_str){body, len});
    free(body);
}

static void get_if_match(struct tn_api_call *call, void *context)
{
    uint64_t revision = 0;
    int r = tn_api_if_match(call, &revision);
    char text[64];

    (void)context;
    snprintf(text, sizeof(text), "%s %llu",
             r < 0 ? "bad"
             : r   ? "given"
                   : "none",
             (unsigned long long)revision);
    tn_api_answer(call, 200, "text/plain", tn_str_of(text));
}

static void get_nothing(struct tn_api_call *call, void *context)
{
    (void)context;
    tn_api_answer(call, 204, NULL, TN_STR(""));
}

static const struct tn_api_route routes[] = {
    {TN_HTTP_GET, "/echo", TN_API_READ, 0, get_echo},
    {TN_HTTP_PUT, "/echo", TN_API_OPERATE, TN_API_JSON, put_echo},
    {TN_HTTP_POST, "/raw", TN_API_READ, TN_API_JSON | TN_API_YAML, post_raw},
    {TN_HTTP_GET, "/later", TN_API_READ, 0, get_later},
    {TN_HTTP_GET, "/large", TN_API_READ, 0, get_large},
    {TN_HTTP_GET, "/if-match", TN_API_READ, 0, get_if_match},
    {TN_HTTP_GET, "/nothing", TN_API_READ, 0, get_nothing},
};

static uint64_t fixed_wall(void *context)
{
    (void)context;
    return 1762154713ull * 1000000000; /* 2025-11-03T07:25:13Z */
}

static const struct tn_clock fixed_clock = {.wall_ns = fixed_wall};

static void open_server(struct fixture *fixture, enum tn_api_role role, struct tn_api_limits limits)
{
    const struct tn_api_options options = {
        .loop = &fixture->loop,
        .clock = &fixed_clock,
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .context = fixture,
        .role = role,
        .limits = limits,
    };

    assert_int_equal(tn_api_open_unix(&options, fixture->path, 0600, &fixture->server), 0);
}

static void on_server_closed(void *context)
{
    struct fixture *fixture = context;

    fixture->closed++;
}

static void close_server(struct fixture *fixture)
{
    tn_api_close(fixture->server, on_server_closed, fixture);
    fixture->server = NULL;
    talk_turn(&fixture->loop);
    assert_int_equal(fixture->closed, 1);
    fixture->closed = 0;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    strcpy(fixture->folder, "/tmp/turnout-api-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof(fixture->path), "%s/socket", fixture->folder);
    tn_net_init();
    assert_int_equal(tn_loop_init(&fixture->loop), 0);
    open_server(fixture, TN_API_OPERATE, tn_api_limits_default);
    *state = fixture;
    return 0;
}

/* Every test ends with a loop that has nothing left open. */
static int teardown(void **state)
{
    struct fixture *fixture = *state;

    if (fixture->server)
        close_server(fixture);
    assert_int_equal(tn_loop_deinit(&fixture->loop), 0);
    assert_int_equal(rmdir(fixture->folder), 0);
    free(fixture);
    return 0;
}

static void reopen(struct fixture *fixture, enum tn_api_role role, struct tn_api_limits limits)
{
    close_server(fixture);
    open_server(fixture, role, limits);
}

static void expect(struct fixture *fixture, const char *request_line, const char *extra,
                   const char *body, unsigned status, const char *part)
{
    struct talk_answer answer;

    talk_once(&fixture->loop, fixture->path, request_line, extra, body, &answer);
    if (answer.status != status || !strstr(answer.body, part))
        fail_msg("%s: %u %s, expected %u with '%s'", request_line, answer.status, answer.body,
                 status, part);
    if (status >= 400) {
        json_t *problem = json_loads(answer.body, 0, NULL);

        assert_non_null(strstr(answer.head, "Content-Type: application/problem+json\r\n"));
        assert_int_equal(json_integer_value(json_object_get(problem, "status")), status);
        assert_string_equal(json_string_value(json_object_get(problem, "type")), "about:blank");
        assert_true(json_is_string(json_object_get(problem, "title")));
        json_decref(problem);
    }
    talk_answer_deinit(&answer);
}

/* --- answers -----------------------------------------------------------------------------------
 */

static void test_api_answers_with_date_type_and_length(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;

    talk_once(&fixture->loop, fixture->path, "GET /echo?a=b", "", NULL, &answer);
    assert_string_equal(answer.head, "HTTP/1.1 200 OK\r\n"
                                     "Date: Mon, 03 Nov 2025 07:25:13 GMT\r\n"
                                     "Content-Type: text/plain\r\n"
                                     "Content-Length: 3\r\n"
                                     "X-Seen: 1\r\n\r\n");
    assert_string_equal(answer.body, "a=b");
    talk_answer_deinit(&answer);
}

static void test_api_head_has_the_length_and_no_body(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;

    talk_once(&fixture->loop, fixture->path, "HEAD /echo?abcd", "", NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.head, "Content-Length: 4\r\n"));
    talk_answer_deinit(&answer);
}

static void test_api_no_content_has_no_body_fields(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;

    talk_once(&fixture->loop, fixture->path, "GET /nothing", "", NULL, &answer);
    assert_int_equal(answer.status, 204);
    assert_null(strstr(answer.head, "Content-"));
    talk_answer_deinit(&answer);
}

static void test_api_keeps_the_connection(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;
    struct talk talk;

    talk_open(&talk, &fixture->loop, fixture->path);
    for (unsigned i = 0; i < 3; i++) {
        talk_send_text(&talk, "GET /echo?x HTTP/1.1\r\nHost: localhost\r\n\r\n");
        talk_take(&talk, false, &answer);
        assert_string_equal(answer.body, "x");
        talk_answer_deinit(&answer);
    }
    /* a refusal without a body to read away keeps it as well */
    talk_send_text(&talk, "GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n"
                          "GET /echo?y HTTP/1.1\r\nHost: localhost\r\n\r\n");
    talk_take(&talk, false, &answer);
    assert_int_equal(answer.status, 404);
    talk_answer_deinit(&answer);
    talk_take(&talk, false, &answer);
    assert_string_equal(answer.body, "y");
    talk_answer_deinit(&answer);
    talk_close(&talk);
    talk_turn(&fixture->loop);
}

static void test_api_closes_when_asked_to(void **state)
{
    static const char *const requests[] = {
        "GET /echo?x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /echo?x HTTP/1.0\r\n\r\n"};
    struct fixture *fixture = *state;
    struct talk_answer answer;
    struct talk talk;

    for (size_t i = 0; i < 2; i++) {
        talk_open(&talk, &fixture->loop, fixture->path);
        talk_send_text(&talk, requests[i]);
        talk_take(&talk, false, &answer);
        assert_non_null(strstr(answer.head, "Connection: close\r\n"));
        talk_answer_deinit(&answer);
        talk_wait_closed(&talk);
        talk_close(&talk);
    }
}

static void test_api_pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;
    struct talk talk;
    char text[8192] = "";

    for (unsigned i = 0; i < 50; i++)
        sprintf(text + strlen(text), "GET /echo?%u HTTP/1.1\r\nHost: localhost\r\n\r\n", i);
    talk_open(&talk, &fixture->loop, fixture->path);
    talk_send_text(&talk, text);
    for (unsigned i = 0; i < 50; i++) {
        talk_take(&talk, false, &answer);
        assert_int_equal(strtoul(answer.body, NULL, 10), i);
        talk_answer_deinit(&answer);
    }
    talk_close(&talk);
    talk_turn(&fixture->loop);
}

static void test_api_request_in_single_bytes(void **state)
{
    static const char request[] =
        "PUT /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\n"
        "{\"a\":1}GET /echo?z HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct fixture *fixture = *state;
    struct talk_answer answer;
    struct talk talk;

    talk_open(&talk, &fixture->loop, fixture->path);
    for (size_t i = 0; i + 1 < sizeof(request); i++) {
        talk_send(&talk, request + i, 1);
        talk_turn(&fixture->loop);
    }
    talk_take(&talk, false, &answer);
    assert_string_equal(answer.body, "{\"a\":1}");
    talk_answer_deinit(&answer);
    talk_take(&talk, false, &answer);
    assert_string_equal(answer.body, "z");
    talk_answer_deinit(&answer);
    talk_close(&talk);
    talk_turn(&fixture->loop);
}

static void test_api_empty_lines_before_a_request(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;
    struct talk talk;

    talk_open(&talk, &fixture->loop, fixture->path);
    talk_send_text(&talk, "\r\nGET /echo?q HTTP/1.1\r\nHost: localhost\r\n\r\n");
    talk_take(&talk, false, &answer);
    assert_string_equal(answer.body, "q");
    talk_answer_deinit(&answer);
    talk_close(&talk);
    talk_turn(&fixture->loop);
}

/* --- bodies ------------------------------------------------------------------------------------
 */

static void test_api_json_body_comes_back(void **state)
{
    expect(*state, "PUT /echo", "Content-Type: application/json; charset=utf-8\r\n", "{\"a\":[1]}",
           200, "{\"a\":[1]}");
    expect(*state, "PUT /echo", "", "{\"a\":2}", 200, "{\"a\":2}");
    expect(*state, "PUT /echo", "", NULL, 200, "{}");
}

static void test_api_chunked_body(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;
    struct talk talk;

    talk_open(&talk, &fixture->loop, fixture->path);
    talk_send_text(&talk, "PUT /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
                          "\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n");
    talk_take(&talk, false, &answer);
    assert_string_equal(answer.body, "{\"a\":1}");
    talk_answer_deinit(&answer);
    talk_close(&talk);
    talk_turn(&fixture->loop);
}

static void test_api_bad_json_says_where(void **state)
{
    expect(*state, "PUT /echo", "", "{\"a\":\n 1,}", 400, "line 2, column 4");
    expect(*state, "PUT /echo", "", "[1]", 400, "must be a JSON object");
    expect(*state, "PUT /echo", "", "{\"a\":1,\"a\":2}", 400, "duplicate object key");
}

static void test_api_yaml_where_it_is_taken(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;

    talk_once(&fixture->loop, fixture->path, "POST /raw", "Content-Type: text/yaml\r\n", "a: 1\n",
              &answer);
    assert_non_null(strstr(answer.head, "Content-Type: text/yaml\r\n"));
    talk_answer_deinit(&answer);
    expect(fixture, "POST /raw", "Content-Type: application/json\r\n", "{}", 200, "{}");
    expect(fixture, "PUT /echo", "Content-Type: text/yaml\r\n", "a: 1", 415,
           "must be application/json");
}

static void test_api_other_types_are_refused(void **state)
{
    struct fixture *fixture = *state;

    expect(fixture, "PUT /echo", "Content-Type: application/x-www-form-urlencoded\r\n", "a=1", 415,
           "must be application/json");
    expect(fixture, "POST /raw", "Content-Type: text/plain\r\n", "a", 415, "application/yaml");
    expect(fixture, "PUT /echo", "Content-Encoding: gzip\r\n", "xx", 415, "application/json");
    expect(fixture, "GET /echo", "", "{}", 415, "takes no body");
    assert_int_equal(fixture->seen, 0);
}

static void test_api_body_limit_by_length(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;
    struct talk talk;

    /* refused by its head: nobody waits for the megabyte */
    talk_open(&talk, &fixture->loop, fixture->path);
    talk_send_text(&talk,
                   "PUT /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n");
    talk_take(&talk, false, &answer);
    assert_int_equal(answer.status, 413);
    assert_non_null(strstr(answer.head, "Connection: close\r\n"));
    talk_answer_deinit(&answer);
    talk_wait_closed(&talk);
    talk_close(&talk);
    assert_int_equal(fixture->seen, 0);
}

static void test_api_body_limit_by_chunks(void **state)
{
    struct fixture *fixture = *state;
    struct tn_api_limits limits = tn_api_limits_default;
    struct talk_answer answer;
    struct talk talk;
    char chunk[1100];

    limits.body_bytes = 2000;
    reopen(fixture, TN_API_OPERATE, limits);
    memset(chunk, ' ', sizeof(chunk));
    talk_open(&talk, &fixture->loop, fixture->path);
    talk_send_text(&talk, "PUT /echo HTTP/1.1\r\nHost: localhost\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 2; i++) {
        talk_send_text(&talk, "44c\r\n");
        talk_send(&talk, chunk, sizeof(chunk));
        talk_send_text(&talk, "\r\n");
    }
    talk_take(&talk, false, &answer);
    assert_int_equal(answer.status, 413);
    talk_answer_deinit(&answer);
    talk_wait_closed(&talk);
    talk_close(&talk);
}

static void test_api_a_whole_megabyte_is_taken(void **state)
{
    struct fixture *fixture = *state;
    size_t len = 1024 * 1024;
    struct talk_answer answer;
    struct talk talk;
    char head[256];
    char *body = malloc(len);

    assert_non_null(body);
    memset(body, ' ', len);
    memcpy(body, "{}", 2);
    snprintf(head, sizeof(head),
             "PUT /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", len);
    talk_open(&talk, &fixture->loop, fixture->path);
    talk_send_text(&talk, head);
    talk_send(&talk, body, len);
    talk_take(&talk, false, &answer);
    assert_int_equal(answer.status, 200);
    talk_answer_deinit(&answer);
    talk_close(&talk);
    talk_turn(&fixture->loop);
    free(body);
}

static void test_api_expect_continue(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;
    struct talk talk;

    talk_open(&talk, &fixture->loop, fixture->path);
    talk_send_text(&talk, "PUT /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                          "Content-Length: 2\r\n\r\n");
    talk_take(&talk, false, &answer);
    assert_int_equal(answer.status, 100);
    talk_answer_deinit(&answer);
    talk_send_text(&talk, "{}");
    talk_take(&talk, false, &answer);
    assert_int_equal(answer.status, 200);
    talk_answer_deinit(&answer);
    /* what is refused anyway is not asked for */
    talk_send_text(&talk, "PUT /none HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                          "Content-Length: 2\r\n\r\n");
    talk_take(&talk, false, &answer);
    assert_int_equal(answer.status, 404);
    talk_answer_deinit(&answer);
    talk_wait_closed(&talk);
    talk_close(&talk);
}

/* --- who and where -----------------------------------------------------------------------------
 */

static void test_api_unknown_path(void **state)
{
    expect(*state, "GET /nowhere", "", NULL, 404, "nothing at this path");
    expect(*state, "GET /echo/", "", NULL, 404, "nothing at this path");
}

static void test_api_other_method_says_which(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;

    talk_once(&fixture->loop, fixture->path, "POST /echo", "", "{}", &answer);
    assert_int_equal(answer.status, 405);
    assert_non_null(strstr(answer.head, "Allow: GET, HEAD, PUT\r\n"));
    talk_answer_deinit(&answer);
    expect(fixture, "GET /raw", "", NULL, 405, "this path answers POST");
    assert_int_equal(fixture->seen, 0);
}

static void test_api_reader_may_not_change(void **state)
{
    struct fixture *fixture = *state;

    reopen(fixture, TN_API_READ, tn_api_limits_default);
    expect(fixture, "PUT /echo", "", "{}", 403, "for reading only");
    expect(fixture, "GET /echo?x", "", NULL, 200, "x");
    assert_int_equal(fixture->seen, 1);
}

static void test_api_foreign_host_is_refused(void **state)
{
    static const struct {
        const char *host;
        unsigned status;
    } hosts[] = {{"localhost", 200},      {"LocalHost:9090", 200}, {"127.0.0.1:80", 200},
                 {"[::1]:9090", 200},     {"10.1.2.3", 421},       {"evil.example", 421},
                 {"localhost.evil", 421}, {"127.0.0.1.evil", 421}};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct talk_answer answer;
        struct talk talk;
        char text[256];

        snprintf(text, sizeof(text), "GET /echo HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i].host);
        talk_open(&talk, &fixture->loop, fixture->path);
        talk_send_text(&talk, text);
        talk_take(&talk, false, &answer);
        if (answer.status != hosts[i].status)
            fail_msg("Host: %s gave %u", hosts[i].host, answer.status);
        talk_answer_deinit(&answer);
        talk_close(&talk);
        talk_turn(&fixture->loop);
    }
}

static void test_api_foreign_origin_is_refused(void **state)
{
    struct fixture *fixture = *state;

    expect(fixture, "PUT /echo", "Origin: http://localhost\r\n", "{}", 200, "{}");
    expect(fixture, "PUT /echo", "Origin: http://evil.example\r\n", "{}", 403, "other origins");
    expect(fixture, "PUT /echo", "Origin: https://localhost\r\n", "{}", 403, "other origins");
    expect(fixture, "GET /echo", "Origin: null\r\n", NULL, 403, "other origins");
    expect(fixture, "GET /echo", "Origin: http://localhost:81\r\n", NULL, 403, "other origins");
    assert_int_equal(fixture->seen, 1);
}

static void test_api_broken_head_is_a_problem_and_the_end(void **state)
{
    static const struct {
        const char *bytes;
        unsigned status;
    } heads[] = {{"GET /echo HTTP/1.1\r\n\r\n", 400},
                 {"GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
                 {"GET /echo HTTP/2.0\r\nHost: localhost\r\n\r\n", 505},
                 {"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n", 405},
                 {"\x16\x03\x01 hello\r\n\r\n", 400},
                 {"PUT /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n",
                  400}};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct talk_answer answer;
        struct talk talk;

        talk_open(&talk, &fixture->loop, fixture->path);
        talk_send_text(&talk, heads[i].bytes);
        talk_take(&talk, false, &answer);
        if (answer.status != heads[i].status)
            fail_msg("%s gave %u", heads[i].bytes, answer.status);
        assert_non_null(strstr(answer.head, "application/problem+json"));
        talk_answer_deinit(&answer);
        talk_wait_closed(&talk);
        talk_close(&talk);
    }
    assert_int_equal(fixture->seen, 0);
}

static void test_api_if_match(void **state)
{
    expect(*state, "GET /if-match", "", NULL, 200, "none 0");
    expect(*state, "GET /if-match", "If-Match: *\r\n", NULL, 200, "none 0");
    expect(*state, "GET /if-match", "If-Match: \"17\"\r\n", NULL, 200, "given 17");
    expect(*state, "GET /if-match", "If-Match: 17\r\n", NULL, 200, "bad");
    expect(*state, "GET /if-match", "If-Match: \"\"\r\n", NULL, 200, "bad");
    expect(*state, "GET /if-match", "If-Match: \"x\"\r\n", NULL, 200, "bad");
    expect(*state, "GET /if-match", "If-Match: W/\"7\"\r\n", NULL, 200, "bad");
    expect(*state, "GET /if-match", "If-Match: \"1\"\r\nIf-Match: \"2\"\r\n", NULL, 200, "bad");
}

/* --- later, never, and too slow ----------------------------------------------------------------
 */

static void test_api_answer_may_come_later(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;
    struct talk talk;

    talk_open(&talk, &fixture->loop, fixture->path);
    talk_send_text(&talk, "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n"
                          "GET /echo?behind HTTP/1.1\r\nHost: localhost\r\n\r\n");
    talk_turn(&fixture->loop);
    assert_non_null(fixture->kept);
    assert_int_equal(fixture->seen, 1); /* the second waits for the first */
    expect(fixture, "GET /echo?other", "", NULL, 200, "other");
    tn_api_answer(fixture->kept, 200, "text/plain", TN_STR("late"));
    talk_take(&talk, false, &answer);
    assert_string_equal(answer.body, "late");
    talk_answer_deinit(&answer);
    talk_take(&talk, false, &answer);
    assert_string_equal(answer.body, "behind");
    talk_answer_deinit(&answer);
    talk_close(&talk);
    talk_turn(&fixture->loop);
}

static void test_api_client_may_leave_before_its_answer(void **state)
{
    struct fixture *fixture = *state;
    struct talk talk;

    talk_open(&talk, &fixture->loop, fixture->path);
    talk_send_text(&talk, "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
    talk_turn(&fixture->loop);
    talk_close(&talk);
    talk_turn(&fixture->loop);
    tn_api_problem(fixture->kept, 500, "nobody hears this");
    talk_turn(&fixture->loop);
}

/* What was done is not told as a failure when there is no memory for the words. */
static void test_api_answers_something_else_without_memory(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;
    struct talk talk;

    talk_open(&talk, &fixture->loop, fixture->path);
    for (int i = 0; i < 2; i++) {
        talk_send_text(&talk, "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
        talk_turn(&fixture->loop);
        tn_api_answer_json_or(fixture->kept, 200, i == 0 ? json_pack("{s:i}", "a", 1) : NULL,
                              "{\"b\":2}");
        fixture->kept = NULL;
        talk_take(&talk, false, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, i == 0 ? "{\"a\":1}" : "{\"b\":2}");
        talk_answer_deinit(&answer);
    }
    talk_close(&talk);
}

static void test_api_half_closed_client_gets_its_answer(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;
    struct talk talk;

    talk_open(&talk, &fixture->loop, fixture->path);
    talk_send_text(&talk, "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
    talk_shutdown(&talk);
    talk_turn(&fixture->loop);
    tn_api_answer(fixture->kept, 200, "text/plain", TN_STR("late"));
    talk_take(&talk, false, &answer);
    assert_string_equal(answer.body, "late");
    talk_answer_deinit(&answer);
    talk_wait_closed(&talk);
    talk_close(&talk);
}

static void test_api_close_with_a_call_under_way(void **state)
{
    struct fixture *fixture = *state;
    struct talk talk;

    talk_open(&talk, &fixture->loop, fixture->path);
    talk_send_text(&talk, "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
    talk_turn(&fixture->loop);
    close_server(fixture);
    talk_wait_closed(&talk);
    talk_close(&talk);
    tn_api_answer(fixture->kept, 200, "text/plain", TN_STR("after the end"));
}

static void test_api_large_answer_to_a_slow_reader(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;
    struct talk talk;

    talk_open(&talk, &fixture->loop, fixture->path);
    talk_send_text(&talk, "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"
                          "GET /echo?after HTTP/1.1\r\nHost: localhost\r\n\r\n");
    talk_turn(&fixture->loop);
    expect(fixture, "GET /echo?others", "", NULL, 200,
           "others"); /* nobody waits for the slow one */
    talk_take(&talk, false, &answer);
    assert_int_equal(answer.body_len, 8 * 1024 * 1024);
    talk_answer_deinit(&answer);
    talk_take(&talk, false, &answer);
    assert_string_equal(answer.body, "after");
    talk_answer_deinit(&answer);
    talk_close(&talk);
    talk_turn(&fixture->loop);
}

static void test_api_reader_that_never_reads_is_closed(void **state)
{
    struct fixture *fixture = *state;
    uint64_t start = virtual_time_ms();
    struct talk talk;

    talk_open(&talk, &fixture->loop, fixture->path);
    talk_send_text(&talk, "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
    talk_turn(&fixture->loop);
    assert_int_equal(fixture->loop.stream_count, 1);
    while (fixture->loop.stream_count > 0)
        uv_run(&fixture->loop.uv, UV_RUN_ONCE);
    assert_true(virtual_time_ms() - start >= tn_api_limits_default.write_ms);
    talk_close(&talk);
}

static void test_api_slow_head_and_slow_body(void **state)
{
    static const char *const parts[] = {"GET /echo HTT", "PUT /echo HTTP/1.1\r\nHost: localhost\r\n"
                                                         "Content-Length: 9\r\n\r\n{"};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < 2; i++) {
        uint64_t start = virtual_time_ms();
        struct talk_answer answer;
        struct talk talk;

        talk_open(&talk, &fixture->loop, fixture->path);
        talk_send_text(&talk, parts[i]);
        talk_take(&talk, false, &answer);
        assert_int_equal(answer.status, 408);
        assert_in_range(virtual_time_ms() - start, i == 0 ? 10000 : 30000, i == 0 ? 10200 : 30200);
        talk_answer_deinit(&answer);
        talk_wait_closed(&talk);
        talk_close(&talk);
    }
}

static void test_api_idle_connection_is_closed_without_a_word(void **state)
{
    struct fixture *fixture = *state;
    struct talk_answer answer;
    uint64_t start;
    struct talk talk;

    talk_open(&talk, &fixture->loop, fixture->path);
    talk_send_text(&talk, "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
    talk_take(&talk, false, &answer);
    talk_answer_deinit(&answer);
    start = virtual_time_ms();
    talk_wait_closed(&talk);
    assert_int_equal(talk.in_len, 0);
    assert_in_range(virtual_time_ms() - start, 60000, 60200);
    talk_close(&talk);
}

/* --- how many ----------------------------------------------------------------------------------
 */

static void test_api_idle_readers_make_room(void **state)
{
    struct fixture *fixture = *state;
    struct talk talks[64];

    for (size_t i = 0; i < 64; i++) {
        talk_open(&talks[i], &fixture->loop, fixture->path);
        talk_turn(&fixture->loop);
    }
    /* the 65th is served: the one that was idle longest goes */
    expect(fixture, "GET /echo?abort", "", NULL, 200, "abort");
    talk_wait_closed(&talks[0]);
    for (size_t i = 0; i < 64; i++)
        talk_close(&talks[i]);
    talk_turn(&fixture->loop);
}

static void test_api_busy_readers_do_not(void **state)
{
    struct fixture *fixture = *state;
    struct tn_api_limits limits = tn_api_limits_default;
    struct talk_answer answer;
    struct talk busy;
    struct talk more;

    limits.connections = 1;
    reopen(fixture, TN_API_OPERATE, limits);
    talk_open(&busy, &fixture->loop, fixture->path);
    talk_send_text(&busy, "GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
    talk_turn(&fixture->loop);
    talk_open(&more, &fixture->loop, fixture->path);
    talk_take(&more, false, &answer);
    assert_int_equal(answer.status, 503);
    talk_answer_deinit(&answer);
    talk_wait_closed(&more);
    talk_close(&more);
    tn_api_answer(fixture->kept, 200, "text/plain", TN_STR("done"));
    talk_take(&busy, false, &answer);
    assert_int_equal(answer.status, 200);
    talk_answer_deinit(&answer);
    talk_close(&busy);
    talk_turn(&fixture->loop);
}

static void test_api_socket_of_a_living_server_is_taken(void **state)
{
    struct fixture *fixture = *state;
    const struct tn_api_options options = {
        .loop = &fixture->loop, .clock = &fixed_clock, .limits = tn_api_limits_default};
    struct tn_api_server *second = NULL;

    assert_int_equal(tn_api_open_unix(&options, fixture->path, 0600, &second), -EADDRINUSE);
    assert_null(second);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_api_answers_with_date_type_and_length),
        TEST(test_api_head_has_the_length_and_no_body),
        TEST(test_api_no_content_has_no_body_fields),
        TEST(test_api_keeps_the_connection),
        TEST(test_api_closes_when_asked_to),
        TEST(test_api_pipelined_requests_are_answered_in_order),
        TEST(test_api_request_in_single_bytes),
        TEST(test_api_empty_lines_before_a_request),
        TEST(test_api_json_body_comes_back),
        TEST(test_api_chunked_body),
        TEST(test_api_bad_json_says_where),
        TEST(test_api_yaml_where_it_is_taken),
        TEST(test_api_other_types_are_refused),
        TEST(test_api_body_limit_by_length),
        TEST(test_api_body_limit_by_chunks),
        TEST(test_api_a_whole_megabyte_is_taken),
        TEST(test_api_expect_continue),
        TEST(test_api_unknown_path),
        TEST(test_api_other_method_says_which),
        TEST(test_api_reader_may_not_change),
        TEST(test_api_foreign_host_is_refused),
        TEST(test_api_foreign_origin_is_refused),
        TEST(test_api_broken_head_is_a_problem_and_the_end),
        TEST(test_api_if_match),
        TEST(test_api_answer_may_come_later),
        TEST(test_api_client_may_leave_before_its_answer),
        TEST(test_api_answers_something_else_without_memory),
        TEST(test_api_half_closed_client_gets_its_answer),
        TEST(test_api_close_with_a_call_under_way),
        TEST(test_api_large_answer_to_a_slow_reader),
        TEST(test_api_reader_that_never_reads_is_closed),
        TEST(test_api_slow_head_and_slow_body),
        TEST(test_api_idle_connection_is_closed_without_a_word),
        TEST(test_api_idle_readers_make_room),
        TEST(test_api_busy_readers_do_not),
        TEST(test_api_socket_of_a_living_server_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

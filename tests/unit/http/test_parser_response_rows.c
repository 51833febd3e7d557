/* The rows 37 and 38 of docs/reference/http.md that the parser decides, and bodies of responses. */
#include "tests/unit/http/feed.h"

#define OK "HTTP/1.1 200 OK\r\n"

static void test_parser_row_37_framing_of_responses(void **state)
{
    (void)state;
    REFUSE_RESPONSE(BAD_CONTENT_LENGTH,
                    OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n");
    REFUSE_RESPONSE(BAD_TRANSFER_ENCODING,
                    OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    REFUSE_RESPONSE(BAD_CONTENT_LENGTH, OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello");
    REFUSE_RESPONSE(BAD_CONTENT_LENGTH, OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello");
    REFUSE_RESPONSE(BAD_CONTENT_LENGTH, OK "Content-Length: -1\r\n\r\n");
    REFUSE_RESPONSE(BAD_CONTENT_LENGTH, OK "Content-Length: 18446744073709551616\r\n\r\n");
    REFUSE_RESPONSE(BAD_TRANSFER_ENCODING, OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
    REFUSE_RESPONSE(BAD_TRANSFER_ENCODING, OK "Transfer-Encoding: gzip\r\n\r\n");
    REFUSE_RESPONSE(BAD_TRANSFER_ENCODING, OK "Transfer-Encoding: identity\r\n\r\n");
    REFUSE_RESPONSE(BAD_TRANSFER_ENCODING, OK "Transfer-Encoding:\r\n\r\n");
    REFUSE_RESPONSE(BAD_TRANSFER_ENCODING,
                    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    REFUSE_RESPONSE(BAD_CHUNK, OK "Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n");
}

static void test_parser_row_37_bytes_of_responses(void **state)
{
    (void)state;
    REFUSE_RESPONSE(BAD_FIELD, OK "X: a\rb\r\n\r\n");
    REFUSE_RESPONSE(BAD_FIELD, OK "X: a\0b\r\n\r\n");
    REFUSE_RESPONSE(BAD_FIELD, OK "X: a\nY: b\r\n\r\n");
    REFUSE_RESPONSE(BAD_FIELD, OK "X: a\r\n b\r\n\r\n");
    REFUSE_RESPONSE(BAD_FIELD, OK "X : a\r\n\r\n");
    REFUSE_RESPONSE(BAD_FIELD, OK " X: a\r\n\r\n");
    REFUSE_RESPONSE(BAD_FIELD, OK "nothing\r\n\r\n");
}

static void test_parser_row_37_status_lines(void **state)
{
    (void)state;
    REFUSE_RESPONSE(BAD_STATUS_LINE, "garbage\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "Hello\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "\r\nHTTP/1.1 200 OK\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, " HTTP/1.1 200 OK\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "HTTP/2.0 200 OK\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "HTTP/0.9 200 OK\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "HTTP/1.2 200 OK\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "RTSP/1.0 200 OK\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "ICE/1.0 200 OK\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "HTTP/1.1 20 OK\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "HTTP/1.1 2000 OK\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "HTTP/1.1 099 No\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "HTTP/1.1 600 No\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "HTTP/1.1 999 No\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "HTTP/1.1  200 OK\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "HTTP/1.1\t200 OK\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "HTTP/1.1 200 OK\nX: y\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "HTTP/1.1 200 OK\r\rX: y\r\n\r\n");
    REFUSE_RESPONSE(BAD_STATUS_LINE, "HTTP/1.1 200\nX: y\r\n\r\n");
}

/* Heads of responses have the limits of heads of requests. */
static void test_parser_row_37_sizes_of_responses(void **state)
{
    static char bytes[1 << 20];
    size_t at = 0;

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    memcpy(bytes, BYTES(OK "X: "));
    expect_refused((struct feed_input){.bytes = bytes, .len = sizeof(bytes), .response = true},
                   TN_HTTP_E_HEAD_TOO_LARGE);
    memcpy(bytes, BYTES(OK));
    for (at = sizeof(OK) - 1; at < 100000; at += 6)
        memcpy(bytes + at, "x: y\r\n", 6);
    expect_refused((struct feed_input){.bytes = bytes, .len = at, .response = true},
                   TN_HTTP_E_TOO_MANY_FIELDS);
    memcpy(bytes, BYTES("HTTP/1.1 200 "));
    memset(bytes + 13, 'x', sizeof(bytes) - 13);
    expect_refused((struct feed_input){.bytes = bytes, .len = sizeof(bytes), .response = true},
                   TN_HTTP_E_HEAD_TOO_LARGE);
}

static void test_parser_row_37_interim_responses_with_framing(void **state)
{
    (void)state;
    REFUSE_RESPONSE(BAD_CONTENT_LENGTH, "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n");
    REFUSE_RESPONSE(BAD_CONTENT_LENGTH, "HTTP/1.1 104 X\r\nContent-Length: 5\r\n\r\nhello");
    REFUSE_RESPONSE(BAD_CONTENT_LENGTH, "HTTP/1.1 199 X\r\nContent-Length: 5\r\n\r\nhello");
    REFUSE_RESPONSE(BAD_TRANSFER_ENCODING,
                    "HTTP/1.1 103 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    REFUSE_RESPONSE(BAD_CONTENT_LENGTH, "HTTP/1.1 101 X\r\nContent-Length: 5\r\n\r\nhello");
    ACCEPT_RESPONSE("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" OK "\r\n",
                    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", NULL, 19);
}

static void test_parser_row_38_bytes_after_a_response(void **state)
{
    (void)state;
    ACCEPT_RESPONSE(OK "Content-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n",
                    OK "Content-Length: 3\r\n" DATE "\r\n", "abc", 17);
    ACCEPT_RESPONSE(OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nx",
                    OK DATE "Transfer-Encoding: chunked\r\n\r\n", "abc", 1);
    ACCEPT_RESPONSE("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nabc",
                    "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n" DATE "\r\n", NULL, 3);
}

static void test_parser_row_38_truncated_responses(void **state)
{
    static const char *const cases[] = {
        OK "Content-Length: 3\r\n\r\nab",
        OK "Content-Length: 3\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        OK "Content-Length: 3\r\n",
        "H",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_refused(
            (struct feed_input){
                .bytes = cases[i], .len = strlen(cases[i]), .response = true, .closes = true},
            TN_HTTP_E_TRUNCATED);
}

static void test_parser_body_until_close(void **state)
{
    const char *text = OK "X: y\r\n\r\nhello 0\r\n\r\nworld";
    const char *empty = OK "\r\n";

    (void)state;
    expect_accepted(
        (struct feed_input){.bytes = text, .len = strlen(text), .response = true, .closes = true},
        OK "X: y\r\n" DATE "Transfer-Encoding: chunked\r\n\r\n", "hello 0\r\n\r\nworld", 0);
    expect_accepted(
        (struct feed_input){.bytes = empty, .len = strlen(empty), .response = true, .closes = true},
        OK DATE "Transfer-Encoding: chunked\r\n\r\n", NULL, 0);
}

static void test_parser_responses_without_a_body(void **state)
{
    const char *head = OK "Content-Length: 5\r\n\r\nhello";
    const char *chunked = OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello";

    (void)state;
    expect_accepted(
        (struct feed_input){
            .bytes = head, .len = strlen(head), .response = true, .head_request = true},
        OK "Content-Length: 5\r\n" DATE "\r\n", NULL, 5);
    expect_accepted(
        (struct feed_input){
            .bytes = chunked, .len = strlen(chunked), .response = true, .head_request = true},
        OK DATE "\r\n", NULL, 8);
    ACCEPT_RESPONSE("HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n" DATE "\r\n",
                    NULL, 0);
    ACCEPT_RESPONSE("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
                    "HTTP/1.1 204 No Content\r\n" DATE "\r\n", NULL, 0);
}

/* Parses a whole head and gives it back. */
static const struct tn_http_head *parsed(const char *text)
{
    static struct feed_result result;
    struct feed_input input = {.bytes = text, .len = strlen(text), .response = true};

    feed(&input, input.len, 1, &result);
    assert_true(result.has_head);
    return &result.head;
}

static void test_parser_connections_that_may_be_used_again(void **state)
{
    (void)state;
    assert_true(parsed(OK "Content-Length: 0\r\n\r\n")->keep_alive);
    assert_true(parsed(OK "Content-Length: 0\r\nConnection: keep-alive\r\n\r\n")->keep_alive);
    assert_false(parsed(OK "Content-Length: 0\r\nConnection: x, Close\r\n\r\n")->keep_alive);
    assert_false(parsed(OK "Content-Length: 0\r\nConnection: keep-alive\r\n"
                           "Connection: close\r\n\r\n")
                     ->keep_alive);
    assert_false(parsed(OK "\r\n")->keep_alive);
    assert_true(parsed(OK "\r\n")->until_close);
    assert_false(parsed("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")->keep_alive);
    assert_true(parsed("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n")
                    ->keep_alive);
    /* a 204 with framing may be followed by a body */
    assert_true(parsed("HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n")->keep_alive);
    assert_false(parsed("HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n")->keep_alive);
    assert_false(parsed("HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n")->keep_alive);
    /* Proxy-Connection says nothing to us */
    assert_true(parsed(OK "Content-Length: 0\r\nProxy-Connection: close\r\n\r\n")->keep_alive);
}

static void test_parser_status_and_reason(void **state)
{
    const struct tn_http_head *head =
        parsed("HTTP/1.0 404 Not  here \r\nContent-Length: 0\r\n\r\n");

    (void)state;
    assert_int_equal(head->status, 404);
    assert_int_equal(head->version_minor, 0);
    assert_true(tn_str_equal(tn_http_view(head, head->reason), TN_STR("Not  here ")));
    head = parsed("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(head->status, 200);
    assert_int_equal(head->reason.len, 0);
    head = parsed("HTTP/1.1 599 ~\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(head->status, 599);
    head = parsed("HTTP/1.1 100\r\n\r\n");
    assert_int_equal(head->status, 100);
    head = parsed("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(head->reason.len, 0);
    head = parsed("HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_true(head->upgrade);
    assert_true(head->bodyless);
    head = parsed("HTTP/1.1 101 S\r\nConnection: Upgrade\r\n\r\n");
    assert_false(head->upgrade);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parser_row_37_framing_of_responses),
        cmocka_unit_test(test_parser_row_37_bytes_of_responses),
        cmocka_unit_test(test_parser_row_37_status_lines),
        cmocka_unit_test(test_parser_row_37_sizes_of_responses),
        cmocka_unit_test(test_parser_row_37_interim_responses_with_framing),
        cmocka_unit_test(test_parser_row_38_bytes_after_a_response),
        cmocka_unit_test(test_parser_row_38_truncated_responses),
        cmocka_unit_test(test_parser_body_until_close),
        cmocka_unit_test(test_parser_responses_without_a_body),
        cmocka_unit_test(test_parser_connections_that_may_be_used_again),
        cmocka_unit_test(test_parser_status_and_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A head as everybody sends it takes no step of llhttp, and is the same head as with it. */
#include "tests/unit/http/feed.h"

#include <stdlib.h>

static unsigned executions;

llhttp_errno_t __real_llhttp_execute(llhttp_t *llhttp, const char *data, size_t len);
llhttp_errno_t __wrap_llhttp_execute(llhttp_t *llhttp, const char *data, size_t len);

llhttp_errno_t __wrap_llhttp_execute(llhttp_t *llhttp, const char *data, size_t len)
{
    executions++;
    return __real_llhttp_execute(llhttp, data, len);
}

#define GET "GET /a HTTP/1.1\r\nHost: a\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"

static const struct {
    bool response;
    bool plain;
    const char *text;
} rows[] = {
    {false, true, GET "\r\n"},
    {false, true, "\r\n\r\n" GET "\r\n"},
    {false, true, "DELETE /a?b=c&d HTTP/1.0\r\n\r\n"},
    {false, true, "POST / HTTP/1.1\r\nHost:a\r\ncontent-length: 12\r\nConnection: close\r\n\r\n"},
    {false, true, GET "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"},
    {false, true, GET "X: \x80\xff seven! and eight bytes and more\r\n\r\n"},
    {false, false, GET},
    {false, false, "PURGE /a HTTP/1.1\r\nHost: a\r\n\r\n"},
    {false, false, "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {false, false, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
    {false, false, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {false, false, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 \r\n\r\n"},
    {false, false, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\t\r\n\r\n"},
    {false, false, GET "X:  two spaces\r\n\r\n"},
    {false, false, GET "X: a\tb\r\n\r\n"},
    {false, false, GET "X: \r\n\r\n"},
    {false, false, GET "X: a\r\n folded\r\n\r\n"},
    {false, false, GET "X : a\r\n\r\n"},
    {false, false, GET "X: a\n\r\n"},
    {false, false, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"},
    {false, false, "GET /a HTTP/1.1\r\n\r\n"},
    {true, true, OK "\r\n"},
    {true, true, "HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\n"},
    {true, true, "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"},
    {true, true, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"},
    {true, false, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {true, false, OK "Content-Length: 0\r\n\r\n"},
    {true, false, "HTTP/1.1 600 Odd\r\n\r\n"},
};

static struct feed_input input_of(size_t row, const char *bytes)
{
    return (struct feed_input){
        .bytes = bytes, .len = strlen(rows[row].text), .response = rows[row].response};
}

static void test_plain_head_needs_no_llhttp(void **state)
{
    struct feed_result *result = malloc(sizeof(*result));

    (void)state;
    assert_non_null(result);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct feed_input input = input_of(i, rows[i].text);

        executions = 0;
        feed(&input, input.len, 1, result);
        if ((executions == 0) != rows[i].plain)
            fail_msg("%u executions of llhttp for\n%s", executions, rows[i].text);
        assert_true(!rows[i].plain || result->has_head);
    }
    free(result);
}

/* Whole, and after its first byte, when it is llhttp's. */
static void compare_with_llhttp(size_t row, const char *bytes, struct feed_result *a,
                                struct feed_result *b)
{
    struct feed_input input = input_of(row, bytes);
    const char *difference;

    feed(&input, input.len, input.len, a);
    executions = 0;
    feed(&input, 1, input.len, b);
    difference = feed_difference(a, b);
    if (difference)
        fail_msg("without llhttp, this differs: %s of\n%s", difference, bytes);
}

static void test_plain_head_is_what_llhttp_reads_whatever_byte_changes(void **state)
{
    struct feed_result *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));

    (void)state;
    assert_true(a && b);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = strlen(rows[i].text);

        for (size_t at = 0; at < len; at++) {
            char *bytes = strdup(rows[i].text);

            assert_non_null(bytes);
            for (unsigned byte = 0; byte < 256; byte++) {
                bytes[at] = (char)byte;
                compare_with_llhttp(i, bytes, a, b);
            }
            free(bytes);
        }
    }
    free(a);
    free(b);
}

/* A field more than there is room for, and a head beyond its limit: refused as ever. */
static void test_plain_head_keeps_the_limits(void **state)
{
    static const struct tn_http_limits tight = {
        .request_line_bytes = 20, .head_bytes = 30, .field_count = 2};
    static const char *const texts[] = {
        "GET /a HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nA: b23456789012345678901234\r\n\r\n",
        "GET /a2345678901234 HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    static const enum tn_http_error errors[] = {TN_HTTP_E_TOO_MANY_FIELDS, TN_HTTP_E_HEAD_TOO_LARGE,
                                                TN_HTTP_E_REQUEST_LINE_TOO_LONG};
    struct feed_result *result = malloc(sizeof(*result));

    (void)state;
    assert_non_null(result);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct feed_input input = {.bytes = texts[i], .len = strlen(texts[i]), .limits = &tight};

        feed(&input, input.len, input.len, result);
        assert_string_equal(tn_http_error_text(result->error), tn_http_error_text(errors[i]));
    }
    free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_head_needs_no_llhttp),
        cmocka_unit_test(test_plain_head_is_what_llhttp_reads_whatever_byte_changes),
        cmocka_unit_test(test_plain_head_keeps_the_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Whatever byte stands at whatever place of a head: whole or cut, it is the same head. */
#include "tests/unit/http/feed.h"

#include <stdlib.h>

#define GET "GET /a HTTP/1.1\r\nHost: a\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"

static const struct {
    bool response;
    const char *text;
} rows[] = {
    {false, GET "\r\n"},
    {false, "\r\n\r\n" GET "\r\n"},
    {false, "DELETE /a?b=c&d HTTP/1.0\r\n\r\n"},
    {false, "POST / HTTP/1.1\r\nHost:a\r\ncontent-length: 12\r\nConnection: close\r\n\r\n"},
    {false, GET "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"},
    {false, GET "X: \x80\xff seven! and eight bytes and more\r\n\r\n"},
    {false, GET},
    {false, "PURGE /a HTTP/1.1\r\nHost: a\r\n\r\n"},
    {false, "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {false, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
    {false, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {false, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 \r\n\r\n"},
    {false, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\t\r\n\r\n"},
    {false, GET "X:  two spaces\r\n\r\n"},
    {false, GET "X: a\tb\r\n\r\n"},
    {false, GET "X: \r\n\r\n"},
    {false, GET "X: a\r\n folded\r\n\r\n"},
    {false, GET "X : a\r\n\r\n"},
    {false, GET "X: a\n\r\n"},
    {false, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"},
    {false, "GET /a HTTP/1.1\r\n\r\n"},
    {true, OK "\r\n"},
    {true, "HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\n"},
    {true, "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"},
    {true, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"},
    {true, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {true, OK "Content-Length: 0\r\n\r\n"},
    {true, "HTTP/1.1 600 Odd\r\n\r\n"},
};

static struct feed_input input_of(size_t row, const char *bytes)
{
    return (struct feed_input){
        .bytes = bytes, .len = strlen(rows[row].text), .response = rows[row].response};
}

/* Whole, and after its first byte. */
static void compare_cut(size_t row, const char *bytes, struct feed_result *a, struct feed_result *b)
{
    struct feed_input input = input_of(row, bytes);
    const char *difference;

    feed(&input, input.len, input.len, a);
    feed(&input, 1, input.len, b);
    difference = feed_difference(a, b);
    if (difference)
        fail_msg("cut after its first byte, this differs: %s of\n%s", difference, bytes);
}

static void test_parser_reads_the_same_whatever_byte_changes(void **state)
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
                compare_cut(i, bytes, a, b);
            }
            free(bytes);
        }
    }
    free(a);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parser_reads_the_same_whatever_byte_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

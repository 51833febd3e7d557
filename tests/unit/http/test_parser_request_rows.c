/* The rows 1 to 33 of docs/reference/http.md that the parser decides, by number. */
#include "tests/unit/http/feed.h"

#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define GET "GET / HTTP/1.1\r\nHost: a\r\n"

static void test_parser_row_01_length_and_coding(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING,
                   POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CONTENT_LENGTH,
                   POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CONTENT_LENGTH,
                   POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n");
}

static void test_parser_row_02_two_lengths_that_differ(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_CONTENT_LENGTH, POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!");
    REFUSE_REQUEST(BAD_CONTENT_LENGTH, POST "Content-Length: 5, 6\r\n\r\nhello!");
}

static void test_parser_row_03_two_equal_lengths(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_CONTENT_LENGTH, POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello");
    REFUSE_REQUEST(BAD_CONTENT_LENGTH, POST "Content-Length: 5, 5\r\n\r\nhello");
}

static void test_parser_row_04_lengths_that_are_no_number(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_CONTENT_LENGTH, POST "Content-Length: +5\r\n\r\nhello");
    REFUSE_REQUEST(BAD_CONTENT_LENGTH, POST "Content-Length: -0\r\n\r\n");
    REFUSE_REQUEST(BAD_CONTENT_LENGTH, POST "Content-Length: 0x10\r\n\r\nhello");
    REFUSE_REQUEST(BAD_CONTENT_LENGTH, POST "Content-Length: 1_0\r\n\r\nhello");
    REFUSE_REQUEST(BAD_CONTENT_LENGTH, POST "Content-Length: 5 5\r\n\r\nhello");
    REFUSE_REQUEST(BAD_CONTENT_LENGTH, POST "Content-Length:\r\n\r\n");
    REFUSE_REQUEST(BAD_CONTENT_LENGTH, POST "Content-Length: \r\n\r\n");
    REFUSE_REQUEST(BAD_CONTENT_LENGTH, POST "Content-Length: 5.0\r\n\r\nhello");
    REFUSE_REQUEST(BAD_CONTENT_LENGTH, POST "Content-Length: 99999999999999999999\r\n\r\n");
    REFUSE_REQUEST(BAD_CONTENT_LENGTH, POST "Content-Length: 18446744073709551615\r\n\r\n");
    REFUSE_REQUEST(BAD_CONTENT_LENGTH, POST "Content-Length: 9007199254740993\r\n\r\n");
}

static void test_parser_row_05_length_with_leading_zeros(void **state)
{
    (void)state;
    ACCEPT_REQUEST(POST "Content-Length: 005\r\n\r\nhello",
                   POST OURS("a") "Content-Length: 5\r\n\r\n", "hello", 0);
    ACCEPT_REQUEST(POST "Content-Length: 00\r\n\r\nGET", POST OURS("a") "Content-Length: 0\r\n\r\n",
                   NULL, 3);
}

static void test_parser_row_06_codings_other_than_chunked(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING, POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING, POST "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING, POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING,
                   POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING, POST "Transfer-Encoding: chunked;x=1\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING, POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, POST "Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, POST "content_length: 5\r\n\r\nhello");
}

static void test_parser_row_07_chunked_more_than_once(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING, POST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING, POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING,
                   POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING, POST "Transfer-Encoding: chunked\r\n"
                                               "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING, POST "Transfer-Encoding: gzip\r\n"
                                               "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

static void test_parser_row_08_white_space_around_chunked(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_FIELD, POST "Transfer-Encoding: \x0b"
                                   "chunked\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, POST "Transfer-Encoding: chunked\x0c\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, POST "Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING, POST "Transfer-Encoding: chunked\xa0\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, "POST / HTTP/1.1\r\n Host: a\r\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, "POST / HTTP/1.1\r\n\tHost: a\r\n\r\n");
    ACCEPT_REQUEST(POST "Transfer-Encoding:\t Chunked  \r\n\r\n0\r\n\r\n",
                   POST OURS("a") "Transfer-Encoding: chunked\r\n\r\n", NULL, 0);
    /* legal, but llhttp does not take it for chunked */
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING, POST "Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n");
}

static void test_parser_row_09_empty_coding(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING, POST "Transfer-Encoding:\r\nContent-Length: 5\r\n\r\n");
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING, POST "Transfer-Encoding:\r\n\r\nGET / HTTP/1.1\r\n");
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING, POST "Transfer-Encoding: ,\r\n\r\nGET / HTTP/1.1\r\n");
}

static void test_parser_row_10_coding_in_http_1_0(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_TRANSFER_ENCODING,
                   "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

static void test_parser_row_11_chunk_sizes_that_are_none(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "0x5\r\nhello\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "-1\r\nhello\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "+5\r\nhello\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "5_0\r\nhello\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED " 5\r\nhello\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "5 \r\nhello\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "\r\nhello\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED ";x\r\nhello\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "ZZ\r\nhello\r\n0\r\n\r\n");
}

static void test_parser_row_12_chunk_sizes_out_of_bounds(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "ffffffffffffffff\r\nhello\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "20000000000001\r\nhello\r\n0\r\n\r\n");
}

static void test_parser_row_13_chunk_data_and_size_disagree(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "3\r\nhello\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "5\r\nhello0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "5\r\nhello\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "5\r\nhelloXX0\r\n\r\n");
}

static void test_parser_row_14_chunk_extensions(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "5;a\0b\r\nhello\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "5;a\rb\r\nhello\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "5;a\nb\r\nhello\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "5\nhello\r\n0\r\n\r\n");
    ACCEPT_REQUEST(CHUNKED "5;a=b;c=\"d\";e\r\nhello\r\n0;z\r\n\r\n",
                   POST OURS("a") "Transfer-Encoding: chunked\r\n\r\n", "hello", 0);
}

/* `count` times a pattern of one text, between a head and a tail. */
static struct feed_input repeat(const char *before, const char *text, unsigned count,
                                const char *after)
{
    static char bytes[1 << 18];
    size_t before_len = strlen(before), len = strlen(text), at = before_len;

    assert_true(before_len + len * count + strlen(after) < sizeof(bytes));
    memcpy(bytes, before, before_len);
    for (unsigned i = 0; i < count; i++, at += len)
        memcpy(bytes + at, text, len);
    memcpy(bytes + at, after, strlen(after));
    return (struct feed_input){.bytes = bytes, .len = at + strlen(after)};
}

static void test_parser_row_15_floods_of_chunk_extensions(void **state)
{
    (void)state;
    expect_refused(repeat(CHUNKED "5;", "x", 65536, "\r\nhello\r\n0\r\n\r\n"),
                   TN_HTTP_E_CHUNK_OVERHEAD);
    expect_refused(repeat(CHUNKED, "1;0123456789\r\nx\r\n", 500, "0\r\n\r\n"),
                   TN_HTTP_E_CHUNK_OVERHEAD);
    expect_refused(repeat(CHUNKED, "0", 5000, "5\r\nhello\r\n0\r\n\r\n"), TN_HTTP_E_CHUNK_OVERHEAD);
    expect_refused(repeat(CHUNKED "5\r\nhello\r\n0;", "x", 5000, "\r\n\r\n"),
                   TN_HTTP_E_CHUNK_OVERHEAD);
    /* as many chunks as one likes, when they are written as short as can be */
    {
        static char body[2000];

        memset(body, 'x', sizeof(body) - 1);
        expect_accepted(repeat(CHUNKED, "1\r\nx\r\n", sizeof(body) - 1, "0\r\n\r\n"),
                        POST OURS("a") "Transfer-Encoding: chunked\r\n\r\n", body, 0);
    }
    /* the last byte of the budget, and one more; the ';' counts */
    expect_accepted(repeat(CHUNKED "5;", "x", 4095, "\r\nhello\r\n0\r\n\r\n"), NULL, "hello", 0);
    expect_refused(repeat(CHUNKED "5;", "x", 4096, "\r\nhello\r\n0\r\n\r\n"),
                   TN_HTTP_E_CHUNK_OVERHEAD);
}

static void test_parser_row_16_trailers(void **state)
{
    const char *written = POST OURS("a") "Transfer-Encoding: chunked\r\n\r\n";

    (void)state;
    ACCEPT_REQUEST(CHUNKED "5\r\nhello\r\n0\r\nHost: b\r\nAuthorization: x\r\nX-Version: green\r\n"
                           "Connection: close\r\n\r\nGET",
                   written, "hello", 3);
    expect_refused(repeat(CHUNKED "0\r\n", "a: b\r\n", 10000, "\r\n"),
                   TN_HTTP_E_TRAILERS_TOO_LARGE);
    expect_refused(repeat(CHUNKED "0\r\na:", " ", 10000, "b\r\n\r\n"),
                   TN_HTTP_E_TRAILERS_TOO_LARGE);
    /* the two that would frame are refused rather than dropped: nobody sends them by mistake */
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "0\r\nContent-Length: 5\r\n\r\nhello");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "0\r\na b: c\r\n\r\n");
    REFUSE_REQUEST(BAD_CHUNK, CHUNKED "0\r\na: c\n\r\n");
}

static void test_parser_row_17_bare_line_feed(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_REQUEST_LINE, "GET / HTTP/1.1\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, "GET / HTTP/1.1\r\nHost: a\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, "GET / HTTP/1.1\r\nHost: a\r\nX: b\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, "GET / HTTP/1.1\r\nHost: a\r\n\n");
    REFUSE_REQUEST(BAD_REQUEST_LINE, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void test_parser_row_18_bare_carriage_return(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_FIELD, GET "X: a\rb\r\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, GET "X: a\r\r\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, GET "\rX: a\r\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, GET "\rX");
    REFUSE_REQUEST(BAD_REQUEST_LINE, "GET / HTTP/1.1\rX");
    REFUSE_REQUEST(BAD_REQUEST_LINE, "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_REQUEST_LINE, "\r\rGET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void test_parser_row_19_control_bytes_in_values(void **state)
{
    char text[] = GET "X: a?b\r\n\r\n";
    char *at = strchr(text, '?');

    (void)state;
    for (int c = 0; c < 256; c++) {
        struct feed_input input = {.bytes = text, .len = sizeof(text) - 1};
        bool bad = (c < 0x20 && c != '\t') || c == 0x7f;

        *at = (char)c;
        if (bad)
            expect_refused(input, TN_HTTP_E_BAD_FIELD);
        else
            expect_accepted(input, NULL, NULL, 0);
    }
}

static void test_parser_row_20_field_names(void **state)
{
    char text[] = GET "X?Y: ab\r\n\r\n";
    char *at = strchr(text, '?');

    (void)state;
    REFUSE_REQUEST(BAD_FIELD, GET ": x\r\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, GET "no colon\r\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, GET "nocolon\r\n\r\n");
    for (int c = 1; c < 256; c++) {
        struct feed_input input = {.bytes = text, .len = sizeof(text) - 1};
        bool token = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     strchr("!#$%&'*+-.^_`|~", c) != NULL;

        *at = (char)c;
        if (token || c == ':')
            expect_accepted(input, NULL, NULL, 0);
        else
            expect_refused(input, TN_HTTP_E_BAD_FIELD);
    }
}

static void test_parser_row_21_folded_lines(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_FIELD, GET "X: a\r\n b\r\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, GET "X: a\r\n\tb\r\n\r\n");
    REFUSE_REQUEST(BAD_FIELD, GET "X: a\r\n \r\n\r\n");
}

static void test_parser_row_22_host(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_HOST, "GET / HTTP/1.1\r\n\r\n");
    REFUSE_REQUEST(BAD_HOST, "GET / HTTP/1.1\r\nX: a\r\n\r\n");
    REFUSE_REQUEST(BAD_HOST, "GET / HTTP/1.1\r\nHost:\r\n\r\n");
    REFUSE_REQUEST(BAD_HOST, "GET / HTTP/1.1\r\nHost: \t\r\n\r\n");
    REFUSE_REQUEST(BAD_HOST, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    REFUSE_REQUEST(BAD_HOST, "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_HOST, "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_HOST, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n");
    REFUSE_REQUEST(BAD_HOST, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n");
    REFUSE_REQUEST(BAD_HOST, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n");
    REFUSE_REQUEST(BAD_HOST, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
    ACCEPT_REQUEST(
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: \r\nVia: 1.0 turnout-1\r\nX-Forwarded-For: 192.0.2.7\r\n"
        "X-Forwarded-Proto: http\r\nX-Request-Id: made-1\r\n\r\n",
        NULL, 0);
}

static void test_parser_row_23_absolute_form(void **state)
{
    (void)state;
    ACCEPT_REQUEST("GET http://b:8080/x?y HTTP/1.1\r\nX: 1\r\nHost: a\r\nZ: 2\r\n\r\n",
                   "GET /x?y HTTP/1.1\r\nX: 1\r\nZ: 2\r\nHost: b:8080\r\n" OURS("b:8080") "\r\n",
                   NULL, 0);
    ACCEPT_REQUEST("GET HTTPS://169.254.169.254/ HTTP/1.1\r\nHost: a\r\n\r\n",
                   "GET / HTTP/1.1\r\nHost: 169.254.169.254\r\n" OURS("169.254.169.254") "\r\n",
                   NULL, 0);
    ACCEPT_REQUEST("GET http://b HTTP/1.1\r\nHost: a\r\n\r\n",
                   "GET / HTTP/1.1\r\nHost: b\r\n" OURS("b") "\r\n", NULL, 0);
    ACCEPT_REQUEST("GET http://b?x=/y HTTP/1.1\r\nHost: a\r\n\r\n",
                   "GET /?x=/y HTTP/1.1\r\nHost: b\r\n" OURS("b") "\r\n", NULL, 0);
    ACCEPT_REQUEST("OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n",
                   "OPTIONS * HTTP/1.1\r\nHost: b\r\n" OURS("b") "\r\n", NULL, 0);
    ACCEPT_REQUEST("OPTIONS http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
                   "OPTIONS / HTTP/1.1\r\nHost: b\r\n" OURS("b") "\r\n", NULL, 0);
    ACCEPT_REQUEST("GET http://b/ HTTP/1.0\r\n\r\n",
                   "GET / HTTP/1.1\r\nHost: b\r\n" OURS_1("0", "b") "\r\n", NULL, 0);
    REFUSE_REQUEST(BAD_HOST, "GET http://u:p@b/ HTTP/1.1\r\nHost: b\r\n\r\n");
    REFUSE_REQUEST(BAD_HOST, "GET http://b/ HTTP/1.1\r\n\r\n");
    REFUSE_REQUEST(BAD_HOST, "GET http://b/ HTTP/1.1\r\nHost: b\r\nHost: b\r\n\r\n");
    REFUSE_REQUEST(BAD_HOST, "GET http://b/ HTTP/1.1\r\nHost: u@b\r\n\r\n");
    REFUSE_REQUEST(BAD_TARGET, "GET ftp://b/ HTTP/1.1\r\nHost: b\r\n\r\n");
    REFUSE_REQUEST(BAD_TARGET, "GET file:///etc/passwd HTTP/1.1\r\nHost: b\r\n\r\n");
}

static void test_parser_row_24_connect_and_trace(void **state)
{
    (void)state;
    REFUSE_REQUEST(METHOD_REFUSED, "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n");
    REFUSE_REQUEST(METHOD_REFUSED, "TRACE / HTTP/1.1\r\nHost: b\r\n\r\n");
    assert_int_equal(tn_http_error_status(TN_HTTP_E_METHOD_REFUSED), 405);
}

static void test_parser_row_25_targets(void **state)
{
    char text[] = "GET /p? HTTP/1.1\r\nHost: a\r\n\r\n";
    char *at = strchr(text, '?');

    (void)state;
    REFUSE_REQUEST(BAD_TARGET, "GET * HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_TARGET, "GET x HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_TARGET, "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_TARGET, "GET /x#f HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_TARGET, "GET /x?y#f HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_TARGET, "GET /x\0 HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_REQUEST_LINE, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_REQUEST_LINE, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_REQUEST_LINE, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n");
    ACCEPT_REQUEST("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
                   "OPTIONS * HTTP/1.1\r\nHost: a\r\n" OURS("a") "\r\n", NULL, 0);
    for (int c = 0x80; c < 256; c++) {
        *at = (char)c;
        expect_refused((struct feed_input){.bytes = text, .len = sizeof(text) - 1},
                       TN_HTTP_E_BAD_TARGET);
    }
}

static void test_parser_row_26_other_protocols(void **state)
{
    (void)state;
    REFUSE_REQUEST(BAD_VERSION, "GET /x\r\n");
    REFUSE_REQUEST(BAD_VERSION, "GET /x\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    REFUSE_REQUEST(BAD_VERSION, "GET / HTTP/0.9\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_VERSION, "GET / HTTP/2.0\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_VERSION, "GET / HTTP/1.2\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_VERSION, "GET / HTTP/3.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_VERSION, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    REFUSE_REQUEST(BAD_VERSION, "OPTIONS / RTSP/1.0\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_VERSION, "SOURCE /x ICE/1.0\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(METHOD_UNKNOWN, "SOURCE /x HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(METHOD_UNKNOWN, "FOO / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(METHOD_UNKNOWN, "get / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(METHOD_UNKNOWN, "AX / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(METHOD_UNKNOWN, "aZ / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(METHOD_UNKNOWN, "M-Zz / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_REQUEST_LINE, "DESCRIBE / XTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(METHOD_UNKNOWN, "GETX / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(METHOD_UNKNOWN, "DESCRIBE / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_REQUEST_LINE, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    REFUSE_REQUEST(BAD_REQUEST_LINE, "G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_REQUEST_LINE, "GET / http/1.1\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(BAD_REQUEST_LINE, "GET / HTTP/1.1x\r\nHost: a\r\n\r\n");
    REFUSE_REQUEST(METHOD_UNKNOWN, "HTTP/1.1 200 OK\r\n\r\n");
}

static void test_parser_row_27_sizes(void **state)
{
    (void)state;
    expect_refused(repeat("GET /", "x", 65536, " HTTP/1.1\r\nHost: a\r\n\r\n"),
                   TN_HTTP_E_REQUEST_LINE_TOO_LONG);
    expect_accepted(repeat("GET /", "x", 8192 - 14, " HTTP/1.1\r\nHost: a\r\n\r\n"), NULL, NULL, 0);
    expect_refused(repeat("GET /", "x", 8192 - 13, " HTTP/1.1\r\nHost: a\r\n\r\n"),
                   TN_HTTP_E_REQUEST_LINE_TOO_LONG);
    expect_refused(repeat(GET "X: ", "x", 65536, "\r\n\r\n"), TN_HTTP_E_HEAD_TOO_LARGE);
    expect_refused(repeat(GET, "X", 65536, ": a\r\n\r\n"), TN_HTTP_E_HEAD_TOO_LARGE);
    expect_refused(repeat("GET ", " ", 65536, "/ HTTP/1.1\r\nHost: a\r\n\r\n"),
                   TN_HTTP_E_HEAD_TOO_LARGE);
    expect_refused(repeat(GET "X:", " ", 65536, "a\r\n\r\n"), TN_HTTP_E_HEAD_TOO_LARGE);
    /* 32768 = "Host: a" and its line end, "X: " and its line end, the empty line, and the rest */
    expect_accepted(repeat(GET "X: ", "x", 32768 - 9 - 5 - 2, "\r\n\r\n"), NULL, NULL, 0);
    expect_refused(repeat(GET "X: ", "x", 32768 - 9 - 5 - 1, "\r\n\r\n"), TN_HTTP_E_HEAD_TOO_LARGE);
    expect_refused(repeat(GET, "X: y\r\n", 10000, "\r\n"), TN_HTTP_E_TOO_MANY_FIELDS);
    expect_refused(repeat(GET, "X: y\r\n", 100, "\r\n"), TN_HTTP_E_TOO_MANY_FIELDS);
    expect_accepted(repeat(GET, "X: y\r\n", 99, "\r\n"), NULL, NULL, 0);
}

static void test_parser_row_29_expectations(void **state)
{
    (void)state;
    ACCEPT_REQUEST(POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
                   POST "Expect: 100-Continue\r\nContent-Length: 1\r\n" OURS("a") "\r\n", "x", 0);
    REFUSE_REQUEST(BAD_EXPECT, POST "Expect: 200-ok\r\nContent-Length: 1\r\n\r\nx");
    REFUSE_REQUEST(BAD_EXPECT, POST "Expect: 100-continue, x\r\nContent-Length: 1\r\n\r\nx");
    REFUSE_REQUEST(BAD_EXPECT, POST "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n");
    /* nobody waits where there is no body, nor in HTTP/1.0 */
    ACCEPT_REQUEST(GET "Expect: 100-continue\r\n\r\n", GET OURS("a") "\r\n", NULL, 0);
    ACCEPT_REQUEST("POST / HTTP/1.0\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 1\r\n\r\nx",
                   POST "Content-Length: 1\r\n" OURS_1("0", "a") "\r\n", "x", 0);
}

static void test_parser_row_30_upgrade_is_a_request_like_any(void **state)
{
    (void)state;
    ACCEPT_REQUEST(GET "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
                   GET OURS("a") "\r\n", NULL, 7);
    ACCEPT_REQUEST(POST "Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                        "HTTP2-Settings: AAMAAABk\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "5\r\nhello\r\n0\r\n\r\nGET",
                   POST OURS("a") "Transfer-Encoding: chunked\r\n\r\n", "hello", 3);
}

static void test_parser_row_31_fields_that_connection_names(void **state)
{
    (void)state;
    ACCEPT_REQUEST(POST "Connection: X-Forwarded-For, x-request-id, Host, Content-Length, X-One\r\n"
                        "X-Forwarded-For: 6.6.6.6\r\nX-Request-Id: theirs\r\nX-One: 1\r\n"
                        "X-Two: 2\r\nContent-Length: 2\r\n\r\nab",
                   POST "X-Two: 2\r\nContent-Length: 2\r\n" OURS("a") "\r\n", "ab", 0);
    expect_refused(repeat(GET "Connection: a", ",b", 32, "\r\n\r\n"), TN_HTTP_E_BAD_FIELD);
    expect_accepted(repeat(GET "Connection: a", ",b", 31, "\r\n\r\n"), GET OURS("a") "\r\n", NULL,
                    0);
}

static void test_parser_row_32_internal_fields(void **state)
{
    (void)state;
    ACCEPT_REQUEST(GET "Turnout-Shadow: 1\r\nturnout_version: green\r\nTURNOUT-: x\r\n"
                       "X_Forwarded_For: 6.6.6.6\r\nx_forwarded-host: evil\r\nX_Canary: always\r\n"
                       "Turnouts: kept\r\n\r\n",
                   GET "X_Canary: always\r\nTurnouts: kept\r\n" OURS("a") "\r\n", NULL, 0);
}

static void test_parser_row_33_pipelining_leaves_the_next_alone(void **state)
{
    (void)state;
    ACCEPT_REQUEST(POST "Content-Length: 3\r\n\r\nabcBAD \x01 REQUEST\r\n\r\n",
                   POST "Content-Length: 3\r\n" OURS("a") "\r\n", "abc", 17);
    ACCEPT_REQUEST(GET "Connection: close\r\n\r\nGET / HTTP/1.1\r\n\r\n", GET OURS("a") "\r\n",
                   NULL, 18);
}

static void test_parser_empty_lines_before_a_request(void **state)
{
    (void)state;
    ACCEPT_REQUEST("\r\n" GET "\r\n", GET OURS("a") "\r\n", NULL, 0);
    ACCEPT_REQUEST("\r\n\r\n" GET "\r\n", GET OURS("a") "\r\n", NULL, 0);
    REFUSE_REQUEST(BAD_REQUEST_LINE, "\r\n\r\n\r\n" GET "\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parser_row_01_length_and_coding),
        cmocka_unit_test(test_parser_row_02_two_lengths_that_differ),
        cmocka_unit_test(test_parser_row_03_two_equal_lengths),
        cmocka_unit_test(test_parser_row_04_lengths_that_are_no_number),
        cmocka_unit_test(test_parser_row_05_length_with_leading_zeros),
        cmocka_unit_test(test_parser_row_06_codings_other_than_chunked),
        cmocka_unit_test(test_parser_row_07_chunked_more_than_once),
        cmocka_unit_test(test_parser_row_08_white_space_around_chunked),
        cmocka_unit_test(test_parser_row_09_empty_coding),
        cmocka_unit_test(test_parser_row_10_coding_in_http_1_0),
        cmocka_unit_test(test_parser_row_11_chunk_sizes_that_are_none),
        cmocka_unit_test(test_parser_row_12_chunk_sizes_out_of_bounds),
        cmocka_unit_test(test_parser_row_13_chunk_data_and_size_disagree),
        cmocka_unit_test(test_parser_row_14_chunk_extensions),
        cmocka_unit_test(test_parser_row_15_floods_of_chunk_extensions),
        cmocka_unit_test(test_parser_row_16_trailers),
        cmocka_unit_test(test_parser_row_17_bare_line_feed),
        cmocka_unit_test(test_parser_row_18_bare_carriage_return),
        cmocka_unit_test(test_parser_row_19_control_bytes_in_values),
        cmocka_unit_test(test_parser_row_20_field_names),
        cmocka_unit_test(test_parser_row_21_folded_lines),
        cmocka_unit_test(test_parser_row_22_host),
        cmocka_unit_test(test_parser_row_23_absolute_form),
        cmocka_unit_test(test_parser_row_24_connect_and_trace),
        cmocka_unit_test(test_parser_row_25_targets),
        cmocka_unit_test(test_parser_row_26_other_protocols),
        cmocka_unit_test(test_parser_row_27_sizes),
        cmocka_unit_test(test_parser_row_29_expectations),
        cmocka_unit_test(test_parser_row_30_upgrade_is_a_request_like_any),
        cmocka_unit_test(test_parser_row_31_fields_that_connection_names),
        cmocka_unit_test(test_parser_row_32_internal_fields),
        cmocka_unit_test(test_parser_row_33_pipelining_leaves_the_next_alone),
        cmocka_unit_test(test_parser_empty_lines_before_a_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Whatever head is accepted, what is written for it is in normal form under a grammar of its own,
 * and says the same when it is read again. Inputs: heads put together from parts that have been
 * trouble somewhere, with a few bytes changed. The seed is fixed; a failure prints the case.
 */
#include "lib/base/random.h"
#include "tests/support/http_oracle.h"
#include "tests/unit/http/feed.h"

#include <stdio.h>

#define ROUNDS 60000
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct tn_random source;
static char text[4096];
static size_t text_len;

static unsigned below(unsigned limit)
{
    return (unsigned)(tn_random_u64(&source) % limit);
}

static void add(const char *part)
{
    size_t len = strlen(part);

    assert_true(text_len + len < sizeof(text));
    memcpy(text + text_len, part, len);
    text_len += len;
}

#define ADD_ONE(parts) add((parts)[below(COUNT(parts))])

static const char *const methods[] = {"GET",   "POST",  "PUT",    "HEAD",    "OPTIONS",
                                      "PATCH", "PURGE", "DELETE", "CONNECT", "QUERY"};
static const char *const targets[] = {
    "/",        "/a/b?c=d", "*",  "http://b/x?y", "http://b",    "http://b?q", "https://[::1]:80",
    "//x",      "/%7B%",    "/?", "/a|b?{c}",     "http://u@b/", "/x\\y",      "/\"",
    "ftp://b/", "/a#b",
};
static const char *const versions[] = {" HTTP/1.1\r\n", " HTTP/1.1\r\n", " HTTP/1.1\r\n",
                                       " HTTP/1.0\r\n", " HTTP/1.2\r\n", "  HTTP/1.1\r\n",
                                       "\r\n"};
static const char *const status_lines[] = {
    "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200\r\n",          "HTTP/1.0 404 No\r\n",
    "HTTP/1.1 204 X\r\n",  "HTTP/1.1 304 Y\r\n",        "HTTP/1.1 103 Hints\r\n",
    "HTTP/1.1 101 S\r\n",  "HTTP/1.1 500 \x80\x01\r\n", "HTTP/1.1 999 Z\r\n",
};
static const char *const lines[] = {
    "Host: a\r\n",
    "host:b:80\r\n",
    "Host: \r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "content-length:\t007 \r\n",
    "Content-Length: 5, 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "transfer-encoding:chunked \r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: chunked\t\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive, X-A\r\n",
    "Connection: upgrade\r\n",
    "Connection: Host, Content-Length, Via, ,,\r\n",
    "Upgrade: websocket\r\n",
    "Upgrade: h2c, x\r\n",
    "HTTP2-Settings: x\r\n",
    "Keep-Alive: 5\r\n",
    "TE: trailers\r\n",
    "Trailer: x\r\n",
    "Proxy-Connection: close\r\n",
    "X-A: 1\r\n",
    "x-a:\r\n",
    "X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\n",
    "X-Forwarded-For:\r\n",
    "X-Forwarded-Host: c\r\n",
    "X-Forwarded-Proto: https\r\n",
    "X_Forwarded_For: 6\r\n",
    "Forwarded: for=x\r\n",
    "Via: 1.1 x\r\n",
    "Via: 1.1 turnout-1\r\n",
    "Via: ,, x\r\n",
    "X-Request-Id: abc\r\n",
    "X-Request-Id: \x80\r\n",
    "Turnout-Shadow: 1\r\n",
    "turnout_x: 1\r\n",
    "Cookie: a=b\r\n",
    "Set-Cookie: a=b\r\n",
    "Set-Cookie: c=d\r\n",
    "Cache-Control: public, s-maxage=\"5,\"\r\n",
    "Cache-Control: \"\r\n",
    "Cache-Control: private=\"a\", no-cache\r\n",
    "Date: x\r\n",
    "Expect: 100-continue\r\n",
    "Expect: x\r\n",
    "Max-Forwards: 3\r\n",
    "Max-Forwards: x\r\n",
    "A: b\n",
    " A: b\r\n",
    "A : b\r\n",
    "A\r\n",
    ": b\r\n",
    "Content_Length: 5\r\n",
};
static const char *const bodies[] = {
    "",
    "hello",
    "5\r\nhello\r\n0\r\n\r\n",
    "5;x=\"y\"\r\nhello\r\n00\r\nA: b\r\n\r\nGET",
    "5\r\nhel",
    "0\r\n\r\n",
    "1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
    "fffffffffffffffff\r\n",
    "5\nhello\n0\n\n",
};

static void change_some_bytes(void)
{
    static const char interesting[] = {'\r', '\n', '\0', ' ', '\t',   ':',    ',', ';', '"',
                                       '/',  '@',  '0',  'c', '\x80', '\x7f', '_', '-'};

    for (unsigned i = below(4); i > 0; i--) {
        size_t at = below((unsigned)text_len);

        switch (below(3)) {
        case 0:
            text[at] = interesting[below(sizeof(interesting))];
            break;
        case 1:
            memmove(text + at, text + at + 1, text_len - at - 1);
            text_len--;
            break;
        default:
            text[at] = text[below((unsigned)text_len)];
            break;
        }
    }
}

static void make_message(bool response)
{
    text_len = 0;
    if (response) {
        ADD_ONE(status_lines);
    } else {
        if (below(20) == 0)
            add("\r\n");
        ADD_ONE(methods);
        add(" ");
        ADD_ONE(targets);
        ADD_ONE(versions);
        if (below(8) > 0)
            add("Host: a\r\n");
    }
    for (unsigned i = below(8); i > 0; i--)
        ADD_ONE(lines);
    add("\r\n");
    ADD_ONE(bodies);
    if (below(4) == 0)
        change_some_bytes();
}

static unsigned run(bool response)
{
    unsigned accepted = 0;

    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned flags = below(128) | (response ? ORACLE_RESPONSE : 0);

        make_message(response);
        accepted += http_oracle(text, text_len, flags, below(4096));
    }
    return accepted;
}

/* The share is checked so that the test cannot come to test refusals only. */
static void test_property_requests(void **state)
{
    unsigned accepted;

    (void)state;
    tn_random_init_seeded(&source, 20261103);
    accepted = run(false);
    print_message("%u of %u accepted\n", accepted, ROUNDS);
    assert_in_range(accepted, ROUNDS / 20, ROUNDS / 2);
}

static void test_property_responses(void **state)
{
    unsigned accepted;

    (void)state;
    tn_random_init_seeded(&source, 20261104);
    accepted = run(true);
    print_message("%u of %u accepted\n", accepted, ROUNDS);
    assert_in_range(accepted, ROUNDS / 20, ROUNDS * 9 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_property_requests),
        cmocka_unit_test(test_property_responses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/support/http_strict.h"
#include "tests/unit/http/feed.h"

#include <errno.h>
#include <stdlib.h>

static bool chunked, closing;
static bool answers_head;

static const struct tn_http_head *parsed(const char *text)
{
    static struct feed_result result;
    struct feed_input input = {.bytes = text, .len = strlen(text), .response = true};

    input.head_request = answers_head;
    feed(&input, input.len, 1, &result);
    assert_true(result.has_head);
    return &result.head;
}

static const char *written(const char *text, const struct tn_http_forward_response *how)
{
    static char buffer[4096];
    int len;
    const char *wrong;

    len = tn_http_write_response(parsed(text), how, buffer, sizeof(buffer) - 1, &chunked, &closing);
    assert_true(len > 0);
    buffer[len] = '\0';
    wrong = strict_response_head(buffer, (size_t)len, chunked, closing);
    if (wrong)
        fail_msg("%s in\n%s", wrong, buffer);
    return buffer;
}

#define OK "HTTP/1.1 200 OK\r\n"

static void test_response_keeps_what_passes(void **state)
{
    (void)state;
    assert_string_equal(written("HTTP/1.0 200 Fine then\r\nset-cookie: a=1\r\nX-A: 1\r\n"
                                "Connection: keep-alive, X-a\r\nKeep-Alive: timeout=5\r\n"
                                "Set-Cookie: b=2\r\nServer:x \r\nUpgrade: h2c\r\nTrailer: X\r\n"
                                "Date: then\r\nContent-Length: 3\r\nETag: \"e\"\r\n\r\n",
                                &feed_response),
                        "HTTP/1.1 200 Fine then\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\n"
                        "Server: x\r\nDate: then\r\nContent-Length: 3\r\nETag: \"e\"\r\n\r\n");
    assert_false(chunked);
    assert_false(closing);
}

static void test_response_reason_is_plain_text(void **state)
{
    (void)state;
    assert_string_equal(written("HTTP/1.1 404 N\x01o\r\nContent-Length: 0\r\n\r\n", &feed_response),
                        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n" DATE "\r\n");
    assert_string_equal(written("HTTP/1.1 404 ~ \x7f\r\nContent-Length: 0\r\n\r\n", &feed_response),
                        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n" DATE "\r\n");
    assert_string_equal(written("HTTP/1.1 404 ~ z\r\nContent-Length: 0\r\n\r\n", &feed_response),
                        "HTTP/1.1 404 ~ z\r\nContent-Length: 0\r\n" DATE "\r\n");
    assert_string_equal(written("HTTP/1.1 404 N\xffo\r\nContent-Length: 0\r\n\r\n", &feed_response),
                        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n" DATE "\r\n");
    assert_string_equal(written("HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n", &feed_response),
                        "HTTP/1.1 299 \r\nContent-Length: 0\r\n" DATE "\r\n");
}

static void test_response_framing_for_each_client(void **state)
{
    static const struct {
        const char *fields;
        uint8_t minor;
        bool keep_alive;
        const char *want;
        bool chunked, close;
    } cases[] = {
        {"Content-Length: 3\r\n", 1, true, "Content-Length: 3\r\n" DATE, false, false},
        {"Content-Length: 003\r\n", 1, true, DATE "Content-Length: 3\r\n", false, false},
        {"Content-Length: 00\r\n", 1, true, DATE "Content-Length: 0\r\n", false, false},
        {"Content-Length: 3\r\n", 1, false, "Content-Length: 3\r\n" DATE "Connection: close\r\n",
         false, true},
        {"Content-Length: 3\r\n", 0, true,
         "Content-Length: 3\r\n" DATE "Connection: keep-alive\r\n", false, false},
        {"Content-Length: 3\r\n", 0, false, "Content-Length: 3\r\n" DATE "Connection: close\r\n",
         false, true},
        {"Transfer-Encoding: chunked\r\n", 1, true, DATE "Transfer-Encoding: chunked\r\n", true,
         false},
        {"Transfer-Encoding: Chunked\r\n", 1, false,
         DATE "Transfer-Encoding: chunked\r\nConnection: close\r\n", true, true},
        {"Transfer-Encoding: chunked\r\n", 0, true, DATE "Connection: close\r\n", false, true},
        {"", 1, true, DATE "Transfer-Encoding: chunked\r\n", true, false},
        {"Connection: close\r\n", 1, true, DATE "Transfer-Encoding: chunked\r\n", true, false},
        {"", 0, true, DATE "Connection: close\r\n", false, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tn_http_forward_response how = feed_response;
        char text[256] = OK, want[256] = OK;

        how.client_minor = cases[i].minor;
        how.keep_alive = cases[i].keep_alive;
        strcat(strcat(text, cases[i].fields), "\r\n");
        strcat(strcat(want, cases[i].want), "\r\n");
        assert_string_equal(written(text, &how), want);
        assert_int_equal(chunked, cases[i].chunked);
        assert_int_equal(closing, cases[i].close);
    }
}

static void test_response_without_a_body(void **state)
{
    struct tn_http_forward_response how = feed_response;

    (void)state;
    assert_string_equal(written("HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", &how),
                        "HTTP/1.1 204 No\r\n" DATE "\r\n");
    assert_string_equal(written("HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", &how),
                        "HTTP/1.1 204 No\r\n" DATE "\r\n");
    assert_string_equal(written("HTTP/1.1 304 No\r\nContent-Length: 0\r\n\r\n", &how),
                        "HTTP/1.1 304 No\r\nContent-Length: 0\r\n" DATE "\r\n");
    answers_head = how.head_request = true;
    assert_string_equal(written(OK "Content-Length: 07\r\n\r\n", &how),
                        OK DATE "Content-Length: 7\r\n\r\n");
    assert_string_equal(written(OK "\r\n", &how), OK DATE "\r\n");
    assert_false(closing);
    how.client_minor = 0;
    assert_string_equal(written(OK "Transfer-Encoding: chunked\r\n\r\n", &how),
                        OK DATE "Connection: keep-alive\r\n\r\n");
    answers_head = false;
}

static void test_response_interim(void **state)
{
    struct tn_http_forward_response how = feed_response;
    const char *text = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                       "Upgrade: websocket\r\nSec-WebSocket-Accept: k\r\n\r\n";

    (void)state;
    how.keep_alive = false;
    assert_string_equal(written("HTTP/1.1 103 Early\r\nLink: a\r\nConnection: close\r\n\r\n", &how),
                        "HTTP/1.1 103 Early\r\nLink: a\r\n\r\n");
    assert_false(closing);
    assert_string_equal(written(text, &how), "HTTP/1.1 101 Switching Protocols\r\n"
                                             "Sec-WebSocket-Accept: k\r\n\r\n");
    how.upgrade = true;
    assert_string_equal(written(text, &how),
                        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: k\r\n"
                        "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_string_equal(
        written(OK "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n", &how),
        OK "Content-Length: 0\r\n" DATE "Connection: close\r\n\r\n");
}

static void test_response_own_fields(void **state)
{
    struct tn_http_forward_response how = feed_response;

    (void)state;
    how.set_cookie = TN_STR("turnout=x; HttpOnly");
    how.via_name = TN_STR("turnout-1");
    assert_string_equal(written("HTTP/1.0 200 OK\r\nSet-Cookie: a=1\r\nVia: 1.1 x\r\n"
                                "Content-Length: 0\r\n\r\n",
                                &how),
                        OK "Set-Cookie: a=1\r\nVia: 1.1 x\r\nContent-Length: 0\r\n"
                           "Set-Cookie: turnout=x; HttpOnly\r\n" DATE "Via: 1.0 turnout-1\r\n\r\n");
    how.date = (struct tn_str){NULL, 0};
    how.via_name = (struct tn_str){NULL, 0};
    how.set_cookie = (struct tn_str){NULL, 0};
    assert_string_equal(written(OK "Content-Length: 0\r\n\r\n", &how),
                        OK "Content-Length: 0\r\n\r\n");
}

static void test_response_made_private(void **state)
{
    static const struct {
        const char *received;
        const char *want; /* NULL: as received */
    } cases[] = {
        {"", "private"},
        {"Cache-Control: public\r\n", "private"},
        {"Cache-Control: Public, max-age=60\r\n", "private, max-age=60"},
        {"Cache-Control: max-age=60,s-maxage=600 , S-MaxAge=\"1\"\r\n", "private, max-age=60"},
        {"Cache-Control: no-cache\r\n", "private, no-cache"},
        {"Cache-Control: private=\"set-cookie, x\", must-revalidate\r\n",
         "private, must-revalidate"},
        {"Cache-Control: ext=\"a, \\\"private\\\", public\"\r\n",
         "private, ext=\"a, \\\"private\\\", public\""},
        {"Cache-Control:\r\ncache-control: immutable,,\r\n", "private, immutable"},
        {"Cache-Control: no-store\r\n", NULL},
        {"Cache-Control: max-age=1, PRIVATE\r\n", NULL},
        {"Cache-Control: public\r\nCache-Control: No-Store\r\n", NULL},
        {"Cache-Control: privateer\r\n", "private, privateer"},
        {"Cache-Control: private\r\nConnection: cache-control\r\n", "private"},
    };
    struct tn_http_forward_response how = feed_response;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256] = OK "Content-Length: 0\r\n", want[256] = OK "Content-Length: 0\r\n";

        strcat(strcat(text, cases[i].received), "\r\n");
        if (cases[i].want)
            strcat(strcat(strcat(want, DATE "Cache-Control: "), cases[i].want), "\r\n\r\n");
        else
            strcat(strcat(want, cases[i].received), DATE "\r\n");
        how.make_private = true;
        assert_string_equal(written(text, &how), want);
        how.make_private = false;
        assert_null(strstr(written(OK "Content-Length: 0\r\n\r\n", &how), "private"));
    }
}

static void test_response_buffer_too_small(void **state)
{
    const struct tn_http_head *head =
        parsed(OK "A: b\r\nConnection: x\r\nContent-Length: 01\r\nC: d\r\n\r\n");
    struct tn_http_forward_response how = feed_response;
    char big[512];
    int len;

    (void)state;
    how.make_private = true;
    how.set_cookie = TN_STR("a=b");
    how.via_name = TN_STR("v");
    how.keep_alive = false;
    len = tn_http_write_response(head, &how, big, sizeof(big), &chunked, &closing);
    assert_true(len > 0);
    for (int size = 0; size <= len; size++) {
        char *exact = malloc((size_t)size + 1);
        int got = tn_http_write_response(head, &how, exact, (size_t)size, &chunked, &closing);

        assert_non_null(exact);
        assert_int_equal(got, size < len ? -ENOBUFS : len);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_response_keeps_what_passes),
        cmocka_unit_test(test_response_reason_is_plain_text),
        cmocka_unit_test(test_response_framing_for_each_client),
        cmocka_unit_test(test_response_without_a_body),
        cmocka_unit_test(test_response_interim),
        cmocka_unit_test(test_response_own_fields),
        cmocka_unit_test(test_response_made_private),
        cmocka_unit_test(test_response_buffer_too_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

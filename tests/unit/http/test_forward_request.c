#include "tests/support/http_strict.h"
#include "tests/unit/http/feed.h"

#include <errno.h>
#include <stdlib.h>

static const struct tn_http_head *parsed(const char *text)
{
    static struct feed_result result;
    struct feed_input input = {.bytes = text, .len = strlen(text)};

    feed(&input, input.len, 1, &result);
    assert_true(result.has_head);
    return &result.head;
}

static const char *written(const char *text, const struct tn_http_forward_request *how)
{
    static char buffer[8192];
    int len = tn_http_write_request(parsed(text), how, buffer, sizeof(buffer) - 1);
    const char *wrong;

    assert_true(len > 0);
    buffer[len] = '\0';
    wrong = strict_request_head(buffer, (size_t)len);
    if (wrong)
        fail_msg("%s in\n%s", wrong, buffer);
    return buffer;
}

#define GET "GET / HTTP/1.1\r\nHost: a\r\n"

static void test_request_keeps_order_and_spelling(void **state)
{
    (void)state;
    assert_string_equal(written("GET /x?y HTTP/1.1\r\nx-B:1\r\nHOST:   a\r\nX-b: 2 \t\r\n"
                                "Accept:\r\nX-b: 3\r\n\r\n",
                                &feed_request),
                        "GET /x?y HTTP/1.1\r\nx-B:1\r\nHOST: a\r\nX-b: 2\r\nAccept:\r\n"
                        "X-b: 3\r\n" OURS("a") "\r\n");
}

/* Services that trim less than we do would see other values than we saw. */
static void test_request_leaves_white_space_around_values_behind(void **state)
{
    (void)state;
    assert_string_equal(written("POST / HTTP/1.1\r\nA:\t1\r\nhost:\ta\t\r\nB:  2\r\n"
                                "Content-Length: \t5\r\nC: 3 \r\nD:\t\r\nE: \t \r\nF: x\ty\r\n\r\n",
                                &feed_request),
                        "POST / HTTP/1.1\r\nA: 1\r\nhost: a\r\nB: 2\r\nContent-Length: 5\r\n"
                        "C: 3\r\nD: \r\nE: \r\nF: x\ty\r\n" OURS("a") "\r\n");
}

static void test_request_drops_fields_of_one_hop(void **state)
{
    (void)state;
    assert_string_equal(written("GET / HTTP/1.1\r\nTE: trailers\r\nConnection: keep-alive, a\r\n"
                                "Keep-Alive: timeout=5\r\nHost: a\r\nProxy-Connection: close\r\n"
                                "A: 1\r\nTrailer: X\r\nB: 2\r\nUpgrade: x\r\nA: 3\r\n"
                                "HTTP2-Settings: y\r\n\r\n",
                                &feed_request),
                        GET "B: 2\r\n" OURS("a") "\r\n");
}

static void test_request_framing(void **state)
{
    (void)state;
    assert_string_equal(written("POST / HTTP/1.1\r\nHost: a\r\n\r\n", &feed_request),
                        "POST / HTTP/1.1\r\nHost: a\r\n" OURS("a") "\r\n");
    assert_string_equal(
        written("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", &feed_request),
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n" OURS("a") "\r\n");
    assert_string_equal(
        written("PUT / HTTP/1.1\r\nContent-Length: 12345\r\nHost: a\r\n\r\n", &feed_request),
        "PUT / HTTP/1.1\r\nContent-Length: 12345\r\nHost: a\r\n" OURS("a") "\r\n");
    assert_string_equal(
        written("PUT / HTTP/1.0\r\nHost: a\r\nConnection: "
                "content-length\r\ncontent-length:0012\r\n\r\n",
                &feed_request),
        "PUT / HTTP/1.1\r\nHost: a\r\n" OURS_1("0", "a") "Content-Length: 12\r\n\r\n");
}

static void test_request_upgrade_only_if_wanted(void **state)
{
    const char *text = GET "Connection: Upgrade, x\r\nX: 1\r\nUpgrade: websocket\r\n"
                           "Sec-WebSocket-Key: k\r\n\r\n";
    struct tn_http_forward_request how = feed_request;

    (void)state;
    assert_string_equal(written(text, &how), GET "Sec-WebSocket-Key: k\r\n" OURS("a") "\r\n");
    how.upgrade = true;
    assert_string_equal(
        written(text, &how), GET
        "Sec-WebSocket-Key: k\r\n" OURS("a") "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_string_equal(written(GET "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", &how),
                        GET OURS("a") "\r\n");
    assert_string_equal(written(GET "Upgrade: websocket\r\n\r\n", &how), GET OURS("a") "\r\n");
    how.mirror = true;
    assert_string_equal(written(text, &how),
                        GET "Sec-WebSocket-Key: k\r\n" OURS("a") "Turnout-Shadow: 1\r\n\r\n");
}

static void test_request_forwarding_fields_of_strangers_are_replaced(void **state)
{
    (void)state;
    assert_string_equal(written(GET "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Host: evil\r\n"
                                    "x-forwarded-proto: https\r\nForwarded: for=1.1.1.1\r\n"
                                    "X-Forwarded-For: 2.2.2.2\r\nTurnout-Key: x\r\nX: 1\r\n\r\n",
                                &feed_request),
                        GET "X: 1\r\n" OURS("a") "\r\n");
}

static void test_request_forwarding_fields_of_the_trusted_are_extended(void **state)
{
    struct tn_http_forward_request how = feed_request;

    (void)state;
    how.trusted = true;
    how.client_address = TN_STR("2001:db8::1");
    assert_string_equal(written(GET "X-Forwarded-For: 1.1.1.1, 3.3.3.3\r\nTurnout-Key: x\r\n"
                                    "X-Forwarded-Host: front\r\nX-Forwarded-Proto: https\r\n"
                                    "Forwarded: for=1.1.1.1\r\nX-Forwarded-For:\r\n"
                                    "X-Forwarded-For: 2.2.2.2\r\n\r\n",
                                &how),
                        GET "Turnout-Key: x\r\nX-Forwarded-Host: front\r\n"
                            "X-Forwarded-Proto: https\r\nForwarded: for=1.1.1.1\r\n"
                            "Via: 1.1 turnout-1\r\n"
                            "X-Forwarded-For: 1.1.1.1, 3.3.3.3, 2.2.2.2, 2001:db8::1\r\n"
                            "X-Request-Id: made-1\r\n\r\n");
    /* what the peer does not say, we say */
    assert_string_equal(written(GET "\r\n", &how),
                        GET "Via: 1.1 turnout-1\r\nX-Forwarded-For: 2001:db8::1\r\n"
                            "X-Forwarded-Host: a\r\nX-Forwarded-Proto: http\r\n"
                            "X-Request-Id: made-1\r\n\r\n");
}

static void test_request_id_is_kept_when_usable(void **state)
{
    char bad[512] = GET "X-Request-Id: ";
    struct tn_http_forward_request none = feed_request;
    struct tn_str made = TN_STR("made");

    (void)state;
    assert_string_equal(written(GET "X-Request-ID: !bc-1~\r\n\r\n", &feed_request),
                        GET "X-Request-ID: !bc-1~\r\n"
                            "Via: 1.1 turnout-1\r\nX-Forwarded-For: 192.0.2.7\r\n"
                            "X-Forwarded-Host: a\r\nX-Forwarded-Proto: http\r\n\r\n");
    assert_true(tn_str_equal(tn_http_request_id(parsed(GET "X-Request-ID: !bc-1~\r\n\r\n"), made),
                             TN_STR("!bc-1~")));
    assert_string_equal(written(GET "X-Request-ID: a\r\nX-Request-Id: b\r\n\r\n", &feed_request),
                        GET OURS("a") "\r\n");
    assert_string_equal(written(GET "X-Request-ID: a b\r\n\r\n", &feed_request),
                        GET OURS("a") "\r\n");
    assert_string_equal(written(GET "X-Request-ID: a\x80\r\n\r\n", &feed_request),
                        GET OURS("a") "\r\n");
    assert_string_equal(written(GET "X-Request-ID:\r\n\r\n", &feed_request), GET OURS("a") "\r\n");
    memset(bad + strlen(bad), 'x', 129);
    strcat(bad, "\r\n\r\n");
    assert_string_equal(written(bad, &feed_request), GET OURS("a") "\r\n");
    assert_true(tn_str_equal(tn_http_request_id(parsed(bad), made), made));
    none.request_id = (struct tn_str){NULL, 0};
    assert_null(strstr(written(GET "\r\n", &none), "X-Request-Id"));
    /* named in Connection it does not go on, so it is not the one */
    assert_true(tn_str_equal(tn_http_request_id(parsed(GET "X-Request-ID: abc\r\n"
                                                           "Connection: x-request-id\r\n\r\n"),
                                                made),
                             made));
}

static void test_request_for_a_mirror(void **state)
{
    static const struct tn_str drop[] = {{"authorization", 13}, {"COOKIE", 6}, {"host", 4}};
    struct tn_http_forward_request how = feed_request;

    (void)state;
    how.mirror = true;
    how.drop = drop;
    how.drop_count = 3;
    assert_string_equal(written("POST / HTTP/1.1\r\nAuthorization: x\r\nHost: a\r\nCookie: b=c\r\n"
                                "Cookie2: d\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
                                &how),
                        "POST / HTTP/1.1\r\nCookie2: d\r\nContent-Length: 1\r\nHost: a\r\n" OURS(
                            "a") "Turnout-Shadow: 1\r\n\r\n");
    /* a mark that came along is not doubled */
    how.trusted = true;
    how.drop_count = 0;
    assert_string_equal(written(GET "Turnout-Shadow: 1\r\n\r\n", &how),
                        GET OURS("a") "Turnout-Shadow: 1\r\n\r\n");
}

static void test_request_via_is_added_and_ends_loops(void **state)
{
    static const char *const loops[] = {
        GET "Via: 1.1 turnout-1\r\n\r\n",
        GET "Via: 1.0 x, 1.1 TURNOUT-1 (a comment)\r\n\r\n",
        GET "Via: HTTP/1.1\t turnout-1(x)\r\n\r\n",
        GET "Via: 1.1 x\r\nVia: 1.1 y , 1.1 turnout-1\r\nX: y\r\n\r\n",
        GET "Via: 1.1 turnout-1\r\nConnection: via\r\n\r\n",
        GET "Via: 1.1\tturnout-1\t(x)\r\n\r\n",
    };
    static const char *const none[] = {
        GET "Via: 1.1 turnout-10\r\n\r\n",    GET "Via: 1.1 turnout\r\n\r\n",
        GET "Via: turnout-1\r\n\r\n",         GET "Via:\r\n\r\n",
        GET "Via: 1.1 x (turnout-1)\r\n\r\n", GET "X-Via: 1.1 turnout-1\r\n\r\n",
    };
    char buffer[4096];

    (void)state;
    for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++)
        assert_int_equal(
            tn_http_write_request(parsed(loops[i]), &feed_request, buffer, sizeof(buffer)), -ELOOP);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_non_null(strstr(written(none[i], &feed_request), "\r\nVia: 1.1 turnout-1\r\n"));
    assert_string_equal(written(GET "Via: 1.0 x\r\n\r\n", &feed_request),
                        GET "Via: 1.0 x\r\n" OURS("a") "\r\n");
}

static void test_request_max_forwards_of_options(void **state)
{
#define OPTIONS "OPTIONS / HTTP/1.1\r\nHost: a\r\n"
    (void)state;
    assert_string_equal(written(OPTIONS "Max-Forwards: 10\r\nX: y\r\n\r\n", &feed_request),
                        OPTIONS "X: y\r\n" OURS("a") "Max-Forwards: 9\r\n\r\n");
    assert_string_equal(written(OPTIONS "Max-Forwards: 0\r\n\r\n", &feed_request),
                        OPTIONS OURS("a") "Max-Forwards: 0\r\n\r\n");
    assert_string_equal(written(OPTIONS "Max-Forwards: many\r\n\r\n", &feed_request),
                        OPTIONS OURS("a") "Max-Forwards: many\r\n\r\n");
    assert_string_equal(written(GET "Max-Forwards: 10\r\n\r\n", &feed_request),
                        GET "Max-Forwards: 10\r\n" OURS("a") "\r\n");
}

static void test_request_target_has_the_length_told(void **state)
{
    static const char *const targets[] = {"/a?b", "http://b/c", "http://b", "http://b?c", "*"};

    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        char text[128] = "OPTIONS ";
        const char *out, *target;

        strcat(strcat(text, targets[i]), " HTTP/1.1\r\nHost: a\r\n\r\n");
        out = written(text, &feed_request);
        target = out + strlen("OPTIONS ");
        assert_int_equal(strcspn(target, " "), tn_http_written_target_len(parsed(text)));
    }
}

static void test_request_without_host(void **state)
{
    struct tn_http_forward_request how = feed_request;

    (void)state;
    how.default_host = TN_STR("127.0.0.1:5001");
    assert_string_equal(written("GET / HTTP/1.0\r\nX: y\r\n\r\n", &how),
                        "GET / HTTP/1.1\r\nHost: 127.0.0.1:5001\r\nX: y\r\nVia: 1.0 turnout-1\r\n"
                        "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n"
                        "X-Request-Id: made-1\r\n\r\n");
}

/* Every buffer that is too small is told so, and none is overrun. */
static void test_request_buffer_too_small(void **state)
{
    struct tn_http_forward_request how = feed_request;
    const struct tn_http_head *head =
        parsed("POST http://b?x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nX: 1\r\n"
               "Connection: upgrade\r\nUpgrade: u\r\nA: 2\r\nContent-Length: 01\r\n\r\n");
    char big[1024];
    int len;

    (void)state;
    how.trusted = how.upgrade = true;
    len = tn_http_write_request(head, &how, big, sizeof(big));
    assert_true(len > 0);
    for (int size = 0; size <= len; size++) {
        char *exact = malloc((size_t)size + 1);
        int got = tn_http_write_request(head, &how, exact, (size_t)size);

        assert_non_null(exact);
        assert_int_equal(got, size < len ? -ENOBUFS : len);
        free(exact);
    }
}

/* TN_HTTP_FORWARD_EXTRA is enough for the longest of everything. */
static void test_request_extra_is_enough(void **state)
{
    char text[1024] = "GET / HTTP/1.1\r\nHost: ", buffer[2048], id[129];
    struct tn_http_forward_request how = feed_request;
    const struct tn_http_head *head;

    (void)state;
    memset(id, 'i', 128);
    how.request_id = (struct tn_str){id, 128};
    how.client_address = TN_STR("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255");
    how.via_name = TN_STR("turnout-0123456789abcdef0123456789abcdef0123456789abcdef");
    how.mirror = true;
    memset(text + strlen(text), 'h', 262);
    strcat(text, "\r\n\r\n");
    head = parsed(text);
    assert_true(tn_http_write_request(head, &how, buffer, head->len + TN_HTTP_FORWARD_EXTRA) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_keeps_order_and_spelling),
        cmocka_unit_test(test_request_leaves_white_space_around_values_behind),
        cmocka_unit_test(test_request_drops_fields_of_one_hop),
        cmocka_unit_test(test_request_framing),
        cmocka_unit_test(test_request_upgrade_only_if_wanted),
        cmocka_unit_test(test_request_forwarding_fields_of_strangers_are_replaced),
        cmocka_unit_test(test_request_forwarding_fields_of_the_trusted_are_extended),
        cmocka_unit_test(test_request_id_is_kept_when_usable),
        cmocka_unit_test(test_request_for_a_mirror),
        cmocka_unit_test(test_request_via_is_added_and_ends_loops),
        cmocka_unit_test(test_request_max_forwards_of_options),
        cmocka_unit_test(test_request_target_has_the_length_told),
        cmocka_unit_test(test_request_without_host),
        cmocka_unit_test(test_request_buffer_too_small),
        cmocka_unit_test(test_request_extra_is_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "lib/http/writer.h"

#include "tests/unit/http/feed.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void test_chunk_head(void **state)
{
    static const size_t sizes[] = {1,       9, 10, 15, 16, 255, 256, 500, 65536, 0x123456789abcdefu,
                                   SIZE_MAX};
    char buffer[TN_HTTP_CHUNK_HEAD_MAX], want[32];

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t len = (size_t)snprintf(want, sizeof(want), "%zx\r\n", sizes[i]);

        assert_int_equal(tn_http_chunk_head(sizes[i], buffer), len);
        assert_memory_equal(buffer, want, len);
    }
}

static void test_reason(void **state)
{
    (void)state;
    assert_string_equal(tn_http_reason(200), "OK");
    assert_string_equal(tn_http_reason(508), "Loop Detected");
    assert_string_equal(tn_http_reason(299), "Unknown");
    assert_string_equal(tn_http_reason(0), "Unknown");
}

static void expect_answer(struct tn_http_answer answer, const char *want)
{
    char buffer[512];
    int len = tn_http_write_answer(&answer, buffer, sizeof(buffer) - 1);

    assert_true(len > 0);
    buffer[len] = '\0';
    assert_string_equal(buffer, want);
    /* exactly enough is enough, one less is not */
    assert_int_equal(tn_http_write_answer(&answer, buffer, (size_t)len), len);
    for (int size = 0; size < len; size++) {
        char *exact = malloc((size_t)size + 1);

        assert_non_null(exact);
        assert_int_equal(tn_http_write_answer(&answer, exact, (size_t)size), -ENOBUFS);
        free(exact);
    }
}

static void test_write_answer(void **state)
{
    struct tn_http_answer answer = {
        .status = 200,
        .content_type = TN_STR("text/plain"),
        .body = TN_STR("hello"),
        .date = TN_STR("now"),
        .extra_fields = TN_STR("X: y\r\n"),
        .keep_alive = true,
        .version_minor = 1,
    };

    (void)state;
    expect_answer(answer, "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Type: text/plain\r\n"
                          "Content-Length: 5\r\nX: y\r\n\r\nhello");
    answer.head_request = true;
    answer.keep_alive = false;
    expect_answer(answer, "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Type: text/plain\r\n"
                          "Content-Length: 5\r\nX: y\r\nConnection: close\r\n\r\n");
    expect_answer((struct tn_http_answer){.status = 204, .keep_alive = true},
                  "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n");
    expect_answer((struct tn_http_answer){.status = 200, .keep_alive = true},
                  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
    expect_answer((struct tn_http_answer){.status = 304, .keep_alive = true, .version_minor = 1},
                  "HTTP/1.1 304 Not Modified\r\n\r\n");
    expect_answer((struct tn_http_answer){.status = 100, .body = TN_STR("never")},
                  "HTTP/1.1 100 Continue\r\n\r\n");
    expect_answer((struct tn_http_answer){.status = 503, .retry_after_s = 5, .version_minor = 1},
                  "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 5\r\n"
                  "Connection: close\r\n\r\n");
}

static void test_write_error(void **state)
{
    struct tn_http_answer base = {.date = TN_STR("now"), .version_minor = 1};
    char buffer[512], long_text[400];
    int len = tn_http_write_error(503, "no endpoint is up", &base, buffer, sizeof(buffer) - 1);

    (void)state;
    assert_true(len > 0);
    buffer[len] = '\0';
    assert_string_equal(buffer, "HTTP/1.1 503 Service Unavailable\r\nDate: now\r\n"
                                "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 43\r\n"
                                "Connection: close\r\n\r\n"
                                "503 Service Unavailable: no endpoint is up\n");
    base.head_request = true;
    len = tn_http_write_error(400, NULL, &base, buffer, sizeof(buffer) - 1);
    assert_true(len > 0);
    buffer[len] = '\0';
    assert_non_null(strstr(buffer, "Content-Length: 16\r\n"));
    assert_non_null(strstr(buffer, "close\r\n\r\n"));
    assert_string_equal(strstr(buffer, "\r\n\r\n"), "\r\n\r\n");
    assert_int_equal(tn_http_write_error(400, NULL, &base, buffer, 20), -ENOBUFS);
    memset(long_text, 'x', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = '\0';
    assert_int_equal(tn_http_write_error(400, long_text, &base, buffer, sizeof(buffer)), -ENOBUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunk_head),
        cmocka_unit_test(test_reason),
        cmocka_unit_test(test_write_answer),
        cmocka_unit_test(test_write_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

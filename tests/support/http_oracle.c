#include "tests/support/http_oracle.h"

#include "lib/http/forward.h"
#include "tests/support/http_feed.h"
#include "tests/support/http_strict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Byte by byte costs a copy for each byte of a head. */
#define BYTEWISE_MAX 1024

static const struct tn_http_limits tight = {
    .request_line_bytes = 1024,
    .head_bytes = 4096,
    .field_count = TN_HTTP_FIELDS_MAX,
    .trailer_bytes = 12,
    .chunk_extra_bytes = 6,
};

static struct feed_result whole, other, again;
static char written[1 << 18];

static void check_same(const struct feed_input *input, size_t first, size_t piece)
{
    const char *difference;

    feed(input, first, piece, &other);
    difference = feed_difference(&whole, &other);
    if (difference) {
        (void)fprintf(stderr, "cut after %zu, then %zu at a time: %s (%s; %s) of\n%.*s\n", first,
                      piece, difference, tn_http_error_text(whole.error),
                      tn_http_error_text(other.error), (int)input->len, input->bytes);
        abort();
    }
}

static void check_body(const struct feed_input *input)
{
    const char *bytes = input->bytes + whole.head.len;
    size_t len = input->len - whole.head.len, body_len = 0, used = 0;
    const struct tn_http_head *head = &whole.head;

    if (!head->chunked || head->bodyless) {
        FEED_CHECK(whole.body_len <= len && memcmp(whole.body, bytes, whole.body_len) == 0);
        FEED_CHECK(!whole.ended || head->until_close || head->bodyless ||
                   whole.body_len == (head->content_length > 0 ? (size_t)head->content_length : 0));
        return;
    }
    if (!whole.ended)
        return;
    {
        char *body = malloc(len + 1);
        const char *wrong = strict_chunked(bytes, len, body, &body_len, &used);

        if (wrong) {
            (void)fprintf(stderr, "taken for a chunked body: %s\n", wrong);
            abort();
        }
        FEED_CHECK(used == len - whole.unused);
        FEED_CHECK(body_len == whole.body_len && memcmp(body, whole.body, body_len) == 0);
        free(body);
    }
}

static bool is_same_text(const struct tn_http_head *a, struct tn_http_slice x,
                         const struct tn_http_head *b, struct tn_http_slice y)
{
    return tn_str_equal(tn_http_view(a, x), tn_http_view(b, y));
}

static void fail_written(const char *wrong, int len)
{
    (void)fprintf(stderr, "%s in\n%.*s\n", wrong, len, written);
    abort();
}

/* Reads what was written and compares what the two heads say. */
static void check_again(int len, bool response)
{
    const struct tn_http_head *a = &whole.head, *b = &again.head;
    struct feed_input input = {
        .bytes = written, .len = (size_t)len, .response = response, .head_request = a->bodyless};

    feed(&input, input.len, input.len, &again);
    if (!again.has_head)
        fail_written(tn_http_error_text(again.error), len);
    FEED_CHECK(b->version_minor == 1 && (size_t)b->len == (size_t)len);
    if (response) {
        FEED_CHECK(a->status == b->status);
        return;
    }
    FEED_CHECK(a->chunked == b->chunked && a->content_length == b->content_length);
    FEED_CHECK(is_same_text(a, a->method_text, b, b->method_text));
    FEED_CHECK(is_same_text(a, a->query, b, b->query));
    FEED_CHECK(is_same_text(a, a->path, b, b->path) || tn_http_view(b, b->path).ptr[0] == '*');
    FEED_CHECK(a->authority.len == 0 || is_same_text(a, a->authority, b, b->authority));
}

static void check_request(unsigned flags)
{
    struct tn_http_forward_request how = {
        .via_name = TN_STR("turnout-1"),
        .client_address = TN_STR("192.0.2.7"),
        .request_id = TN_STR("made-1"),
        .default_host = TN_STR("127.0.0.1:5001"),
        .trusted = (flags & ORACLE_TRUSTED) != 0,
        .upgrade = (flags & ORACLE_UPGRADE) != 0,
        .mirror = (flags & ORACLE_MIRROR) != 0,
    };
    int len = tn_http_write_request(&whole.head, &how, written, sizeof(written));
    const char *wrong;

    if (len == -ELOOP)
        return;
    FEED_CHECK(len > 0 && (size_t)len <= whole.head.len + TN_HTTP_FORWARD_EXTRA);
    wrong = strict_request_head(written, (size_t)len);
    if (wrong)
        fail_written(wrong, len);
    /* 100 fields and ours are more than we take ourselves */
    if (whole.head.field_count + 10 < TN_HTTP_FIELDS_MAX && (size_t)len < 30000)
        check_again(len, false);
}

static void check_response(unsigned flags)
{
    struct tn_http_forward_response how = {
        .client_minor = (flags & ORACLE_CLIENT_1_0) ? 0 : 1,
        .keep_alive = (flags & ORACLE_CLOSE) == 0,
        .head_request = (flags & ORACLE_HEAD_REQUEST) != 0,
        .upgrade = (flags & ORACLE_UPGRADE) != 0,
        .make_private = (flags & ORACLE_PRIVATE) != 0,
        .set_cookie = (flags & ORACLE_PRIVATE) ? TN_STR("a=b") : (struct tn_str){NULL, 0},
        .via_name = TN_STR("turnout-1"),
        .date = TN_STR("Sun, 22 Nov 2026 22:00:00 GMT"),
    };
    bool chunked = false, close = false;
    int len = tn_http_write_response(&whole.head, &how, written, sizeof(written), &chunked, &close);
    const char *wrong;

    FEED_CHECK(len > 0 && (size_t)len <= whole.head.len + TN_HTTP_FORWARD_EXTRA);
    wrong = strict_response_head(written, (size_t)len, chunked, close);
    if (wrong)
        fail_written(wrong, len);
    if (whole.head.field_count + 10 < TN_HTTP_FIELDS_MAX && (size_t)len < 30000)
        check_again(len, true);
}

bool http_oracle(const char *bytes, size_t len, unsigned flags, size_t cut)
{
    struct feed_input input = {
        .bytes = bytes,
        .len = len,
        .response = (flags & ORACLE_RESPONSE) != 0,
        .head_request = (flags & ORACLE_RESPONSE) && (flags & ORACLE_HEAD_REQUEST),
        .closes = true,
        .limits = (flags & ORACLE_TIGHT) ? &tight : NULL,
    };

    feed(&input, len, len, &whole);
    if (len < BYTEWISE_MAX)
        check_same(&input, 1, 1);
    if (len > 0)
        check_same(&input, cut % len, len);
    if (!whole.has_head)
        return false;
    check_body(&input);
    if (input.response)
        check_response(flags);
    else
        check_request(flags);
    return true;
}

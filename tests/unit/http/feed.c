#include "tests/unit/http/feed.h"

#include "tests/support/http_strict.h"

#include <stdio.h>
#include <stdlib.h>

const struct tn_http_forward_request feed_request = {
    .via_name = {"turnout-1", 9},
    .client_address = {"192.0.2.7", 9},
    .request_id = {"made-1", 6},
};

const struct tn_http_forward_response feed_response = {
    .client_minor = 1,
    .keep_alive = true,
    .date = {"Sun, 22 Nov 2026 22:00:00 GMT", 29},
};

static void assert_same(const struct feed_result *a, const struct feed_result *b)
{
    const char *difference = feed_difference(a, b);

    if (difference)
        fail_msg("cut otherwise, this differs: %s", difference);
}

/* All ways to cut; `whole` holds the first outcome afterwards. Long inputs are cut at fewer places,
 * and not fed byte by byte. */
static void feed_all_ways(const struct feed_input *input, struct feed_result *whole)
{
    struct feed_result *other = malloc(sizeof(*other));
    size_t stride = input->len > 2000 ? input->len / 97 : 1;

    assert_non_null(other);
    feed(input, input->len, input->len, whole);
    feed(input, stride, stride, other);
    assert_same(whole, other);
    for (size_t cut = 0; cut < input->len; cut += stride) {
        feed(input, cut, input->len, other);
        assert_same(whole, other);
    }
    free(other);
}

void expect_refused(struct feed_input input, enum tn_http_error error)
{
    struct feed_result *whole = malloc(sizeof(*whole));

    assert_non_null(whole);
    feed_all_ways(&input, whole);
    if (whole->error != error)
        print_error("%.*s\n", (int)(input.len < 300 ? input.len : 300), input.bytes);
    assert_string_equal(tn_http_error_text(whole->error), tn_http_error_text(error));
    free(whole);
}

static void expect_written(const struct feed_result *result, bool response, const char *want)
{
    static char written[1 << 17];
    const char *wrong;
    bool chunked = false, close = false;
    int len;

    if (response)
        len = tn_http_write_response(&result->head, &feed_response, written, sizeof(written) - 1,
                                     &chunked, &close);
    else
        len = tn_http_write_request(&result->head, &feed_request, written, sizeof(written) - 1);
    assert_true(len > 0);
    written[len] = '\0';
    if (want)
        assert_string_equal(written, want);
    wrong = response ? strict_response_head(written, (size_t)len, chunked, close)
                     : strict_request_head(written, (size_t)len);
    if (wrong)
        fail_msg("%s in\n%s", wrong, written);
}

void expect_accepted(struct feed_input input, const char *written, const char *body, size_t unused)
{
    struct feed_result *whole = malloc(sizeof(*whole));

    assert_non_null(whole);
    feed_all_ways(&input, whole);
    if (whole->error)
        fail_msg("%s: %.*s", tn_http_error_text(whole->error),
                 (int)(input.len < 300 ? input.len : 300), input.bytes);
    assert_true(whole->has_head);
    assert_true(whole->ended);
    assert_int_equal(whole->unused, unused);
    assert_int_equal(whole->body_len, body ? strlen(body) : 0);
    if (body)
        assert_memory_equal(whole->body, body, whole->body_len);
    expect_written(whole, input.response, written);
    free(whole);
}

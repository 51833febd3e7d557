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

static void note_step(struct feed_result *result, const struct tn_http_step *step,
                      const struct tn_http_head *head)
{
    size_t sum = 0;

    if (step->events & TN_HTTP_STEP_HEAD) {
        assert_int_equal(step->events, TN_HTTP_STEP_HEAD); /* HEAD comes alone */
        assert_int_equal(step->used, head->len);
        assert_true(head->len <= sizeof(result->head_bytes));
        memcpy(result->head_bytes, head->base, head->len);
        result->head = *head;
        result->head.base = result->head_bytes;
        result->has_head = true;
    }
    for (unsigned i = 0; i < step->body_count; i++) {
        assert_true(result->body_len + step->body[i].len <= sizeof(result->body));
        memcpy(result->body + result->body_len, step->body[i].ptr, step->body[i].len);
        result->body_len += step->body[i].len;
        sum += step->body[i].len;
    }
    assert_int_equal(sum, step->body_len);
    assert_int_equal(step->body_count > 0, (step->events & TN_HTTP_STEP_BODY) != 0);
    result->ended = (step->events & TN_HTTP_STEP_END) != 0;
}

/* One call on a copy that nobody else has. Returns the bytes that are done with. */
static size_t step_on_copy(struct tn_http_parser *parser, const char *bytes, size_t len,
                           const struct tn_http_head *head, struct feed_result *result,
                           bool *ret_progress)
{
    char *copy = malloc(len > 0 ? len : 1);
    struct tn_http_step step;

    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, bytes, len);
    result->error = tn_http_parser_step(parser, copy, len, &step);
    if (result->error)
        assert_int_equal(step.used + step.body_len + step.events, 0);
    note_step(result, &step, head);
    *ret_progress = step.events != 0;
    free(copy);
    return step.used;
}

void feed(const struct feed_input *input, size_t first, size_t piece, struct feed_result *result)
{
    static struct tn_http_head head;
    struct tn_http_parser parser;
    struct tn_http_step step;
    size_t at = 0, have = first < input->len ? first : input->len;

    memset(result, 0, offsetof(struct feed_result, body));
    memset(&head, 0xa5, sizeof(head)); /* what the parser does not set shows */
    tn_http_parser_init(&parser, input->response,
                        input->limits ? input->limits : &tn_http_limits_default);
    tn_http_parser_start(&parser, &head, input->head_request);
    for (;;) {
        bool progress;

        at += step_on_copy(&parser, input->bytes + at, have - at, &head, result, &progress);
        if (result->error || result->ended)
            break;
        if (progress)
            continue;
        if (have == input->len)
            break;
        have = input->len - have < piece ? input->len : have + piece;
    }
    if (!result->error && !result->ended && input->closes) {
        result->error = tn_http_parser_finish(&parser, &step);
        note_step(result, &step, &head);
    }
    result->unused = input->len - at;
}

static void assert_same_head(const struct tn_http_head *a, const struct tn_http_head *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->base, b->base, a->len);
    assert_memory_equal(&a->len, &b->len,
                        offsetof(struct tn_http_head, fields) - offsetof(struct tn_http_head, len));
    for (unsigned i = 0; i < a->field_count; i++) {
        const struct tn_http_field *x = &a->fields[i], *y = &b->fields[i];

        assert_int_equal(x->name.offset, y->name.offset);
        assert_int_equal(x->name.len, y->name.len);
        assert_int_equal(x->value.offset, y->value.offset);
        assert_int_equal(x->value.len, y->value.len);
        assert_int_equal(x->id, y->id);
        assert_int_equal(x->hop_by_hop, y->hop_by_hop);
    }
}

static void assert_same(const struct feed_result *a, const struct feed_result *b)
{
    assert_int_equal(a->error, b->error);
    if (a->error)
        return; /* bytes of a body before the fault may or may not have been given */
    assert_int_equal(a->has_head, b->has_head);
    assert_int_equal(a->ended, b->ended);
    if (a->ended)
        assert_int_equal(a->unused, b->unused);
    assert_int_equal(a->body_len, b->body_len);
    assert_memory_equal(a->body, b->body, a->body_len);
    if (a->has_head)
        assert_same_head(&a->head, &b->head);
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

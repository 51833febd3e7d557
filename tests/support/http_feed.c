#include "tests/support/http_feed.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void feed_broken(const char *file, int line, const char *what)
{
    (void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

static bool is_inside(const struct tn_http_head *head, struct tn_http_slice slice)
{
    return (size_t)slice.offset + slice.len <= head->len;
}

static void check_head(const struct tn_http_head *head)
{
    FEED_CHECK(head->field_count <= TN_HTTP_FIELDS_MAX);
    FEED_CHECK(is_inside(head, head->method_text) && is_inside(head, head->target));
    FEED_CHECK(is_inside(head, head->path) && is_inside(head, head->query));
    FEED_CHECK(is_inside(head, head->authority) && is_inside(head, head->reason));
    FEED_CHECK(!(head->chunked && head->content_length >= 0));
    for (unsigned i = 0; i < head->field_count; i++) {
        FEED_CHECK(is_inside(head, head->fields[i].name) && head->fields[i].name.len > 0);
        FEED_CHECK(is_inside(head, head->fields[i].value));
        FEED_CHECK(head->fields[i].id < TN_HTTP_FIELD_ID_COUNT);
    }
}

static void note_step(struct feed_result *result, const struct tn_http_step *step,
                      const struct tn_http_head *head, size_t len)
{
    size_t sum = 0;

    FEED_CHECK(step->used <= len);
    if (step->events & TN_HTTP_STEP_HEAD) {
        FEED_CHECK(step->events == TN_HTTP_STEP_HEAD); /* HEAD comes alone */
        FEED_CHECK(step->used == head->len && head->len <= sizeof(result->head_bytes));
        check_head(head);
        memcpy(result->head_bytes, head->base, head->len);
        result->head = *head;
        result->head.base = result->head_bytes;
        result->has_head = true;
    }
    for (unsigned i = 0; i < step->body_count; i++) {
        FEED_CHECK(result->has_head && step->body[i].len > 0);
        FEED_CHECK(result->body_len + step->body[i].len <= sizeof(result->body));
        memcpy(result->body + result->body_len, step->body[i].ptr, step->body[i].len);
        result->body_len += step->body[i].len;
        sum += step->body[i].len;
    }
    FEED_CHECK(sum == step->body_len && sum <= step->used);
    FEED_CHECK((step->body_count > 0) == ((step->events & TN_HTTP_STEP_BODY) != 0));
    result->ended = (step->events & TN_HTTP_STEP_END) != 0;
}

/* One call on a copy that nobody else has. Returns the bytes that are done with. */
static size_t step_on_copy(struct tn_http_parser *parser, const char *bytes, size_t len,
                           const struct tn_http_head *head, struct feed_result *result,
                           bool *ret_progress)
{
    char *copy = malloc(len > 0 ? len : 1);
    struct tn_http_step step;

    FEED_CHECK(copy);
    if (len > 0)
        memcpy(copy, bytes, len);
    result->error = tn_http_parser_step(parser, copy, len, &step);
    if (result->error)
        FEED_CHECK(step.used + step.body_len + step.events == 0);
    note_step(result, &step, head, len);
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
        note_step(result, &step, &head, 0);
    }
    result->unused = input->len - at;
}

static bool is_same_slice(struct tn_http_slice a, struct tn_http_slice b)
{
    return a.offset == b.offset && a.len == b.len;
}

static const char *head_difference(const struct tn_http_head *a, const struct tn_http_head *b)
{
    if (a->len != b->len || memcmp(a->base, b->base, a->len) != 0)
        return "the bytes of the head";
    if (memcmp(&a->len, &b->len,
               offsetof(struct tn_http_head, fields) - offsetof(struct tn_http_head, len)) != 0)
        return "what the head says";
    for (unsigned i = 0; i < a->field_count; i++) {
        const struct tn_http_field *x = &a->fields[i], *y = &b->fields[i];

        if (!is_same_slice(x->name, y->name) || !is_same_slice(x->value, y->value) ||
            x->id != y->id || x->hop_by_hop != y->hop_by_hop)
            return "a field";
    }
    return NULL;
}

const char *feed_difference(const struct feed_result *a, const struct feed_result *b)
{
    if (a->error != b->error)
        return "the error";
    if (a->error)
        return NULL;
    if (a->has_head != b->has_head)
        return "whether there is a head";
    if (a->ended != b->ended)
        return "whether it ended";
    if (a->ended && a->unused != b->unused)
        return "where it ended";
    if (a->body_len != b->body_len || memcmp(a->body, b->body, a->body_len) != 0)
        return "the body";
    return a->has_head ? head_difference(&a->head, &b->head) : NULL;
}

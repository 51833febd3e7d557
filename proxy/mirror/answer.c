#include "proxy/mirror/copy.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* A head that came in pieces is kept until it is whole: the parser wants it in one. */
static bool keep_partial(struct px_mirror_copy *copy, const char *data, size_t len)
{
    char *grown;

    if (!px_copy_charge(copy, len))
        return false;
    grown = realloc(copy->partial, copy->partial_len + len);
    if (!grown)
        return false;
    memcpy(grown + copy->partial_len, data, len);
    copy->partial = grown;
    copy->partial_len += (uint32_t)len;
    return true;
}

void px_copy_await_answer(struct px_mirror_copy *copy)
{
    tn_http_parser_start(&copy->upstream->parser, &copy->answer, copy->is_head_request);
}

/* 1xx answers come before the one that counts. False: the copy is over. */
static bool on_answer_end(struct px_mirror_copy *copy, size_t left)
{
    bool is_healthy;

    if (copy->answer.status >= 200) {
        if (copy->compared)
            px_capture_end(px_case_capture(copy->compared, copy->place));
        is_healthy =
            left == 0 && copy->is_complete && copy->answer.keep_alive && !copy->answer.until_close;
        px_copy_over(copy, PX_COPY_ANSWERED, is_healthy);
        return false;
    }
    /* 101: nobody asked for it */
    if (copy->answer.status == 101 ||
        ++copy->interim_count > copy->mirrors->options.limits->interim_responses) {
        px_copy_over(copy, PX_COPY_PROTOCOL, false);
        return false;
    }
    px_copy_await_answer(copy);
    return true;
}

static void take_head(struct px_mirror_copy *copy)
{
    copy->first_ns = tn_loop_now_ns(copy->mirrors->options.loop);
    px_capture_head(px_case_capture(copy->compared, copy->place), &copy->answer);
}

/* One step's events. False: the copy is over. */
static bool take_step(struct px_mirror_copy *copy, const struct tn_http_step *step, size_t left)
{
    if ((step->events & TN_HTTP_STEP_HEAD) && copy->answer.status >= 200) {
        copy->status = copy->answer.status;
        if (copy->compared)
            take_head(copy);
    }
    copy->drained += step->body_len;
    if (copy->compared && step->body_len > 0)
        px_capture_body(px_case_capture(copy->compared, copy->place), step->body, step->body_count);
    if (step->events & TN_HTTP_STEP_END)
        return on_answer_end(copy, left);
    if (copy->drained > (copy->compared ? PX_COPY_COMPARE_BYTES : PX_COPY_DRAIN_BYTES)) {
        px_copy_over(copy, PX_COPY_ANSWERED, false);
        return false;
    }
    return true;
}

/* ret_used: bytes that are done with. False: the copy is over. */
static bool parse(struct px_mirror_copy *copy, const char *data, size_t len, size_t *ret_used)
{
    size_t used = 0;

    for (;;) {
        struct tn_http_step step;

        if (tn_http_parser_step(&copy->upstream->parser, data + used, len - used, &step)) {
            px_copy_over(copy, PX_COPY_PROTOCOL, false);
            return false;
        }
        used += step.used;
        if (step.events == TN_HTTP_STEP_MORE)
            break;
        /* a message without body ends in a step of its own, which needs no bytes */
        if (!take_step(copy, &step, len - used))
            return false;
    }
    *ret_used = used;
    return true;
}

static void on_read(struct px_upstream *upstream, char *data, size_t len)
{
    struct px_mirror_copy *copy = upstream->user;
    char *partial = NULL;
    size_t used;

    if (!copy->is_flushing) {
        px_copy_over(copy, PX_COPY_PROTOCOL, false); /* an answer to nothing */
        return;
    }
    if (copy->partial_len > 0) {
        if (!keep_partial(copy, data, len)) {
            px_copy_over(copy, PX_COPY_MEMORY, false);
            return;
        }
        /* taken out: the copy may be gone when parse() comes back */
        data = partial = copy->partial;
        len = copy->partial_len;
        copy->partial = NULL;
        copy->partial_len = 0;
    }
    if (parse(copy, data, len, &used) && used < len && !keep_partial(copy, data + used, len - used))
        px_copy_over(copy, PX_COPY_MEMORY, false);
    free(partial);
}

static void on_eof(struct px_upstream *upstream)
{
    struct px_mirror_copy *copy = upstream->user;
    struct tn_http_step step;

    if (tn_http_parser_finish(&upstream->parser, &step) != TN_HTTP_OK ||
        !(step.events & TN_HTTP_STEP_END) || !copy->status) {
        px_copy_over(copy, PX_COPY_RESET, false);
        return;
    }
    if (copy->compared)
        px_capture_end(px_case_capture(copy->compared, copy->place));
    px_copy_over(copy, PX_COPY_ANSWERED, false);
}

static void on_broken(struct px_upstream *upstream, int error)
{
    (void)error;
    px_copy_over(upstream->user, PX_COPY_RESET, false);
}

static void on_ready(struct px_upstream *upstream, int error)
{
    struct px_mirror_copy *copy = upstream->user;

    if (error) {
        copy->upstream = NULL; /* the lease has ended */
        px_copy_over(copy, error == -ETIMEDOUT ? PX_COPY_CONNECT_TIMEOUT : PX_COPY_CONNECT, false);
        return;
    }
    px_copy_await_answer(copy);
    if (copy->is_flushing)
        px_copy_send(copy, NULL, 0);
}

static void on_drained(struct px_upstream *upstream)
{
    px_copy_settle(upstream->user);
}

const struct px_upstream_ops px_copy_upstream_ops = {
    .on_ready = on_ready,
    .on_read = on_read,
    .on_eof = on_eof,
    .on_broken = on_broken,
    .on_drained = on_drained,
};

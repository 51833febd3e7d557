#include "proxy/session/exchange.h"
#include "proxy/upstream/outlier.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EARLY_ANSWER_MS 1000

/* One read from the upstream under way: the head that waits for body bytes, so that both go in one
 * write. */
struct reading {
    struct px_exchange *exchange;
    struct px_client *client;
    uint64_t number;    /* of the exchange */
    struct tn_str head; /* in the loop's out buffer */
};

static struct reading reading_of(struct px_exchange *exchange)
{
    return (struct reading){.exchange = exchange,
                            .client = exchange->client,
                            .number = exchange->client->exchange_number};
}

static bool is_over(const struct reading *reading)
{
    return !px_client_is_at(reading->client, reading->number);
}

static void write_to_client(struct reading *reading, const struct tn_http_step *step)
{
    struct px_exchange *exchange = reading->exchange;
    struct px_client *client = reading->client;
    struct tn_str pieces[TN_STREAM_PIECES_MAX];
    char chunk_head[TN_HTTP_CHUNK_HEAD_MAX];
    unsigned count = 0;

    if (reading->head.len > 0)
        pieces[count++] = reading->head;
    reading->head.len = 0;
    if (step && step->body_len > 0) {
        if (exchange->is_response_chunked)
            pieces[count++] =
                (struct tn_str){chunk_head, tn_http_chunk_head(step->body_len, chunk_head)};
        for (unsigned i = 0; i < step->body_count; i++)
            pieces[count++] = step->body[i];
        if (exchange->is_response_chunked)
            pieces[count++] = TN_STR("\r\n");
        exchange->body_bytes_out += step->body_len;
    }
    if (step && (step->events & TN_HTTP_STEP_END) && exchange->is_response_chunked)
        pieces[count++] = TN_HTTP_LAST_CHUNK;
    if (count == 0)
        return;
    if (px_client_write(client, pieces, count) != 0) {
        px_client_close(client);
        return;
    }
    if (exchange->upstream &&
        tn_stream_queued(&client->stream) > client->session->limits->side_buffer_bytes)
        tn_stream_pause(&exchange->upstream->stream);
}

static void fail(struct reading *reading, enum px_failure failure)
{
    if (reading->head.len > 0) {
        /* Nothing of the answer is out yet: the client can still be told in an orderly way. */
        reading->exchange->response_state = PX_RESPONSE_WAITING;
        reading->exchange->status = 0;
    }
    reading->head.len = 0;
    if (failure == PX_FAILURE_UPSTREAM_PROTOCOL)
        px_exchange_blame_endpoint(reading->exchange);
    px_exchange_fail(reading->exchange, failure);
}

static int write_head(struct reading *reading, const struct tn_http_forward_response *how)
{
    struct px_exchange *exchange = reading->exchange;
    bool is_chunked = false;
    bool is_close = false;
    int len = tn_http_write_response(&exchange->response, how, reading->client->session->loop->out,
                                     TN_LOOP_OUT_BYTES, &is_chunked, &is_close);

    if (len < 0)
        return len;
    exchange->is_response_chunked = is_chunked;
    exchange->is_until_close = !is_chunked && !exchange->response.bodyless &&
                               (exchange->response.chunked || exchange->response.until_close);
    if (is_close)
        exchange->is_keep_alive = false;
    reading->head = (struct tn_str){reading->client->session->loop->out, (size_t)len};
    return 0;
}

static bool may_keep_client(const struct px_exchange *exchange)
{
    const struct px_client *client = exchange->client;

    /* A client that has ended its side may have sent further requests before. */
    return exchange->is_keep_alive && exchange->request_state == PX_REQUEST_DONE &&
           !client->session->is_stopping && (!client->is_half_closed || client->pending_len > 0);
}

static void handle_interim(struct reading *reading)
{
    struct px_exchange *exchange = reading->exchange;
    struct px_session *session = reading->client->session;
    struct tn_http_forward_response how = {.client_minor = 1, .keep_alive = true};

    if (exchange->interim_count++ >= session->limits->interim_responses) {
        fail(reading, PX_FAILURE_UPSTREAM_PROTOCOL);
        return;
    }
    if (!exchange->is_client_1_0) {
        if (write_head(reading, &how) != 0) {
            fail(reading, PX_FAILURE_UPSTREAM_PROTOCOL);
            return;
        }
        write_to_client(reading, NULL);
    }
    if (!is_over(reading))
        tn_http_parser_start(&exchange->upstream->parser, &exchange->response,
                             exchange->request.method == TN_HTTP_HEAD);
}

static void handle_switch(struct reading *reading)
{
    struct px_exchange *exchange = reading->exchange;
    struct tn_http_forward_response how = {.client_minor = 1, .keep_alive = true, .upgrade = true};

    /* A 101 that nobody asked for would turn the rest of the connection into bytes of the
     * upstream's choice. */
    if (!exchange->request.upgrade || exchange->request_state != PX_REQUEST_DONE ||
        write_head(reading, &how) != 0) {
        fail(reading, PX_FAILURE_UPSTREAM_PROTOCOL);
        return;
    }
    exchange->status = 101;
    exchange->response_state = PX_RESPONSE_BODY;
    write_to_client(reading, NULL);
    if (!is_over(reading))
        px_tunnel_start(exchange);
}

static void handle_head(struct reading *reading)
{
    struct px_exchange *exchange = reading->exchange;
    struct px_session *session = reading->client->session;
    struct tn_http_forward_response how = {
        .client_minor = exchange->is_client_1_0 ? 0 : 1,
        .keep_alive = may_keep_client(exchange),
        .head_request = exchange->request.method == TN_HTTP_HEAD,
        .set_cookie = {exchange->decision.set_cookie, exchange->decision.set_cookie_len},
        .make_private = exchange->decision.set_cookie_len > 0,
    };

    exchange->upstream_first_ns = tn_loop_now_ns(session->loop);
    if (exchange->response.status == 101) {
        handle_switch(reading);
        return;
    }
    if (exchange->response.status < 200) {
        handle_interim(reading);
        return;
    }
    px_outlier_well(exchange->upstream->endpoint);
    how.date = px_session_date(session);
    if (write_head(reading, &how) != 0) {
        fail(reading, PX_FAILURE_UPSTREAM_PROTOCOL);
        return;
    }
    exchange->is_keep_alive = exchange->is_keep_alive && how.keep_alive;
    exchange->status = exchange->response.status;
    exchange->response_state = PX_RESPONSE_BODY;
    if (exchange->compared)
        px_exchange_compare_head(exchange);
    px_exchange_set_deadline(exchange, exchange->rule->rule->timeouts.idle_ms);
}

/* The answer is complete. `extra`: bytes came behind it, so that the connection can't be trusted
 * any more. */
static void handle_end(struct reading *reading, bool extra)
{
    struct px_exchange *exchange = reading->exchange;
    bool is_reusable = exchange->response.keep_alive && !exchange->response.until_close && !extra &&
                       exchange->request_state == PX_REQUEST_DONE && !exchange->is_request_cut;

    exchange->response_state = PX_RESPONSE_DONE;
    px_exchange_compare_end(exchange, true);
    /* Reading may have been paused for a slow client: the pool wants to hear of idle connections.
     */
    tn_stream_resume(&exchange->upstream->stream);
    px_exchange_release(exchange, is_reusable);
    px_exchange_finish(exchange);
}

/* Returns false when the exchange is over or is no HTTP any more. */
static bool handle_step(struct reading *reading, const struct tn_http_step *step, size_t left)
{
    if (step->events & TN_HTTP_STEP_HEAD) {
        handle_head(reading);
        return !is_over(reading) && !reading->exchange->is_tunnel;
    }
    if (step->body_len > 0 && reading->exchange->compared)
        px_mirror_case_body(reading->exchange->compared, step->body, step->body_count);
    if (step->events & (TN_HTTP_STEP_BODY | TN_HTTP_STEP_END)) {
        write_to_client(reading, step);
        if (is_over(reading))
            return false;
    }
    if (step->events & TN_HTTP_STEP_END) {
        handle_end(reading, left > 0);
        return false;
    }
    return step->events != TN_HTTP_STEP_MORE;
}

/* The beginning of a head that is to be continued: the parser wants it in one piece. */
static bool keep_partial(struct px_exchange *exchange, const char *data, size_t len)
{
    char *copy = realloc(exchange->partial, len);

    if (!copy)
        return false;
    if (copy != data)
        memmove(copy, data, len);
    exchange->partial = copy;
    exchange->partial_len = (uint32_t)len;
    return true;
}

static void parse(struct reading *reading, const char *data, size_t len)
{
    struct px_exchange *exchange = reading->exchange;
    struct px_upstream *upstream = exchange->upstream;
    size_t used = 0;
    bool is_more = true;

    while (is_more) {
        struct tn_http_step step;
        enum tn_http_error error =
            tn_http_parser_step(&upstream->parser, data + used, len - used, &step);

        if (error != TN_HTTP_OK) {
            fail(reading, PX_FAILURE_UPSTREAM_PROTOCOL);
            return;
        }
        used += step.used;
        is_more = handle_step(reading, &step, len - used);
    }
    if (is_over(reading))
        return;
    if (exchange->is_tunnel) {
        if (used < len)
            px_tunnel_upstream_read(exchange, data + used, len - used);
        return;
    }
    if (used < len && !keep_partial(exchange, data + used, len - used)) {
        fail(reading, PX_FAILURE_NO_MEMORY);
        return;
    }
    write_to_client(reading, NULL);
}

void px_response_read(struct px_upstream *upstream, char *data, size_t len)
{
    struct px_exchange *exchange = upstream->user;
    struct reading reading = reading_of(exchange);
    char *partial = exchange->partial;

    if (exchange->is_tunnel) {
        px_tunnel_upstream_read(exchange, data, len);
        return;
    }
    exchange->has_answer_bytes = true;
    if (exchange->response_state == PX_RESPONSE_BODY)
        px_exchange_set_deadline(exchange, exchange->rule->rule->timeouts.idle_ms);
    if (!partial) {
        parse(&reading, data, len);
        return;
    }
    partial = realloc(partial, exchange->partial_len + len);
    if (!partial) {
        px_exchange_fail(exchange, PX_FAILURE_NO_MEMORY);
        return;
    }
    memcpy(partial + exchange->partial_len, data, len);
    len += exchange->partial_len;
    exchange->partial = NULL;
    exchange->partial_len = 0;
    parse(&reading, partial, len);
    free(partial);
}

void px_response_eof(struct px_upstream *upstream)
{
    struct px_exchange *exchange = upstream->user;
    struct reading reading = reading_of(exchange);
    struct tn_http_step step = {0};

    if (exchange->is_tunnel) {
        px_tunnel_upstream_eof(exchange);
        return;
    }
    /* Behind a failed write an end may be a reset: it proves nothing about an answer until close.
     */
    if (exchange->response_state == PX_RESPONSE_BODY &&
        !(exchange->is_request_cut && exchange->response.until_close) &&
        tn_http_parser_finish(&upstream->parser, &step) == TN_HTTP_OK &&
        (step.events & TN_HTTP_STEP_END)) {
        write_to_client(&reading, &step);
        if (!is_over(&reading))
            handle_end(&reading, false);
        return;
    }
    px_response_broken(upstream, -ECONNRESET);
}

/*
 * The service takes no more of the body, but what it said before it broke off may still wait to be
 * read: an early answer, and a reset behind it (RFC 9112 9.5). So stop sending, and let reading
 * tell: either it is an answer, or this comes again.
 */
static bool wait_for_early_answer(struct px_exchange *exchange, struct px_upstream *upstream)
{
    if (upstream->stream.is_eof || exchange->is_request_cut || exchange->is_tunnel ||
        !tn_http_has_body(&exchange->request))
        return false;
    exchange->is_request_cut = true;
    if (exchange->request_state != PX_REQUEST_DONE) {
        exchange->is_blocked = true;
        tn_stream_pause(&exchange->client->stream);
    }
    if (exchange->response_state == PX_RESPONSE_WAITING)
        px_exchange_set_deadline(exchange, EARLY_ANSWER_MS);
    return true;
}

void px_response_broken(struct px_upstream *upstream, int error)
{
    struct px_exchange *exchange = upstream->user;

    (void)error;
    if (wait_for_early_answer(exchange, upstream))
        return;
    /* A pooled connection that the service closed in its own time is nobody's fault. */
    if (exchange->response_state == PX_RESPONSE_WAITING && !upstream->is_reused)
        px_exchange_blame_endpoint(exchange);
    else if (upstream->is_reused && !exchange->has_answer_bytes)
        px_upstream_died(upstream);
    if (!px_exchange_retry(exchange))
        px_exchange_fail(exchange, PX_FAILURE_UPSTREAM_RESET);
}

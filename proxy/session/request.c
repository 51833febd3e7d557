#include "proxy/session/exchange.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void px_session_start_ids(struct px_session *session, uint64_t prefix)
{
    for (int i = 15; i >= 0; i--) {
        session->next_id[i] = "0123456789abcdef"[prefix & 15];
        prefix >>= 4;
    }
    memset(session->next_id + 16, '0', PX_MADE_ID_BYTES - 16);
}

static void name_request(struct px_exchange *exchange)
{
    struct px_session *session = exchange->client->session;
    struct tn_str made = {session->next_id, PX_MADE_ID_BYTES};
    struct tn_str id = tn_http_request_id(&exchange->request, made);

    exchange->request_id_len =
        (uint8_t)(id.len < PX_REQUEST_ID_BYTES ? id.len : PX_REQUEST_ID_BYTES);
    memcpy(exchange->request_id, id.ptr, exchange->request_id_len);
    px_session_count_id(session);
}

static void count_failover(const struct px_exchange *exchange)
{
    const struct px_snapshot_version *versions = exchange->rules->snapshot->versions;
    const struct px_decision *decision = &exchange->decision;
    const struct px_stats *stats = exchange->client->session->stats;
    struct px_stats_cell *cell =
        stats->cells[exchange->rule->stat][versions[decision->wanted].stat];

    cell->failed_over++;
    cell->failed_over_to[versions[decision->version].stat]++;
}

static void decide(struct px_exchange *exchange)
{
    struct px_session *session = exchange->client->session;
    const struct px_snapshot *snapshot;
    struct sockaddr_storage address;
    struct px_route_request request = {.head = &exchange->request};
    const struct tn_http_field *proto;
    struct px_stats_cell *cell;

    exchange->rules = px_snapshot_use_take(session->rules);
    snapshot = exchange->rules->snapshot;
    exchange->revision = snapshot->revision;
    px_peer_resolve(exchange, &address);
    request.client = (const struct sockaddr *)&address;
    request.wall_s = tn_loop_wall_ns(session->loop) / 1000000000;
    proto = exchange->client->is_trusted
                ? tn_http_find(&exchange->request, TN_HTTP_FIELD_X_FORWARDED_PROTO)
                : NULL;
    request.https = proto && tn_str_equal_nocase(tn_http_view(&exchange->request, proto->value),
                                                 TN_STR("https"));
    session->route.now_ms = tn_loop_now_ms(session->loop);
    px_route_decide(snapshot, &session->route, &request, NULL, &exchange->decision);
    exchange->rule = &snapshot->rules[exchange->decision.rule];
    cell = px_exchange_cell(exchange);
    cell->in_flight++;
    cell->decisions[exchange->decision.reason]++;
    if (exchange->decision.is_spilled && exchange->decision.version != STRATEGY_NONE)
        cell->spilled++;
    if (exchange->decision.reason == STRATEGY_REASON_FAILOVER)
        count_failover(exchange);
    if (exchange->rule->trial)
        px_judge_decision(exchange, &request);
}

/* Writes the head that goes on into the exchange's own buffer: a retry and the log need it later.
 */
static int write_forward(struct px_exchange *exchange, const struct tn_http_forward_request *how)
{
    const struct tn_http_head *head = &exchange->request;
    size_t size = (size_t)head->len + TN_HTTP_FORWARD_EXTRA;
    int len;

    exchange->forward = exchange->forward_inline;
    if (size > sizeof(exchange->forward_inline)) {
        exchange->forward = malloc(size);
        if (!exchange->forward) {
            exchange->forward = exchange->forward_inline;
            return -ENOMEM;
        }
    } else {
        size = sizeof(exchange->forward_inline);
    }
    len = tn_http_write_request(head, how, exchange->forward, size);
    if (len < 0)
        return len;
    exchange->forward_len = (uint32_t)len;
    exchange->method_len = head->method_text.len;
    exchange->target_offset = exchange->method_len + 1u;
    exchange->target_len = (uint32_t)tn_http_written_target_len(head);
    return 0;
}

static bool is_too_large(const struct px_exchange *exchange)
{
    uint64_t max = exchange->rule->rule->max_body_bytes;

    return exchange->request.content_length > 0 && (uint64_t)exchange->request.content_length > max;
}

/* Host for a request of HTTP/1.0 that names none: services refuse an empty one. */
static struct tn_str host_of_endpoint(const struct px_exchange *exchange)
{
    const struct px_decision *decision = &exchange->decision;
    const struct px_snapshot_version *versions = exchange->rules->snapshot->versions;

    if (decision->version == STRATEGY_NONE || decision->endpoint == STRATEGY_NONE)
        return TN_STR("");
    return tn_str_of(versions[decision->version].endpoints[decision->endpoint]->address.text);
}

/* OPTIONS with Max-Forwards: 0 asks whoever it has reached (RFC 9110 7.6.2). */
static bool is_for_us(const struct px_exchange *exchange)
{
    const struct tn_http_field *field;

    if (exchange->request.method != TN_HTTP_OPTIONS)
        return false;
    field = tn_http_find(&exchange->request, TN_HTTP_FIELD_MAX_FORWARDS);
    return field && tn_str_equal(tn_http_view(&exchange->request, field->value), TN_STR("0"));
}

/* PX_FAILURE_NONE: it may go on. error: of writing its head. */
static enum px_failure find_refusal(const struct px_exchange *exchange, int error)
{
    if (error)
        return error == -ELOOP    ? PX_FAILURE_LOOP
               : error == -ENOMEM ? PX_FAILURE_NO_MEMORY
                                  : PX_FAILURE_BAD_REQUEST;
    if (exchange->decision.version == STRATEGY_NONE)
        return PX_FAILURE_NO_VERSION;
    return is_too_large(exchange) ? PX_FAILURE_BODY_TOO_LARGE : PX_FAILURE_NONE;
}

void px_request_head(struct px_exchange *exchange)
{
    struct px_client *client = exchange->client;
    struct px_session *session = client->session;
    struct tn_http_head *head = &exchange->request;
    struct tn_http_forward_request how = {0};
    enum px_failure refusal;
    bool is_ours;
    int error;

    exchange->request_state = PX_REQUEST_BODY;
    exchange->is_keep_alive = head->keep_alive;
    exchange->is_client_1_0 = head->version_minor == 0;
    if (px_session_is_memory_full(session)) {
        session->stats->memory_refused++;
        px_exchange_fail(exchange, PX_FAILURE_MEMORY_FULL);
        return;
    }
    px_retry_budget_add_request(&session->retries);
    name_request(exchange);
    decide(exchange);
    how.via_name = session->via_name;
    how.client_address = (struct tn_str){exchange->peer_text, exchange->peer_text_len};
    how.request_id = (struct tn_str){exchange->request_id, exchange->request_id_len};
    how.trusted = client->is_trusted;
    how.upgrade = head->upgrade;
    if (head->authority.len == 0)
        how.default_host = host_of_endpoint(exchange);
    error = write_forward(exchange, &how);
    is_ours = !error && is_for_us(exchange);
    refusal = is_ours ? PX_FAILURE_NONE : find_refusal(exchange, error);
    if (exchange->rule->mirror_count > 0)
        px_exchange_count_passed_over(exchange, is_ours || refusal != PX_FAILURE_NONE);
    if (is_ours) {
        px_answer_options(exchange);
        return;
    }
    if (refusal != PX_FAILURE_NONE) {
        px_exchange_fail(exchange, refusal);
        return;
    }
    if (exchange->rule->rule->timeouts.total_ms != PX_NO_LIMIT)
        exchange->total_deadline_ms =
            tn_loop_now_ms(session->loop) + exchange->rule->rule->timeouts.total_ms;
    if (exchange->decision.mirrors)
        px_exchange_begin_mirrors(exchange, &how);
    exchange->is_head_unsent = true;
    if (tn_http_has_body(head))
        px_request_read_body(exchange);
    px_exchange_connect(exchange);
}

void px_request_wait(struct px_exchange *exchange)
{
    const struct px_timeouts *timeouts = &exchange->rule->rule->timeouts;

    px_exchange_set_deadline(exchange, exchange->response_state == PX_RESPONSE_WAITING
                                           ? timeouts->first_byte_ms
                                           : timeouts->idle_ms);
}

void px_request_read_body(struct px_exchange *exchange)
{
    struct px_session *session = exchange->client->session;

    if (exchange->response_state == PX_RESPONSE_BODY) {
        px_request_wait(exchange); /* the answer began early: bytes of either side keep it alive */
        return;
    }
    exchange->window_started_ms = tn_loop_now_ms(session->loop);
    exchange->window_bytes = exchange->body_bytes_in;
    px_exchange_set_deadline(exchange, session->limits->body_grace_ms);
}

/* Head (if it waits), one piece of body and the last chunk (if it ends here) in one write. */
static void send_pieces(struct px_exchange *exchange, const struct tn_http_step *step)
{
    struct tn_str pieces[TN_STREAM_PIECES_MAX];
    char chunk_head[TN_HTTP_CHUNK_HEAD_MAX];
    unsigned count = 0;
    bool is_end = step && (step->events & TN_HTTP_STEP_END);

    if (exchange->is_head_unsent)
        pieces[count++] = (struct tn_str){exchange->forward, exchange->forward_len};
    exchange->is_head_unsent = false;
    if (step && step->body_len > 0) {
        if (exchange->request.chunked)
            pieces[count++] =
                (struct tn_str){chunk_head, tn_http_chunk_head(step->body_len, chunk_head)};
        for (unsigned i = 0; i < step->body_count; i++)
            pieces[count++] = step->body[i];
        if (exchange->request.chunked)
            pieces[count++] = TN_STR("\r\n");
    }
    if (is_end && exchange->request.chunked)
        pieces[count++] = TN_HTTP_LAST_CHUNK;
    if (count == 0)
        return;
    exchange->upstream_started_ns = tn_loop_now_ns(exchange->client->session->loop);
    if (tn_stream_write(&exchange->upstream->stream, pieces, count) != 0)
        px_response_broken(exchange->upstream, -EPIPE);
}

void px_request_flush(struct px_exchange *exchange)
{
    if (exchange->is_head_unsent && !exchange->is_blocked && exchange->upstream)
        send_pieces(exchange, NULL);
}

void px_request_body(struct px_exchange *exchange, const struct tn_http_step *step)
{
    struct px_client *client = exchange->client;
    bool is_end = step->events & TN_HTTP_STEP_END;

    exchange->body_bytes_in += step->body_len;
    if (exchange->body_bytes_in > exchange->rule->rule->max_body_bytes) {
        px_exchange_fail(exchange, PX_FAILURE_BODY_TOO_LARGE);
        return;
    }
    if (step->body_len > 0)
        px_exchange_feed_mirrors(exchange, step);
    if (step->body_len > 0 && exchange->response_state == PX_RESPONSE_BODY)
        px_request_wait(exchange);
    if (is_end) {
        exchange->request_state = PX_REQUEST_DONE;
        px_exchange_end_mirrors(exchange);
        px_request_wait(exchange);
    }
    if (exchange->upstream) {
        send_pieces(exchange, step);
        /* the exchange may be over now: a write can fail */
        exchange = client->exchange;
        if (exchange && exchange->upstream && !is_end &&
            tn_stream_queued(&exchange->upstream->stream) >
                client->session->limits->side_buffer_bytes) {
            exchange->is_blocked = true;
            tn_stream_pause(&client->stream);
            px_exchange_set_deadline(exchange, exchange->rule->rule->timeouts.idle_ms);
        }
    }
}

#include "proxy/session/exchange.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SPARE_EXCHANGES_MAX 256

/* So that bytes sent fast at first buy no more than that much silence later. */
#define BODY_WINDOW_MS 30000

void px_session_init(struct px_session *session)
{
    px_session_start_ids(session, 0);
    tn_list_init(&session->clients);
    tn_list_init(&session->tunnels);
    tn_list_init(&session->spare_exchanges);
    session->spare_count = 0;
    session->client_count = 0;
    session->is_stopping = false;
    px_retry_budget_init(&session->retries);
    session->date_s = 0;
}

void px_session_deinit(struct px_session *session)
{
    assert(session->client_count == 0);
    while (!tn_list_is_empty(&session->spare_exchanges)) {
        struct px_exchange *spare =
            TN_CONTAINER_OF(session->spare_exchanges.next, struct px_exchange, node);

        tn_list_remove(&spare->node);
        free(spare);
    }
}

void px_session_set_rules(struct px_session *session, struct px_snapshot_use *rules)
{
    struct px_snapshot_use *old = session->rules;

    session->rules = rules;
    session->stats->revision = rules ? rules->snapshot->revision : session->stats->revision;
    if (!old)
        return;
    if (rules) {
        px_tunnels_move_on(session);
        px_queue_ask_again(session->pool->queue); /* what they wait for may be cut */
    }
    px_snapshot_use_give(old);
}

void px_session_tick(struct px_session *session)
{
    px_retry_budget_add_second(&session->retries);
}

struct tn_str px_session_date(struct px_session *session)
{
    uint64_t now_ns = tn_loop_wall_ns(session->loop);

    if (now_ns / 1000000000 != session->date_s) {
        session->date_s = now_ns / 1000000000;
        tn_clock_http_date(now_ns, session->date);
    }
    return (struct tn_str){session->date, TN_HTTP_DATE_SIZE - 1};
}

struct px_exchange *px_exchange_new(struct px_client *client)
{
    struct px_session *session = client->session;
    struct px_exchange *exchange;

    if (tn_list_is_empty(&session->spare_exchanges)) {
        exchange = malloc(sizeof(*exchange));
        if (!exchange)
            return NULL;
    } else {
        exchange = TN_CONTAINER_OF(session->spare_exchanges.next, struct px_exchange, node);
        tn_list_remove(&exchange->node);
        session->spare_count--;
    }
    memset(exchange, 0, offsetof(struct px_exchange, decision.set_cookie));
    exchange->client = client;
    client->exchange_number++;
    exchange->started_ns = tn_loop_now_ns(session->loop);
    exchange->total_deadline_ms = TN_DEADLINE_NEVER;
    exchange->decision.version = STRATEGY_NONE;
    exchange->decision.wanted = STRATEGY_NONE;
    tn_list_init(&exchange->node);
    tn_http_parser_init(&exchange->parser, false, &session->limits->http);
    tn_http_parser_start(&exchange->parser, &exchange->request, false);
    /* The first request's time began when the connection did. */
    if (client->exchange_number > 1)
        px_client_set_deadline(client, session->limits->client_head_ms);
    return exchange;
}

static void free_exchange(struct px_exchange *exchange)
{
    struct px_session *session = exchange->client->session;

    px_exchange_compare_end(exchange, false);
    if (exchange->forward != exchange->forward_inline)
        free(exchange->forward);
    free(exchange->partial);
    if (exchange->rules)
        px_snapshot_use_give(exchange->rules);
    if (session->spare_count < SPARE_EXCHANGES_MAX) {
        tn_list_push_front(&session->spare_exchanges, &exchange->node);
        session->spare_count++;
    } else {
        free(exchange);
    }
}

static const struct px_snapshot_version *version_of(const struct px_exchange *exchange)
{
    if (!exchange->rules || exchange->decision.version == STRATEGY_NONE)
        return NULL;
    return &exchange->rules->snapshot->versions[exchange->decision.version];
}

struct px_stats_cell *px_exchange_cell(const struct px_exchange *exchange)
{
    const struct px_stats *stats = exchange->client->session->stats;
    const struct px_decision *decision = &exchange->decision;
    uint32_t version = decision->version == STRATEGY_NONE ? decision->wanted : decision->version;
    struct px_stats_cell *cell;

    if (!exchange->rule)
        cell = stats->cells[PX_STATS_NO_RULE][PX_STATS_NOBODY];
    else if (version == STRATEGY_NONE)
        cell = stats->cells[exchange->rule->stat][PX_STATS_NOBODY];
    else
        cell =
            stats->cells[exchange->rule->stat][exchange->rules->snapshot->versions[version].stat];
    assert(cell);
    return cell;
}

void px_exchange_count_answer(const struct px_exchange *exchange, struct px_stats_cell *cell,
                              uint64_t duration_us)
{
    uint32_t bucket = 0;

    if (exchange->status)
        cell->codes[px_stats_code_index(exchange->status)]++;
    while (bucket < PX_STATS_BUCKETS - 1 && duration_us > px_stats_bucket_us[bucket])
        bucket++;
    cell->buckets[bucket]++;
    cell->duration_us += duration_us;
}

static void count(struct px_exchange *exchange, uint64_t duration_us)
{
    struct px_stats_cell *cell = px_exchange_cell(exchange);

    if (exchange->rule)
        cell->in_flight--;
    if (exchange->is_tunnel)
        px_tunnel_uncount(exchange);
    else
        px_exchange_count_answer(exchange, cell, duration_us);
    if (exchange->rule && exchange->rule->trial)
        px_judge_answer(exchange, duration_us);
    cell->client_bytes_in += exchange->body_bytes_in;
    cell->client_bytes_out += exchange->body_bytes_out;
    if (exchange->failure != PX_FAILURE_NONE && exchange->response_state != PX_RESPONSE_WAITING)
        cell->aborted++;
}

static struct tn_str forwarded(const struct px_exchange *exchange, uint32_t offset, uint32_t len)
{
    return exchange->forward ? (struct tn_str){exchange->forward + offset, len}
                             : (struct tn_str){"", 0};
}

static void log_line(struct px_exchange *exchange, uint64_t duration_us)
{
    const struct px_snapshot_version *version = version_of(exchange);
    const struct px_decision *decision = &exchange->decision;
    struct px_access_line line = {
        .wall_ns = tn_loop_wall_ns(exchange->client->session->loop),
        .request_id = {exchange->request_id, exchange->request_id_len},
        .client = {exchange->client_text, exchange->client_text_len},
        .method = forwarded(exchange, 0, exchange->method_len),
        .path = forwarded(exchange, exchange->target_offset, exchange->target_len),
        .status = exchange->status,
        .bytes_in = exchange->body_bytes_in,
        .bytes_out = exchange->body_bytes_out,
        .duration_us = duration_us,
        .upstream_us = PX_ACCESS_NONE,
        .end = px_failure_word(exchange->failure),
        .retries = exchange->tries > 0 ? exchange->tries - 1 : 0,
        .version_minor = exchange->is_client_1_0 ? 0 : 1,
    };

    if (exchange->client->session->log->format == PX_LOG_COMBINED) {
        line.referer =
            px_access_field(forwarded(exchange, 0, exchange->forward_len), TN_STR("Referer"));
        line.user_agent =
            px_access_field(forwarded(exchange, 0, exchange->forward_len), TN_STR("User-Agent"));
    }
    if (exchange->upstream_first_ns > exchange->upstream_started_ns)
        line.upstream_us = (exchange->upstream_first_ns - exchange->upstream_started_ns) / 1000;
    if (exchange->rule) {
        line.rule = exchange->rule->rule->name;
        line.revision = exchange->revision;
        line.reason = strategy_reason_word(decision->reason);
        line.has_slot = decision->has_slot;
        line.has_key = decision->has_key;
        line.slot = decision->slot;
        line.key = decision->key;
    }
    if (version) {
        line.version = version->name;
        line.build = version->build;
        if (decision->endpoint != STRATEGY_NONE)
            line.endpoint = version->endpoints[decision->endpoint]->label;
    }
    px_access_log_add(exchange->client->session->log, &line);
}

/* The exchange is over, however it ended: told once, then gone. */
static void end(struct px_exchange *exchange)
{
    struct px_client *client = exchange->client;
    uint64_t duration_us = (tn_loop_now_ns(client->session->loop) - exchange->started_ns) / 1000;

    assert(!exchange->upstream);
    if (exchange->waiter.is_waiting)
        px_queue_leave(client->session->pool->queue, &exchange->waiter);
    count(exchange, duration_us);
    if (px_access_log_is_on(client->session->log))
        log_line(exchange, duration_us);
    client->exchange = NULL;
    free_exchange(exchange);
}

void px_exchange_finish(struct px_exchange *exchange)
{
    struct px_client *client = exchange->client;
    bool is_next_possible = exchange->is_keep_alive && exchange->request_state == PX_REQUEST_DONE &&
                            !client->session->is_stopping;

    if (exchange->request_state != PX_REQUEST_DONE)
        px_exchange_abort_mirrors(exchange);
    end(exchange);
    if (!is_next_possible) {
        px_client_linger(client);
        return;
    }
    px_client_rest(client);
}

void px_exchange_abandon(struct px_exchange *exchange, enum px_failure failure)
{
    if (exchange->failure == PX_FAILURE_NONE)
        exchange->failure = failure;
    /* Where the answer ends with the connection, an orderly close would look like its end. */
    if (exchange->response_state == PX_RESPONSE_BODY && exchange->is_until_close)
        exchange->client->stream.is_reset = true;
    if (exchange->upstream)
        px_exchange_release(exchange, false);
    px_exchange_abort_mirrors(exchange);
    /* A connection that sent nothing is no request: neither counted nor logged. */
    if (exchange->request_state == PX_REQUEST_HEAD && !exchange->status &&
        tn_http_parser_is_fresh(&exchange->parser)) {
        exchange->client->exchange = NULL;
        free_exchange(exchange);
        return;
    }
    end(exchange);
}

void px_exchange_fail(struct px_exchange *exchange, enum px_failure failure)
{
    struct px_client *client = exchange->client;

    exchange->failure = failure;
    if (exchange->upstream)
        px_exchange_release(exchange, false);
    if (exchange->response_state == PX_RESPONSE_WAITING) {
        px_answer_error(exchange, px_failure_status(failure), px_failure_text(failure));
        return;
    }
    px_exchange_abandon(exchange, failure); /* bytes of an answer are out: break it off */
    px_client_close(client);
}

void px_exchange_refuse(struct px_exchange *exchange, enum tn_http_error error)
{
    exchange->is_keep_alive = false;
    if (exchange->response_state != PX_RESPONSE_WAITING) {
        px_exchange_fail(exchange, PX_FAILURE_BAD_REQUEST);
        return;
    }
    exchange->failure = PX_FAILURE_BAD_REQUEST;
    if (exchange->upstream)
        px_exchange_release(exchange, false);
    px_answer_error(exchange, tn_http_error_status(error), tn_http_error_text(error));
}

void px_exchange_set_deadline(struct px_exchange *exchange, uint64_t after_ms)
{
    struct px_client *client = exchange->client;
    uint64_t now = tn_loop_now_ms(client->session->loop);
    uint64_t when = after_ms == TN_DEADLINE_NEVER ? after_ms : now + after_ms;

    tn_deadline_set(client->session->loop, &client->deadline,
                    when < exchange->total_deadline_ms ? when : exchange->total_deadline_ms);
}

/* The floor that a body may not fall below while we read it: checked each second after the grace.
 */
static void check_body_floor(struct px_exchange *exchange)
{
    const struct px_session *session = exchange->client->session;
    uint64_t elapsed_ms = tn_loop_now_ms(session->loop) - exchange->window_started_ms;
    uint64_t floor_bytes = session->limits->body_floor_bytes_per_s * elapsed_ms / 1000;

    if (exchange->body_bytes_in - exchange->window_bytes < floor_bytes)
        px_exchange_fail(exchange, PX_FAILURE_BODY_TIMEOUT);
    else if (elapsed_ms >= BODY_WINDOW_MS)
        px_request_read_body(exchange);
    else
        px_exchange_set_deadline(exchange, 1000);
}

static void fail_silent(struct px_exchange *exchange)
{
    px_exchange_blame_endpoint(exchange);
    px_exchange_fail(exchange, PX_FAILURE_FIRST_BYTE_TIMEOUT);
}

static void fail_waiting(struct px_exchange *exchange)
{
    exchange->client->session->stats->versions[exchange->waiter.version].queue_timeouts++;
    px_exchange_fail(exchange, PX_FAILURE_QUEUE_TIMEOUT);
}

void px_exchange_on_deadline(struct px_exchange *exchange)
{
    struct px_client *client = exchange->client;

    if (exchange->request_state == PX_REQUEST_HEAD && tn_http_parser_is_fresh(&exchange->parser))
        px_client_close(client);
    else if (exchange->request_state == PX_REQUEST_HEAD)
        px_exchange_fail(exchange, PX_FAILURE_HEAD_TIMEOUT);
    else if (tn_loop_now_ms(client->session->loop) >= exchange->total_deadline_ms)
        px_exchange_fail(exchange, PX_FAILURE_TOTAL_TIMEOUT);
    else if (exchange->waiter.is_waiting)
        fail_waiting(exchange);
    else if (exchange->is_request_cut && exchange->response_state == PX_RESPONSE_WAITING)
        px_exchange_fail(exchange, PX_FAILURE_UPSTREAM_RESET);
    else if (exchange->response_state == PX_RESPONSE_BODY || exchange->is_blocked)
        px_exchange_fail(exchange, PX_FAILURE_IDLE_TIMEOUT);
    else if (exchange->request_state == PX_REQUEST_BODY)
        check_body_floor(exchange);
    else
        fail_silent(exchange);
}

#include "proxy/session/exchange.h"

#include <string.h>

/*
 * After a 101 both connections are byte streams to each other (RFC 9110 7.8). Back-pressure and the
 * idle deadline stay. Either side may end its own half: the other one is told behind the last byte,
 * and may go on speaking. When both have ended, what is outstanding is delivered and both are
 * closed (RFC 9110 9.3.6).
 */

static void touch(struct px_exchange *exchange)
{
    px_exchange_set_deadline(exchange, exchange->rule->rule->timeouts.idle_ms);
}

static struct px_endpoint *endpoint_of(const struct px_exchange *exchange)
{
    const struct px_decision *decision = &exchange->decision;

    return exchange->rules->snapshot->versions[decision->version].endpoints[decision->endpoint];
}

/* Both have ended: lingering delivers to the client what is outstanding. */
static void end(struct px_exchange *exchange)
{
    struct px_client *client = exchange->client;

    exchange->response_state = PX_RESPONSE_DONE;
    exchange->is_keep_alive = false;
    if (exchange->upstream)
        px_exchange_release(exchange, false);
    client->is_tunnel = false;
    px_exchange_finish(exchange);
}

static void end_when_out(struct px_exchange *exchange)
{
    if (exchange->client->is_half_closed && exchange->upstream->stream.is_eof &&
        tn_stream_queued(&exchange->upstream->stream) == 0)
        end(exchange);
}

/* It is answered; what follows is not its latency. The 101 is counted now, for the end may be days
 * away. */
static void count(struct px_exchange *exchange)
{
    struct px_stats_cell *cell = px_exchange_cell(exchange);

    px_exchange_count_answer(
        exchange, cell,
        (tn_loop_now_ns(exchange->client->session->loop) - exchange->started_ns) / 1000);
    cell->tunnels++;
    cell->tunnels_opened++;
    atomic_fetch_add_explicit(&endpoint_of(exchange)->tunnels, 1, memory_order_relaxed);
    tn_list_push_back(&exchange->client->session->tunnels, &exchange->node);
}

void px_tunnel_uncount(struct px_exchange *exchange)
{
    px_exchange_cell(exchange)->tunnels--;
    atomic_fetch_sub_explicit(&endpoint_of(exchange)->tunnels, 1, memory_order_relaxed);
    tn_list_remove(&exchange->node);
}

void px_tunnel_start(struct px_exchange *exchange)
{
    struct px_client *client = exchange->client;

    exchange->is_tunnel = true;
    client->is_tunnel = true;
    count(exchange);
    touch(exchange);
    /* What the client sent before the 101 was waiting, unparsed. */
    if (client->pending_len > 0) {
        struct tn_str piece = {client->pending, client->pending_len};
        int error = tn_stream_write(&exchange->upstream->stream, &piece, 1);

        exchange->body_bytes_in += piece.len;
        px_client_drop(client, piece.len); /* a tunnel holds no buffer of what went on */
        if (error) {
            px_exchange_fail(exchange, PX_FAILURE_UPSTREAM_RESET);
            return;
        }
    }
    if (client->is_half_closed)
        px_tunnel_client_eof(exchange);
    else
        tn_stream_resume(&client->stream);
}

/* error: of writing what came from one side to the other. */
static void went_over(struct px_exchange *exchange, struct tn_stream *from,
                      const struct tn_stream *to, int error)
{
    struct px_client *client = exchange->client;

    touch(exchange);
    if (error) {
        px_exchange_fail(exchange, to == &client->stream ? PX_FAILURE_CLIENT_LEFT
                                                         : PX_FAILURE_UPSTREAM_RESET);
        return;
    }
    if (tn_stream_queued(to) > client->session->limits->side_buffer_bytes)
        tn_stream_pause(from);
}

void px_tunnel_client_read(struct px_exchange *exchange, const char *data, size_t len)
{
    struct tn_stream *to = &exchange->upstream->stream;
    struct tn_str piece = {data, len};

    exchange->body_bytes_in += len;
    went_over(exchange, &exchange->client->stream, to, tn_stream_write(to, &piece, 1));
}

void px_tunnel_upstream_read(struct px_exchange *exchange, const char *data, size_t len)
{
    struct px_client *client = exchange->client;
    struct tn_str piece = {data, len};

    exchange->body_bytes_out += len;
    went_over(exchange, &exchange->upstream->stream, &client->stream,
              px_client_write(client, &piece, 1));
}

void px_tunnel_client_eof(struct px_exchange *exchange)
{
    /* The FIN goes behind what the upstream has not taken yet; its own side may still speak. */
    if (tn_stream_shutdown(&exchange->upstream->stream) != 0)
        px_exchange_fail(exchange, PX_FAILURE_UPSTREAM_RESET);
    else
        end_when_out(exchange);
}

void px_tunnel_upstream_eof(struct px_exchange *exchange)
{
    if (tn_stream_shutdown(&exchange->client->stream) != 0)
        px_exchange_fail(exchange, PX_FAILURE_CLIENT_LEFT);
    else
        end_when_out(exchange);
}

void px_tunnel_upstream_drained(struct px_exchange *exchange)
{
    tn_stream_resume(&exchange->client->stream);
    end_when_out(exchange);
}

/* --- a tunnel may live for days: it does not keep the rules of its first minute --------------- */

static uint32_t find_version(const struct px_snapshot *snapshot, uint32_t stat)
{
    for (uint32_t i = 0; i < snapshot->version_count; i++) {
        if (snapshot->versions[i].stat == stat)
            return i;
    }
    return STRATEGY_NONE;
}

static uint32_t find_rule(const struct px_snapshot *snapshot, uint32_t stat)
{
    for (uint32_t i = 0; i < snapshot->rule_count; i++) {
        if (snapshot->rules[i].stat == stat)
            return i;
    }
    return STRATEGY_NONE;
}

static uint32_t find_endpoint(const struct px_snapshot_version *version,
                              const struct px_endpoint *endpoint, uint32_t first)
{
    if (first < version->endpoint_count && version->endpoints[first] == endpoint)
        return first;
    for (uint32_t i = 0; i < version->endpoint_count; i++) {
        if (version->endpoints[i] == endpoint)
            return i;
    }
    return STRATEGY_NONE;
}

/* To the rules in force, unless they know its rule, its build or its endpoint no more. */
static void move_on(struct px_exchange *exchange, struct px_snapshot_use *use)
{
    const struct px_snapshot_version *versions = exchange->rules->snapshot->versions;
    const struct px_snapshot *snapshot = use->snapshot;
    struct px_decision *decision = &exchange->decision;
    const struct px_snapshot_version *was = &versions[decision->version];
    struct px_snapshot_use *old = exchange->rules;
    uint32_t rule = find_rule(snapshot, exchange->rule->stat);
    uint32_t version = find_version(snapshot, was->stat);
    uint32_t endpoint;

    if (rule == STRATEGY_NONE || version == STRATEGY_NONE ||
        strcmp(snapshot->versions[version].build, was->build) != 0)
        return;
    endpoint =
        find_endpoint(&snapshot->versions[version], endpoint_of(exchange), decision->endpoint);
    if (endpoint == STRATEGY_NONE)
        return;
    decision->rule = rule;
    decision->version = version;
    decision->endpoint = endpoint;
    decision->wanted = version; /* it was counted where it was due, when it was decided */
    exchange->rule = &snapshot->rules[rule];
    exchange->rules = px_snapshot_use_take(use);
    px_snapshot_use_give(old);
}

void px_tunnels_move_on(struct px_session *session)
{
    for (struct tn_list *node = session->tunnels.next; node != &session->tunnels;
         node = node->next) {
        struct px_exchange *exchange = TN_CONTAINER_OF(node, struct px_exchange, node);

        if (exchange->rules != session->rules)
            move_on(exchange, session->rules);
    }
}

#include "proxy/session/exchange.h"
#include "proxy/upstream/outlier.h"

#include <assert.h>
#include <errno.h>

static void on_ready(struct px_upstream *upstream, int error);
static void on_drained(struct px_upstream *upstream);

static const struct px_upstream_ops upstream_ops = {
    .on_ready = on_ready,
    .on_read = px_response_read,
    .on_eof = px_response_eof,
    .on_broken = px_response_broken,
    .on_drained = on_drained,
};

static const struct px_snapshot_version *version_of(const struct px_exchange *exchange)
{
    return &exchange->rules->snapshot->versions[exchange->decision.version];
}

/* The connection is there: what was held back may go. */
static void use_upstream(struct px_exchange *exchange)
{
    struct px_upstream *upstream = exchange->upstream;

    exchange->is_blocked = false;
    exchange->is_head_unsent = true;
    exchange->has_answer_bytes = false;
    exchange->is_request_cut = false;
    tn_http_parser_start(&upstream->parser, &exchange->response,
                         exchange->request.method == TN_HTTP_HEAD);
}

/* The pool bounds the wait for a connection; only the rule's total goes on. */
static void block_until_ready(struct px_exchange *exchange)
{
    exchange->is_blocked = true;
    px_exchange_set_deadline(exchange, TN_DEADLINE_NEVER);
}

/* The head goes, together with whatever of the body is here already. */
static void go_on(struct px_exchange *exchange)
{
    if (exchange->request_state == PX_REQUEST_DONE) {
        px_request_wait(exchange);
        px_request_flush(exchange);
    } else {
        px_request_read_body(exchange);
        px_client_continue(
            exchange->client); /* while the client is being fed, the feeder goes on */
    }
}

/* A user's own endpoint left for another one is counted, once a request. */
static void move_to(struct px_exchange *exchange, uint32_t place)
{
    struct px_decision *decision = &exchange->decision;

    if (decision->is_pinned && place != decision->endpoint) {
        decision->is_pinned = false;
        decision->is_spilled = true;
        px_exchange_cell(exchange)->spilled++;
    }
    decision->endpoint = place;
}

/* Takes a connection to the decided endpoint. -EBUSY: it has no room, and no try was made. */
static int lease_endpoint(struct px_exchange *exchange)
{
    const struct px_snapshot_version *version = version_of(exchange);
    struct px_lease lease = {.endpoint = version->endpoints[exchange->decision.endpoint],
                             .ops = &upstream_ops,
                             .user = exchange,
                             .connect_ms = exchange->rule->rule->timeouts.connect_ms,
                             .max_requests = version->max_requests,
                             .is_fresh = exchange->has_retried_reused,
                             .is_repeatable = tn_http_is_idempotent(&exchange->request) &&
                                              !tn_http_has_body(&exchange->request)};
    int error = px_pool_lease(exchange->client->session->pool, &lease, &exchange->upstream);

    if (error == -EBUSY)
        return error;
    assert(exchange->tries < PX_TRIES_MAX);
    exchange->tried[exchange->tries++] = exchange->decision.endpoint;
    return error;
}

/* What became of the try. */
static void go_to_endpoint(struct px_exchange *exchange, int error)
{
    if (error) {
        exchange->upstream = NULL;
        if (!px_exchange_retry(exchange))
            px_exchange_fail(exchange,
                             error == -EMFILE ? PX_FAILURE_NO_DESCRIPTOR : PX_FAILURE_CONNECT);
        return;
    }
    if (exchange->upstream->is_connected)
        use_upstream(exchange);
    else
        block_until_ready(exchange);
}

/* Its version was cut since it was decided: the rules in force say so, its own don't. */
static bool is_version_cut(const struct px_exchange *exchange)
{
    const struct px_snapshot_use *rules = exchange->client->session->rules;
    uint32_t stat = version_of(exchange)->stat;

    for (uint32_t i = 0; rules && i < rules->snapshot->version_count; i++) {
        if (rules->snapshot->versions[i].stat == stat)
            return rules->snapshot->versions[i].mode == STRATEGY_CUT;
    }
    return false;
}

static bool is_cut(const struct px_exchange *exchange)
{
    const struct px_endpoint *endpoint =
        version_of(exchange)->endpoints[exchange->decision.endpoint];

    return is_version_cut(exchange) ||
           atomic_load_explicit(&endpoint->mode, memory_order_relaxed) == STRATEGY_CUT;
}

/* Any endpoint will do, but one that is draining only when there is no other: whoever waits there
 * is one of those that it is to finish. */
static uint32_t choose_any(const struct px_exchange *exchange)
{
    const struct px_snapshot *snapshot = exchange->rules->snapshot;
    struct px_route_loop *loop = &exchange->client->session->route;
    struct px_decision bound = exchange->decision;
    uint32_t place = px_route_endpoint(snapshot, loop, &bound, exchange->tried, exchange->tries);

    if (place != STRATEGY_NONE || bound.has_endpoint_key)
        return place;
    bound.has_endpoint_key = true;
    bound.endpoint_key = exchange->client->exchange_number ^ bound.slot;
    return px_route_endpoint(snapshot, loop, &bound, exchange->tried, exchange->tries);
}

/*
 * Whose turn it is looks anew: endpoints come and go while it waits, and what was cut is sent
 * nothing any more. A user who belongs to one endpoint waits for that one, for as long as it is
 * there.
 */
static uint32_t choose_again(const struct px_exchange *exchange)
{
    const struct px_snapshot *snapshot = exchange->rules->snapshot;
    const struct px_decision *decision = &exchange->decision;
    struct px_route_loop *loop = &exchange->client->session->route;

    if (is_version_cut(exchange))
        return STRATEGY_NONE;
    loop->now_ms = tn_loop_now_ms(exchange->client->session->loop);
    if (!decision->is_pinned)
        return choose_any(exchange);
    if (px_route_is_open(snapshot, decision))
        return decision->endpoint;
    return px_route_endpoint(snapshot, loop, decision, &decision->endpoint, 1);
}

static bool try_room(struct px_waiter *waiter)
{
    struct px_exchange *exchange = TN_CONTAINER_OF(waiter, struct px_exchange, waiter);
    struct px_client *client = exchange->client;
    uint64_t number = client->exchange_number;
    uint32_t place = choose_again(exchange);
    int error;

    if (place == STRATEGY_NONE) {
        px_exchange_fail(exchange, is_cut(exchange) ? PX_FAILURE_CUT : PX_FAILURE_NO_VERSION);
        return true;
    }
    move_to(exchange, place);
    if (!exchange->decision.is_pinned)
        waiter->endpoint = NULL;
    error = lease_endpoint(exchange);
    if (error == -EBUSY)
        return false;
    px_queue_leave(client->session->pool->queue, waiter);
    go_to_endpoint(exchange, error);
    if (px_client_is_at(client, number) && !exchange->is_blocked)
        go_on(exchange);
    return true;
}

/* Behind those who wait already. Nothing more of the request is read meanwhile. */
static void wait_for_room(struct px_exchange *exchange)
{
    struct px_session *session = exchange->client->session;
    const struct px_snapshot_version *version = version_of(exchange);

    exchange->waiter = (struct px_waiter){
        .version = version->stat,
        .endpoint =
            exchange->decision.is_pinned ? version->endpoints[exchange->decision.endpoint] : NULL,
        .try_room = try_room};
    if (px_queue_join(session->pool->queue, &exchange->waiter) != 0) {
        px_exchange_fail(exchange, PX_FAILURE_OVERLOADED);
        return;
    }
    exchange->is_blocked = true;
    px_exchange_set_deadline(exchange, session->limits->queue_ms);
}

void px_exchange_connect(struct px_exchange *exchange)
{
    const struct px_queue *queue = exchange->client->session->pool->queue;
    int error;

    if (exchange->decision.endpoint == STRATEGY_NONE) {
        px_exchange_fail(exchange, PX_FAILURE_NO_VERSION);
        return;
    }
    error = px_queue_is_contended(queue, version_of(exchange)->stat) ? -EBUSY
                                                                     : lease_endpoint(exchange);
    if (error == -EBUSY)
        wait_for_room(exchange);
    else
        go_to_endpoint(exchange, error);
}

void px_exchange_release(struct px_exchange *exchange, bool healthy)
{
    struct px_upstream *upstream = exchange->upstream;

    exchange->upstream = NULL;
    px_upstream_release(upstream, healthy);
}

void px_exchange_blame_endpoint(struct px_exchange *exchange)
{
    struct px_session *session = exchange->client->session;
    struct px_endpoint *endpoint = version_of(exchange)->endpoints[exchange->decision.endpoint];

    if (px_outlier_failed(endpoint, session->limits->ejection_failures) && session->on_failing)
        session->on_failing(session, endpoint);
}

/*
 * The connection of this try is gone (exchange->upstream is NULL). True: another one is under way,
 * or the exchange has ended; the caller does nothing more.
 */
static bool try_again(struct px_exchange *exchange, const struct px_retry_question *question)
{
    struct px_client *client = exchange->client;
    struct px_session *session = client->session;
    uint64_t number = client->exchange_number;
    enum px_retry reason = px_retry_decide(question);
    uint32_t next;

    if (reason == PX_RETRY_COUNT || exchange->total_deadline_ms <= tn_loop_now_ms(session->loop) ||
        !px_retry_budget_take(&session->retries))
        return false;
    if (reason == PX_RETRY_REUSED) {
        /* The endpoint is not to blame for an idle connection that it closed: the same one, afresh.
         */
        exchange->has_retried_reused = true;
    } else {
        session->route.now_ms = tn_loop_now_ms(session->loop);
        next = px_route_endpoint(exchange->rules->snapshot, &session->route, &exchange->decision,
                                 exchange->tried, exchange->tries);
        if (next == STRATEGY_NONE)
            return false;
        move_to(exchange, next);
    }
    session->stats->retries[reason]++;
    px_exchange_connect(exchange);
    if (px_client_is_at(client, number) && !exchange->is_blocked)
        go_on(exchange);
    return true;
}

static struct px_retry_question question_of(const struct px_exchange *exchange,
                                            const struct px_upstream *upstream)
{
    uint32_t endpoints = version_of(exchange)->endpoint_count;

    return (struct px_retry_question){
        .is_connected = upstream && upstream->is_connected,
        .is_reused = upstream && upstream->is_reused,
        .has_answer_bytes = exchange->has_answer_bytes,
        .is_idempotent = tn_http_is_idempotent(&exchange->request),
        .has_body = tn_http_has_body(&exchange->request),
        .tries = exchange->tries,
        .tries_max = endpoints + 1 < PX_TRIES_MAX ? endpoints + 1 : PX_TRIES_MAX,
        .has_retried_reused = exchange->has_retried_reused,
    };
}

bool px_exchange_retry(struct px_exchange *exchange)
{
    struct px_retry_question question = question_of(exchange, exchange->upstream);

    if (exchange->response_state != PX_RESPONSE_WAITING || exchange->is_tunnel)
        return false;
    if (exchange->upstream)
        px_exchange_release(exchange, false);
    return try_again(exchange, &question);
}

static void on_ready(struct px_upstream *upstream, int error)
{
    struct px_exchange *exchange = upstream->user;

    if (error) {
        struct px_retry_question question = question_of(exchange, upstream);

        exchange->upstream = NULL; /* the lease has ended already */
        px_exchange_blame_endpoint(exchange);
        if (!try_again(exchange, &question))
            px_exchange_fail(exchange,
                             error == -ETIMEDOUT ? PX_FAILURE_CONNECT_TIMEOUT : PX_FAILURE_CONNECT);
        return;
    }
    use_upstream(exchange);
    go_on(exchange);
}

/* The upstream took what was queued: more of the request body may be read. */
static void on_drained(struct px_upstream *upstream)
{
    struct px_exchange *exchange = upstream->user;

    if (exchange->is_tunnel) {
        px_tunnel_upstream_drained(exchange);
        return;
    }
    if (!exchange->is_blocked)
        return;
    exchange->is_blocked = false;
    px_request_read_body(exchange);
    px_client_continue(exchange->client);
}

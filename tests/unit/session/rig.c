#include "tests/unit/session/rig.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct peer {
    struct tn_stream stream;
    struct rig_upstream *upstream;
    size_t parsed; /* received bytes on this connection that were answered */
    char buffer[RIG_BYTES];
    size_t len;
    bool was_answered;
};

static void on_peer_read(struct tn_stream *stream, char *data, size_t len);

static void on_peer_eof(struct tn_stream *stream)
{
    const struct rig_upstream *upstream = TN_CONTAINER_OF(stream, struct peer, stream)->upstream;
    struct tn_str piece = tn_str_of(upstream->farewell);

    if (upstream->farewell)
        tn_stream_write(stream, &piece, 1);
    tn_stream_close(stream);
}

static void close_broken(struct tn_stream *stream, int error)
{
    (void)error;
    tn_stream_close(stream);
}

static void on_peer_closed(struct tn_stream *stream)
{
    free(TN_CONTAINER_OF(stream, struct peer, stream));
}

static const struct tn_stream_ops peer_ops = {
    .on_read = on_peer_read,
    .on_eof = on_peer_eof,
    .on_broken = close_broken,
    .on_closed = on_peer_closed,
};

static const char *next_answer(struct rig_upstream *upstream)
{
    unsigned i = upstream->requests;

    upstream->requests++;
    if (upstream->answer_count == 0)
        return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    return upstream->answers[i < upstream->answer_count ? i : upstream->answer_count - 1];
}

static void answer_heads(struct peer *peer)
{
    struct rig_upstream *upstream = peer->upstream;
    const char *marker = upstream->marker ? upstream->marker : "\r\n\r\n";

    for (;;) {
        char *start = peer->buffer + peer->parsed;
        char *end = memmem(start, peer->len - peer->parsed, marker, strlen(marker));
        struct tn_str piece;

        if (!end || !peer->stream.is_open)
            return;
        if (upstream->closes_idle && peer->was_answered) {
            tn_stream_close(&peer->stream);
            return;
        }
        peer->parsed = (size_t)(end - peer->buffer) + strlen(marker);
        piece = tn_str_of(next_answer(upstream));
        peer->was_answered = true;
        if (piece.len == 0) {
            tn_stream_close(&peer->stream);
            return;
        }
        tn_stream_write(&peer->stream, &piece, 1);
        if (upstream->closes_after_answer)
            tn_stream_close(&peer->stream);
    }
}

static void on_peer_read(struct tn_stream *stream, char *data, size_t len)
{
    struct peer *peer = TN_CONTAINER_OF(stream, struct peer, stream);
    struct rig_upstream *upstream = peer->upstream;

    assert(peer->len + len < RIG_BYTES && upstream->received_len + len < RIG_BYTES);
    memcpy(peer->buffer + peer->len, data, len);
    peer->len += len;
    memcpy(upstream->received + upstream->received_len, data, len);
    upstream->received_len += len;
    upstream->received[upstream->received_len] = '\0';
    answer_heads(peer);
}

static struct tn_stream *on_upstream_accept(struct tn_listener *listener)
{
    struct rig_upstream *upstream = TN_CONTAINER_OF(listener, struct rig_upstream, listener);
    struct peer *peer = calloc(1, sizeof(*peer));

    assert(peer);
    peer->upstream = upstream;
    upstream->connections++;
    upstream->last = &peer->stream;
    tn_stream_open(&peer->stream, &upstream->rig->loop, AF_INET, &peer_ops);
    return &peer->stream;
}

static void on_upstream_accepted(struct tn_listener *listener, struct tn_stream *stream)
{
    (void)listener;
    tn_stream_start(stream);
}

static void on_accept_failed(struct tn_listener *listener, struct tn_stream *stream, int error)
{
    (void)listener;
    (void)error;
    tn_stream_close(stream);
}

static void ignore_closed(struct tn_listener *listener)
{
    (void)listener;
}

static const struct tn_listener_ops upstream_ops = {
    .on_accept = on_upstream_accept,
    .on_accepted = on_upstream_accepted,
    .on_failed = on_accept_failed,
    .on_closed = ignore_closed,
};

static struct tn_stream *on_front_accept(struct tn_listener *listener)
{
    struct rig *rig = TN_CONTAINER_OF(listener, struct rig, listener);

    return px_session_accept(&rig->session, AF_INET, rig->proxy_protocol);
}

static void on_front_accepted(struct tn_listener *listener, struct tn_stream *stream)
{
    px_session_accepted(&TN_CONTAINER_OF(listener, struct rig, listener)->session, stream);
}

static const struct tn_listener_ops front_ops = {
    .on_accept = on_front_accept,
    .on_accepted = on_front_accepted,
    .on_failed = on_accept_failed,
    .on_closed = ignore_closed,
};

static uint16_t open_listener(struct tn_listener *listener, struct rig *rig,
                              const struct tn_listener_ops *ops)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_storage got;
    int error =
        tn_listener_open_tcp(listener, &rig->loop, (const struct sockaddr *)&any, false, ops);

    assert(error == 0);
    tn_listener_address(listener, &got);
    return ntohs(((const struct sockaddr_in *)&got)->sin_port);
}

static void on_snapshot_unused(struct px_snapshot_use *use)
{
    TN_CONTAINER_OF(use, struct rig, use)->is_snapshot_unused = true;
}

static void on_failing(struct px_session *session, struct px_endpoint *endpoint)
{
    (void)endpoint;
    TN_CONTAINER_OF(session, struct rig, session)->failing_told++;
}

static void on_empty(struct px_session *session)
{
    TN_CONTAINER_OF(session, struct rig, session)->is_empty = true;
}

static void on_mirror_end(void *context, const struct px_mirror_end *end)
{
    (void)context;
    px_snapshot_use_give(end->owner);
}

static void build_snapshot(struct rig *rig, const char *rules, const char *limits)
{
    static const struct px_registry_ops no_keys = {NULL, NULL};
    char text[4096];
    struct px_messages messages;
    char *why = NULL;
    char *shown;
    int error;
    struct px_snapshot_plan plan = {.revision = 7};

    snprintf(text, sizeof(text),
             "listen: [\"127.0.0.1:0\"]\nversions:\n"
             "  blue: {endpoints: [\"127.0.0.1:%u\", \"127.0.0.1:%u\"]}\n"
             "  green: {endpoints: [\"127.0.0.1:%u\", \"127.0.0.1:%u\"]}\n"
             "limits: %s\nrules:\n%s\n",
             rig->upstreams[0].port, rig->upstreams[1].port, rig->upstreams[2].port,
             rig->upstreams[3].port, limits, rules);
    px_messages_init(&messages);
    error = px_config_parse(tn_str_of(text), "rig", ".", &messages, &rig->config);
    if (error) {
        shown = px_messages_format(&messages);
        fputs(shown, stderr);
        free(shown);
    }
    assert(error == 0);
    px_messages_deinit(&messages);
    error = px_registry_new(&no_keys, &rig->registry);
    assert(error == 0);
    plan.config = rig->config;
    plan.rules = rig->config->rules;
    plan.rule_count = rig->config->rule_count;
    error = px_snapshot_build(rig->registry, &plan, &why, &rig->snapshot);
    assert(error == 0);
    for (uint32_t i = 0; i < px_registry_endpoint_count(rig->registry); i++)
        px_registry_endpoint(rig->registry, i)->up =
            px_registry_endpoint(rig->registry, i)->probed = true;
}

struct rig *rig_new(const char *rules, const char *limits)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    struct px_mirrors_options mirrors = {.on_end = on_mirror_end};

    assert(rig);
    tn_net_init();
    tn_loop_init(&rig->loop);
    for (unsigned i = 0; i < RIG_UPSTREAMS; i++) {
        rig->upstreams[i].rig = rig;
        rig->upstreams[i].port = open_listener(&rig->upstreams[i].listener, rig, &upstream_ops);
    }
    build_snapshot(rig, rules, limits);
    px_stats_new(&rig->stats);
    px_stats_adopt(rig->stats, rig->snapshot);
    px_pool_init(&rig->pool, &rig->loop, &rig->config->limits, rig->stats);
    px_queue_open(&rig->queue, &rig->board, &rig->loop, &rig->config->limits, rig->stats);
    rig->pool.queue = &rig->queue;
    mirrors.loop = &rig->loop;
    mirrors.limits = &rig->config->limits;
    mirrors.stats = rig->stats;
    mirrors.memory = &rig->memory;
    mirrors.in_flight = &rig->in_flight;
    px_mirrors_new(&mirrors, &rig->mirrors);
    px_access_log_init(&rig->log, NULL, PX_LOG_JSON, NULL, rig->stats);
    rig->session = (struct px_session){.loop = &rig->loop,
                                       .limits = &rig->config->limits,
                                       .stats = rig->stats,
                                       .pool = &rig->pool,
                                       .mirrors = rig->mirrors,
                                       .log = &rig->log,
                                       .via_name = TN_STR("turnout-rig"),
                                       .client_max = 100,
                                       .on_failing = on_failing,
                                       .on_empty = on_empty};
    px_session_init(&rig->session);
    px_route_loop_init(&rig->session.route, 1, 0);
    rig->use = (struct px_snapshot_use){
        .snapshot = rig->snapshot, .users = 1, .on_unused = on_snapshot_unused};
    px_session_set_rules(&rig->session, &rig->use);
    rig->port = open_listener(&rig->listener, rig, &front_ops);
    return rig;
}

void rig_free(struct rig *rig)
{
    px_session_abort_all(&rig->session);
    for (unsigned i = 0; i < rig->client_count; i++)
        tn_stream_close(&rig->clients[i].stream);
    rig_settle(rig);
    px_mirrors_stop(rig->mirrors);
    px_pool_stop(&rig->pool);
    px_queue_close(&rig->queue);
    px_session_set_rules(&rig->session, NULL);
    tn_listener_close(&rig->listener);
    for (unsigned i = 0; i < RIG_UPSTREAMS; i++)
        tn_listener_close(&rig->upstreams[i].listener);
    assert(tn_loop_deinit(&rig->loop) == 0);
    assert(rig->is_snapshot_unused); /* every exchange and mirror gave its use back */
    px_session_deinit(&rig->session);
    px_route_loop_deinit(&rig->session.route);
    px_access_log_deinit(&rig->log);
    px_mirrors_free(rig->mirrors);
    px_stats_free(rig->stats);
    px_snapshot_free(rig->registry, rig->snapshot);
    px_registry_free(rig->registry);
    px_config_free(rig->config);
    free(rig);
}

void rig_answer(struct rig *rig, unsigned upstream, const char *answer)
{
    struct rig_upstream *one = &rig->upstreams[upstream];

    one->answers[one->answer_count++] = answer;
}

static void on_client_read(struct tn_stream *stream, char *data, size_t len)
{
    struct rig_client *client = TN_CONTAINER_OF(stream, struct rig_client, stream);

    assert(client->received_len + len < RIG_BYTES);
    memcpy(client->received + client->received_len, data, len);
    client->received_len += len;
    client->received[client->received_len] = '\0';
}

static void on_client_eof(struct tn_stream *stream)
{
    TN_CONTAINER_OF(stream, struct rig_client, stream)->is_eof = true;
}

static void on_client_broken(struct tn_stream *stream, int error)
{
    (void)error;
    TN_CONTAINER_OF(stream, struct rig_client, stream)->is_broken = true;
}

static void on_client_closed(struct tn_stream *stream)
{
    TN_CONTAINER_OF(stream, struct rig_client, stream)->is_closed = true;
}

static const struct tn_stream_ops client_ops = {
    .on_read = on_client_read,
    .on_eof = on_client_eof,
    .on_broken = on_client_broken,
    .on_closed = on_client_closed,
};

static void on_client_connected(struct tn_stream *stream, int error)
{
    assert(error == 0);
    TN_CONTAINER_OF(stream, struct rig_client, stream)->is_connected = true;
}

static bool client_is_connected(void *context)
{
    return ((struct rig_client *)context)->is_connected;
}

struct rig_client *rig_connect(struct rig *rig)
{
    struct rig_client *client = &rig->clients[rig->client_count++];
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(rig->port)};

    assert(rig->client_count <= RIG_CLIENTS);
    client->rig = rig;
    tn_stream_open(&client->stream, &rig->loop, AF_INET, &client_ops);
    tn_stream_connect(&client->stream, (const struct sockaddr *)&to, on_client_connected);
    assert(rig_until(rig, client_is_connected, client));
    return client;
}

void rig_send_bytes(struct rig_client *client, const char *bytes, size_t len)
{
    struct tn_str piece = {bytes, len};

    tn_stream_write(&client->stream, &piece, 1);
}

void rig_send(struct rig_client *client, const char *bytes)
{
    rig_send_bytes(client, bytes, strlen(bytes));
}

bool rig_until(struct rig *rig, bool (*predicate)(void *context), void *context)
{
    uint64_t end;

    uv_update_time(&rig->loop.uv);
    end = tn_loop_now_ms(&rig->loop) + RIG_PATIENCE_MS;
    while (!predicate(context)) {
        uv_run(&rig->loop.uv, UV_RUN_NOWAIT);
        if (tn_loop_now_ms(&rig->loop) > end)
            return false;
    }
    return true;
}

void rig_settle(struct rig *rig)
{
    for (unsigned i = 0; i < 50; i++)
        uv_run(&rig->loop.uv, UV_RUN_NOWAIT);
}

struct sight {
    const char *bytes;
    const char *text;
    unsigned times;
};

static bool is_seen(void *context)
{
    const struct sight *sight = context;
    const char *at = sight->bytes;

    for (unsigned i = 0; i < sight->times; i++) {
        at = strstr(at, sight->text);
        if (!at)
            return false;
        at += strlen(sight->text);
    }
    return true;
}

bool rig_sees_times(struct rig_client *client, const char *text, unsigned times)
{
    struct sight sight = {client->received, text, times};

    return rig_until(client->rig, is_seen, &sight);
}

bool rig_sees(struct rig_client *client, const char *text)
{
    return rig_sees_times(client, text, 1);
}

static bool has_ended(void *context)
{
    const struct rig_client *client = context;

    return client->is_eof || client->is_broken;
}

bool rig_sees_end(struct rig_client *client)
{
    return rig_until(client->rig, has_ended, client);
}

bool rig_upstream_sees(struct rig *rig, unsigned upstream, const char *text)
{
    struct sight sight = {rig->upstreams[upstream].received, text, 1};

    return rig_until(rig, is_seen, &sight);
}

unsigned rig_requests(const struct rig *rig)
{
    unsigned requests = 0;

    for (unsigned i = 0; i < RIG_UPSTREAMS; i++)
        requests += rig->upstreams[i].requests;
    return requests;
}

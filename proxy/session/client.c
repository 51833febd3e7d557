#include "proxy/session/exchange.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LINGER_MS 2000

static void on_read(struct tn_stream *stream, char *data, size_t len);
static void on_eof(struct tn_stream *stream);
static void on_broken(struct tn_stream *stream, int error);
static void on_drained(struct tn_stream *stream);
static void on_closed(struct tn_stream *stream);
static void on_deadline(struct tn_deadline *deadline);

static const struct tn_stream_ops stream_ops = {
    .on_read = on_read,
    .on_eof = on_eof,
    .on_broken = on_broken,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

static struct px_client *client_of(struct tn_stream *stream)
{
    return TN_CONTAINER_OF(stream, struct px_client, stream);
}

struct px_client *px_client_new(struct px_session *session, int family)
{
    struct px_client *client = calloc(1, sizeof(*client));

    if (!client)
        return NULL;
    client->session = session;
    tn_list_init(&client->node);
    tn_deadline_init(&client->deadline, on_deadline);
    px_client_watch_init(client);
    if (tn_stream_open(&client->stream, session->loop, family, &stream_ops) != 0) {
        free(client);
        return NULL;
    }
    session->client_count++;
    return client;
}

void px_client_set_deadline(struct px_client *client, uint64_t after_ms)
{
    tn_deadline_after(client->session->loop, &client->deadline, after_ms);
}

void px_client_close(struct px_client *client)
{
    if (!client->stream.is_open)
        return;
    if (client->exchange)
        px_exchange_abandon(client->exchange, PX_FAILURE_CLIENT_LEFT);
    if (tn_stream_queued(&client->stream) > 0)
        client->stream.is_reset = true; /* what the client has of the answer is not all of it */
    px_client_unwatch(client);
    tn_deadline_clear(client->session->loop, &client->deadline);
    tn_stream_close(&client->stream);
}

static void on_closed(struct tn_stream *stream)
{
    struct px_client *client = client_of(stream);
    struct px_session *session = client->session;

    if (!tn_list_is_empty(&client->node)) {
        tn_list_remove(&client->node);
        session->stats->client_connections--;
    }
    session->client_count--;
    free(client->pending);
    free(client);
    if (session->is_stopping && session->client_count == 0)
        session->on_empty(session);
}

static void drop_pending(struct px_client *client)
{
    if (client->is_feeding)
        return; /* it is being parsed; the feeder drops it */
    free(client->pending);
    client->pending = NULL;
    client->pending_len = 0;
    client->pending_size = 0;
}

/*
 * Our answer is out and what the client still sends is not wanted. Closing now could make the
 * kernel send a reset that destroys the answer on its way (RFC 9112 9.6): end our side, read on for
 * a while, then close.
 */
void px_client_linger(struct px_client *client)
{
    if (!client->stream.is_open || client->is_lingering)
        return;
    client->is_lingering = true;
    drop_pending(client);
    if (tn_stream_queued(&client->stream) > 0) {
        px_client_wait_for_reader(client);
        return; /* on_drained goes on */
    }
    px_client_set_deadline(client, LINGER_MS);
    if (client->is_half_closed)
        px_client_close(client);
    else if (tn_stream_shutdown(&client->stream) != 0)
        px_client_close(client);
    else
        tn_stream_resume(&client->stream);
}

static bool handle_step(struct px_client *client, const struct tn_http_step *step)
{
    struct px_exchange *exchange = client->exchange;

    if (step->events & TN_HTTP_STEP_HEAD) {
        px_request_head(exchange);
        return true;
    }
    if (step->events & (TN_HTTP_STEP_BODY | TN_HTTP_STEP_END))
        px_request_body(exchange, step);
    return step->events != TN_HTTP_STEP_MORE;
}

/* As much waits for the client as may. */
static bool is_full(const struct px_client *client)
{
    return tn_stream_queued(&client->stream) > client->session->limits->side_buffer_bytes;
}

/* May request bytes be parsed now? Starts an exchange when a new request begins. */
static bool is_turn(struct px_client *client, size_t available)
{
    if (!client->stream.is_open || client->is_lingering || client->is_tunnel)
        return false;
    if (!client->exchange) {
        /* Whoever sends requests without reading answers would have us keep them all. */
        if (available == 0 || is_full(client))
            return false;
        client->exchange = px_exchange_new(client);
        if (!client->exchange) {
            px_client_close(client); /* out of memory: this connection is refused, others live on */
            return false;
        }
    }
    return client->exchange->request_state != PX_REQUEST_DONE && !client->exchange->is_blocked;
}

/* Parses as far as it may. Returns how many bytes are done with. */
static size_t feed(struct px_client *client, const char *data, size_t len)
{
    size_t used = 0;

    client->is_feeding = true;
    while (is_turn(client, len - used)) {
        struct tn_http_step step;
        enum tn_http_error error =
            tn_http_parser_step(&client->exchange->parser, data + used, len - used, &step);

        if (error != TN_HTTP_OK) {
            px_exchange_refuse(client->exchange, error);
            used = len;
            break;
        }
        used += step.used;
        if (!handle_step(client, &step))
            break;
    }
    if (client->exchange && !client->is_tunnel)
        px_request_flush(client->exchange);
    client->is_feeding = false;
    return client->is_lingering || !client->stream.is_open ? len : used;
}

void px_client_drop(struct px_client *client, size_t used)
{
    assert(used <= client->pending_len);
    client->pending_len -= (uint32_t)used;
    if (client->pending_len == 0)
        drop_pending(client);
    else if (used > 0)
        memmove(client->pending, client->pending + used, client->pending_len);
}

bool px_client_hold(struct px_client *client, const char *data, size_t len)
{
    size_t need = client->pending_len + len;

    if (need > client->pending_size) {
        size_t size = client->pending_size ? client->pending_size : 1024;
        char *grown;

        while (size < need)
            size *= 2;
        grown = realloc(client->pending, size);
        if (!grown)
            return false;
        client->pending = grown;
        client->pending_size = (uint32_t)size;
    }
    memcpy(client->pending + client->pending_len, data, len);
    client->pending_len += (uint32_t)len;
    return true;
}

/* The bound of what one client may make us hold while it is not its turn. */
static void pause_if_full(struct px_client *client)
{
    const struct px_exchange *exchange = client->exchange;

    if (client->pending_len >= client->session->limits->side_buffer_bytes &&
        (!exchange || exchange->is_blocked || exchange->request_state == PX_REQUEST_DONE))
        tn_stream_pause(&client->stream);
}

/*
 * The client sends no more. A half-closed client may still wait for its answer (RFC 9112 9.6); an
 * unfinished request has no future once what waits was parsed.
 */
static bool has_no_future(const struct px_client *client)
{
    const struct px_exchange *exchange = client->exchange;

    if (!client->stream.is_open)
        return false;
    if (client->is_lingering || !exchange)
        return client->is_lingering || client->pending_len == 0;
    return exchange->request_state != PX_REQUEST_DONE && !exchange->is_blocked;
}

/* The client sends no more, and nothing will come of what it has sent: it still gets its answers.
 */
static void end_half_closed(struct px_client *client)
{
    if (client->exchange || (client->is_lingering && tn_stream_queued(&client->stream) == 0))
        px_client_close(client);
    else
        px_client_linger(client);
}

void px_client_continue(struct px_client *client)
{
    size_t used;

    if (client->is_feeding || !client->stream.is_open)
        return;
    used = feed(client, client->pending, client->pending_len);
    px_client_drop(client, used < client->pending_len ? used : client->pending_len);
    if (client->is_half_closed) {
        if (has_no_future(client))
            end_half_closed(client);
        return;
    }
    if ((!client->exchange || !client->exchange->is_blocked) &&
        client->pending_len < client->session->limits->side_buffer_bytes)
        tn_stream_resume(&client->stream);
}

void px_client_rest(struct px_client *client)
{
    if (tn_stream_queued(&client->stream) > 0)
        px_client_wait_for_reader(client);
    else
        px_client_set_deadline(client, client->session->limits->keep_alive_idle_ms);
    if (client->pending_len > 0 || client->is_half_closed || !client->stream.is_reading)
        px_client_continue(client);
}

static void on_read(struct tn_stream *stream, char *data, size_t len)
{
    struct px_client *client = client_of(stream);
    size_t used;

    if (client->is_lingering)
        return;
    if (client->expects_proxy_header) {
        px_client_read_proxy_header(client, data, len);
        return;
    }
    if (client->is_tunnel) {
        px_tunnel_client_read(client->exchange, data, len);
        return;
    }
    if (client->pending_len > 0) {
        if (!px_client_hold(client, data, len)) {
            px_client_close(client);
            return;
        }
        used = feed(client, client->pending, client->pending_len);
        px_client_drop(client, used < client->pending_len ? used : client->pending_len);
    } else {
        used = feed(client, data, len);
        if (used < len && !px_client_hold(client, data + used, len - used)) {
            px_client_close(client);
            return;
        }
    }
    pause_if_full(client);
}

static void on_eof(struct tn_stream *stream)
{
    struct px_client *client = client_of(stream);
    struct px_exchange *exchange = client->exchange;

    client->is_half_closed = true;
    if (exchange && exchange->is_tunnel) {
        px_tunnel_client_eof(exchange);
        return;
    }
    /* Who hangs up while he waits for his turn is let go: others wait behind him. */
    if (exchange && exchange->waiter.is_waiting)
        px_client_close(client);
    else if (has_no_future(client))
        end_half_closed(client);
}

static void on_broken(struct tn_stream *stream, int error)
{
    (void)error;
    px_client_close(client_of(stream));
}

static void on_drained(struct tn_stream *stream)
{
    struct px_client *client = client_of(stream);

    px_client_unwatch(client);
    if (client->is_lingering) {
        client->is_lingering = false;
        px_client_linger(client);
    } else if (!client->exchange) {
        px_client_rest(client);
    } else if (client->exchange->upstream) {
        tn_stream_resume(&client->exchange->upstream->stream);
    }
}

static void on_deadline(struct tn_deadline *deadline)
{
    struct px_client *client = TN_CONTAINER_OF(deadline, struct px_client, deadline);

    if (client->exchange && !client->is_lingering)
        px_exchange_on_deadline(client->exchange);
    else
        px_client_close(client);
}

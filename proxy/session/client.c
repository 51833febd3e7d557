#include "proxy/session/exchange.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LINGER_MS 2000
#define REFUSALS_MAX 64 /* clients over the cap that are answered at a time */
#define TAIL_MS 300000  /* for what the kernel has not taken of our last answer */

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

struct tn_stream *px_session_accept(struct px_session *session, int family, bool proxy_protocol)
{
    struct px_client *client;

    if (session->client_count >= session->client_max)
        session->stats->client_refused++;
    if (session->client_count >= session->client_max + REFUSALS_MAX)
        return NULL; /* not even a word: they are too many */
    client = calloc(1, sizeof(*client));
    if (!client)
        return NULL;
    client->session = session;
    client->is_refused = session->client_count >= session->client_max;
    client->expects_proxy_header = proxy_protocol && !client->is_refused;
    tn_list_init(&client->node);
    tn_deadline_init(&client->deadline, on_deadline);
    if (tn_stream_open(&client->stream, session->loop, family, &stream_ops) != 0) {
        free(client);
        return NULL;
    }
    session->client_count++;
    return &client->stream;
}

void px_session_accept_failed(struct px_session *session, struct tn_stream *stream)
{
    (void)session;
    tn_stream_close(stream);
}

static void remember_address(struct px_client *client)
{
    struct sockaddr_storage peer;

    if (tn_stream_peer(&client->stream, &peer) != 0)
        return; /* gone already: the first read will tell */
    if (peer.ss_family == AF_INET6) {
        client->address = ((const struct sockaddr_in6 *)&peer)->sin6_addr;
        return;
    }
    client->address.s6_addr[10] = 0xff;
    client->address.s6_addr[11] = 0xff;
    memcpy(&client->address.s6_addr[12], &((const struct sockaddr_in *)&peer)->sin_addr, 4);
}

void px_session_accepted(struct px_session *session, struct tn_stream *stream)
{
    struct px_client *client = client_of(stream);

    remember_address(client);
    tn_http_parser_init(&client->parser, false, &session->limits->http);
    tn_list_push_back(&session->clients, &client->node);
    session->stats->client_connections++;
    session->stats->client_connections_total++;
    px_client_set_deadline(client, session->limits->client_head_ms);
    if (tn_stream_start(stream) != 0)
        px_client_close(client);
    else if (client->is_refused)
        px_answer_refused(client);
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
        px_client_set_deadline(client, TAIL_MS);
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

/* May request bytes be parsed now? Starts an exchange when a new request begins. */
static bool is_turn(struct px_client *client, size_t available)
{
    if (!client->stream.is_open || client->is_lingering || client->is_tunnel)
        return false;
    if (!client->exchange) {
        if (available == 0)
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
            tn_http_parser_step(&client->parser, data + used, len - used, &step);

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
    if (client->exchange && client->pending_len >= client->session->limits->side_buffer_bytes &&
        (client->exchange->is_blocked || client->exchange->request_state == PX_REQUEST_DONE))
        tn_stream_pause(&client->stream);
}

/*
 * The client sends no more. A half-closed client may still wait for its answer (RFC 9112 9.6); an
 * unfinished request has no future once what waits was parsed.
 */
static bool has_no_future(const struct px_client *client)
{
    const struct px_exchange *exchange = client->exchange;

    return client->stream.is_open &&
           (client->is_lingering || !exchange ||
            (exchange->request_state != PX_REQUEST_DONE && !exchange->is_blocked));
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
            px_client_close(client);
        return;
    }
    if ((!client->exchange || !client->exchange->is_blocked) &&
        client->pending_len < client->session->limits->side_buffer_bytes)
        tn_stream_resume(&client->stream);
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
    if (has_no_future(client) || (exchange && exchange->waiter.is_waiting))
        px_client_close(client);
}

static void on_broken(struct tn_stream *stream, int error)
{
    (void)error;
    px_client_close(client_of(stream));
}

static void on_drained(struct tn_stream *stream)
{
    struct px_client *client = client_of(stream);

    if (client->is_lingering) {
        client->is_lingering = false;
        px_client_linger(client);
        return;
    }
    if (client->exchange && client->exchange->upstream)
        tn_stream_resume(&client->exchange->upstream->stream);
}

static void on_deadline(struct tn_deadline *deadline)
{
    struct px_client *client = TN_CONTAINER_OF(deadline, struct px_client, deadline);

    if (client->exchange && !client->is_lingering)
        px_exchange_on_deadline(client->exchange);
    else
        px_client_close(client);
}

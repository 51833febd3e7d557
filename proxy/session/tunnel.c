#include "proxy/session/exchange.h"

#include <assert.h>

/*
 * After a 101 both connections are byte streams to each other (RFC 9110 7.8). Back-pressure and the
 * idle deadline stay. When either side has sent its last byte, what is outstanding is delivered and
 * both are closed (RFC 9110 9.3.6).
 */

static void touch(struct px_exchange *exchange)
{
    px_exchange_set_deadline(exchange, exchange->rule->rule->timeouts.idle_ms);
}

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

void px_tunnel_start(struct px_exchange *exchange)
{
    struct px_client *client = exchange->client;

    exchange->is_tunnel = true;
    client->is_tunnel = true;
    touch(exchange);
    /* What the client sent before the 101 was waiting, unparsed. */
    if (client->pending_len > 0) {
        struct tn_str piece = {client->pending, client->pending_len};

        exchange->body_bytes_in += piece.len;
        client->pending_len = 0;
        if (tn_stream_write(&exchange->upstream->stream, &piece, 1) != 0) {
            px_client_close(client);
            return;
        }
    }
    if (client->is_half_closed)
        px_tunnel_client_eof(exchange);
    else
        tn_stream_resume(&client->stream);
}

static void relay(struct px_exchange *exchange, struct tn_stream *from, struct tn_stream *to,
                  struct tn_str piece)
{
    struct px_client *client = exchange->client;

    touch(exchange);
    if (tn_stream_write(to, &piece, 1) != 0) {
        px_client_close(client);
        return;
    }
    if (tn_stream_queued(to) > client->session->limits->side_buffer_bytes)
        tn_stream_pause(from);
}

void px_tunnel_client_read(struct px_exchange *exchange, const char *data, size_t len)
{
    exchange->body_bytes_in += len;
    relay(exchange, &exchange->client->stream, &exchange->upstream->stream,
          (struct tn_str){data, len});
}

void px_tunnel_upstream_read(struct px_exchange *exchange, const char *data, size_t len)
{
    exchange->body_bytes_out += len;
    relay(exchange, &exchange->upstream->stream, &exchange->client->stream,
          (struct tn_str){data, len});
}

void px_tunnel_client_eof(struct px_exchange *exchange)
{
    /* The FIN goes behind what the upstream has not taken yet; its own side may still speak. */
    if (tn_stream_shutdown(&exchange->upstream->stream) != 0)
        end(exchange);
}

void px_tunnel_upstream_eof(struct px_exchange *exchange)
{
    end(exchange); /* lingering delivers what is outstanding */
}

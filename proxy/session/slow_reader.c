#include "proxy/session/exchange.h"

#define TAIL_MS                                                                                    \
    300000 /* without a floor: what a client may take nothing for, between exchanges               \
            */

static bool has_floor(const struct px_client *client)
{
    return client->session->limits->response_floor_bytes_per_s > 0;
}

static void start_window(struct px_client *client)
{
    struct px_session *session = client->session;

    client->window_started_ms = tn_loop_now_ms(session->loop);
    client->window_taken = tn_stream_taken(&client->stream);
    tn_deadline_after(session->loop, &client->reader_deadline, session->limits->response_grace_ms);
}

static void close_slow(struct px_client *client)
{
    client->session->stats->client_slow_readers++;
    if (client->exchange)
        px_exchange_abandon(client->exchange, PX_FAILURE_SLOW_READER);
    px_client_close(client);
}

/* The client takes what waits for it: bytes in either direction keep an exchange alive. */
static void go_on(struct px_client *client)
{
    struct px_exchange *exchange = client->exchange;

    if (!exchange)
        px_client_wait_for_reader(client);
    else if (exchange->response_state == PX_RESPONSE_BODY)
        px_exchange_set_deadline(exchange, exchange->rule->rule->timeouts.idle_ms);
}

static void on_window(struct tn_deadline *deadline)
{
    struct px_client *client = TN_CONTAINER_OF(deadline, struct px_client, reader_deadline);
    struct px_session *session = client->session;
    uint64_t elapsed_ms = tn_loop_now_ms(session->loop) - client->window_started_ms;
    uint64_t taken = tn_stream_taken(&client->stream) - client->window_taken;

    if (taken < session->limits->response_floor_bytes_per_s * elapsed_ms / 1000) {
        close_slow(client);
        return;
    }
    if (taken > 0)
        go_on(client);
    start_window(client);
}

void px_client_watch_init(struct px_client *client)
{
    tn_deadline_init(&client->reader_deadline, on_window);
}

void px_client_unwatch(struct px_client *client)
{
    if (!client->is_watched)
        return;
    client->is_watched = false;
    tn_deadline_clear(client->session->loop, &client->reader_deadline);
}

void px_client_wait_for_reader(struct px_client *client)
{
    px_client_set_deadline(client, has_floor(client) ? TN_DEADLINE_NEVER : TAIL_MS);
}

int px_client_write(struct px_client *client, const struct tn_str *pieces, unsigned count)
{
    int error = tn_stream_write(&client->stream, pieces, count);

    if (!error && !client->is_watched && tn_stream_queued(&client->stream) > 0) {
        client->is_watched = true;
        start_window(client);
    }
    return error;
}

#include "proxy/session/exchange.h"

#include <assert.h>

#define RETRY_AFTER_S 1

/* Tells the client that its request failed, by an answer of our own, and ends the exchange. */
void px_answer_error(struct px_exchange *exchange, unsigned status, const char *why)
{
    struct px_client *client = exchange->client;
    struct px_session *session = client->session;
    bool is_body_read =
        exchange->request_state == PX_REQUEST_DONE ||
        (exchange->request_state == PX_REQUEST_BODY && !tn_http_has_body(&exchange->request));
    struct tn_http_answer base = {
        .date = px_session_date(session),
        .retry_after_s = status == 503 ? RETRY_AFTER_S : 0,
        .keep_alive = exchange->is_keep_alive && is_body_read && !session->is_stopping,
        .head_request =
            exchange->request_state != PX_REQUEST_HEAD && exchange->request.method == TN_HTTP_HEAD,
        .version_minor = 1,
    };
    char *out = session->loop->out;
    int len = tn_http_write_error(status, why, &base, out, TN_LOOP_OUT_BYTES);
    struct tn_str piece = {out, len > 0 ? (size_t)len : 0};

    assert(len > 0);
    exchange->status = status;
    if (is_body_read)
        exchange->request_state = PX_REQUEST_DONE;
    exchange->is_keep_alive = base.keep_alive;
    if (tn_stream_write(&client->stream, &piece, 1) != 0) {
        px_client_close(client);
        return;
    }
    exchange->response_state = PX_RESPONSE_DONE;
    px_exchange_finish(exchange);
}

#include "proxy/session/exchange.h"

#include <assert.h>

#define RETRY_AFTER_S 1

#define ALLOW "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n"

static bool is_body_read(const struct px_exchange *exchange)
{
    return exchange->request_state == PX_REQUEST_DONE ||
           (exchange->request_state == PX_REQUEST_BODY && !tn_http_has_body(&exchange->request));
}

static struct tn_http_answer answer_base(const struct px_exchange *exchange, unsigned status)
{
    struct px_session *session = exchange->client->session;

    return (struct tn_http_answer){
        .status = status,
        .date = px_session_date(session),
        .extra_fields = status == 405 ? TN_STR(ALLOW) : TN_STR(""),
        .retry_after_s = status == 503 ? RETRY_AFTER_S : 0,
        .keep_alive = exchange->is_keep_alive && is_body_read(exchange) && !session->is_stopping,
        .head_request =
            exchange->request_state != PX_REQUEST_HEAD && exchange->request.method == TN_HTTP_HEAD,
        .version_minor = 1,
    };
}

/* Sends what was written to the loop's out buffer, and ends the exchange. */
static void send_answer(struct px_exchange *exchange, const struct tn_http_answer *base, int len)
{
    struct px_client *client = exchange->client;
    struct tn_str piece = {client->session->loop->out, len > 0 ? (size_t)len : 0};

    assert(len > 0);
    exchange->status = base->status;
    exchange->is_keep_alive = base->keep_alive;
    if (is_body_read(exchange))
        exchange->request_state = PX_REQUEST_DONE;
    if (px_client_write(client, &piece, 1) != 0) {
        px_client_close(client);
        return;
    }
    exchange->response_state = PX_RESPONSE_DONE;
    px_exchange_finish(exchange);
}

/* Tells the client that its request failed, by an answer of our own, and ends the exchange. */
void px_answer_error(struct px_exchange *exchange, unsigned status, const char *why)
{
    struct tn_http_answer base = answer_base(exchange, status);

    send_answer(exchange, &base,
                tn_http_write_error(status, why, &base, exchange->client->session->loop->out,
                                    TN_LOOP_OUT_BYTES));
}

void px_answer_refused(struct px_client *client)
{
    struct px_session *session = client->session;
    struct tn_http_answer base = {.status = 503,
                                  .date = px_session_date(session),
                                  .retry_after_s = RETRY_AFTER_S,
                                  .version_minor = 1};
    const char *why = px_session_is_memory_full(session) ? px_failure_text(PX_FAILURE_MEMORY_FULL)
                                                         : "too many connections";
    int len = tn_http_write_error(503, why, &base, session->loop->out, TN_LOOP_OUT_BYTES);
    struct tn_str piece = {session->loop->out, len > 0 ? (size_t)len : 0};

    assert(len > 0);
    if (px_client_write(client, &piece, 1) != 0)
        px_client_close(client);
    else
        px_client_linger(client);
}

void px_answer_options(struct px_exchange *exchange)
{
    struct tn_http_answer base = answer_base(exchange, 204);

    base.extra_fields = TN_STR(ALLOW);
    send_answer(
        exchange, &base,
        tn_http_write_answer(&base, exchange->client->session->loop->out, TN_LOOP_OUT_BYTES));
}

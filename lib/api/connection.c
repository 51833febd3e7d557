#include "lib/api/connection.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define LINGER_MS 1000
/* What may wait unread while a handler is busy: more pauses the reader. */
#define AHEAD_MAX 65536

static void process(struct tn_api_connection *connection);

static struct tn_loop *loop_of(const struct tn_api_connection *connection)
{
    return connection->server->options.loop;
}

static const struct tn_api_limits *limits_of(const struct tn_api_connection *connection)
{
    return &connection->server->options.limits;
}

static void enter(struct tn_api_connection *connection, enum tn_api_state state, uint64_t ms)
{
    struct tn_api_server *server = connection->server;

    connection->state = state;
    tn_list_remove(&connection->spare_node);
    if (state == TN_API_IDLE)
        tn_list_push_back(&server->idle, &connection->spare_node);
    else if (state == TN_API_LINGER)
        tn_list_push_back(&server->lingering, &connection->spare_node);
    else if (state == TN_API_HEAD)
        tn_list_push_back(&server->heads, &connection->spare_node);
    tn_deadline_after(loop_of(connection), &connection->deadline, ms);
}

void tn_api_exchange_free(struct tn_api_exchange *exchange)
{
    if (!exchange)
        return;
    free(exchange->head_bytes);
    free(exchange->body);
    free(exchange);
}

void tn_api_connection_close(struct tn_api_connection *connection)
{
    if (connection->state == TN_API_CLOSED)
        return;
    /* A handler that has the call answers it some time, and that frees it. */
    if (connection->state == TN_API_PENDING)
        connection->exchange->connection = NULL;
    else
        tn_api_exchange_free(connection->exchange);
    connection->exchange = NULL;
    tn_api_reader_free(connection->reader);
    connection->reader = NULL;
    connection->state = TN_API_CLOSED;
    tn_list_remove(&connection->spare_node);
    tn_deadline_clear(loop_of(connection), &connection->deadline);
    connection->server->open_count--;
    tn_stream_close(&connection->stream);
}

/* What is left behind of a token in memory would be found in a core. */
static void forget(const struct tn_api_connection *connection, char *bytes, size_t len)
{
    if (connection->server->options.tokens && len > 0)
        tn_token_forget(bytes, len);
}

static void free_in(struct tn_api_connection *connection)
{
    forget(connection, connection->in, connection->in_len);
    free(connection->in);
    connection->in = NULL;
    connection->in_len = connection->in_size = 0;
}

/* Ready for the next request. False: no memory, and the connection is closed. */
static bool start_exchange(struct tn_api_connection *connection)
{
    struct tn_api_exchange *exchange = calloc(1, sizeof(*exchange));

    if (!exchange) {
        tn_api_connection_close(connection);
        return false;
    }
    exchange->connection = connection;
    connection->has_asked = true;
    exchange->call.head = &exchange->head;
    exchange->call.peer = &exchange->peer;
    connection->exchange = exchange;
    tn_http_parser_start(&connection->parser, &exchange->head, false);
    enter(connection, TN_API_HEAD, limits_of(connection)->head_ms);
    return true;
}

/* The answer that ends the connection may still be on its way, and the client may still be sending:
 * closing now could reset it and lose the answer. */
static void linger(struct tn_api_connection *connection)
{
    enter(connection, TN_API_LINGER, LINGER_MS);
    free_in(connection);
    if (connection->has_eof || tn_stream_shutdown(&connection->stream) != 0) {
        tn_api_connection_close(connection);
        return;
    }
    tn_stream_resume(&connection->stream);
}

void tn_api_connection_stream(struct tn_api_connection *connection, struct tn_api_reader *reader)
{
    connection->exchange = NULL;
    connection->reader = reader;
    connection->close_after = true;
    free_in(connection); /* whatever else was asked for */
    enter(connection, TN_API_EVENTS, TN_DEADLINE_NEVER);
    if (!connection->has_eof)
        tn_stream_resume(&connection->stream); /* to hear that the reader left */
}

void tn_api_connection_end_stream(struct tn_api_connection *connection)
{
    tn_api_reader_free(connection->reader);
    connection->reader = NULL;
    linger(connection);
}

static void next_request(struct tn_api_connection *connection)
{
    if (connection->close_after) {
        linger(connection);
        return;
    }
    enter(connection, TN_API_IDLE, limits_of(connection)->idle_ms);
    if (!connection->has_eof)
        tn_stream_resume(&connection->stream);
    if (!connection->is_processing)
        process(connection);
}

void tn_api_connection_answered(struct tn_api_connection *connection)
{
    connection->exchange = NULL;
    if (tn_stream_queued(&connection->stream) > 0)
        enter(connection, TN_API_SENDING, limits_of(connection)->write_ms);
    else
        next_request(connection);
}

static bool append_body(struct tn_api_exchange *exchange, struct tn_str piece, size_t max)
{
    if (exchange->body_len + piece.len > max) {
        exchange->connection->close_after = true;
        tn_api_problem(&exchange->call, 413, "the body is larger than %zu bytes", max);
        return false;
    }
    if (exchange->body_len + piece.len > exchange->body_size) {
        size_t size = exchange->body_size ? exchange->body_size : 4096;
        char *grown;

        while (size < exchange->body_len + piece.len)
            size *= 2;
        grown = realloc(exchange->body, size);
        if (!grown) {
            exchange->connection->close_after = true;
            tn_api_problem(&exchange->call, 503, "out of memory");
            return false;
        }
        exchange->body = grown;
        exchange->body_size = size;
    }
    memcpy(exchange->body + exchange->body_len, piece.ptr, piece.len);
    exchange->body_len += piece.len;
    return true;
}

static void use(struct tn_api_connection *connection, size_t len)
{
    connection->in_len -= len;
    memmove(connection->in, connection->in + len, connection->in_len);
    forget(connection, connection->in + connection->in_len, len);
}

/* The head moves out of the buffer: from here on the call has its own copy. */
static bool on_head(struct tn_api_connection *connection, size_t len)
{
    const struct tn_str go_on = TN_STR("HTTP/1.1 100 Continue\r\n\r\n");
    struct tn_api_exchange *exchange = connection->exchange;

    exchange->head_bytes = malloc(len);
    if (!exchange->head_bytes) {
        tn_api_connection_close(connection);
        return false;
    }
    memcpy(exchange->head_bytes, connection->in, len);
    exchange->head.base = exchange->head_bytes + (exchange->head.base - connection->in);
    use(connection, len);
    if (!exchange->head.keep_alive)
        connection->close_after = true;
    enter(connection, TN_API_BODY, limits_of(connection)->body_ms);
    if (!tn_api_check_head(exchange))
        return false;
    if (exchange->head.expect_continue && tn_stream_write(&connection->stream, &go_on, 1) != 0) {
        tn_api_connection_close(connection);
        return false;
    }
    return true;
}

/* The call is complete: the handler's turn. */
static void on_end(struct tn_api_connection *connection)
{
    struct tn_api_exchange *exchange = connection->exchange;

    exchange->call.body = (struct tn_str){exchange->body, exchange->body_len};
    if (exchange->body_len == 0)
        exchange->call.body_type = 0;
    enter(connection, TN_API_PENDING, TN_DEADLINE_NEVER);
    exchange->route->handler(&exchange->call, connection->server->options.context);
}

static void refuse(struct tn_api_connection *connection, enum tn_http_error error)
{
    unsigned status = tn_http_error_status(error);

    connection->close_after = true; /* where the next message starts is not known */
    if (status == 405)
        tn_api_add_field(&connection->exchange->call, "Allow: GET, HEAD, POST, PUT\r\n");
    tn_api_problem(&connection->exchange->call, status, "%s", tn_http_error_text(error));
}

/* One step of the parser over what is there. False: nothing more to do for now. */
static bool step(struct tn_api_connection *connection)
{
    struct tn_http_step step;
    enum tn_http_error error =
        tn_http_parser_step(&connection->parser, connection->in, connection->in_len, &step);

    if (error) {
        refuse(connection, error);
        return false;
    }
    if (step.events & TN_HTTP_STEP_HEAD)
        return on_head(connection, step.used);
    for (unsigned i = 0; i < step.body_count; i++) {
        if (!append_body(connection->exchange, step.body[i], limits_of(connection)->body_bytes))
            return false;
    }
    use(connection, step.used);
    if (step.events & TN_HTTP_STEP_END)
        on_end(connection);
    return step.used > 0 || step.events != 0;
}

static void release_buffer(struct tn_api_connection *connection)
{
    if (connection->in_len == 0)
        free_in(connection);
}

/* Reads requests out of what is there until it is used up or somebody has to be waited for. */
static void process(struct tn_api_connection *connection)
{
    bool goes_on = true;

    connection->is_processing = true;
    while (goes_on) {
        if (connection->state == TN_API_IDLE && connection->in_len > 0)
            start_exchange(connection);
        goes_on = (connection->state == TN_API_HEAD || connection->state == TN_API_BODY) &&
                  step(connection);
        /* an answer that was given at once leaves the connection idle: the next request may be here
         */
        if (connection->state == TN_API_IDLE && connection->in_len > 0)
            goes_on = true;
    }
    connection->is_processing = false;
    if (connection->state == TN_API_CLOSED)
        return;
    release_buffer(connection);
    if (connection->has_eof && connection->state <= TN_API_BODY)
        tn_api_connection_close(connection); /* nothing more can come */
}

/* Not realloc(), which may leave a copy behind. */
static bool grow_in(struct tn_api_connection *connection, size_t size)
{
    size_t len = connection->in_len;
    char *grown = malloc(size);

    if (!grown)
        return false;
    if (len > 0)
        memcpy(grown, connection->in, len);
    free_in(connection);
    connection->in = grown;
    connection->in_len = len;
    connection->in_size = size;
    return true;
}

static void on_read(struct tn_stream *stream, char *data, size_t len)
{
    struct tn_api_connection *connection =
        TN_CONTAINER_OF(stream, struct tn_api_connection, stream);

    if (connection->state == TN_API_LINGER || connection->state == TN_API_EVENTS)
        return; /* not wanted any more */
    if (connection->in_len + len > connection->in_size &&
        !grow_in(connection, connection->in_len + len)) {
        tn_api_connection_close(connection);
        return;
    }
    memcpy(connection->in + connection->in_len, data, len);
    connection->in_len += len;
    forget(connection, data, len);
    if (connection->state <= TN_API_BODY)
        process(connection);
    if ((connection->state == TN_API_PENDING || connection->state == TN_API_SENDING) &&
        connection->in_len > AHEAD_MAX)
        tn_stream_pause(stream);
}

/* The client sends no more, but may wait for its answer. */
static void on_eof(struct tn_stream *stream)
{
    struct tn_api_connection *connection =
        TN_CONTAINER_OF(stream, struct tn_api_connection, stream);

    connection->has_eof = true;
    connection->close_after = true;
    if (connection->state != TN_API_PENDING && connection->state != TN_API_SENDING)
        tn_api_connection_close(connection);
}

static void on_broken(struct tn_stream *stream, int error)
{
    (void)error; /* the client is gone, and nobody else wants to know */
    tn_api_connection_close(TN_CONTAINER_OF(stream, struct tn_api_connection, stream));
}

static void on_drained(struct tn_stream *stream)
{
    struct tn_api_connection *connection =
        TN_CONTAINER_OF(stream, struct tn_api_connection, stream);

    if (connection->state == TN_API_SENDING)
        next_request(connection);
    else if (connection->state == TN_API_EVENTS)
        tn_api_reader_drained(connection->reader);
}

static void on_closed(struct tn_stream *stream)
{
    struct tn_api_connection *connection =
        TN_CONTAINER_OF(stream, struct tn_api_connection, stream);

    free_in(connection);
    tn_api_server_forget(connection);
}

const struct tn_stream_ops tn_api_connection_ops = {
    .on_read = on_read,
    .on_eof = on_eof,
    .on_broken = on_broken,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

static void on_deadline(struct tn_deadline *deadline)
{
    struct tn_api_connection *connection =
        TN_CONTAINER_OF(deadline, struct tn_api_connection, deadline);

    if (connection->state == TN_API_EVENTS) {
        tn_api_reader_stuck(connection->reader);
        return;
    }
    if (connection->state != TN_API_HEAD && connection->state != TN_API_BODY) {
        tn_api_connection_close(connection);
        return;
    }
    connection->close_after = true;
    tn_api_problem(&connection->exchange->call, 408, "the request took too long to arrive");
}

void tn_api_connection_init(struct tn_api_connection *connection, struct tn_api_server *server)
{
    connection->server = server;
    connection->state = TN_API_IDLE;
    tn_list_init(&connection->spare_node);
    tn_deadline_init(&connection->deadline, on_deadline);
    tn_http_parser_init(&connection->parser, false, &tn_http_limits_default);
    tn_list_push_back(&server->connections, &connection->node);
    enter(connection, TN_API_IDLE, server->options.limits.head_ms);
}

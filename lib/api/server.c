#include "lib/api/connection.h"
#include "lib/api/handover.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* How many may be told "503" at a time when all others are busy; more are closed without a word. */
#define REFUSED_MAX 8

const struct tn_api_limits tn_api_limits_default = {
    .connections = 64,
    .body_bytes = 1024 * 1024,
    .head_ms = 10000,
    .body_ms = 30000,
    .idle_ms = 60000,
    .write_ms = 30000,
};

static void check_closed(struct tn_api_server *server)
{
    if (!server->is_closing || !server->is_listener_closed || server->alive_count > 0)
        return;
    tn_api_users_free(server->users);
    if (server->on_closed)
        server->on_closed(server->on_closed_context);
    free(server);
}

void tn_api_server_forget(struct tn_api_connection *connection)
{
    struct tn_api_server *server = connection->server;

    tn_list_remove(&connection->node);
    server->alive_count--;
    free(connection);
    check_closed(server);
}

static void make_room(struct tn_api_server *server)
{
    struct tn_list *const spare[] = {&server->idle, &server->lingering, &server->heads};

    if (server->open_count < server->options.limits.connections)
        return;
    for (size_t i = 0; i < sizeof(spare) / sizeof(spare[0]); i++) {
        if (tn_list_is_empty(spare[i]))
            continue;
        tn_api_connection_close(
            TN_CONTAINER_OF(spare[i]->next, struct tn_api_connection, spare_node));
        return;
    }
}

static struct tn_stream *on_accept(struct tn_listener *listener)
{
    struct tn_api_server *server = TN_CONTAINER_OF(listener, struct tn_api_server, listener);
    struct tn_api_connection *connection;

    make_room(server);
    if (server->open_count >= server->options.limits.connections + REFUSED_MAX)
        return NULL;
    connection = calloc(1, sizeof(*connection));
    if (!connection)
        return NULL;
    if (tn_stream_open(&connection->stream, server->options.loop, server->family,
                       &tn_api_connection_ops) != 0) {
        free(connection);
        return NULL;
    }
    server->open_count++;
    server->alive_count++;
    tn_api_connection_init(connection, server);
    return &connection->stream;
}

static void on_accepted(struct tn_listener *listener, struct tn_stream *stream)
{
    const struct tn_str busy = TN_STR("HTTP/1.1 503 Service Unavailable\r\n"
                                      "Content-Length: 0\r\nRetry-After: 1\r\n"
                                      "Connection: close\r\n\r\n");
    struct tn_api_server *server = TN_CONTAINER_OF(listener, struct tn_api_server, listener);
    struct tn_api_connection *connection =
        TN_CONTAINER_OF(stream, struct tn_api_connection, stream);

    if (server->open_count > server->options.limits.connections) {
        tn_stream_write(stream, &busy, 1);
        tn_api_connection_close(connection);
        return;
    }
    /* nobody of whom the kernel says nothing */
    if ((server->users && tn_stream_credentials(stream, &connection->user) != 0) ||
        tn_stream_start(stream) != 0)
        tn_api_connection_close(connection);
}

static void on_failed(struct tn_listener *listener, struct tn_stream *stream, int error)
{
    (void)listener;
    (void)error; /* the peer was gone before it was accepted */
    tn_api_connection_close(TN_CONTAINER_OF(stream, struct tn_api_connection, stream));
}

static void on_listener_closed(struct tn_listener *listener)
{
    struct tn_api_server *server = TN_CONTAINER_OF(listener, struct tn_api_server, listener);

    server->is_listener_closed = true;
    check_closed(server);
}

static const struct tn_listener_ops listener_ops = {
    .on_accept = on_accept,
    .on_accepted = on_accepted,
    .on_failed = on_failed,
    .on_closed = on_listener_closed,
};

static struct tn_api_server *new_server(const struct tn_api_options *options, int family)
{
    struct tn_api_server *server = calloc(1, sizeof(*server));

    if (!server)
        return NULL;
    server->options = *options;
    server->family = family;
    tn_list_init(&server->connections);
    tn_list_init(&server->idle);
    tn_list_init(&server->lingering);
    tn_list_init(&server->heads);
    return server;
}

int tn_api_open_unix(const struct tn_api_options *options, const char *path, mode_t mode,
                     struct tn_api_server **ret_server)
{
    struct tn_api_server *server = new_server(options, AF_UNIX);
    int error = -ENOMEM;

    if (!server)
        return error;
    server->users = tn_api_users_new(options->loop);
    if (server->users)
        error = tn_listener_open_unix(&server->listener, options->loop, path, mode, &listener_ops);
    if (error) {
        tn_api_users_free(server->users);
        free(server);
        return error;
    }
    *ret_server = server;
    return 0;
}

/* On TCP nobody changes anything without a token, whoever forgets to ask for one. */
static bool is_open_to_all(const struct tn_api_options *options)
{
    return options->role > TN_API_READ && !options->tokens;
}

int tn_api_open_tcp(const struct tn_api_options *options, const struct sockaddr *address,
                    struct tn_api_server **ret_server)
{
    struct tn_api_server *server;
    int error;

    if (is_open_to_all(options))
        return -EPERM;
    server = new_server(options, address->sa_family);
    if (!server)
        return -ENOMEM;
    error = tn_listener_open_tcp(&server->listener, options->loop, address, false, &listener_ops);
    if (error) {
        free(server);
        return error;
    }
    *ret_server = server;
    return 0;
}

int tn_api_take(const struct tn_api_options *options, int fd, const char *unlink_path,
                struct tn_api_server **ret_server)
{
    struct tn_api_server *server;
    int error;

    if (!unlink_path && is_open_to_all(options)) {
        close(fd);
        return -EPERM;
    }
    server = new_server(options, unlink_path ? AF_UNIX : AF_INET);
    if (server && unlink_path)
        server->users = tn_api_users_new(options->loop);
    if (!server || (unlink_path && !server->users)) {
        free(server);
        close(fd);
        return -ENOMEM;
    }
    error = tn_listener_hold(&server->listener, options->loop, fd, unlink_path, &listener_ops);
    if (error) {
        tn_api_users_free(server->users);
        free(server);
        return error;
    }
    *ret_server = server;
    return 0;
}

void tn_api_set_tokens(struct tn_api_server *server, const struct tn_tokens *tokens)
{
    struct tn_list *node;
    struct tn_list *next;

    assert(server->options.tokens && tokens);
    server->options.tokens = tokens;
    for (node = server->connections.next; node != &server->connections; node = next) {
        struct tn_api_connection *connection =
            TN_CONTAINER_OF(node, struct tn_api_connection, node);

        next = node->next;
        if (connection->state == TN_API_EVENTS)
            tn_api_connection_end_stream(connection);
    }
}

int tn_api_address(const struct tn_api_server *server, struct sockaddr_storage *ret_address)
{
    return tn_listener_address(&server->listener, ret_address);
}

void tn_api_close(struct tn_api_server *server, void (*on_closed)(void *context), void *context)
{
    struct tn_list *node;
    struct tn_list *next;

    server->on_closed = on_closed;
    server->on_closed_context = context;
    tn_listener_close(&server->listener); /* may accept what was queued */
    server->is_closing = true;
    for (node = server->connections.next; node != &server->connections; node = next) {
        next = node->next;
        tn_api_connection_close(TN_CONTAINER_OF(node, struct tn_api_connection, node));
    }
    check_closed(server); /* a retired one may have nothing left to wait for */
}

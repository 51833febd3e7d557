#include "lib/api/handover.h"

#include "lib/api/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int tn_api_descriptor(const struct tn_api_server *server)
{
    return server->listener.fd;
}

int tn_api_start(struct tn_api_server *server)
{
    return tn_listener_start(&server->listener);
}

/* Each may have sent a request just now: it is answered, and the last one. */
void tn_api_retire(struct tn_api_server *server)
{
    struct tn_list *node;

    tn_listener_release(&server->listener);
    TN_LIST_FOR_EACH (node, &server->connections)
        TN_CONTAINER_OF(node, struct tn_api_connection, node)->close_after = true;
}

bool tn_api_is_busy(const struct tn_api_server *server)
{
    struct tn_list *node;

    TN_LIST_FOR_EACH (node, &server->connections) {
        const struct tn_api_connection *connection =
            TN_CONTAINER_OF(node, struct tn_api_connection, node);

        if (connection->state != TN_API_CLOSED &&
            !(connection->state == TN_API_IDLE && connection->has_asked))
            return true;
    }
    return false;
}

int tn_api_upgrade(struct tn_api_call *call, const char *protocol, int *ret_fd)
{
    struct tn_api_exchange *exchange = tn_api_exchange_of(call);
    struct tn_api_connection *connection = exchange->connection;
    char head[256];
    struct tn_str piece = {head, 0};
    int own;
    int error = -ENOTCONN;
    int fd = -1;

    if (connection) {
        piece.len = (size_t)snprintf(head, sizeof(head),
                                     "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                                     "Upgrade: %s\r\n\r\n",
                                     protocol);
        error = tn_stream_descriptor(&connection->stream, &own);
    }
    if (!error) {
        fd = fcntl(own, F_DUPFD_CLOEXEC, 3);
        error = fd < 0 ? -errno : 0;
    }
    if (error) {
        tn_api_problem(call, 503, "%s", strerror(-error));
        return error;
    }
    error = tn_stream_write(&connection->stream, &piece, 1);
    /* the socket lives on in the duplicate: closing says nothing to the peer */
    tn_api_connection_close(connection);
    tn_api_exchange_free(exchange);
    if (error)
        close(fd);
    else
        *ret_fd = fd;
    return error;
}

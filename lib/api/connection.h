/*
 * connection: one reader of an api server, and the call it is busy with.
 *
 * Private to lib/api. Shapes: a state machine (enum state); bytes that were read and not yet used
 * wait in `in`, which is only there while there are any. Ownership: the server's list until
 * on_closed of the stream. Threads: the loop's.
 */
#ifndef TN_API_CONNECTION_H
#define TN_API_CONNECTION_H

#include "lib/api/api.h"
#include "lib/api/failures.h"
#include "lib/api/users.h"
#include "lib/base/list.h"
#include "lib/http/parser.h"
#include "lib/net/deadline.h"
#include "lib/net/listener.h"

enum tn_api_state {
    TN_API_IDLE,    /* no byte of a request is here */
    TN_API_HEAD,    /* a part of a head */
    TN_API_BODY,    /* the head passed, the body is coming */
    TN_API_PENDING, /* a handler has the call */
    TN_API_SENDING, /* an answer that the reader has not taken yet */
    TN_API_EVENTS,  /* a stream of events that goes on */
    TN_API_LINGER,  /* answered for the last time: waits for the reader to close */
    TN_API_CLOSED
};

struct tn_api_connection;
struct tn_api_reader; /* of events: events.c */

struct tn_api_exchange {
    struct tn_api_call call;              /* what handlers see */
    struct tn_api_connection *connection; /* NULL: the client left */
    const struct tn_api_route *route;
    struct tn_http_head head;
    struct tn_api_peer peer;
    enum tn_api_role role;
    char *head_bytes;
    char *body;
    size_t body_len, body_size;
    size_t fields_len;
    char fields[512];
};

struct tn_api_connection {
    struct tn_stream stream;
    struct tn_api_server *server;
    struct tn_list node;       /* of server->connections */
    struct tn_list spare_node; /* of server->idle, lingering or heads, oldest first */
    struct tn_deadline deadline;
    struct tn_credentials user; /* of a Unix socket */
    struct tn_http_parser parser;
    struct tn_api_exchange *exchange; /* being read or answered */
    struct tn_api_reader *reader;     /* of events, in that state */
    enum tn_api_state state;
    bool is_processing; /* the loop that reads requests is on the stack */
    bool has_eof;
    bool has_asked;   /* a request, at some time */
    bool close_after; /* no request after this one */
    char *in;
    size_t in_len, in_size;
};

struct tn_api_server {
    struct tn_api_options options;
    struct tn_listener listener;
    int family;
    bool is_closing;
    bool is_listener_closed;
    uint32_t open_count;        /* connections that are not closing */
    uint32_t alive_count;       /* all whose memory is there */
    struct tn_api_users *users; /* of a Unix socket, else NULL */
    struct tn_failures failures;
    struct tn_list connections;
    struct tn_list idle;      /* what can be spared when there are too many: first these, */
    struct tn_list lingering; /* then these, */
    struct tn_list heads;     /* then these */
    void (*on_closed)(void *context);
    void *on_closed_context;
};

/* --- connection.c ------------------------------------------------------------------------------
 */

extern const struct tn_stream_ops tn_api_connection_ops;

void tn_api_connection_init(struct tn_api_connection *connection, struct tn_api_server *server);

/* The answer of the exchange was written: what is next? */
void tn_api_connection_answered(struct tn_api_connection *connection);
void tn_api_connection_close(struct tn_api_connection *connection);
void tn_api_exchange_free(struct tn_api_exchange *exchange);

/* The call that a handler has is answered by a stream: from here on the reader is who writes. */
void tn_api_connection_stream(struct tn_api_connection *connection, struct tn_api_reader *reader);
/* The stream is over; what was written goes out. */
void tn_api_connection_end_stream(struct tn_api_connection *connection);

/* --- events.c ----------------------------------------------------------------------------------
 */

/* The connection is gone; NULL is fine. */
void tn_api_reader_free(struct tn_api_reader *reader);
/* Everything is out. */
void tn_api_reader_drained(struct tn_api_reader *reader);
/* The deadline of the connection expired. */
void tn_api_reader_stuck(struct tn_api_reader *reader);

/* --- dispatch.c --------------------------------------------------------------------------------
 */

/* Checks the head of the exchange and finds its route. False: it was refused, and answered. */
bool tn_api_check_head(struct tn_api_exchange *exchange);

/* --- access.c ----------------------------------------------------------------------------------
 */

/* Who asks, and with which role. False: it was refused, and answered. */
bool tn_api_check_access(struct tn_api_exchange *exchange);
bool tn_api_check_role(struct tn_api_exchange *exchange, const struct tn_api_route *route);

/* --- server.c ----------------------------------------------------------------------------------
 */

void tn_api_server_forget(struct tn_api_connection *connection);

static inline struct tn_api_exchange *tn_api_exchange_of(struct tn_api_call *call)
{
    return TN_CONTAINER_OF(call, struct tn_api_exchange, call);
}

#endif

/*
 * client: a connection to us, shared by the files of session/.
 *
 * Not for other rooms, nor for what one request needs (exchange.h). Shapes: one exchange at a time,
 * none while the client is idle; an idle client owns no buffer. What it sends while it is not its
 * turn is pending, up to side_buffer and one read; what it does not take is in its stream's tail,
 * bounded alike. Units: ms, bytes. Errors: out of memory ends this client and no other. Ownership:
 * a client frees itself when its stream is closed. Threads: the loop's.
 */
#ifndef PX_SESSION_CLIENT_H
#define PX_SESSION_CLIENT_H

#include "proxy/session/session.h"
#include "proxy/session/slow_reader.h"

#include <netinet/in.h>

struct px_exchange;

struct px_client {
    struct tn_stream stream;
    struct px_session *session;
    struct px_exchange *exchange;       /* NULL: idle */
    uint64_t exchange_number;           /* of the last one: the next may get the same memory */
    struct tn_deadline deadline;        /* of whatever the client or its exchange waits for */
    struct tn_deadline reader_deadline; /* while is_watched: the end of a window */
    uint64_t window_started_ms;
    uint64_t window_taken; /* tn_stream_taken() at that moment */
    struct tn_list node;
    char *pending; /* received, not parsed: part of a head, or what waits for its turn */
    uint32_t pending_len;
    uint32_t pending_size;
    struct in6_addr address; /* IPv4 as mapped */
    bool is_feeding;         /* parsing is under way further up the stack */
    bool is_lingering;
    bool is_watched; /* bytes wait for it: does it take them? */
    bool is_tunnel;
    bool is_half_closed;       /* the client sends no more */
    bool is_refused;           /* over the cap: told so, and nothing of it is read as a request */
    bool expects_proxy_header; /* nothing is HTTP before it was read */
    bool is_trusted;           /* its address is in trusted_proxies (of the last snapshot asked) */
};

/*
 * Is this exchange (its number, taken before) still the client's? What ends one may begin the next
 * before it returns, so callers that go on ask this; the pointer alone cannot tell.
 */
static inline bool px_client_is_at(const struct px_client *client, uint64_t number)
{
    return client->exchange && client->exchange_number == number;
}

/* Not connected yet; counted. NULL: out of memory. */
struct px_client *px_client_new(struct px_session *session, int family);

/* Parses what is pending, if it is its turn. */
void px_client_continue(struct px_client *client);

/* Adds to pending; false: no memory. */
bool px_client_hold(struct px_client *client, const char *data, size_t len);

/* That many bytes of pending are done with. */
void px_client_drop(struct px_client *client, size_t used);

/* Between exchanges: until the next request. */
void px_client_rest(struct px_client *client);

/* Whatever it still waits for is broken off. */
void px_client_close(struct px_client *client);

/* Our last answer is out, or soon will be: it is delivered, and then the connection is closed. */
void px_client_linger(struct px_client *client);

void px_client_set_deadline(struct px_client *client, uint64_t after_ms);

/* proxy_header.c */
void px_client_read_proxy_header(struct px_client *client, const char *data, size_t len);

#endif

/*
 * api: the server side of the admin interfaces: HTTP/1.1 on a Unix socket or TCP port, few
 * connections, small messages, answers now or later.
 *
 * Not for traffic (proxy/session) and not for files. Bytes and messages are lib/net's and
 * lib/http's.
 * Shapes: a server has a table of routes {method, path, handler}; GET routes answer HEAD as well. A
 * call is one request whose head passed every check and whose body is complete; its handler answers
 * it exactly once, at once or later. A connection has one call at a time.
 * What never reaches a handler: a Host that is neither localhost nor an address of this machine
 * that the listener has (421: names can be made to point here by others' DNS), an Origin other than
 * this host (403); where tokens are asked for, none or a wrong one (401, and 429 when there were
 * too many wrong ones); unknown paths (404), other methods (405 with Allow), a role that is too
 * small (403), bodies too large (413) or of another type (415), heads and bodies that take too long
 * (408). A connection more than the limit closes the one that has been idle longest, else one that
 * was answered for the last time, else the one whose head has been coming longest: neither idle
 * readers nor strangers lock out an abort. 503 when all are busy. Units: ms, bytes. Errors: 0 or
 * negative errno; problems are told as RFC 9457. Ownership: tn_api_close() … on_closed frees the
 * server. Views in a call are valid until it is answered. A call whose client left, or whose server
 * was closed, still has to be answered: that frees it. Threads: the loop's.
 */
#ifndef TN_API_API_H
#define TN_API_API_H

#include "lib/api/peer.h"
#include "lib/api/tokens.h"
#include "lib/base/clock.h"
#include "lib/http/message.h"
#include "lib/net/loop.h"

#include <sys/socket.h>
#include <sys/stat.h>

/* Types of body that a route takes, as bits; 0: none. */
enum { TN_API_JSON = 1, TN_API_YAML = 2 };

struct tn_api_call {
    const struct tn_http_head *head;
    const struct tn_api_peer *peer;
    struct tn_str body;
    unsigned body_type; /* TN_API_JSON (also when nothing was said) or TN_API_YAML; 0: no body */
};

typedef void(tn_api_handler_fn)(struct tn_api_call *call, void *context);

struct tn_api_route {
    enum tn_http_method method;
    const char *path;
    enum tn_api_role role;
    unsigned bodies;
    tn_api_handler_fn *handler;
};

struct tn_api_limits {
    uint32_t connections;
    uint32_t body_bytes;
    uint64_t head_ms;  /* absolute, from the first byte of a head */
    uint64_t body_ms;  /* absolute, from the end of the head */
    uint64_t idle_ms;  /* between two requests */
    uint64_t write_ms; /* until a reader took the whole answer */
};

/* 64 connections, 1 MiB, 10 s, 30 s, 60 s, 30 s. */
extern const struct tn_api_limits tn_api_limits_default;

struct tn_api_server;

struct tn_api_options {
    struct tn_loop *loop;
    const struct tn_clock *clock;
    const struct tn_api_route *routes; /* must outlive the server */
    size_t route_count;
    void *context;         /* of the handlers */
    enum tn_api_role role; /* of everybody, where no token is asked for */
    /* Whoever asks must show one of these, and has its role. NULL: nobody must. The caller's. */
    const struct tn_tokens *tokens;
    /* A wrong token was shown; is_limited: by one who was told 429 (failures.h), which may be as
     * often as he likes. May be NULL. */
    void (*on_refused)(void *context, const char *address, bool is_limited);
    bool any_host; /* a listener that others reach by names of their own (0.0.0.0) */
    struct tn_api_limits limits;
};

/* Errors as tn_listener_open_unix() and tn_listener_open_tcp(); on TCP also -EPERM for a role above
 * TN_API_READ without tokens. */
int tn_api_open_unix(const struct tn_api_options *options, const char *path, mode_t mode,
                     struct tn_api_server **ret_server);
int tn_api_open_tcp(const struct tn_api_options *options, const struct sockaddr *address,
                    struct tn_api_server **ret_server);

/* From here on these tokens are asked for, on open connections too; not for a server that was
 * opened without. */
void tn_api_set_tokens(struct tn_api_server *server, const struct tn_tokens *tokens);

/* The address it got (port 0 resolved). TCP only. */
int tn_api_address(const struct tn_api_server *server, struct sockaddr_storage *ret_address);

/* Closes the listener and every connection, answered or not; then on_closed, once. */
void tn_api_close(struct tn_api_server *server, void (*on_closed)(void *context), void *context);

/*
 * A field for the answer to come, such as "ETag: \"7\"\r\n" (whole line). Fields beyond 512 bytes
 * are dropped.
 */
void tn_api_add_field(struct tn_api_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Ends the call. The body is copied. content_type NULL: no body. */
void tn_api_answer(struct tn_api_call *call, unsigned status, const char *content_type,
                   struct tn_str body);

/* Ends the call: application/problem+json with status and detail, one sentence for people. */
void tn_api_problem(struct tn_api_call *call, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * If-Match of the request: 0 none or "*", 1 a revision was given, -EINVAL anything else than one
 * "NUMBER" in quotes.
 */
int tn_api_if_match(const struct tn_api_call *call, uint64_t *ret_revision);

#endif

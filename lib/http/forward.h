/*
 * forward: the head that goes on, made from the head that came (RFC 9110 7.6).
 *
 * Not for framing bodies (writer.h) and not for deciding where a message goes. No I/O, no
 * allocation. Shape: heads are written into the caller's buffer. Kept: order and spelling of all
 * fields that may pass. Removed: hop-by-hop fields and those named in Connection (never Host or
 * Content-Length by nomination), Expect for mirrors, Turnout-* unless trusted, forwarding fields
 * unless trusted. Added: Via, X-Forwarded-For/-Proto/-Host, Forwarded is passed on from trusted
 * peers only, X-Request-Id if absent, framing from integers. Errors: -ENOBUFS when the buffer is
 * too small; nothing useful is in it then. -ELOOP when Via names us already. Ownership: none.
 * Threads: any.
 */
#ifndef TN_HTTP_FORWARD_H
#define TN_HTTP_FORWARD_H

#include "lib/http/message.h"

/* What a gateway adds to or takes from a request. */
struct tn_http_forward_request {
    struct tn_str via_name;       /* our pseudonym in Via, for example "turnout-3f9a" */
    struct tn_str client_address; /* textual, without port; "[…]" is added for IPv6 where the syntax
                                     asks for it */
    struct tn_str
        request_id; /* written as X-Request-Id unless the request has a usable one (see below) */
    struct tn_str default_host; /* Host for a request of HTTP/1.0 that came without; may be empty */
    bool trusted; /* the peer is a trusted proxy: its forwarding and Turnout-* fields stay and are
                     extended */
    bool upgrade; /* pass Connection: upgrade and Upgrade on */
    bool mirror;  /* the copy for a mirror: adds "Turnout-Shadow: 1", removes Expect */
    const struct tn_str *drop; /* further field names to remove (mirrors: drop_headers) */
    unsigned drop_count;
};

/* Bytes that tn_http_write_request can add to a head of head->len. */
#define TN_HTTP_FORWARD_EXTRA 1024

/* Returns the length written, or a negative errno. */
int tn_http_write_request(const struct tn_http_head *head,
                          const struct tn_http_forward_request *how, char *buffer, size_t size);

/*
 * The request id that goes with this request: that of the request's own X-Request-Id when there is
 * exactly one of 1 to 128 visible ASCII characters and the peer is trusted or not (ids carry no
 * authority), else `made`.
 */
struct tn_str tn_http_request_id(const struct tn_http_head *head, struct tn_str made);

/* What a gateway adds to or takes from a response. */
struct tn_http_forward_response {
    uint8_t client_minor; /* HTTP version of the client's request */
    bool keep_alive;      /* ours with the client */
    bool head_request;
    bool upgrade;      /* 101 to a request that asked: pass Connection and Upgrade on */
    bool make_private; /* a cookie is set: Cache-Control becomes "private" (no-store and private
                          ones stay) */
    struct tn_str set_cookie; /* a whole Set-Cookie value to add, or empty */
    struct tn_str via_name;   /* empty: no Via in responses */
    struct tn_str date;       /* IMF-fixdate, added if the response has none */
};

/*
 * Framing on the client's side: with Content-Length as received; chunked for 1.1 clients when the
 * upstream sent chunks or until close; until close for 1.0 clients. ret_chunked says that the body
 * must be framed in chunks, ret_close that the connection has to end after this response.
 */
int tn_http_write_response(const struct tn_http_head *head,
                           const struct tn_http_forward_response *how, char *buffer, size_t size,
                           bool *ret_chunked, bool *ret_close);

#endif

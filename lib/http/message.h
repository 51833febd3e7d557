/*
 * message: the head of an HTTP/1 message as slices of the received bytes.
 *
 * Not for bodies, and not for making heads (writer.h). No I/O.
 * Shapes: a slice is offset and length within `base`, which the caller provides (a scratch buffer,
 * or a copy when the head came in pieces); whoever moves the bytes only has to set `base` anew.
 * Values are trimmed of OWS. Field names keep the sender's spelling; `id` tells well-known ones
 * apart without comparing again. Units: bytes; -1 as content_length means "none given". Ownership:
 * the head owns nothing; slices live as long as the bytes at base. Threads: any, one at a time.
 * Source: RFC 9110, RFC 9112.
 */
#ifndef TN_HTTP_MESSAGE_H
#define TN_HTTP_MESSAGE_H

#include "lib/base/str.h"
#include "lib/http/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct tn_http_slice {
    uint16_t offset;
    uint16_t len;
};

/* X(enumerator, lower-case name): the fields that framing, forwarding or routing look at. */
#define TN_HTTP_FIELD_MAP(X)                                                                       \
    X(HOST, "host")                                                                                \
    X(CONNECTION, "connection")                                                                    \
    X(PROXY_CONNECTION, "proxy-connection")                                                        \
    X(KEEP_ALIVE, "keep-alive")                                                                    \
    X(TE, "te")                                                                                    \
    X(TRANSFER_ENCODING, "transfer-encoding")                                                      \
    X(TRAILER, "trailer")                                                                          \
    X(UPGRADE, "upgrade")                                                                          \
    X(CONTENT_LENGTH, "content-length")                                                            \
    X(EXPECT, "expect")                                                                            \
    X(VIA, "via")                                                                                  \
    X(FORWARDED, "forwarded")                                                                      \
    X(X_FORWARDED_FOR, "x-forwarded-for")                                                          \
    X(X_FORWARDED_HOST, "x-forwarded-host")                                                        \
    X(X_FORWARDED_PROTO, "x-forwarded-proto")                                                      \
    X(X_REQUEST_ID, "x-request-id")                                                                \
    X(COOKIE, "cookie")                                                                            \
    X(SET_COOKIE, "set-cookie")                                                                    \
    X(CACHE_CONTROL, "cache-control")                                                              \
    X(DATE, "date")                                                                                \
    X(MAX_FORWARDS, "max-forwards")                                                                \
    X(HTTP2_SETTINGS, "http2-settings")                                                            \
    X(RETRY_AFTER, "retry-after")                                                                  \
    X(AUTHORIZATION, "authorization")                                                              \
    X(IF_MATCH, "if-match")                                                                        \
    X(ORIGIN, "origin")                                                                            \
    X(ACCEPT, "accept")

enum tn_http_field_id {
    TN_HTTP_FIELD_OTHER,
#define TN_HTTP_FIELD_ENUM(name, text) TN_HTTP_FIELD_##name,
    TN_HTTP_FIELD_MAP(TN_HTTP_FIELD_ENUM)
#undef TN_HTTP_FIELD_ENUM
        TN_HTTP_FIELD_TURNOUT, /* any name that starts with "turnout-" (also spelled with '_') */
    TN_HTTP_FIELD_ID_COUNT
};

struct tn_http_field {
    struct tn_http_slice name;
    struct tn_http_slice value;
    uint8_t id;      /* enum tn_http_field_id */
    bool hop_by_hop; /* removed when forwarding: RFC 9110 7.6.1, named ones included */
};

enum tn_http_method {
    TN_HTTP_GET,
    TN_HTTP_HEAD,
    TN_HTTP_POST,
    TN_HTTP_PUT,
    TN_HTTP_DELETE,
    TN_HTTP_OPTIONS,
    TN_HTTP_PATCH,
    TN_HTTP_METHOD_OTHER /* known to llhttp and allowed; the text is in `method_text` */
};

struct tn_http_head {
    const char *base;      /* where the slices start */
    uint32_t len;          /* bytes of the head, the empty line included */
    uint8_t version_minor; /* 0 or 1 of HTTP/1.x */
    bool keep_alive;       /* the peer lets the connection live (RFC 9112 9.3) */
    bool chunked;
    bool expect_continue;   /* requests of 1.1 only */
    bool upgrade;           /* Connection: upgrade with an Upgrade field; never for h2c */
    int64_t content_length; /* -1: none */

    /* requests */
    uint8_t method; /* enum tn_http_method */
    struct tn_http_slice method_text;
    /*
     * Origin-form, or "*" for OPTIONS: what is forwarded. As slices cannot hold what was not sent,
     * a target in absolute-form without a path ("http://host?q") is left as "?q" and forwarded as
     * "/?q"; "OPTIONS http://host" leaves an empty one, forwarded as "*". path is "/" in both.
     */
    struct tn_http_slice target;
    struct tn_http_slice path;  /* part of target before '?', never empty */
    struct tn_http_slice query; /* part after '?', may be empty */
    struct tn_http_slice
        authority; /* of the target in absolute-form, else Host's value, else empty */

    /* responses */
    uint16_t status;
    struct tn_http_slice reason;
    bool bodyless;    /* HEAD, 1xx, 204, 304: no body whatever the fields say */
    bool until_close; /* the body ends with the connection */

    uint16_t field_count;
    struct tn_http_field fields[TN_HTTP_FIELDS_MAX];
};

static inline struct tn_str tn_http_view(const struct tn_http_head *head,
                                         struct tn_http_slice slice)
{
    return (struct tn_str){head->base + slice.offset, slice.len};
}

/* Bytes of the target as tn_http_write_request writes it, right behind the method and a space. */
static inline size_t tn_http_written_target_len(const struct tn_http_head *head)
{
    if (head->target.len == 0)
        return 1;
    return head->target.len + (size_t)(head->base[head->target.offset] == '?');
}

/* Id of a field name, compared without case; TN_HTTP_FIELD_OTHER for all others. */
enum tn_http_field_id tn_http_field_id_of(struct tn_str name);

/* First field with this id, or NULL. */
const struct tn_http_field *tn_http_find(const struct tn_http_head *head, enum tn_http_field_id id);

/* How many fields have this name (without case); ret_first (may be NULL) gets the first, or NULL.
 */
unsigned tn_http_find_name(const struct tn_http_head *head, struct tn_str name,
                           const struct tn_http_field **ret_first);

/*
 * Value of a cookie pair in the Cookie fields (RFC 6265 5.4), first match wins, quotes kept.
 * Returns how many pairs carry that name.
 */
unsigned tn_http_find_cookie(const struct tn_http_head *head, struct tn_str name,
                             struct tn_str *ret_value);

/* Has a body to read: content_length > 0 or chunked (or until_close in responses). */
bool tn_http_has_body(const struct tn_http_head *head);

/* GET, HEAD, OPTIONS, PUT, DELETE (RFC 9110 9.2.2); TRACE is refused before anybody asks. */
bool tn_http_is_idempotent(const struct tn_http_head *head);

#endif

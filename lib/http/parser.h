/*
 * parser: received bytes to message heads and bodies, strict (only user of llhttp).
 *
 * Not for I/O: bytes go in, a step comes out. Not for deciding what to do about a message.
 * Shapes: the caller hands over bytes and gets one step back: what was recognised and how many
 * bytes were used. HEAD comes alone; BODY and END may come together. After END the parser waits:
 * tn_http_parser_start() arms it for the next message on the connection. Unused bytes are
 * the caller's to keep (pipelining). Body slices are views of the bytes just handed over, decoded
 * of chunked framing. Head bytes must be contiguous: while the head is incomplete every call gets
 * the SAME head from its first byte
 *   (`data` = start of the message, longer each time); only the new part is looked at again.
 * Errors: enum tn_http_error, sticky until the parser is started again; each has a status for the
 * client and a text. Ownership: the parser (about 160 bytes) belongs to the connection; the head
 * workspace to the exchange. Threads: one at a time. Source: RFC 9112; refusals of the project's
 * docs/reference/http.md.
 */
#ifndef TN_HTTP_PARSER_H
#define TN_HTTP_PARSER_H

#include "lib/http/message.h"

#include <llhttp.h>

/* X(enumerator, status for a client when it was its request, text) */
#define TN_HTTP_ERROR_MAP(X)                                                                       \
    X(BAD_REQUEST_LINE, 400, "malformed request line")                                             \
    X(BAD_VERSION, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here")                              \
    X(BAD_TARGET, 400, "malformed request target")                                                 \
    X(BAD_HOST, 400, "Host is missing, repeated or malformed")                                     \
    X(BAD_FIELD, 400, "malformed header field")                                                    \
    X(BAD_CONTENT_LENGTH, 400, "malformed, repeated or contradictory Content-Length")              \
    X(BAD_TRANSFER_ENCODING, 400, "Transfer-Encoding other than a single chunked")                 \
    X(BAD_EXPECT, 417, "only Expect: 100-continue is understood")                                  \
    X(BAD_CHUNK, 400, "malformed chunk")                                                           \
    X(CHUNK_OVERHEAD, 400, "too many bytes of chunk extensions")                                   \
    X(TRAILERS_TOO_LARGE, 431, "trailers are too large")                                           \
    X(REQUEST_LINE_TOO_LONG, 414, "request line is too long")                                      \
    X(HEAD_TOO_LARGE, 431, "header section is too large")                                          \
    X(TOO_MANY_FIELDS, 431, "too many header fields")                                              \
    X(METHOD_REFUSED, 405, "CONNECT and TRACE are not served")                                     \
    X(METHOD_UNKNOWN, 501, "unknown method")                                                       \
    X(BAD_STATUS_LINE, 502, "malformed status line")                                               \
    X(TRUNCATED, 400, "connection ended within a message")

enum tn_http_error {
    TN_HTTP_OK,
#define TN_HTTP_ERROR_ENUM(name, status, text) TN_HTTP_E_##name,
    TN_HTTP_ERROR_MAP(TN_HTTP_ERROR_ENUM)
#undef TN_HTTP_ERROR_ENUM
};

unsigned tn_http_error_status(enum tn_http_error error);
const char *tn_http_error_text(enum tn_http_error error);

enum {
    TN_HTTP_STEP_MORE =
        0, /* all bytes were used (or, within a head, kept for the next call); feed more */
    TN_HTTP_STEP_HEAD = 1,
    TN_HTTP_STEP_BODY = 2,
    TN_HTTP_STEP_END = 4,
};

#define TN_HTTP_BODY_VIEWS 16

struct tn_http_step {
    unsigned events;
    size_t used;     /* bytes of this call that are done with; 0 while a head is incomplete */
    size_t body_len; /* sum over body[] */
    unsigned body_count;
    struct tn_str body[TN_HTTP_BODY_VIEWS];
};

struct tn_http_parser {
    llhttp_t llhttp;           /* reads the head and chunked framing, nothing else */
    struct tn_http_head *head; /* workspace while a head is being read, else NULL */
    struct tn_http_step *step; /* of the call under way */
    const struct tn_http_limits *limits;
    uint64_t body_left;  /* of a Content-Length */
    int64_t extra_bytes; /* of chunked framing beyond what the data needs; then: of trailers */
    uint32_t seen;       /* head bytes looked at so far */
    uint8_t lead;        /* bytes of empty lines before a request, a part of seen */
    uint8_t state;
    uint8_t error;   /* enum tn_http_error */
    bool size_line;  /* within the line that says how long the next chunk is */
    bool last_chunk; /* trailers follow */
    bool response;
    bool head_request; /* the response answers a HEAD request */
};

/* limits must outlive the parser. */
void tn_http_parser_init(struct tn_http_parser *parser, bool response,
                         const struct tn_http_limits *limits);

/* Arms for the next message: head is filled during the following calls. head_request only for
 * responses. */
void tn_http_parser_start(struct tn_http_parser *parser, struct tn_http_head *head,
                          bool head_request);

/* Nothing of a message has been seen since start. Empty lines before a request do not count. */
bool tn_http_parser_is_fresh(const struct tn_http_parser *parser);

/*
 * One step. Returns TN_HTTP_OK or the error that ends this connection.
 * After HEAD of a message without body the next call (even with len 0) gives END.
 */
enum tn_http_error tn_http_parser_step(struct tn_http_parser *parser, const char *data, size_t len,
                                       struct tn_http_step *ret_step);

/* The peer closed: END for a body that ends so, TN_HTTP_E_TRUNCATED within a message, nothing
 * between messages. */
enum tn_http_error tn_http_parser_finish(struct tn_http_parser *parser,
                                         struct tn_http_step *ret_step);

/*
 * Proves at start-up that no lenient behaviour of llhttp is on: feeds inputs that only a lenient
 * parser takes. 0 or -ENOTSUP.
 */
int tn_http_parser_self_check(void);

#endif

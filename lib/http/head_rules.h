/*
 * head_rules: what a head means, and everything RFC 9112 forbids that llhttp lets through.
 *
 * Not for bytes that do not make up a head (llhttp) and not for the grammar of targets (target.h).
 * Internal to this room. Shape: a head whose base, len, target (requests) and raw fields are set
 * comes in; all other members are filled. Errors: enum tn_http_error; the head is worthless then.
 * Ownership: none. Threads: any. Source: RFC 9110 5.5, 7.6.1, 8.6, 10.1.1; RFC 9112 3, 5, 6, 9.3.
 */
#ifndef TN_HTTP_HEAD_RULES_H
#define TN_HTTP_HEAD_RULES_H

#include "lib/http/parser.h"

/* More names than this in all Connection fields together are refused: comparing them all with all
 * fields would cost a small request milliseconds. */
#define TN_HTTP_CONNECTION_TOKENS_MAX 32

/* 2^53: beyond it a JSON number in a log is no longer exact. */
#define TN_HTTP_CONTENT_LENGTH_MAX 9007199254740992ULL

/* What one pass over the fields finds. */
struct tn_http_findings {
    unsigned hosts;
    unsigned lengths;
    unsigned codings;
    unsigned expects;
    unsigned connections;
    struct tn_str host; /* the first of each */
    struct tn_str length;
    struct tn_str coding;
    struct tn_str expect;
    struct tn_http_slice host_slice;
    bool upgrade_field;
    bool upgrade_refused; /* h2c, or no list of protocols */
    bool close_named;
    bool keep_alive_named;
    bool upgrade_named;
};

/* What requests and responses have in common: values trimmed, ids, hop_by_hop, framing, keep_alive,
 * upgrade. Wants version_minor. found comes zeroed. */
enum tn_http_error tn_http_read_fields(struct tn_http_head *head,
                                       const struct tn_http_limits *limits,
                                       struct tn_http_findings *found);

enum tn_http_error tn_http_check_request(struct tn_http_head *head,
                                         const struct tn_http_limits *limits);

/* head_request: the response answers a HEAD request. */
enum tn_http_error tn_http_check_response(struct tn_http_head *head,
                                          const struct tn_http_limits *limits, bool head_request);

#endif

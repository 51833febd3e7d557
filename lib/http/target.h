/*
 * target: the request target and the authority, held against their grammar.
 *
 * Not for routing. Internal to this room. Shapes: views in, a verdict or the slices of a head out.
 * Which bytes pass where is written in target.c and argued in docs/reference/http.md.
 * Errors: BAD_TARGET, BAD_HOST. Ownership: none. Threads: any. Source: RFC 9112 3.2, RFC 3986 3.2.
 */
#ifndef TN_HTTP_TARGET_H
#define TN_HTTP_TARGET_H

#include "lib/http/parser.h"

/* A whole name of 253 bytes, its dot, "[]" of an address, and ":65535". */
#define TN_HTTP_AUTHORITY_MAX 262

/* uri-host [ ":" port ], not empty, no user information, no comma. */
bool tn_http_is_authority(struct tn_str text);

/*
 * From head->target as received: sets target, path, query, and authority if the target is in
 * absolute-form (else authority is left alone). Wants head->method. What a target of absolute-form
 * with an empty path becomes is told in message.h.
 */
enum tn_http_error tn_http_split_target(struct tn_http_head *head);

#endif

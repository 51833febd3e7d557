/*
 * parser_parts: how the parser's two halves, heads and chunked bodies, meet parser.c.
 *
 * Internal to this room. Shapes: callbacks of llhttp (their `data` is the struct tn_http_parser),
 * and one step each over bytes that belong to that half; results go to parser->step.
 * Errors: enum tn_http_error, not yet noted in the parser. Ownership, threads: parser.h.
 */
#ifndef TN_HTTP_PARSER_PARTS_H
#define TN_HTTP_PARSER_PARTS_H

#include "lib/http/parser.h"

int tn_http_on_url(llhttp_t *llhttp, const char *at, size_t len);
int tn_http_on_header_field(llhttp_t *llhttp, const char *at, size_t len);
int tn_http_on_header_value(llhttp_t *llhttp, const char *at, size_t len);

int tn_http_on_body(llhttp_t *llhttp, const char *at, size_t len);
int tn_http_on_chunk_header(llhttp_t *llhttp);
int tn_http_on_chunk_complete(llhttp_t *llhttp);

/* data is the head from its first byte. A complete and valid head sets events to HEAD. */
enum tn_http_error tn_http_step_head(struct tn_http_parser *parser, const char *data, size_t len);

/* The end of the message sets END in events. */
enum tn_http_error tn_http_step_chunked(struct tn_http_parser *parser, const char *data,
                                        size_t len);

#endif

/*
 * match: whether a request is one that a rule names.
 *
 * Not for choosing among rules (route.c).
 * Shapes: any of a rule's matches; all conditions within one. Comparison is of bytes as they were
 * sent, nothing is decoded:
 *   host     without port and final dot, without case (a regex sees it in lower case)
 *   path     exact: the whole path. prefix: whole path elements, a final slash of the prefix is
 *            ignored (Gateway API): /abc and /abc/ match /abc, /abc/ and /abc/d, never /abcd
 *   method   with case
 *   headers, cookies, query   by name; names of headers without case
 *   regex    finds the pattern anywhere, as in nginx and HAProxy: use ^ and $
 * What is given twice counts as not given; so does a header that comes beside its twin with '_'
 * for '-' (services read both as one) or as that twin only. `not` turns the outcome around.
 * Errors: a regex that runs into its limit, or a value too long for one (1 KiB; 16 KiB if it starts
 * with ^): the match fails, with `not` as well. Ownership: none. Threads: as route.h.
 */
#ifndef PX_ROUTE_MATCH_H
#define PX_ROUTE_MATCH_H

#include "proxy/route/route.h"

/* explain may be NULL. */
bool px_match_rule(const struct px_rule *rule, struct px_route_loop *loop,
                   const struct px_route_request *request, const struct px_explain *explain);

/* All conditions of one match: a goal's. */
bool px_match_goal(const struct px_match *match, struct px_route_loop *loop,
                   const struct px_route_request *request);

/*
 * The value (may be empty) of a header that is given just once and spelled as named. False: not
 * given, or ambiguous.
 */
bool px_match_find_header(const struct tn_http_head *head, struct tn_str name,
                          struct tn_str *ret_value);

#endif

/*
 * plain_head: the parts of a head that has nothing unusual in it, found without llhttp.
 *
 * Not for judging: nothing is refused here, and nothing accepted (head_rules.h does that). Internal
 * to this room. Shape: "GET /x HTTP/1.1" or "HTTP/1.1 200 OK", then fields as everybody sends them,
 * "Name: value" with no white space around the value, and all of it there. Whatever else comes is
 * llhttp's. So this must find exactly what llhttp finds, in a part of what llhttp takes: byte by
 * byte llhttp takes 9 times as many instructions, a third of those of a whole request.
 * Ownership: none. Threads: any. Source: RFC 9112 2.1, 5; RFC 9110 5.5, 5.6.2.
 */
#ifndef TN_HTTP_PLAIN_HEAD_H
#define TN_HTTP_PLAIN_HEAD_H

#include "lib/http/message.h"

/*
 * The head starts `lead` bytes into the data. True: base, len, target (of a request) and the raw
 * fields are set. False: it is for llhttp to say, and head is as zeroed as it came but for base and
 * fields.
 */
bool tn_http_find_plain_head(struct tn_http_head *head, const char *data, size_t len, size_t lead,
                             bool response);

#endif

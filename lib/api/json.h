/*
 * json: JSON bodies in, JSON answers out.
 *
 * Not for building what a resource says. Shapes: a request's body is one object; a member given
 * twice is refused. Errors: told to the client as problems (RFC 9457). Ownership: json_t references
 * as the names say. Threads: the loop's.
 */
#ifndef TN_API_JSON_H
#define TN_API_JSON_H

#include "lib/api/api.h"

#include <jansson.h>

/* A new reference to the body, {} when there was none; or NULL: then the call has been answered. */
json_t *tn_api_body_json(struct tn_api_call *call);

/* Ends the call. Takes over the reference; NULL stands for "out of memory" and answers 500. */
void tn_api_answer_json(struct tn_api_call *call, unsigned status, json_t *body);

/* Ends the call: as tn_api_problem(), with a member "errors" (taken over; NULL: none). */
void tn_api_problem_json(struct tn_api_call *call, unsigned status, const char *detail,
                         json_t *errors);

#endif

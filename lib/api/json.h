/*
 * json: JSON bodies in, JSON answers out.
 *
 * Not for what a resource says. Building: a list or object that memory ran out for becomes NULL and
 * stays so, whatever is added: nobody gets half of it. Shapes: a request's body is one object; a
 * member given twice is refused. Errors: told to the client as problems (RFC 9457). Ownership:
 * json_t references as the names say. Threads: the loop's.
 */
#ifndef TN_API_JSON_H
#define TN_API_JSON_H

#include "lib/api/api.h"

#include <jansson.h>

/*
 * json_dumps() that does not leave something out: when jansson (2.14) has no memory for the name of
 * a member, it goes on with what follows. malloc'd; NULL: no memory.
 */
char *tn_json_text(const json_t *value, size_t flags);

/* json_string() that takes any bytes: what is not UTF-8, or was cut in a character, becomes '?'. */
json_t *tn_json_string(const char *text);

/* Start-up, once per process: from here on tn_json_parse() knows no memory from bad JSON. */
void tn_json_init(void);

/* json_loadb() with JSON_REJECT_DUPLICATES. NULL: ret_error says why, or *ret_no_memory is set. */
json_t *tn_json_parse(struct tn_str text, json_error_t *ret_error, bool *ret_no_memory);

/* Take over the value; *list and *object become NULL when there is no memory, or were before. */
static inline void tn_json_append(json_t **list, json_t *item)
{
    if (!*list || !item)
        json_decref(item);
    else if (json_array_append_new(*list, item) == 0)
        return;
    json_decref(*list);
    *list = NULL;
}

static inline void tn_json_set(json_t **object, const char *key, json_t *value)
{
    if (!*object || !value)
        json_decref(value);
    else if (json_object_set_new(*object, key, value) == 0)
        return;
    json_decref(*object);
    *object = NULL;
}

/* A new reference to the body, {} when there was none; or NULL: then the call has been answered. */
json_t *tn_api_body_json(struct tn_api_call *call);

/* Ends the call. Takes over the reference; NULL stands for "out of memory" and answers 500. */
void tn_api_answer_json(struct tn_api_call *call, unsigned status, json_t *body);

/* The same for what was done and must not be told as a failure: without memory, the JSON of
 * instead.
 */
void tn_api_answer_json_or(struct tn_api_call *call, unsigned status, json_t *body,
                           const char *instead);

/* Ends the call: as tn_api_problem(), with a member "errors" (taken over; NULL: none). */
void tn_api_problem_json(struct tn_api_call *call, unsigned status, const char *detail,
                         json_t *errors);

#endif

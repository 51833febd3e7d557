/*
 * openapi: proxy/admin/openapi.yaml as data, and answers held against it.
 *
 * Not a general validator: it knows the words of JSON Schema that the page uses, and fails on
 * others. Errors fail the test.
 */
#ifndef TEST_OPENAPI_H
#define TEST_OPENAPI_H

#include <jansson.h>
#include <stdbool.h>

/* The page as JSON, aliases resolved; a new reference. */
json_t *openapi_load(void);

/* False, with what is wrong printed, unless the value fits the schema. */
bool openapi_fits(const json_t *page, const json_t *schema, const json_t *value, const char *where);

/* The schema of an answer, or NULL: paths/PATH/METHOD/responses/STATUS (or default). */
const json_t *openapi_answer(const json_t *page, const char *path, const char *method,
                             unsigned status);

/* That of a JSON request body, or NULL. */
const json_t *openapi_request(const json_t *page, const char *path, const char *method);

#endif

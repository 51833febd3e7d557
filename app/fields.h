/*
 * fields: names and values out of a flat JSON object or a query string.
 *
 * Not for nested JSON: objects and lists as values are refused.
 * Shapes: {"transfer":"t1","visits":5} and transfer=t1&visits=5 both give the values "t1" and "5";
 * true, false and null give these words. Escapes and %XX are decoded; \u only up to U+007F.
 * Limits: a name under 64 bytes, a value under APP_FIELDS_VALUE_SIZE, no NUL in either.
 * Errors: -EINVAL for text of another shape, else what the callback returned; *ret_problem says
 * why. Callbacks: once per field in the order of the text, from inside the call; both views end
 * with it. Threads: any.
 */
#ifndef APP_FIELDS_H
#define APP_FIELDS_H

#include <stddef.h>

#define APP_FIELDS_VALUE_SIZE 256

/* Returns 0, or a negative error that ends the reading; then also sets *ret_problem. */
typedef int(app_fields_fn)(void *context, const char *name, const char *value,
                           const char **ret_problem);

/* text: terminated. */
int app_fields_parse_json(const char *text, app_fields_fn *on_field, void *context,
                          const char **ret_problem);
int app_fields_parse_query(const char *text, app_fields_fn *on_field, void *context,
                           const char **ret_problem);

/* JSON if the first byte that is not blank is '{', else a query string. */
int app_fields_parse(const char *text, app_fields_fn *on_field, void *context,
                     const char **ret_problem);

#endif

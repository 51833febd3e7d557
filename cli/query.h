/*
 * query: a request target with escaped parameters.
 *
 * Shapes: everything but unreserved characters (RFC 3986 2.3) is escaped, so any text may be given.
 * Errors: out of memory ends the process (text.h). Ownership: cli_query_free. Threads: any.
 */
#ifndef CLI_QUERY_H
#define CLI_QUERY_H

#include <stdio.h>

struct cli_query {
    FILE *stream;
    char *text;
    size_t len;
    size_t count;
};

/* path is taken as it is. */
void cli_query_start(struct cli_query *query, const char *path);
void cli_query_add(struct cli_query *query, const char *name, const char *value);

/* The target; nothing can be added any more. Valid until cli_query_free. */
const char *cli_query_end(struct cli_query *query);
void cli_query_free(struct cli_query *query);

#endif

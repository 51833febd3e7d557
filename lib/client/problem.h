/*
 * problem: what an answer with status 400 or more says, as text for a person (RFC 9457).
 *
 * Not for failures to get an answer (client.h).
 * Shapes: application/problem+json {"title","detail","file","errors":[{"line","column","text"}]};
 * anything else is shown by its first line. Control bytes become '?'. Errors: NULL when out of
 * memory. Ownership: the caller frees the text. Threads: any.
 */
#ifndef TN_CLIENT_PROBLEM_H
#define TN_CLIENT_PROBLEM_H

#include "lib/client/client.h"

/*
 * "detail\nFILE:3:5: text\n..." without a newline at the end. file: what lines and columns are
 * about; NULL: what the problem says; if that says nothing, "line 3, column 5: text".
 */
char *tn_client_problem_text(const struct tn_client_answer *answer, const char *file);

#endif

/*
 * tokens: the tokens that an admin interface on TCP takes, as a token file lists them.
 *
 * Not for making them (token.h) and not for HTTP (access.c).
 * Shapes: a file of at most 64 KiB with a line for each token, at most TN_TOKENS_MAX; empty lines
 * and those that start with '#' are comments. Names and hashes are unique. The file holds hashes
 * only, yet who can write it lets himself in: it must be a regular file of the process's user or of
 * root that nobody else can write and not everybody can read. Errors: negative errno with a text
 * (malloc'd, NULL when out of memory) that names file and line and never what is written there.
 * Ownership: tn_tokens_free(). Threads: any; immutable.
 */
#ifndef TN_API_TOKENS_H
#define TN_API_TOKENS_H

#include "lib/api/token.h"

#define TN_TOKENS_MAX 256

struct tn_tokens;

int tn_tokens_load(const char *path, char **ret_why, struct tn_tokens **ret_tokens);

/* The text of a file; origin: what messages call it. */
int tn_tokens_parse(struct tn_str text, const char *origin, char **ret_why,
                    struct tn_tokens **ret_tokens);

/* NULL is fine. */
void tn_tokens_free(struct tn_tokens *tokens);

struct tn_token_owner {
    const char *name; /* the set's */
    enum tn_api_role role;
};

/*
 * False: there is no such token. How long it takes does not depend on how much of a token is right
 * nor on which one it is.
 */
bool tn_tokens_find(const struct tn_tokens *tokens, struct tn_str token,
                    struct tn_token_owner *ret_owner);

#endif

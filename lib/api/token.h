/*
 * token: what a client of an admin interface on TCP shows, how one is made, and what a token file
 * keeps of it.
 *
 * Not for who may do what (tokens.h). Shapes: a token is "tt_" and 43 characters of base64url: 256
 * random bits. A line of a token file is "NAME ROLE blake2b:HEX", where HEX is the BLAKE2b-256 of
 * the token: `printf %s "$TOKEN" | b2sum -l 256` says the same. Names: letters, digits and "._-",
 * at most 63. Errors: negative errno. Ownership: the caller's buffers; who no longer needs a token
 * calls tn_token_forget(). Threads: any.
 */
#ifndef TN_API_TOKEN_H
#define TN_API_TOKEN_H

#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What whoever connects may do; a route asks for at least its own. */
enum tn_api_role { TN_API_READ, TN_API_OPERATE };

#define TN_TOKEN_SIZE 47 /* with its NUL */
#define TN_TOKEN_HASH_BYTES 32
#define TN_TOKEN_NAME_MAX 63
#define TN_TOKEN_LINE_SIZE 160

/* -EIO: no random numbers are to be had. */
int tn_token_make(char ret_token[TN_TOKEN_SIZE]);

/* Whether the text can be one: all else is not worth a comparison. */
bool tn_token_is_well_formed(struct tn_str text);

void tn_token_hash(struct tn_str token, uint8_t ret_hash[TN_TOKEN_HASH_BYTES]);

bool tn_token_is_name(struct tn_str text);

/* "read", "operate". */
bool tn_token_parse_role(struct tn_str text, enum tn_api_role *ret_role);
const char *tn_token_role_text(enum tn_api_role role);

/* The line for the token file, without its end. name must be one. */
void tn_token_line(const char *name, enum tn_api_role role, const char *token,
                   char ret_line[TN_TOKEN_LINE_SIZE]);

/* Overwrites what was secret. */
void tn_token_forget(void *bytes, size_t len);

#endif

/*
 * query: the part of a target behind '?', as names and values.
 *
 * Not for paths. Shape: NAME=VALUE joined by '&'; %XX is decoded, '+' is a space; a name without
 * '=' has an empty value. Names and values may repeat and come in order. Errors: below. Ownership:
 * the caller's buffer. Threads: any.
 */
#ifndef TN_API_QUERY_H
#define TN_API_QUERY_H

#include "lib/base/str.h"

/*
 * Takes the next pair off the front of *rest, decoded into buffer and terminated there as NAME,
 * VALUE. 1: a pair; 0: no more; -EINVAL: a bad escape or an encoded NUL; -ENOBUFS: it does not fit.
 */
int tn_api_query_next(struct tn_str *rest, char *buffer, size_t size, const char **ret_name,
                      const char **ret_value);

#endif

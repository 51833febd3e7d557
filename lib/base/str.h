/*
 * str: a view of bytes that somebody else owns.
 *
 * Not for owning text: whoever keeps a view past the life of its bytes copies them first.
 * Shape: ptr may be NULL only when len is 0; the bytes are not terminated and may hold NUL.
 * Errors: none. Ownership: none; a view is valid as long as the bytes it points to.
 * Threads: any.
 */
#ifndef TN_BASE_STR_H
#define TN_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct tn_str {
    const char *ptr;
    size_t len;
};

/* A view of a string literal. */
#define TN_STR(literal) ((struct tn_str){(literal), sizeof(literal) - 1})

/* printf("%.*s", TN_STR_ARGS(view)) */
#define TN_STR_ARGS(s) (int)(s).len, (s).ptr

/* A view of a terminated string; NULL gives the empty view. */
static inline struct tn_str tn_str_of(const char *text)
{
    return (struct tn_str){text, text ? strlen(text) : 0};
}

static inline bool tn_str_equal(struct tn_str a, struct tn_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Equal when ASCII letters are compared without case; locale plays no part. */
bool tn_str_equal_nocase(struct tn_str a, struct tn_str b);

bool tn_str_has_prefix(struct tn_str s, struct tn_str prefix);

/* Without spaces and tabs (OWS, RFC 9110 5.6.3) at either end. */
struct tn_str tn_str_trim(struct tn_str s);

/*
 * Decimal digits only (no sign, no space), at most max.
 * 0, -EINVAL (empty or another byte), -ERANGE (more than max).
 */
int tn_str_parse_u64(struct tn_str s, unsigned long long max, unsigned long long *ret_value);

/* malloc'd, terminated copy; NULL when out of memory. */
char *tn_str_dup(struct tn_str s);

#endif

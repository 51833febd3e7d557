/*
 * cookie: the text that our sticky cookie carries, and the keys that sign it.
 *
 * Not for deciding (newcomer.h, route.c), and not for cookies of the service.
 * Shapes: 1.ID or 1.ID.BINDING.SIGNATURE, where 1 is the format, ID 128 random bits, BINDING empty
 * or the 64-bit id of the version a session is bound to, SIGNATURE BLAKE2b of the cookie's name and
 * all before it, keyed, 128 bits; all base64url without padding and canonical. With keys an
 * unsigned text is invalid; without keys a signed one is taken for its id, so that a key file can
 * be removed; its binding is not believed. The seed is not signed: a new experiment keeps the ids.
 * Errors: invalid means absent. Key file: one key a line, 32 to 512 characters, at most 8; empty
 * lines are skipped; the first signs, all verify; -EINVAL and the errno of reading, always with a
 * reason that names file and line. Ownership: px_cookie_keys_free; texts belong to the caller.
 * Threads: keys are immutable, any.
 */
#ifndef PX_ROUTE_COOKIE_H
#define PX_ROUTE_COOKIE_H

#include "proxy/route/key.h"

#define PX_COOKIE_KEYS_MAX 8
#define PX_COOKIE_KEY_BYTES 32
#define PX_COOKIE_TEXT_MAX 64

struct px_cookie_keys {
    uint32_t count;
    uint8_t keys[PX_COOKIE_KEYS_MAX][PX_COOKIE_KEY_BYTES];
};

struct px_cookie {
    uint8_t id[PX_ID_BYTES];
    bool has_binding;
    uint64_t binding; /* id of a version */
};

enum px_cookie_state {
    PX_COOKIE_ABSENT,
    PX_COOKIE_MALFORMED,
    PX_COOKIE_BAD_SIGNATURE,
    PX_COOKIE_VALID,
    PX_COOKIE_VALID_OLD_KEY /* verified by another key than the one that signs */
};

/* ret_why (malloc'd, may stay NULL when out of memory) is set on failure. */
int px_cookie_keys_load(const char *path, char **ret_why, struct px_cookie_keys **ret_keys);

/* From the text of such a file; `name` stands for it in reasons. */
int px_cookie_keys_parse(struct tn_str text, const char *name, char **ret_why,
                         struct px_cookie_keys **ret_keys);

/* Wipes. NULL is fine. */
void px_cookie_keys_free(struct px_cookie_keys *keys);

/* keys NULL: not signed. ret_cookie is set when valid. name: the cookie's. */
enum px_cookie_state px_cookie_parse(struct tn_str text, struct tn_str name,
                                     const struct px_cookie_keys *keys,
                                     struct px_cookie *ret_cookie);

/* Into buffer, not terminated; returns the length. A binding is written only with keys. */
size_t px_cookie_format(const struct px_cookie *cookie, struct tn_str name,
                        const struct px_cookie_keys *keys, char buffer[PX_COOKIE_TEXT_MAX]);

/*
 * The value of Set-Cookie: "NAME=TEXT; HttpOnly; SameSite=Lax; Path=/[; Max-Age=N][; Secure]".
 * Not terminated; returns its length, or 0 when it doesn't fit.
 */
size_t px_cookie_set(const struct px_cookie *cookie, const struct px_sticky *sticky,
                     const struct px_cookie_keys *keys, bool https, char *buffer, size_t size);

#endif

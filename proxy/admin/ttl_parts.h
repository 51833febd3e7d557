/*
 * ttl_parts: the parts of rules and modes that go back as a whole (ttl.h): naming, comparing and
 * setting one.
 *
 * Private to ttl.c, ttl_parts.c, ttl_back.c. Errors: NULL or -ENOMEM: no memory. Ownership: new
 * references where they are returned. Threads: any.
 */
#ifndef PX_ADMIN_TTL_PARTS_H
#define PX_ADMIN_TTL_PARTS_H

#include "proxy/admin/ttl.h"

/* Both name the same part, whatever else they say. */
bool px_ttl_is_same_part(const json_t *a, const json_t *b);

/* What a part is in this state; json_null() when it is not there. */
json_t *px_ttl_value(const struct px_ttl_state *state, const json_t *part);

/* Parts that differ, each with "before". */
json_t *px_ttl_differing(const struct px_ttl_state *before, const struct px_ttl_state *after);

/* A part as it was; rules and modes are changed in place. */
int px_ttl_set_part(json_t *rules, json_t *modes, const json_t *part, json_t *value);

#endif

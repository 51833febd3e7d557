/*
 * differ: what is different between two states of the rules.
 *
 * Not for what a difference means. Shapes: lists of rules and modes (modes.h) as JSON; NULL counts
 * as empty. Errors: NULL: no memory. Ownership: new references. Threads: any.
 */
#ifndef PX_ADMIN_DIFFER_H
#define PX_ADMIN_DIFFER_H

#include <jansson.h>

/* Rules of a that are not in b as they are in a. */
json_t *px_differing_rules(const json_t *a, const json_t *b);

/* Modes that differ, as an answer has them: [{"name", "before", "after", "until"}]. */
json_t *px_differing_modes(const json_t *before, const json_t *after);

#endif

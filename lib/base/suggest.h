/*
 * suggest: the word that somebody probably meant.
 *
 * Not for knowing which words there are: the caller holds each against what was typed. Shapes:
 * views in, the nearest candidate's own pointer out. Case and '-' for '_' count for nothing.
 * Errors: none. Threads: any. Source: optimal string alignment (Damerau 1964): a swap of neighbours
 * is one slip, as fingers make it.
 */
#ifndef TN_BASE_SUGGEST_H
#define TN_BASE_SUGGEST_H

#include "lib/base/str.h"

#include <stdint.h>

struct tn_suggestion {
    const char *word; /* nearest so far; NULL: none is near enough */
    uint32_t distance;
};

/* Holds one candidate against what was typed; to be called for each. Starts from zeros. */
void tn_suggest(struct tn_suggestion *suggestion, struct tn_str typed, const char *candidate);

#endif

/*
 * suggest: the word that somebody probably meant.
 *
 * Not for the configuration (proxy/config has its own, with its keys). Errors: none. Threads: any.
 */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include "lib/base/str.h"

struct cli_suggestion {
    const char *word; /* nearest so far, NULL: none near enough */
    unsigned distance;
};

/* Holds one candidate against what was typed; to be called for each. Starts from zeros. */
void cli_suggest(struct cli_suggestion *suggestion, struct tn_str typed, const char *candidate);

#endif

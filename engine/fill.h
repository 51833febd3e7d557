/*
 * fill: words of a command line in which {port}, {version} and so on stand for what is known.
 *
 * Shapes: {port} {version} {index} {data} {build}; braces around anything else that looks like a
 * name are a mistake, all other braces are text. Errors: NULL: no memory. Ownership: results are
 * malloc'd. Threads: any.
 */
#ifndef EN_FILL_H
#define EN_FILL_H

#include "lib/base/str.h"

#include <stdint.h>

struct en_fill {
    const char *version;
    const char *build;
    const char *data; /* "" when the instances have no disks */
    uint32_t index;
    uint16_t port;
};

/* The first "{name}" in text that nothing is known of (a view into text), or NULL. */
const char *en_fill_unknown(struct tn_str text);

char *en_fill(const char *text, const struct en_fill *fill);

/* A NULL-terminated list of them. en_fill_free takes NULL. */
char **en_fill_all(char *const *words, const struct en_fill *fill);
void en_fill_free(char **words);

#endif

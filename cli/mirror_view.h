/*
 * mirror_view: the report of `turnout mirror report`, for people.
 *
 * Not for asking (mirror.c). Shapes: the answer of GET /v1/mirror-report; what is missing in it is
 * left out. Names of fields come from services: whatever is no printable text becomes '?'. Errors:
 * none. Threads: any.
 */
#ifndef CLI_MIRROR_VIEW_H
#define CLI_MIRROR_VIEW_H

#include "cli/cli.h"

#include <jansson.h>

void cli_print_mirror_report(const struct cli_context *context, const json_t *report);

/* mirror_pairs.c: the answer of GET /v1/mirror-pairs. */
void cli_print_mirror_pairs(const struct cli_context *context, const json_t *answer);

#endif

/*
 * history_view: revisions of the rules as a table.
 *
 * Shapes: what GET /v1/history answers; what is missing or of another type counts as absent.
 * Errors: out of memory ends the process (text.h). Threads: one.
 */
#ifndef CLI_HISTORY_VIEW_H
#define CLI_HISTORY_VIEW_H

#include "cli/cli.h"

#include <jansson.h>

void cli_print_history(const struct cli_context *context, const json_t *history);

/* What one revision changed, in one line: "blue 100% -> 90%, green - -> 10%"; malloc'd. */
char *cli_history_change(const json_t *entry);

#endif

/*
 * output: -o table|json|yaml of verbs that show one document.
 *
 * Not for what is watched (watch.h). Shapes: output is the option's value, NULL for a table.
 * Errors: a message (malloc'd, for cli_usage_refuse) or NULL. Threads: any.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "cli/args.h"

#include <jansson.h>

#define CLI_OUTPUT_HELP "table (default), json or yaml"

char *cli_output_check(const char *output);

/* False: a table is wanted, and nothing was printed. */
bool cli_output_print(const struct cli_context *context, const char *output,
                      const json_t *document);

#endif

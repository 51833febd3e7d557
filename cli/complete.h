/*
 * complete: the names that a shell offers behind Tab.
 *
 * Not for verbs and options, which the generated scripts carry themselves. Shapes:
 * `turnout --complete versions|targets|rules|revision [--admin ADDR]` prints one word a line.
 * Errors: silent. Whoever presses Tab beside a proxy that is not there gets no words, and no
 * message in the line that is being typed; the exit code tells. Units: ms. Threads: one.
 */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include "cli/cli.h"

/* Nobody waits longer than this for a word. */
#define CLI_COMPLETE_TIMEOUT_MS 1000

int cli_complete(struct cli_context *context, int argc, char **argv);

#endif

/*
 * describe: the verbs as data, so that man pages and completion are made of the same tables as
 * help.
 *
 * Not for people (help.c). Shapes: while context->description is set, a verb that parses its line
 * fills that object instead and ends; so each verb is run once, and a new one is there by itself.
 * A command is {command, usage, about, examples, words_min, words_max, words_name, options: [{name,
 * letter, value, help, kind}]}, a group {..., subcommands: [{name, summary, command}]}. Options of
 * later versions are left out. Errors: out of memory ends the process. Ownership: the context's
 * description is its setter's. Threads: one.
 */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include "cli/args.h"

/* `turnout --describe`: everything that --help shows, as one JSON object. */
int cli_describe(struct cli_context *context, const struct cli_section *sections, size_t count,
                 const char *version);

/* What cli_parse and cli_dispatch call. */
void cli_describe_command(const struct cli_parse *parse);
int cli_describe_group(const struct cli_parse *parse, const struct cli_subcommand *subcommands,
                       size_t count);

/* "Exit codes: 0 done, ...\n", of the same table as the man page. */
void cli_print_exits(FILE *out);

#endif

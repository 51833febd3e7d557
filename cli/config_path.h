/*
 * config_path: which configuration file is meant when none was named.
 *
 * Errors: told, exit code. Ownership: a constant, or the option itself. Threads: any.
 */
#ifndef CLI_CONFIG_PATH_H
#define CLI_CONFIG_PATH_H

#include "cli/args.h"

#define CLI_CONFIG_HELP                                                                            \
    "configuration file (default: ./turnout.yaml, then\n/etc/turnout/turnout.yaml)"

/*
 * option: -c as given, or NULL; a word on the line instead of it is told apart. NULL: exit_code of
 * parse is set and the message printed.
 */
const char *cli_config_path(struct cli_parse *parse, const char *option);

#endif

#include "cli/config_path.h"

#include <unistd.h>

const char *cli_config_path(struct cli_parse *parse, const char *option)
{
    static const char *const defaults[] = {"./turnout.yaml", "/etc/turnout/turnout.yaml"};

    if (parse->words.count > 0) {
        parse->exit_code =
            cli_usage_error(parse, "unexpected argument '%s'; a file is given as: %s -c %s",
                            parse->words.items[0], parse->syntax->command, parse->words.items[0]);
        return NULL;
    }
    if (option)
        return option;
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
        if (access(defaults[i], F_OK) == 0)
            return defaults[i];
    }
    fprintf(parse->context->err,
            "%s: no configuration file: there is no %s and no %s. Name one with -c FILE.\n",
            parse->syntax->command, defaults[0], defaults[1]);
    parse->exit_code = CLI_FAILED;
    return NULL;
}

#include "cli/change.h"

static const struct cli_syntax syntax = {
    .command = "turnout reload",
    .usage = "[options]",
    .about = "Lets the running proxy read its configuration file again, as SIGHUP does, and waits\n"
             "for the outcome. Only what changed in the file since it was last applied is taken;\n"
             "what was set by verbs meanwhile stays. A file with a mistake changes nothing.",
    .examples = "  turnout reload\n"
                "  turnout reload --dry-run",
    .is_for_good = true,
};

int cli_reload(struct cli_context *context, int argc, char **argv)
{
    struct cli_change change = {0};
    struct cli_parse parse = {.context = context, .syntax = &syntax};

    if (!cli_change_parse(&parse, &change, (struct cli_option_group){0}, argc, argv))
        return parse.exit_code;
    return cli_change_send(&parse, &change, "POST", "/v1/reload", json_object());
}

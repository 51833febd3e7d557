#include "cli/change.h"

#include <stdlib.h>

int cli_abort(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {CLI_OPTION_TEXT, 0, "rule", "RULE", "only this rule (default: every rule)",
         offsetof(struct cli_change, rule)},
    };
    static const struct cli_syntax syntax = {
        .command = "turnout abort",
        .usage = "[--rule RULE] [options]",
        .about =
            "Sends every rule back to its stable version, in one switch, without waiting for a\n"
            "disk. A match rule without stable that names another version is switched off, "
            "mirrors\n"
            "of these rules stop, and sessions that were bound elsewhere are bound anew. When it\n"
            "returns, no request that a client completes from then on reaches the other version.",
        .examples = "  turnout abort\n"
                    "  turnout abort --rule main --reason 'errors at checkout'",
    };
    struct cli_change change = {0};
    struct cli_parse parse = {.context = context, .syntax = &syntax};
    const struct cli_option_group own = {options, 1, &change};

    if (!cli_change_parse(&parse, &change, own, argc, argv))
        return parse.exit_code;
    return cli_change_send(&parse, &change, "POST", "/v1/abort", json_object());
}

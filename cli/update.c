#include "cli/update.h"

#include <string.h>

int cli_update(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        .command = "turnout update",
        .usage = "STRATEGY --to BUILD | plan|status|pause|resume|promote|abort|retry|undo|list",
        .about =
            "Leads the service from one build to the next, by one of eight strategies, under\n"
            "live traffic. One update at a time; it can be aborted at any moment and goes back\n"
            "by itself when the new build is worse or does not get ready.",
        .examples = "  turnout update plan canary --to 2\n"
                    "  turnout update rolling --to 2\n"
                    "  turnout update canary --to 2 --steps 1,10,50,100 --for 5m\n"
                    "  turnout update status -w\n"
                    "  turnout update abort --reason 'errors at checkout'",
    };
    static const struct cli_subcommand verbs[] = {
        {"plan", "what an update would do, step by step, and what it means for the data",
         cli_update_plan},
        {"status", "where it is, and why it waits", cli_update_status},
        {"pause", "stop where it is", cli_update_pause},
        {"resume", "go on", cli_update_resume},
        {"promote", "what this step waits for is given by a person", cli_update_promote},
        {"abort", "back to the starting build", cli_update_abort},
        {"retry", "try again where it is stuck", cli_update_retry},
        {"undo", "the same way back, after it was done", cli_update_undo},
        {"list", "updates that are over", cli_update_list},
    };
    enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };
    struct cli_subcommand all[VERBS + 8];
    size_t count = 0;

    if (argc > 1 && strcmp(argv[1], "-f") == 0) {
        fputs("turnout update: '-f' is not yet supported\n", context->err);
        return CLI_FAILED;
    }
    for (size_t i = 0; i < cli_update_strategy_count; i++)
        all[count++] = cli_update_strategies[i];
    for (size_t i = 0; i < VERBS; i++)
        all[count++] = verbs[i];
    return cli_dispatch(context, &syntax, all, count, argc, argv);
}

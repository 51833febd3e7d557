#include "engine/engine.h"
#include "cli/args.h"

struct engine_options {
    const char *config;
    bool stop_instances;
};

static const struct cli_option options[] = {
    {CLI_OPTION_TEXT, 'c', "config", "FILE", "configuration file (default: ./engine.yaml)",
     offsetof(struct engine_options, config)},
    {CLI_OPTION_FLAG, 0, "stop-instances", NULL,
     "end every instance that an engine has started here,\nand then itself",
     offsetof(struct engine_options, stop_instances)},
};

static const struct cli_syntax syntax = {
    .command = "turnout engine",
    .usage = "[-c FILE]",
    .about =
        "Runs the update engine in the foreground, one for each service: it starts the service's\n"
        "instances, keeps them running, and carries out updates ('turnout update'). SIGTERM or\n"
        "Ctrl-C stops it; the instances go on, and the next engine takes them over. Messages go\n"
        "to standard error, one JSON line for each action to standard output.\n"
        "Exit code: 0 stopped as asked, 1 could not start.",
    .examples = "  turnout engine -c engine.yaml\n"
                "  turnout engine -c engine.yaml --stop-instances",
    .words_max = 0,
};

int cli_engine(struct cli_context *context, int argc, char **argv)
{
    struct engine_options values = {0};
    struct cli_parse parse = {.context = context,
                              .syntax = &syntax,
                              .groups = {{options, sizeof(options) / sizeof(options[0]), &values}},
                              .group_count = 1};

    if (!cli_parse(&parse, argc, argv))
        return parse.exit_code;

    const struct en_engine_options engine = {
        .config_path = values.config ? values.config : "engine.yaml",
        .stop_instances = values.stop_instances,
    };
    return en_engine_main(&engine);
}

#include "cli/config_path.h"
#include "proxy/server.h"

struct serve_options {
    const char *config;
};

static const struct cli_option options[] = {
    {CLI_OPTION_TEXT, 'c', "config", "FILE", CLI_CONFIG_HELP,
     offsetof(struct serve_options, config)},
    {CLI_OPTION_LATER, 0, "takeover", NULL, NULL, 0},
};

static const struct cli_syntax syntax = {
    .command = "turnout serve",
    .usage = "[-c FILE]",
    .about =
        "Runs the proxy in the foreground. SIGTERM or Ctrl-C stops it when the requests under\n"
        "way are done (a second one at once), SIGHUP reloads the file, SIGUSR1 reopens the\n"
        "access log. Messages go to standard error.\n"
        "Exit code: 0 stopped as asked, 1 could not start or did not stop clean.",
    .examples = "  turnout serve -c turnout.yaml\n"
                "  turnout serve -c turnout.yaml & turnout status --timeout 10s",
    .words_max = 1,
};

int cli_serve(struct cli_context *context, int argc, char **argv)
{
    struct serve_options values = {0};
    struct cli_parse parse = {.context = context,
                              .syntax = &syntax,
                              .groups = {{options, sizeof(options) / sizeof(options[0]), &values}},
                              .group_count = 1};
    if (!cli_parse(&parse, argc, argv))
        return parse.exit_code;
    const char *path = cli_config_path(&parse, values.config);
    if (!path)
        return parse.exit_code;

    const struct px_server_options server = {.config_path = path};
    return px_server_main(&server);
}

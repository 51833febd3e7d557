#include "cli/config_path.h"
#include "proxy/server.h"

struct serve_options {
    const char *config;
    bool takeover;
    const char *admin;
};

static const struct cli_option options[] = {
    {CLI_OPTION_TEXT, 'c', "config", "FILE", CLI_CONFIG_HELP,
     offsetof(struct serve_options, config)},
    {CLI_OPTION_FLAG, 0, "takeover", NULL, "take the running process's place; no connection fails",
     offsetof(struct serve_options, takeover)},
    {CLI_OPTION_TEXT, 0, "admin", "ADDR", "with --takeover: where it is (default: as in the file)",
     offsetof(struct serve_options, admin)},
};

static const struct cli_syntax syntax = {
    .command = "turnout serve",
    .usage = "[-c FILE] [--takeover [--admin ADDR]]",
    .about =
        "Runs the proxy in the foreground. SIGTERM or Ctrl-C stops it when the requests under\n"
        "way are done (a second one at once), SIGHUP reloads the file, SIGUSR1 reopens the\n"
        "access log, SIGUSR2 starts the program anew to take over. Messages go to standard\n"
        "error. With --takeover everything that the running process has (sockets, store, rules,\n"
        "health) is taken over; if that fails at any step, it goes on as if nothing had been.\n"
        "Exit code: 0 stopped as asked, 1 could not start or did not stop clean.",
    .examples = "  turnout serve -c turnout.yaml\n"
                "  turnout serve -c turnout.yaml & turnout status --timeout 10s\n"
                "  turnout serve -c turnout.yaml --takeover",
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

    if (values.admin && !values.takeover)
        return cli_usage_error(&parse, "--admin goes with --takeover");

    const struct px_server_options server = {
        .config_path = path, .is_takeover = values.takeover, .takeover_address = values.admin};
    return px_server_main(&server);
}

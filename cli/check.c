#include "cli/config_path.h"
#include "cli/text.h"
#include "proxy/config/config.h"

#include <stdlib.h>

struct check_options {
    const char *config;
    bool against;
};

static const struct cli_option options[] = {
    {CLI_OPTION_TEXT, 'c', "config", "FILE", CLI_CONFIG_HELP,
     offsetof(struct check_options, config)},
    {CLI_OPTION_LATER, 0, "against", NULL, NULL, 0},
};

static const struct cli_syntax syntax = {
    .command = "turnout check",
    .usage = "[-c FILE]",
    .about = "Reads a configuration file as 'serve' and 'reload' would, and reports every mistake\n"
             "with its line and column. Nothing is started, opened or changed.\n"
             "Exit code: 0 the file can be served (there may be warnings), 1 it cannot.",
    .examples = "  turnout check -c turnout.yaml",
    .words_max = 1,
};

static const char *plural(unsigned count)
{
    return count == 1 ? "" : "s";
}

static void print_summary(const struct cli_context *context, const char *path,
                          const struct px_config *config, const struct px_messages *messages)
{
    unsigned endpoints = 0;
    unsigned warnings = messages->count - messages->error_count;

    for (uint32_t i = 0; i < config->version_count; i++)
        endpoints += config->versions[i].endpoint_count;
    fprintf(context->out, "%s: ok: %u version%s with %u endpoint%s, %u rule%s", path,
            config->version_count, plural(config->version_count), endpoints, plural(endpoints),
            config->rule_count, plural(config->rule_count));
    if (warnings > 0)
        fprintf(context->out, ", %u warning%s", warnings, plural(warnings));
    fputc('\n', context->out);
}

int cli_check(struct cli_context *context, int argc, char **argv)
{
    struct check_options values = {0};
    struct cli_parse parse = {.context = context,
                              .syntax = &syntax,
                              .groups = {{options, sizeof(options) / sizeof(options[0]), &values}},
                              .group_count = 1};
    if (!cli_parse(&parse, argc, argv))
        return parse.exit_code;
    const char *path = cli_config_path(&parse, values.config);
    if (!path)
        return parse.exit_code;

    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    int r = px_config_load(path, &messages, &config);
    char *text = cli_need(px_messages_format(&messages));

    fputs(text, context->err);
    if (r == 0) {
        print_summary(context, path, config, &messages);
        px_config_free(config);
    } else if (messages.error_count > 0) {
        fprintf(context->err, "%s: %u error%s\n", path, messages.error_count,
                plural(messages.error_count));
    } else {
        fprintf(context->err, "%s: %s\n", path, strerror(-r));
    }
    free(text);
    px_messages_deinit(&messages);
    return r == 0 ? CLI_DONE : CLI_FAILED;
}

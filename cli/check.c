#include "cli/change.h"
#include "cli/config_path.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/text.h"
#include "proxy/config/config.h"

#include <stdlib.h>

struct check_options {
    const char *config, *output;
    bool against;
};

static const struct cli_option options[] = {
    {CLI_OPTION_TEXT, 'c', "config", "FILE", CLI_CONFIG_HELP,
     offsetof(struct check_options, config)},
    {CLI_OPTION_FLAG, 0, "against", NULL,
     "say what a reload of the running proxy would\nchange if this were its file",
     offsetof(struct check_options, against)},
    {CLI_OPTION_TEXT, 'o', "output", "FORMAT", "of --against: table, json or yaml",
     offsetof(struct check_options, output)},
};

static const struct cli_syntax syntax = {
    .command = "turnout check",
    .usage = "[-c FILE] [--against]",
    .about = "Reads a configuration file as 'serve' and 'reload' would, and reports every mistake\n"
             "with its line and column. Nothing is started, opened or changed.\n"
             "Exit code: 0 the file can be served (there may be warnings), 1 it cannot, or with\n"
             "--against: a reload would refuse it, or no proxy answers.",
    .examples = "  turnout check -c turnout.yaml\n"
                "  turnout check -c new.yaml --against",
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

/* The running proxy is asked; it changes nothing. */
static int compare(const struct cli_parse *parse, struct cli_admin *admin, const char *path,
                   const char *output)
{
    struct cli_context *context = parse->context;
    struct tn_str text;
    char *why = NULL;
    char *bytes = cli_read_file(path, &text, &why);
    json_t *answer = NULL;

    if (!bytes) {
        fprintf(context->err, "%s: %s\n", parse->syntax->command, why);
        free(why);
        return CLI_FAILED;
    }
    json_t *body =
        cli_need(json_pack("{s:b, s:s%}", "dry_run", 1, "text", text.ptr, (size_t)text.len));
    char *sent = cli_need(json_dumps(body, JSON_COMPACT));
    const struct tn_client_request request = {
        .method = "POST",
        .target = "/v1/reload",
        .content_type = "application/json",
        .body = tn_str_of(sent),
    };
    cli_admin_start(admin, parse);
    int code = cli_admin_call(admin, &request, path, &answer);

    if (code == CLI_DONE && !cli_output_print(context, output, answer))
        cli_print_change(context, answer);
    json_decref(answer);
    json_decref(body);
    free(sent);
    free(bytes);
    return code;
}

/* All mistakes of the file, or what is in it. */
static int check(const struct cli_context *context, const char *path, bool is_quiet)
{
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    int r = px_config_load(path, &messages, &config);
    char *text = cli_need(px_messages_format(&messages));

    fputs(text, context->err);
    if (r == 0) {
        if (!is_quiet)
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

int cli_check(struct cli_context *context, int argc, char **argv)
{
    struct check_options values = {0};
    struct cli_admin admin = {0};
    struct cli_parse parse = {
        .context = context,
        .syntax = &syntax,
        .groups = {{options, sizeof(options) / sizeof(options[0]), &values},
                   cli_admin_group(&admin)},
        .group_count = 2,
    };
    if (!cli_parse(&parse, argc, argv))
        return parse.exit_code;
    char *why = cli_output_check(values.output);
    if (why)
        return cli_usage_refuse(&parse, why);
    if (!values.against && (values.output || admin.address || admin.token_file))
        return cli_usage_error(&parse, "%s is for --against",
                               values.output   ? "--output"
                               : admin.address ? "--admin"
                                               : "--token-file");
    const char *path = cli_config_path(&parse, values.config);
    if (!path)
        return parse.exit_code;
    int code = check(context, path, values.output && strcmp(values.output, "table") != 0);

    if (code == CLI_DONE && values.against)
        code = compare(&parse, &admin, path, values.output);
    return code;
}

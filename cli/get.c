#include "cli/numbers.h"
#include "cli/text.h"
#include "cli/view.h"
#include "cli/watch.h"
#include "cli/yaml.h"

#include <stdlib.h>

#define INTERVAL_MAX_MS ((uint64_t)3600000)

struct get_options {
    const char *output;
    bool watch;
    const char *interval;
};

static const struct cli_option options[] = {
    {CLI_OPTION_TEXT, 'o', "output", "FORMAT", "table (default), json or yaml",
     offsetof(struct get_options, output)},
    {CLI_OPTION_FLAG, 'w', "watch", NULL,
     "as it changes, until q or Ctrl-C; plain lines when\nthe output is no terminal",
     offsetof(struct get_options, watch)},
    {CLI_OPTION_TEXT, 0, "interval", "DURATION",
     "of -w, between two looks: 1s (default), 250ms, 1m;\nfor plain lines 10s",
     offsetof(struct get_options, interval)},
};

static const struct cli_syntax syntax = {
    .command = "turnout get",
    .usage = "[-w [--interval DURATION]] [-o table|json|yaml]",
    .about =
        "Shows each rule with the share that was asked for, the share that its versions got, and\n"
        "how far apart the two may be; requests, answers of 500 and above, latency (median and\n"
        "99th percentile), endpoints up; mirrors and their losses. Counts start when a rule's\n"
        "weights were set. 'sticky': users are dealt exactly, their requests follow them.\n"
        "With -w: requests a second and latency are those of the last ten seconds, and what\n"
        "happens (changes with author and reason, endpoints, verdicts) is told as it does.",
    .examples = "  turnout get\n"
                "  turnout get -w\n"
                "  turnout get -w > watch.log\n"
                "  turnout get -o json",
};

static const char *const formats[] = {"table", "json", "yaml"};

void cli_documents_drop(struct cli_documents *documents)
{
    json_decref(documents->status);
    json_decref(documents->share);
    json_decref(documents->rules);
    *documents = (struct cli_documents){0};
}

bool cli_documents_agree(const struct cli_documents *documents)
{
    json_int_t revision = json_integer_value(json_object_get(documents->status, "revision"));

    return revision == json_integer_value(json_object_get(documents->share, "revision")) &&
           revision == json_integer_value(json_object_get(documents->rules, "revision"));
}

int cli_documents_read(struct cli_admin *admin, struct cli_documents *ret_documents, char **ret_why)
{
    struct cli_documents documents = {0};
    int code = CLI_DONE;

    for (int tries = 0; tries < 3; tries++) {
        cli_documents_drop(&documents);
        code = cli_admin_try(admin, "/v1/status", &documents.status, ret_why);
        if (code == CLI_DONE)
            code = cli_admin_try(admin, "/v1/share", &documents.share, ret_why);
        if (code == CLI_DONE)
            code = cli_admin_try(admin, "/v1/rules", &documents.rules, ret_why);
        if (code != CLI_DONE || cli_documents_agree(&documents))
            break;
    }
    if (code == CLI_DONE)
        *ret_documents = documents;
    else
        cli_documents_drop(&documents);
    return code;
}

void cli_documents_print(const struct cli_context *context, enum cli_format format,
                         const struct cli_documents *documents, bool is_watched)
{
    json_t *whole = cli_need(json_pack("{s:O, s:O, s:O, s:O}", "revision",
                                       json_object_get(documents->rules, "revision"), "rules",
                                       json_object_get(documents->rules, "rules"), "share",
                                       documents->share, "status", documents->status));

    if (format == CLI_YAML) {
        fputs(is_watched ? "---\n" : "", context->out);
        cli_print_yaml(whole, context->out);
    } else {
        /* Watched: one document a line, as programs read it. */
        size_t flags = JSON_REAL_PRECISION(12) | (is_watched ? JSON_COMPACT : JSON_INDENT(2));
        char *text = cli_need(json_dumps(whole, flags));
        fprintf(context->out, "%s\n", text);
        free(text);
    }
    json_decref(whole);
}

static void print(struct cli_admin *admin, enum cli_format format,
                  const struct cli_documents *documents)
{
    const struct cli_context *context = admin->context;
    const struct cli_view view = {.status = documents->status,
                                  .share = documents->share,
                                  .rules = documents->rules,
                                  .place = cli_admin_place(admin)};

    if (format == CLI_TABLE)
        cli_print_view(context, &view);
    else
        cli_documents_print(context, format, documents, false);
}

static bool find_format(const struct cli_parse *parse, const char *text,
                        enum cli_format *ret_format)
{
    for (size_t i = 0; text && i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (strcmp(text, formats[i]) == 0) {
            *ret_format = (enum cli_format)i;
            return true;
        }
    }
    if (text)
        cli_usage_error(parse, "--output '%s': expected table, json or yaml", text);
    return text == NULL;
}

int cli_get(struct cli_context *context, int argc, char **argv)
{
    struct get_options values = {0};
    struct cli_admin admin = {0};
    struct cli_parse parse = {.context = context,
                              .syntax = &syntax,
                              .groups = {{options, sizeof(options) / sizeof(options[0]), &values},
                                         cli_admin_group(&admin)},
                              .group_count = 2};
    enum cli_format format = CLI_TABLE;
    struct cli_documents documents = {0};
    uint64_t interval_ms = 0;
    char *why = NULL;

    if (!cli_parse(&parse, argc, argv))
        return parse.exit_code;
    if (!find_format(&parse, values.output, &format))
        return CLI_WRONG_USAGE;
    if (values.interval && !values.watch)
        return cli_usage_error(&parse, "--interval is for -w");
    if (values.interval)
        why = cli_parse_duration("--interval", values.interval, &interval_ms);
    if (why)
        return cli_usage_refuse(&parse, why);
    if (values.interval && (interval_ms < CLI_WATCH_LEAST_MS || interval_ms > INTERVAL_MAX_MS))
        return cli_usage_error(&parse, "--interval '%s': expected 250ms to 1h", values.interval);
    cli_admin_start(&admin, &parse);
    int code = cli_documents_read(&admin, &documents, &why);
    if (code != CLI_DONE) {
        fprintf(context->err, "%s: %s\n", syntax.command, why);
        free(why);
        return code;
    }
    if (values.watch)
        return cli_watch(&admin, format, interval_ms, &documents);
    print(&admin, format, &documents);
    cli_documents_drop(&documents);
    return CLI_DONE;
}

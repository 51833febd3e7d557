#include "cli/admin.h"
#include "cli/mirror_view.h"
#include "cli/numbers.h"
#include "cli/query.h"
#include "cli/text.h"
#include "cli/yaml.h"

#include <stdlib.h>

struct report_options {
    const char *rule, *since, *fail_over, *output;
    bool pairs;
};

static const struct cli_option options[] = {
    {CLI_OPTION_TEXT, 0, "rule", "RULE", "only this rule's mirrors",
     offsetof(struct report_options, rule)},
    {CLI_OPTION_TEXT, 0, "since", "DURATION",
     "what was compared in that time, at most 60m;\nelse since comparing began",
     offsetof(struct report_options, since)},
    {CLI_OPTION_TEXT, 0, "fail-over", "PERCENT",
     "exit code 1 if more of the compared requests\ndiffered or were not answered, or if none was\n"
     "compared: --fail-over 0.1%",
     offsetof(struct report_options, fail_over)},
    {CLI_OPTION_FLAG, 0, "pairs", NULL,
     "the last pairs of answers that differ, with\ntheir bodies; of mirrors with 'keep_pairs'",
     offsetof(struct report_options, pairs)},
    {CLI_OPTION_TEXT, 'o', "output", "FORMAT", "table (default), json or yaml",
     offsetof(struct report_options, output)},
};

static const struct cli_syntax report_syntax = {
    .command = "turnout mirror report",
    .usage = "[--rule RULE] [--since 10m] [--fail-over 0.1%] [--pairs] [-o table|json|yaml]",
    .about =
        "Shows what became of mirrored requests: how many were mirrored and how many were not,\n"
        "and, for mirrors with 'compare', in which group and field their answers differ from\n"
        "those that users got, how often, since when, and whether two answers of the stable\n"
        "version differ there, too (noise).",
    .examples = "  turnout mirror report\n"
                "  turnout mirror report --since 10m --fail-over 0.1%\n"
                "  turnout mirror report --pairs\n"
                "  turnout mirror report -o json",
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* One mirror against the limit; false: it is over, or has nothing to say. */
static bool check_mirror(struct cli_context *context, const json_t *entry, uint32_t limit_ppm)
{
    const json_t *failing = json_object_get(json_object_get(entry, "compare"), "failing");
    char share[CLI_TEXT_SIZE];
    char limit[CLI_TEXT_SIZE];

    if (!json_is_number(failing)) {
        fprintf(context->err, "%s: %s to %s: nothing was compared\n", report_syntax.command,
                text_of(entry, "rule"), text_of(entry, "to"));
        return false;
    }
    if (json_number_value(failing) * 1e6 <= limit_ppm)
        return true;
    fprintf(context->err,
            "%s: %s to %s: %s of the requests differed or were not answered, more "
            "than %s\n",
            report_syntax.command, text_of(entry, "rule"), text_of(entry, "to"),
            cli_write_measured(json_number_value(failing), share), cli_write_ppm(limit_ppm, limit));
    return false;
}

static int check(struct cli_context *context, const json_t *report, uint32_t limit_ppm)
{
    const json_t *mirrors = json_object_get(report, "mirrors");
    size_t compared = 0;
    int code = CLI_DONE;

    for (size_t i = 0; i < json_array_size(mirrors); i++) {
        const json_t *entry = json_array_get(mirrors, i);

        if (!json_is_object(json_object_get(entry, "compare")))
            continue;
        compared++;
        if (!check_mirror(context, entry, limit_ppm))
            code = CLI_FAILED;
    }
    if (compared == 0) {
        fprintf(context->err, "%s: no mirror has 'compare': nothing was compared\n",
                report_syntax.command);
        code = CLI_FAILED;
    }
    return code;
}

static void print(const struct cli_context *context, const struct report_options *values,
                  const json_t *report)
{
    const char *output = values->output;

    if (strcmp(output, "yaml") == 0) {
        cli_print_yaml(report, context->out);
    } else if (strcmp(output, "json") == 0) {
        char *text = cli_need(json_dumps(report, JSON_INDENT(2) | JSON_REAL_PRECISION(12)));

        fprintf(context->out, "%s\n", text);
        free(text);
    } else if (values->pairs) {
        cli_print_mirror_pairs(context, report);
    } else {
        cli_print_mirror_report(context, report);
    }
}

/* What the options say beyond their own form; NULL, or why not. */
static char *check_options(const struct report_options *values, uint32_t *ret_limit_ppm)
{
    uint64_t ms;

    if (values->pairs && (values->since || values->fail_over))
        return cli_format(
            "--pairs shows what is kept, and goes with neither --since nor --fail-over");
    if (values->since) {
        char *why = cli_parse_duration("--since", values->since, &ms);

        if (why)
            return why;
        if (ms == 0 || ms > 3600000)
            return cli_format("--since '%s': more than nothing, and at most 60m", values->since);
    }
    if (strcmp(values->output, "table") != 0 && strcmp(values->output, "json") != 0 &&
        strcmp(values->output, "yaml") != 0)
        return cli_format("--output '%s': expected table, json or yaml", values->output);
    return values->fail_over ? cli_parse_percent("--fail-over", values->fail_over, ret_limit_ppm)
                             : NULL;
}

static int report(struct cli_context *context, int argc, char **argv)
{
    struct report_options values = {0};
    struct cli_admin admin = {0};
    struct cli_parse parse = {.context = context,
                              .syntax = &report_syntax,
                              .groups = {{options, sizeof(options) / sizeof(options[0]), &values},
                                         cli_admin_group(&admin)},
                              .group_count = 2};
    struct cli_query query;
    json_t *answer = NULL;
    uint32_t limit_ppm = 0;

    if (!cli_parse(&parse, argc, argv))
        return parse.exit_code;
    if (!values.output)
        values.output = "table";
    char *why = check_options(&values, &limit_ppm);
    if (why)
        return cli_usage_refuse(&parse, why);
    cli_query_start(&query, values.pairs ? "/v1/mirror-pairs" : "/v1/mirror-report");
    if (values.rule)
        cli_query_add(&query, "rule", values.rule);
    if (values.since)
        cli_query_add(&query, "since", values.since);
    cli_admin_start(&admin, &parse);
    int code = cli_admin_read(&admin, cli_query_end(&query), &answer);
    if (code == CLI_DONE) {
        print(context, &values, answer);
        if (values.fail_over)
            code = check(context, answer, limit_ppm);
    }
    json_decref(answer);
    cli_query_free(&query);
    return code;
}

int cli_mirror(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        .command = "turnout mirror",
        .usage = "report",
        .about = "What became of mirrored requests. How much is mirrored is set by 'set mirror'.",
        .examples = "  turnout mirror report --since 10m",
    };
    static const struct cli_subcommand subcommands[] = {
        {"report", "where the answers of a mirror differ from those that users get", report},
    };

    return cli_dispatch(context, &syntax, subcommands, sizeof(subcommands) / sizeof(subcommands[0]),
                        argc, argv);
}

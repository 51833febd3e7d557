#include "cli/change.h"
#include "cli/history_view.h"
#include "cli/numbers.h"
#include "cli/query.h"
#include "cli/text.h"
#include "cli/yaml.h"

#include <stdlib.h>
#include <string.h>

/* --- history ------------------------------------------------------------------------------------
 */

struct history_options {
    const char *count, *output;
};

static void print(const struct cli_context *context, const char *output, const json_t *history)
{
    if (strcmp(output, "yaml") == 0) {
        cli_print_yaml(history, context->out);
    } else if (strcmp(output, "json") == 0) {
        char *text = cli_need(json_dumps(history, JSON_INDENT(2)));

        fprintf(context->out, "%s\n", text);
        free(text);
    } else {
        cli_print_history(context, history);
    }
}

/* NULL, or why not. */
static char *check_options(const struct history_options *values)
{
    if (strcmp(values->output, "table") != 0 && strcmp(values->output, "json") != 0 &&
        strcmp(values->output, "yaml") != 0)
        return cli_format("--output '%s': expected table, json or yaml", values->output);
    if (values->count &&
        (strlen(values->count) > 3 || strspn(values->count, "0123456789") != strlen(values->count)))
        return cli_format("-n '%s': expected how many revisions, 1 to 128", values->count);
    return NULL;
}

int cli_history(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {CLI_OPTION_TEXT, 'n', "count", "N", "how many revisions (default: 20)",
         offsetof(struct history_options, count)},
        {CLI_OPTION_TEXT, 'o', "output", "FORMAT", "table (default), json or yaml",
         offsetof(struct history_options, output)},
    };
    static const struct cli_syntax syntax = {
        .command = "turnout history",
        .usage = "[-n 20] [-o table|json|yaml]",
        .about = "Shows the last revisions of the rules, the newest first: when, what was done, to "
                 "which\n"
                 "rule, what changed, who asked for it and why. The last 128 are kept; 'undo' goes "
                 "back.",
        .examples = "  turnout history\n"
                    "  turnout history -n 5\n"
                    "  turnout history -o json",
    };
    struct history_options values = {0};
    struct cli_admin admin = {0};
    struct cli_parse parse = {.context = context,
                              .syntax = &syntax,
                              .groups = {{options, sizeof(options) / sizeof(options[0]), &values},
                                         cli_admin_group(&admin)},
                              .group_count = 2};
    struct cli_query query;
    json_t *answer = NULL;

    if (!cli_parse(&parse, argc, argv))
        return parse.exit_code;
    if (!values.output)
        values.output = "table";
    char *why = check_options(&values);
    if (why)
        return cli_usage_refuse(&parse, why);
    cli_query_start(&query, "/v1/history");
    if (values.count)
        cli_query_add(&query, "n", values.count);
    cli_admin_start(&admin, &parse);
    int code = cli_admin_read(&admin, cli_query_end(&query), &answer);
    if (code == CLI_DONE)
        print(context, values.output, answer);
    json_decref(answer);
    cli_query_free(&query);
    return code;
}

/* --- undo ---------------------------------------------------------------------------------------
 */

struct undo_options {
    const char *to_revision;
};

int cli_undo(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {CLI_OPTION_TEXT, 0, "to-revision", "N", "to this revision (default: the one before)",
         offsetof(struct undo_options, to_revision)},
    };
    static const struct cli_syntax syntax = {
        .command = "turnout undo",
        .usage = "[--to-revision N] [options]",
        .about = "Makes a new revision that is equal to the one before, or to revision N: all "
                 "rules, and\n"
                 "what was draining or cut. Done twice it is a redo. 'turnout history' shows the "
                 "revisions.",
        .examples = "  turnout undo\n"
                    "  turnout undo --to-revision 7 --dry-run\n"
                    "  turnout undo --if-revision 9 --reason 'wrong rule'",
        .is_for_good = true,
    };
    struct undo_options values = {0};
    struct cli_change change = {0};
    struct cli_parse parse = {.context = context, .syntax = &syntax};
    const struct cli_option_group own = {options, 1, &values};
    uint64_t to_revision = 0;
    json_t *body;

    if (!cli_change_parse(&parse, &change, own, argc, argv))
        return parse.exit_code;
    char *why = values.to_revision
                    ? cli_parse_revision("--to-revision", values.to_revision, &to_revision)
                    : NULL;
    if (why)
        return cli_usage_refuse(&parse, why);
    body = cli_need(json_object());
    if (values.to_revision)
        json_object_set_new(body, "to_revision", json_integer((json_int_t)to_revision));
    return cli_change_send(&parse, &change, "POST", "/v1/undo", body);
}

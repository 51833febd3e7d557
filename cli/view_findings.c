#include "cli/table.h"
#include "cli/text.h"
#include "cli/view_parts.h"

#include <inttypes.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* "1.2% (0.9 to 1.6%)": what it is, and where it lies. */
static void put_interval(struct cli_table *table, const json_t *interval)
{
    char value[CLI_TEXT_SIZE];
    char low[CLI_TEXT_SIZE];
    char high[CLI_TEXT_SIZE];

    if (!json_is_object(interval)) {
        cli_table_cell(table, CLI_DIM, "-");
        return;
    }
    cli_write_measured(number_of(interval, "low"), low);
    cli_table_cell(table, CLI_PLAIN, "%s (%s to %s)",
                   cli_write_measured(number_of(interval, "value"), value), low,
                   cli_write_measured(number_of(interval, "high"), high));
}

static void put_count(struct cli_table *table, const json_t *value)
{
    char buffer[CLI_TEXT_SIZE];

    if (!json_is_integer(value))
        cli_table_cell(table, CLI_DIM, "-");
    else
        cli_table_cell(table, CLI_PLAIN, "%s",
                       cli_write_count((uint64_t)json_integer_value(value), buffer));
}

static void put_latency(struct cli_table *table, const json_t *value)
{
    char buffer[CLI_TEXT_SIZE];

    cli_table_cell(table, CLI_PLAIN, "%s",
                   json_is_number(value) ? cli_write_latency(json_number_value(value), buffer)
                                         : "-");
}

static void put_verdict(struct cli_table *table, const json_t *finding)
{
    const char *verdict = text_of(finding, "verdict");
    const char *why = text_of(finding, "why");
    enum cli_style style = strcmp(verdict, "worse") == 0    ? CLI_BAD
                           : strcmp(verdict, "better") == 0 ? CLI_GOOD
                                                            : CLI_PLAIN;

    if (verdict[0])
        cli_table_cell(table, style, "%s, by %s%s%s%s", verdict, text_of(finding, "unit"),
                       why[0] ? " (" : "", why, why[0] ? ")" : "");
    else
        cli_table_cell(table, CLI_DIM, "%s", why);
}

static void put_finding(struct cli_table *table, const char *rule, const json_t *version)
{
    const json_t *finding = json_object_get(version, "finding");

    cli_table_row(table);
    cli_table_cell(table, CLI_BOLD, "%s", rule);
    cli_table_cell(table, CLI_PLAIN, "%s", text_of(version, "name"));
    put_count(table, json_object_get(finding, "users"));
    put_interval(table, json_object_get(finding, "error_share"));
    put_latency(table, json_object_get(finding, "p50_ms"));
    put_latency(table, json_object_get(finding, "p90_ms"));
    put_latency(table, json_object_get(finding, "p99_ms"));
    put_verdict(table, finding);
}

static void put_goals(struct cli_table *table, const json_t *version)
{
    const json_t *goals = json_object_get(json_object_get(version, "finding"), "goals");

    for (size_t i = 0; i < json_array_size(goals); i++) {
        const json_t *goal = json_array_get(goals, i);
        bool is_user = strcmp(text_of(goal, "unit"), "user") == 0;

        cli_table_row(table);
        cli_table_cell(table, CLI_BOLD, "%s", text_of(goal, "name"));
        cli_table_cell(table, CLI_PLAIN, "%s", text_of(version, "name"));
        put_count(table, json_object_get(goal, "count"));
        put_count(table, json_object_get(goal, "of"));
        cli_table_cell(table, CLI_PLAIN, "%s", is_user ? "users" : "requests");
        put_interval(table, json_object_get(goal, "share"));
        cli_table_cell(table, CLI_PLAIN, "%s", text_of(goal, "verdict"));
    }
}

static void print_table(const struct cli_context *context, struct cli_table *table)
{
    if (!cli_table_is_empty(table)) {
        fputc('\n', context->out);
        cli_table_print(table, context->out, context->colour);
    }
    cli_table_free(table);
}

void cli_print_splits(const struct cli_context *context, const json_t *rules)
{
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        const json_t *split = json_object_get(rule, "split");

        if (json_is_true(json_object_get(split, "mismatch")))
            fprintf(context->out,
                    "\nrule %s: the split is not what was asked for (test of %s): what is counted "
                    "here can't be compared\n",
                    text_of(rule, "name"), text_of(split, "test"));
    }
}

void cli_print_findings(const struct cli_context *context, const struct cli_view *view)
{
    static const struct cli_column columns[] = {
        {"RULE", false}, {"VERSION", false}, {"USERS", true}, {"ERROR SHARE", true},
        {"P50", true},   {"P90", true},      {"P99", true},   {"VERDICT", false},
    };
    static const struct cli_column goal_columns[] = {
        {"GOAL", false}, {"VERSION", false}, {"REACHED BY", true}, {"OF", true},
        {"", false},     {"SHARE", true},    {"VERDICT", false},
    };
    struct cli_table *table = cli_table_new(columns, COUNT_OF(columns));
    struct cli_table *goals = cli_table_new(goal_columns, COUNT_OF(goal_columns));
    const json_t *rules = json_object_get(view->share, "rules");

    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        const json_t *versions = json_object_get(rule, "versions");
        const char *name = text_of(rule, "name");

        for (size_t k = 0; k < json_array_size(versions); k++) {
            const json_t *version = json_array_get(versions, k);

            if (!json_is_object(json_object_get(version, "finding")))
                continue;
            put_finding(table, name, version);
            put_goals(goals, version);
            name = "";
        }
    }
    print_table(context, table);
    print_table(context, goals);
    cli_print_splits(context, rules);
}

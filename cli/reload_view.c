/* What a dry run of a reload tells beside the rules that change. */
#include "cli/change.h"
#include "cli/table.h"
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry, key));

    return text ? text : "";
}

static void put_setting(struct cli_table *table, const json_t *setting)
{
    const char *before = json_string_value(json_object_get(setting, "before"));
    const char *after = json_string_value(json_object_get(setting, "after"));
    const char *name = text_of(setting, "name");
    /* of a version that comes or goes, only its endpoints are told */
    bool is_whole = strncmp(name, "version ", 8) == 0 && !strchr(name + 8, ' ');

    cli_table_row(table);
    cli_table_cell(table, CLI_BOLD, "%s%s", name, !is_whole ? "" : after ? " (new)" : " (removed)");
    cli_table_cell(table, CLI_PLAIN, "%s", before ? before : "-");
    cli_table_cell(table, CLI_BOLD, "%s", after ? after : "-");
}

static void print_settings(const struct cli_context *context, const json_t *settings)
{
    static const struct cli_column columns[] = {
        {"SETTING", false}, {"BEFORE", false}, {"AFTER", false}};
    struct cli_table *table = cli_table_new(columns, sizeof(columns) / sizeof(columns[0]));

    for (size_t i = 0; i < json_array_size(settings); i++)
        put_setting(table, json_array_get(settings, i));
    if (!cli_table_is_empty(table)) {
        fputc('\n', context->out);
        cli_table_print(table, context->out, context->colour);
    }
    cli_table_free(table);
}

/* "set share (revision 12, by ada)"; malloc'd. */
static char *origin_of(const json_t *kept)
{
    static const char *const of_set[] = {"weights", "share", "mirror", "rules"};
    const json_t *revision = json_object_get(kept, "revision");
    const char *what = text_of(kept, "what");
    const char *author = text_of(kept, "author");
    const char *set = "";

    if (!json_is_integer(revision))
        return cli_format("at run time, before what the history keeps");
    for (size_t i = 0; i < sizeof(of_set) / sizeof(of_set[0]); i++) {
        if (strcmp(what, of_set[i]) == 0)
            set = "set ";
    }
    return cli_format("by '%s%s' (revision %" JSON_INTEGER_FORMAT "%s%s)", set, what,
                      json_integer_value(revision), *author ? ", " : "", author);
}

/* "weights, stable"; malloc'd. */
static char *members_of(const json_t *kept)
{
    const json_t *members = json_object_get(kept, "members");
    char *text = cli_format("%s", "");

    for (size_t i = 0; i < json_array_size(members); i++) {
        const char *member = json_string_value(json_array_get(members, i));
        char *longer = cli_format("%s%s%s", text, i > 0 ? ", " : "", member ? member : "");

        free(text);
        text = longer;
    }
    return text;
}

static void print_kept(const struct cli_context *context, const json_t *kept)
{
    const char *state = text_of(kept, "state");
    char *origin = origin_of(kept);
    char *members = members_of(kept);
    char *text;

    if (strcmp(state, "added") == 0)
        text = cli_format("kept, made %s; the file has no such rule", origin);
    else if (strcmp(state, "removed") == 0)
        text =
            cli_format("stays away, removed %s; its text in the file is as last applied", origin);
    else
        text =
            cli_format("kept, %s set %s; its text in the file is as last applied", members, origin);
    char *line = cli_format("%s: %s", text_of(kept, "rule"), text);

    cli_make_printable(line);
    fprintf(context->out, "%s\n", line);
    free(line);
    free(text);
    free(members);
    free(origin);
}

void cli_print_reload(const struct cli_context *context, const json_t *reload)
{
    const json_t *kept = json_object_get(reload, "kept");

    print_settings(context, json_object_get(reload, "settings"));
    if (json_array_size(kept) > 0)
        fputc('\n', context->out);
    for (size_t i = 0; i < json_array_size(kept); i++)
        print_kept(context, json_array_get(kept, i));
}

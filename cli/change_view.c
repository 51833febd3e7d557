#include "cli/change.h"
#include "cli/rule_text.h"
#include "cli/table.h"
#include "cli/text.h"

#include <stdlib.h>

#define OTHER_MAX 40

struct view {
    struct cli_table *table;
    const char *rule;     /* shown in the rule's first row only */
    const json_t *before; /* NULL: the rule is new */
    const json_t *after;  /* NULL: it is removed */
};

/* Takes both texts over; nothing is shown when neither is there. */
static void put_row(struct view *view, const char *what, const char *name, char *before,
                    char *after)
{
    bool is_same = before && after && strcmp(before, after) == 0;

    if (before || after) {
        cli_table_row(view->table);
        cli_table_cell(view->table, CLI_BOLD, "%s", view->rule);
        cli_table_cell(view->table, CLI_PLAIN, "%s%s", what, name);
        cli_table_cell(view->table, CLI_PLAIN, "%s", before ? before : "-");
        cli_table_cell(view->table, is_same ? CLI_PLAIN : CLI_BOLD, "%s", after ? after : "-");
        view->rule = "";
    }
    free(before);
    free(after);
}

static void put_shares(struct view *view)
{
    json_t *weights[] = {json_object_get(view->before, "weights"),
                         json_object_get(view->after, "weights")};
    const char *version;
    json_t *value;

    for (size_t side = 0; side < 2; side++) {
        json_object_foreach(weights[side], version, value)
        {
            if (side == 1 && json_object_get(weights[0], version))
                continue;
            put_row(view, "", version, cli_rule_share(view->before, version),
                    cli_rule_share(view->after, version));
        }
    }
}

static void put_mirrors(struct view *view)
{
    const json_t *mirrors[] = {json_object_get(view->before, "mirror"),
                               json_object_get(view->after, "mirror")};

    for (size_t side = 0; side < 2; side++) {
        for (size_t i = 0; i < json_array_size(mirrors[side]); i++) {
            const json_t *mirror = json_array_get(mirrors[side], i);
            const char *to = json_string_value(json_object_get(mirror, "to"));
            char *before = to ? cli_rule_mirror(view->before, to) : NULL;

            if (!to || (side == 1 && before))
                free(before);
            else
                put_row(view, "mirrored to ", to, before, cli_rule_mirror(view->after, to));
        }
    }
}

static char *compact(const json_t *value)
{
    if (!value)
        return NULL;
    char *text = cli_need(json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY));
    char *shown = cli_format("%.*s%s", OTHER_MAX, text, strlen(text) > OTHER_MAX ? "..." : "");

    free(text);
    return shown;
}

static void put_if_changed(struct view *view, const char *what, char *before, char *after)
{
    bool is_same = before && after ? strcmp(before, after) == 0 : before == after;

    if (is_same) {
        free(before);
        free(after);
        return;
    }
    put_row(view, what, "", before, after);
}

/* Every setting without words of its own: by its key, as JSON. */
static void put_others(struct view *view)
{
    static const char *const known[] = {"name",   "match",  "stable",       "weights",
                                        "sticky", "mirror", "made_by_route"};
    json_t *sides[] = {(json_t *)(uintptr_t)view->before, (json_t *)(uintptr_t)view->after};
    const char *key;
    json_t *value;

    for (size_t side = 0; side < 2; side++) {
        json_object_foreach(sides[side], key, value)
        {
            bool is_known = side == 1 && json_object_get(sides[0], key);

            for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                is_known = is_known || strcmp(known[i], key) == 0;
            if (!is_known)
                put_if_changed(view, key, compact(json_object_get(sides[0], key)),
                               compact(json_object_get(sides[1], key)));
        }
    }
}

static char *stable_of(const json_t *rule)
{
    const char *stable = json_string_value(json_object_get(rule, "stable"));

    return stable ? cli_format("%s", stable) : NULL;
}

static void put_rule(struct cli_table *table, const char *name, const json_t *before,
                     const json_t *after)
{
    char *shown = cli_format("%s%s", name, !before ? " (new)" : !after ? " (removed)" : "");
    struct view view = {.table = table, .rule = shown, .before = before, .after = after};

    put_shares(&view);
    put_mirrors(&view);
    put_row(&view, "for", "", cli_rule_match(before), cli_rule_match(after));
    put_if_changed(&view, "stable", stable_of(before), stable_of(after));
    put_if_changed(&view, "sticky", cli_rule_sticky(before), cli_rule_sticky(after));
    put_others(&view);
    free(shown);
}

static void put_rules(struct cli_table *table, const json_t *before, const json_t *after)
{
    for (size_t i = 0; i < json_array_size(after); i++) {
        const json_t *rule = json_array_get(after, i);
        const char *name = json_string_value(json_object_get(rule, "name"));

        if (name)
            put_rule(table, name, cli_find_rule(before, name), rule);
    }
    for (size_t i = 0; i < json_array_size(before); i++) {
        const json_t *rule = json_array_get(before, i);
        const char *name = json_string_value(json_object_get(rule, "name"));

        if (name && !cli_find_rule(after, name))
            put_rule(table, name, rule, NULL);
    }
}

static void put_modes(struct cli_table *table, const json_t *modes)
{
    for (size_t i = 0; i < json_array_size(modes); i++) {
        const json_t *mode = json_array_get(modes, i);
        const char *name = json_string_value(json_object_get(mode, "name"));
        const char *before = json_string_value(json_object_get(mode, "before"));
        const char *after = json_string_value(json_object_get(mode, "after"));
        const char *until = json_string_value(json_object_get(mode, "until"));

        cli_table_row(table);
        cli_table_cell(table, CLI_BOLD, "%s", name ? name : "");
        cli_table_cell(table, CLI_PLAIN, "%s", before ? before : "");
        cli_table_cell(table, CLI_BOLD, "%s%s%s", after ? after : "", until ? " until " : "",
                       until ? until : "");
    }
}

/* What is open is told even when nothing else changed. */
static void print_modes(const struct cli_context *context, const json_t *answer)
{
    static const struct cli_column columns[] = {
        {"VERSION", false}, {"BEFORE", false}, {"AFTER", false}};
    struct cli_table *table = cli_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    const json_t *ended = json_object_get(answer, "ended");

    put_modes(table, json_object_get(answer, "modes"));
    if (!cli_table_is_empty(table)) {
        fputc('\n', context->out);
        cli_table_print(table, context->out, context->colour);
    }
    cli_table_free(table);
    if (ended && !json_is_true(json_object_get(answer, "dry_run")))
        fprintf(context->out, "\n%" JSON_INTEGER_FORMAT " open exchange%s ended\n",
                json_integer_value(ended), json_integer_value(ended) == 1 ? " was" : "s were");
}

static void print_head(const struct cli_context *context, const json_t *answer)
{
    json_int_t revision = json_integer_value(json_object_get(answer, "revision"));
    char *text;

    bool is_changed = json_is_true(json_object_get(answer, "changed"));

    if (json_object_get(answer, "reload"))
        text = cli_format("dry run: a reload would change%s", is_changed ? "" : " nothing");
    else if (!is_changed)
        text = cli_format("revision %" JSON_INTEGER_FORMAT ": nothing to change", revision);
    else if (json_is_true(json_object_get(answer, "dry_run")))
        text = cli_format("dry run, nothing was changed; it would be");
    else
        text = cli_format("revision %" JSON_INTEGER_FORMAT, revision);
    cli_print_styled(context->out, context->colour, CLI_BOLD, text);
    fputc('\n', context->out);
    free(text);
}

void cli_print_change(const struct cli_context *context, const json_t *answer)
{
    static const struct cli_column columns[] = {
        {"RULE", false}, {"TRAFFIC", false}, {"BEFORE", false}, {"AFTER", false}};
    struct cli_table *table = cli_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    const json_t *notes = json_object_get(answer, "notes");

    print_head(context, answer);
    put_rules(table, json_object_get(answer, "before"), json_object_get(answer, "after"));
    if (!cli_table_is_empty(table)) {
        fputc('\n', context->out);
        cli_table_print(table, context->out, context->colour);
    }
    cli_table_free(table);
    print_modes(context, answer);
    cli_print_reload(context, json_object_get(answer, "reload"));
    for (size_t i = 0; i < json_array_size(notes); i++) {
        const char *note = json_string_value(json_array_get(notes, i));

        if (note)
            fprintf(context->out, "%snote: %s\n", i == 0 ? "\n" : "", note);
    }
    const char *not_durable = json_string_value(json_object_get(answer, "not_durable"));
    if (not_durable) {
        fflush(context->out);
        fprintf(context->err, "applied, NOT durable: %s; it is tried again\n", not_durable);
    } else if (json_is_true(json_object_get(answer, "changed")) &&
               !json_is_true(json_object_get(answer, "dry_run")) &&
               json_is_false(json_object_get(answer, "durable")))
        fputs("\nnote: kept in memory only: after a restart it is gone\n", context->out);
}

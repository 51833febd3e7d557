#include "cli/history_view.h"

#include "cli/rule_text.h"
#include "cli/table.h"
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>

#define CHANGE_MAX 100 /* characters of one row; the rest is in -o json */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* --- what changed -------------------------------------------------------------------------------
 */

struct line {
    FILE *out;
    bool has_part;
    const char *rule; /* to be named before its first part; NULL: the row's own */
};

static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *line, const char *format, ...)
{
    va_list args;

    fputs(line->has_part ? ", " : "", line->out);
    if (line->rule)
        fprintf(line->out, "%s: ", line->rule);
    line->has_part = true;
    line->rule = NULL;
    va_start(args, format);
    vfprintf(line->out, format, args);
    va_end(args);
}

/* Takes both texts over; silent when nothing differs. */
static void put_pair(struct line *line, const char *what, const char *name, char *before,
                     char *after)
{
    bool is_same = before && after ? strcmp(before, after) == 0 : before == after;

    if (!is_same)
        put(line, "%s%s %s -> %s", what, name, before ? before : "-", after ? after : "-");
    free(before);
    free(after);
}

static void put_shares(struct line *line, const json_t *before, const json_t *after)
{
    const json_t *sides[] = {before, after};
    const char *version;
    json_t *weight;

    for (size_t side = 0; side < 2; side++) {
        json_object_foreach(json_object_get(sides[side], "weights"), version, weight)
        {
            char *old = cli_rule_share(before, version);

            if (side == 1 && old)
                free(old);
            else
                put_pair(line, "", version, old, cli_rule_share(after, version));
        }
    }
}

static void put_mirrors(struct line *line, const json_t *before, const json_t *after)
{
    const json_t *sides[] = {before, after};

    for (size_t side = 0; side < 2; side++) {
        const json_t *mirrors = json_object_get(sides[side], "mirror");

        for (size_t i = 0; i < json_array_size(mirrors); i++) {
            const char *to = text_of(json_array_get(mirrors, i), "to");
            char *old = cli_rule_mirror(before, to);

            if (side == 1 && old)
                free(old);
            else
                put_pair(line, "mirror to ", to, old, cli_rule_mirror(after, to));
        }
    }
}

static bool is_told(const char *key)
{
    static const char *const told[] = {"name", "weights", "mirror", "stable", "sticky", "match"};

    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        if (strcmp(told[i], key) == 0)
            return true;
    }
    return false;
}

/* Every other setting: its name says enough here. */
static void put_others(struct line *line, const json_t *before, const json_t *after)
{
    const json_t *sides[] = {before, after};
    const char *key;
    json_t *value;

    for (size_t side = 0; side < 2; side++) {
        json_object_foreach((json_t *)(uintptr_t)sides[side], key, value)
        {
            const json_t *other = json_object_get(sides[!side], key);

            if (!is_told(key) && !(other && (side == 1 || json_equal(value, other))))
                put(line, "%s", key);
        }
    }
}

static char *copy_of(const json_t *rule, const char *key)
{
    const char *text = json_string_value(json_object_get(rule, key));

    return text ? cli_format("%s", text) : NULL;
}

static void put_rule(struct line *line, const json_t *before, const json_t *after)
{
    if (!before || !after)
        put(line, before ? "removed" : "new");
    if (!after)
        return;
    put_shares(line, before, after);
    put_mirrors(line, before, after);
    if (!before)
        return;
    put_pair(line, "", "stable", copy_of(before, "stable"), copy_of(after, "stable"));
    put_pair(line, "", "sticky", cli_rule_sticky(before), cli_rule_sticky(after));
    put_pair(line, "", "for", cli_rule_match(before), cli_rule_match(after));
    put_others(line, before, after);
}

static void put_rules(struct line *line, const json_t *before, const json_t *after, bool is_one)
{
    for (size_t i = 0; i < json_array_size(before); i++) {
        const json_t *rule = json_array_get(before, i);

        line->rule = is_one ? NULL : text_of(rule, "name");
        put_rule(line, rule, cli_find_rule(after, text_of(rule, "name")));
    }
    for (size_t i = 0; i < json_array_size(after); i++) {
        const json_t *rule = json_array_get(after, i);

        if (cli_find_rule(before, text_of(rule, "name")))
            continue;
        line->rule = is_one ? NULL : text_of(rule, "name");
        put_rule(line, NULL, rule);
    }
}

static void put_modes(struct line *line, const json_t *modes)
{
    line->rule = NULL;
    for (size_t i = 0; i < json_array_size(modes); i++) {
        const json_t *mode = json_array_get(modes, i);

        put(line, "%s %s -> %s", text_of(mode, "name"), text_of(mode, "before"),
            text_of(mode, "after"));
    }
}

/* The names of the rules that changed; ret_count: how many. */
static char *names_of(const json_t *entry, size_t *ret_count)
{
    const json_t *sides[] = {json_object_get(entry, "before"), json_object_get(entry, "after")};
    char *names = cli_format("%s", "");

    *ret_count = 0;
    for (size_t side = 0; side < 2; side++) {
        for (size_t i = 0; i < json_array_size(sides[side]); i++) {
            const char *name = text_of(json_array_get(sides[side], i), "name");
            char *longer;

            if (side == 1 && cli_find_rule(sides[0], name))
                continue;
            longer = cli_format("%s%s%s", names, *ret_count > 0 ? "," : "", name);
            free(names);
            names = longer;
            ++*ret_count;
        }
    }
    return names;
}

char *cli_history_change(const json_t *entry)
{
    const json_t *before = json_object_get(entry, "before");
    char *text = NULL;
    size_t len = 0;
    size_t count;
    struct line line = {.out = cli_need(open_memstream(&text, &len))};

    free(names_of(entry, &count));
    if (!json_is_array(before))
        put(&line, "(what was before is not kept)");
    put_rules(&line, before, json_object_get(entry, "after"), count <= 1);
    put_modes(&line, json_object_get(entry, "modes"));
    fclose(line.out);
    cli_need(text);
    if (len > CHANGE_MAX) {
        text[CHANGE_MAX - 3] = '\0';
        char *cut = cli_format("%s...", text);

        free(text);
        text = cut;
    }
    return text;
}

/* --- the table ----------------------------------------------------------------------------------
 */

static void put_what(struct cli_table *table, const json_t *entry)
{
    const json_t *to = json_object_get(entry, "to_revision");

    if (json_is_integer(to))
        cli_table_cell(table, CLI_PLAIN, "%s to %" JSON_INTEGER_FORMAT, text_of(entry, "what"),
                       json_integer_value(to));
    else
        cli_table_cell(table, CLI_PLAIN, "%s", text_of(entry, "what"));
}

/* "goes back at 07:42:33Z", "went back in 18, partly superseded" */
static void put_note(struct cli_table *table, const json_t *entry, bool has_store)
{
    const json_t *ttl = json_object_get(entry, "ttl");
    const char *state = text_of(ttl, "state");
    const char *until = text_of(ttl, "until");
    json_int_t by = json_integer_value(json_object_get(ttl, "by"));
    const char *partly =
        json_is_true(json_object_get(ttl, "partly_superseded")) ? ", partly superseded" : "";

    if (has_store && json_is_false(json_object_get(entry, "durable")))
        cli_table_cell(table, CLI_BAD, "NOT durable");
    else if (strcmp(state, "running") == 0)
        cli_table_cell(table, CLI_WARN, "goes back at %.10s %.8sZ%s", until,
                       strlen(until) > 11 ? until + 11 : "", partly);
    else if (strcmp(state, "went_back") == 0)
        cli_table_cell(table, CLI_PLAIN, "went back in %" JSON_INTEGER_FORMAT "%s", by, partly);
    else if (state[0])
        cli_table_cell(table, CLI_PLAIN, "superseded by %" JSON_INTEGER_FORMAT, by);
}

/* The peer as the proxy verified it, then whom it claims to be: a claim may be written like a name.
 */
static void put_by(struct cli_table *table, const json_t *entry)
{
    const char *author = text_of(entry, "author");
    const json_t *peer = json_object_get(entry, "peer");
    const char *kind = text_of(peer, "kind");
    const char *name = text_of(peer, "name");

    if (!json_is_object(peer))
        cli_table_cell(table, CLI_PLAIN, "%s", author);
    else if (strcmp(kind, "turnout") == 0)
        cli_table_cell(table, CLI_PLAIN, "turnout");
    else
        cli_table_cell(table, CLI_PLAIN, "%s%s%s%s", strcmp(kind, "token") == 0 ? "token " : "",
                       name, author[0] && strcmp(author, name) != 0 ? " as " : "",
                       strcmp(author, name) != 0 ? author : "");
}

static void put_row(struct cli_table *table, const json_t *entry, bool has_store)
{
    const char *at = text_of(entry, "at");
    size_t count;
    char *names = names_of(entry, &count);
    char *change = cli_history_change(entry);

    cli_table_row(table);
    cli_table_cell(table, CLI_BOLD, "%" JSON_INTEGER_FORMAT,
                   json_integer_value(json_object_get(entry, "revision")));
    cli_table_cell(table, CLI_PLAIN, "%.10s %.8sZ", at, strlen(at) > 11 ? at + 11 : "");
    put_what(table, entry);
    cli_table_cell(table, CLI_PLAIN, "%s", names);
    cli_table_cell(table, CLI_PLAIN, "%s", change);
    put_by(table, entry);
    cli_table_cell(table, CLI_PLAIN, "%s", text_of(entry, "reason"));
    put_note(table, entry, has_store);
    free(names);
    free(change);
}

void cli_print_history(const struct cli_context *context, const json_t *history)
{
    static const struct cli_column columns[] = {
        {"REVISION", true}, {"TIME", false}, {"WHAT", false},   {"RULE", false},
        {"CHANGE", false},  {"BY", false},   {"REASON", false}, {"NOTE", false}};
    const json_t *entries = json_object_get(history, "revisions");
    struct cli_table *table = cli_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    bool has_store = false;

    for (size_t i = 0; i < json_array_size(entries); i++)
        has_store =
            has_store || json_is_true(json_object_get(json_array_get(entries, i), "durable"));
    for (size_t i = 0; i < json_array_size(entries); i++)
        put_row(table, json_array_get(entries, i), has_store);
    cli_table_print(table, context->out, context->colour);
    cli_table_free(table);
    if (!has_store)
        fputs("\nnote: kept in memory only: after a restart it is gone\n", context->out);
}

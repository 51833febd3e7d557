#include "cli/describe.h"

#include "cli/text.h"

#include <jansson.h>
#include <stdlib.h>

static const struct {
    enum cli_exit code;
    const char *text;
} exits[] = {
    {CLI_DONE, "done"},
    {CLI_FAILED, "refused or failed"},
    {CLI_WRONG_USAGE, "wrong usage"},
    {CLI_STALE, "stale revision"},
    {CLI_TIMED_OUT, "timed out"},
};

#define EXIT_COUNT (sizeof(exits) / sizeof(exits[0]))

static void put(json_t *object, const char *key, json_t *value)
{
    cli_need(json_object_set_new(object, key, cli_need(value)) == 0 ? object : NULL);
}

static void put_text(json_t *object, const char *key, const char *text)
{
    if (text)
        put(object, key, json_string(text));
}

static json_t *describe_option(const struct cli_option *option)
{
    const char letter[2] = {option->letter, '\0'};
    json_t *object = cli_need(json_object());

    put_text(object, "name", option->name);
    put_text(object, "letter", option->letter ? letter : NULL);
    put_text(object, "value", option->value);
    put_text(object, "help", option->help);
    put_text(object, "kind",
             option->kind == CLI_OPTION_FLAG   ? "flag"
             : option->kind == CLI_OPTION_LIST ? "list"
                                               : "text");
    return object;
}

static void describe_syntax(json_t *object, const struct cli_syntax *syntax)
{
    put_text(object, "command", syntax->command);
    put_text(object, "usage", syntax->usage);
    put_text(object, "about", syntax->about);
    put_text(object, "examples", syntax->examples);
}

void cli_describe_command(const struct cli_parse *parse)
{
    const struct cli_syntax *syntax = parse->syntax;
    json_t *object = parse->context->description;
    json_t *options = json_array();

    describe_syntax(object, syntax);
    put(object, "words_min", json_integer((json_int_t)syntax->words_min));
    put(object, "words_max", json_integer((json_int_t)syntax->words_max));
    put_text(object, "words_name", syntax->words_name);
    for (size_t g = 0; g < parse->group_count; g++) {
        const struct cli_option_group *group = &parse->groups[g];

        for (size_t i = 0; i < group->count; i++) {
            if (group->options[i].kind < CLI_OPTION_LATER)
                json_array_append_new(options, describe_option(&group->options[i]));
        }
    }
    put(object, "options", options);
}

/* Has the verb fill `command`, as a member of an object with its name and summary. */
static json_t *describe_verb(struct cli_context *context, const char *name, const char *summary,
                             cli_verb_fn *run)
{
    char *argv[] = {cli_format("%s", name), NULL};
    json_t *outer = context->description;
    json_t *object = cli_need(json_object());
    json_t *command = json_object();

    put_text(object, "name", name);
    put_text(object, "summary", summary);
    put(object, "command", command);
    context->description = command;
    run(context, 1, argv);
    context->description = outer;
    free(argv[0]);
    return object;
}

int cli_describe_group(const struct cli_parse *parse, const struct cli_subcommand *subcommands,
                       size_t count)
{
    struct cli_context *context = parse->context;
    json_t *object = context->description;
    json_t *list = cli_need(json_array());

    describe_syntax(object, parse->syntax);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, describe_verb(context, subcommands[i].name,
                                                  subcommands[i].summary, subcommands[i].run));
    put(object, "subcommands", list);
    return CLI_DONE;
}

static json_t *describe_section(struct cli_context *context, const struct cli_section *section)
{
    json_t *object = cli_need(json_object());
    json_t *verbs = cli_need(json_array());

    put_text(object, "title", section->title);
    for (size_t i = 0; i < section->count; i++)
        json_array_append_new(verbs,
                              describe_verb(context, section->verbs[i].name,
                                            section->verbs[i].summary, section->verbs[i].run));
    put(object, "verbs", verbs);
    return object;
}

int cli_describe(struct cli_context *context, const struct cli_section *sections, size_t count,
                 const char *version)
{
    json_t *object = cli_need(json_object());
    json_t *list = cli_need(json_array());
    json_t *codes = cli_need(json_array());

    /* Any object will do: it is set so that verbs describe, each into one of its own. */
    context->description = object;
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, describe_section(context, &sections[i]));
    context->description = NULL;
    for (size_t i = 0; i < EXIT_COUNT; i++)
        json_array_append_new(
            codes, json_pack("{s:i, s:s}", "code", (int)exits[i].code, "text", exits[i].text));
    put_text(object, "version", version);
    put(object, "sections", list);
    put(object, "exits", codes);
    char *text = cli_need(json_dumps(object, JSON_INDENT(1)));
    fprintf(context->out, "%s\n", text);
    free(text);
    json_decref(object);
    return CLI_DONE;
}

void cli_print_exits(FILE *out)
{
    fputs("Exit codes:", out);
    for (size_t i = 0; i < EXIT_COUNT; i++)
        fprintf(out, "%s %d %s", i == 0 ? "" : ",", exits[i].code, exits[i].text);
    fputs(".\n", out);
}

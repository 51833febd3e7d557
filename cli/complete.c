#include "cli/complete.h"

#include "cli/admin.h"

#include <stdlib.h>
#include <string.h>

static void print_versions(const json_t *answer, FILE *out)
{
    const json_t *versions = json_object_get(answer, "versions");

    for (size_t i = 0; i < json_array_size(versions); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(versions, i), "name"));

        if (name)
            fprintf(out, "%s\n", name);
    }
}

/* What can be drained: "blue", "blue/0" */
static void print_targets(const json_t *answer, FILE *out)
{
    const json_t *versions = json_object_get(answer, "versions");

    for (size_t i = 0; i < json_array_size(versions); i++) {
        const json_t *version = json_array_get(versions, i);
        const json_t *endpoints = json_object_get(version, "endpoints");
        const char *name = json_string_value(json_object_get(version, "name"));

        if (name)
            fprintf(out, "%s\n", name);
        for (size_t k = 0; name && k < json_array_size(endpoints); k++)
            fprintf(out, "%s/%" JSON_INTEGER_FORMAT "\n", name,
                    json_integer_value(json_object_get(json_array_get(endpoints, k), "index")));
    }
}

static void print_rules(const json_t *answer, FILE *out)
{
    const json_t *rules = json_object_get(answer, "rules");

    for (size_t i = 0; i < json_array_size(rules); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(rules, i), "name"));

        if (name)
            fprintf(out, "%s\n", name);
    }
}

static void print_revision(const json_t *answer, FILE *out)
{
    fprintf(out, "%" JSON_INTEGER_FORMAT "\n",
            json_integer_value(json_object_get(answer, "revision")));
}

typedef void(print_fn)(const json_t *answer, FILE *out);

static const struct kind {
    const char *name;
    const char *target;
    print_fn *print;
} kinds[] = {
    {"versions", "/v1/status", print_versions},
    {"targets", "/v1/status", print_targets},
    {"rules", "/v1/rules", print_rules},
    {"revision", "/v1/status", print_revision},
};

static const struct cli_syntax syntax = {
    .command = "turnout --complete",
    .usage = "versions|targets|rules|revision [--admin ADDR]",
    .about = "Prints the names that there are, for completion in shells.",
    .examples = "  turnout --complete versions",
    .words_min = 1,
    .words_max = 1,
    .words_name = "versions, targets, rules or revision",
};

int cli_complete(struct cli_context *context, int argc, char **argv)
{
    struct cli_admin admin = {0};
    struct cli_parse parse = {.context = context,
                              .syntax = &syntax,
                              .groups = {cli_admin_group(&admin)},
                              .group_count = 1};
    const struct kind *kind = NULL;
    json_t *answer = NULL;
    char *why = NULL;

    if (!cli_parse(&parse, argc, argv))
        return parse.exit_code;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, parse.words.items[0]) == 0)
            kind = &kinds[i];
    }
    if (!kind)
        return cli_usage_error(&parse, "unknown '%s': expected %s", parse.words.items[0],
                               syntax.words_name);
    cli_admin_start(&admin, &parse);
    admin.client.timeout_ms = CLI_COMPLETE_TIMEOUT_MS;
    int code = cli_admin_try(&admin, kind->target, &answer, &why);
    if (code == CLI_DONE)
        kind->print(answer, context->out);
    free(why);
    json_decref(answer);
    return code;
}

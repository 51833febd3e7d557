#include "cli/admin.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/query.h"
#include "cli/table.h"
#include "cli/text.h"

#include <inttypes.h>
#include <stdlib.h>

struct explain_options {
    const char *method, *client;
    struct cli_list headers, cookies;
    const char *output;
};

static const struct cli_option options[] = {
    {CLI_OPTION_TEXT, 'X', "method", "METHOD", "method of the request (default: GET)",
     offsetof(struct explain_options, method)},
    {CLI_OPTION_LIST, 'H', "header", "FIELD", "a header: 'X-User: 7'; may be repeated",
     offsetof(struct explain_options, headers)},
    {CLI_OPTION_LIST, 0, "cookie", "NAME=VALUE", "a cookie; may be repeated",
     offsetof(struct explain_options, cookies)},
    {CLI_OPTION_TEXT, 0, "client", "ADDRESS", "where the request comes from (default: 127.0.0.1)",
     offsetof(struct explain_options, client)},
    {CLI_OPTION_TEXT, 'o', "output", "FORMAT", CLI_OUTPUT_HELP,
     offsetof(struct explain_options, output)},
};

static const struct cli_syntax syntax = {
    .command = "turnout explain",
    .usage = "[options] [PATH]",
    .about = "Says which version and endpoint a request would get, and why, step by step. Nothing\n"
             "is sent and no slot is taken, so asking changes nothing. PATH is / unless given.",
    .examples = "  turnout explain\n"
                "  turnout explain -H 'X-User: 7' /cart\n"
                "  turnout explain --cookie beta=1 -X POST '/order?id=3'",
    .words_max = 1,
};

/* What the words of "reason" mean; the server's own steps say the rest. */
static const struct {
    const char *word;
    const char *text;
} reasons[] = {
    {"only", "the only version of the rule that has weight"},
    {"slot", "dealt by the rule's counter: the next request may get another"},
    {"newcomer", "no valid cookie: dealt by the rule's counter, and would be given a cookie"},
    {"key", "decided by the user's key: always the same while the weights stay"},
    {"bound", "the user's cookie is bound to it"},
    {"stable", "nobody with weight may take it, so the rule's stable version does"},
    {"failover", "the version asked for has no endpoint up"},
    {"unavailable", "no version can answer: the client would get 503"},
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* Adds "name: value" or "name=value" of each item as one parameter. */
static char *add_fields(struct cli_query *query, const char *parameter, const char *option,
                        const struct cli_list *list)
{
    bool is_header = strcmp(parameter, "header") == 0;

    for (size_t i = 0; i < list->count; i++) {
        json_t *field = NULL;
        char *why = cli_parse_field(option, is_header ? ":=" : "=", list->items[i], &field);

        if (why)
            return why;
        char *text = cli_format("%s%s%s", text_of(field, "name"), is_header ? ": " : "=",
                                text_of(field, "value"));
        cli_query_add(query, parameter, text);
        free(text);
        json_decref(field);
    }
    return NULL;
}

static char *make_query(struct cli_query *query, const struct explain_options *values,
                        const char *path)
{
    if (path[0] != '/' && strcmp(path, "*") != 0)
        return cli_format("'%s': a path begins with '/'; a host is given as -H 'Host: name'", path);
    cli_query_add(query, "method", values->method ? values->method : "GET");
    cli_query_add(query, "path", path);
    char *why = add_fields(query, "header", "--header", &values->headers);
    if (!why)
        why = add_fields(query, "cookie", "--cookie", &values->cookies);
    if (!why && values->client)
        cli_query_add(query, "client", values->client);
    return why;
}

static void print_decision(const struct cli_context *context, const json_t *answer)
{
    const json_t *endpoint = json_object_get(answer, "endpoint");
    size_t choices = json_array_size(json_object_get(answer, "endpoints"));
    const char *build = text_of(answer, "build");
    const char *version = text_of(answer, "version");
    FILE *out = context->out;
    char *title = version[0] == '\0' ? cli_format("nobody")
                  : build[0]         ? cli_format("%s (build %s)", version, build)
                                     : cli_format("%s", version);

    cli_print_styled(out, context->colour, CLI_BOLD, title);
    if (json_is_object(endpoint))
        fprintf(out, ", endpoint %" JSON_INTEGER_FORMAT " at %s",
                json_integer_value(json_object_get(endpoint, "index")),
                text_of(endpoint, "address"));
    else if (choices > 1)
        fprintf(out, ", one of %zu endpoints", choices);
    fprintf(out, ", by rule %s of revision %" JSON_INTEGER_FORMAT "\n", text_of(answer, "rule"),
            json_integer_value(json_object_get(answer, "revision")));
    free(title);
}

static void print_answer(const struct cli_context *context, const json_t *answer)
{
    const json_t *mirrors = json_object_get(answer, "mirrors");
    const json_t *steps = json_object_get(answer, "steps");
    const char *reason = text_of(answer, "reason");
    FILE *out = context->out;

    print_decision(context, answer);
    fprintf(out, "  because     %s", reason);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (strcmp(reasons[i].word, reason) == 0)
            fprintf(out, ": %s", reasons[i].text);
    }
    fputs("\n  mirrored to ", out);
    for (size_t i = 0; i < json_array_size(mirrors); i++) {
        const char *to = json_string_value(json_array_get(mirrors, i));
        fprintf(out, "%s%s", i == 0 ? "" : ", ", to ? to : "?");
    }
    fputs(json_array_size(mirrors) == 0 ? "nobody\n" : "\n", out);
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const char *step = json_string_value(json_array_get(steps, i));
        fprintf(out, "%s%4zu. ", i == 0 ? "\n" : "", i + 1);
        for (const char *c = step ? step : ""; *c; c++)
            fputc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, out);
        fputc('\n', out);
    }
}

int cli_explain(struct cli_context *context, int argc, char **argv)
{
    struct explain_options values = {0};
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
    char *why = cli_output_check(values.output);
    if (why)
        return cli_usage_refuse(&parse, why);
    cli_query_start(&query, "/v1/explain");
    why = make_query(&query, &values, parse.words.count > 0 ? parse.words.items[0] : "/");
    if (why) {
        cli_query_free(&query);
        return cli_usage_refuse(&parse, why);
    }
    cli_admin_start(&admin, &parse);
    int code = cli_admin_read(&admin, cli_query_end(&query), &answer);
    if (code == CLI_DONE && !cli_output_print(context, values.output, answer))
        print_answer(context, answer);
    json_decref(answer);
    cli_query_free(&query);
    return code;
}

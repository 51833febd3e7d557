#include "cli/admin.h"
#include "cli/text.h"
#include "cli/view.h"
#include "cli/yaml.h"

#include <stdlib.h>
#include <time.h>

#define SCREEN_BYTES ((size_t)64 * 1024)

struct get_options {
    const char *output;
    bool watch;
};

static const struct cli_option options[] = {
    {CLI_OPTION_TEXT, 'o', "output", "FORMAT", "table (default), json or yaml",
     offsetof(struct get_options, output)},
    {CLI_OPTION_FLAG, 'w', "watch", NULL, "again each second, until Ctrl-C",
     offsetof(struct get_options, watch)},
};

static const struct cli_syntax syntax = {
    .command = "turnout get",
    .usage = "[-w] [-o table|json|yaml]",
    .about =
        "Shows each rule with the share that was asked for, the share that its versions got, and\n"
        "how far apart the two may be; requests, answers of 500 and above, latency (median and\n"
        "99th percentile), endpoints up; mirrors and their losses. Counts start when a rule's\n"
        "weights were set. 'sticky': users are dealt exactly, their requests follow them.",
    .examples = "  turnout get\n"
                "  turnout get -w\n"
                "  turnout get -o json",
};

enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_YAML };

static const char *const formats[] = {"table", "json", "yaml"};

struct documents {
    json_t *status, *share, *rules;
};

static void drop(struct documents *documents)
{
    json_decref(documents->status);
    json_decref(documents->share);
    json_decref(documents->rules);
    *documents = (struct documents){0};
}

static bool is_of_one_revision(const struct documents *documents)
{
    json_int_t revision = json_integer_value(json_object_get(documents->status, "revision"));

    return revision == json_integer_value(json_object_get(documents->share, "revision")) &&
           revision == json_integer_value(json_object_get(documents->rules, "revision"));
}

/* All three, of one revision if the rules hold still for a moment. */
static int read_all(struct cli_admin *admin, struct documents *ret_documents, char **ret_why)
{
    struct documents documents = {0};
    int code = CLI_DONE;

    for (int tries = 0; tries < 3; tries++) {
        drop(&documents);
        code = cli_admin_try(admin, "/v1/status", &documents.status, ret_why);
        if (code == CLI_DONE)
            code = cli_admin_try(admin, "/v1/share", &documents.share, ret_why);
        if (code == CLI_DONE)
            code = cli_admin_try(admin, "/v1/rules", &documents.rules, ret_why);
        if (code != CLI_DONE || is_of_one_revision(&documents))
            break;
    }
    if (code == CLI_DONE)
        *ret_documents = documents;
    else
        drop(&documents);
    return code;
}

static void print_document(const struct cli_context *context, enum format format,
                           const struct documents *documents, bool is_watched)
{
    json_t *whole = cli_need(json_pack("{s:O, s:O, s:O, s:O}", "revision",
                                       json_object_get(documents->rules, "revision"), "rules",
                                       json_object_get(documents->rules, "rules"), "share",
                                       documents->share, "status", documents->status));

    if (format == FORMAT_YAML) {
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

static void print(struct cli_admin *admin, enum format format, const struct documents *documents,
                  bool is_watched)
{
    const struct cli_context *context = admin->context;

    if (format == FORMAT_TABLE) {
        const struct cli_view view = {.status = documents->status,
                                      .share = documents->share,
                                      .rules = documents->rules,
                                      .place = cli_admin_place(admin)};
        cli_print_view(context, &view);
        if (is_watched && !context->is_terminal)
            fputc('\n', context->out);
    } else {
        print_document(context, format, documents, is_watched);
    }
    fflush(context->out);
}

/* Until the reader is gone. A proxy that restarts meanwhile is waited for. */
static int watch(struct cli_admin *admin, enum format format)
{
    const struct timespec second = {.tv_sec = 1};
    struct cli_context *context = admin->context;

    /* A screen in one write. */
    (void)setvbuf(context->out, NULL, _IOFBF, SCREEN_BYTES);
    for (;;) {
        struct documents documents = {0};
        char *why = NULL;
        int code = read_all(admin, &documents, &why);

        /* Home, then erase what is left of the last screen below: no flicker. */
        if (context->is_terminal && format == FORMAT_TABLE)
            fputs("\033[H\033[J", context->out);
        if (code == CLI_DONE)
            print(admin, format, &documents, true);
        else
            fprintf(context->err, "%s: %s\n", syntax.command, why);
        free(why);
        drop(&documents);
        if (ferror(context->out))
            return CLI_FAILED;
        nanosleep(&second, NULL);
    }
}

static bool find_format(const struct cli_parse *parse, const char *text, enum format *ret_format)
{
    for (size_t i = 0; text && i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (strcmp(text, formats[i]) == 0) {
            *ret_format = (enum format)i;
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
    enum format format = FORMAT_TABLE;
    struct documents documents = {0};
    char *why = NULL;

    if (!cli_parse(&parse, argc, argv))
        return parse.exit_code;
    if (!find_format(&parse, values.output, &format))
        return CLI_WRONG_USAGE;
    cli_admin_start(&admin, &parse);
    int code = read_all(&admin, &documents, &why);
    if (code != CLI_DONE) {
        fprintf(context->err, "%s: %s\n", syntax.command, why);
        free(why);
        return code;
    }
    if (!values.watch)
        print(&admin, format, &documents, false);
    drop(&documents);
    return values.watch ? watch(&admin, format) : CLI_DONE;
}

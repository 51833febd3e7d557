#include "cli/update.h"

#include "cli/table.h"
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

static json_int_t number_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

/* One box an instance: [0 b1 ready]. */
static void print_instance(const struct cli_context *context, const json_t *instance)
{
    const char *phase = text_of(instance, "phase");
    const char *mode = text_of(instance, "mode");
    bool is_ready = strcmp(phase, "ready") == 0;
    bool is_active = strcmp(mode, "active") == 0;
    enum cli_style style = !is_ready                                       ? CLI_WARN
                           : !is_active                                    ? CLI_WARN
                           : json_is_true(json_object_get(instance, "up")) ? CLI_GOOD
                                                                           : CLI_WARN;
    char *text = cli_format("[%" JSON_INTEGER_FORMAT "%s%s %s%s]", number_of(instance, "index"),
                            text_of(instance, "build")[0] ? " b" : "", text_of(instance, "build"),
                            phase, is_active ? "" : " drained");

    if (strcmp(phase, "failed") == 0)
        style = CLI_BAD;
    cli_print_styled(context->out, context->colour, style, text);
    free(text);
}

static void print_version(const struct cli_context *context, const json_t *version)
{
    const json_t *instances = json_object_get(version, "instances");
    char share[CLI_TEXT_SIZE];

    fprintf(context->out, "  %-8s build %-6s share %-5s", text_of(version, "name"),
            text_of(version, "build")[0] ? text_of(version, "build") : "-",
            cli_write_ppm((uint64_t)number_of(version, "share_ppm"), share));
    for (size_t i = 0; i < json_array_size(instances); i++) {
        fputc(' ', context->out);
        print_instance(context, json_array_get(instances, i));
    }
    if (json_array_size(instances) == 0)
        fputs(" (no instances)", context->out);
    if (number_of(version, "mirror_ppm") > 0)
        fprintf(context->out, " mirrored %s",
                cli_write_ppm((uint64_t)number_of(version, "mirror_ppm"), share));
    if (json_is_true(json_object_get(version, "match")))
        fputs(" and who matches", context->out);
    if (strcmp(text_of(version, "verdict"), "inconclusive") != 0)
        fprintf(context->out, " verdict %s", text_of(version, "verdict"));
    fputc('\n', context->out);
}

/* In the platform's own words. */
static void print_troubles(const struct cli_context *context, const json_t *version)
{
    const json_t *instances = json_object_get(version, "instances");

    for (size_t i = 0; i < json_array_size(instances); i++) {
        const json_t *instance = json_array_get(instances, i);

        if (text_of(instance, "why")[0])
            fprintf(context->out, "  %s/%" JSON_INTEGER_FORMAT " %s: %s\n",
                    text_of(version, "name"), number_of(instance, "index"),
                    text_of(instance, "phase"), text_of(instance, "why"));
    }
}

static void print_steps(const struct cli_context *context, const json_t *update)
{
    const json_t *steps = json_object_get(update, "steps");
    size_t at = (size_t)number_of(update, "step");
    bool is_forward = strcmp(text_of(update, "course"), "forward") == 0;

    if (json_array_size(steps) == 0 || !is_forward)
        return;
    fputs("  steps:", context->out);
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        char share[CLI_TEXT_SIZE] = "";
        char *text;

        if (number_of(step, "ppm") > 0)
            cli_write_ppm((uint64_t)number_of(step, "ppm"), share);
        text = cli_format(i == at ? "[%s%s%s]" : "%s%s%s", text_of(step, "step"),
                          share[0] ? " " : "", share);
        fputs(i == 0 ? " " : " \xe2\x86\x92 ", context->out);
        cli_print_styled(context->out, context->colour,
                         i < at    ? CLI_DIM
                         : i == at ? CLI_BOLD
                                   : CLI_PLAIN,
                         text);
        free(text);
    }
    fputc('\n', context->out);
}

void cli_print_update(const struct cli_context *context, const json_t *status)
{
    const json_t *versions = json_object_get(status, "versions");
    const json_t *update = json_object_get(status, "update");
    const char *problem = json_string_value(json_object_get(status, "problem"));

    fprintf(context->out, "%s\n", text_of(status, "sentence"));
    for (size_t i = 0; i < json_array_size(versions); i++)
        print_version(context, json_array_get(versions, i));
    print_steps(context, update);
    for (size_t i = 0; i < json_array_size(versions); i++)
        print_troubles(context, json_array_get(versions, i));
    if (problem)
        fprintf(context->out, "  the engine tries again: %s\n", problem);
}

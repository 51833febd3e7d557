#include "cli/mirror_view.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/view_parts.h"

#include <inttypes.h>
#include <stdlib.h>

#define BODY_SHOWN 2000 /* bytes; all of it is in -o json */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* "  key  value", nothing of a service moves the cursor. */
static void put_line(FILE *out, const char *key, const char *value)
{
    char *name = cli_printable(key);
    char *clean = cli_printable(value);

    fprintf(out, "    %s: %s\n", name, clean);
    free(name);
    free(clean);
}

static void put_body(FILE *out, const json_t *answer)
{
    const json_t *body = json_object_get(answer, "body");
    json_int_t bytes = json_integer_value(json_object_get(answer, "body_bytes"));
    bool is_cut = json_is_true(json_object_get(answer, "body_cut"));
    size_t shown = json_string_length(body) < BODY_SHOWN ? json_string_length(body) : BODY_SHOWN;
    char *rest;

    if (strcmp(text_of(answer, "body_form"), "text") != 0) {
        fprintf(out, "    (%" JSON_INTEGER_FORMAT " bytes that are no text: see -o json)\n", bytes);
        return;
    }
    if (json_string_length(body) == 0)
        return;
    /* not through the middle of a character */
    while (shown < json_string_length(body) &&
           ((unsigned char)json_string_value(body)[shown] & 0xc0) == 0x80)
        shown--;
    rest = cli_format("%.*s", (int)shown, json_string_value(body));
    for (char *next = rest; next;) {
        char *line = strsep(&next, "\n");
        char *clean = cli_printable(line);

        fprintf(out, "    %s\n", clean);
        free(clean);
    }
    if (shown < json_string_length(body) || is_cut)
        fprintf(out, "    ... (%" JSON_INTEGER_FORMAT " bytes in all%s)\n", bytes,
                is_cut ? ", not all of them kept" : ": see -o json");
    free(rest);
}

static void put_answer(FILE *out, const char *who, const json_t *answer)
{
    const char *key;
    json_t *value;

    fprintf(out, "  %s  %" JSON_INTEGER_FORMAT "\n", who,
            json_integer_value(json_object_get(answer, "status")));
    json_object_foreach(json_object_get(answer, "headers"), key, value)
    {
        put_line(out, key, json_is_string(value) ? json_string_value(value) : "(none)");
    }
    put_body(out, answer);
}

static void put_pair(const struct cli_context *context, const json_t *pair)
{
    const json_t *fields = json_object_get(pair, "fields");
    char *path = cli_printable(text_of(pair, "path"));
    char *id = cli_printable(text_of(pair, "request_id"));
    char age[CLI_TEXT_SIZE];

    fprintf(context->out, "\n%s, %s, request %s, %s\n", path, text_of(pair, "result"), id,
            cli_age_of(context->clock, text_of(pair, "at"), age) ? age : "-");
    free(path);
    free(id);
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *field = json_array_get(fields, i);
        char *place = cli_printable(text_of(field, "path"));

        fprintf(context->out, "  %s  %s%s\n", text_of(field, "kind"), place[0] ? place : "(body)",
                json_is_true(json_object_get(field, "noise")) ? "  noise" : "");
        free(place);
    }
    if (json_is_true(json_object_get(pair, "more_fields")))
        fputs("  and further fields\n", context->out);
    put_answer(context->out, "user   ", json_object_get(pair, "primary"));
    put_answer(context->out, "mirror ", json_object_get(pair, "shadow"));
}

static void put_mirror(const struct cli_context *context, const json_t *mirror)
{
    const json_t *pairs = json_object_get(mirror, "pairs");
    json_int_t keep = json_integer_value(json_object_get(mirror, "keep_pairs"));
    json_int_t not_kept = json_integer_value(json_object_get(mirror, "not_kept"));
    char *title = cli_format("%s mirrored to %s", text_of(mirror, "rule"), text_of(mirror, "to"));

    cli_print_styled(context->out, context->colour, CLI_BOLD, title);
    free(title);
    if (keep == 0) {
        fputs(": nothing is kept, the mirror has no 'keep_pairs'\n", context->out);
        return;
    }
    fprintf(context->out, ": %zu of the last %" JSON_INTEGER_FORMAT " pairs that differ\n",
            json_array_size(pairs), keep);
    if (not_kept > 0)
        fprintf(context->out, "  %" JSON_INTEGER_FORMAT " found no room in the memory for pairs\n",
                not_kept);
    for (size_t i = 0; i < json_array_size(pairs); i++)
        put_pair(context, json_array_get(pairs, i));
}

void cli_print_mirror_pairs(const struct cli_context *context, const json_t *answer)
{
    const json_t *mirrors = json_object_get(answer, "mirrors");

    for (size_t i = 0; i < json_array_size(mirrors); i++) {
        if (i > 0)
            fputc('\n', context->out);
        put_mirror(context, json_array_get(mirrors, i));
    }
    if (json_array_size(mirrors) == 0)
        fputs("no mirrors\n", context->out);
}

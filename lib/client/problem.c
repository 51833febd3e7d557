#include "lib/client/problem.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN_MAX 300

/* What comes from elsewhere must not move the cursor or colour the screen. */
static void put_clean(FILE *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool is_control = (c < 0x20 && c != '\n') || c == 0x7f;

        fputc(is_control ? '?' : c, out);
    }
}

static void put_place(FILE *out, const char *file, json_int_t line, json_int_t column)
{
    if (file && line > 0)
        fprintf(out, "%s:%" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT ": ", file, line, column);
    else if (file)
        fprintf(out, "%s: ", file);
    else if (line > 0)
        fprintf(out, "line %" JSON_INTEGER_FORMAT ", column %" JSON_INTEGER_FORMAT ": ", line,
                column);
}

static void put_problem(FILE *out, unsigned status, const json_t *problem, const char *file)
{
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *title = json_string_value(json_object_get(problem, "title"));
    const json_t *errors = json_object_get(problem, "errors");
    const char *named = json_string_value(json_object_get(problem, "file"));

    file = file ? file : named;
    if (!detail || !detail[0])
        detail = title && title[0] ? title : NULL;
    const char *first = json_string_value(json_object_get(json_array_get(errors, 0), "text"));
    /* The first error with its place says more than the same words without. */
    bool is_said = detail && first && strcmp(detail, first) == 0;
    if (detail && !is_said)
        put_clean(out, detail, strlen(detail));
    else if (!detail)
        fprintf(out, "refused with HTTP status %u", status);
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *error = json_array_get(errors, i);
        const char *text = json_string_value(json_object_get(error, "text"));

        if (!text)
            continue;
        fputs(i == 0 && is_said ? "" : "\n", out);
        put_place(out, file, json_integer_value(json_object_get(error, "line")),
                  json_integer_value(json_object_get(error, "column")));
        put_clean(out, text, strlen(text));
    }
}

char *tn_client_problem_text(const struct tn_client_answer *answer, const char *file)
{
    char *text = NULL;
    size_t text_len = 0;
    FILE *out = open_memstream(&text, &text_len);

    if (!out)
        return NULL;
    json_t *problem = json_loadb(answer->body, answer->body_len, 0, NULL);
    if (json_is_object(problem)) {
        put_problem(out, answer->status, problem, file);
    } else {
        size_t len = strcspn(answer->body, "\r\n");

        fprintf(out, "HTTP status %u%s", answer->status, len > 0 ? ": " : "");
        put_clean(out, answer->body, len < PLAIN_MAX ? len : PLAIN_MAX);
    }
    json_decref(problem);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

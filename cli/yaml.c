#include "cli/yaml.h"

#include "cli/text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <strings.h>

/* Letters first, then letters, digits and what no YAML indicator begins with: never a number. */
static bool is_plain(const char *text)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no",
                                        "on",   "off",   "y",    "n"};

    if (!isalpha((unsigned char)text[0]))
        return false;
    for (const char *c = text; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("_-./", *c))
            return false;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i]) == 0)
            return false;
    }
    return true;
}

static void print_scalar(const json_t *json, FILE *out)
{
    const char *text = json_string_value(json);

    if (text && is_plain(text)) {
        fputs(text, out);
        return;
    }
    char *encoded = cli_need(json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12)));
    fputs(encoded, out);
    free(encoded);
}

static void print_key(const char *key, FILE *out)
{
    json_t *json = cli_need(json_string(key));

    print_scalar(json, out);
    json_decref(json);
}

static bool is_block(const json_t *json)
{
    return json_object_size(json) > 0 || json_array_size(json) > 0;
}

/* first: this line already holds the dash of a list, so its first key goes without indent. */
static void print_block(const json_t *json, int indent, bool first, FILE *out)
{
    const char *key;
    json_t *value;
    size_t i;

    if (!is_block(json)) {
        print_scalar(json, out);
        fputc('\n', out);
        return;
    }
    if (json_is_array(json)) {
        json_array_foreach(json, i, value)
        {
            fprintf(out, "%*s- ", first && i == 0 ? 0 : indent, "");
            print_block(value, indent + 2, true, out);
        }
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        fprintf(out, "%*s", first ? 0 : indent, "");
        first = false;
        print_key(key, out);
        fputs(is_block(value) ? ":\n" : ": ", out);
        if (is_block(value))
            print_block(value, indent + 2, false, out);
        else
            print_block(value, 0, true, out);
    }
}

void cli_print_yaml(const json_t *json, FILE *out)
{
    print_block(json, 0, false, out);
}

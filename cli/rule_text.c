#include "cli/rule_text.h"

#include "cli/text.h"

#include <stdbool.h>
#include <stdlib.h>

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static char *finish(FILE *out, char **text)
{
    return cli_need(fclose(out) == 0 ? *text : NULL);
}

const json_t *cli_find_rule(const json_t *rules, const char *name)
{
    for (size_t i = 0; name && i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        const char *own = text_of(rule, "name");

        if (own && strcmp(own, name) == 0)
            return rule;
    }
    return NULL;
}

char *cli_rule_share(const json_t *rule, const char *version)
{
    json_t *weights = json_object_get(rule, "weights");
    json_int_t weight = json_integer_value(json_object_get(weights, version));
    json_int_t sum = 0;
    char buffer[CLI_TEXT_SIZE];
    const char *key;
    json_t *value;

    json_object_foreach(weights, key, value) sum += json_integer_value(value);
    if (weight <= 0 || sum <= 0)
        return NULL;
    /* To the nearest millionth: 1 of 3 is shown as 33.3333%. */
    return cli_format("%s", cli_write_ppm((uint64_t)((weight * 1000000 + sum / 2) / sum), buffer));
}

char *cli_rule_mirror(const json_t *rule, const char *to)
{
    const json_t *mirrors = json_object_get(rule, "mirror");

    for (size_t i = 0; i < json_array_size(mirrors); i++) {
        const json_t *mirror = json_array_get(mirrors, i);
        const char *own = text_of(mirror, "to");
        const char *percent = text_of(mirror, "percent");

        if (own && strcmp(own, to) == 0)
            return cli_format("%s", percent ? percent : "100%");
    }
    return NULL;
}

/* One value of a match; kind: "cookie ", "?" and the like, before the name. */
static void put_value(FILE *out, const char *kind, const json_t *value)
{
    const char *name = text_of(value, "name");
    const char *exact = json_string_value(value);
    const char *prefix = text_of(value, "prefix");
    const char *regex = text_of(value, "regex");

    exact = exact ? exact : text_of(value, "value");
    fprintf(out, "%s%s%s", json_is_true(json_object_get(value, "not")) ? "not " : "", kind,
            name ? name : "");
    if (exact)
        fprintf(out, "=%s", exact);
    else if (prefix)
        fprintf(out, "=%s...", prefix);
    else if (regex)
        fprintf(out, "~%s", regex);
    else
        fputs(" present", out);
}

static void put_match(FILE *out, const json_t *match)
{
    static const struct {
        const char *key;
        const char *kind;
    } parts[] = {{"host", "host"}, {"path", "path"},       {"method", "method"},
                 {"headers", ""},  {"cookies", "cookie "}, {"query", "query "}};
    bool is_first = true;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const json_t *part = json_object_get(match, parts[i].key);
        size_t count = json_is_array(part) ? json_array_size(part) : part ? 1 : 0;

        for (size_t k = 0; k < count; k++) {
            fputs(is_first ? "" : " and ", out);
            is_first = false;
            put_value(out, parts[i].kind, json_is_array(part) ? json_array_get(part, k) : part);
        }
    }
}

char *cli_rule_match(const json_t *rule)
{
    const json_t *matches = json_object_get(rule, "match");
    char *text = NULL;
    size_t len = 0;

    if (json_array_size(matches) == 0)
        return NULL;
    FILE *out = cli_need(open_memstream(&text, &len));
    for (size_t i = 0; i < json_array_size(matches); i++) {
        fputs(i == 0 ? "" : ", or ", out);
        put_match(out, json_array_get(matches, i));
    }
    return finish(out, &text);
}

char *cli_rule_sticky(const json_t *rule)
{
    static const char *const extras[] = {"seed", "affinity", "scope", "on_missing"};
    const json_t *sticky = json_object_get(rule, "sticky");
    const char *by = text_of(sticky, "by");
    char *text = NULL;
    size_t len = 0;

    if (!by)
        return NULL;
    FILE *out = cli_need(open_memstream(&text, &len));
    fprintf(out, "by %s", by);
    for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++) {
        const char *value = text_of(sticky, extras[i]);
        if (value)
            fprintf(out, ", %s %s", extras[i], value);
    }
    return finish(out, &text);
}

#include "cli/numbers.h"

#include "cli/text.h"
#include "proxy/config/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define WEIGHT_MAX 1000000
#define TEXT_MAX 80

static bool has_percent(struct tn_str text)
{
    return text.len > 0 && text.ptr[text.len - 1] == '%';
}

/* A number without '%': which share it could be. A number up to 1 is as likely a fraction. */
static char *unit_missing(const char *name, struct tn_str text, uint32_t ppm)
{
    char as_percent[CLI_TEXT_SIZE];
    char as_fraction[CLI_TEXT_SIZE];

    cli_write_ppm(ppm, as_percent);
    if (ppm == 0 || ppm > 10000)
        return cli_format("%s%.*s: a share is written with its unit: %s%s", name, TN_STR_ARGS(text),
                          name, as_percent);
    cli_write_ppm((uint64_t)ppm * 100, as_fraction);
    return cli_format("%s%.*s: a share is written with its unit: %s%s (or %s%s, if that is meant)",
                      name, TN_STR_ARGS(text), name, as_percent, name, as_fraction);
}

/* prefix: what stands before the number: "--share " or "green=". */
static char *parse_percent(const char *prefix, struct tn_str text, bool is_bare_allowed,
                           uint32_t *ret_ppm)
{
    uint32_t ppm = 0;
    struct tn_str trimmed = tn_str_trim(text);
    int r = px_units_parse_percent(trimmed, &ppm);

    if (r == -ERANGE)
        return cli_format("%s%.*s: a share is at most 100%%", prefix, TN_STR_ARGS(trimmed));
    if (r < 0)
        return cli_format("%s%.*s: expected a percentage such as 10%% or 0.1%% (four decimals at "
                          "most)",
                          prefix, TN_STR_ARGS(trimmed));
    if (!is_bare_allowed && !has_percent(trimmed))
        return unit_missing(prefix, trimmed, ppm);
    *ret_ppm = ppm;
    return NULL;
}

static char *parse_option(const char *name, const char *text, bool is_bare_allowed,
                          uint32_t *ret_ppm)
{
    char prefix[TEXT_MAX];

    snprintf(prefix, sizeof(prefix), "%s ", name);
    return parse_percent(prefix, tn_str_of(text), is_bare_allowed, ret_ppm);
}

static char *parse_pair(const char *name, const char *text, uint32_t *ret_ppm)
{
    char prefix[TEXT_MAX + 1];

    snprintf(prefix, sizeof(prefix), "%s=", name);
    return parse_percent(prefix, tn_str_of(text), false, ret_ppm);
}

char *cli_parse_percent(const char *name, const char *text, uint32_t *ret_ppm)
{
    return parse_option(name, text, false, ret_ppm);
}

char *cli_parse_percent_number(const char *name, const char *text, uint32_t *ret_ppm)
{
    return parse_option(name, text, true, ret_ppm);
}

char *cli_parse_revision(const char *name, const char *text, uint64_t *ret_revision)
{
    unsigned long long revision;

    if (tn_str_parse_u64(tn_str_of(text), INT64_MAX, &revision) < 0)
        return cli_format("%s '%s': expected a revision as 'turnout get' shows it, for example 7",
                          name, text);
    *ret_revision = revision;
    return NULL;
}

char *cli_parse_duration(const char *name, const char *text, uint64_t *ret_ms)
{
    unsigned long long number;

    if (px_units_parse_duration(tn_str_of(text), ret_ms) == 0)
        return NULL;
    if (tn_str_parse_u64(tn_str_of(text), 1000000, &number) == 0)
        return cli_format("%s %s: a duration is written with its unit: %ss", name, text, text);
    return cli_format("%s '%s': expected a duration such as 500ms, 60s or 5m", name, text);
}

struct pair {
    char name[TEXT_MAX];
    char value[TEXT_MAX];
};

static char *join(const struct cli_list *words)
{
    size_t len = 0;
    size_t at = 0;

    for (size_t i = 0; i < words->count; i++)
        len += strlen(words->items[i]) + 1;
    char *text = cli_need(malloc(len + 1));
    for (size_t i = 0; i < words->count; i++) {
        size_t word = strlen(words->items[i]);
        memcpy(text + at, words->items[i], word);
        text[at + word] = ' ';
        at += word + 1;
    }
    text[at] = '\0';
    return text;
}

static size_t copy_text(char *target, const char *from, size_t len)
{
    size_t kept = len < TEXT_MAX - 1 ? len : TEXT_MAX - 1;

    memcpy(target, from, kept);
    target[kept] = '\0';
    return kept;
}

/* The next NAME=VALUE of *at, which moves on. false: the end; or a message in *ret_why. */
static bool next_pair(const char **at, struct pair *pair, const char *example, char **ret_why)
{
    const char *start = *at + strspn(*at, ", ");
    size_t len = strcspn(start, ", ");

    if (len == 0)
        return false;
    const char *equals = memchr(start, '=', len);
    const char *end = start + len;
    if (!equals || equals == start || equals + 1 == end) {
        *ret_why = cli_format("'%.*s': expected %s", (int)len, start, example);
        return false;
    }
    copy_text(pair->name, start, (size_t)(equals - start));
    size_t value = copy_text(pair->value, equals + 1, (size_t)(end - equals - 1));
    /* "green=10 %" is one value. */
    const char *unit = end + strspn(end, " ");
    if (*unit == '%' && (unit[1] == ',' || unit[1] == ' ') && value + 1 < TEXT_MAX) {
        pair->value[value] = '%';
        pair->value[value + 1] = '\0';
        end = unit + 1;
    }
    *at = end;
    return true;
}

typedef char *(value_fn)(const struct pair *pair, json_int_t *ret_value);

static char *weight_value(const struct pair *pair, json_int_t *ret_value)
{
    unsigned long long weight;
    struct tn_str text = tn_str_of(pair->value);

    if (has_percent(text))
        return cli_format("%s=%s: a weight is a plain number, relative to the others. For a share: "
                          "turnout set share %s=%s",
                          pair->name, pair->value, pair->name, pair->value);
    if (tn_str_parse_u64(text, WEIGHT_MAX, &weight) < 0)
        return cli_format("%s=%s: expected a weight, a whole number from 0 to 1000000", pair->name,
                          pair->value);
    *ret_value = (json_int_t)weight;
    return NULL;
}

static char *share_value(const struct pair *pair, json_int_t *ret_value)
{
    uint32_t ppm = 0;
    char *why = parse_pair(pair->name, pair->value, &ppm);

    *ret_value = ppm;
    return why;
}

static char *parse_pairs(const struct cli_list *words, const char *example, value_fn *value_of,
                         json_t **ret_pairs)
{
    char *text = join(words);
    const char *at = text;
    char *why = NULL;
    struct pair pair;
    json_t *pairs = cli_need(json_object());

    while (!why && next_pair(&at, &pair, example, &why)) {
        json_int_t value = 0;

        if (json_object_get(pairs, pair.name))
            why = cli_format("%s is given twice", pair.name);
        else
            why = value_of(&pair, &value);
        if (!why && json_object_set_new(pairs, pair.name, json_integer(value)) < 0)
            why = cli_format("'%s': not a name in UTF-8", pair.name);
    }
    if (!why && json_object_size(pairs) == 0)
        why = cli_format("nothing given: expected %s", example);
    free(text);
    if (why)
        json_decref(pairs);
    else
        *ret_pairs = pairs;
    return why;
}

char *cli_parse_weights(const struct cli_list *words, json_t **ret_pairs)
{
    return parse_pairs(words, "VERSION=WEIGHT, for example blue=9,green=1", weight_value,
                       ret_pairs);
}

static char *split_value(const struct pair *pair, json_int_t *ret_value)
{
    unsigned long long weight;

    if (tn_str_parse_u64(tn_str_of(pair->value), WEIGHT_MAX, &weight) < 0)
        return cli_format(
            "--split %s=%s: expected a whole number from 0 to 1000000, relative to the "
            "others: blue=50,green=50",
            pair->name, pair->value);
    *ret_value = (json_int_t)weight;
    return NULL;
}

char *cli_parse_split(const char *text, json_t **ret_pairs)
{
    const struct cli_list words = {.items = {text}, .count = 1};

    return parse_pairs(&words, "--split VERSION=WEIGHT,..., for example blue=50,green=50",
                       split_value, ret_pairs);
}

char *cli_parse_shares(const struct cli_list *words, json_t **ret_pairs)
{
    return parse_pairs(words, "VERSION=PERCENT, for example green=10%", share_value, ret_pairs);
}

char *cli_parse_mirror(const struct cli_list *words, char **ret_to, uint32_t *ret_ppm)
{
    char *text = join(words);
    const char *at = text;
    char *why = NULL;
    struct pair pair;
    struct pair second;
    const char *example = "VERSION=PERCENT or VERSION=off, for example green=25%";

    if (!next_pair(&at, &pair, example, &why)) {
        why = why ? why : cli_format("nothing given: expected %s", example);
    } else if (next_pair(&at, &second, example, &why)) {
        why = cli_format("one mirror at a time: %s=%s, then %s=%s", pair.name, pair.value,
                         second.name, second.value);
    } else if (!why && strcmp(pair.value, "off") == 0) {
        *ret_ppm = 0;
    } else if (!why) {
        why = parse_pair(pair.name, pair.value, ret_ppm);
    }
    free(text);
    if (!why)
        *ret_to = cli_need(tn_str_dup(tn_str_of(pair.name)));
    return why;
}

char *cli_parse_field(const char *option, const char *separators, const char *text,
                      json_t **ret_field)
{
    size_t len = strcspn(text, separators);
    struct tn_str name = tn_str_trim((struct tn_str){text, len});

    if (text[len] == '\0' || name.len == 0)
        return cli_format("%s '%s': expected NAME%cVALUE", option, text, separators[0]);
    struct tn_str value = tn_str_trim(tn_str_of(text + len + 1));
    json_t *field =
        json_pack("{s:s%, s:s%}", "name", name.ptr, name.len, "value", value.ptr, value.len);
    if (!field)
        return cli_format("%s '%s': not text in UTF-8", option, text);
    *ret_field = field;
    return NULL;
}

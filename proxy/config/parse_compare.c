#include "proxy/config/parse.h"

#include <errno.h>
#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define POINTERS "JSON pointers such as [/id, '/items/*/updated_at', '/**/etag']"

/* --- pointers ----------------------------------------------------------------------------------
 */

static bool parse_pointer(struct px_parser *parser, const struct px_node *node,
                          struct px_pointer *target)
{
    char suggestion[128];
    int error = node->kind == PX_NODE_SCALAR && node->text.len <= PX_TEXT_MAX
                    ? px_pointer_parse(node->text, target)
                    : -EINVAL;

    if (!error)
        return true;
    if (error == -ENOMEM) {
        parser->out_of_memory = true;
        return false;
    }
    if (error == -E2BIG) {
        px_expected(parser, node, "a JSON pointer of at most 32 segments", NULL);
        return false;
    }
    (void)snprintf(suggestion, sizeof(suggestion), "/%.*s",
                   (int)(node->text.len > 100 ? 0 : node->text.len),
                   node->text.len > 0 ? node->text.ptr : "");
    px_expected(parser, node,
                "a JSON pointer such as /price or /items/*/price (~1 is a '/', ~0 a '~' in a key)",
                node->kind == PX_NODE_SCALAR && node->text.len > 0 && node->text.ptr[0] != '/'
                    ? suggestion
                    : NULL);
    return false;
}

static void parse_pointers(struct px_parser *parser, const struct px_node *node,
                           struct px_pointer **target, uint32_t *ret_count)
{
    if (!px_parse_list(parser, node, POINTERS, PX_COMPARE_POINTERS_MAX))
        return;
    *target = px_parser_alloc(parser, node->count, sizeof(**target));
    if (!*target)
        return;
    PX_NODE_FOR_EACH (item, node) {
        if (parse_pointer(parser, item, &(*target)[*ret_count]))
            (*ret_count)++;
    }
}

static void key_ignore(struct px_parser *parser, const struct px_node *node,
                       const struct px_key *key, void *context)
{
    (void)key;
    struct px_compare *compare = context;
    parse_pointers(parser, node, &compare->ignore, &compare->ignore_count);
}

static void key_unordered(struct px_parser *parser, const struct px_node *node,
                          const struct px_key *key, void *context)
{
    (void)key;
    struct px_compare *compare = context;
    parse_pointers(parser, node, &compare->unordered, &compare->unordered_count);
}

/* --- tolerance ---------------------------------------------------------------------------------
 */

/* "0.01", "5%". Decimal digits only: no locale, no exponent, nothing negative. */
static bool parse_amount(struct tn_str text, struct px_tolerance *tolerance)
{
    double value = 0;
    double unit = 1;
    size_t digits = 0;
    bool has_point = false;

    tolerance->is_relative = text.len > 0 && text.ptr[text.len - 1] == '%';
    text.len -= tolerance->is_relative;
    if (text.len > 20)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '.' && !has_point && digits > 0) {
            has_point = true;
            continue;
        }
        if (c < '0' || c > '9')
            return false;
        unit = has_point ? unit / 10 : unit;
        value = has_point ? value + (c - '0') * unit : value * 10 + (c - '0');
        digits++;
    }
    tolerance->amount = tolerance->is_relative ? value / 100 : value;
    return digits > 0 && text.ptr[text.len - 1] != '.';
}

static void key_tolerance(struct px_parser *parser, const struct px_node *node,
                          const struct px_key *key, void *context)
{
    (void)key;
    struct px_compare *compare = context;
    if (node->kind != PX_NODE_MAP || node->count == 0 || node->count > PX_COMPARE_POINTERS_MAX) {
        px_expected(parser, node, "1 to 64 JSON pointers with numbers, such as {/price: 0.01}",
                    NULL);
        return;
    }
    compare->tolerances = px_parser_alloc(parser, node->count, sizeof(*compare->tolerances));
    if (!compare->tolerances)
        return;
    PX_NODE_FOR_EACH (value, node) {
        struct px_tolerance *tolerance = &compare->tolerances[compare->tolerance_count];

        if (!parse_pointer(parser, value->key, &tolerance->pointer))
            continue;
        compare->tolerance_count++;
        if (value->kind != PX_NODE_SCALAR || !parse_amount(value->text, tolerance))
            px_expected(parser, value, "how far two numbers may be apart, such as 0.01 or 5%",
                        NULL);
        else
            tolerance->amount_text = px_parser_dup(parser, value->text);
    }
}

/* --- normalize ---------------------------------------------------------------------------------
 */

static void key_regex(struct px_parser *parser, const struct px_node *node,
                      const struct px_key *key, void *context)
{
    (void)key;
    struct px_normalizer *normalizer = context;
    if (px_parse_string(parser, node, "a regular expression", &normalizer->regex))
        normalizer->code = px_compile_regex(parser, node);
}

static void key_replace(struct px_parser *parser, const struct px_node *node,
                        const struct px_key *key, void *context)
{
    (void)key;
    struct px_normalizer *normalizer = context;
    if (node->kind == PX_NODE_SCALAR && node->text.len > 64)
        px_expected(parser, node, "at most 64 bytes", NULL);
    else
        px_parse_string(parser, node, "what takes its place, such as 'ID'", &normalizer->replace);
}

static void parse_own(struct px_parser *parser, const struct px_node *item,
                      struct px_normalizer *normalizer)
{
    static const struct px_key keys[] = {
        {.name = "regex", .parse = key_regex},
        {.name = "replace", .parse = key_replace},
    };
    if (!px_parse_map(parser, item, "a normalizer", keys, COUNT_OF(keys), normalizer))
        return;
    if (!px_node_means(item, "regex"))
        px_error(parser, item, "normalize: 'regex' is missing");
    if (!normalizer->replace)
        normalizer->replace = px_parser_dup(parser, TN_STR(""));
}

static void parse_named(struct px_parser *parser, const struct px_node *item,
                        struct px_normalizer *normalizer)
{
    const char *words[PX_NORMALIZER_KINDS];
    uint32_t index;
    for (uint32_t i = 0; i < PX_NORMALIZER_KINDS; i++)
        words[i] = px_normalizer_kinds[i].name;
    if (!px_parse_word(parser, item, words, PX_NORMALIZER_KINDS, &index))
        return;
    struct px_node regex = *item;
    regex.text = tn_str_of(px_normalizer_kinds[index].regex);
    normalizer->code = px_compile_regex(parser, &regex);
    normalizer->name = px_parser_dup(parser, item->text);
    normalizer->replace = px_parser_dup(parser, tn_str_of(px_normalizer_kinds[index].replace));
}

static void key_normalize(struct px_parser *parser, const struct px_node *node,
                          const struct px_key *key, void *context)
{
    (void)key;
    struct px_compare *compare = context;
    if (!px_parse_list(parser, node, "normalizers such as [timestamps, {regex: 'id-[0-9]+'}]",
                       PX_COMPARE_NORMALIZERS_MAX))
        return;
    compare->normalizers = px_parser_alloc(parser, node->count, sizeof(*compare->normalizers));
    if (!compare->normalizers)
        return;
    PX_NODE_FOR_EACH (item, node) {
        struct px_normalizer *normalizer = &compare->normalizers[compare->normalizer_count++];
        if (item->kind == PX_NODE_SCALAR)
            parse_named(parser, item, normalizer);
        else
            parse_own(parser, item, normalizer);
    }
}

/* --- groups ------------------------------------------------------------------------------------
 */

static void key_group_name(struct px_parser *parser, const struct px_node *node,
                           const struct px_key *key, void *context)
{
    (void)key;
    struct px_compare_group *group = context;
    px_parse_name(parser, node, "/", PX_NAME_MAX, &group->name);
}

static void key_group_path(struct px_parser *parser, const struct px_node *node,
                           const struct px_key *key, void *context)
{
    (void)key;
    struct px_compare_group *group = context;
    if (px_parse_string(parser, node, "a regular expression over the path", &group->path))
        group->code = px_compile_regex(parser, node);
}

static void check_group(struct px_parser *parser, const struct px_node *item,
                        const struct px_compare *compare)
{
    const struct px_compare_group *group = &compare->groups[compare->group_count - 1];

    if (!px_node_means(item, "name"))
        px_error(parser, item, "groups: 'name' is missing");
    if (!px_node_means(item, "path"))
        px_error(parser, item, "groups: 'path' is missing: the paths that belong to the group");
    for (uint32_t i = 0; group->name && i + 1 < compare->group_count; i++) {
        if (compare->groups[i].name && strcmp(compare->groups[i].name, group->name) == 0)
            px_error(parser, item, "groups: '%s' is named twice", group->name);
    }
}

static void key_groups(struct px_parser *parser, const struct px_node *node,
                       const struct px_key *key, void *context)
{
    (void)key;
    static const struct px_key keys[] = {
        {.name = "name", .parse = key_group_name},
        {.name = "path", .parse = key_group_path},
    };
    struct px_compare *compare = context;
    if (!px_parse_list(parser, node, "groups such as [{name: user, path: '^/users/[^/]+$'}]",
                       PX_COMPARE_GROUPS_MAX))
        return;
    compare->groups = px_parser_alloc(parser, node->count, sizeof(*compare->groups));
    if (!compare->groups)
        return;
    PX_NODE_FOR_EACH (item, node) {
        struct px_compare_group *group = &compare->groups[compare->group_count++];
        if (px_parse_map(parser, item, "a group", keys, COUNT_OF(keys), group))
            check_group(parser, item, compare);
    }
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static void key_headers(struct px_parser *parser, const struct px_node *node,
                        const struct px_key *key, void *context)
{
    (void)key;
    struct px_compare *compare = context;
    compare->has_headers = true;
    px_parse_names(parser, node, "names such as [Content-Type, Cache-Control]",
                   PX_COMPARE_HEADERS_MAX, &compare->headers, &compare->header_count);
}

static bool add_default_headers(struct px_parser *parser, struct px_compare *compare)
{
    if (compare->has_headers)
        return true;
    compare->headers =
        px_parser_alloc(parser, PX_COMPARE_DEFAULT_HEADERS, sizeof(*compare->headers));
    for (; compare->headers && compare->header_count < PX_COMPARE_DEFAULT_HEADERS;
         compare->header_count++)
        compare->headers[compare->header_count] =
            px_parser_dup(parser, tn_str_of(px_compare_default_headers[compare->header_count]));
    return compare->headers != NULL;
}

void px_parse_compare(struct px_parser *parser, const struct px_node *node,
                      struct px_mirror *mirror)
{
    static const struct px_key keys[] = {
        {.name = "headers", .parse = key_headers},
        {.name = "ignore", .parse = key_ignore},
        {.name = "normalize", .parse = key_normalize},
        {.name = "tolerance", .parse = key_tolerance},
        {.name = "groups", .parse = key_groups},
        {.name = "unordered", .parse = key_unordered},
    };
    mirror->compare = px_parser_alloc(parser, 1, sizeof(*mirror->compare));
    if (!mirror->compare)
        return;
    px_parse_map(parser, node, "compare", keys, COUNT_OF(keys), mirror->compare);
    add_default_headers(parser, mirror->compare);
}

/* --- baseline ----------------------------------------------------------------------------------
 */

struct baseline_target {
    struct px_mirror_baseline *baseline;
    bool is_side_effect_free;
};

static void key_baseline_percent(struct px_parser *parser, const struct px_node *node,
                                 const struct px_key *key, void *context)
{
    (void)key;
    struct baseline_target *target = context;
    px_parse_percent(parser, node, &target->baseline->ppm);
}

static void key_baseline_paths(struct px_parser *parser, const struct px_node *node,
                               const struct px_key *key, void *context)
{
    (void)key;
    struct baseline_target *target = context;
    struct px_mirror_baseline *baseline = target->baseline;
    if (!px_parse_list(parser, node, "regular expressions over paths such as ['^/users/']",
                       PX_BASELINE_PATHS_MAX))
        return;
    baseline->paths = px_parser_alloc(parser, node->count, sizeof(*baseline->paths));
    baseline->codes = px_parser_alloc(parser, node->count, sizeof(*baseline->codes));
    if (!baseline->paths || !baseline->codes)
        return;
    PX_NODE_FOR_EACH (item, node) {
        uint32_t place = baseline->path_count++;
        if (px_parse_string(parser, item, "a regular expression over the path",
                            &baseline->paths[place]))
            baseline->codes[place] = px_compile_regex(parser, item);
    }
}

static void key_side_effect_free(struct px_parser *parser, const struct px_node *node,
                                 const struct px_key *key, void *context)
{
    (void)key;
    struct baseline_target *target = context;
    px_parse_bool(parser, node, &target->is_side_effect_free);
}

void px_parse_baseline(struct px_parser *parser, const struct px_node *node,
                       struct px_mirror *mirror)
{
    static const struct px_key keys[] = {
        {.name = "percent", .parse = key_baseline_percent},
        {.name = "paths", .parse = key_baseline_paths},
        {.name = "side_effect_free", .parse = key_side_effect_free},
    };
    struct baseline_target target = {.baseline = &mirror->baseline};
    mirror->baseline.ppm = 0;
    if (!px_parse_map(parser, node, "a baseline", keys, COUNT_OF(keys), &target))
        return;
    if (!px_node_means(node, "percent"))
        px_error(parser, node,
                 "baseline: 'percent' is missing: how many of the compared requests go to a "
                 "second endpoint");
    if (!target.is_side_effect_free &&
        (!px_node_means(node, "side_effect_free") || px_node_find(node, "side_effect_free")))
        px_error(parser, node,
                 "baseline: these requests reach the version that serves twice: say "
                 "'side_effect_free: true' if they may");
}

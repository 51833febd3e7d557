#include "proxy/compare/parts.h"

#include <errno.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <xxhash.h>

#define MATCH_LIMIT 10000u
#define DEPTH_LIMIT 500u
#define HEAP_LIMIT_KIB 256u

/* The bytes of a text after some normalizers. */
struct normal {
    struct tn_str text;
    char *memory; /* NULL: nothing was replaced yet */
};

int px_compare_tools_init(struct px_compare_tools *tools)
{
    pcre2_match_context *context = pcre2_match_context_create(NULL);

    tools->match = pcre2_match_data_create(16, NULL);
    tools->context = context;
    if (!tools->match || !context) {
        px_compare_tools_deinit(tools);
        return -ENOMEM;
    }
    pcre2_set_match_limit(context, MATCH_LIMIT);
    pcre2_set_depth_limit(context, DEPTH_LIMIT);
    pcre2_set_heap_limit(context, HEAP_LIMIT_KIB);
    return 0;
}

void px_compare_tools_deinit(struct px_compare_tools *tools)
{
    pcre2_match_data_free(tools->match);
    pcre2_match_context_free(tools->context);
    *tools = (struct px_compare_tools){0};
}

bool px_compare_path_matches(const struct px_compare_tools *tools, void *const *codes,
                             uint32_t count, struct tn_str path)
{
    for (uint32_t i = 0; i < count; i++) {
        if (pcre2_match(codes[i], (PCRE2_SPTR)path.ptr, path.len, 0, 0, tools->match,
                        tools->context) >= 0)
            return true;
    }
    return count == 0;
}

uint32_t px_compare_group(const struct px_compare *compare, const struct px_compare_tools *tools,
                          struct tn_str path)
{
    uint32_t i = 0;

    while (i < compare->group_count &&
           !px_compare_path_matches(tools, &compare->groups[i].code, 1, path))
        i++;
    return i;
}

/* One normalizer over the text. What runs into a limit leaves it as it was. */
static void replace(struct px_compare_context *context, const struct px_normalizer *normalizer,
                    struct normal *normal)
{
    size_t replace_len = strlen(normalizer->replace);
    PCRE2_SIZE size = normal->text.len * 2 + replace_len + 64;
    char *out;
    int count;

    if (!px_compare_step(context, 8 + normal->text.len / 4))
        return;
    out = malloc(size);
    if (!out) {
        context->is_out_of_memory = true;
        return;
    }
    /* an expression that matches nothing at many places could make much out of little: no room */
    count =
        pcre2_substitute(normalizer->code, (PCRE2_SPTR)normal->text.ptr, normal->text.len, 0,
                         PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_LITERAL, context->tools->match,
                         context->tools->context, (PCRE2_SPTR)normalizer->replace, replace_len,
                         (PCRE2_UCHAR *)out, &size);
    if (count <= 0) {
        free(out);
        return;
    }
    free(normal->memory);
    normal->memory = out;
    normal->text = (struct tn_str){out, size};
}

static struct normal normalize(struct px_compare_context *context, struct tn_str text)
{
    const struct px_compare *compare = context->compare;
    struct normal normal = {.text = text};

    if (text.len == 0)
        normal.text.ptr = "";
    for (uint32_t i = 0; i < compare->normalizer_count && !px_compare_is_over(context); i++)
        replace(context, &compare->normalizers[i], &normal);
    return normal;
}

bool px_compare_texts(struct px_compare_context *context, struct tn_str primary,
                      struct tn_str shadow)
{
    struct normal one;
    struct normal two;
    bool is_equal;

    if (tn_str_equal(primary, shadow))
        return true;
    if (context->compare->normalizer_count == 0)
        return false;
    one = normalize(context, primary);
    two = normalize(context, shadow);
    is_equal = tn_str_equal(one.text, two.text);
    free(one.memory);
    free(two.memory);
    return is_equal;
}

uint64_t px_compare_text_hash(struct px_compare_context *context, struct tn_str text)
{
    struct normal normal = normalize(context, text);
    uint64_t hash = XXH3_64bits_withSeed(normal.text.ptr, normal.text.len, context->budget->seed);

    free(normal.memory);
    return hash;
}

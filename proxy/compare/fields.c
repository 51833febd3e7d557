#include "proxy/compare/parts.h"

#include <inttypes.h>
#include <stdio.h>

static struct tn_str text_of(const json_t *value)
{
    return (struct tn_str){json_string_value(value), json_string_length(value)};
}

/* 1 and 1.0 are of one type, and so are true and false. */
static int type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_INTEGER:
        return JSON_REAL;
    case JSON_FALSE:
        return JSON_TRUE;
    default:
        return (int)json_typeof(value);
    }
}

static uint64_t hash_of(struct px_compare_context *context, const json_t *value)
{
    /* what is told is never 0: that stands for nothing */
    return value ? px_compare_value_hash(context, value) | 1 : 0;
}

static void tell(struct px_compare_context *context, enum px_compare_kind kind,
                 const json_t *primary, const json_t *shadow)
{
    if (context->quiet > 0)
        px_compare_tell(context, kind, 0, 0);
    else
        px_compare_tell(context, kind, hash_of(context, primary), hash_of(context, shadow));
}

static void go_to(struct px_compare_context *context, struct tn_str key)
{
    context->way.keys[context->way.depth++] = key;
}

static void go_back(struct px_compare_context *context)
{
    context->way.depth--;
}

static void compare_objects(struct px_compare_context *context, const json_t *primary,
                            const json_t *shadow)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)primary, key, value)
    {
        const json_t *other = json_object_get(shadow, key);

        go_to(context, tn_str_of(key));
        if (other)
            px_compare_fields(context, value, other);
        else if (px_compare_step(context, 1) && !px_compare_is_ignored(context))
            tell(context, PX_COMPARE_KIND_MISSING, value, NULL);
        go_back(context);
        if (px_compare_is_over(context))
            return;
    }
    json_object_foreach((json_t *)(uintptr_t)shadow, key, value)
    {
        if (!px_compare_step(context, 1))
            return;
        if (json_object_get(primary, key))
            continue;
        go_to(context, tn_str_of(key));
        if (!px_compare_is_ignored(context))
            tell(context, PX_COMPARE_KIND_ADDED, NULL, value);
        go_back(context);
    }
}

static void compare_arrays(struct px_compare_context *context, const json_t *primary,
                           const json_t *shadow)
{
    const struct px_compare *compare = context->compare;
    size_t count = json_array_size(primary);

    if (px_compare_find_pointer(context, compare->unordered, compare->unordered_count) <
        compare->unordered_count) {
        px_compare_unordered(context, primary, shadow);
        return;
    }
    if (json_array_size(shadow) != count) {
        tell(context, PX_COMPARE_KIND_LENGTH, primary, shadow);
        return;
    }
    for (size_t i = 0; i < count && !px_compare_is_over(context); i++) {
        go_to(context, (struct tn_str){NULL, i});
        px_compare_fields(context, json_array_get(primary, i), json_array_get(shadow, i));
        go_back(context);
    }
}

static void compare_numbers(struct px_compare_context *context, const json_t *primary,
                            const json_t *shadow)
{
    const struct px_compare *compare = context->compare;

    if (px_compare_numbers_equal(primary, shadow))
        return;
    for (uint32_t i = 0; i < compare->tolerance_count; i++) {
        const struct px_tolerance *tolerance = &compare->tolerances[i];

        if (px_compare_find_pointer(context, &tolerance->pointer, 1) == 0 &&
            px_compare_numbers_near(primary, shadow, tolerance))
            return;
    }
    tell(context, PX_COMPARE_KIND_VALUE, primary, shadow);
}

void px_compare_fields(struct px_compare_context *context, const json_t *primary,
                       const json_t *shadow)
{
    if (!px_compare_step(context, 1) || px_compare_is_ignored(context))
        return;
    if (type_of(primary) != type_of(shadow)) {
        tell(context, PX_COMPARE_KIND_TYPE, primary, shadow);
        return;
    }
    switch (json_typeof(primary)) {
    case JSON_OBJECT:
        compare_objects(context, primary, shadow);
        break;
    case JSON_ARRAY:
        compare_arrays(context, primary, shadow);
        break;
    case JSON_STRING:
        if (!px_compare_texts(context, text_of(primary), text_of(shadow)))
            tell(context, PX_COMPARE_KIND_VALUE, primary, shadow);
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        compare_numbers(context, primary, shadow);
        break;
    default:
        if (json_typeof(primary) != json_typeof(shadow))
            tell(context, PX_COMPARE_KIND_VALUE, primary, shadow);
    }
}

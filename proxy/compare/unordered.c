#include "proxy/compare/parts.h"

#include <stdlib.h>
#include <xxhash.h>

/* How many elements that have no equal are held against each other to find the most alike. */
#define PAIRED_MAX 16

struct element {
    uint64_t hash;
    const json_t *value;
};

/* --- hashes of values --------------------------------------------------------------------------
 */

static uint64_t mix(uint64_t a, uint64_t b)
{
    const uint64_t both[2] = {a, b};

    return XXH3_64bits(both, sizeof(both));
}

static uint64_t hash_object(struct px_compare_context *context, const json_t *object)
{
    uint64_t sum = 0; /* members have no order */
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        context->way.keys[context->way.depth++] = tn_str_of(key);
        if (!px_compare_is_ignored(context))
            sum += mix(px_compare_hash(context, tn_str_of(key)),
                       px_compare_value_hash(context, value));
        context->way.depth--;
        if (px_compare_is_over(context))
            break;
    }
    return sum;
}

static uint64_t hash_array(struct px_compare_context *context, const json_t *array)
{
    const struct px_compare *compare = context->compare;
    bool has_order = px_compare_find_pointer(context, compare->unordered,
                                             compare->unordered_count) == compare->unordered_count;
    uint64_t sum = 0;

    for (size_t i = 0; i < json_array_size(array) && !px_compare_is_over(context); i++) {
        uint64_t hash;

        context->way.keys[context->way.depth++] = (struct tn_str){NULL, i};
        hash = px_compare_is_ignored(context)
                   ? 0
                   : mix(1, px_compare_value_hash(context, json_array_get(array, i)));
        context->way.depth--;
        sum = has_order ? mix(sum, hash) : sum + hash;
    }
    return sum;
}

uint64_t px_compare_value_hash(struct px_compare_context *context, const json_t *value)
{
    uint64_t hash = 0;

    if (!px_compare_step(context, 1))
        return 0;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        hash = hash_object(context, value);
        break;
    case JSON_ARRAY:
        hash = hash_array(context, value);
        break;
    case JSON_STRING:
        hash = px_compare_text_hash(
            context, (struct tn_str){json_string_value(value), json_string_length(value)});
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        return mix(JSON_REAL, px_compare_number_hash(value, context->budget->seed));
    default:
        break;
    }
    return mix((uint64_t)json_typeof(value), hash);
}

/* --- pairs -------------------------------------------------------------------------------------
 */

static int by_hash(const void *a, const void *b)
{
    const struct element *one = a;
    const struct element *two = b;

    return one->hash < two->hash ? -1 : one->hash > two->hash;
}

/* The elements with their hashes, sorted; NULL: no memory. */
static struct element *list_elements(struct px_compare_context *context, const json_t *array)
{
    size_t count = json_array_size(array);
    struct element *elements = malloc((count + 1) * sizeof(*elements));

    if (!elements) {
        context->is_out_of_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        context->way.keys[context->way.depth++] = (struct tn_str){NULL, i};
        elements[i].value = json_array_get(array, i);
        elements[i].hash = px_compare_value_hash(context, elements[i].value);
        context->way.depth--;
    }
    qsort(elements, count, sizeof(*elements), by_hash);
    return elements;
}

/* Takes out of both what has an equal in the other. */
static void drop_equal(struct element *one, size_t *one_count, struct element *two,
                       size_t *two_count)
{
    size_t i = 0;
    size_t k = 0;
    size_t one_left = 0;
    size_t two_left = 0;

    while (i < *one_count || k < *two_count) {
        if (k == *two_count || (i < *one_count && one[i].hash < two[k].hash)) {
            one[one_left++] = one[i++];
        } else if (i == *one_count || two[k].hash < one[i].hash) {
            two[two_left++] = two[k++];
        } else {
            i++;
            k++;
        }
    }
    *one_count = one_left;
    *two_count = two_left;
}

/* How many differences there are between two elements, nothing told. */
static uint32_t distance(struct px_compare_context *context, const json_t *one, const json_t *two)
{
    uint32_t before = context->quiet_count;
    uint32_t count;

    context->quiet++;
    context->quiet_count = 0;
    px_compare_fields(context, one, two);
    count = context->quiet_count;
    context->quiet--;
    context->quiet_count = before;
    return count;
}

/* The most alike of `two` for each of `one`: what differs between these is what changed. */
static void pair_up(struct px_compare_context *context, const struct element *one, size_t one_count,
                    struct element *two, size_t *two_count)
{
    for (size_t i = 0; i < one_count && !px_compare_is_over(context); i++) {
        size_t best = 0;
        uint32_t least = UINT32_MAX;

        if (*two_count == 0) {
            px_compare_tell(context, PX_COMPARE_KIND_MISSING, one[i].hash | 1, 0);
            continue;
        }
        for (size_t k = 0; k < *two_count && least > 0; k++) {
            uint32_t count = distance(context, one[i].value, two[k].value);

            if (count < least) {
                least = count;
                best = k;
            }
        }
        if (least > 0)
            px_compare_fields(context, one[i].value, two[best].value);
        two[best] = two[--*two_count];
    }
}

void px_compare_unordered(struct px_compare_context *context, const json_t *primary,
                          const json_t *shadow)
{
    size_t one_count = json_array_size(primary);
    size_t two_count = json_array_size(shadow);
    struct element *one = list_elements(context, primary);
    struct element *two = one ? list_elements(context, shadow) : NULL;

    if (!two || px_compare_is_over(context)) {
        free(one);
        free(two);
        return;
    }
    drop_equal(one, &one_count, two, &two_count);
    context->way.keys[context->way.depth++] = (struct tn_str){NULL, UINT32_MAX};
    if (px_compare_is_ignored(context)) {
        one_count = two_count = 0;
    } else if (one_count <= PAIRED_MAX && two_count <= PAIRED_MAX) {
        pair_up(context, one, one_count, two, &two_count);
        one_count = 0;
    }
    if (one_count > 0)
        px_compare_tell(context, PX_COMPARE_KIND_MISSING, one[0].hash | 1, 0);
    if (two_count > 0)
        px_compare_tell(context, PX_COMPARE_KIND_ADDED, 0, two[0].hash | 1);
    context->way.depth--;
    free(one);
    free(two);
}

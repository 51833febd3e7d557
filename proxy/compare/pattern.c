#include "proxy/compare/parts.h"

static bool is_key(struct tn_str segment, struct tn_str key)
{
    unsigned long long index;

    if (key.ptr)
        return tn_str_equal(segment, key);
    return tn_str_parse_u64(segment, UINT32_MAX, &index) == 0 && index == key.len;
}

/* How many ways there are to let `**` stand for nothing or more is what the steps bound. */
static bool matches(struct px_compare_context *context, const struct px_segment *segments,
                    uint32_t count, uint32_t from)
{
    const struct px_compare_way *way = &context->way;

    for (uint32_t i = 0; i < count; i++, from++) {
        if (!px_compare_step(context, 1))
            return false;
        if (segments[i].kind == PX_SEGMENT_DEEP) {
            for (uint32_t skip = from; skip <= way->depth; skip++) {
                if (matches(context, segments + i + 1, count - i - 1, skip))
                    return true;
                if (context->steps == 0)
                    return false;
            }
            return false;
        }
        if (from >= way->depth)
            return false;
        if (segments[i].kind == PX_SEGMENT_KEY && !is_key(segments[i].key, way->keys[from]))
            return false;
    }
    return from == way->depth;
}

uint32_t px_compare_find_pointer(struct px_compare_context *context,
                                 const struct px_pointer *pointers, uint32_t count)
{
    uint32_t i = 0;

    while (i < count && !matches(context, pointers[i].segments, pointers[i].count, 0))
        i++;
    return i;
}

bool px_compare_is_ignored(struct px_compare_context *context)
{
    const struct px_compare *compare = context->compare;

    return px_compare_find_pointer(context, compare->ignore, compare->ignore_count) <
           compare->ignore_count;
}

#include "proxy/config/compare.h"

#include <errno.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Times of day and dates as logs, JSON and HTTP write them; ids as libraries make them. */
const struct px_normalizer_kind px_normalizer_kinds[PX_NORMALIZER_KINDS] = {
    {"timestamps",
     "\\d{4}-\\d\\d-\\d\\d(?:[T ]\\d\\d:\\d\\d(?::\\d\\d(?:[.,]\\d{1,9})?)?"
     "(?:Z| ?[+-]\\d\\d:?\\d\\d)?)?"
     "|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \\d\\d "
     "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \\d{4} \\d\\d:\\d\\d:\\d\\d GMT"
     "|\\b\\d\\d:\\d\\d:\\d\\d(?:[.,]\\d{1,9})?\\b",
     "<timestamp>"},
    {"uuids", "\\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\\b",
     "<uuid>"},
    {"hex", "\\b(?:0x)?[0-9a-fA-F]{16,}\\b", "<hex>"},
    {"numbers", "\\d+(?:\\.\\d+)?", "<number>"},
};

const char *const px_compare_default_headers[PX_COMPARE_DEFAULT_HEADERS] = {"Content-Type",
                                                                            "Location"};

static uint32_t count_segments(struct tn_str text)
{
    uint32_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '/';
    return count;
}

/* One segment's bytes, unescaped; NULL: an escape that is none. */
static char *unescape(char *to, const char *from, const char *end)
{
    for (; from < end; from++) {
        if (*from != '~') {
            *to++ = *from;
            continue;
        }
        from++;
        if (from == end || (*from != '0' && *from != '1'))
            return NULL;
        *to++ = *from == '0' ? '~' : '/';
    }
    return to;
}

static enum px_segment_kind kind_of(struct tn_str raw)
{
    if (tn_str_equal(raw, TN_STR("*")))
        return PX_SEGMENT_ANY;
    return tn_str_equal(raw, TN_STR("**")) ? PX_SEGMENT_DEEP : PX_SEGMENT_KEY;
}

static int fill(struct tn_str text, struct px_pointer *pointer)
{
    const char *end = text.ptr + text.len;
    const char *from = text.ptr;
    char *to = pointer->keys;

    for (uint32_t i = 0; i < pointer->count; i++) {
        const char *start = from + 1;
        const char *stop = memchr(start, '/', (size_t)(end - start));
        char *key = to;

        stop = stop ? stop : end;
        to = unescape(to, start, stop);
        if (!to)
            return -EINVAL;
        pointer->segments[i] = (struct px_segment){
            kind_of((struct tn_str){start, (size_t)(stop - start)}), {key, (size_t)(to - key)}};
        from = stop;
    }
    return 0;
}

int px_pointer_parse(struct tn_str text, struct px_pointer *ret_pointer)
{
    struct px_pointer pointer = {.count = count_segments(text)};
    int error;

    if (text.len > 0 && text.ptr[0] != '/')
        return -EINVAL;
    if (pointer.count > PX_COMPARE_SEGMENTS_MAX)
        return -E2BIG;
    pointer.text = tn_str_dup(text);
    pointer.keys = malloc(text.len + 1);
    pointer.segments = calloc(pointer.count + 1u, sizeof(*pointer.segments));
    error = pointer.text && pointer.keys && pointer.segments ? fill(text, &pointer) : -ENOMEM;
    if (error)
        px_pointer_deinit(&pointer);
    else
        *ret_pointer = pointer;
    return error;
}

void px_pointer_deinit(struct px_pointer *pointer)
{
    free(pointer->text);
    free(pointer->keys);
    free(pointer->segments);
}

static void free_texts(char **texts, uint32_t count)
{
    for (uint32_t i = 0; texts && i < count; i++)
        free(texts[i]);
    free(texts);
}

void px_compare_free(struct px_compare *compare)
{
    if (!compare)
        return;
    free_texts(compare->headers, compare->header_count);
    for (uint32_t i = 0; i < compare->ignore_count; i++)
        px_pointer_deinit(&compare->ignore[i]);
    for (uint32_t i = 0; i < compare->unordered_count; i++)
        px_pointer_deinit(&compare->unordered[i]);
    for (uint32_t i = 0; i < compare->tolerance_count; i++) {
        px_pointer_deinit(&compare->tolerances[i].pointer);
        free(compare->tolerances[i].amount_text);
    }
    for (uint32_t i = 0; i < compare->normalizer_count; i++) {
        free(compare->normalizers[i].name);
        free(compare->normalizers[i].regex);
        free(compare->normalizers[i].replace);
        pcre2_code_free(compare->normalizers[i].code);
    }
    for (uint32_t i = 0; i < compare->group_count; i++) {
        free(compare->groups[i].name);
        free(compare->groups[i].path);
        pcre2_code_free(compare->groups[i].code);
    }
    free(compare->ignore);
    free(compare->unordered);
    free(compare->tolerances);
    free(compare->normalizers);
    free(compare->groups);
    free(compare);
}

void px_mirror_baseline_deinit(struct px_mirror_baseline *baseline)
{
    for (uint32_t i = 0; baseline->codes && i < baseline->path_count; i++)
        pcre2_code_free(baseline->codes[i]);
    free(baseline->codes);
    free_texts(baseline->paths, baseline->path_count);
}

#include "proxy/compare/parts.h"

#include <stdio.h>
#include <stdlib.h>

#define NODE_BYTES 400 /* of jansson, at the most: an empty object in an object */

#define LABEL_OF(name, label) label,

const char *px_compare_result_label(enum px_compare_result result)
{
    static const char *const labels[] = {PX_COMPARE_RESULT_MAP(LABEL_OF)};

    return labels[result];
}

const char *px_compare_skip_label(enum px_compare_skip skip)
{
    static const char *const labels[] = {PX_COMPARE_SKIP_MAP(LABEL_OF)};

    return labels[skip];
}

const char *px_compare_kind_label(enum px_compare_kind kind)
{
    static const char *const labels[] = {PX_COMPARE_KIND_MAP(LABEL_OF)};

    return labels[kind];
}

static bool is_identity(struct tn_str encoding)
{
    return encoding.len == 0 || tn_str_equal_nocase(encoding, TN_STR("identity"));
}

static bool is_same_encoding(struct tn_str a, struct tn_str b)
{
    return tn_str_equal_nocase(a, b) || (is_identity(a) && is_identity(b));
}

static bool is_same_body(const struct px_compare_answer *a, const struct px_compare_answer *b)
{
    return a->body_len == b->body_len && a->body_hash[0] == b->body_hash[0] &&
           a->body_hash[1] == b->body_hash[1] &&
           (a->body_len == 0 || is_same_encoding(a->content_encoding, b->content_encoding));
}

static bool is_same_header(struct tn_str a, struct tn_str b)
{
    return !a.ptr == !b.ptr && tn_str_equal(a, b);
}

bool px_compare_at_a_glance(const struct px_compare *compare,
                            const struct px_compare_answer *primary,
                            const struct px_compare_answer *shadow)
{
    if (primary->status != shadow->status || !is_same_body(primary, shadow))
        return false;
    for (uint32_t i = 0; i < compare->header_count; i++) {
        if (!is_same_header(primary->headers[i], shadow->headers[i]))
            return false;
    }
    return true;
}

static size_t cost_of(const struct px_compare_budget *budget,
                      const struct px_compare_answer *answer)
{
    size_t decoded = answer->body.len;
    size_t nodes;

    if (!answer->is_whole)
        return 0;
    if (!is_identity(answer->content_encoding))
        decoded = budget->decoded_bytes;
    nodes = decoded / 2 < PX_COMPARE_NODES ? decoded / 2 : PX_COMPARE_NODES;
    return decoded + nodes * NODE_BYTES;
}

size_t px_compare_cost(const struct px_compare_budget *budget,
                       const struct px_compare_answer *primary,
                       const struct px_compare_answer *shadow)
{
    return cost_of(budget, primary) + cost_of(budget, shadow);
}

/* --- headers -----------------------------------------------------------------------------------
 */

static bool is_header_alike(struct px_compare_context *context, struct tn_str a, struct tn_str b)
{
    return is_same_header(a, b) || (a.ptr && b.ptr && px_compare_texts(context, a, b));
}

static void compare_headers(struct px_compare_context *context,
                            const struct px_compare_answer *primary,
                            const struct px_compare_answer *shadow)
{
    for (uint32_t i = 0; i < context->compare->header_count; i++) {
        struct tn_str a = primary->headers[i];
        struct tn_str b = shadow->headers[i];

        if (!is_header_alike(context, a, b) && !px_compare_is_over(context))
            px_compare_tell_at(context, PX_COMPARE_KIND_HEADER, context->compare->headers[i],
                               a.ptr ? px_compare_hash(context, a) : 0,
                               b.ptr ? px_compare_hash(context, b) : 0);
    }
}

/* --- bodies ------------------------------------------------------------------------------------
 */

/* A body as it is compared. */
struct bytes {
    struct tn_str text;
    char *memory; /* of the decoded text */
    enum px_document document;
};

static enum px_compare_skip skip_of(enum px_decode decode)
{
    switch (decode) {
    case PX_DECODE_TOO_LARGE:
        return PX_COMPARE_SKIP_TOO_LARGE;
    case PX_DECODE_NO_MEMORY:
        return PX_COMPARE_SKIP_MEMORY;
    default:
        return PX_COMPARE_SKIP_ENCODING;
    }
}

/* PX_COMPARE_SKIP_COUNT, or why the body can't be looked into. */
static enum px_compare_skip open_body(const struct px_compare_context *context,
                                      const struct px_compare_answer *answer,
                                      struct bytes *ret_bytes)
{
    enum px_decode decode;

    *ret_bytes = (struct bytes){.document = PX_DOCUMENT_OTHER};
    if (!answer->is_whole)
        return answer->is_out_of_memory ? PX_COMPARE_SKIP_MEMORY : PX_COMPARE_SKIP_TOO_LARGE;
    decode =
        px_compare_decode(answer->content_encoding, answer->body, context->budget->decoded_bytes,
                          &ret_bytes->memory, &ret_bytes->text);
    if (decode != PX_DECODE_DONE)
        return skip_of(decode);
    ret_bytes->document = px_compare_look(ret_bytes->text);
    return PX_COMPARE_SKIP_COUNT;
}

static void tell_bytes(struct px_compare_context *context, const struct px_compare_answer *primary,
                       const struct px_compare_answer *shadow)
{
    px_compare_tell_at(context, PX_COMPARE_KIND_BYTES, "", primary->body_hash[0] | 1,
                       shadow->body_hash[0] | 1);
}

/* Bodies of which nothing but hash and length is at hand can still be unlike: where there is
 * nothing to ignore or normalize, and no order of fields to be wrong about. */
static bool is_opaque(const struct px_compare_context *context,
                      const struct px_compare_answer *primary,
                      const struct px_compare_answer *shadow)
{
    return context->compare->normalizer_count == 0 && is_identity(primary->content_encoding) &&
           is_identity(shadow->content_encoding) &&
           px_compare_look(primary->body) == PX_DOCUMENT_OTHER &&
           px_compare_look(shadow->body) == PX_DOCUMENT_OTHER && primary->body.len > 0 &&
           shadow->body.len > 0;
}

/* Why it ended before its end, or PX_COMPARE_SKIP_COUNT. */
static enum px_compare_skip find_end(const struct px_compare_context *context)
{
    if (context->is_out_of_memory)
        return PX_COMPARE_SKIP_MEMORY;
    return context->steps == 0 ? PX_COMPARE_SKIP_COMPLEX : PX_COMPARE_SKIP_COUNT;
}

static enum px_compare_skip compare_documents(struct px_compare_context *context,
                                              const struct bytes *one, const struct bytes *two,
                                              bool *ret_is_json)
{
    json_t *primary = px_compare_load(one->text);
    json_t *shadow = px_compare_load(two->text);

    *ret_is_json = primary && shadow;
    if (*ret_is_json)
        px_compare_fields(context, primary, shadow);
    json_decref(primary);
    json_decref(shadow);
    return find_end(context);
}

static enum px_compare_skip compare_opened(struct px_compare_context *context,
                                           const struct px_compare_answer *primary,
                                           const struct px_compare_answer *shadow,
                                           const struct bytes *one, const struct bytes *two)
{
    enum px_compare_skip skip = PX_COMPARE_SKIP_COUNT;
    bool is_json = false;

    if (tn_str_equal(one->text, two->text))
        return PX_COMPARE_SKIP_COUNT;
    if (one->document == PX_DOCUMENT_COMPLEX || two->document == PX_DOCUMENT_COMPLEX)
        return PX_COMPARE_SKIP_COMPLEX;
    if (one->document == PX_DOCUMENT_JSON && two->document == PX_DOCUMENT_JSON)
        skip = compare_documents(context, one, two, &is_json);
    if (is_json || skip != PX_COMPARE_SKIP_COUNT)
        return skip;
    if (px_compare_texts(context, one->text, two->text))
        return PX_COMPARE_SKIP_COUNT;
    if (px_compare_is_over(context))
        return find_end(context);
    tell_bytes(context, primary, shadow);
    return PX_COMPARE_SKIP_COUNT;
}

static enum px_compare_skip compare_bodies(struct px_compare_context *context,
                                           const struct px_compare_answer *primary,
                                           const struct px_compare_answer *shadow)
{
    enum px_compare_skip skip;
    struct bytes one;
    struct bytes two = {0};

    if (is_same_body(primary, shadow))
        return PX_COMPARE_SKIP_COUNT;
    skip = open_body(context, primary, &one);
    if (skip == PX_COMPARE_SKIP_COUNT)
        skip = open_body(context, shadow, &two);
    if (skip == PX_COMPARE_SKIP_COUNT) {
        skip = compare_opened(context, primary, shadow, &one, &two);
    } else if (skip == PX_COMPARE_SKIP_TOO_LARGE && is_opaque(context, primary, shadow)) {
        tell_bytes(context, primary, shadow);
        skip = PX_COMPARE_SKIP_COUNT;
    }
    free(one.memory);
    free(two.memory);
    return skip;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

void px_compare_answers(const struct px_compare *compare, struct px_compare_tools *tools,
                        const struct px_compare_budget *budget,
                        const struct px_compare_answer *primary,
                        const struct px_compare_answer *shadow,
                        struct px_compare_outcome *ret_comparison)
{
    struct px_compare_context context = {.compare = compare,
                                         .tools = tools,
                                         .budget = budget,
                                         .comparison = ret_comparison,
                                         .steps = PX_COMPARE_STEPS};
    enum px_compare_skip skip;
    char path[32];

    ret_comparison->result = PX_COMPARE_SAME;
    ret_comparison->skip = PX_COMPARE_SKIP_COUNT;
    ret_comparison->count = 0;
    ret_comparison->has_more = false;
    if (primary->status != shadow->status) {
        (void)snprintf(path, sizeof(path), "%u -> %u", primary->status, shadow->status);
        px_compare_tell_at(&context, PX_COMPARE_KIND_STATUS, path, primary->status, shadow->status);
        ret_comparison->result = PX_COMPARE_STATUS;
        return; /* an error's body is another one: that says nothing more */
    }
    compare_headers(&context, primary, shadow);
    if (ret_comparison->count > 0)
        ret_comparison->result = PX_COMPARE_HEADERS;
    skip = compare_bodies(&context, primary, shadow);
    if (ret_comparison->count > 0) {
        /* a body that was not compared to its end may hide more */
        ret_comparison->has_more = ret_comparison->has_more || skip != PX_COMPARE_SKIP_COUNT;
        if (ret_comparison->result != PX_COMPARE_HEADERS)
            ret_comparison->result = PX_COMPARE_BODY;
    } else if (skip != PX_COMPARE_SKIP_COUNT) {
        ret_comparison->result = PX_COMPARE_SKIPPED;
        ret_comparison->skip = skip;
    }
}

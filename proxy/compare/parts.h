/*
 * parts: what the files of the comparing core share.
 *
 * Private to proxy/compare. Shapes: a context is one comparison under way; steps count down, and at
 * 0 everything returns as fast as it can. Ownership: as compare.h; decoded bodies are freed by
 * compare.c. Threads: as compare.h.
 */
#ifndef PX_COMPARE_PARTS_H
#define PX_COMPARE_PARTS_H

#include "proxy/compare/compare.h"

#include <jansson.h>

/* The way to a value: keys as views of the document; ptr NULL: the index `len`. */
struct px_compare_way {
    struct tn_str keys[PX_COMPARE_DEPTH + 1];
    uint32_t depth;
};

struct px_compare_context {
    const struct px_compare *compare;
    struct px_compare_tools *tools;
    const struct px_compare_budget *budget;
    struct px_compare_outcome *comparison;
    struct px_compare_way way;
    uint64_t steps; /* left */
    uint32_t quiet; /* > 0: differences are counted, not told */
    uint32_t quiet_count;
    bool is_out_of_memory;
};

/* False: the budget is used up. */
static inline bool px_compare_step(struct px_compare_context *context, uint64_t cost)
{
    if (context->steps <= cost) {
        context->steps = 0;
        return false;
    }
    context->steps -= cost;
    return true;
}

static inline bool px_compare_is_over(const struct px_compare_context *context)
{
    return context->steps == 0 || context->is_out_of_memory;
}

/* --- findings.c --------------------------------------------------------------------------------
 */

/* A difference here (context->way), told once per kind and path. */
void px_compare_tell(struct px_compare_context *context, enum px_compare_kind kind,
                     uint64_t primary, uint64_t shadow);
void px_compare_tell_at(struct px_compare_context *context, enum px_compare_kind kind,
                        const char *path, uint64_t primary, uint64_t shadow);
uint64_t px_compare_hash(const struct px_compare_context *context, struct tn_str bytes);

/* --- pattern.c ---------------------------------------------------------------------------------
 */

/* The first of the pointers that names this place, or count. */
uint32_t px_compare_find_pointer(struct px_compare_context *context,
                                 const struct px_pointer *pointers, uint32_t count);
bool px_compare_is_ignored(struct px_compare_context *context);

/* --- decode.c ----------------------------------------------------------------------------------
 */

enum px_decode {
    PX_DECODE_DONE,
    PX_DECODE_UNKNOWN,
    PX_DECODE_BROKEN,
    PX_DECODE_TOO_LARGE,
    PX_DECODE_NO_MEMORY
};

/* bytes: the body itself, or `ret_memory` that is the caller's to free. */
enum px_decode px_compare_decode(struct tn_str encoding, struct tn_str body, size_t max,
                                 char **ret_memory, struct tn_str *ret_bytes);

/* --- document.c --------------------------------------------------------------------------------
 */

enum px_document { PX_DOCUMENT_JSON, PX_DOCUMENT_OTHER, PX_DOCUMENT_COMPLEX };

/* Whether the bytes can be an object or array of JSON within the bounds; a cheap look. */
enum px_document px_compare_look(struct tn_str bytes);

/* NULL: no JSON, or no memory. */
json_t *px_compare_load(struct tn_str bytes);

/* --- text.c ------------------------------------------------------------------------------------
 */

/* Equal, or equal after normalizing. Ends as unequal when out of budget. */
bool px_compare_texts(struct px_compare_context *context, struct tn_str primary,
                      struct tn_str shadow);

/* Hash of the text as normalized. */
uint64_t px_compare_text_hash(struct px_compare_context *context, struct tn_str text);

/* --- number.c ----------------------------------------------------------------------------------
 */

bool px_compare_numbers_equal(const json_t *a, const json_t *b);
bool px_compare_numbers_near(const json_t *primary, const json_t *shadow,
                             const struct px_tolerance *tolerance);
uint64_t px_compare_number_hash(const json_t *number, uint64_t seed);

/* --- fields.c ----------------------------------------------------------------------------------
 */

void px_compare_fields(struct px_compare_context *context, const json_t *primary,
                       const json_t *shadow);

/* --- unordered.c -------------------------------------------------------------------------------
 */

void px_compare_unordered(struct px_compare_context *context, const json_t *primary,
                          const json_t *shadow);

/* Hash of a value as far as it is compared: without what is ignored, texts normalized, arrays that
 * have no order without it. */
uint64_t px_compare_value_hash(struct px_compare_context *context, const json_t *value);

#endif

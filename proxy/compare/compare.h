/*
 * compare: two answers to the same request, bytes in, differences out.
 *
 * Glossary: primary (the answer that the user got), shadow (the other one), field (a place in a
 * JSON document, named by its pointer, with `*` for every index). Not for collecting answers
 * (proxy/mirror) nor for counting (ledger.h). No I/O, no clock; heap only within the call.
 * Shapes: both answers are hostile input. Bodies are compared as bytes, by hash, unless both are
 * JSON and whole: then field by field, with numbers by value (1 is 1.0), objects without order.
 * Bounds: bytes that are decoded (px_compare_budget.decoded_bytes), documents of at most
 * PX_COMPARE_NODES values and PX_COMPARE_DEPTH levels, PX_COMPARE_STEPS steps of work,
 * PX_COMPARE_DIFFERENCES_MAX differences that are told. Errors: none; what can't be compared is
 * skipped, and says why. Ownership: everything is the caller's. Threads: any; a px_compare_tools
 * belongs to one at a time.
 */
#ifndef PX_COMPARE_COMPARE_H
#define PX_COMPARE_COMPARE_H

#include "proxy/config/compare.h"

#define PX_COMPARE_NODES 8192u
#define PX_COMPARE_DEPTH 64u
#define PX_COMPARE_STEPS 2000000u
#define PX_COMPARE_DIFFERENCES_MAX 24
#define PX_COMPARE_PATH_BYTES 120 /* longer ones end in an ellipsis */

/* X(enumerator, label) */
#define PX_COMPARE_RESULT_MAP(X)                                                                   \
    X(SAME, "same")                                                                                \
    X(STATUS, "status")                                                                            \
    X(HEADERS, "headers")                                                                          \
    X(BODY, "body")                                                                                \
    X(UNANSWERED, "unanswered") /* the shadow gave no answer, or not all of it */                  \
    X(SKIPPED, "skipped")

#define PX_COMPARE_SKIP_MAP(X)                                                                     \
    X(PRIMARY, "primary")     /* the user got no whole answer of the service */                    \
    X(ENCODING, "encoding")   /* neither gzip nor deflate, or not decodable */                     \
    X(TOO_LARGE, "too_large") /* beyond compare_body */                                            \
    X(COMPLEX, "complex")     /* more values, levels or work than a comparison may cost */         \
    X(MEMORY, "memory")       /* mirror_memory was used up */                                      \
    X(BUSY, "busy")           /* too many comparisons were waiting */

#define PX_COMPARE_KIND_MAP(X)                                                                     \
    X(STATUS, "status")   /* path: "200 -> 500" */                                                 \
    X(HEADER, "header")   /* path: its name */                                                     \
    X(BYTES, "bytes")     /* the body as a whole; path "" */                                       \
    X(VALUE, "value")     /* from here on: fields of JSON */                                       \
    X(TYPE, "type")       /* a text where a number was, and the like */                            \
    X(MISSING, "missing") /* not in the shadow's answer */                                         \
    X(ADDED, "added")     /* only there */                                                         \
    X(LENGTH, "length")   /* of an array; its elements are then not compared */

enum px_compare_result {
#define PX_COMPARE_RESULT_ENUM(name, label) PX_COMPARE_##name,
    PX_COMPARE_RESULT_MAP(PX_COMPARE_RESULT_ENUM)
#undef PX_COMPARE_RESULT_ENUM
        PX_COMPARE_RESULT_COUNT
};

enum px_compare_skip {
#define PX_COMPARE_SKIP_ENUM(name, label) PX_COMPARE_SKIP_##name,
    PX_COMPARE_SKIP_MAP(PX_COMPARE_SKIP_ENUM)
#undef PX_COMPARE_SKIP_ENUM
        PX_COMPARE_SKIP_COUNT
};

enum px_compare_kind {
#define PX_COMPARE_KIND_ENUM(name, label) PX_COMPARE_KIND_##name,
    PX_COMPARE_KIND_MAP(PX_COMPARE_KIND_ENUM)
#undef PX_COMPARE_KIND_ENUM
        PX_COMPARE_KIND_COUNT
};

const char *px_compare_result_label(enum px_compare_result result);
const char *px_compare_skip_label(enum px_compare_skip skip);
const char *px_compare_kind_label(enum px_compare_kind kind);

struct px_compare_answer {
    unsigned status;
    const struct tn_str *headers; /* by place in px_compare.headers; ptr NULL: it is not there */
    struct tn_str content_encoding;
    struct tn_str body;    /* as received; all of it only if is_whole */
    uint64_t body_len;     /* of all of it */
    uint64_t body_hash[2]; /* px_compare_hash_bytes() of all of it */
    bool is_whole;
    bool is_out_of_memory; /* not whole because mirror_memory was used up */
};

struct px_compare_difference {
    enum px_compare_kind kind;
    char path[PX_COMPARE_PATH_BYTES]; /* UTF-8, terminated */
    uint64_t primary, shadow; /* hashes of what was there, with the process's seed; 0: nothing */
};

struct px_compare_outcome {
    enum px_compare_result result;
    enum px_compare_skip skip; /* of SKIPPED */
    uint32_t count;
    bool has_more; /* differences than were told */
    struct px_compare_difference differences[PX_COMPARE_DIFFERENCES_MAX];
};

struct px_compare_budget {
    size_t decoded_bytes; /* of each body */
    uint64_t seed;        /* of the hashes that are told */
};

/* What one thread compares with: memory of regular expressions. */
struct px_compare_tools {
    void *match;   /* pcre2_match_data */
    void *context; /* with limits */
};

/* 0 or -ENOMEM. */
int px_compare_tools_init(struct px_compare_tools *tools);
void px_compare_tools_deinit(struct px_compare_tools *tools);

/*
 * Equal at a glance: same status, headers, encoding, and hash of the body. Costs next to nothing;
 * false says nothing.
 */
bool px_compare_at_a_glance(const struct px_compare *compare,
                            const struct px_compare_answer *primary,
                            const struct px_compare_answer *shadow);

void px_compare_answers(const struct px_compare *compare, struct px_compare_tools *tools,
                        const struct px_compare_budget *budget,
                        const struct px_compare_answer *primary,
                        const struct px_compare_answer *shadow,
                        struct px_compare_outcome *ret_comparison);

/* Upper bound of the memory that comparing these two takes for a while. */
size_t px_compare_cost(const struct px_compare_budget *budget,
                       const struct px_compare_answer *primary,
                       const struct px_compare_answer *shadow);

/* The group that a path belongs to, or compare->group_count: none. */
uint32_t px_compare_group(const struct px_compare *compare, const struct px_compare_tools *tools,
                          struct tn_str path);

/* Whether one of these regular expressions matches; none: every path does. */
bool px_compare_path_matches(const struct px_compare_tools *tools, void *const *codes,
                             uint32_t count, struct tn_str path);

#endif

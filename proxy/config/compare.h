/*
 * compare: how the answers of a mirror are compared with those that users got, as configured.
 *
 * Not for comparing (proxy/compare) nor for what came of it.
 * Shapes: fields are named by JSON pointers (RFC 6901) in which the segment `*` is any key or index
 * and `**` any number of segments, none included; matching one matches all below it. Regular
 * expressions are compiled with the rule and shared by all threads. Units: absolute differences,
 * ppm. Ownership: px_compare_free; part of a rule, immutable once parsed. Threads: read by any.
 */
#ifndef PX_CONFIG_COMPARE_H
#define PX_CONFIG_COMPARE_H

#include "lib/base/str.h"

#include <stdint.h>

#define PX_COMPARE_HEADERS_MAX 32
#define PX_COMPARE_POINTERS_MAX 64 /* of each list */
#define PX_COMPARE_NORMALIZERS_MAX 16
#define PX_COMPARE_GROUPS_MAX 16
#define PX_COMPARE_SEGMENTS_MAX 32
#define PX_KEEP_PAIRS_MAX 100
#define PX_BASELINE_PATHS_MAX 16

enum px_segment_kind { PX_SEGMENT_KEY, PX_SEGMENT_ANY, PX_SEGMENT_DEEP };

struct px_segment {
    enum px_segment_kind kind;
    struct tn_str key; /* unescaped; a view of the pointer's memory */
};

struct px_pointer {
    char *text; /* as written */
    char *keys; /* the segments' bytes */
    struct px_segment *segments;
    uint32_t count;
};

/*
 * Segments of "/a/b~1c". 0; -EINVAL: no pointer (does not start with '/', an unknown escape);
 * -E2BIG: too many segments; -ENOMEM. "" is the whole document.
 */
int px_pointer_parse(struct tn_str text, struct px_pointer *ret_pointer);
void px_pointer_deinit(struct px_pointer *pointer);

struct px_tolerance {
    struct px_pointer pointer;
    double amount;     /* how far two numbers may be apart */
    char *amount_text; /* as written */
    bool is_relative;  /* "5%": of the user's number */
};

/* Text that is replaced before two texts are compared. */
struct px_normalizer {
    char *name;    /* one of px_normalizer_names, or NULL */
    char *regex;   /* NULL with a name */
    char *replace; /* literally */
    void *code;    /* pcre2_code */
};

struct px_compare_group {
    char *name;
    char *path; /* regular expression over the path of the request */
    void *code;
};

struct px_compare {
    char **headers; /* names of fields */
    uint32_t header_count;
    bool has_headers; /* said, and not the default */
    struct px_pointer *ignore;
    uint32_t ignore_count;
    struct px_pointer *unordered;
    uint32_t unordered_count;
    struct px_tolerance *tolerances;
    uint32_t tolerance_count;
    struct px_normalizer *normalizers;
    uint32_t normalizer_count;
    struct px_compare_group *groups; /* the first that matches */
    uint32_t group_count;
};

/* Some requests go to a second endpoint of the version that answers: what differs there is noise.
 */
struct px_mirror_baseline {
    uint32_t ppm; /* of the compared requests; 0: off */
    char **paths; /* regular expressions; none: every path */
    void **codes;
    uint32_t path_count;
};

#define PX_KEEP_PAIRS_MAX 100

/* What `normalize: [NAME]` stands for. */
struct px_normalizer_kind {
    const char *name, *regex, *replace;
};

#define PX_NORMALIZER_KINDS 4
extern const struct px_normalizer_kind px_normalizer_kinds[PX_NORMALIZER_KINDS];

#define PX_COMPARE_DEFAULT_HEADERS 2
extern const char *const px_compare_default_headers[PX_COMPARE_DEFAULT_HEADERS];

/* NULL is fine. */
void px_compare_free(struct px_compare *compare);
void px_mirror_baseline_deinit(struct px_mirror_baseline *baseline);

#endif

/*
 * pairs: the last pairs of answers that differed, bodies included, where `keep_pairs` asks for
 * them.
 *
 * Glossary: pair (what the user got and what the mirror got, as received). Not for deciding what
 * differs (compare.h) nor for showing it (proxy/admin). Shapes: a pair never changes once it is
 * made, and is shared by whoever holds a reference; a ring holds the newest of one mirror, oldest
 * first. Units: bytes; ns of wall time. Errors: NULL without memory; a ring counts what found no
 * room in the process's budget. Ownership: px_pair_give gives a reference back, and with the last
 * one the bytes to the budget, which must outlive every pair. Threads: a pair any; a ring one at a
 * time; the budget is atomic.
 */
#ifndef PX_COMPARE_PAIRS_H
#define PX_COMPARE_PAIRS_H

#include "proxy/compare/compare.h"

#include <stdatomic.h>

#define PX_PAIRS_MAX PX_KEEP_PAIRS_MAX
#define PX_PAIRS_BYTES_MAX                                                                         \
    (4u << 20) /* of the process: what the admin interface can tell at once */

enum px_pair_side { PX_PAIR_PRIMARY, PX_PAIR_SHADOW, PX_PAIR_SIDES };

struct px_pair_header {
    struct tn_str name;
    struct tn_str values[PX_PAIR_SIDES]; /* ptr NULL: it is not there */
};

struct px_pair_answer {
    unsigned status;
    struct tn_str content_encoding; /* ptr NULL: none */
    struct tn_str body;             /* as received, up to compare_body */
    uint64_t body_len;              /* of all of it */
};

struct px_pair_field {
    enum px_compare_kind kind;
    struct tn_str path;
};

struct px_pair {
    _Atomic uint32_t references;
    _Atomic uint64_t *budget; /* that knows of `size`; NULL: none yet */
    uint64_t size;
    uint64_t at_ns; /* when it was put into a ring */
    struct tn_str group, path, request_id;
    enum px_compare_result result;
    bool has_more; /* fields than are named */
    uint32_t header_count, field_count;
    struct px_pair_header *headers; /* that are compared */
    struct px_pair_field *fields;   /* that differ */
    struct px_pair_answer answers[PX_PAIR_SIDES];
};

struct px_pair_of {
    const struct px_compare *compare;
    const struct px_compare_answer *answers[PX_PAIR_SIDES];
    const struct px_compare_outcome *outcome;
    const char *group; /* "": none */
    struct tn_str path, request_id;
};

/* Copies all of it; NULL: no memory. One reference is the caller's. */
struct px_pair *px_pair_new(const struct px_pair_of *of);
struct px_pair *px_pair_take(struct px_pair *pair);
void px_pair_give(struct px_pair *pair); /* NULL is fine */

struct px_pairs {
    uint32_t max; /* 0: nothing is kept */
    uint32_t count;
    uint64_t bytes;
    uint64_t lost; /* pairs without room in the budget */
    struct px_pair *list[PX_PAIRS_MAX];
};

/* How much of mirror_memory all pairs of the process may take: a quarter, within
 * PX_PAIRS_BYTES_MAX. */
uint64_t px_pairs_limit(uint64_t mirror_memory_bytes);

/* Takes over the caller's reference. The oldest of this ring make room, within `limit` of the
 * budget. */
void px_pairs_push(struct px_pairs *pairs, struct px_pair *pair, uint64_t now_ns,
                   _Atomic uint64_t *budget, uint64_t limit);

/* into += from: the newest of both. */
void px_pairs_add(struct px_pairs *into, const struct px_pairs *from);

/* Gives all back; nothing is kept any more. */
void px_pairs_clear(struct px_pairs *pairs);

#endif

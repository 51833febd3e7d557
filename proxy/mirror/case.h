/*
 * case: one request whose answers are compared: the one that the user gets, and those of the
 * mirrors.
 *
 * Private to proxy/mirror; the session's calls are in mirror.h.
 * Glossary: side (one copy: a mirror's, or the baseline's), bench (where one case at a time is
 * compared, on a thread of the pool). Shapes: a case is open while the session or a copy may still
 * tell it something; then every side is settled: at a glance, or on the bench, or skipped when too
 * many cases wait. Each side that was sent has exactly one result. Ownership: a case frees itself;
 * its owner (the snapshot that its configuration lives in) is given back by on_compared. Threads:
 * the loop's, but for the comparing itself, which touches the captures of its case and the bench
 * only.
 */
#ifndef PX_MIRROR_CASE_H
#define PX_MIRROR_CASE_H

#include "lib/base/list.h"
#include "lib/net/control.h"
#include "proxy/compare/pairs.h"
#include "proxy/mirror/capture.h"
#include "proxy/mirror/mirror.h"

#define PX_CASES_WAITING_MAX 64
#define PX_CASE_SIDES (PX_MIRRORS_MAX + 1)
#define PX_CASE_BASELINE PX_MIRRORS_MAX

struct px_mirror_case {
    struct px_mirrors *mirrors;
    struct tn_list node;
    void *owner;
    char *path; /* of the request, for groups and baselines */
    uint32_t path_len;
    uint32_t open; /* who may still tell something */
    uint32_t baseline_of;
    struct px_capture primary;
    uint64_t primary_us;
    struct px_case_side {
        enum {
            PX_SIDE_UNUSED,
            PX_SIDE_OPEN,
            PX_SIDE_DROPPED,
            PX_SIDE_FAILED,
            PX_SIDE_ANSWERED
        } state;
        bool is_waiting; /* for the bench */
        const struct px_mirror *mirror;
        uint64_t config_id;
        struct px_stats_mirror *counters;
        struct px_ledger *ledger;
        const char *group; /* its name, "" for none */
        struct px_capture capture;
        uint64_t us;
    } sides[PX_CASE_SIDES];
    uint8_t request_id_len;
    char request_id[128];
};

struct px_compare_bench {
    struct tn_work work;
    struct px_mirror_case *at; /* NULL: free */
    uint64_t charged;
    struct px_compare_tools tools;
    struct px_compare_budget budget;
    struct px_compare_outcome comparisons[PX_CASE_SIDES];
    struct px_pair *pairs[PX_CASE_SIDES]; /* of sides that differ and are kept */
};

/* A copy is begun: it is a side of this case. */
void px_case_join(struct px_mirror_case *compared, uint32_t place,
                  const struct px_mirror_begin *begin);

/* What a copy tells of its answer, and how it ended. */
struct px_capture *px_case_capture(struct px_mirror_case *compared, uint32_t place);
void px_case_leave(struct px_mirror_case *compared, uint32_t place, bool is_sent, bool is_answered,
                   uint64_t first_byte_us);

/* The result of a side, told once; of what waits for the bench, and was not compared. Returns what
 * it is judged as. */
enum px_compare_result px_case_record(struct px_mirror_case *compared, uint32_t place,
                                      enum px_compare_result result, enum px_compare_skip skip,
                                      const struct px_compare_outcome *comparison);

/* Takes the reference (NULL is fine): the pair of a side that was judged so is kept, or not. */
void px_case_keep(struct px_mirror_case *compared, uint32_t place, enum px_compare_result result,
                  struct px_pair *pair);
void px_case_skip_waiting(struct px_mirror_case *compared, enum px_compare_skip why);
void px_case_free(struct px_mirror_case *compared);

/* --- bench.c ------------------------------------------------------------------------------------
 */

/* The next waiting case, if the bench is free. */
void px_bench_next(struct px_mirrors *mirrors);

/* Waiting cases are settled without being compared; the one on the bench ends by itself. */
void px_cases_stop(struct px_mirrors *mirrors);

#endif

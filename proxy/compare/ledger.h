/*
 * ledger: what came of the comparisons of one mirror: how often, in which group, in which field,
 * since when, and whether two stable answers differ there too.
 *
 * Glossary: set (the fields in which one pair of answers differed), noise (a field in which answers
 * of the stable version differ from each other about as often as the mirror's do). Not for
 * comparing. Shapes: one ledger per mirror and loop, summed when somebody asks. Groups by name,
 * fields by kind and path; both tables are bounded, what has no place is counted as "other". Every
 * count knows its last hour by the minute. A set is kept as it was, and judged when it is read:
 * what turns out to be noise was noise from the start. Units: seconds of wall time; us. Errors:
 * -ENOMEM from the makers; recording drops what has no memory, and counts it. Ownership:
 * px_ledger_free. Threads: one at a time.
 */
#ifndef PX_COMPARE_LEDGER_H
#define PX_COMPARE_LEDGER_H

#include "proxy/compare/pairs.h"

#define PX_LEDGER_MINUTES 61 /* the one under way and an hour */
#define PX_LEDGER_ALL 0      /* as a window: since the ledger was begun */
#define PX_LEDGER_GROUPS (PX_COMPARE_GROUPS_MAX + 1)
#define PX_LEDGER_FIELDS 48
#define PX_LEDGER_SETS 48
#define PX_LEDGER_OTHER_BIT 63 /* of a set: fields beyond the table */
#define PX_LEDGER_BUCKETS 20
#define PX_LEDGER_ID_BYTES 64

struct px_count {
    uint64_t total;
    uint32_t minutes[PX_LEDGER_MINUTES]; /* by minute % PX_LEDGER_MINUTES */
};

struct px_ledger_field {
    enum px_compare_kind kind;
    char path[PX_COMPARE_PATH_BYTES];
    struct px_count differs;
    struct px_count baseline;            /* between two answers of the stable version */
    uint64_t first_s, last_s;            /* of `differs`; 0: never */
    uint64_t primary, shadow;            /* hashes of the last values */
    char request_id[PX_LEDGER_ID_BYTES]; /* of the last */
};

struct px_ledger_set {
    uint64_t fields; /* bit i: fields[i] */
    struct px_count count;
};

struct px_ledger_group {
    char name[64]; /* "": requests of no group */
    struct px_count same;
    struct px_count unanswered;
    struct px_count skipped[PX_COMPARE_SKIP_COUNT];
    struct px_count baselines;      /* compared */
    struct px_count baseline_other; /* of these, not to be compared */
    struct px_ledger_field fields[PX_LEDGER_FIELDS];
    uint32_t field_count;
    struct px_count field_other; /* differences without a place in fields[] */
    struct px_ledger_set sets[PX_LEDGER_SETS];
    uint32_t set_count;
    struct px_count set_other; /* pairs that differ, without a place in sets[] */
    struct px_count primary_us[PX_LEDGER_BUCKETS]; /* to the first byte of the answer */
    struct px_count shadow_us[PX_LEDGER_BUCKETS];
};

struct px_ledger {
    uint64_t config_id; /* another one: another comparison, which starts anew */
    uint64_t since_s;
    uint64_t minute; /* up to which minutes[] are */
    struct px_ledger_group *groups[PX_LEDGER_GROUPS];
    uint32_t group_count;
    uint64_t lost; /* records without memory or place */
    struct px_pairs pairs;
};

/* Upper bounds of the buckets in us, the last one excepted. The caller's of its own histograms. */
extern const uint64_t px_ledger_bucket_us[PX_LEDGER_BUCKETS - 1];

int px_ledger_new(uint64_t config_id, uint64_t now_s, struct px_ledger **ret_ledger);
void px_ledger_free(struct px_ledger *ledger);

/* Everything is forgotten: a new configuration. */
void px_ledger_restart(struct px_ledger *ledger, uint64_t config_id, uint64_t now_s);

struct px_ledger_entry {
    uint64_t now_s;
    const char *group; /* "" for none */
    enum px_compare_result result;
    enum px_compare_skip skip;
    const struct px_compare_outcome *comparison; /* of STATUS, HEADERS and BODY */
    struct tn_str request_id;
    uint64_t primary_us, shadow_us; /* UINT64_MAX: not measured */
};

/* The result as it is judged now: SAME when all that differs is noise. */
enum px_compare_result px_ledger_record(struct px_ledger *ledger,
                                        const struct px_ledger_entry *entry);

/* Two answers of the stable version were compared. */
void px_ledger_record_baseline(struct px_ledger *ledger, const struct px_ledger_entry *entry);

/* into += from, both of one configuration; else whichever began later is what counts. */
int px_ledger_add(struct px_ledger *into, const struct px_ledger *from);

/* --- reading -----------------------------------------------------------------------------------
 */

/* Lets the minutes pass. */
void px_ledger_advance(struct px_ledger *ledger, uint64_t now_s);

/* The count of the last `minutes` (the one under way included; at most 60), or PX_LEDGER_ALL. */
uint64_t px_count_window(const struct px_ledger *ledger, const struct px_count *count,
                         uint32_t minutes);

bool px_ledger_is_noise(const struct px_ledger_group *group, const struct px_ledger_field *field);

/* What a set comes to once noise is left out. */
enum px_compare_result px_ledger_judge(const struct px_ledger_group *group, uint64_t fields);

/* Pairs of this group by result, as judged now. */
void px_ledger_results(const struct px_ledger *ledger, const struct px_ledger_group *group,
                       uint32_t minutes, uint64_t ret_counts[PX_COMPARE_RESULT_COUNT]);

#endif

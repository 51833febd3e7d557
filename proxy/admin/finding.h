/*
 * finding: what the counts of a trial say about one version of a rule.
 *
 * Not for counting (proxy/stats) and not for the statistics (strategies/verdict). Pure. Shapes: as
 * strategies/verdict: shares 0 to 1. `why` says in words why nothing was compared, NULL when it
 * was. Units: those of the unit: requests, or requests of users. Errors: none. Ownership: texts
 * are constants. Threads: control.
 */
#ifndef PX_ADMIN_FINDING_H
#define PX_ADMIN_FINDING_H

#include "proxy/stats/stats.h"

#include <jansson.h>

#define PX_VERDICT_MIN_REQUESTS 50 /* of each version, where no guard says how many */

enum px_unit { PX_UNIT_REQUEST, PX_UNIT_USER };
const char *px_unit_word(enum px_unit unit);

/* A share of one version, and how it differs from stable's. */
struct px_comparison {
    struct strategy_counts counts;
    struct strategy_interval share;
    struct strategy_interval difference; /* when has_difference */
    double margin;
    bool has_difference;
    bool has_verdict; /* there is somebody to compare with; few requests are inconclusive */
    enum strategy_verdict verdict;
    const char *why;
};

struct px_finding {
    enum px_unit unit;
    struct px_comparison errors;
    bool has_users;
    double users;
    double sample; /* candidate's requests that a doubled error share takes; negative: not known */
};

/* trial: of this rule; place: of the version in it. */
void px_find(const struct px_snapshot_rule *rule, const struct px_stats_trial *trial,
             uint32_t place, struct px_finding *ret_finding);

/* The same for a goal: of users where they are known, else of requests. */
void px_find_goal(const struct px_snapshot_rule *rule, const struct px_stats_trial *trial,
                  uint32_t place, uint32_t goal, struct px_comparison *ret_comparison);

/* Why this rule's versions are not comparable although counts are there; NULL: they are. */
const char *px_find_bias(const struct px_snapshot_rule *rule);

/* As openapi.yaml has it: Finding, Split. */
json_t *px_finding_json(const struct px_snapshot_rule *rule, const struct px_stats_trial *trial,
                        uint32_t place);
json_t *px_split_json(const struct px_snapshot_rule *rule, const struct px_stats_trial *trial);

enum px_split { PX_SPLIT_UNKNOWN, PX_SPLIT_RIGHT, PX_SPLIT_WRONG };

/* ret_test: by what: "slots", "keys" or "users". */
/* How far dealt requests may be off in any window: twice what they may from the start. */
double px_find_slot_bound(uint32_t positive_count);
enum px_split px_find_split(const struct px_snapshot_rule *rule, const struct px_stats_trial *trial,
                            const char **ret_test);

#endif

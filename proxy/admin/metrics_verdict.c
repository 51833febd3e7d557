#include "proxy/admin/finding.h"
#include "proxy/admin/prom.h"
#include "proxy/admin/resources.h"

struct verdict_scrape {
    struct px_prom *prom;
    const struct px_snapshot *snapshot;
    const struct px_stats *stats;
};

typedef void(trial_fn)(const struct verdict_scrape *scrape, const struct px_snapshot_rule *rule,
                       const struct px_stats_trial *trial);

static void each_trial(const struct verdict_scrape *scrape, trial_fn *one)
{
    for (uint32_t i = 0; i < scrape->snapshot->rule_count; i++) {
        const struct px_snapshot_rule *rule = &scrape->snapshot->rules[i];
        const struct px_stats_trial *trial = px_stats_trial(scrape->stats, rule);

        if (trial)
            one(scrape, rule, trial);
    }
}

static const char *version_name(const struct verdict_scrape *scrape,
                                const struct px_snapshot_rule *rule, uint32_t place)
{
    return scrape->snapshot->versions[rule->versions[place]].name;
}

static void put_goals(const struct verdict_scrape *scrape, const struct px_snapshot_rule *rule,
                      const struct px_stats_trial *trial)
{
    for (uint32_t place = 0; place < trial->arm_count; place++) {
        for (uint32_t i = 0; i < trial->goal_count; i++)
            px_prom_count(scrape->prom, "",
                          PX_PROM_LABELS("rule", rule->rule->name, "version",
                                         version_name(scrape, rule, place), "goal",
                                         rule->rule->goals[i].name),
                          trial->arms[place].goals[i]);
    }
}

/* One of the four is 1; none where there is nothing to compare. */
static void put_verdicts(const struct verdict_scrape *scrape, const struct px_snapshot_rule *rule,
                         const struct px_stats_trial *trial)
{
    for (uint32_t place = 0; place < trial->arm_count; place++) {
        struct px_finding found;

        px_find(rule, trial, place, &found);
        if (!found.errors.has_verdict)
            continue;
        for (uint32_t i = 0; i < STRATEGY_VERDICT_COUNT; i++)
            px_prom_count(scrape->prom, "",
                          PX_PROM_LABELS("rule", rule->rule->name, "version",
                                         version_name(scrape, rule, place), "verdict",
                                         strategy_verdict_word(i)),
                          found.errors.verdict == i);
    }
}

static void put_splits(const struct verdict_scrape *scrape, const struct px_snapshot_rule *rule,
                       const struct px_stats_trial *trial)
{
    const char *test;
    enum px_split split = px_find_split(rule, trial, &test);

    if (split != PX_SPLIT_UNKNOWN)
        px_prom_count(scrape->prom, "", PX_PROM_LABELS("rule", rule->rule->name),
                      split == PX_SPLIT_WRONG);
}

void px_metrics_put_verdicts(struct px_prom *prom, const struct px_admin *admin,
                             const struct px_stats *stats)
{
    struct verdict_scrape scrape = {prom, px_rulebook_snapshot(admin->book), stats};

    px_prom_family(prom, "turnout_goal_total", "counter",
                   "Requests that reached a goal, since the weights were set.");
    each_trial(&scrape, put_goals);
    px_prom_family(prom, "turnout_verdict", "gauge",
                   "1 for what the error share against stable's says; since the weights were set.");
    each_trial(&scrape, put_verdicts);
    px_prom_family(prom, "turnout_split_mismatch", "gauge",
                   "1 when the split is not what was asked for.");
    each_trial(&scrape, put_splits);
}

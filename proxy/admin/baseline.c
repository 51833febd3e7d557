#include "proxy/admin/change.h"

#include "lib/base/log.h"

#include <stdlib.h>

static bool is_same_member(const json_t *a, const json_t *b, const char *key)
{
    const json_t *x = json_object_get(a, key);
    const json_t *y = json_object_get(b, key);

    return x == y || (x && y && json_equal(x, y));
}

static const json_t *find_mirror(const json_t *rule, const char *to)
{
    size_t i;
    json_t *mirror;

    json_array_foreach(json_object_get(rule, "mirror"), i, mirror)
    {
        const char *own = json_string_value(json_object_get(mirror, "to"));

        if (own && strcmp(own, to) == 0)
            return mirror;
    }
    return NULL;
}

static void start_cells(struct px_baseline *baseline, uint32_t rule, uint64_t wall_ns,
                        const struct px_stats *stats)
{
    baseline->since_wall_ns = wall_ns;
    for (uint32_t v = 0; v <= PX_VERSIONS_MAX; v++) {
        if (stats->cells[rule][v])
            baseline->cells[v] = *stats->cells[rule][v];
    }
}

static void start_rule(struct px_rulebook *book, const struct px_change_work *work, uint32_t place,
                       const struct px_stats *stats)
{
    const struct px_snapshot_rule *rule = &work->snapshot->rules[place];
    const json_t *after = json_array_get(work->after, place);
    const json_t *before = px_edit_find_by_name(work->touched_before, rule->rule->name);
    struct px_baseline *baseline = book->baselines[rule->stat];
    bool is_new_weights = !is_same_member(before, after, "weights") ||
                          !is_same_member(before, after, "sticky") ||
                          !is_same_member(before, after, "match");

    if (!baseline) {
        baseline = calloc(1, sizeof(*baseline));
        if (!baseline) {
            tn_log(TN_LOG_WARNING, "admin", "out of memory: shares are counted since the start");
            return;
        }
        book->baselines[rule->stat] = baseline;
    }
    if (is_new_weights)
        start_cells(baseline, rule->stat, work->wall_ns, stats);
    for (uint32_t i = 0; i < rule->mirror_count; i++) {
        const char *to = rule->mirrors[i].mirror->to;
        uint32_t stat = work->snapshot->versions[rule->mirrors[i].to].stat;
        const json_t *old = find_mirror(before, to);

        if ((!old || !json_equal(old, find_mirror(after, to))) && stats->mirrors[rule->stat][stat])
            baseline->mirrors[stat] = *stats->mirrors[rule->stat][stat];
    }
}

void px_baseline_set(struct px_rulebook *book, const struct px_change_work *work,
                     const struct px_stats *stats)
{
    if (!stats) {
        tn_log(TN_LOG_WARNING, "admin", "out of memory: shares count on from before this change");
        return;
    }
    for (uint32_t i = 0; i < work->snapshot->rule_count; i++) {
        const char *name = work->snapshot->rules[i].rule->name;

        if (px_edit_find_by_name(work->touched_after, name))
            start_rule(book, work, i, stats);
    }
}

const struct px_baseline *px_rulebook_baseline(const struct px_rulebook *book, uint32_t rule_stat)
{
    return rule_stat < PX_RULES_MAX ? book->baselines[rule_stat] : NULL;
}

#include "proxy/admin/events_parts.h"
#include "proxy/admin/resources.h"

#include <stdlib.h>
#include <string.h>

#define SPACING_MS 1000

struct counts {
    uint32_t rule, version; /* stat numbers */
    uint64_t requests, errors;
    uint64_t buckets[PX_STATS_BUCKETS];
};

struct px_recent_sample {
    uint64_t at_ms;
    size_t count;
    struct counts counts[];
};

static struct px_recent_sample *new_sample(const struct px_stats *stats, uint64_t now_ms)
{
    struct px_recent_sample *sample;
    size_t count = 0;

    for (uint32_t r = 0; r < PX_RULES_MAX; r++) {
        for (uint32_t v = 0; v < PX_VERSIONS_MAX; v++)
            count += stats->cells[r][v] != NULL;
    }
    sample = malloc(sizeof(*sample) + count * sizeof(sample->counts[0]));
    if (!sample)
        return NULL;
    sample->at_ms = now_ms;
    sample->count = 0;
    for (uint32_t r = 0; r < PX_RULES_MAX; r++) {
        for (uint32_t v = 0; v < PX_VERSIONS_MAX; v++) {
            const struct px_stats_cell *cell = stats->cells[r][v];
            struct counts *counts = &sample->counts[sample->count];

            if (!cell)
                continue;
            *counts = (struct counts){
                r, v, px_share_count_wanted(cell), px_share_count_errors(cell), {0}};
            memcpy(counts->buckets, cell->buckets, sizeof(counts->buckets));
            sample->count++;
        }
    }
    return sample;
}

static const struct counts *find(const struct px_recent_sample *sample, uint32_t rule,
                                 uint32_t version)
{
    for (size_t i = 0; i < sample->count; i++) {
        if (sample->counts[i].rule == rule && sample->counts[i].version == version)
            return &sample->counts[i];
    }
    return NULL;
}

static json_t *ms_json(const uint64_t *buckets, double part)
{
    double ms = px_share_quantile_ms(buckets, part);

    return ms < 0 ? json_null() : json_real((double)(int64_t)(ms * 1000 + 0.5) / 1000);
}

/* Two decimals, so that a picture in which nothing happens stays the same. */
static json_t *rate_json(uint64_t count, uint64_t ms)
{
    return json_real((double)(count * 100000 / ms) / 100);
}

/* Null: there is nothing to compare with, or the counters began anew. */
static json_t *recent_json(const struct counts *now, const struct counts *then, uint64_t ms)
{
    uint64_t buckets[PX_STATS_BUCKETS];
    uint64_t seconds = (ms + 500) / 1000;

    if (!now || ms == 0 || (then && (now->requests < then->requests || now->errors < then->errors)))
        return json_null();
    for (uint32_t i = 0; i < PX_STATS_BUCKETS; i++)
        buckets[i] = now->buckets[i] - (then ? then->buckets[i] : 0);
    return json_pack("{s:I, s:o, s:o, s:o, s:o}", "seconds",
                     (json_int_t)(seconds < PX_RECENT_MS / 1000 ? seconds : PX_RECENT_MS / 1000),
                     "requests_per_s", rate_json(now->requests - (then ? then->requests : 0), ms),
                     "errors_per_s", rate_json(now->errors - (then ? then->errors : 0), ms),
                     "p50_ms", ms_json(buckets, 0.5), "p99_ms", ms_json(buckets, 0.99));
}

/* Those that are older than is asked about, but for the youngest of them. */
static void forget(struct px_recent *recent, uint64_t now_ms)
{
    while (recent->count > 1 && (recent->count == PX_RECENT_SAMPLES ||
                                 now_ms - recent->samples[1]->at_ms >= PX_RECENT_MS)) {
        free(recent->samples[0]);
        recent->count--;
        memmove(recent->samples, recent->samples + 1, recent->count * sizeof(recent->samples[0]));
    }
}

/* The list of a share document goes in step with the snapshot's. */
static void put(const struct px_admin *admin, const struct px_recent_sample *now,
                const struct px_recent_sample *then, json_t *share)
{
    const struct px_snapshot *snapshot = px_rulebook_snapshot(admin->book);
    json_t *rules = json_object_get(share, "rules");

    for (uint32_t i = 0; i < snapshot->rule_count; i++) {
        const struct px_snapshot_rule *rule = &snapshot->rules[i];
        json_t *versions = json_object_get(json_array_get(rules, i), "versions");

        for (uint32_t k = 0; k < rule->version_count; k++) {
            uint32_t version = snapshot->versions[rule->versions[k]].stat;
            json_t *recent =
                then ? recent_json(find(now, rule->stat, version), find(then, rule->stat, version),
                                   now->at_ms - then->at_ms)
                     : json_null();

            json_object_set_new(json_array_get(versions, k), "recent", recent);
        }
    }
}

void px_recent_add(struct px_recent *recent, const struct px_admin *admin,
                   const struct px_stats *stats, uint64_t now_ms, json_t *share)
{
    struct px_recent_sample *sample = new_sample(stats, now_ms);

    if (!sample || !share) {
        free(sample);
        return;
    }
    put(admin, sample, recent->count > 0 ? recent->samples[0] : NULL, share);
    if (recent->count > 0 && now_ms - recent->samples[recent->count - 1]->at_ms < SPACING_MS) {
        free(sample);
        return;
    }
    forget(recent, now_ms);
    recent->samples[recent->count++] = sample;
}

void px_recent_clear(struct px_recent *recent)
{
    for (uint32_t i = 0; i < recent->count; i++)
        free(recent->samples[i]);
    recent->count = 0;
}

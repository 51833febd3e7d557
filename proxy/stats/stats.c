#include "proxy/stats/stats.h"

#include "lib/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

const uint64_t px_stats_bucket_us[PX_STATS_BUCKETS - 1] = {
    100,    250,    500,     1000,    2500,    5000,     10000,    25000,    50000,    100000,
    250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000, 300000000};

static struct px_stats_cell *need_cell(struct px_stats *stats, uint32_t rule, uint32_t version)
{
    struct px_stats_cell **cell = &stats->cells[rule][version];

    if (!*cell)
        *cell = calloc(1, sizeof(**cell));
    return *cell;
}

static struct px_stats_mirror *need_mirror(struct px_stats *stats, uint32_t rule, uint32_t to)
{
    struct px_stats_mirror **mirror = &stats->mirrors[rule][to];

    if (!*mirror)
        *mirror = calloc(1, sizeof(**mirror));
    return *mirror;
}

static struct px_ledger *need_ledger(struct px_stats *stats, uint32_t rule, uint32_t to,
                                     uint64_t config_id, uint64_t now_s)
{
    struct px_ledger **ledger = &stats->ledgers[rule][to];

    if (!*ledger && px_ledger_new(config_id, now_s, ledger) != 0)
        return NULL;
    return *ledger;
}

static struct px_stats_mirror *need_baseline(struct px_stats *stats, uint32_t rule)
{
    if (!stats->baselines[rule])
        stats->baselines[rule] = calloc(1, sizeof(struct px_stats_mirror));
    return stats->baselines[rule];
}

int px_stats_new(struct px_stats **ret_stats)
{
    struct px_stats *stats = calloc(1, sizeof(*stats));

    if (!stats)
        return -ENOMEM;
    /* The one cell that no snapshot names. */
    if (!need_cell(stats, PX_STATS_NO_RULE, PX_STATS_NOBODY)) {
        free(stats);
        return -ENOMEM;
    }
    *ret_stats = stats;
    return 0;
}

void px_stats_free(struct px_stats *stats)
{
    if (!stats)
        return;
    for (uint32_t rule = 0; rule <= PX_RULES_MAX; rule++)
        for (uint32_t version = 0; version <= PX_VERSIONS_MAX; version++)
            free(stats->cells[rule][version]);
    for (uint32_t rule = 0; rule < PX_RULES_MAX; rule++)
        for (uint32_t to = 0; to < PX_VERSIONS_MAX; to++)
            free(stats->mirrors[rule][to]);
    for (uint32_t rule = 0; rule < PX_RULES_MAX; rule++)
        px_stats_trial_free(stats->trials[rule]);
    for (uint32_t rule = 0; rule < PX_RULES_MAX; rule++) {
        px_stats_trial_free(stats->next_trials[rule]);
        free(stats->baselines[rule]);
        for (uint32_t to = 0; to < PX_VERSIONS_MAX; to++)
            px_ledger_free(stats->ledgers[rule][to]);
    }
    free(stats);
}

/* --- from one snapshot to the next: first all memory, then what can't fail
 * ------------------------
 */

static uint64_t now_s(void)
{
    return tn_clock_system.wall_ns(tn_clock_system.context) / 1000000000;
}

static bool prepare_compare(struct px_stats *stats, const struct px_snapshot_rule *rule,
                            const struct px_snapshot_mirror *mirror, uint32_t to)
{
    if (mirror->compare_id == 0)
        return true;
    return need_ledger(stats, rule->stat, to, mirror->compare_id, now_s()) &&
           (mirror->mirror->baseline.ppm == 0 || need_baseline(stats, rule->stat));
}

static bool is_trial(const struct px_stats_trial *trial, const struct px_snapshot_rule *rule)
{
    return trial && trial->number == rule->trial->number;
}

static int prepare_trial(struct px_stats *stats, const struct px_snapshot_rule *rule)
{
    struct px_stats_trial **next = &stats->next_trials[rule->stat];

    if (!rule->trial || is_trial(stats->trials[rule->stat], rule) || is_trial(*next, rule))
        return 0;
    px_stats_trial_free(*next);
    *next = px_stats_trial_new(rule);
    return *next ? 0 : -ENOMEM;
}

static int prepare_rule(struct px_stats *stats, const struct px_snapshot *snapshot,
                        const struct px_snapshot_rule *rule)
{
    assert(rule->stat < PX_RULES_MAX);
    if (!need_cell(stats, rule->stat, PX_STATS_NOBODY))
        return -ENOMEM;
    for (uint32_t i = 0; i < rule->version_count; i++) {
        uint32_t stat = snapshot->versions[rule->versions[i]].stat;

        assert(stat < PX_VERSIONS_MAX);
        if (!need_cell(stats, rule->stat, stat))
            return -ENOMEM;
    }
    for (uint32_t i = 0; i < rule->mirror_count; i++) {
        uint32_t stat = snapshot->versions[rule->mirrors[i].to].stat;

        assert(stat < PX_VERSIONS_MAX);
        if (!need_mirror(stats, rule->stat, stat) ||
            !prepare_compare(stats, rule, &rule->mirrors[i], stat))
            return -ENOMEM;
    }
    return prepare_trial(stats, rule);
}

int px_stats_prepare(struct px_stats *stats, const struct px_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->rule_count; i++) {
        int error = prepare_rule(stats, snapshot, &snapshot->rules[i]);

        if (error)
            return error;
    }
    return 0;
}

static void adopt_trial(struct px_stats *stats, const struct px_snapshot_rule *rule)
{
    struct px_stats_trial **own = &stats->trials[rule->stat];

    if (rule->trial && is_trial(*own, rule))
        return;
    px_stats_trial_free(*own);
    *own = NULL;
    if (!rule->trial)
        return;
    *own = stats->next_trials[rule->stat];
    stats->next_trials[rule->stat] = NULL;
}

/* Begun anew with another configuration: counts of two would say nothing. */
static void adopt_compare(struct px_stats *stats, const struct px_snapshot *snapshot,
                          const struct px_snapshot_rule *rule)
{
    for (uint32_t i = 0; i < rule->mirror_count; i++) {
        uint64_t config_id = rule->mirrors[i].compare_id;
        uint32_t to = snapshot->versions[rule->mirrors[i].to].stat;
        struct px_ledger *ledger = stats->ledgers[rule->stat][to];

        if (config_id && ledger->config_id != config_id)
            px_ledger_restart(ledger, config_id, now_s());
        if (config_id)
            ledger->pairs.max = rule->mirrors[i].mirror->keep_pairs;
    }
}

/* Bodies are there as long as the configuration says so, and no longer: first nobody may keep any,
 * and what nobody asked for anew is forgotten. */
static void allow_no_pairs(struct px_stats *stats, bool forget)
{
    for (uint32_t rule = 0; rule < PX_RULES_MAX; rule++) {
        for (uint32_t to = 0; to < PX_VERSIONS_MAX; to++) {
            struct px_ledger *ledger = stats->ledgers[rule][to];

            if (ledger && !forget)
                ledger->pairs.max = 0;
            else if (ledger && ledger->pairs.max == 0)
                px_pairs_clear(&ledger->pairs);
        }
    }
}

int px_stats_adopt(struct px_stats *stats, const struct px_snapshot *snapshot)
{
    int error = px_stats_prepare(stats, snapshot);

    if (error)
        return error;
    allow_no_pairs(stats, false);
    for (uint32_t i = 0; i < snapshot->rule_count; i++) {
        adopt_trial(stats, &snapshot->rules[i]);
        adopt_compare(stats, snapshot, &snapshot->rules[i]);
    }
    allow_no_pairs(stats, true);
    return 0;
}

static void add_cell(struct px_stats_cell *into, const struct px_stats_cell *from)
{
    for (uint32_t i = 0; i < PX_STATS_CODES; i++)
        into->codes[i] += from->codes[i];
    for (uint32_t i = 0; i < STRATEGY_REASON_COUNT; i++)
        into->decisions[i] += from->decisions[i];
    for (uint32_t i = 0; i < PX_STATS_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
    into->duration_us += from->duration_us;
    into->client_bytes_in += from->client_bytes_in;
    into->client_bytes_out += from->client_bytes_out;
    into->aborted += from->aborted;
    into->failed_over += from->failed_over;
    for (uint32_t i = 0; i < PX_VERSIONS_MAX; i++)
        into->failed_over_to[i] += from->failed_over_to[i];
    into->spilled += from->spilled;
    into->in_flight += from->in_flight;
    into->tunnels += from->tunnels;
    into->tunnels_opened += from->tunnels_opened;
}

static void add_mirror(struct px_stats_mirror *into, const struct px_stats_mirror *from)
{
    into->selected += from->selected;
    into->sent += from->sent;
    into->answered += from->answered;
    for (uint32_t i = 0; i < PX_MIRROR_DROP_COUNT; i++)
        into->dropped[i] += from->dropped[i];
    for (uint32_t i = 0; i < PX_MIRROR_FAIL_COUNT; i++)
        into->failed[i] += from->failed[i];
    for (uint32_t i = 0; i < PX_MIRROR_PASS_COUNT; i++)
        into->passed_over[i] += from->passed_over[i];
    for (uint32_t i = 0; i < PX_COMPARE_RESULT_COUNT; i++)
        into->compared[i] += from->compared[i];
    into->compare_waiting += from->compare_waiting;
}

/* All memory first: a sum that failed halfway would be half a scrape. */
static int make_room(struct px_stats *into, const struct px_stats *from)
{
    for (uint32_t rule = 0; rule <= PX_RULES_MAX; rule++)
        for (uint32_t version = 0; version <= PX_VERSIONS_MAX; version++)
            if (from->cells[rule][version] && !need_cell(into, rule, version))
                return -ENOMEM;
    for (uint32_t rule = 0; rule < PX_RULES_MAX; rule++)
        for (uint32_t to = 0; to < PX_VERSIONS_MAX; to++)
            if (from->mirrors[rule][to] && !need_mirror(into, rule, to))
                return -ENOMEM;
    for (uint32_t rule = 0; rule < PX_RULES_MAX; rule++)
        if (from->baselines[rule] && !need_baseline(into, rule))
            return -ENOMEM;
    return 0;
}

static void add_endpoint(struct px_stats_endpoint *into, const struct px_stats_endpoint *from)
{
    into->requests += from->requests;
    into->connects += from->connects;
    into->connect_failures += from->connect_failures;
    into->resets += from->resets;
    into->open += from->open;
    into->idle += from->idle;
}

static void add_version(struct px_stats_version *into, const struct px_stats_version *from)
{
    into->queue_waits += from->queue_waits;
    into->queue_timeouts += from->queue_timeouts;
    into->queue_full += from->queue_full;
    into->queued += from->queued;
}

static void add_own(struct px_stats *into, const struct px_stats *from)
{
    for (uint32_t i = 0; i < PX_ENDPOINTS_MAX; i++)
        add_endpoint(&into->endpoints[i], &from->endpoints[i]);
    for (uint32_t i = 0; i < PX_VERSIONS_MAX; i++)
        add_version(&into->versions[i], &from->versions[i]);
    for (uint32_t i = 0; i < PX_RETRY_COUNT; i++)
        into->retries[i] += from->retries[i];
    into->client_connections += from->client_connections;
    into->client_connections_total += from->client_connections_total;
    into->client_refused += from->client_refused;
    into->client_slow_readers += from->client_slow_readers;
    into->memory_refused += from->memory_refused;
    into->accept_failures += from->accept_failures;
    into->log_dropped += from->log_dropped;
    into->mirror_memory_bytes += from->mirror_memory_bytes;
    into->mirror_pair_bytes += from->mirror_pair_bytes;
    /* 0: nothing adopted yet, and so no word on what new requests get */
    if (from->revision && (!into->revision || from->revision < into->revision))
        into->revision = from->revision;
}

static int add_ledgers(struct px_stats *into, const struct px_stats *from)
{
    for (uint32_t rule = 0; rule < PX_RULES_MAX; rule++) {
        for (uint32_t to = 0; to < PX_VERSIONS_MAX; to++) {
            const struct px_ledger *ledger = from->ledgers[rule][to];
            int error = 0;

            if (ledger && !into->ledgers[rule][to])
                error = px_ledger_new(0, 0, &into->ledgers[rule][to]);
            if (!error && ledger)
                error = px_ledger_add(into->ledgers[rule][to], ledger);
            if (error)
                return error;
        }
    }
    return 0;
}

/* A sum knows; a loop has its rings. */
static uint64_t count_pair_bytes(const struct px_stats *stats)
{
    uint64_t bytes = 0;

    for (uint32_t rule = 0; rule < PX_RULES_MAX; rule++)
        for (uint32_t to = 0; to < PX_VERSIONS_MAX; to++)
            if (stats->ledgers[rule][to])
                bytes += stats->ledgers[rule][to]->pairs.bytes;
    return bytes;
}

int px_stats_add(struct px_stats *into, const struct px_stats *from)
{
    int error = make_room(into, from);

    if (!from->has_ledgers)
        into->mirror_pair_bytes += count_pair_bytes(from);
    if (!error && into->has_ledgers)
        error = add_ledgers(into, from);
    for (uint32_t rule = 0; !error && rule < PX_RULES_MAX; rule++)
        error = px_stats_trial_add(&into->trials[rule], from->trials[rule]);
    if (error)
        return error;
    for (uint32_t rule = 0; rule <= PX_RULES_MAX; rule++)
        for (uint32_t version = 0; version <= PX_VERSIONS_MAX; version++)
            if (from->cells[rule][version])
                add_cell(into->cells[rule][version], from->cells[rule][version]);
    for (uint32_t rule = 0; rule < PX_RULES_MAX; rule++)
        for (uint32_t to = 0; to < PX_VERSIONS_MAX; to++)
            if (from->mirrors[rule][to])
                add_mirror(into->mirrors[rule][to], from->mirrors[rule][to]);
    for (uint32_t rule = 0; rule < PX_RULES_MAX; rule++)
        if (from->baselines[rule])
            add_mirror(into->baselines[rule], from->baselines[rule]);
    add_own(into, from);
    return 0;
}

uint64_t px_stats_mirror_queued(const struct px_stats_mirror *mirror)
{
    uint64_t gone = mirror->sent;

    for (uint32_t i = 0; i < PX_MIRROR_DROP_COUNT; i++)
        gone += mirror->dropped[i];
    assert(gone <= mirror->selected);
    return mirror->selected - gone;
}

uint64_t px_stats_mirror_in_flight(const struct px_stats_mirror *mirror)
{
    uint64_t gone = mirror->answered;

    for (uint32_t i = 0; i < PX_MIRROR_FAIL_COUNT; i++)
        gone += mirror->failed[i];
    assert(gone <= mirror->sent);
    return mirror->sent - gone;
}

#include "proxy/stats/trial.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* A salt of its own: bits must not depend on where a key goes. */
#define BIT_SALT 0x75736572626974u

static size_t crowd_size(uint32_t goal_count)
{
    return sizeof(struct px_stats_crowd) + goal_count * sizeof(struct px_stats_bits);
}

void px_stats_trial_free(struct px_stats_trial *trial)
{
    if (!trial)
        return;
    for (uint32_t i = 0; i < trial->arm_count; i++)
        free(trial->arms[i].crowd);
    free(trial);
}

static struct px_stats_trial *new_trial(uint64_t number, uint32_t arm_count, uint32_t goal_count,
                                        bool has_users)
{
    struct px_stats_trial *trial =
        calloc(1, sizeof(*trial) + arm_count * sizeof(struct px_stats_arm));

    if (!trial)
        return NULL;
    trial->number = number;
    trial->arm_count = arm_count;
    trial->goal_count = goal_count;
    for (uint32_t i = 0; has_users && i < arm_count; i++) {
        trial->arms[i].crowd = calloc(1, crowd_size(goal_count));
        if (!trial->arms[i].crowd) {
            px_stats_trial_free(trial);
            return NULL;
        }
    }
    return trial;
}

struct px_stats_trial *px_stats_trial_new(const struct px_snapshot_rule *rule)
{
    return new_trial(rule->trial->number, rule->version_count, rule->rule->goal_count,
                     rule->rule->sticky.by != PX_STICKY_NONE);
}

static void add_bits(struct px_stats_bits *into, const struct px_stats_bits *from)
{
    for (uint32_t i = 0; i < PX_STATS_USER_BITS / 64; i++)
        into->words[i] |= from->words[i];
}

static void add_counts(struct strategy_counts *into, const struct strategy_counts *from)
{
    for (uint32_t i = 0; i < STRATEGY_BUCKETS; i++) {
        into[i].of += from[i].of;
        into[i].events += from[i].events;
    }
}

static void add_arm(struct px_stats_arm *into, const struct px_stats_arm *from, uint32_t goal_count)
{
    into->requests += from->requests;
    into->errors += from->errors;
    for (uint32_t i = 0; i < PX_STATS_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
    into->dealt += from->dealt;
    into->issued += from->issued;
    for (uint32_t i = 0; i < goal_count; i++)
        into->goals[i] += from->goals[i];
    if (!from->crowd)
        return;
    add_bits(&into->crowd->seen, &from->crowd->seen);
    add_counts(into->crowd->buckets, from->crowd->buckets);
    add_counts(into->crowd->own, from->crowd->own);
    add_counts(into->crowd->stable, from->crowd->stable);
    for (uint32_t i = 0; i < goal_count; i++)
        add_bits(&into->crowd->reached[i], &from->crowd->reached[i]);
}

int px_stats_trial_add(struct px_stats_trial **into, const struct px_stats_trial *from)
{
    if (!from || (*into && (*into)->number > from->number))
        return 0;
    if (*into && (*into)->number < from->number) {
        px_stats_trial_free(*into);
        *into = NULL;
    }
    if (!*into)
        *into = new_trial(from->number, from->arm_count, from->goal_count,
                          from->arm_count > 0 && from->arms[0].crowd);
    if (!*into)
        return -ENOMEM;
    assert((*into)->arm_count == from->arm_count && (*into)->goal_count == from->goal_count);
    for (uint32_t i = 0; i < from->arm_count; i++)
        add_arm(&(*into)->arms[i], &from->arms[i], from->goal_count);
    return 0;
}

void px_stats_bits_set(struct px_stats_bits *bits, uint64_t key)
{
    uint64_t bit = strategy_mix(key ^ BIT_SALT) % PX_STATS_USER_BITS;

    bits->words[bit / 64] |= (uint64_t)1 << bit % 64;
}

uint64_t px_stats_bits_count(const struct px_stats_bits *bits)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < PX_STATS_USER_BITS / 64; i++)
        count += (uint64_t)__builtin_popcountll(bits->words[i]);
    return count;
}

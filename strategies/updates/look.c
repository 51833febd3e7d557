#include "strategies/updates/turn.h"

const struct strategy_version *strategy_version_of(const struct strategy_turn *turn,
                                                   enum strategy_part part)
{
    return &turn->seen->versions[part];
}

bool strategy_is_there(const struct strategy_instance *instance)
{
    return instance->exists && !instance->is_stopping;
}

bool strategy_is_fit(const struct strategy_turn *turn, const struct strategy_instance *instance)
{
    return strategy_is_there(instance) && instance->is_ready && instance->is_up &&
           instance->ready_for_ms >= turn->plan->min_ready_ms;
}

bool strategy_is_serving(const struct strategy_turn *turn, const struct strategy_instance *instance)
{
    return strategy_is_fit(turn, instance) && instance->mode == STRATEGY_ACTIVE;
}

/* Open requests and bound users end, or their time does. */
static bool is_quiet(struct strategy_turn *turn, uint32_t open, uint32_t bound, uint64_t for_ms)
{
    uint64_t drain_ms = turn->plan->drain_ms;

    if ((open == 0 && bound == 0) || for_ms >= drain_ms)
        return true;
    strategy_again(turn, drain_ms - for_ms);
    return false;
}

bool strategy_is_quiet(struct strategy_turn *turn, const struct strategy_instance *instance)
{
    return instance->mode != STRATEGY_ACTIVE &&
           is_quiet(turn, instance->open, instance->bound, instance->mode_for_ms);
}

bool strategy_is_version_quiet(struct strategy_turn *turn, enum strategy_part part)
{
    const struct strategy_version *version = strategy_version_of(turn, part);
    uint32_t bound = version->mode == STRATEGY_CUT ? 0 : version->bound;

    return version->mode != STRATEGY_ACTIVE &&
           is_quiet(turn, version->open, bound, version->mode_for_ms);
}

uint32_t strategy_count_there(const struct strategy_version *version)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < version->count; i++)
        count += version->instances[i].exists;
    return count;
}

uint32_t strategy_count_planned(const struct strategy_version *version)
{
    uint32_t count = version->replicas;

    for (uint32_t i = version->replicas; i < version->count; i++)
        count += version->instances[i].exists;
    return count;
}

uint32_t strategy_count_serving(const struct strategy_turn *turn, enum strategy_part part)
{
    const struct strategy_version *version = strategy_version_of(turn, part);
    uint32_t count = 0;

    for (uint32_t i = 0; i < version->count; i++)
        count += strategy_is_serving(turn, &version->instances[i]);
    return count;
}

uint32_t strategy_count_fit(const struct strategy_turn *turn, enum strategy_part part,
                            enum strategy_build build)
{
    const struct strategy_version *version = strategy_version_of(turn, part);
    uint32_t count = 0;

    for (uint32_t i = 0; i < version->count && i < turn->plan->replicas; i++)
        count +=
            version->instances[i].build == build && strategy_is_fit(turn, &version->instances[i]);
    return count;
}

#include "strategies/updates/turn.h"

bool strategy_activate(struct strategy_turn *turn, enum strategy_part part)
{
    const struct strategy_version *version = strategy_version_of(turn, part);
    bool all = version->mode == STRATEGY_ACTIVE;

    if (!all)
        strategy_do_mode(turn, STRATEGY_DO_UNDRAIN, part, STRATEGY_WHOLE_VERSION);
    for (uint32_t i = 0; i < version->count; i++) {
        if (version->instances[i].mode == STRATEGY_ACTIVE || version->instances[i].is_held)
            continue;
        strategy_do_mode(turn, STRATEGY_DO_UNDRAIN, part, i);
        all = false;
    }
    return all;
}

bool strategy_start(struct strategy_turn *turn)
{
    const struct strategy_version *version = strategy_version_of(turn, STRATEGY_TO);
    uint32_t n = turn->plan->replicas;
    uint32_t fit = strategy_count_fit(turn, STRATEGY_TO, STRATEGY_BUILD_TARGET);
    uint32_t before = turn->action->count;
    uint32_t ready = 0;

    if (version->build != STRATEGY_BUILD_TARGET)
        strategy_do_build(turn, STRATEGY_TO, STRATEGY_BUILD_TARGET);
    if (version->replicas != n)
        strategy_do_scale(turn, STRATEGY_TO, n);
    for (uint32_t i = 0; i < version->count; i++) {
        const struct strategy_instance *instance = &version->instances[i];

        if (i < n && strategy_is_there(instance) && instance->build != STRATEGY_BUILD_TARGET)
            strategy_do_mode(turn, STRATEGY_DO_REPLACE, STRATEGY_TO, i);
        ready += i < n && strategy_is_there(instance) && instance->is_ready;
    }
    strategy_activate(turn, STRATEGY_TO);
    turn->measure = n + fit + ready;
    turn->action->finished = fit;
    if (ready < n)
        return strategy_wait(turn, STRATEGY_WAIT_STARTED, ready, n);
    if (fit < n)
        return strategy_wait(turn, STRATEGY_WAIT_UP, fit, n);
    return turn->action->count == before;
}

bool strategy_stop(struct strategy_turn *turn, enum strategy_part part)
{
    const struct strategy_version *version = strategy_version_of(turn, part);
    uint32_t there = strategy_count_there(version);
    uint32_t n = turn->plan->replicas;

    turn->measure = 3 * n + (there < n ? n - there : 0);
    if (version->replicas == 0 && there == 0)
        return true;
    if (version->mode == STRATEGY_ACTIVE) {
        strategy_do_mode(turn, STRATEGY_DO_DRAIN, part, STRATEGY_WHOLE_VERSION);
        return strategy_wait(turn, STRATEGY_WAIT_QUIET, version->open, 0);
    }
    if (!strategy_agreed(turn))
        return false;
    if (there > 0 && !strategy_is_version_quiet(turn, part))
        return strategy_wait(turn, STRATEGY_WAIT_QUIET, version->open, 0);
    if (version->replicas > 0)
        strategy_do_scale(turn, part, 0);
    return strategy_wait(turn, STRATEGY_WAIT_STOPPED, there, 0);
}

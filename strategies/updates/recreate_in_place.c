#include "strategies/updates/turn.h"

/*
 * All of one build stop before the first of the other starts. The version is cut (503 with
 * Retry-After) from before the first stops until all of the other are fit, and gets its new build
 * only while it has no instance, so that one that falls over can't come back as the other build.
 */

/* Whether anything of another build is there, or would come. */
static bool has_stale(const struct strategy_version *version, enum strategy_build wanted)
{
    if (version->build != wanted)
        return true;
    for (uint32_t i = 0; i < version->count; i++)
        if (version->instances[i].exists && version->instances[i].build != wanted)
            return true;
    return false;
}

/* Snapshots and the like, all before the first instance stops. */
static bool ask_hooks(struct strategy_turn *turn)
{
    const struct strategy_version *version = strategy_version_of(turn, STRATEGY_FROM);
    bool all = true;

    for (uint32_t i = 0; i < version->count; i++)
        if (strategy_is_there(&version->instances[i]))
            all &= strategy_ask_instance(turn, STRATEGY_FROM, i);
    return all;
}

static bool empty(struct strategy_turn *turn, enum strategy_build wanted)
{
    const struct strategy_version *version = strategy_version_of(turn, STRATEGY_FROM);
    uint32_t there = strategy_count_there(version);

    if (version->mode != STRATEGY_CUT) {
        strategy_do_mode(turn, STRATEGY_DO_CUT, STRATEGY_FROM, STRATEGY_WHOLE_VERSION);
        return strategy_wait(turn, STRATEGY_WAIT_QUIET, version->open, 0);
    }
    if (!strategy_agreed(turn))
        return false;
    if (there > 0 && !strategy_is_version_quiet(turn, STRATEGY_FROM))
        return strategy_wait(turn, STRATEGY_WAIT_QUIET, version->open, 0);
    if (version->replicas > 0 && !ask_hooks(turn))
        return false;
    if (version->replicas > 0)
        strategy_do_scale(turn, STRATEGY_FROM, 0);
    turn->measure =
        1 + turn->plan->replicas - (there < turn->plan->replicas ? there : turn->plan->replicas);
    if (there > 0 || version->replicas > 0)
        return strategy_wait(turn, STRATEGY_WAIT_STOPPED, there, 0);
    strategy_do_build(turn, STRATEGY_FROM, wanted);
    return false;
}

bool strategy_recreate_in_place(struct strategy_turn *turn)
{
    enum strategy_build wanted =
        strategy_is_back(turn) ? STRATEGY_BUILD_STARTING : STRATEGY_BUILD_TARGET;
    const struct strategy_version *version = strategy_version_of(turn, STRATEGY_FROM);
    uint32_t n = turn->plan->replicas;
    uint32_t fit = strategy_count_fit(turn, STRATEGY_FROM, wanted);
    /* Going back the gap ends with the first; forward a build must have come up everywhere. */
    uint32_t enough = strategy_is_back(turn) ? 1 : n;

    if (has_stale(version, wanted))
        return empty(turn, wanted);
    turn->measure = 2 + n + fit;
    turn->action->finished = fit;
    if (version->mode != STRATEGY_ACTIVE && fit >= enough)
        strategy_do_mode(turn, STRATEGY_DO_UNDRAIN, STRATEGY_FROM, STRATEGY_WHOLE_VERSION);
    if (version->replicas != n)
        strategy_do_scale(turn, STRATEGY_FROM, n);
    if (fit < n)
        return strategy_wait(turn, STRATEGY_WAIT_STARTED, fit, n);
    return strategy_agreed(turn) && turn->action->count == 0;
}

#include "strategies/updates/turn.h"

/*
 * Across the pair, back: everybody to FROM, then TO as it was. As long as FROM has all its
 * instances that is one change of the rule; where some were already given up they are started
 * again first, in the same measure in which they went (ramp), or all at once beside the new ones.
 */

static bool is_home(const struct strategy_rule *rule)
{
    return rule->stable == STRATEGY_FROM && rule->share_ppm == 0 && rule->mirror_ppm == 0 &&
           !rule->has_match;
}

/* Whether the update came so far that it may have taken instances from FROM. */
static bool may_have_shrunk(const struct strategy_turn *turn)
{
    uint32_t step = turn->action->record.step;
    enum strategy_step_kind kind;

    if (strategy_has_ramp(turn->plan) || step >= turn->plan->step_count)
        return true;
    kind = turn->plan->steps[step].kind;
    return kind == STRATEGY_STEP_STOP;
}

/* All of FROM beside all of TO, whose users stay until then: they are moved in one change. */
static bool regrow(struct strategy_turn *turn)
{
    const struct strategy_version *from = strategy_version_of(turn, STRATEGY_FROM);
    uint32_t n = turn->plan->replicas;
    uint32_t fit = strategy_count_fit(turn, STRATEGY_FROM, STRATEGY_BUILD_STARTING);

    turn->measure = fit;
    strategy_activate(turn, STRATEGY_FROM);
    if (!strategy_agreed(turn))
        return false;
    if (from->replicas != n)
        strategy_do_scale(turn, STRATEGY_FROM, n);
    if (fit < n)
        return strategy_wait(turn, STRATEGY_WAIT_STARTED, fit, n);
    return turn->action->count == 0;
}

static bool has_all_of_from(struct strategy_turn *turn)
{
    const struct strategy_version *from = strategy_version_of(turn, STRATEGY_FROM);
    bool is_whole;

    if (!may_have_shrunk(turn))
        return true;
    is_whole = from->replicas == turn->plan->replicas && is_home(&turn->seen->rule);
    if (!strategy_has_ramp(turn->plan))
        return is_whole || regrow(turn);
    return (is_whole && strategy_count_planned(strategy_version_of(turn, STRATEGY_TO)) == 0) ||
           strategy_ramp(turn, STRATEGY_FROM);
}

/* TO as it was when the update began. */
static bool restore(struct strategy_turn *turn)
{
    const struct strategy_version *to = strategy_version_of(turn, STRATEGY_TO);
    bool has_new = to->build != STRATEGY_BUILD_STARTING;

    for (uint32_t i = 0; i < to->count; i++)
        has_new |= to->instances[i].exists && to->instances[i].build != STRATEGY_BUILD_STARTING;
    if (has_new) {
        if (strategy_stop(turn, STRATEGY_TO))
            strategy_do_build(turn, STRATEGY_TO, STRATEGY_BUILD_STARTING);
        return false;
    }
    if (to->replicas != turn->plan->idle_replicas) {
        strategy_do_scale(turn, STRATEGY_TO, turn->plan->idle_replicas);
        return false;
    }
    return strategy_activate(turn, STRATEGY_TO);
}

bool strategy_back_across(struct strategy_turn *turn)
{
    bool is_active;

    if (!has_all_of_from(turn))
        return false;
    is_active = strategy_activate(turn, STRATEGY_FROM);
    if (!is_home(&turn->seen->rule))
        strategy_do(turn, STRATEGY_DO_STABLE, STRATEGY_FROM);
    if (!is_active || turn->action->count > 0)
        return strategy_wait(turn, STRATEGY_WAIT_PROXIES, 0, turn->seen->proxies.count);
    return strategy_agreed(turn) && restore(turn);
}

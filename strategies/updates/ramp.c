#include "strategies/updates/turn.h"

/*
 * Instances and shares move together, from the version that shrinks to the one that grows: one
 * more there, its part of the traffic, one less here. Stateful sets take and give instances at
 * their upper end only, so it shrinks from the highest index down. Forward TO grows; going back
 * FROM does.
 */
struct ramp {
    enum strategy_part up, down;
    const struct strategy_version *grow, *shrink;
    enum strategy_build wanted; /* of the growing one */
    uint32_t ceiling;           /* N + surge */
    uint32_t floor;             /* N - unavailable */
    uint32_t served;            /* by the growing one: instances with users */
    uint32_t available;         /* in both */
    uint32_t left;              /* endpoints of the shrinking one that are active */
    uint32_t picks;             /* of these, so many from the top may be drained now */
    bool is_short;              /* too few are available: nothing is taken away */
};

/* One of the shrinking version that is to get users, whether it is there just now or not. */
static bool is_active(const struct ramp *ramp, uint32_t i)
{
    return i < ramp->shrink->replicas && ramp->shrink->instances[i].mode == STRATEGY_ACTIVE;
}

static void look(const struct strategy_turn *turn, enum strategy_part up, struct ramp *ramp)
{
    const struct strategy_plan *plan = turn->plan;

    ramp->up = up;
    ramp->down = up == STRATEGY_TO ? STRATEGY_FROM : STRATEGY_TO;
    ramp->grow = strategy_version_of(turn, ramp->up);
    ramp->shrink = strategy_version_of(turn, ramp->down);
    ramp->wanted = up == STRATEGY_TO ? STRATEGY_BUILD_TARGET : STRATEGY_BUILD_STARTING;
    ramp->ceiling = plan->replicas + plan->surge_count;
    ramp->floor = plan->replicas - plan->unavailable_count;
    for (uint32_t i = 0; i < ramp->grow->count; i++)
        ramp->served += ramp->grow->instances[i].build == ramp->wanted &&
                        strategy_is_serving(turn, &ramp->grow->instances[i]);
    if (ramp->grow->mode != STRATEGY_ACTIVE)
        ramp->served = 0;
    ramp->available = ramp->served + strategy_count_serving(turn, ramp->down);
    ramp->is_short = ramp->available < ramp->floor;
    for (uint32_t i = 0; i < ramp->shrink->count; i++)
        ramp->left += is_active(ramp, i);
}

/* From the top: who serves nobody costs nothing, the others only as many as are spare. */
static void pick(const struct strategy_turn *turn, struct ramp *ramp)
{
    uint32_t spare = ramp->is_short ? 0 : ramp->available - ramp->floor;

    for (uint32_t i = ramp->shrink->count; !ramp->is_short && i-- > 0;) {
        const struct strategy_instance *instance = &ramp->shrink->instances[i];

        if (!is_active(ramp, i))
            continue;
        if (strategy_is_there(instance) && instance->is_ready) {
            if (spare == 0 || !strategy_is_serving(turn, instance))
                break;
            spare--;
        }
        ramp->picks++;
    }
}

/* The growing one has its part of the traffic before anything is drained for it. */
static bool shift(struct strategy_turn *turn, const struct ramp *ramp)
{
    uint32_t left = ramp->left - ramp->picks;
    uint32_t share = turn->seen->rule.share_ppm;
    uint32_t wanted;

    if (ramp->served == 0 || (ramp->is_short && ramp->up == STRATEGY_TO))
        return true;
    wanted = (uint32_t)((uint64_t)STRATEGY_ALL_PPM * ramp->served / (ramp->served + left));
    if (ramp->up == STRATEGY_FROM)
        wanted = STRATEGY_ALL_PPM - wanted;
    if (ramp->up == STRATEGY_TO ? share < wanted : share > wanted)
        strategy_do_share(turn, wanted);
    /* Going back: whoever is new goes to FROM at once. */
    if (ramp->up == STRATEGY_FROM && ramp->shrink->mode == STRATEGY_ACTIVE)
        strategy_do_mode(turn, STRATEGY_DO_DRAIN, STRATEGY_TO, STRATEGY_WHOLE_VERSION);
    return turn->action->count == 0 ||
           strategy_wait(turn, STRATEGY_WAIT_PROXIES, 0, turn->seen->proxies.count);
}

/* Others fell over: what was drained to be stopped serves a while longer. So does what can't be
 * stopped, because one above it serves. */
static bool give_back(struct strategy_turn *turn, const struct ramp *ramp)
{
    uint32_t lack = ramp->is_short ? ramp->floor - ramp->available : 0;
    uint32_t before = turn->action->count;
    uint32_t above = ramp->left;

    for (uint32_t i = 0; i < ramp->shrink->count && (lack > 0 || above > 0); i++) {
        const struct strategy_instance *instance = &ramp->shrink->instances[i];

        if (is_active(ramp, i)) {
            above--;
            continue;
        }
        if (instance->mode == STRATEGY_ACTIVE || instance->is_held ||
            !strategy_is_fit(turn, instance))
            continue;
        strategy_do_mode(turn, STRATEGY_DO_UNDRAIN, ramp->down, i);
        lack -= lack > 0;
    }
    return turn->action->count == before;
}

/* Drains what was picked, and stops what is quiet at the top. */
static void shrink(struct strategy_turn *turn, const struct ramp *ramp)
{
    uint32_t picks = ramp->picks;
    uint32_t count = ramp->shrink->replicas;
    bool is_top = true;

    for (uint32_t i = ramp->shrink->count; i-- > 0;) {
        const struct strategy_instance *instance = &ramp->shrink->instances[i];

        if (is_active(ramp, i)) {
            is_top = false;
            if (picks == 0)
                continue;
            picks--;
            strategy_do_mode(turn, STRATEGY_DO_DRAIN, ramp->down, i);
        } else if (strategy_is_there(instance) && !strategy_is_quiet(turn, instance)) {
            is_top = false;
            strategy_wait(turn, STRATEGY_WAIT_QUIET, instance->open, 0);
        } else if (is_top && i < count) {
            if (!ramp->is_short &&
                (!instance->exists || strategy_ask_instance(turn, ramp->down, i)))
                count = i;
            else
                is_top = false;
        }
    }
    if (count < ramp->shrink->replicas)
        strategy_do_scale(turn, ramp->down, count);
}

static void grow(struct strategy_turn *turn, const struct ramp *ramp)
{
    uint32_t planned = strategy_count_planned(ramp->grow) + strategy_count_planned(ramp->shrink);
    uint32_t room = ramp->ceiling > planned ? ramp->ceiling - planned : 0;
    uint32_t missing = turn->plan->replicas > ramp->grow->replicas
                           ? turn->plan->replicas - ramp->grow->replicas
                           : 0;

    if (missing > 0 && room > 0)
        strategy_do_scale(turn, ramp->up, ramp->grow->replicas + (room < missing ? room : missing));
}

/* Users may come to the growing one as soon as it is fit. */
static void take_up(struct strategy_turn *turn, const struct ramp *ramp)
{
    if (ramp->grow->build != ramp->wanted)
        strategy_do_build(turn, ramp->up, ramp->wanted);
    if (ramp->grow->mode != STRATEGY_ACTIVE)
        strategy_do_mode(turn, STRATEGY_DO_UNDRAIN, ramp->up, STRATEGY_WHOLE_VERSION);
    for (uint32_t i = 0; i < ramp->grow->count; i++)
        if (ramp->grow->instances[i].mode != STRATEGY_ACTIVE && !ramp->grow->instances[i].is_held &&
            strategy_is_fit(turn, &ramp->grow->instances[i]))
            strategy_do_mode(turn, STRATEGY_DO_UNDRAIN, ramp->up, i);
}

bool strategy_ramp(struct strategy_turn *turn, enum strategy_part up)
{
    uint32_t n = turn->plan->replicas;
    struct ramp ramp = {0};

    look(turn, up, &ramp);
    turn->measure = 2 * ramp.served + (2 * n - strategy_count_planned(ramp.shrink));
    turn->action->finished = ramp.served;
    take_up(turn, &ramp);
    if (ramp.served == n && turn->action->count == 0 &&
        (up == STRATEGY_FROM || turn->seen->rule.share_ppm == STRATEGY_ALL_PPM))
        return true;
    pick(turn, &ramp);
    if (!shift(turn, &ramp) || !strategy_agreed(turn))
        return false;
    if (give_back(turn, &ramp))
        shrink(turn, &ramp);
    grow(turn, &ramp);
    return strategy_wait(turn, STRATEGY_WAIT_STARTED, ramp.served, n);
}

#include "strategies/updates/turn.h"

/*
 * In place: drain an endpoint, wait until it is quiet, replace the instance, wait until it is
 * fit, undrain. How many at once follows from how many serve; which ones: those that serve nobody
 * first, then from the highest index down, as StatefulSets do.
 */
struct place {
    const struct strategy_version *version;
    enum strategy_build wanted;
    uint32_t floor; /* so many must be left: N - unavailable */
    uint32_t serving;
    uint32_t fit;
    uint32_t missing;    /* there is none, or it is not ready */
    uint32_t unseen;     /* ready, but not every proxy sees it up */
    uint32_t busy;       /* drained, and not quiet yet */
    bool is_turned_away; /* all of the new build are drained */
};

static bool is_right(const struct place *place, const struct strategy_instance *instance)
{
    return instance->build == place->wanted;
}

static void look(struct strategy_turn *turn, struct place *place)
{
    uint32_t n = turn->plan->replicas;
    uint32_t finished = 0;

    place->version = strategy_version_of(turn, STRATEGY_FROM);
    place->wanted = strategy_is_back(turn) ? STRATEGY_BUILD_STARTING : STRATEGY_BUILD_TARGET;
    place->floor = n - turn->plan->unavailable_count;
    place->serving = strategy_count_serving(turn, STRATEGY_FROM);
    if (place->version->count < n)
        place->missing = n - place->version->count;
    for (uint32_t i = 0; i < n && i < place->version->count; i++) {
        const struct strategy_instance *instance = &place->version->instances[i];

        place->fit += strategy_is_fit(turn, instance);
        if (!strategy_is_there(instance) || !instance->is_ready)
            place->missing++;
        else if (!strategy_is_fit(turn, instance))
            place->unseen++;
        else if (is_right(place, instance))
            finished++;
    }
    turn->action->finished = finished;
    turn->measure = 2 * finished;
}

/* Instances that are as they should be get users again. */
static bool take_up(struct strategy_turn *turn, const struct place *place)
{
    bool all = true;

    for (uint32_t i = 0; i < place->version->count; i++) {
        const struct strategy_instance *instance = &place->version->instances[i];

        if (instance->mode == STRATEGY_ACTIVE || instance->is_held)
            continue;
        if (is_right(place, instance) && strategy_is_fit(turn, instance)) {
            strategy_do_mode(turn, STRATEGY_DO_UNDRAIN, STRATEGY_FROM, i);
            all = false;
        }
    }
    return all;
}

/* Going back: no new user reaches the new build, if anybody else can take him. */
static bool turn_away(struct strategy_turn *turn, const struct place *place)
{
    const struct strategy_version *version = place->version;
    bool has_relief = false;

    for (uint32_t i = 0; i < version->count; i++) {
        const struct strategy_instance *instance = &version->instances[i];

        has_relief |=
            is_right(place, instance) && !instance->is_held && strategy_is_fit(turn, instance);
    }
    for (uint32_t i = 0; has_relief && i < version->count; i++) {
        const struct strategy_instance *instance = &version->instances[i];

        if (instance->exists && !is_right(place, instance) && instance->mode == STRATEGY_ACTIVE)
            strategy_do_mode(turn, STRATEGY_DO_DRAIN, STRATEGY_FROM, i);
    }
    return has_relief;
}

/* Too few serve because others fell over: what was drained to be replaced serves a while longer.
 * Returns true if nothing had to be done. */
static bool give_back(struct strategy_turn *turn, const struct place *place)
{
    uint32_t lack = place->serving < place->floor ? place->floor - place->serving : 0;
    uint32_t before = turn->action->count;

    for (uint32_t i = 0; lack > 0 && i < place->version->count; i++) {
        const struct strategy_instance *instance = &place->version->instances[i];

        if (instance->mode == STRATEGY_ACTIVE || instance->is_held || is_right(place, instance) ||
            !strategy_is_fit(turn, instance))
            continue;
        strategy_do_mode(turn, STRATEGY_DO_UNDRAIN, STRATEGY_FROM, i);
        lack--;
    }
    return turn->action->count == before;
}

/* Whether this one may be taken away without leaving too few. Those drained to be replaced are not
 * among the serving; going back all of the new build are drained, so there the fit ones count. */
static bool may_replace(const struct strategy_turn *turn, struct place *place,
                        const struct strategy_instance *instance)
{
    if (!instance->is_ready)
        return true;
    if (!strategy_is_back(turn))
        return place->serving >= place->floor;
    if (!strategy_is_fit(turn, instance))
        return place->fit >= place->floor;
    if (place->fit <= place->floor)
        return false;
    place->fit--;
    return true;
}

/* `spare` serving ones may be drained; the rest waits its turn. */
static void replace(struct strategy_turn *turn, struct place *place, uint32_t spare)
{
    for (uint32_t i = place->version->count; i-- > 0;) {
        const struct strategy_instance *instance = &place->version->instances[i];

        if (!strategy_is_there(instance) || is_right(place, instance))
            continue;
        if (instance->mode == STRATEGY_ACTIVE) {
            bool is_counted = strategy_is_serving(turn, instance);

            if (place->is_turned_away || (instance->is_ready && (!is_counted || spare == 0)))
                continue;
            spare -= is_counted;
            strategy_do_mode(turn, STRATEGY_DO_DRAIN, STRATEGY_FROM, i);
        } else if (!strategy_is_quiet(turn, instance)) {
            place->busy++;
        } else if (may_replace(turn, place, instance) &&
                   strategy_ask_instance(turn, STRATEGY_FROM, i)) {
            strategy_do_mode(turn, STRATEGY_DO_REPLACE, STRATEGY_FROM, i);
        }
    }
}

bool strategy_in_place(struct strategy_turn *turn)
{
    uint32_t n = turn->plan->replicas;
    struct place place = {0};
    uint32_t finished;
    bool is_taken_up;

    look(turn, &place);
    finished = turn->action->finished;
    is_taken_up = take_up(turn, &place);
    if (strategy_is_back(turn))
        place.is_turned_away = turn_away(turn, &place);
    if (!strategy_agreed(turn))
        return false;
    if (place.version->build != place.wanted)
        strategy_do_build(turn, STRATEGY_FROM, place.wanted);
    if (place.version->replicas != n)
        strategy_do_scale(turn, STRATEGY_FROM, n);
    if (strategy_is_back(turn) || give_back(turn, &place))
        replace(turn, &place, place.serving > place.floor ? place.serving - place.floor : 0);
    if (place.busy > 0)
        return strategy_wait(turn, STRATEGY_WAIT_QUIET, place.busy, 0);
    if (place.missing > 0)
        return strategy_wait(turn, STRATEGY_WAIT_STARTED, n - place.missing, n);
    if (place.unseen > 0)
        return strategy_wait(turn, STRATEGY_WAIT_UP, n - place.unseen, n);
    if (strategy_count_planned(place.version) > n)
        return strategy_wait(turn, STRATEGY_WAIT_STOPPED, 0, 0);
    return is_taken_up && turn->action->count == 0 && finished == n;
}

#include "strategies/updates/kinds.h"

#include <assert.h>

/* Why a running update must go back now, if it must. */
static enum strategy_cause find_cause(const struct strategy_observation *seen)
{
    if (seen->wishes.abort)
        return STRATEGY_CAUSE_PERSON;
    if (seen->rule.owner == STRATEGY_OWNER_GONE)
        return STRATEGY_CAUSE_TAKEN_BACK;
    if (seen->figures.is_over_limit)
        return STRATEGY_CAUSE_LIMIT;
    if (seen->figures.verdict == STRATEGY_VERDICT_WORSE)
        return STRATEGY_CAUSE_WORSE;
    if (seen->figures.goal == STRATEGY_VERDICT_WORSE)
        return STRATEGY_CAUSE_GOAL;
    return STRATEGY_CAUSE_NONE;
}

static bool is_of_traffic(enum strategy_command_kind kind)
{
    switch (kind) {
    case STRATEGY_DO_SET_BUILD:
    case STRATEGY_DO_SCALE:
    case STRATEGY_DO_REPLACE:
    case STRATEGY_DO_RESET_DISKS:
        return false;
    default:
        return true;
    }
}

/* Paused on the way back: users are led away from the new build, instances stay as they are. */
static void keep_traffic_only(struct strategy_action *action)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < action->count; i++)
        if (is_of_traffic(action->commands[i].kind))
            action->commands[count++] = action->commands[i];
    action->count = count;
}

static void stand_still(struct strategy_turn *turn, enum strategy_wait wait)
{
    struct strategy_action *action = turn->action;

    action->wait = STRATEGY_WAIT_NOTHING;
    action->again_ms = 0;
    strategy_wait_person(turn, wait);
    action->record.waiting_since_ms = 0;
    action->record.progress = 0;
}

/* Waits that the platform or the proxies must end in time; the others have limits of their own. */
static bool is_busy(const struct strategy_action *action)
{
    switch (action->wait) {
    case STRATEGY_WAIT_PROXIES:
    case STRATEGY_WAIT_STARTED:
    case STRATEGY_WAIT_UP:
    case STRATEGY_WAIT_STOPPED:
    case STRATEGY_WAIT_RESET:
        return true;
    default:
        return action->count > 0;
    }
}

/* No progress for too long: back; on the way back somebody must look. */
static void run_out(struct strategy_turn *turn)
{
    struct strategy_action *action = turn->action;

    if (action->record.course == STRATEGY_FORWARD) {
        action->count = 0;
        action->wait = STRATEGY_WAIT_NOTHING;
        strategy_go_back(turn, STRATEGY_CAUSE_DEADLINE);
        return;
    }
    action->record.is_stuck = true;
    action->wait = STRATEGY_WAIT_NOTHING;
    strategy_wait_person(turn, STRATEGY_WAIT_STUCK);
}

static void watch_progress(struct strategy_turn *turn)
{
    struct strategy_record *record = &turn->action->record;
    uint64_t now_ms = turn->seen->now_ms;

    if (!is_busy(turn->action)) {
        record->waiting_since_ms = 0;
        record->progress = 0;
        record->is_stuck = false;
        return;
    }
    if (record->waiting_since_ms == 0 || turn->measure > record->progress ||
        (record->is_stuck && turn->seen->wishes.retry)) {
        record->waiting_since_ms = now_ms;
        record->progress = turn->measure;
        record->is_stuck = false;
    }
    if (now_ms - record->waiting_since_ms >= turn->plan->progress_ms)
        run_out(turn);
    else
        strategy_again(turn, record->waiting_since_ms + turn->plan->progress_ms - now_ms);
}

/* Ready ones that have not been so for long enough: ask again when they have. */
static void watch_min_ready(struct strategy_turn *turn)
{
    uint64_t min_ready_ms = turn->plan->min_ready_ms;

    for (int part = 0; part < STRATEGY_PARTS; part++) {
        const struct strategy_version *version = &turn->seen->versions[part];

        for (uint32_t i = 0; i < version->count; i++)
            if (version->instances[i].is_ready && version->instances[i].ready_for_ms < min_ready_ms)
                strategy_again(turn, min_ready_ms - version->instances[i].ready_for_ms);
    }
}

/* The machine of this plan; true when there is nothing left to do. */
static bool run(struct strategy_turn *turn)
{
    if (!turn->plan->is_across)
        return strategy_kind_of(turn->plan)->in_place(turn);
    return strategy_is_back(turn) ? strategy_back_across(turn) : strategy_forward_across(turn);
}

static void go_forward(struct strategy_turn *turn)
{
    const struct strategy_observation *seen = turn->seen;
    struct strategy_action *action = turn->action;
    enum strategy_cause cause = find_cause(seen);

    if (cause != STRATEGY_CAUSE_NONE) {
        strategy_go_back(turn, cause);
        return;
    }
    if (seen->rule.owner == STRATEGY_OWNER_OTHER) {
        stand_still(turn, STRATEGY_WAIT_TAKEN_OVER);
        return;
    }
    if (seen->wishes.pause) {
        stand_still(turn, STRATEGY_WAIT_RESUME);
        return;
    }
    if (strategy_agreed(turn) && strategy_ask_hook(turn, STRATEGY_HOOK_BEFORE) && run(turn))
        action->record.course = STRATEGY_DONE;
    if (action->record.course == STRATEGY_FORWARD)
        watch_progress(turn);
}

static void go_back(struct strategy_turn *turn)
{
    const struct strategy_observation *seen = turn->seen;
    struct strategy_action *action = turn->action;

    if (seen->rule.owner == STRATEGY_OWNER_OTHER && !seen->wishes.abort) {
        stand_still(turn, STRATEGY_WAIT_TAKEN_OVER);
        return;
    }
    if (run(turn)) {
        action->record.course = STRATEGY_RETURNED;
        return;
    }
    if (seen->wishes.pause) {
        keep_traffic_only(action);
        if (action->count == 0)
            stand_still(turn, STRATEGY_WAIT_RESUME);
        return;
    }
    watch_progress(turn);
    if ((turn->plan->hooks & 1u << STRATEGY_HOOK_ROLLBACK) != 0 &&
        seen->hooks[STRATEGY_HOOK_ROLLBACK] == STRATEGY_HOOK_IDLE)
        strategy_do(turn, STRATEGY_DO_HOOK, STRATEGY_TO)->hook = STRATEGY_HOOK_ROLLBACK;
}

void strategy_update_next(const struct strategy_plan *plan,
                          const struct strategy_observation *observation,
                          struct strategy_action *ret_action)
{
    struct strategy_turn turn = {.plan = plan, .seen = observation, .action = ret_action};

    assert(plan->replicas > 0 && plan->replicas <= STRATEGY_REPLICAS_MAX);
    assert(observation->now_ms > 0);
    assert(observation->versions[STRATEGY_FROM].count <= STRATEGY_REPLICAS_MAX);
    assert(observation->versions[STRATEGY_TO].count <= STRATEGY_REPLICAS_MAX);
    ret_action->record = observation->record;
    ret_action->count = 0;
    ret_action->wait = STRATEGY_WAIT_NOTHING;
    ret_action->is_for_person = false;
    ret_action->done = ret_action->of = ret_action->again_ms = 0;
    ret_action->hook = STRATEGY_HOOK_BEFORE;
    ret_action->finished = 0;
    switch (observation->record.course) {
    case STRATEGY_FORWARD:
        go_forward(&turn);
        break;
    case STRATEGY_BACK:
        go_back(&turn);
        break;
    case STRATEGY_DONE:
    case STRATEGY_RETURNED:
        if ((plan->hooks & 1u << STRATEGY_HOOK_AFTER) != 0 &&
            observation->hooks[STRATEGY_HOOK_AFTER] == STRATEGY_HOOK_IDLE)
            strategy_do(&turn, STRATEGY_DO_HOOK, STRATEGY_TO)->hook = STRATEGY_HOOK_AFTER;
        return;
    }
    watch_min_ready(&turn);
}

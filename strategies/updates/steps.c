#include "strategies/updates/turn.h"

/*
 * Across the pair, forward: a list of steps. Each is said by what it wants to be, so that it may
 * be asked for again at any time: an engine that was killed in its middle finds it half done.
 */

static bool is_exposed(const struct strategy_rule *rule)
{
    return rule->stable != STRATEGY_FROM || rule->share_ppm > 0 || rule->has_match;
}

/* TO's disks are new: it stops, they are recreated. Nobody is sent there. */
static bool has_new_disks(struct strategy_turn *turn)
{
    const struct strategy_version *version = strategy_version_of(turn, STRATEGY_TO);
    uint32_t there = strategy_count_there(version);

    if (turn->seen->has_reset)
        return true;
    if (turn->seen->rule.mirror_ppm > 0) {
        strategy_do(turn, STRATEGY_DO_MIRROR, STRATEGY_TO)->ppm = 0;
        return strategy_wait(turn, STRATEGY_WAIT_PROXIES, 0, turn->seen->proxies.count);
    }
    if (version->replicas > 0)
        strategy_do_scale(turn, STRATEGY_TO, 0);
    if (version->replicas > 0 || there > 0)
        return strategy_wait(turn, STRATEGY_WAIT_STOPPED, there, 0);
    strategy_do(turn, STRATEGY_DO_RESET_DISKS, STRATEGY_TO);
    return strategy_wait(turn, STRATEGY_WAIT_RESET, 0, 0);
}

/* Everybody is at FROM before anything is done to TO's instances, or to anybody's data. */
static bool has_sent_home(struct strategy_turn *turn)
{
    if (!is_exposed(&turn->seen->rule))
        return true;
    strategy_do(turn, STRATEGY_DO_STABLE, STRATEGY_FROM);
    return strategy_wait(turn, STRATEGY_WAIT_PROXIES, 0, turn->seen->proxies.count);
}

/* Users whom somebody let in by hand are still there, and instances must go. */
static bool must_empty(const struct strategy_turn *turn, bool resets_disks)
{
    const struct strategy_version *version = strategy_version_of(turn, STRATEGY_TO);
    bool must = resets_disks && !turn->seen->has_reset;

    for (uint32_t i = 0; i < version->count; i++)
        must |=
            version->instances[i].exists && version->instances[i].build != STRATEGY_BUILD_TARGET;
    return must && (version->open > 0 || version->bound > 0);
}

static bool do_start(struct strategy_turn *turn, bool resets_disks)
{
    if (!has_sent_home(turn))
        return false;
    if (must_empty(turn, resets_disks) && !strategy_stop(turn, STRATEGY_TO))
        return false;
    return (!resets_disks || has_new_disks(turn)) && strategy_start(turn);
}

/* How the rule should be, in this step: one change at a time. */
static bool do_traffic(struct strategy_turn *turn, const struct strategy_step *step)
{
    const struct strategy_rule *rule = &turn->seen->rule;
    uint32_t mirror_ppm = step->kind == STRATEGY_STEP_MIRROR ? step->ppm : 0;
    struct strategy_command *command = NULL;

    if (rule->mirror_ppm != mirror_ppm) {
        command = strategy_do(turn, STRATEGY_DO_MIRROR, STRATEGY_TO);
        command->ppm = mirror_ppm;
    } else if (step->kind == STRATEGY_STEP_MATCH && !rule->has_match) {
        command = strategy_do(turn, STRATEGY_DO_MATCH, STRATEGY_TO);
        command->reference = step->reference;
    } else if (step->kind == STRATEGY_STEP_SHARE && rule->share_ppm < step->ppm) {
        command = strategy_do(turn, STRATEGY_DO_SHARE, STRATEGY_TO);
        command->ppm = step->ppm;
    }
    return command == NULL ||
           strategy_wait(turn, STRATEGY_WAIT_PROXIES, 0, turn->seen->proxies.count);
}

static bool do_test(struct strategy_turn *turn, const struct strategy_step *step)
{
    enum strategy_hook_state state = turn->seen->hooks[STRATEGY_HOOK_TEST];
    struct strategy_command *command;

    if (state == STRATEGY_HOOK_GOOD || turn->seen->wishes.promoted > turn->action->record.step)
        return true;
    if (state == STRATEGY_HOOK_BAD) {
        strategy_go_back(turn, STRATEGY_CAUSE_TEST);
        return false;
    }
    if (state == STRATEGY_HOOK_IDLE) {
        command = strategy_do(turn, STRATEGY_DO_HOOK, STRATEGY_TO);
        command->hook = STRATEGY_HOOK_TEST;
        command->reference = step->reference;
    }
    turn->action->hook = STRATEGY_HOOK_TEST;
    return strategy_wait(turn, STRATEGY_WAIT_HOOK, 0, 0);
}

/* A hook of the handover: nothing has moved yet when one fails, so it is back at once. */
static bool ask_mover(struct strategy_turn *turn, enum strategy_hook hook)
{
    if (turn->seen->hooks[hook] == STRATEGY_HOOK_BAD) {
        strategy_go_back(turn, STRATEGY_CAUSE_HOOK);
        return false;
    }
    return strategy_ask_hook(turn, hook);
}

/* prepare while FROM serves; then nobody is served, and what is open ends; then commit. */
static bool do_handover(struct strategy_turn *turn)
{
    const struct strategy_version *from = strategy_version_of(turn, STRATEGY_FROM);

    if (!has_sent_home(turn) || !ask_mover(turn, STRATEGY_HOOK_PREPARE))
        return false;
    if (from->mode != STRATEGY_CUT) {
        strategy_do_mode(turn, STRATEGY_DO_CUT, STRATEGY_FROM, STRATEGY_WHOLE_VERSION);
        return strategy_wait(turn, STRATEGY_WAIT_QUIET, from->open, 0);
    }
    if (from->open > 0) {
        if (strategy_is_version_quiet(turn, STRATEGY_FROM))
            strategy_do(turn, STRATEGY_DO_CUT, STRATEGY_FROM)->ends_open = true;
        return strategy_wait(turn, STRATEGY_WAIT_QUIET, from->open, 0);
    }
    return ask_mover(turn, STRATEGY_HOOK_COMMIT);
}

static bool do_switch(struct strategy_turn *turn)
{
    const struct strategy_rule *rule = &turn->seen->rule;

    if (rule->stable == STRATEGY_TO && rule->share_ppm == STRATEGY_ALL_PPM && !rule->has_match &&
        rule->mirror_ppm == 0)
        return true;
    strategy_do(turn, STRATEGY_DO_STABLE, STRATEGY_TO);
    return strategy_wait(turn, STRATEGY_WAIT_PROXIES, 0, turn->seen->proxies.count);
}

/* What the step wants to be is so, and TO is as it must be in all steps between start and stop. */
static bool do_step(struct strategy_turn *turn, const struct strategy_step *step)
{
    switch (step->kind) {
    case STRATEGY_STEP_START:
        return do_start(turn, turn->plan->resets_disks);
    case STRATEGY_STEP_RESTART:
        return do_start(turn, true);
    case STRATEGY_STEP_RAMP:
        return strategy_ramp(turn, STRATEGY_TO);
    case STRATEGY_STEP_STOP:
        return strategy_stop(turn, STRATEGY_FROM) && strategy_activate(turn, STRATEGY_FROM);
    case STRATEGY_STEP_MIRROR:
    case STRATEGY_STEP_MATCH:
    case STRATEGY_STEP_SHARE:
        return strategy_start(turn) && do_traffic(turn, step);
    case STRATEGY_STEP_TEST:
        return strategy_start(turn) && do_test(turn, step);
    case STRATEGY_STEP_HANDOVER:
        return strategy_start(turn) && do_handover(turn);
    case STRATEGY_STEP_SWITCH:
        return strategy_start(turn) && do_switch(turn);
    default:
        return strategy_start(turn);
    }
}

bool strategy_forward_across(struct strategy_turn *turn)
{
    const struct strategy_plan *plan = turn->plan;
    struct strategy_record *record = &turn->action->record;
    const struct strategy_step *step = &plan->steps[record->step];

    if (record->step >= plan->step_count)
        return true;
    if (!strategy_ask_hook(turn, STRATEGY_HOOK_STEP) || !do_step(turn, step) ||
        !strategy_has_evidence(turn, &step->evidence))
        return false;
    record->step++;
    record->step_since_ms = turn->seen->now_ms;
    record->evidence_since_ms = 0;
    record->waiting_since_ms = 0;
    record->progress = 0;
    return record->step == plan->step_count;
}

#include "strategies/updates/turn.h"

#include <assert.h>

struct strategy_command *strategy_do(struct strategy_turn *turn, enum strategy_command_kind kind,
                                     enum strategy_part part)
{
    struct strategy_command *command = &turn->action->commands[turn->action->count];

    assert(turn->action->count < STRATEGY_COMMANDS_MAX);
    turn->action->count++;
    *command = (struct strategy_command){
        .kind = kind,
        .part = part,
        .index = STRATEGY_WHOLE_VERSION,
    };
    return command;
}

void strategy_do_mode(struct strategy_turn *turn, enum strategy_command_kind kind,
                      enum strategy_part part, uint32_t index)
{
    strategy_do(turn, kind, part)->index = index;
}

void strategy_do_build(struct strategy_turn *turn, enum strategy_part part,
                       enum strategy_build build)
{
    strategy_do(turn, STRATEGY_DO_SET_BUILD, part)->build = build;
}

void strategy_do_scale(struct strategy_turn *turn, enum strategy_part part, uint32_t count)
{
    strategy_do(turn, STRATEGY_DO_SCALE, part)->count = count;
}

void strategy_do_share(struct strategy_turn *turn, uint32_t ppm)
{
    strategy_do(turn, STRATEGY_DO_SHARE, STRATEGY_TO)->ppm = ppm;
}

bool strategy_wait(struct strategy_turn *turn, enum strategy_wait wait, uint64_t done, uint64_t of)
{
    struct strategy_action *action = turn->action;

    if (action->wait == STRATEGY_WAIT_NOTHING) {
        action->wait = wait;
        action->done = done;
        action->of = of;
    }
    return false;
}

bool strategy_wait_person(struct strategy_turn *turn, enum strategy_wait wait)
{
    if (turn->action->wait == STRATEGY_WAIT_NOTHING)
        turn->action->is_for_person = true;
    return strategy_wait(turn, wait, 0, 0);
}

void strategy_again(struct strategy_turn *turn, uint64_t ms)
{
    struct strategy_action *action = turn->action;

    if (ms == 0)
        ms = 1;
    if (action->again_ms == 0 || ms < action->again_ms)
        action->again_ms = ms;
}

bool strategy_agreed(struct strategy_turn *turn)
{
    const struct strategy_proxies *proxies = &turn->seen->proxies;

    if (proxies->count > 0 && proxies->agreed == proxies->count && proxies->silent == 0)
        return true;
    return strategy_wait(turn, STRATEGY_WAIT_PROXIES, proxies->agreed, proxies->count);
}

bool strategy_ask_hook(struct strategy_turn *turn, enum strategy_hook hook)
{
    if ((turn->plan->hooks & 1u << hook) == 0)
        return true;
    switch (turn->seen->hooks[hook]) {
    case STRATEGY_HOOK_GOOD:
        return true;
    case STRATEGY_HOOK_BAD:
        turn->action->hook = hook;
        return strategy_wait_person(turn, STRATEGY_WAIT_HOOK_FAILED);
    case STRATEGY_HOOK_IDLE:
        strategy_do(turn, STRATEGY_DO_HOOK, STRATEGY_TO)->hook = hook;
        break;
    case STRATEGY_HOOK_RUNNING:
        break;
    }
    turn->action->hook = hook;
    return strategy_wait(turn, STRATEGY_WAIT_HOOK, 0, 0);
}

bool strategy_ask_instance(struct strategy_turn *turn, enum strategy_part part, uint32_t index)
{
    const struct strategy_instance *instance = &turn->seen->versions[part].instances[index];
    struct strategy_command *command;

    if ((turn->plan->hooks & 1u << STRATEGY_HOOK_INSTANCE) == 0 || strategy_is_back(turn) ||
        instance->hook == STRATEGY_HOOK_GOOD)
        return true;
    turn->action->hook = STRATEGY_HOOK_INSTANCE;
    if (instance->hook == STRATEGY_HOOK_BAD)
        return strategy_wait_person(turn, STRATEGY_WAIT_HOOK_FAILED);
    if (instance->hook == STRATEGY_HOOK_IDLE) {
        command = strategy_do(turn, STRATEGY_DO_HOOK, part);
        command->index = index;
        command->hook = STRATEGY_HOOK_INSTANCE;
    }
    return strategy_wait(turn, STRATEGY_WAIT_HOOK, 0, 0);
}

void strategy_go_back(struct strategy_turn *turn, enum strategy_cause cause)
{
    struct strategy_record *record = &turn->action->record;

    record->course = STRATEGY_BACK;
    record->cause = cause;
    record->step_since_ms = turn->seen->now_ms;
    record->evidence_since_ms = 0;
    record->waiting_since_ms = 0;
    record->progress = 0;
}

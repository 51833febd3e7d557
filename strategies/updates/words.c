#include "strategies/updates/planner.h"

#include <assert.h>

#define WORD(name, word) word,

const char *strategy_kind_word(enum strategy_kind kind)
{
    static const char *const words[] = {STRATEGY_KIND_MAP(WORD)};

    assert((unsigned)kind < STRATEGY_KIND_COUNT);
    return words[kind];
}

const char *strategy_state_word(enum strategy_state state)
{
    static const char *const words[] = {STRATEGY_STATE_MAP(WORD)};

    assert((unsigned)state < STRATEGY_STATE_COUNT);
    return words[state];
}

const char *strategy_step_word(enum strategy_step_kind kind)
{
    static const char *const words[] = {STRATEGY_STEP_MAP(WORD)};

    assert((unsigned)kind < STRATEGY_STEP_COUNT);
    return words[kind];
}

const char *strategy_cause_word(enum strategy_cause cause)
{
    static const char *const words[] = {STRATEGY_CAUSE_MAP(WORD)};

    assert((unsigned)cause < STRATEGY_CAUSE_COUNT);
    return words[cause];
}

const char *strategy_command_word(enum strategy_command_kind kind)
{
    static const char *const words[] = {STRATEGY_COMMAND_MAP(WORD)};

    assert((unsigned)kind < STRATEGY_COMMAND_COUNT);
    return words[kind];
}

const char *strategy_wait_words(enum strategy_wait wait)
{
    static const char *const words[] = {STRATEGY_WAIT_MAP(WORD)};

    assert((unsigned)wait < STRATEGY_WAIT_COUNT);
    return words[wait];
}

const char *strategy_hook_word(enum strategy_hook hook)
{
    static const char *const words[] = {"before",   "after",   "step",   "instance", "confirm",
                                        "rollback", "prepare", "commit", "test"};

    assert((unsigned)hook < STRATEGY_HOOK_COUNT);
    return words[hook];
}

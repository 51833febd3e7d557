#include "strategies/traffic/strategy.h"

#include <assert.h>

const char *strategy_reason_word(enum strategy_reason reason)
{
    static const char *const words[] = {
#define WORD(name, word) word,
        STRATEGY_REASON_MAP(WORD)
#undef WORD
    };

    assert((unsigned)reason < STRATEGY_REASON_COUNT);
    return words[reason];
}

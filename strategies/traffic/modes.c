#include "strategies/traffic/modes.h"

enum strategy_mode strategy_version_mode(enum strategy_mode own, enum strategy_mode mildest,
                                         bool is_kept)
{
    if (mildest == STRATEGY_DRAINING && !is_kept)
        mildest = STRATEGY_CUT;
    return own > mildest ? own : mildest;
}

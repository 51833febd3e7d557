#include "strategies/traffic/strategy.h"

/* What an endpoint gets in its first moment: enough to warm up by. */
#define FIRST 100

uint32_t strategy_cold(uint64_t up_for_ms, uint64_t slow_start_ms)
{
    if (up_for_ms >= slow_start_ms)
        return 0;
    return (uint32_t)((STRATEGY_WARM - FIRST) * (slow_start_ms - up_for_ms) / slow_start_ms);
}

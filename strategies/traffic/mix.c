#include "strategies/traffic/mix.h"

#include "strategies/traffic/strategy.h"

uint64_t strategy_mix(uint64_t x)
{
    return strategy_mix64(x);
}

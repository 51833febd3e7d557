#include "strategies/traffic/mix.h"
#include "strategies/traffic/strategy.h"

#define ALL_PPM 1000000u

bool strategy_mirror_sample(uint64_t seed, uint32_t ppm, uint64_t n)
{
    const uint32_t weights[] = {ppm, ALL_PPM - ppm};

    if (ppm == 0 || ppm >= ALL_PPM)
        return ppm != 0;
    return strategy_slot(seed, weights, 2, n) == 0;
}

bool strategy_mirror_sample_key(uint64_t seed, uint32_t ppm, uint64_t key)
{
    return strategy_scale(strategy_mix64(key ^ strategy_mix64(seed)), ALL_PPM) < ppm;
}

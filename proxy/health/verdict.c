#include "proxy/health/prober.h"

bool px_health_judge(struct px_health_verdict *verdict, bool ok, uint32_t up_after,
                     uint32_t down_after)
{
    bool was_up = verdict->is_up;

    verdict->successes = ok ? verdict->successes + 1 : 0;
    verdict->failures = ok ? 0 : verdict->failures + 1;
    if (!verdict->is_probed) {
        verdict->is_probed = true;
        verdict->is_up = ok;
        return true;
    }
    if (ok && verdict->successes >= up_after)
        verdict->is_up = true;
    if (!ok && verdict->failures >= down_after)
        verdict->is_up = false;
    return verdict->is_up != was_up;
}

uint64_t px_health_pause_ms(uint64_t interval_ms, bool is_first, uint64_t random)
{
    uint64_t half = interval_ms / 2;

    return is_first ? interval_ms - half + random % (half + 1) : interval_ms;
}

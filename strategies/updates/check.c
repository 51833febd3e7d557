#include "strategies/updates/kinds.h"

/* What is wrong with one of the steps given, or NULL. */
static const char *find_fault(const struct strategy_plan *plan,
                              const struct strategy_own_steps *own, uint32_t i, uint32_t share)
{
    const struct strategy_step *step = &own->steps[i];
    const struct strategy_evidence *evidence = &step->evidence;
    bool needs_traffic = evidence->requests > 0 || evidence->verdict || evidence->goal;
    bool has_traffic = false;
    bool is_shown = false;

    for (uint32_t j = 0; j <= i; j++) {
        bool shows =
            own->steps[j].kind == STRATEGY_STEP_SHARE || own->steps[j].kind == STRATEGY_STEP_MATCH;

        is_shown |= shows && j < i;
        has_traffic |= shows || (own->steps[j].kind == STRATEGY_STEP_MIRROR && own->steps[j].ppm);
    }
    if (step->ppm > STRATEGY_ALL_PPM)
        return "a share is at most 100 %";
    if (step->kind == STRATEGY_STEP_SHARE && step->ppm <= share)
        return "shares only grow: each must be above the one before, and above 0 %";
    if (step->kind == STRATEGY_STEP_MIRROR && is_shown && plan->resets_disks)
        return "a mirror after users were let in writes to disks that can't be reset any more: "
               "mirror first";
    if (step->kind == STRATEGY_STEP_KEEP && i + 1 < own->count)
        return "keep comes last: it is how long the old version is kept after the switch";
    if (step->kind == STRATEGY_STEP_KEEP && evidence->for_ms == 0)
        return "keep needs a time, as in {keep: 10m}";
    if (needs_traffic && !has_traffic)
        return "requests and verdicts can only be waited for once the new build gets some: share, "
               "match or mirror first";
    return NULL;
}

bool strategy_check_own(const struct strategy_plan *plan, const struct strategy_own_steps *own,
                        struct strategy_text *problem)
{
    uint32_t allowed = strategy_kind_of(plan)->own_steps;
    uint32_t share = 0;

    for (uint32_t i = 0; i < own->count; i++) {
        const struct strategy_step *step = &own->steps[i];
        const char *fault = find_fault(plan, own, i, share);

        if ((allowed & 1u << step->kind) == 0 || fault != NULL) {
            strategy_say(problem, "step ");
            strategy_say_number(problem, i + 1);
            strategy_say(problem, " (");
            strategy_say(problem, strategy_step_word(step->kind));
            strategy_say(problem, "): ");
            if (fault == NULL)
                strategy_say(problem, "is no step of ");
            strategy_say(problem, fault != NULL ? fault : strategy_kind_word(plan->kind));
            return false;
        }
        if (step->kind == STRATEGY_STEP_SHARE)
            share = step->ppm;
    }
    return true;
}

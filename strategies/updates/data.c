#include "strategies/updates/kinds.h"

/* The data contract: what an update means for what is on the disks. In place each instance keeps
 * its disk, so that there is nothing to refuse. */

static bool has_own_data(const struct strategy_plan *plan)
{
    return plan->has_disks && plan->state != STRATEGY_STATE_SHARED &&
           plan->state != STRATEGY_STATE_DISPOSABLE;
}

static bool has_mirror(const struct strategy_own_steps *own)
{
    for (uint32_t i = 0; i < own->count; i++)
        if (own->steps[i].kind == STRATEGY_STEP_MIRROR && own->steps[i].ppm > 0)
            return true;
    return false;
}

static bool check_handover(const struct strategy_plan *plan, const struct strategy_own_steps *own,
                           struct strategy_text *problem)
{
    uint32_t both = 1u << STRATEGY_HOOK_PREPARE | 1u << STRATEGY_HOOK_COMMIT;

    if ((plan->hooks & both) != both)
        return strategy_refuse(problem, "state: handover needs the hooks prepare and commit, which "
                                        "move the data");
    if (strategy_has_ramp(plan) || strategy_has_own(own, STRATEGY_STEP_SHARE) ||
        plan->kind == STRATEGY_KIND_CANARY || strategy_has_own(own, STRATEGY_STEP_MATCH))
        return strategy_refuse(problem, "state: handover moves all data in one go, while nobody is "
                                        "served: users can't be let in by parts. Use blue-green or "
                                        "shadow, or say state: independent if they may meet other "
                                        "data");
    return true;
}

bool strategy_check_data(const struct strategy_plan *plan, const struct strategy_own_steps *own,
                         struct strategy_text *problem)
{
    if (!plan->is_across) {
        if (plan->resets_disks)
            return strategy_refuse(problem, "--reset-disks is for the idle version of a pair: this "
                                            "update keeps every disk");
        return true;
    }
    if (plan->state == STRATEGY_STATE_HANDOVER && !check_handover(plan, own, problem))
        return false;
    if (plan->state == STRATEGY_STATE_ABSENT && plan->has_disks && !plan->accepts_separate_disks) {
        strategy_say(problem, plan->to);
        strategy_say(problem, " has its own disks");
        if (plan->last_served != NULL) {
            strategy_say(problem, ", last served on ");
            strategy_say(problem, plan->last_served);
        }
        return strategy_refuse(problem, ": users who move there meet other data. Say in the "
                                        "engine's file what the disks mean (state: shared, "
                                        "disposable, independent, handover), use rolling, which "
                                        "keeps every disk, or say --accept-separate-disks");
    }
    if (has_own_data(plan) && (plan->is_shadowed || has_mirror(own)) &&
        !plan->accepts_shadow_data && !plan->resets_disks) {
        strategy_say(problem, plan->to);
        return strategy_refuse(problem,
                               "'s disks get (or have) what mirrored requests wrote, which "
                               "users would meet: say --reset-disks or "
                               "--accept-shadow-data");
    }
    return true;
}

static bool has_shadow_data(const struct strategy_plan *plan)
{
    for (uint32_t i = 0; i < plan->step_count; i++)
        if (plan->steps[i].kind == STRATEGY_STEP_MIRROR && plan->steps[i].ppm > 0)
            return true;
    return plan->is_shadowed;
}

static void tell_separate(const struct strategy_plan *plan, struct strategy_text *text)
{
    strategy_say(text, "users who move meet other data: ");
    strategy_say(text, plan->to);
    strategy_say(text, " has its own disks");
    if (plan->last_served != NULL) {
        strategy_say(text, ", last served on ");
        strategy_say(text, plan->last_served);
    }
    strategy_say(text, ". Going back returns users, not what they wrote meanwhile.\n");
}

void strategy_tell_data(const struct strategy_plan *plan, struct strategy_text *text)
{
    strategy_say(text, "data (state: ");
    strategy_say(text, strategy_state_word(plan->state));
    strategy_say(text, "): ");
    if (!plan->is_across)
        strategy_say(text, "each instance keeps its disk. Going back returns the build, not what "
                           "the new one wrote.\n");
    else if (plan->state == STRATEGY_STATE_SHARED)
        strategy_say(text, "both builds see the same data, also while both run.\n");
    else if (plan->state == STRATEGY_STATE_DISPOSABLE || !plan->has_disks)
        strategy_say(text, "nothing of value is kept by the instances.\n");
    else if (plan->state == STRATEGY_STATE_HANDOVER)
        strategy_say(text, "the hooks move it while nobody is served; if one fails nothing has "
                           "moved. Going back later returns users, not data.\n");
    else
        tell_separate(plan, text);
    if (plan->resets_disks && plan->is_across) {
        strategy_say(text, "  the disks of ");
        strategy_say(text, plan->to);
        strategy_say(text, " are recreated: what is on them is lost.\n");
    } else if (plan->is_across && has_own_data(plan) && has_shadow_data(plan)) {
        strategy_say(text, "  what mirrored requests wrote stays on the disks of ");
        strategy_say(text, plan->to);
        strategy_say(text, ".\n");
    }
}

#include "strategies/updates/turn.h"

/* What is still missing of the figures, in the order in which people would ask. */
static enum strategy_wait find_missing(const struct strategy_turn *turn,
                                       const struct strategy_evidence *evidence, uint64_t since_ms)
{
    const struct strategy_figures *figures = &turn->seen->figures;

    if (figures->requests < evidence->requests)
        return STRATEGY_WAIT_REQUESTS;
    if (evidence->verdict && figures->verdict != STRATEGY_VERDICT_BETTER &&
        figures->verdict != STRATEGY_VERDICT_SAME)
        return STRATEGY_WAIT_VERDICT;
    if (evidence->goal && figures->goal == STRATEGY_VERDICT_INCONCLUSIVE)
        return STRATEGY_WAIT_GOAL;
    if (since_ms < evidence->for_ms)
        return STRATEGY_WAIT_TIME;
    return STRATEGY_WAIT_NOTHING;
}

/* Figures may take as long as they need, unless somebody said until when. */
static bool wait_for_figures(struct strategy_turn *turn, enum strategy_wait missing,
                             const struct strategy_evidence *evidence, uint64_t since_ms)
{
    uint64_t limit_ms = turn->plan->decide_within_ms;
    uint64_t requests = turn->seen->figures.requests;

    if (missing == STRATEGY_WAIT_TIME) {
        strategy_again(turn, evidence->for_ms - since_ms);
        return strategy_wait(turn, missing, since_ms, evidence->for_ms);
    }
    if (limit_ms > 0 && since_ms >= limit_ms) {
        if (turn->plan->on_undecided == STRATEGY_UNDECIDED_HOLD)
            return strategy_wait_person(turn, STRATEGY_WAIT_UNDECIDED);
        strategy_go_back(turn, STRATEGY_CAUSE_UNDECIDED);
        return false;
    }
    if (limit_ms > 0)
        strategy_again(turn, limit_ms - since_ms);
    return strategy_wait(turn, missing, missing == STRATEGY_WAIT_REQUESTS ? requests : 0,
                         missing == STRATEGY_WAIT_REQUESTS ? evidence->requests : 0);
}

static bool is_empty(const struct strategy_evidence *evidence)
{
    return evidence->for_ms == 0 && evidence->requests == 0 && !evidence->verdict &&
           !evidence->goal && !evidence->person && !evidence->confirm;
}

bool strategy_has_evidence(struct strategy_turn *turn, const struct strategy_evidence *evidence)
{
    struct strategy_record *record = &turn->action->record;
    uint64_t since_ms;
    enum strategy_wait missing;

    if (is_empty(evidence) || turn->seen->wishes.promoted > record->step)
        return true;
    /* What was counted before every proxy had the change says nothing. */
    if (record->evidence_since_ms == 0) {
        record->evidence_since_ms = turn->seen->now_ms;
        return false;
    }
    since_ms = turn->seen->now_ms - record->evidence_since_ms;
    missing = find_missing(turn, evidence, since_ms);
    if (missing != STRATEGY_WAIT_NOTHING)
        return wait_for_figures(turn, missing, evidence, since_ms);
    if (evidence->confirm && !strategy_ask_hook(turn, STRATEGY_HOOK_CONFIRM))
        return false;
    return !evidence->person || strategy_wait_person(turn, STRATEGY_WAIT_PROMOTE);
}

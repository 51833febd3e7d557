#include "strategies/updates/kinds.h"

static void say_all(struct strategy_text *text, const char *const *words)
{
    for (; *words != NULL; words++)
        strategy_say(text, *words);
}

/* "; on after 10m, 500 requests, a verdict of better or same, a person" */
static void say_evidence(struct strategy_text *text, const struct strategy_evidence *evidence)
{
    const char *comma = "; on after ";

    if (evidence->for_ms > 0) {
        strategy_say(text, comma);
        strategy_say_ms(text, evidence->for_ms);
        comma = ", ";
    }
    if (evidence->requests > 0) {
        strategy_say(text, comma);
        strategy_say_count(text, evidence->requests, "request");
        comma = ", ";
    }
    if (evidence->verdict) {
        strategy_say(text, comma);
        strategy_say(text, "a verdict of better or same");
        comma = ", ";
    }
    if (evidence->goal) {
        strategy_say(text, comma);
        strategy_say(text, "the goal's verdict");
        comma = ", ";
    }
    if (evidence->confirm) {
        strategy_say(text, comma);
        strategy_say(text, "the hook confirm");
        comma = ", ";
    }
    if (evidence->person) {
        strategy_say(text, comma);
        strategy_say(text, "somebody's promote");
    }
}

static void say_drain(const struct strategy_plan *plan, struct strategy_text *text)
{
    strategy_say(text, " (open requests and bound users get ");
    strategy_say_ms(text, plan->drain_ms);
    strategy_say(text, ")");
}

static void say_limits(const struct strategy_plan *plan, struct strategy_text *text)
{
    strategy_say(text, "at least ");
    strategy_say_number(text, plan->replicas - plan->unavailable_count);
    strategy_say(text, " ready, at most ");
    strategy_say_number(text, plan->replicas + plan->surge_count);
    strategy_say(text, " in all");
}

static void say_share(struct strategy_text *text, uint32_t ppm, const char *before,
                      const char *after)
{
    strategy_say(text, before);
    strategy_say_ppm(text, ppm);
    strategy_say(text, after);
}

static void say_ramp(const struct strategy_plan *plan, struct strategy_text *text)
{
    say_all(text, (const char *[]){plan->to, " gets build ", plan->to_build, "; it grows as ",
                                   plan->from, " shrinks, and the share with it: ", NULL});
    say_limits(plan, text);
}

static void say_traffic(const struct strategy_plan *plan, struct strategy_text *text,
                        const struct strategy_step *step)
{
    if (step->kind == STRATEGY_STEP_SHARE) {
        say_share(text, step->ppm, "", " of the users to ");
        strategy_say(text, plan->to);
    } else if (step->kind == STRATEGY_STEP_MATCH) {
        say_all(text, (const char *[]){"who matches ", step->text == NULL ? "" : step->text, " to ",
                                       plan->to, NULL});
    } else if (step->ppm == 0) {
        strategy_say(text, "the mirror ends");
    } else {
        say_share(text, step->ppm, "", " of the requests mirrored to ");
        say_all(text, (const char *[]){plan->to, ", answers compared and discarded", NULL});
    }
}

static void say_step(const struct strategy_plan *plan, struct strategy_text *text,
                     const struct strategy_step *step)
{
    switch (step->kind) {
    case STRATEGY_STEP_START:
        say_all(text,
                (const char *[]){plan->to,
                                 plan->resets_disks ? " gets new disks and build " : " gets build ",
                                 plan->to_build, ": ", NULL});
        strategy_say_count(text, plan->replicas, "instance");
        strategy_say(text, ", ready and up at every proxy; no user is there");
        break;
    case STRATEGY_STEP_RAMP:
        say_ramp(plan, text);
        break;
    case STRATEGY_STEP_PAUSE:
        strategy_say(text, "a pause");
        break;
    case STRATEGY_STEP_APPROVE:
        strategy_say(text, "an approval");
        break;
    case STRATEGY_STEP_TEST:
        say_all(text, (const char *[]){"the test ", step->text == NULL ? "" : step->text,
                                       " must answer well, else back", NULL});
        break;
    case STRATEGY_STEP_HANDOVER:
        say_all(text, (const char *[]){"hook prepare; ", plan->from,
                                       " is cut (503 and Retry-After) "
                                       "and quiet; hook commit",
                                       NULL});
        break;
    case STRATEGY_STEP_RESTART:
        say_all(text, (const char *[]){"the mirror ends; ", plan->to,
                                       " stops, gets new disks and "
                                       "starts again",
                                       NULL});
        break;
    case STRATEGY_STEP_SWITCH:
        say_all(text,
                (const char *[]){plan->to, " is stable, with all traffic, in one change", NULL});
        break;
    case STRATEGY_STEP_KEEP:
        say_all(text, (const char *[]){plan->from, " is kept: back is one switch", NULL});
        break;
    case STRATEGY_STEP_STOP:
        say_all(text, (const char *[]){plan->from, " is drained and stopped", NULL});
        say_drain(plan, text);
        break;
    default:
        say_traffic(plan, text, step);
        break;
    }
    say_evidence(text, &step->evidence);
    strategy_say(text, "\n");
}

static void describe_in_place(const struct strategy_plan *plan, struct strategy_text *text)
{
    if (plan->kind == STRATEGY_KIND_RECREATE) {
        say_all(text, (const char *[]){"  1. ", plan->from,
                                       " is cut: 503 and Retry-After from here "
                                       "on",
                                       NULL});
        say_drain(plan, text);
        strategy_say(text, "\n  2. all stop (");
        strategy_say_count(text, plan->replicas, "instance");
        say_all(text, (const char *[]){")\n  3. all start with build ", plan->to_build,
                                       "\n  4. once all are ready and up at every proxy ",
                                       plan->from, " is open again: the end of the gap\n", NULL});
        return;
    }
    strategy_say(text, "  1. of ");
    strategy_say_count(text, plan->replicas, "instance");
    strategy_say(text, ", ");
    strategy_say_number(text, plan->unavailable_count);
    strategy_say(text, " at a time, the highest first: drained");
    say_drain(plan, text);
    say_all(text, (const char *[]){", replaced by build ", plan->to_build,
                                   ", ready and up at every proxy, undrained; ", NULL});
    say_limits(plan, text);
    strategy_say(text, "\n");
    if (plan->unavailable_count >= plan->replicas)
        strategy_say(text, "     nobody is served while all are away: say --max-surge 1 (across "
                           "the pair) to avoid it\n");
}

static void say_back(const struct strategy_plan *plan, struct strategy_text *text)
{
    strategy_say(text, "back: ");
    if (!plan->is_across && plan->kind == STRATEGY_KIND_RECREATE)
        say_all(text,
                (const char *[]){"the same the other way, to build ", plan->from_build, NULL});
    else if (!plan->is_across)
        say_all(text,
                (const char *[]){"no new user reaches build ", plan->to_build,
                                 " from then on; instances are replaced back one by one", NULL});
    else if (strategy_has_ramp(plan))
        say_all(text, (const char *[]){"new users to ", plan->from, " at once; it grows again as ",
                                       plan->to, " shrinks", NULL});
    else
        say_all(text, (const char *[]){"everybody to ", plan->from,
                                       " in one change, as long as it "
                                       "is not being stopped",
                                       NULL});
    strategy_say(text, "; by itself when worse, over a limit, or after ");
    strategy_say_ms(text, plan->progress_ms);
    strategy_say(text, " without progress\n");
}

size_t strategy_plan_describe(const struct strategy_plan *plan, char *ret_text, size_t size)
{
    struct strategy_text text = {.bytes = ret_text, .size = size};

    say_all(&text, (const char *[]){strategy_kind_word(plan->kind), ": build ", plan->from_build,
                                    " to build ", plan->to_build, NULL});
    say_all(&text, (const char *[]){plan->is_across ? ", from " : ", in place on ", plan->from,
                                    plan->is_across ? " to " : "", plan->is_across ? plan->to : "",
                                    "\n", NULL});
    strategy_say(&text, strategy_kind_of(plan)->what);
    strategy_say(&text, "\n");
    for (uint32_t i = 0; i < plan->step_count; i++) {
        strategy_say(&text, i < 9 ? "  " : " ");
        strategy_say_number(&text, i + 1);
        strategy_say(&text, ". ");
        say_step(plan, &text, &plan->steps[i]);
    }
    if (!plan->is_across)
        describe_in_place(plan, &text);
    say_back(plan, &text);
    strategy_tell_data(plan, &text);
    return text.len;
}

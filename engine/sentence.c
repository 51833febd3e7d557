#include "engine/round.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* "03:07:12", local time: what the people in the channel have on their wall. */
static void put_time(FILE *out, uint64_t wall_ns)
{
    time_t at = (time_t)(wall_ns / 1000000000);
    struct tm tm;
    char text[16] = "";

    if (localtime_r(&at, &tm) && strftime(text, sizeof(text), "%H:%M:%S", &tm) > 0)
        fputs(text, out);
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void put_figures(const struct en_update *update, FILE *out)
{
    uint64_t requests = update->exposed_requests + update->last_requests;
    uint64_t errors = update->exposed_errors + update->last_errors;
    uint64_t users = update->exposed_users + update->last_users;

    if (!update->plan.is_across || requests == 0)
        return;
    fprintf(out, ": 5xx %.1f %% vs %.1f %% (n=%" PRIu64 ")", percent(errors, requests),
            percent(update->stable_errors, update->stable_requests), requests);
    if (errors > 0 && users > 0)
        fprintf(out, ", at most %" PRIu64 " users saw an error", errors < users ? errors : users);
    else if (errors > 0)
        fprintf(out, ", %" PRIu64 " requests met an error", errors);
}

static void put_back(const struct en_update *update, FILE *out)
{
    bool is_over = en_update_is_over(update);

    if (update->record.cause == STRATEGY_CAUSE_PERSON) {
        fputs(is_over ? "aborted " : "going back since ", out);
        put_time(out, update->turned_wall_ns);
        if (update->said_by[0])
            fprintf(out, " by %s", update->said_by);
        if (update->said[0])
            fprintf(out, " (%s)", update->said);
    } else {
        fputs(is_over ? "aborted " : "going back since ", out);
        put_time(out, update->turned_wall_ns);
        fprintf(out, ", %s", strategy_cause_word(update->record.cause));
    }
    put_figures(update, out);
}

static void put_wait(const struct en_core *core, FILE *out)
{
    const struct strategy_action *action = &core->action;

    if (!core->has_action || action->wait == STRATEGY_WAIT_NOTHING)
        return;
    fprintf(out, ", waits for %s", strategy_wait_words(action->wait));
    if (action->wait == STRATEGY_WAIT_HOOK || action->wait == STRATEGY_WAIT_HOOK_FAILED)
        fprintf(out, " (%s)", strategy_hook_word(action->hook));
    else if (action->wait == STRATEGY_WAIT_TIME && action->of > action->done)
        fprintf(out, " (%" PRIu64 " s left)", (action->of - action->done + 999) / 1000);
    else if (action->of > 0 && action->wait != STRATEGY_WAIT_TIME)
        fprintf(out, " (%" PRIu64 " of %" PRIu64 ")", action->done, action->of);
}

static void put_forward(const struct en_core *core, FILE *out)
{
    const struct en_update *update = core->update;
    const struct strategy_plan *plan = &update->plan;

    if (plan->is_across && update->record.step < plan->step_count) {
        const struct strategy_step *step = &plan->steps[update->record.step];

        fprintf(out, "step %u of %u (%s", update->record.step + 1, plan->step_count,
                strategy_step_word(step->kind));
        if (step->ppm > 0)
            fprintf(out, " %g %%", step->ppm / 10000.0);
        fputc(')', out);
    } else {
        fprintf(out, "%u of %u instances updated", core->has_action ? core->action.finished : 0,
                plan->replicas);
    }
    put_wait(core, out);
}

static void put_traffic(const struct en_core *core, FILE *out)
{
    const struct en_update *update = core->update;
    const struct en_rule_state *state = &core->seen.state;
    uint32_t to = update->versions[STRATEGY_TO];
    uint32_t from = update->versions[STRATEGY_FROM];

    if (!core->told.is_proxy_known) {
        fputs("; the proxy does not answer; 0 of 1 proxies agree", out);
        return;
    }
    if (state->share_ppm[to] == 0 || state->share_ppm[from] == 0)
        fprintf(out, "; all on %s", core->config->versions[state->share_ppm[to] ? to : from].name);
    else
        fprintf(out, "; %g %% on %s", state->share_ppm[to] / 10000.0,
                core->config->versions[to].name);
    fprintf(out, " since revision %" PRIu64 "; 1 of 1 proxies agree", update->revision);
}

char *en_sentence(const struct en_core *core)
{
    const struct en_update *update = core->update;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    if (!update) {
        fputs("no update yet", out);
    } else {
        fprintf(out, "update %" PRIu64 " %s build %s\xe2\x86\x92%s: ", update->id,
                strategy_kind_word(update->plan.kind), update->starting[STRATEGY_FROM],
                update->target);
        switch (update->record.course) {
        case STRATEGY_FORWARD:
            put_forward(core, out);
            break;
        case STRATEGY_DONE:
            fputs("done ", out);
            put_time(out, update->ended_wall_ns);
            fprintf(out, " in %.0f s",
                    (double)(update->ended_wall_ns - update->begun_wall_ns) / 1e9);
            break;
        case STRATEGY_BACK:
            put_back(update, out);
            put_wait(core, out);
            break;
        case STRATEGY_RETURNED:
            put_back(update, out);
            break;
        }
        put_traffic(core, out);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

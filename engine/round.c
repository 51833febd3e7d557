#include "engine/round.h"

#include "lib/api/json.h"
#include "lib/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUSY_MS 150
#define IDLE_MS 500
#define AGAIN_MAX_MS 10000
#define ENDED_MAX 100
#define ABORT_STEPS 6

static uint64_t boot_ms(const struct en_core *core)
{
    return core->clock->boottime_ns(core->clock->context) / 1000000;
}

uint64_t en_now_ms(const struct en_core *core)
{
    int64_t now = (int64_t)boot_ms(core) + core->clock_offset_ms;

    return now > 0 ? (uint64_t)now : 1;
}

/* --- what is kept ------------------------------------------------------------------------------
 */

static json_t *clock_json(const struct en_core *core)
{
    return json_pack("{s:s, s:I, s:I, s:I}", "boot", core->boot, "offset_ms",
                     (json_int_t)core->clock_offset_ms, "now_ms", (json_int_t)en_now_ms(core),
                     "wall_ns", (json_int_t)core->clock->wall_ns(core->clock->context));
}

/* The same run of the machine: as it was. Another one: as far on as the wall clock says. */
static void restore_clock(struct en_core *core, const json_t *kept)
{
    const char *boot = json_string_value(json_object_get(kept, "boot"));
    int64_t wall_ns = (int64_t)core->clock->wall_ns(core->clock->context);
    int64_t away_ms = (wall_ns - json_integer_value(json_object_get(kept, "wall_ns"))) / 1000000;

    if (!boot)
        return;
    core->clock_offset_ms = json_integer_value(json_object_get(kept, "offset_ms"));
    if (strcmp(boot, core->boot) != 0)
        core->clock_offset_ms = json_integer_value(json_object_get(kept, "now_ms")) +
                                (away_ms > 0 ? away_ms : 0) - (int64_t)boot_ms(core);
}

int en_core_keep(struct en_core *core, char **ret_why)
{
    json_t *value =
        json_pack("{s:o, s:I, s:O, s:O}", "clock", clock_json(core), "next_id",
                  (json_int_t)core->next_id, "ended", core->ended, "totals", core->totals);

    if (core->update)
        tn_json_set(&value, "update", en_update_json(core->update));
    return en_store_put(core->store, "engine", value, ret_why);
}

int en_core_restore(struct en_core *core, char **ret_why)
{
    const json_t *kept = en_store_get(core->store, "engine");
    const json_t *update = json_object_get(kept, "update");

    restore_clock(core, json_object_get(kept, "clock"));
    core->next_id = (uint64_t)json_integer_value(json_object_get(kept, "next_id"));
    core->ended = json_deep_copy(json_object_get(kept, "ended"));
    core->totals = json_deep_copy(json_object_get(kept, "totals"));
    if (!core->ended)
        core->ended = json_array();
    if (!core->totals)
        core->totals = json_object();
    if (!core->ended || !core->totals)
        return en_fail(ret_why, -ENOMEM, "out of memory");
    tn_list_init(&core->orders);
    core->hooks = en_hooks_new();
    if (!core->hooks)
        return en_fail(ret_why, -ENOMEM, "out of memory");
    return update ? en_update_parse(update, core->config, ret_why, &core->update) : 0;
}

void en_core_deinit(struct en_core *core)
{
    en_hooks_free(core->hooks);
    core->hooks = NULL;
    en_update_free(core->update);
    json_decref(core->ended);
    json_decref(core->totals);
    core->update = NULL;
    core->ended = core->totals = NULL;
}

/* --- what is said ------------------------------------------------------------------------------
 */

static void say(struct en_core *core, const char *action, uint64_t before, const char *result,
                const char *why)
{
    const struct en_update *update = core->update;
    char at[TN_RFC3339_SIZE];
    json_t *line = json_pack(
        "{s:s, s:I, s:s, s:s, s:s, s:s?, s:I, s:I, s:i}", "at",
        tn_clock_rfc3339(core->clock->wall_ns(core->clock->context), at), "update",
        (json_int_t)update->id, "strategy", strategy_kind_word(update->plan.kind), "action", action,
        "result", result, "why", why, "revision_before", (json_int_t)before, "revision_after",
        (json_int_t)core->seen.revision, "step", (int)update->record.step);
    char *text = line ? tn_json_text(line, JSON_COMPACT) : NULL;

    if (text && core->say)
        core->say(text);
    free(text);
    json_decref(line);
}

/* Later each time; an order of a person is tried at once. */
static void on_failure(struct en_core *core, char *why)
{
    struct en_told *told = &core->told;
    uint64_t pause = BUSY_MS;

    told->failures++;
    for (uint32_t i = 1; i < told->failures && pause < AGAIN_MAX_MS; i++)
        pause *= 2;
    told->again_ms = boot_ms(core) + (pause < AGAIN_MAX_MS ? pause : AGAIN_MAX_MS);
    if (why && strcmp(told->why, why) != 0) {
        tn_log(TN_LOG_WARNING, "engine", "%s", why);
        snprintf(told->why, sizeof(told->why), "%s", why);
    }
    free(why);
}

static void on_success(struct en_core *core)
{
    core->told.failures = 0;
    core->told.again_ms = 0;
    core->told.why[0] = '\0';
}

/* --- a look ------------------------------------------------------------------------------------
 */

static void look(struct en_core *core)
{
    const char *goal =
        core->update ? json_string_value(json_object_get(core->update->request, "metric")) : NULL;
    const char *rule =
        core->update && !en_update_is_over(core->update) ? core->update->rule : core->config->rule;
    char *why = NULL;

    core->told.is_platform_known =
        core->platform->ops->observe(core->platform, &core->view, &why) == 0;
    if (!core->told.is_platform_known) {
        on_failure(core, why);
        why = NULL;
    }
    core->told.is_proxy_known = en_proxy_observe(&core->proxy, rule, goal, &core->seen, &why) == 0;
    if (!core->told.is_proxy_known)
        on_failure(core, why);
    else
        free(why);
}

/* --- a step ------------------------------------------------------------------------------------
 */

static void carry_out(struct en_core *core)
{
    const struct strategy_action *action = &core->action;

    for (uint32_t i = 0; i < action->count; i++) {
        uint64_t before = core->seen.revision;
        char text[120];
        char *why = NULL;
        int r = en_act(core, &action->commands[i], &why);

        en_command_text(core, &action->commands[i], text, sizeof(text));
        say(core, text, before, r == 0 ? "done" : "failed", why);
        if (r < 0) {
            /* What we saw is old: the next look is at once. */
            if (r != -ESTALE)
                on_failure(core, why);
            else
                free(why);
            return;
        }
        free(why);
        core->did++;
    }
    if (core->told.is_proxy_known && core->told.is_platform_known)
        on_success(core);
}

static const char *const course_words[] = {"forward", "back", "done", "returned"};

/* Padding has no say. */
static bool is_same_record(const struct strategy_record *a, const struct strategy_record *b)
{
    return a->course == b->course && a->cause == b->cause && a->is_stuck == b->is_stuck &&
           a->step == b->step && a->step_since_ms == b->step_since_ms &&
           a->evidence_since_ms == b->evidence_since_ms &&
           a->waiting_since_ms == b->waiting_since_ms && a->progress == b->progress;
}

static void count_total(struct en_core *core)
{
    const struct en_update *update = core->update;
    char key[64];
    json_int_t before;

    snprintf(key, sizeof(key), "%s %s", strategy_kind_word(update->plan.kind),
             course_words[update->record.course]);
    before = json_integer_value(json_object_get(core->totals, key));
    json_object_set_new(core->totals, key, json_integer(before + 1));
}

static void on_course(struct en_core *core)
{
    struct en_update *update = core->update;
    uint64_t now = core->clock->wall_ns(core->clock->context);

    if (update->record.course == STRATEGY_BACK)
        update->turned_wall_ns = now;
    if (en_update_is_over(update))
        update->ended_wall_ns = now;
}

/* Once it is kept that it is over. */
static void on_over(struct en_core *core)
{
    struct en_update *update = core->update;
    char *sentence = en_sentence(core);

    count_total(core);
    json_array_append_new(core->ended,
                          json_pack("{s:I, s:s, s:s, s:s?}", "id", (json_int_t)update->id, "result",
                                    course_words[update->record.course], "cause",
                                    strategy_cause_word(update->record.cause), "text", sentence));
    while (json_array_size(core->ended) > ENDED_MAX)
        json_array_remove(core->ended, 0);
    if (sentence)
        tn_log(TN_LOG_INFO, "engine", "%s", sentence);
    free(sentence);
    en_core_keep(core, NULL); /* the list: what it says can be said again */
}

/* Durable before anything is done about it. False: it is not. */
static bool take_record(struct en_core *core)
{
    struct en_update *update = core->update;
    struct en_update before = *update;
    char *why = NULL;

    update->record = core->action.record;
    if (!update->record.is_stuck)
        update->wishes.retry = false;
    if (update->record.course != before.record.course)
        on_course(core);
    if (!is_same_record(&before.record, &update->record) && en_core_keep(core, &why) < 0) {
        *update = before;
        on_failure(core, why);
        return false;
    }
    if (update->record.course != before.record.course) {
        say(core, course_words[update->record.course], core->seen.revision, "done",
            update->record.cause ? strategy_cause_word(update->record.cause) : NULL);
        en_notify(core, course_words[update->record.course]);
        if (en_update_is_over(update))
            on_over(core);
    }
    return true;
}

/* The hook that is told at the end has not been asked, or by an engine that was killed then. */
static bool is_after_owed(const struct en_core *core)
{
    const char *word = json_string_value(
        json_object_get(core->update->hooks, strategy_hook_word(STRATEGY_HOOK_AFTER)));

    return (core->update->plan.hooks & 1u << STRATEGY_HOOK_AFTER) != 0 &&
           (!word || (strcmp(word, "running") == 0 &&
                      !en_hooks_is_running(core->hooks, strategy_hook_word(STRATEGY_HOOK_AFTER))));
}

static void step(struct en_core *core)
{
    if (!core->update || (en_update_is_over(core->update) && !is_after_owed(core)))
        return;
    if (boot_ms(core) < core->told.again_ms || !en_observe(core))
        return;
    strategy_update_next(&core->update->plan, &core->observation, &core->action);
    core->has_action = true;
    if (take_record(core))
        carry_out(core);
}

/* Whoever aborts is answered when nobody new reaches the new build any more. */
static bool is_abort_owed(const struct en_core *core)
{
    const struct en_update *update = core->update;
    uint32_t to;

    if (tn_list_is_empty(&core->orders) || !update || !update->wishes.abort ||
        !update->plan.is_across || en_update_is_over(update) || core->told.failures > 0)
        return false;
    to = update->versions[STRATEGY_TO];
    return update->ours.share_ppm[to] > 0 || update->ours.has_match[to] ||
           update->ours.mirror_ppm[to] > 0;
}

uint64_t en_round(struct en_core *core)
{
    bool is_busy;

    core->did = 0;
    en_ask_hear(core);
    look(core);
    en_orders_take(core);
    step(core);
    for (int i = 0; i < ABORT_STEPS && is_abort_owed(core); i++) {
        look(core);
        step(core);
    }
    en_lease(core);
    en_orders_finish(core);
    is_busy = core->update && !en_update_is_over(core->update);
    if (core->did > 0)
        return 1;
    return is_busy ? BUSY_MS : IDLE_MS;
}

#include "engine/round.h"

#include "lib/api/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *instance_json(const struct en_core *core, uint32_t v, uint32_t i)
{
    const struct en_instance *instance = &core->view.versions[v].instances[i];
    const struct en_proxy_endpoint *endpoint = &core->seen.versions[v].endpoints[i];
    uint64_t boot_ms = core->clock->boottime_ns(core->clock->context) / 1000000;

    return json_pack("{s:i, s:s, s:s, s:s, s:I, s:i, s:s, s:b, s:s, s:i}", "index", (int)i, "phase",
                     en_phase_words[instance->phase], "build", instance->build, "address",
                     instance->address, "since_ms",
                     (json_int_t)(boot_ms > instance->since_ms ? boot_ms - instance->since_ms : 0),
                     "restarts", (int)instance->restarts, "why", instance->why, "up",
                     core->told.is_proxy_known && endpoint->is_up, "mode",
                     endpoint->mode == STRATEGY_CUT        ? "cut"
                     : endpoint->mode == STRATEGY_DRAINING ? "draining"
                                                           : "active",
                     "open", (int)endpoint->in_flight);
}

static json_t *versions_json(const struct en_core *core)
{
    json_t *versions = json_array();

    for (uint32_t v = 0; v < EN_VERSIONS; v++) {
        const struct en_version *version = &core->view.versions[v];
        const struct en_proxy_figures *figures = &core->seen.figures[v];
        json_t *instances = json_array();

        for (uint32_t i = 0; i < core->config->versions[v].port_count; i++) {
            if (i < version->replicas || version->instances[i].phase != EN_ABSENT)
                tn_json_append(&instances, instance_json(core, v, i));
        }
        tn_json_append(
            &versions,
            json_pack("{s:s, s:s, s:i, s:i, s:i, s:b, s:I, s:I, s:s, s:o}", "name",
                      core->config->versions[v].name, "build", version->build, "replicas",
                      (int)version->replicas, "share_ppm", (int)core->seen.state.share_ppm[v],
                      "mirror_ppm", (int)core->seen.state.mirror_ppm[v], "match",
                      core->seen.state.has_match[v], "requests", (json_int_t)figures->requests,
                      "errors", (json_int_t)figures->errors, "verdict",
                      strategy_verdict_word(figures->verdict), "instances", instances));
    }
    return versions;
}

static const char *const course_words[] = {"forward", "back", "done", "returned"};

static json_t *wait_json(const struct en_core *core)
{
    const struct strategy_action *action = &core->action;
    const struct en_update *update = core->update;
    uint64_t now = en_now_ms(core);
    uint64_t since = update->record.waiting_since_ms ? update->record.waiting_since_ms
                                                     : update->record.step_since_ms;

    if (!core->has_action || en_update_is_over(update) || action->wait == STRATEGY_WAIT_NOTHING)
        return json_null();
    return json_pack("{s:s, s:I, s:I, s:I, s:b}", "for", strategy_wait_words(action->wait), "done",
                     (json_int_t)action->done, "of", (json_int_t)action->of, "ms",
                     (json_int_t)(now > since ? now - since : 0), "person", action->is_for_person);
}

static json_t *time_json(uint64_t wall_ns)
{
    char at[TN_RFC3339_SIZE];

    return wall_ns ? json_string(tn_clock_rfc3339(wall_ns, at)) : json_null();
}

static json_t *steps_json(const struct strategy_plan *plan)
{
    json_t *steps = json_array();

    for (uint32_t i = 0; i < plan->step_count; i++)
        tn_json_append(&steps,
                       json_pack("{s:s, s:i}", "step", strategy_step_word(plan->steps[i].kind),
                                 "ppm", (int)plan->steps[i].ppm));
    return steps;
}

static json_t *update_json(const struct en_core *core)
{
    const struct en_update *update = core->update;
    const struct strategy_record *record = &update->record;

    if (!update)
        return json_null();
    return json_pack(
        "{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:i, s:i, s:b, s:b, s:o, s:o, "
        "s:o, s:s, s:s, s:I}",
        "id", (json_int_t)update->id, "strategy", strategy_kind_word(update->plan.kind), "from",
        update->plan.from, "to", update->plan.to, "from_build", update->starting[STRATEGY_FROM],
        "to_build", update->target, "rule", update->rule, "course", course_words[record->course],
        "cause", record->cause ? strategy_cause_word(record->cause) : "", "step", (int)record->step,
        "steps", steps_json(&update->plan), "finished",
        core->has_action ? (int)core->action.finished : 0, "replicas", (int)update->plan.replicas,
        "paused", update->wishes.pause, "stuck", record->is_stuck, "wait", wait_json(core),
        "begun_at", time_json(update->begun_wall_ns), "ended_at", time_json(update->ended_wall_ns),
        "author", update->author, "reason", update->reason, "revision",
        (json_int_t)update->revision);
}

json_t *en_status_json(const struct en_core *core)
{
    char *sentence = en_sentence(core);
    json_t *json =
        json_pack("{s:s, s:s, s:s?, s:s?, s:{s:b, s:I, s:s}, s:o, s:o, s:O}", "service",
                  core->config->service, "platform", core->platform->ops->name, "sentence",
                  sentence, "problem", core->told.why[0] ? core->told.why : NULL, "proxy",
                  "reachable", core->told.is_proxy_known, "revision",
                  (json_int_t)core->seen.revision, "rule", core->seen.rule, "update",
                  update_json(core), "versions", versions_json(core), "ended", core->ended);

    free(sentence);
    return json;
}

/* --- metrics -----------------------------------------------------------------------------------
 */

static void put_family(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP turnout_update_%s %s\n# TYPE turnout_update_%s %s\n", name, help, name,
            type);
}

static void put_totals(const struct en_core *core, FILE *out)
{
    const char *key;
    json_t *count;

    put_family(out, "total", "counter", "Updates that are over.");
    json_object_foreach(core->totals, key, count)
    {
        const char *space = strrchr(key, ' ');

        fprintf(out,
                "turnout_update_total{strategy=\"%.*s\",result=\"%s\"} %" JSON_INTEGER_FORMAT "\n",
                (int)(space - key), key, space + 1, json_integer_value(count));
    }
}

static void put_update(const struct en_core *core, FILE *out)
{
    const struct en_update *update = core->update;
    uint64_t end =
        update->ended_wall_ns ? update->ended_wall_ns : core->clock->wall_ns(core->clock->context);
    json_t *wait = wait_json(core);

    put_family(out, "info", "gauge", "The last update; 1.");
    fprintf(out,
            "turnout_update_info{service=\"%s\",update=\"%" PRIu64 "\",strategy=\"%s\",from=\"%s\","
            "to=\"%s\",from_build=\"%s\",to_build=\"%s\"} 1\n",
            core->config->service, update->id, strategy_kind_word(update->plan.kind),
            update->plan.from, update->plan.to, update->starting[STRATEGY_FROM], update->target);
    put_family(out, "phase", "gauge", "1 for the phase of the last update.");
    for (int i = 0; i < 4; i++)
        fprintf(out, "turnout_update_phase{phase=\"%s\"} %d\n", course_words[i],
                (int)update->record.course == i);
    put_family(out, "step", "gauge", "Step of the last update, from 0.");
    fprintf(out, "turnout_update_step %u\n", update->record.step);
    put_family(out, "waiting_seconds", "gauge", "For how long it waits for what it waits for.");
    fprintf(out, "turnout_update_waiting_seconds %.3f\n",
            (double)json_integer_value(json_object_get(wait, "ms")) / 1000);
    put_family(out, "duration_seconds", "gauge", "From its beginning to its end, or until now.");
    fprintf(out, "turnout_update_duration_seconds %.3f\n",
            end > update->begun_wall_ns ? (double)(end - update->begun_wall_ns) / 1e9 : 0);
    json_decref(wait);
}

char *en_metrics_text(const struct en_core *core)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    put_totals(core, out);
    if (core->update)
        put_update(core, out);
    fputs("# HELP turnout_engine_failures Rounds in a row that failed.\n"
          "# TYPE turnout_engine_failures gauge\n",
          out);
    fprintf(out, "turnout_engine_failures %u\n", core->told.failures);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

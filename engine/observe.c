#include "engine/round.h"

#include <string.h>

static enum strategy_build build_of(const struct en_update *update, enum strategy_part part,
                                    const char *build)
{
    bool gets_target = part == STRATEGY_TO ? update->plan.is_across : !update->plan.is_across;

    if (gets_target && strcmp(build, update->target) == 0)
        return STRATEGY_BUILD_TARGET;
    return strcmp(build, update->starting[part]) == 0 ? STRATEGY_BUILD_STARTING
                                                      : STRATEGY_BUILD_OTHER;
}

static uint64_t since(struct en_since *known, enum strategy_mode mode, uint64_t now_ms)
{
    if (known->since_ms == 0 || known->mode != mode)
        *known = (struct en_since){mode, now_ms};
    return now_ms - known->since_ms;
}

/* One that an engine before this one asked has nobody any more who would hear it: asked again. */
static enum strategy_hook_state hook_state(const struct en_core *core, const char *key)
{
    const char *word = json_string_value(json_object_get(core->update->hooks, key));

    if (!word || (strcmp(word, "running") == 0 && !en_hooks_is_running(core->hooks, key)))
        return STRATEGY_HOOK_IDLE;
    if (strcmp(word, "good") == 0)
        return STRATEGY_HOOK_GOOD;
    return strcmp(word, "bad") == 0 ? STRATEGY_HOOK_BAD : STRATEGY_HOOK_RUNNING;
}

static void observe_instance(struct en_core *core, uint32_t v, uint32_t i, enum strategy_part part)
{
    const struct en_instance *instance = &core->view.versions[v].instances[i];
    const struct en_proxy_endpoint *endpoint = &core->seen.versions[v].endpoints[i];
    struct strategy_instance *target = &core->observation.versions[part].instances[i];
    uint64_t now = core->observation.now_ms;
    char key[EN_ID_SIZE + 16] = "instance ";

    memcpy(key + strlen(key), instance->id, sizeof(instance->id));
    *target = (struct strategy_instance){
        .build = build_of(core->update, part, instance->build),
        .exists = instance->phase != EN_ABSENT,
        .is_stopping = instance->phase == EN_STOPPING,
        .is_ready = instance->phase == EN_READY,
        .is_up = core->told.is_proxy_known && endpoint->is_up && instance->phase == EN_READY,
        .mode = endpoint->mode,
        .is_held = en_mode_is_held(core, v, i, endpoint->mode),
        .mode_for_ms = since(&core->since[v][i], endpoint->mode, now),
        .open = core->told.is_proxy_known ? endpoint->in_flight : UINT32_MAX,
        .bound = core->seen.holds_users ? UINT32_MAX : 0,
        .hook = hook_state(core, key),
    };
    if (target->is_ready) {
        uint64_t boot_ms = core->clock->boottime_ns(core->clock->context) / 1000000;

        target->ready_for_ms = boot_ms > instance->since_ms ? boot_ms - instance->since_ms : 0;
    }
}

static void observe_version(struct en_core *core, enum strategy_part part)
{
    uint32_t v = core->update->versions[part];
    const struct en_version *version = &core->view.versions[v];
    const struct en_proxy_version *seen = &core->seen.versions[v];
    struct strategy_version *target = &core->observation.versions[part];

    *target = (struct strategy_version){
        .build = build_of(core->update, part, version->build),
        .replicas = version->replicas,
        .mode = seen->mode,
        .mode_for_ms = since(&core->version_since[v], seen->mode, core->observation.now_ms),
        .bound = core->seen.holds_users ? UINT32_MAX : 0,
        .count = core->config->versions[v].port_count,
    };
    for (uint32_t i = 0; i < target->count; i++) {
        observe_instance(core, v, i, part);
        target->open += target->instances[i].exists && core->told.is_proxy_known
                            ? target->instances[i].open
                            : 0;
    }
    if (!core->told.is_proxy_known)
        target->open = UINT32_MAX;
}

static void observe_rule(struct en_core *core)
{
    const struct en_update *update = core->update;
    uint32_t to = update->versions[STRATEGY_TO];
    const struct en_rule_state *state = &core->seen.state;

    core->observation.rule = (struct strategy_rule){
        .stable = state->stable == to ? STRATEGY_TO : STRATEGY_FROM,
        .share_ppm = state->share_ppm[to],
        .mirror_ppm = state->mirror_ppm[to],
        .has_match = state->has_match[to],
    };
    core->observation.rule.owner = en_owner(core);
}

static uint64_t limit_of(const struct en_update *update, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(update->request, name));
}

static bool is_over_limit(const struct en_update *update, const struct en_proxy_figures *figures)
{
    uint64_t error_ppm = limit_of(update, "max_error_rate_ppm");
    uint64_t p99_ms = limit_of(update, "max_p99_ms");
    uint64_t least = limit_of(update, "min_requests");

    if (figures->requests < (least > 0 ? least : 50))
        return false;
    return (error_ppm > 0 && figures->error_share * STRATEGY_ALL_PPM > (double)error_ppm) ||
           (p99_ms > 0 && figures->p99_ms > (double)p99_ms);
}

/* The proxy counts since the rule was last changed; what was before goes to the sums. */
static void sum_figures(struct en_update *update, const struct en_proxy_figures *to,
                        const struct en_proxy_figures *from)
{
    if (to->requests < update->last_requests) {
        update->exposed_errors += update->last_errors;
        update->exposed_users += update->last_users;
        update->exposed_requests += update->last_requests;
    }
    update->last_errors = to->errors;
    update->last_users = to->users;
    update->last_requests = to->requests;
    update->stable_errors = from->errors;
    update->stable_requests = from->requests;
}

static void observe_figures(struct en_core *core)
{
    struct en_update *update = core->update;
    const struct en_proxy_figures *to = &core->seen.figures[update->versions[STRATEGY_TO]];
    const struct en_proxy_figures *from = &core->seen.figures[update->versions[STRATEGY_FROM]];
    bool is_mirror = core->seen.state.mirror_ppm[update->versions[STRATEGY_TO]] > 0;
    uint64_t requests = is_mirror ? to->mirrored : to->requests;

    if (update->plan.is_across && !en_update_is_over(update))
        sum_figures(update, to, from);
    if (update->baseline_since_ms != update->record.evidence_since_ms ||
        requests < update->baseline.requests) {
        update->baseline.requests = requests;
        update->baseline_since_ms = update->record.evidence_since_ms;
    }
    core->observation.figures = (struct strategy_figures){
        .requests = requests - update->baseline.requests,
        .verdict = to->verdict,
        .goal = to->goal,
        .is_over_limit = is_over_limit(update, to),
    };
}

static void observe_hooks(struct en_core *core)
{
    struct en_update *update = core->update;

    if (update->hook_step != update->record.step) {
        /* Those of the step before have no say here. */
        json_object_del(update->hooks, strategy_hook_word(STRATEGY_HOOK_STEP));
        json_object_del(update->hooks, strategy_hook_word(STRATEGY_HOOK_CONFIRM));
        json_object_del(update->hooks, strategy_hook_word(STRATEGY_HOOK_TEST));
        update->hook_step = update->record.step;
    }
    for (int i = 0; i < STRATEGY_HOOK_COUNT; i++)
        core->observation.hooks[i] = hook_state(core, strategy_hook_word((enum strategy_hook)i));
}

bool en_observe(struct en_core *core)
{
    struct en_update *update = core->update;
    struct strategy_observation *observation = &core->observation;

    if (!core->told.is_platform_known || core->seen.revision == 0)
        return false;
    *observation = (struct strategy_observation){.now_ms = en_now_ms(core)};
    for (int part = 0; part < STRATEGY_PARTS; part++)
        observe_version(core, (enum strategy_part)part);
    observe_rule(core);
    observation->proxies = core->told.is_proxy_known ? (struct strategy_proxies){1, 1, 0}
                                                     : (struct strategy_proxies){1, 0, 1};
    if (core->told.is_proxy_known)
        observe_figures(core);
    observation->wishes = update->wishes;
    observe_hooks(core);
    observation->has_reset = update->reset_step == update->record.step + 1;
    observation->record = update->record;
    return true;
}

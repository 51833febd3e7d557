#include "engine/round.h"

#include "lib/api/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *version_name(const struct en_core *core, enum strategy_part part)
{
    return core->config->versions[core->update->versions[part]].name;
}

static const char *build_name(const struct en_update *update,
                              const struct strategy_command *command)
{
    return command->build == STRATEGY_BUILD_TARGET ? update->target
                                                   : update->starting[command->part];
}

void en_command_text(const struct en_core *core, const struct strategy_command *command, char *text,
                     size_t size)
{
    const char *word = strategy_command_word(command->kind);
    const char *name = version_name(core, command->part);

    switch (command->kind) {
    case STRATEGY_DO_SET_BUILD:
        snprintf(text, size, "%s %s %s", word, name, build_name(core->update, command));
        break;
    case STRATEGY_DO_SCALE:
        snprintf(text, size, "%s %s %u", word, name, command->count);
        break;
    case STRATEGY_DO_SHARE:
    case STRATEGY_DO_MIRROR:
        snprintf(text, size, "%s %s %g %%", word, version_name(core, STRATEGY_TO),
                 command->ppm / 10000.0);
        break;
    case STRATEGY_DO_HOOK:
        snprintf(text, size, "%s %s", word, strategy_hook_word(command->hook));
        break;
    case STRATEGY_DO_REPLACE:
        snprintf(text, size, "%s %s/%u", word, name, command->index);
        break;
    case STRATEGY_DO_DRAIN:
    case STRATEGY_DO_UNDRAIN:
    case STRATEGY_DO_CUT:
        if (command->index != STRATEGY_WHOLE_VERSION) {
            snprintf(text, size, "%s %s/%u", word, name, command->index);
            break;
        }
        snprintf(text, size, "%s %s", word, name);
        break;
    default:
        snprintf(text, size, "%s %s", word, name);
    }
}

/* --- changes at the proxy ----------------------------------------------------------------------
 */

/* What every change says about itself; takes body over. */
static int change(struct en_core *core, const char *method, const char *target, json_t *body,
                  char **ret_why)
{
    const struct en_update *update = core->update;
    char author[48];
    uint64_t revision = core->seen.revision;
    int r;

    snprintf(author, sizeof(author), "update %" PRIu64, update->id);
    tn_json_set(&body, "author", json_string(author));
    if (update->reason[0])
        tn_json_set(&body, "reason", json_string(update->reason));
    r = en_proxy_change(&core->proxy, method, target, body, &revision, ret_why);
    if (r == 0)
        core->seen.revision = core->update->revision = revision;
    return r;
}

/* A change of the rule: written down as an intention first. */
static int change_rule(struct en_core *core, const struct en_rule_state *next, const char *method,
                       const char *target, json_t *body, char **ret_why)
{
    struct en_update *update = core->update;
    int r;

    update->next = *next;
    update->has_next = true;
    r = en_core_keep(core, ret_why);
    if (r < 0)
        json_decref(body);
    else
        r = change(core, method, target, body, ret_why);
    if (r == 0) {
        update->ours = *next;
        update->has_next = false;
    }
    return r;
}

static struct en_rule_state state_with_share(const struct en_core *core, uint32_t ppm)
{
    struct en_rule_state next = core->seen.state;

    next.share_ppm[core->update->versions[STRATEGY_TO]] = ppm;
    next.share_ppm[core->update->versions[STRATEGY_FROM]] = STRATEGY_ALL_PPM - ppm;
    next.stable = core->update->versions[STRATEGY_FROM];
    return next;
}

static json_t *rule_body(const struct en_core *core)
{
    return json_pack("{s:s}", "rule", core->update->rule);
}

static bool flag(const struct en_core *core, const char *name)
{
    return json_is_true(json_object_get(core->update->request, name));
}

static int set_share(struct en_core *core, const struct strategy_command *command, char **ret_why)
{
    struct en_rule_state next = state_with_share(core, command->ppm);
    const char *from = version_name(core, STRATEGY_FROM);
    const char *to = version_name(core, STRATEGY_TO);
    const char *by = json_string_value(json_object_get(core->update->request, "by"));
    json_t *body = rule_body(core);

    if (by) { /* drawn users */
        tn_json_set(&body, "strategy", json_string("ab"));
        tn_json_set(&body, "stable", json_string(from));
        tn_json_set(&body, "by", json_string(by));
        tn_json_set(&body, "split",
                    json_pack("{s:i, s:i}", from, (int)(STRATEGY_ALL_PPM - command->ppm), to,
                              (int)command->ppm));
        return change_rule(core, &next, "POST", "/v1/route", body, ret_why);
    }
    /* A canary's users stay where they are, unless it is asked for otherwise. */
    if (core->update->plan.kind == STRATEGY_KIND_CANARY && !core->seen.is_sticky &&
        !flag(core, "per_request") && command->ppm < STRATEGY_ALL_PPM) {
        tn_json_set(&body, "strategy", json_string("canary"));
        tn_json_set(&body, "stable", json_string(from));
        tn_json_set(&body, "canary", json_string(to));
        tn_json_set(&body, "share_ppm", json_integer(command->ppm));
        return change_rule(core, &next, "POST", "/v1/route", body, ret_why);
    }
    tn_json_set(&body, "stable", json_string(from));
    tn_json_set(&body, "weights",
                json_pack("{s:i, s:i}", from, (int)(STRATEGY_ALL_PPM - command->ppm), to,
                          (int)command->ppm));
    return change_rule(core, &next, "PUT", "/v1/weights", body, ret_why);
}

static int set_mirror(struct en_core *core, const struct strategy_command *command, char **ret_why)
{
    struct en_rule_state next = core->seen.state;
    json_t *body = rule_body(core);

    next.mirror_ppm[core->update->versions[STRATEGY_TO]] = command->ppm;
    tn_json_set(&body, "to", json_string(version_name(core, STRATEGY_TO)));
    tn_json_set(&body, "ppm", json_integer(command->ppm));
    return change_rule(core, &next, "PUT", "/v1/mirror", body, ret_why);
}

static int set_match(struct en_core *core, const struct strategy_command *command, char **ret_why)
{
    struct en_rule_state next = core->seen.state;
    const json_t *match = en_request_match(core->update->request, command->reference);
    json_t *headers = json_object_get(match, "headers");
    json_t *cookies = json_object_get(match, "cookies");
    json_t *body = rule_body(core);

    next.has_match[core->update->versions[STRATEGY_TO]] = true;
    next.stable = core->update->versions[STRATEGY_FROM];
    tn_json_set(&body, "strategy", json_string("ab"));
    tn_json_set(&body, "stable", json_string(version_name(core, STRATEGY_FROM)));
    tn_json_set(&body, "canary", json_string(version_name(core, STRATEGY_TO)));
    if (headers)
        tn_json_set(&body, "headers", json_incref(headers));
    if (cookies)
        tn_json_set(&body, "cookies", json_incref(cookies));
    return change_rule(core, &next, "POST", "/v1/route", body, ret_why);
}

/* Back to what is stable already is an abort: it waits for no disk. */
static int set_stable(struct en_core *core, const struct strategy_command *command, char **ret_why)
{
    uint32_t own = core->update->versions[command->part];
    uint32_t other = 1 - own;
    struct en_rule_state next = core->seen.state;
    json_t *body = rule_body(core);
    bool is_abort = core->seen.state.stable == own && command->part == STRATEGY_FROM;

    next.stable = own;
    next.share_ppm[own] = STRATEGY_ALL_PPM;
    next.share_ppm[other] = 0;
    next.has_match[own] = next.has_match[other] = false;
    next.mirror_ppm[own] = 0;
    if (is_abort) {
        next.mirror_ppm[other] = 0;
        return change_rule(core, &next, "POST", "/v1/abort", body, ret_why);
    }
    tn_json_set(&body, "version", json_string(version_name(core, command->part)));
    /* Whether shadow data is accepted was asked for when the update began; what comes back to its
     * starting version has served before. */
    if (core->seen.versions[own].is_shadowed)
        tn_json_set(&body, "accept_shadow_data", json_true());
    return change_rule(core, &next, "POST", "/v1/promote", body, ret_why);
}

/* An intention to take out is written before, one to put back after: seen either way, it is ours.
 */
static int set_mode(struct en_core *core, const struct strategy_command *command, const char *mode,
                    char **ret_why)
{
    char name[EN_NAME_SIZE + 12];
    bool is_active = strcmp(mode, "active") == 0;
    json_t *body =
        json_pack("{s:s, s:s}", "version", version_name(core, command->part), "mode", mode);
    int r = 0;

    en_mode_name(core, core->update->versions[command->part], command->index, name);
    if (command->index != STRATEGY_WHOLE_VERSION)
        tn_json_set(&body, "endpoint", json_integer(command->index));
    if (command->kind == STRATEGY_DO_DRAIN)
        tn_json_set(&body, "timeout_ms", json_integer((json_int_t)core->update->plan.drain_ms));
    if (!is_active) {
        if (json_object_set_new(core->update->modes, name, json_string(mode)) < 0)
            r = en_fail(ret_why, -ENOMEM, "out of memory");
        if (r == 0)
            r = en_core_keep(core, ret_why);
    }
    if (r == 0)
        r = change(core, "PUT", "/v1/mode", body, ret_why);
    else
        json_decref(body);
    if (r == 0 && is_active)
        json_object_set_new(core->update->modes, name, json_string(mode));
    return r;
}

/* --- others ------------------------------------------------------------------------------------
 */

static int reset_disks(struct en_core *core, char **ret_why)
{
    struct en_update *update = core->update;
    struct en_platform *platform = core->platform;
    char *names = NULL;
    int r =
        platform->ops->reset_disks(platform, update->versions[STRATEGY_TO], false, &names, ret_why);

    free(names);
    if (r == 0) {
        update->reset_step = update->record.step + 1;
        r = en_core_keep(core, ret_why);
    }
    return r;
}

int en_act(struct en_core *core, const struct strategy_command *command, char **ret_why)
{
    struct en_platform *platform = core->platform;
    uint32_t version = core->update->versions[command->part];

    switch (command->kind) {
    case STRATEGY_DO_SET_BUILD:
        return platform->ops->set_build(platform, version, build_name(core->update, command),
                                        ret_why);
    case STRATEGY_DO_SCALE:
        return platform->ops->scale(platform, version, command->count, ret_why);
    case STRATEGY_DO_REPLACE:
        return platform->ops->replace(platform, version, command->index,
                                      core->view.versions[version].instances[command->index].id,
                                      ret_why);
    case STRATEGY_DO_DRAIN:
        return set_mode(core, command, "draining", ret_why);
    case STRATEGY_DO_UNDRAIN:
        return set_mode(core, command, "active", ret_why);
    case STRATEGY_DO_CUT:
        return set_mode(core, command, "cut", ret_why);
    case STRATEGY_DO_SHARE:
        return set_share(core, command, ret_why);
    case STRATEGY_DO_MIRROR:
        return set_mirror(core, command, ret_why);
    case STRATEGY_DO_MATCH:
        return set_match(core, command, ret_why);
    case STRATEGY_DO_STABLE:
        return set_stable(core, command, ret_why);
    case STRATEGY_DO_RESET_DISKS:
        return reset_disks(core, ret_why);
    default:
        return en_ask(core, command, ret_why);
    }
}

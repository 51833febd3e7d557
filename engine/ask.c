#include "engine/round.h"

#include "lib/api/json.h"
#include "lib/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *ports_json(const struct en_core *core, enum strategy_part part)
{
    const struct en_version_config *version = &core->config->versions[core->update->versions[part]];
    json_t *ports = json_array();

    for (uint32_t i = 0; i < core->update->plan.replicas && i < version->port_count; i++)
        tn_json_append(&ports, json_integer(version->ports[i]));
    return ports;
}

/* `transfer` is the same however often a hook is asked: whoever moves data can tell a repeat. */
static json_t *body_of(const struct en_core *core, const char *event)
{
    const struct en_update *update = core->update;
    char *sentence = en_sentence(core);
    char transfer[64];
    json_t *body;

    snprintf(transfer, sizeof(transfer), "%s-update-%" PRIu64, core->config->service, update->id);
    body = json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s?, s:o, s:o}", "hook",
                     event, "service", core->config->service, "update", (json_int_t)update->id,
                     "strategy", strategy_kind_word(update->plan.kind), "from", update->plan.from,
                     "to", update->plan.to, "from_build", update->starting[STRATEGY_FROM],
                     "to_build", update->target, "step", (int)update->record.step, "transfer",
                     transfer, "text", sentence, "from_ports", ports_json(core, STRATEGY_FROM),
                     "to_ports", ports_json(core, STRATEGY_TO));
    free(sentence);
    return body;
}

static void key_of(const struct en_core *core, const struct strategy_command *command,
                   char key[EN_HOOK_KEY_SIZE])
{
    const struct en_version *version = &core->view.versions[core->update->versions[command->part]];

    if (command->hook == STRATEGY_HOOK_INSTANCE)
        snprintf(key, EN_HOOK_KEY_SIZE, "instance %s", version->instances[command->index].id);
    else
        snprintf(key, EN_HOOK_KEY_SIZE, "%s", strategy_hook_word(command->hook));
}

/* Of a test the URL stands in its step. */
static struct en_hook_config config_of(const struct en_core *core,
                                       const struct strategy_command *command, char **ret_url)
{
    struct en_hook_config config = core->config->hooks[command->hook];
    const char *url;

    *ret_url = NULL;
    if (command->hook != STRATEGY_HOOK_TEST)
        return config;
    url = en_request_test(core->update->request, command->reference);
    *ret_url = url ? strdup(url) : NULL;
    config.url = *ret_url;
    return config;
}

int en_ask(struct en_core *core, const struct strategy_command *command, char **ret_why)
{
    char key[EN_HOOK_KEY_SIZE];
    char *url = NULL;
    struct en_hook_config config = config_of(core, command, &url);
    json_t *body = body_of(core, strategy_hook_word(command->hook));
    int r;

    key_of(core, command, key);
    if (body && command->hook == STRATEGY_HOOK_INSTANCE)
        tn_json_set(&body, "instance", json_integer(command->index));
    r = body ? json_object_set_new(core->update->hooks, key, json_string("running")) : -1;
    r = r == 0 ? en_core_keep(core, ret_why) : en_fail(ret_why, -ENOMEM, "out of memory");
    if (r == 0) {
        r = en_hooks_start(core->hooks, key, &config, body, command->hook == STRATEGY_HOOK_TEST);
        if (r < 0)
            en_fail(ret_why, r, "the hook %s cannot be started: %s", key, strerror(-r));
    }
    json_decref(body);
    free(url);
    return r;
}

void en_ask_hear(struct en_core *core)
{
    char key[EN_HOOK_KEY_SIZE];
    char why[160];
    bool is_good;

    while (en_hooks_next(core->hooks, key, &is_good, why)) {
        const char *known =
            core->update ? json_string_value(json_object_get(core->update->hooks, key)) : NULL;

        if (!is_good)
            tn_log(TN_LOG_WARNING, "engine", "the hook %s failed: %s", key, why);
        if (!known || strcmp(known, "running") != 0)
            continue; /* a notification, or of an update before */
        json_object_set_new(core->update->hooks, key, json_string(is_good ? "good" : "bad"));
        en_core_keep(core, NULL); /* lost, it is asked again */
        core->told.again_ms = 0;
    }
}

void en_notify(struct en_core *core, const char *event)
{
    const struct en_hook_config *config = &core->config->hooks[EN_HOOK_NOTIFY];
    json_t *body;

    if (!config->url && !config->command)
        return;
    body = body_of(core, event);
    if (!body || en_hooks_start(core->hooks, "notify", config, body, true) < 0)
        tn_log(TN_LOG_WARNING, "engine", "the notification of '%s' could not be sent", event);
    json_decref(body);
}

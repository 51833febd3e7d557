#include "engine/round.h"

#include "lib/api/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuse(struct en_order *order, unsigned status, char *why)
{
    order->status = status;
    json_decref(order->answer);
    order->answer = json_pack("{s:s}", "detail", why ? why : "out of memory");
    free(why);
}

static void refuse_text(struct en_order *order, unsigned status, const char *text)
{
    refuse(order, status, strdup(text));
}

static const char *text_of(const json_t *body, const char *name)
{
    const char *text = json_string_value(json_object_get(body, name));

    return text ? text : "";
}

static bool is_running(const struct en_core *core)
{
    return core->update && !en_update_is_over(core->update);
}

/* A change of what the update remembers: kept, or taken back. */
static bool keep(struct en_core *core, struct en_order *order, const struct en_update *before)
{
    char *why = NULL;
    int r = en_core_keep(core, &why);

    if (r == 0) {
        core->told.again_ms = 0;
        return true;
    }
    *core->update = *before;
    refuse(order, 507, why);
    return false;
}

/* --- start and plan ----------------------------------------------------------------------------
 */

static int accept_request(struct en_core *core, const json_t *body, char **ret_why,
                          struct en_update **ret_update)
{
    struct en_request_view view = {core->config, &core->view, &core->seen};

    if (!core->told.is_proxy_known)
        return en_fail(ret_why, -EAGAIN, "%s",
                       core->told.why[0] ? core->told.why : "the proxy does not answer");
    if (!core->told.is_platform_known)
        return en_fail(ret_why, -EAGAIN, "%s", core->told.why);
    int r = core->platform->ops->check_build(core->platform, text_of(body, "to"), ret_why);
    /* A missing or senseless build is told as such by the request's own checks. */
    if (r == -ENOENT && text_of(body, "to")[0])
        return r;
    return en_request_accept(body, &view, ret_why, ret_update);
}

static char *describe(const struct strategy_plan *plan)
{
    size_t len = strategy_plan_describe(plan, NULL, 0);
    char *text = malloc(len + 1);

    if (text)
        strategy_plan_describe(plan, text, len + 1);
    return text;
}

static void answer_plan(struct en_order *order, const struct en_update *update)
{
    char *text = describe(&update->plan);

    order->status = text ? 200 : 500;
    order->answer = json_pack("{s:s?, s:s, s:s}", "text", text, "from", update->plan.from, "to",
                              update->plan.to);
    free(text);
}

/* Modes that others had set before are theirs, and mean nothing to us. */
static int note_held(struct en_core *core, struct en_update *update)
{
    char name[EN_NAME_SIZE + 12];
    int r = 0;

    for (uint32_t v = 0; v < EN_VERSIONS; v++) {
        const struct en_proxy_version *version = &core->seen.versions[v];

        en_mode_name(core, v, STRATEGY_WHOLE_VERSION, name);
        if (version->mode != STRATEGY_ACTIVE)
            r |= json_object_set_new(update->held, name, json_true());
        for (uint32_t i = 0; i < version->endpoint_count; i++) {
            en_mode_name(core, v, i, name);
            if (version->endpoints[i].mode != STRATEGY_ACTIVE)
                r |= json_object_set_new(update->held, name, json_true());
        }
    }
    return r == 0 ? 0 : -ENOMEM;
}

static void begin(struct en_core *core, struct en_order *order, struct en_update *update)
{
    struct en_update *before = core->update;
    uint64_t id = core->next_id > 0 ? core->next_id : 1;
    char *why = NULL;
    int r;

    update->id = id;
    update->record.step_since_ms = en_now_ms(core);
    update->begun_wall_ns = core->clock->wall_ns(core->clock->context);
    r = note_held(core, update);
    core->update = update;
    core->next_id = id + 1;
    core->has_action = false;
    if (r == 0)
        r = en_core_keep(core, &why);
    if (r == 0) {
        core->told.again_ms = 0;
        en_hooks_forget(core->hooks);
        en_notify(core, "started");
        en_update_free(before);
        return;
    }
    core->update = before;
    core->next_id = id;
    en_update_free(update);
    refuse(order, 507, why);
}

static void start(struct en_core *core, struct en_order *order, const json_t *body, bool is_plan)
{
    struct en_update *update = NULL;
    char *why = NULL;
    int r;

    if (is_running(core) && !is_plan) {
        if (asprintf(&why,
                     "update %" PRIu64 " is under way: one at a time ('turnout update "
                     "status')",
                     core->update->id) < 0)
            why = NULL;
        refuse(order, 409, why);
        return;
    }
    r = accept_request(core, body, &why, &update);
    if (r < 0) {
        refuse(order, r == -EAGAIN ? 503 : r == -ENOMEM ? 500 : 422, why);
        return;
    }
    if (is_plan || json_is_true(json_object_get(body, "dry_run"))) {
        answer_plan(order, update);
        en_update_free(update);
    } else {
        begin(core, order, update);
    }
}

/* The build that was there before, by the same way. */
static void undo(struct en_core *core, struct en_order *order)
{
    json_t *body;

    if (is_running(core)) {
        refuse_text(order, 409, "it is under way: 'turnout update abort' takes it back");
        return;
    }
    if (!core->update || core->update->record.course != STRATEGY_DONE) {
        refuse_text(order, 409, "the last update left nothing to undo");
        return;
    }
    body = json_deep_copy(core->update->request);
    json_object_del(body, "hooks");
    json_object_del(body, "state");
    json_object_del(body, "has_disks");
    json_object_del(body, "replicas");
    json_object_set_new(body, "to", json_string(core->update->starting[STRATEGY_FROM]));
    json_object_set_new(body, "author", json_string(text_of(order->body, "author")));
    json_object_set_new(body, "reason", json_string(text_of(order->body, "reason")));
    if (!text_of(order->body, "author")[0])
        json_object_del(body, "author");
    if (!text_of(order->body, "reason")[0])
        json_object_del(body, "reason");
    start(core, order, body, false);
    json_decref(body);
}

/* --- wishes ------------------------------------------------------------------------------------
 */

static void wish_abort(struct en_update *update, const struct en_order *order)
{
    update->wishes.abort = true;
    update->wishes.pause = false;
    snprintf(update->said_by, sizeof(update->said_by), "%s", text_of(order->body, "author"));
    snprintf(update->said, sizeof(update->said), "%s", text_of(order->body, "reason"));
}

static void wish_promote(struct en_update *update, const struct en_order *order)
{
    bool is_full = json_is_true(json_object_get(order->body, "full"));

    update->wishes.promoted = is_full ? UINT32_MAX : update->record.step + 1;
}

/* Hooks that failed are asked anew. */
static void wish_retry(struct en_update *update)
{
    const char *key;
    json_t *word;
    void *next;

    update->wishes.retry = true;
    json_object_foreach_safe(update->hooks, next, key, word)
    {
        if (strcmp(json_string_value(word), "bad") == 0)
            json_object_del(update->hooks, key);
    }
}

static void wish(struct en_core *core, struct en_order *order)
{
    struct en_update *update = core->update;
    struct en_update before;

    if (!is_running(core)) {
        refuse_text(order, 409, "no update is under way");
        return;
    }
    before = *update;
    if (strcmp(order->verb, "abort") == 0)
        wish_abort(update, order);
    else if (strcmp(order->verb, "pause") == 0)
        update->wishes.pause = true;
    else if (strcmp(order->verb, "promote") == 0)
        wish_promote(update, order);
    else if (strcmp(order->verb, "retry") == 0)
        wish_retry(update);
    else
        update->wishes.pause = false;
    /* Whoever resumes takes what others made of the rule meanwhile for granted. */
    if (strcmp(order->verb, "resume") == 0 && core->told.is_proxy_known &&
        en_owner(core) == STRATEGY_OWNER_OTHER) {
        update->ours = core->seen.state;
        update->has_next = false;
    }
    keep(core, order, &before);
}

static void take(struct en_core *core, struct en_order *order)
{
    if (strcmp(order->verb, "start") == 0)
        start(core, order, order->body, false);
    else if (strcmp(order->verb, "plan") == 0)
        start(core, order, order->body, true);
    else if (strcmp(order->verb, "undo") == 0)
        undo(core, order);
    else
        wish(core, order);
}

void en_orders_take(struct en_core *core)
{
    struct tn_list *node;

    TN_LIST_FOR_EACH (node, &core->orders) {
        take(core, TN_CONTAINER_OF(node, struct en_order, node));
    }
}

/* Those that were not answered yet hear what came of it. */
void en_orders_finish(struct en_core *core)
{
    struct tn_list *node;

    TN_LIST_FOR_EACH (node, &core->orders) {
        struct en_order *order = TN_CONTAINER_OF(node, struct en_order, node);

        if (order->status != 0)
            continue;
        order->status = 200;
        order->answer = en_status_json(core);
    }
}

#include "engine/update.h"

#include "lib/api/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void en_update_free(struct en_update *update)
{
    if (!update)
        return;
    json_decref(update->request);
    json_decref(update->modes);
    json_decref(update->held);
    json_decref(update->hooks);
    free(update);
}

bool en_update_is_over(const struct en_update *update)
{
    return update->record.course == STRATEGY_DONE || update->record.course == STRATEGY_RETURNED;
}

/* --- numbers: one table for both directions ----------------------------------------------------
 */

#define NUMBER(member)                                                                             \
    {                                                                                              \
#member, offsetof(struct en_update, member), sizeof(((struct en_update *)0)->member)       \
    }

static const struct number {
    const char *name;
    size_t offset, size;
} numbers[] = {
    NUMBER(id),
    NUMBER(idle_replicas),
    NUMBER(is_shadowed),
    NUMBER(record.course),
    NUMBER(record.cause),
    NUMBER(record.is_stuck),
    NUMBER(record.step),
    NUMBER(record.step_since_ms),
    NUMBER(record.evidence_since_ms),
    NUMBER(record.waiting_since_ms),
    NUMBER(record.progress),
    NUMBER(wishes.pause),
    NUMBER(wishes.abort),
    NUMBER(wishes.retry),
    NUMBER(wishes.promoted),
    NUMBER(has_next),
    NUMBER(hook_step),
    NUMBER(reset_step),
    NUMBER(baseline.requests),
    NUMBER(baseline_since_ms),
    NUMBER(exposed_errors),
    NUMBER(exposed_users),
    NUMBER(exposed_requests),
    NUMBER(last_errors),
    NUMBER(last_users),
    NUMBER(last_requests),
    NUMBER(stable_errors),
    NUMBER(stable_requests),
    NUMBER(begun_wall_ns),
    NUMBER(ended_wall_ns),
    NUMBER(turned_wall_ns),
    NUMBER(revision),
    NUMBER(ours.stable),
    NUMBER(ours.share_ppm[0]),
    NUMBER(ours.share_ppm[1]),
    NUMBER(ours.mirror_ppm[0]),
    NUMBER(ours.mirror_ppm[1]),
    NUMBER(ours.has_match[0]),
    NUMBER(ours.has_match[1]),
    NUMBER(next.stable),
    NUMBER(next.share_ppm[0]),
    NUMBER(next.share_ppm[1]),
    NUMBER(next.mirror_ppm[0]),
    NUMBER(next.mirror_ppm[1]),
    NUMBER(next.has_match[0]),
    NUMBER(next.has_match[1]),
};

/* Texts that are arrays of char. */
static const struct number texts[] = {
    NUMBER(starting[STRATEGY_FROM]),
    NUMBER(starting[STRATEGY_TO]),
    NUMBER(target),
    NUMBER(rule),
    NUMBER(last_served),
    NUMBER(author),
    NUMBER(reason),
    NUMBER(said_by),
    NUMBER(said),
};

static json_int_t get_number(const struct en_update *update, const struct number *number)
{
    const char *at = (const char *)update + number->offset;
    uint64_t whole = 0;
    uint32_t half = 0;
    uint8_t byte = 0;

    switch (number->size) {
    case sizeof(whole):
        memcpy(&whole, at, sizeof(whole));
        return (json_int_t)whole;
    case sizeof(half):
        memcpy(&half, at, sizeof(half));
        return (json_int_t)half;
    default:
        memcpy(&byte, at, sizeof(byte));
        return (json_int_t)byte;
    }
}

static void set_number(struct en_update *update, const struct number *number, json_int_t value)
{
    char *at = (char *)update + number->offset;
    uint64_t whole = (uint64_t)value;
    uint32_t half = (uint32_t)value;
    uint8_t byte = (uint8_t)value;

    switch (number->size) {
    case sizeof(whole):
        memcpy(at, &whole, sizeof(whole));
        break;
    case sizeof(half):
        memcpy(at, &half, sizeof(half));
        break;
    default:
        memcpy(at, &byte, sizeof(byte));
    }
}

json_t *en_update_json(const struct en_update *update)
{
    json_t *json = json_object();

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        tn_json_set(&json, numbers[i].name, json_integer(get_number(update, &numbers[i])));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        tn_json_set(&json, texts[i].name, json_string((const char *)update + texts[i].offset));
    tn_json_set(&json, "from", json_string(update->plan.from));
    tn_json_set(&json, "to", json_string(update->plan.to));
    tn_json_set(&json, "request", json_incref(update->request));
    tn_json_set(&json, "modes", json_deep_copy(update->modes));
    tn_json_set(&json, "held", json_incref(update->held));
    tn_json_set(&json, "hooks", json_deep_copy(update->hooks));
    return json;
}

static json_t *object_of(const json_t *json, const char *name)
{
    json_t *object = json_object_get(json, name);

    return json_is_object(object) ? json_deep_copy(object) : json_object();
}

static int find_versions(const json_t *json, const struct en_config *config,
                         struct en_update *update, char **ret_why)
{
    static const char *const parts[STRATEGY_PARTS] = {"from", "to"};

    for (int part = 0; part < STRATEGY_PARTS; part++) {
        const char *name = json_string_value(json_object_get(json, parts[part]));
        int index = name ? en_config_find_version(config, name) : -ENOENT;

        if (index < 0)
            return en_fail(ret_why, -EINVAL,
                           "update %llu is about version '%s', which %s does not have any more",
                           (unsigned long long)update->id, name ? name : "", config->file);
        update->versions[part] = (uint32_t)index;
    }
    return 0;
}

int en_update_parse(const json_t *json, const struct en_config *config, char **ret_why,
                    struct en_update **ret_update)
{
    struct en_update *update = calloc(1, sizeof(*update));
    int r;

    if (!update)
        return en_fail(ret_why, -ENOMEM, "out of memory");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        set_number(update, &numbers[i], json_integer_value(json_object_get(json, numbers[i].name)));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *text = json_string_value(json_object_get(json, texts[i].name));

        snprintf((char *)update + texts[i].offset, texts[i].size, "%s", text ? text : "");
    }
    update->request = object_of(json, "request");
    update->modes = object_of(json, "modes");
    update->held = object_of(json, "held");
    update->hooks = object_of(json, "hooks");
    r = update->request && update->modes && update->held && update->hooks
            ? find_versions(json, config, update, ret_why)
            : en_fail(ret_why, -ENOMEM, "out of memory");
    if (r == 0)
        r = en_request_plan(config, update, ret_why);
    if (r < 0)
        en_update_free(update);
    else
        *ret_update = update;
    return r;
}

#include "engine/local/parts.h"

#include "lib/api/json.h"

#include <errno.h>
#include <stdio.h>

static json_t *instance_json(const struct en_local_instance *instance)
{
    return json_pack("{s:i, s:I, s:s, s:b}", "pid", (int)instance->process.pid, "start",
                     (json_int_t)instance->process.start, "build", instance->build, "going",
                     instance->is_going);
}

static json_t *version_json(const struct en_local_version *version)
{
    json_t *instances = json_array();
    uint32_t count = EN_INSTANCES_MAX;

    while (count > 0 && version->instances[count - 1].process.pid == 0 && count > version->replicas)
        count--;
    for (uint32_t i = 0; i < count; i++)
        tn_json_append(&instances, instance_json(&version->instances[i]));
    return json_pack("{s:s, s:i, s:o}", "build", version->build, "replicas", (int)version->replicas,
                     "instances", instances);
}

int en_local_keep(struct en_local *local, char **ret_why)
{
    json_t *versions = json_object();

    for (uint32_t v = 0; v < EN_VERSIONS; v++)
        tn_json_set(&versions, local->options.config->versions[v].name,
                    version_json(&local->versions[v]));
    return en_store_put(
        local->options.store, "local",
        versions ? json_pack("{s:s, s:o}", "boot", local->options.os->boot, "versions", versions)
                 : NULL,
        ret_why);
}

static void copy_text(char *target, size_t size, const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    snprintf(target, size, "%s", text ? text : "");
}

static void restore_version(struct en_local *local, struct en_local_version *version,
                            const json_t *kept, bool is_same_boot)
{
    uint64_t now = en_local_now_ms(local);
    size_t i;
    json_t *item;

    copy_text(version->build, sizeof(version->build), kept, "build");
    version->replicas = (uint32_t)json_integer_value(json_object_get(kept, "replicas"));
    if (version->replicas > EN_INSTANCES_MAX)
        version->replicas = EN_INSTANCES_MAX;
    json_array_foreach(json_object_get(kept, "instances"), i, item)
    {
        struct en_local_instance *instance = &version->instances[i];

        if (i >= EN_INSTANCES_MAX)
            break;
        copy_text(instance->build, sizeof(instance->build), item, "build");
        instance->is_going = json_is_true(json_object_get(item, "going"));
        instance->started_ms = now;
        if (is_same_boot) /* another run of the machine: nobody of then is left */
            instance->process =
                (struct en_process){(int32_t)json_integer_value(json_object_get(item, "pid")),
                                    (uint64_t)json_integer_value(json_object_get(item, "start"))};
    }
}

static void begin(struct en_local *local, struct en_local_version *version,
                  const struct en_version_config *config)
{
    snprintf(version->build, sizeof(version->build), "%s", config->build ? config->build : "");
    version->replicas = config->build ? local->options.config->replicas : 0;
}

int en_local_restore(struct en_local *local, char **ret_why)
{
    const json_t *kept = en_store_get(local->options.store, "local");
    const char *boot = json_string_value(json_object_get(kept, "boot"));
    bool is_same_boot = boot && strcmp(boot, local->options.os->boot) == 0;

    for (uint32_t v = 0; v < EN_VERSIONS; v++) {
        const struct en_version_config *config = &local->options.config->versions[v];
        const json_t *version = json_object_get(json_object_get(kept, "versions"), config->name);

        if (version)
            restore_version(local, &local->versions[v], version, is_same_boot);
        else
            begin(local, &local->versions[v], config);
    }
    return en_local_keep(local, ret_why);
}

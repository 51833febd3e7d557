#include "engine/local/parts.h"

#include "lib/base/list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t en_local_now_ms(const struct en_local *local)
{
    return local->options.clock->boottime_ns(local->options.clock->context) / 1000000;
}

static struct en_local *local_of(struct en_platform *platform)
{
    return TN_CONTAINER_OF(platform, struct en_local, platform);
}

/* --- what is there -----------------------------------------------------------------------------
 */

static enum en_phase phase_of(const struct en_local *local,
                              const struct en_local_instance *instance, bool is_wanted)
{
    uint64_t now = en_local_now_ms(local);

    if (!instance->process.pid)
        return is_wanted && instance->is_failed ? EN_FAILED : EN_ABSENT;
    if (instance->is_going)
        return EN_STOPPING;
    if (instance->ready_ms)
        return EN_READY;
    if (instance->is_failed ||
        now - instance->started_ms >= local->options.config->ready_timeout_ms)
        return EN_FAILED;
    return EN_STARTING;
}

static void tell(struct en_local *local, uint32_t version, uint32_t index,
                 struct en_instance *ret_instance)
{
    struct en_local_instance *instance = &local->versions[version].instances[index];
    bool is_wanted = index < local->versions[version].replicas;
    enum en_phase phase = phase_of(local, instance, is_wanted);

    if (phase != instance->told || instance->told_ms == 0) {
        instance->told = phase;
        instance->told_ms = en_local_now_ms(local);
    }
    ret_instance->phase = phase;
    ret_instance->since_ms = phase == EN_READY ? instance->ready_ms : instance->told_ms;
    ret_instance->restarts = instance->restarts;
    snprintf(ret_instance->build, sizeof(ret_instance->build), "%s",
             phase == EN_ABSENT ? "" : instance->build);
    snprintf(ret_instance->address, sizeof(ret_instance->address), "127.0.0.1:%u",
             local->options.config->versions[version].ports[index]);
    snprintf(ret_instance->why, sizeof(ret_instance->why), "%s",
             phase == EN_READY || phase == EN_STOPPING ? "" : instance->why);
    if (instance->process.pid)
        snprintf(ret_instance->id, sizeof(ret_instance->id), "%" PRId32 "-%" PRIu64,
                 instance->process.pid, instance->process.start);
}

static int observe(struct en_platform *platform, struct en_view *ret_view, char **ret_why)
{
    struct en_local *local = local_of(platform);
    int r = 0;

    for (uint32_t v = 0; v < EN_VERSIONS; v++) {
        for (uint32_t i = 0; i < local->options.config->versions[v].port_count; i++) {
            int error = en_local_turn(local, v, i, r < 0 ? NULL : ret_why);

            r = r < 0 ? r : error;
        }
    }
    en_local_probe(local);
    memset(ret_view, 0, sizeof(*ret_view));
    for (uint32_t v = 0; v < EN_VERSIONS; v++) {
        snprintf(ret_view->versions[v].build, EN_NAME_SIZE, "%s", local->versions[v].build);
        ret_view->versions[v].replicas = local->versions[v].replicas;
        for (uint32_t i = 0; i < local->options.config->versions[v].port_count; i++)
            tell(local, v, i, &ret_view->versions[v].instances[i]);
    }
    return r;
}

/* --- what is asked for -------------------------------------------------------------------------
 */

static int check_build(struct en_platform *platform, const char *build, char **ret_why)
{
    const struct en_config *config = local_of(platform)->options.config;
    char *known = NULL;
    size_t size = 0;
    FILE *out;
    int r;

    if (en_config_find_build(config, build))
        return 0;
    out = open_memstream(&known, &size);
    if (!out)
        return en_fail(ret_why, -ENOMEM, "out of memory");
    for (uint32_t i = 0; i < config->build_count; i++)
        fprintf(out, "%s %s", i == 0 ? "" : ",", config->builds[i].name);
    fclose(out);
    r = en_fail(ret_why, -ENOENT, "there is no build '%s' in %s: the builds are%s", build,
                config->file, known ? known : "");
    free(known);
    return r;
}

static int set_build(struct en_platform *platform, uint32_t version, const char *build,
                     char **ret_why)
{
    struct en_local *local = local_of(platform);
    char before[EN_NAME_SIZE];
    int r = build[0] ? check_build(platform, build, ret_why) : 0;

    if (r < 0)
        return r;
    memcpy(before, local->versions[version].build, sizeof(before));
    snprintf(local->versions[version].build, EN_NAME_SIZE, "%s", build);
    r = en_local_keep(local, ret_why);
    if (r < 0)
        memcpy(local->versions[version].build, before, sizeof(before));
    return r;
}

static int scale(struct en_platform *platform, uint32_t version, uint32_t replicas, char **ret_why)
{
    struct en_local *local = local_of(platform);
    const struct en_version_config *config = &local->options.config->versions[version];
    uint32_t before = local->versions[version].replicas;
    int r;

    if (replicas > config->port_count)
        return en_fail(ret_why, -ERANGE, "%s has %u ports: not enough for %u instances",
                       config->name, config->port_count, replicas);
    local->versions[version].replicas = replicas;
    r = en_local_keep(local, ret_why);
    if (r < 0)
        local->versions[version].replicas = before;
    return r;
}

static int replace(struct en_platform *platform, uint32_t version, uint32_t index, const char *id,
                   char **ret_why)
{
    struct en_local *local = local_of(platform);
    struct en_local_instance *instance;
    char now[EN_ID_SIZE] = "";
    int r;

    if (index >= local->options.config->versions[version].port_count)
        return en_fail(ret_why, -ERANGE, "there is no instance %u", index);
    instance = &local->versions[version].instances[index];
    if (instance->process.pid)
        snprintf(now, sizeof(now), "%" PRId32 "-%" PRIu64, instance->process.pid,
                 instance->process.start);
    if (strcmp(now, id) != 0 || instance->is_going)
        return 0; /* it is another one already, or on its way */
    instance->is_going = true;
    if (!instance->process.pid) { /* between two starts: the next is of the version's build */
        *instance = (struct en_local_instance){.told = instance->told};
    }
    r = en_local_keep(local, ret_why);
    if (r < 0)
        instance->is_going = false;
    return r;
}

static int reset_disks(struct en_platform *platform, uint32_t version, bool dry_run,
                       char **ret_names, char **ret_why)
{
    struct en_local *local = local_of(platform);
    const struct en_version_config *config = &local->options.config->versions[version];
    char *names = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&names, &size);
    int r = out ? 0 : en_fail(ret_why, -ENOMEM, "out of memory");

    for (uint32_t i = 0; i < config->port_count && r == 0; i++) {
        char *data = en_local_data(local, version, i);

        if (!dry_run && local->versions[version].instances[i].process.pid)
            r = en_fail(ret_why, -EBUSY, "%s/%u still runs", config->name, i);
        else if (data && !dry_run)
            r = local->options.os->remove_folder(local->options.os, data);
        if (r < 0 && r != -EBUSY)
            en_fail(ret_why, r, "%s cannot be removed: %s", data ? data : "", strerror(-r));
        if (data && r == 0)
            fprintf(out, "%s%s", i == 0 ? "" : " ", data);
        free(data);
    }
    if (out)
        fclose(out);
    if (r < 0)
        free(names);
    else
        *ret_names = names;
    return r;
}

static void close_local(struct en_platform *platform)
{
    if (platform)
        free(local_of(platform));
}

static const struct en_platform_ops ops = {
    .name = "local",
    .observe = observe,
    .set_build = set_build,
    .scale = scale,
    .replace = replace,
    .reset_disks = reset_disks,
    .check_build = check_build,
    .close = close_local,
};

int en_local_open(const struct en_local_options *options, char **ret_why,
                  struct en_platform **ret_platform)
{
    struct en_local *local = calloc(1, sizeof(*local));
    int r;

    if (!local)
        return en_fail(ret_why, -ENOMEM, "out of memory");
    local->platform.ops = &ops;
    local->options = *options;
    r = en_local_restore(local, ret_why);
    if (r < 0)
        free(local);
    else
        *ret_platform = &local->platform;
    return r;
}

int en_local_stop_all(struct en_platform *platform, void (*sleep_ms)(uint64_t ms), char **ret_why)
{
    struct en_local *local = local_of(platform);
    bool is_any = true;
    int r = 0;

    for (uint32_t v = 0; v < EN_VERSIONS && r == 0; v++)
        r = scale(platform, v, 0, ret_why);
    while (is_any && r == 0) {
        is_any = false;
        for (uint32_t v = 0; v < EN_VERSIONS; v++) {
            for (uint32_t i = 0; i < EN_INSTANCES_MAX && r == 0; i++) {
                r = en_local_turn(local, v, i, ret_why);
                is_any = is_any || local->versions[v].instances[i].process.pid;
            }
        }
        if (is_any)
            sleep_ms(50);
    }
    return r;
}

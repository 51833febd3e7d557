#include "engine/local/parts.h"

#include "engine/fill.h"
#include "lib/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define AGAIN_FIRST_MS 1000
#define AGAIN_MAX_MS 30000
#define CALM_MS 60000       /* ready for so long: what was before is forgotten */
#define PROBE_MS 1000       /* of what is ready; others are asked each time */
#define PROBE_LIMIT_MS 1000 /* for all of them together */
#define MISSED_MAX 2

char *en_local_data(const struct en_local *local, uint32_t version, uint32_t index)
{
    const char *folder = local->options.config->versions[version].data;
    char *path = NULL;

    if (!folder || asprintf(&path, "%s/%u", folder, index) < 0)
        return NULL;
    return path;
}

char *en_local_output(const struct en_local *local, uint32_t version, uint32_t index)
{
    const struct en_config *config = local->options.config;
    char *path = NULL;

    if (asprintf(&path, "%s/%s-%u.log", config->log_dir, config->versions[version].name, index) < 0)
        return NULL;
    return path;
}

/* Commands run in the file's folder, where a path of ours that is relative already starts with it.
 */
static char *absolute(const char *path)
{
    char *here;
    char *whole = NULL;

    if (path[0] == '/')
        return strdup(path);
    here = realpath(".", NULL);
    if (here && asprintf(&whole, "%s/%s", here, path) < 0)
        whole = NULL;
    free(here);
    return whole;
}

struct making {
    struct en_local *local;
    uint32_t version, index;
    char *data;
    char *output;
    char **argv;
};

static void making_deinit(struct making *making)
{
    free(making->data);
    free(making->output);
    en_fill_free(making->argv);
}

static int prepare(struct making *making, const char *build, char **ret_why)
{
    const struct en_config *config = making->local->options.config;
    const struct en_version_config *version = &config->versions[making->version];
    const struct en_build_config *of_build = en_config_find_build(config, build);
    struct en_os *os = making->local->options.os;
    char *data = en_local_data(making->local, making->version, making->index);
    int r = 0;

    making->output = en_local_output(making->local, making->version, making->index);
    making->data = absolute(data ? data : "");
    free(data);
    if (!of_build)
        return en_fail(ret_why, -ENOENT, "there is no build '%s' in %s", build, config->file);
    struct en_fill fill = {.version = version->name,
                           .build = build,
                           .data = version->data && making->data ? making->data : "",
                           .index = making->index,
                           .port = version->ports[making->index]};
    making->argv = en_fill_all(of_build->command, &fill);
    if (!making->argv || !making->output || !making->data)
        return en_fail(ret_why, -ENOMEM, "out of memory");
    r = os->make_folder(os, config->log_dir);
    if (r == 0 && version->data)
        r = os->make_folder(os, making->data);
    return r < 0 ? en_fail(ret_why, r, "cannot make the folders of %s/%u: %s", version->name,
                           making->index, strerror(-r))
                 : 0;
}

/* Behind its gate until the store knows it. */
static int make(struct making *making, struct en_local_instance *instance, const char *build,
                char **ret_why)
{
    struct en_local *local = making->local;
    struct en_os *os = local->options.os;
    struct en_local_instance before = *instance;
    int gate;
    int r = os->make(os, making->argv, local->options.config->dir, making->output,
                     &instance->process, &gate);

    if (r < 0) {
        instance->again_ms = en_local_now_ms(local) + AGAIN_FIRST_MS;
        return en_fail(ret_why, r, "cannot start %s/%u: %s",
                       local->options.config->versions[making->version].name, making->index,
                       strerror(-r));
    }
    snprintf(instance->build, sizeof(instance->build), "%s", build);
    instance->is_going = false;
    instance->started_ms = en_local_now_ms(local);
    instance->ready_ms = instance->asked_ms = 0;
    r = en_local_keep(local, ret_why);
    if (r < 0) {
        os->drop_gate(os, gate);
        before.again_ms = en_local_now_ms(local) + AGAIN_FIRST_MS;
        *instance = before;
        return r;
    }
    /* A gate that fails is a process that has ended: the next turn finds it so. */
    (void)os->open_gate(os, gate);
    return 0;
}

static int start(struct en_local *local, uint32_t version, uint32_t index, char **ret_why)
{
    struct en_local_instance *instance = &local->versions[version].instances[index];
    struct making making = {.local = local, .version = version, .index = index};
    char build[EN_NAME_SIZE];
    int r;

    /* What ended by itself comes back as it was; a place that is new gets the new build. */
    snprintf(build, sizeof(build), "%s",
             instance->build[0] && !instance->is_going ? instance->build
                                                       : local->versions[version].build);
    if (!build[0])
        return 0;
    r = prepare(&making, build, ret_why);
    if (r == 0)
        r = make(&making, instance, build, ret_why);
    making_deinit(&making);
    return r;
}

/* --- ends --------------------------------------------------------------------------------------
 */

static uint64_t pause_before(uint32_t restarts)
{
    uint64_t pause = restarts <= 1 ? 0 : AGAIN_FIRST_MS;

    for (uint32_t i = 2; i < restarts && pause < AGAIN_MAX_MS; i++)
        pause *= 2;
    return pause < AGAIN_MAX_MS ? pause : AGAIN_MAX_MS;
}

static void on_crash(struct en_local *local, uint32_t version, uint32_t index, const char *how)
{
    struct en_local_instance *instance = &local->versions[version].instances[index];
    const char *name = local->options.config->versions[version].name;
    char *output = en_local_output(local, version, index);
    uint64_t now = en_local_now_ms(local);
    char line[EN_WHY_SIZE - 90] = "";

    if (output)
        local->options.os->last_line(local->options.os, output, line, sizeof(line));
    free(output);
    instance->restarts++;
    instance->ended_ms = now;
    instance->is_failed = true;
    instance->again_ms = now + pause_before(instance->restarts);
    snprintf(instance->why, sizeof(instance->why), "%.80s%s%.140s", how, line[0] ? ": " : "", line);
    tn_log(TN_LOG_WARNING, "local", "%s/%u (build %s) ended: %s; started again in %llu s", name,
           index, instance->build, instance->why,
           (unsigned long long)((instance->again_ms - now + 999) / 1000));
}

static int on_gone(struct en_local *local, uint32_t version, uint32_t index, const char *how,
                   char **ret_why)
{
    struct en_local_instance *instance = &local->versions[version].instances[index];

    instance->process = (struct en_process){0};
    instance->ready_ms = instance->asked_ms = 0;
    if (instance->is_going) {
        *instance = (struct en_local_instance){.told = instance->told};
    } else {
        on_crash(local, version, index, how);
    }
    return en_local_keep(local, ret_why);
}

/* Asked first; after the grace time it is not asked any more. */
static void end(struct en_local *local, struct en_local_instance *instance)
{
    struct en_os *os = local->options.os;
    uint64_t now = en_local_now_ms(local);

    if (instance->asked_ms == 0) {
        instance->asked_ms = now;
        os->end(os, &instance->process, false);
    } else if (now - instance->asked_ms >= local->options.config->grace_ms) {
        os->end(os, &instance->process, true);
    }
}

int en_local_turn(struct en_local *local, uint32_t version, uint32_t index, char **ret_why)
{
    struct en_local_instance *instance = &local->versions[version].instances[index];
    struct en_os *os = local->options.os;
    bool is_wanted = index < local->versions[version].replicas;
    uint64_t now = en_local_now_ms(local);
    char how[80] = "";
    int r = 0;

    if (instance->process.pid && !os->is_alive(os, &instance->process, how, sizeof(how)))
        r = on_gone(local, version, index, how, ret_why);
    if (r < 0)
        return r;
    if (!instance->process.pid && !is_wanted) {
        *instance = (struct en_local_instance){.told = instance->told};
        return 0;
    }
    if (!instance->process.pid)
        return now >= instance->again_ms ? start(local, version, index, ret_why) : 0;
    if (!is_wanted && !instance->is_going) {
        instance->is_going = true;
        r = en_local_keep(local, ret_why);
    }
    if (instance->is_going && r == 0)
        end(local, instance);
    return r;
}

/* --- ready? ------------------------------------------------------------------------------------
 */

static void take_probe(struct en_local *local, struct en_local_instance *instance,
                       const struct en_os_probe *probe)
{
    uint64_t now = en_local_now_ms(local);

    instance->probed_ms = now;
    if (probe->is_good) {
        if (instance->ready_ms == 0)
            instance->ready_ms = now;
        instance->missed = 0;
        instance->is_failed = false;
        instance->why[0] = '\0';
        if (now - instance->ready_ms >= CALM_MS)
            instance->restarts = 0;
        return;
    }
    if (instance->ready_ms && ++instance->missed < MISSED_MAX)
        return;
    if (instance->ready_ms)
        instance->started_ms = now; /* the time to be ready begins again */
    instance->ready_ms = 0;
    instance->missed = 0;
    if (instance->is_failed)
        return; /* why it ended before says more */
    snprintf(instance->why, sizeof(instance->why), "%s: %s", local->options.config->ready_path,
             probe->why);
}

static bool is_due(const struct en_local_instance *instance, uint64_t now)
{
    return instance->process.pid && !instance->is_going &&
           (instance->ready_ms == 0 || instance->missed > 0 ||
            now - instance->probed_ms >= PROBE_MS);
}

void en_local_probe(struct en_local *local)
{
    struct en_os_probe probes[EN_VERSIONS * EN_INSTANCES_MAX];
    struct en_local_instance *who[EN_VERSIONS * EN_INSTANCES_MAX];
    const struct en_config *config = local->options.config;
    uint64_t now = en_local_now_ms(local);
    size_t count = 0;

    for (uint32_t v = 0; v < EN_VERSIONS; v++) {
        for (uint32_t i = 0; i < config->versions[v].port_count; i++) {
            struct en_local_instance *instance = &local->versions[v].instances[i];

            if (!is_due(instance, now))
                continue;
            probes[count] = (struct en_os_probe){.path = config->ready_path,
                                                 .port = config->versions[v].ports[i]};
            who[count++] = instance;
        }
    }
    if (count > 0)
        local->options.os->probe(local->options.os, probes, count, PROBE_LIMIT_MS);
    for (size_t i = 0; i < count; i++)
        take_probe(local, who[i], &probes[i]);
}

#include "proxy/cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 4096

/* The first line of a file below root, without its end. */
static int read_line(const char *root, const char *folder, const char *file, char *line, int size)
{
    char path[PATH_SIZE * 2];
    FILE *stream;
    char *got;

    if (snprintf(path, sizeof(path), "%s%s/%s", root, folder, file) >= (int)sizeof(path))
        return 0;
    stream = fopen(path, "re");
    if (!stream)
        return 0;
    got = fgets(line, size, stream);
    fclose(stream);
    if (!got)
        return 0;
    line[strcspn(line, "\n")] = '\0';
    return 1;
}

static uint64_t cpus_of(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    return (uint64_t)((quota + period - 1) / period);
}

/* "max 100000" or "150000 100000" */
static uint64_t cpus_v2(const char *root, const char *folder)
{
    char line[128];
    char *rest;
    long long quota;

    if (!read_line(root, folder, "cpu.max", line, sizeof(line)))
        return 0;
    quota = strtoll(line, &rest, 10);
    return rest == line ? 0 : cpus_of(quota, strtoll(rest, NULL, 10));
}

static uint64_t cpus_v1(const char *root, const char *folder)
{
    char quota[64];
    char period[64];

    if (!read_line(root, folder, "cpu.cfs_quota_us", quota, sizeof(quota)) ||
        !read_line(root, folder, "cpu.cfs_period_us", period, sizeof(period)))
        return 0;
    return cpus_of(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

/* "max" or bytes */
static uint64_t memory_v2(const char *root, const char *folder)
{
    char line[64];

    if (!read_line(root, folder, "memory.max", line, sizeof(line)))
        return 0;
    return strtoull(line, NULL, 10);
}

/* No limit is a number of pages that nobody has. */
static uint64_t memory_v1(const char *root, const char *folder)
{
    char line[64];
    uint64_t bytes;

    if (!read_line(root, folder, "memory.limit_in_bytes", line, sizeof(line)))
        return 0;
    bytes = strtoull(line, NULL, 10);
    return bytes < UINT64_C(1) << 60 ? bytes : 0;
}

/* How one controller says what it allows. */
struct question {
    const char *controller;
    uint64_t (*v1)(const char *root, const char *folder);
    uint64_t (*v2)(const char *root, const char *folder);
};

/* From the process's own group up to the top: each may be the one that limits. */
static uint64_t walk(const char *root, const char *mount, const char *group,
                     uint64_t (*limit)(const char *root, const char *folder))
{
    char folder[PATH_SIZE];
    size_t top = strlen(mount);
    uint64_t least = 0;

    if (snprintf(folder, sizeof(folder), "%s%s", mount, group) >= (int)sizeof(folder))
        return 0;
    for (;;) {
        char *slash;

        least = smaller(least, limit(root, folder));
        slash = strrchr(folder, '/');
        if (strlen(folder) <= top || !slash || (size_t)(slash - folder) < top)
            return least;
        *slash = '\0';
    }
}

/* "cpu,cpuacct" names cpu, and not cpua. */
static bool names(const char *controllers, const char *controller)
{
    size_t len = strlen(controller);
    const char *at = controllers;

    while (at) {
        if (strncmp(at, controller, len) == 0 && (at[len] == ',' || at[len] == '\0'))
            return true;
        at = strchr(at, ',');
        at = at ? at + 1 : NULL;
    }
    return false;
}

/* "0::/a/b" (v2) or "4:cpu,cpuacct:/a/b" (v1), in /proc/self/cgroup. */
static uint64_t limit_of_line(const char *root, char *line, const struct question *question)
{
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    char mount[PATH_SIZE];

    if (!group)
        return 0;
    controllers++;
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    if (controllers[0] == '\0')
        return walk(root, "/sys/fs/cgroup", group, question->v2);
    if (!names(controllers, question->controller))
        return 0;
    /* In a container the group named here is the host's path, and what is mounted is the group
     * itself: walk() ends at the mount in either case. */
    if (snprintf(mount, sizeof(mount), "/sys/fs/cgroup/%s", controllers) >= (int)sizeof(mount))
        return 0;
    return walk(root, mount, group, question->v1);
}

static uint64_t ask(const char *root, const struct question *question)
{
    char path[PATH_SIZE];
    char line[PATH_SIZE];
    uint64_t least = 0;
    FILE *stream;

    snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    stream = fopen(path, "re");
    if (!stream)
        return 0;
    while (fgets(line, sizeof(line), stream))
        least = smaller(least, limit_of_line(root, line, question));
    fclose(stream);
    return least;
}

uint64_t px_cgroup_cpus(const char *root)
{
    static const struct question question = {"cpu", cpus_v1, cpus_v2};

    return ask(root, &question);
}

uint64_t px_cgroup_memory(const char *root)
{
    static const struct question question = {"memory", memory_v1, memory_v2};

    return ask(root, &question);
}

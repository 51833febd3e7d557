#include "proxy/cpus.h"

#include <sched.h>
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

static uint32_t cpus_of(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    return (uint32_t)((quota + period - 1) / period);
}

/* "max 100000" or "150000 100000" */
static uint32_t quota_v2(const char *root, const char *folder)
{
    char line[128];
    char *rest;
    long long quota;

    if (!read_line(root, folder, "cpu.max", line, sizeof(line)))
        return 0;
    quota = strtoll(line, &rest, 10);
    return rest == line ? 0 : cpus_of(quota, strtoll(rest, NULL, 10));
}

static uint32_t quota_v1(const char *root, const char *folder)
{
    char quota[64];
    char period[64];

    if (!read_line(root, folder, "cpu.cfs_quota_us", quota, sizeof(quota)) ||
        !read_line(root, folder, "cpu.cfs_period_us", period, sizeof(period)))
        return 0;
    return cpus_of(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

/* From the process's own group up to the top: each may be the one that limits. */
static uint32_t walk(const char *root, const char *mount, const char *group,
                     uint32_t (*quota)(const char *root, const char *folder))
{
    char folder[PATH_SIZE];
    size_t top = strlen(mount);
    uint32_t least = 0;

    if (snprintf(folder, sizeof(folder), "%s%s", mount, group) >= (int)sizeof(folder))
        return 0;
    for (;;) {
        char *slash;

        least = smaller(least, quota(root, folder));
        slash = strrchr(folder, '/');
        if (strlen(folder) <= top || !slash || (size_t)(slash - folder) < top)
            return least;
        *slash = '\0';
    }
}

static int names_cpu(const char *controllers)
{
    const char *at = controllers;

    while (at) {
        if (strncmp(at, "cpu", 3) == 0 && (at[3] == ',' || at[3] == '\0'))
            return 1;
        at = strchr(at, ',');
        at = at ? at + 1 : NULL;
    }
    return 0;
}

/* "0::/a/b" (v2) or "4:cpu,cpuacct:/a/b" (v1), in /proc/self/cgroup. */
static uint32_t quota_of_line(const char *root, char *line)
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
        return walk(root, "/sys/fs/cgroup", group, quota_v2);
    if (!names_cpu(controllers))
        return 0;
    /* In a container the group named here is the host's path, and what is mounted is the group
     * itself: walk() ends at the mount in either case. */
    if (snprintf(mount, sizeof(mount), "/sys/fs/cgroup/%s", controllers) >= (int)sizeof(mount))
        return 0;
    return walk(root, mount, group, quota_v1);
}

uint32_t px_cpus_quota(const char *root)
{
    char path[PATH_SIZE];
    char line[PATH_SIZE];
    uint32_t least = 0;
    FILE *stream;

    snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    stream = fopen(path, "re");
    if (!stream)
        return 0;
    while (fgets(line, sizeof(line), stream))
        least = smaller(least, quota_of_line(root, line));
    fclose(stream);
    return least;
}

uint32_t px_cpus_usable(void)
{
    cpu_set_t set;
    uint32_t allowed = 1;

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        allowed = (uint32_t)CPU_COUNT(&set);
    allowed = smaller(allowed, px_cpus_quota(""));
    return allowed > 0 ? allowed : 1;
}

#include "proxy/cpus.h"

#include "proxy/cgroup.h"

#include <sched.h>

uint32_t px_cpus_quota(const char *root)
{
    uint64_t cpus = px_cgroup_cpus(root);

    return cpus < UINT32_MAX ? (uint32_t)cpus : 0;
}

uint32_t px_cpus_usable(void)
{
    cpu_set_t set;
    uint32_t allowed = 1;
    uint32_t quota = px_cpus_quota("");

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        allowed = (uint32_t)CPU_COUNT(&set);
    if (quota > 0 && quota < allowed)
        allowed = quota;
    return allowed > 0 ? allowed : 1;
}

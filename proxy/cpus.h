/*
 * cpus: how many data loops this process can use at a time.
 *
 * Not for pinning threads. Shape: the smaller of the CPUs that the scheduler lets the process run
 * on and the CPU quota of its cgroup (v2 cpu.max, v1 cpu.cfs_quota_us) and of every cgroup above
 * it, rounded up; at least 1. Errors: none; what can't be read limits nothing. Threads: any.
 */
#ifndef PX_CPUS_H
#define PX_CPUS_H

#include <stdint.h>

uint32_t px_cpus_usable(void);

/* The quota alone, in whole CPUs rounded up; 0: none. root: "" or a folder that stands for "/". */
uint32_t px_cpus_quota(const char *root);

#endif

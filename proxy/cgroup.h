/*
 * cgroup: what the process's cgroup allows it, and every cgroup above it: the least of them.
 *
 * Not for what is used of it. Shapes: version 2 (cpu.max, memory.max) and version 1
 * (cpu.cfs_quota_us, memory.limit_in_bytes), where the latter is mounted by the names of its
 * controllers. root: "" or a folder that stands for "/". Units: whole CPUs, rounded up; bytes.
 * Errors: none; 0 is no limit, and what can't be read limits nothing. Threads: any.
 */
#ifndef PX_CGROUP_H
#define PX_CGROUP_H

#include <stdint.h>

uint64_t px_cgroup_cpus(const char *root);
uint64_t px_cgroup_memory(const char *root);

#endif

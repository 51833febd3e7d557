/*
 * memory: whether the process holds as much as it may; new work is refused while it does.
 *
 * Not for bounding one connection: its own limits do that. Shapes: what counts is what the kernel
 * counts for the out-of-memory killer, resident memory without the files behind it, looked at ten
 * times a second while there is a limit. `memory: auto` is PX_MEMORY_PERCENT of what the cgroup
 * allows: the rest is for the kernel's socket buffers, which belong to the cgroup and not to the
 * process. Before it calls itself full it gives freed memory back to the kernel; it is full until
 * it holds a twentieth less than the limit. Units: bytes. Errors: a process that can't read its own
 * figures has no limit, and says so. Ownership: the caller's memory; the timer until
 * px_memory_close(). Callbacks: on_full for each change. Threads: control.
 */
#ifndef PX_MEMORY_H
#define PX_MEMORY_H

#include "lib/net/control.h"

#define PX_MEMORY_PERCENT 80
#define PX_MEMORY_LOOK_MS 100

struct px_memory {
    struct tn_timer timer;
    struct tn_loop *loop;
    bool is_open;
    bool is_full;
    uint64_t cgroup_bytes; /* 0: no limit */
    uint64_t limit_bytes;  /* in force; 0: none */
    uint64_t trimmed_ms;
    void (*on_full)(struct px_memory *memory, bool is_full);
};

int px_memory_open(struct px_memory *memory, struct tn_loop *loop,
                   void (*on_full)(struct px_memory *memory, bool is_full));

/* limit: of limits.memory (config.h). May be repeated. */
void px_memory_set(struct px_memory *memory, uint64_t limit);

void px_memory_close(struct px_memory *memory);

#endif

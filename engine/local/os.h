/*
 * os: what the local platform asks of the kernel, as functions that a test can replace.
 *
 * Not for deciding what runs (local.c).
 * Shapes: a process is known by its pid and the moment it started, which together are never used
 * twice while the machine runs; `boot` tells this run of the machine from others. A new process
 * waits behind a gate before it becomes the command: whoever made it writes it down first and then
 * opens the gate; if it dies before, the process ends without having done anything. So nothing is
 * ever left running that nobody knows of. Units: start in clock ticks since boot. Errors: negative
 * errno. Ownership: gates are descriptors, ended by open or drop. Threads: one at a time.
 */
#ifndef EN_LOCAL_OS_H
#define EN_LOCAL_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct en_process {
    int32_t pid; /* 0: none */
    uint64_t start;
};

struct en_os_probe {
    const char *path;
    uint16_t port;
    bool is_good;
    char why[80]; /* "connection refused", "503" */
};

struct en_os {
    /* argv's program is looked for as execvp does, from folder; output is appended to the file. */
    int (*make)(struct en_os *os, char *const *argv, const char *folder, const char *output,
                struct en_process *ret_process, int *ret_gate);
    int (*open_gate)(struct en_os *os, int gate); /* -EPIPE and the like: it has ended */
    void (*drop_gate)(struct en_os *os, int gate);
    /* Still there? If not and it was our child, why (size bytes) says how it ended. */
    bool (*is_alive)(struct en_os *os, const struct en_process *process, char *why, size_t size);
    /* To the process (SIGTERM), or to its whole session (SIGKILL). */
    void (*end)(struct en_os *os, const struct en_process *process, bool is_kill);
    /* All at once, each by one request GET path; within timeout_ms. */
    void (*probe)(struct en_os *os, struct en_os_probe *probes, size_t count, uint64_t timeout_ms);
    /* Makes the folder and those above it. */
    int (*make_folder)(struct en_os *os, const char *path);
    /* Everything in the folder, then itself. */
    int (*remove_folder)(struct en_os *os, const char *path);
    /* The last line of a file that says something, cut to size. */
    void (*last_line)(struct en_os *os, const char *path, char *line, size_t size);
    char boot[40];
};

/* The kernel's own. */
void en_os_init(struct en_os *os);

#endif

/*
 * fake_os: processes that exist only on paper, for tests of the local platform.
 *
 * Shapes: pids count from 100; a process that was made is behind its gate until it is opened.
 * `is_ready` is what probes find on a port. Ownership: the test's. Threads: one.
 */
#ifndef TEST_FAKE_OS_H
#define TEST_FAKE_OS_H

#include "engine/local/os.h"

#define FAKE_PROCESSES 64

struct fake_process {
    int32_t pid;
    bool is_gated, is_alive, is_ours; /* ours: a child of this engine */
    uint16_t port;
    char build[16], data[80];
    unsigned terms, kills;
    char how[40];
};

struct fake_os {
    struct en_os os;
    struct fake_process processes[FAKE_PROCESSES];
    unsigned count;
    int make_error;
    bool obeys; /* SIGTERM ends it */
    bool is_ready;
    char removed[200];
};

void fake_os_init(struct fake_os *fake);

/* Alive and let through its gate, on that port; NULL: none. */
struct fake_process *fake_os_find(struct fake_os *fake, uint16_t port);
unsigned fake_os_alive(const struct fake_os *fake);

/* The engine dies: gates close, children are nobody's. */
void fake_os_orphan(struct fake_os *fake);

#endif

#include "fake_os.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* argv of the tests: {"run", port, build, data}. */
static int make(struct en_os *os, char *const *argv, const char *folder, const char *output,
                struct en_process *ret_process, int *ret_gate)
{
    struct fake_os *fake = (struct fake_os *)(void *)os;
    struct fake_process *process = &fake->processes[fake->count];

    (void)folder;
    (void)output;
    if (fake->make_error)
        return fake->make_error;
    *process = (struct fake_process){.pid = 100 + (int32_t)fake->count,
                                     .is_gated = true,
                                     .is_alive = true,
                                     .is_ours = true,
                                     .port = (uint16_t)strtoul(argv[1], NULL, 10)};
    snprintf(process->build, sizeof(process->build), "%s", argv[2]);
    snprintf(process->data, sizeof(process->data), "%s", argv[3]);
    *ret_process = (struct en_process){process->pid, 1000u + fake->count};
    *ret_gate = (int)fake->count++;
    return 0;
}

static int open_gate(struct en_os *os, int gate)
{
    ((struct fake_os *)(void *)os)->processes[gate].is_gated = false;
    return 0;
}

static void drop_gate(struct en_os *os, int gate)
{
    ((struct fake_os *)(void *)os)->processes[gate].is_alive = false;
}

static struct fake_process *find(struct en_os *os, const struct en_process *process)
{
    return &((struct fake_os *)(void *)os)->processes[process->pid - 100];
}

static bool is_alive(struct en_os *os, const struct en_process *process, char *why, size_t size)
{
    const struct fake_process *own = find(os, process);

    if (!own->is_alive)
        snprintf(why, size, "%s", own->how);
    return own->is_alive;
}

static void end(struct en_os *os, const struct en_process *process, bool is_kill)
{
    struct fake_process *own = find(os, process);

    own->terms += !is_kill;
    own->kills += is_kill;
    if (is_kill || ((struct fake_os *)(void *)os)->obeys)
        own->is_alive = false;
}

static void probe(struct en_os *os, struct en_os_probe *probes, size_t count, uint64_t timeout_ms)
{
    struct fake_os *fake = (struct fake_os *)(void *)os;

    (void)timeout_ms;
    for (size_t i = 0; i < count; i++) {
        probes[i].is_good = fake->is_ready && fake_os_find(fake, probes[i].port);
        snprintf(probes[i].why, sizeof(probes[i].why), "503");
    }
}

static int make_folder(struct en_os *os, const char *path)
{
    (void)os;
    (void)path;
    return 0;
}

static int remove_folder(struct en_os *os, const char *path)
{
    struct fake_os *fake = (struct fake_os *)(void *)os;
    size_t used = strlen(fake->removed);

    snprintf(fake->removed + used, sizeof(fake->removed) - used, "%s;", path);
    return 0;
}

static void last_line(struct en_os *os, const char *path, char *line, size_t size)
{
    (void)os;
    (void)path;
    snprintf(line, size, "its last words");
}

void fake_os_init(struct fake_os *fake)
{
    *fake = (struct fake_os){.os = {make, open_gate, drop_gate, is_alive, end, probe, make_folder,
                                    remove_folder, last_line, "boot-1"},
                             .obeys = true,
                             .is_ready = true};
}

struct fake_process *fake_os_find(struct fake_os *fake, uint16_t port)
{
    for (unsigned i = 0; i < fake->count; i++) {
        struct fake_process *process = &fake->processes[i];

        if (process->is_alive && !process->is_gated && process->port == port)
            return process;
    }
    return NULL;
}

unsigned fake_os_alive(const struct fake_os *fake)
{
    unsigned count = 0;

    for (unsigned i = 0; i < fake->count; i++)
        count += fake->processes[i].is_alive;
    return count;
}

void fake_os_orphan(struct fake_os *fake)
{
    for (unsigned i = 0; i < fake->count; i++) {
        fake->processes[i].is_ours = false;
        if (fake->processes[i].is_gated)
            fake->processes[i].is_alive = false;
    }
}

#include "proxy/memory.h"

#include "lib/base/log.h"
#include "lib/base/process.h"
#include "proxy/cgroup.h"
#include "proxy/config/config.h"

#include <inttypes.h>
#include <malloc.h>

#define MIB (UINT64_C(1) << 20)
#define TRIM_MS 1000

/* What was freed, and is still ours to the kernel, goes back: else one burst would leave us full
 * for ever. Not often: it holds the allocator's locks. */
static uint64_t trim(struct px_memory *memory)
{
    uint64_t now_ms = tn_loop_now_ms(memory->loop);

    if (now_ms - memory->trimmed_ms >= TRIM_MS) {
        memory->trimmed_ms = now_ms;
        malloc_trim(0);
    }
    return tn_process_memory();
}

static void set_full(struct px_memory *memory, bool is_full, uint64_t bytes)
{
    if (is_full == memory->is_full)
        return;
    memory->is_full = is_full;
    if (is_full)
        tn_log(TN_LOG_WARNING, "memory",
               "%" PRIu64 " MiB of %" PRIu64 " MiB are used: new requests are refused", bytes / MIB,
               memory->limit_bytes / MIB);
    else
        tn_log(TN_LOG_INFO, "memory", "%" PRIu64 " MiB are used: requests are taken again",
               bytes / MIB);
    memory->on_full(memory, is_full);
}

static void look(struct px_memory *memory)
{
    uint64_t enough = memory->limit_bytes - (memory->is_full ? memory->limit_bytes / 20 : 0);
    uint64_t bytes = tn_process_memory();

    if (bytes == 0)
        return; /* no descriptor to ask by: as before */
    if (bytes >= enough)
        bytes = trim(memory);
    set_full(memory, bytes >= enough, bytes);
}

static void on_look(struct tn_timer *timer)
{
    look(TN_CONTAINER_OF(timer, struct px_memory, timer));
}

int px_memory_open(struct px_memory *memory, struct tn_loop *loop,
                   void (*on_full)(struct px_memory *memory, bool is_full))
{
    int error;

    *memory =
        (struct px_memory){.loop = loop, .on_full = on_full, .cgroup_bytes = px_cgroup_memory("")};
    error = tn_timer_open(&memory->timer, loop, on_look);
    memory->is_open = !error;
    return error;
}

static uint64_t limit_of(const struct px_memory *memory, uint64_t limit)
{
    if (limit == PX_NO_LIMIT)
        return 0;
    return limit == PX_MEMORY_AUTO ? memory->cgroup_bytes / 100 * PX_MEMORY_PERCENT : limit;
}

void px_memory_set(struct px_memory *memory, uint64_t limit)
{
    uint64_t bytes = limit_of(memory, limit);

    if (!memory->is_open || bytes == memory->limit_bytes)
        return;
    memory->limit_bytes = bytes;
    if (bytes > 0 && tn_process_memory() > 0) {
        tn_timer_start(&memory->timer, 0, PX_MEMORY_LOOK_MS);
        return;
    }
    if (bytes > 0)
        tn_log(TN_LOG_WARNING, "memory",
               "/proc/self/statm can't be read: there is no memory limit");
    memory->limit_bytes = 0;
    tn_timer_stop(&memory->timer);
    set_full(memory, false, 0);
}

void px_memory_close(struct px_memory *memory)
{
    if (!memory->is_open)
        return;
    memory->is_open = false;
    tn_timer_close(&memory->timer, NULL);
}

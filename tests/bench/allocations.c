/*
 * allocations: how often each thread of a program asked for memory, for the gates of
 * tests/bench/gates.py.
 *
 * A preloaded library; the file of BENCH_ALLOCATIONS is mapped, and holds for each thread {thread
 * id, calls}. Calls are malloc, calloc, realloc, posix_memalign, aligned_alloc and memalign,
 * whichever library makes them; those of the C library inside itself are not seen. Nothing here
 * allocates. Threads: any, at most SLOTS of them.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define SLOTS 255

/* gates.py has the same shape. */
struct table {
    atomic_uint_fast64_t used;
    uint64_t unused;
    struct slot {
        uint64_t thread;
        atomic_uint_fast64_t calls;
    } slots[SLOTS];
};

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

EXPORT void *malloc(size_t size);
EXPORT void *calloc(size_t count, size_t size);
EXPORT void *realloc(void *old, size_t size);
EXPORT void *memalign(size_t alignment, size_t size);
EXPORT void *aligned_alloc(size_t alignment, size_t size);
EXPORT int posix_memalign(void **ret_block, size_t alignment, size_t size);

static struct table *table;
static _Thread_local struct slot *mine __attribute__((tls_model("initial-exec")));

__attribute__((constructor)) static void map_table(void)
{
    const char *path = getenv("BENCH_ALLOCATIONS");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) {
        return;
    }
    void *mapped = mmap(NULL, sizeof(struct table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    table = mapped == MAP_FAILED ? NULL : mapped;
}

static void count(void)
{
    if (!table) {
        return;
    }
    if (!mine) {
        uint64_t place = atomic_fetch_add(&table->used, 1);
        mine = &table->slots[place < SLOTS ? place : SLOTS - 1];
        mine->thread = (uint64_t)gettid();
    }
    atomic_fetch_add_explicit(&mine->calls, 1, memory_order_relaxed);
}

void *malloc(size_t size)
{
    count();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count();
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    count();
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
    count();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
    count();
    void *block = __libc_memalign(alignment, size);
    if (!block) {
        return ENOMEM;
    }
    *ret_block = block;
    return 0;
}

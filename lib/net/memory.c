#include "lib/net/private.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Address space; pages are taken when they are needed. Tables for 262,144 descriptors. */
#define RESERVE_BYTES (8u << 20)
#define ALIGNMENT 64

static struct {
    pthread_mutex_t lock;
    char *bytes; /* NULL: none */
    size_t used;
} reserve = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_reserved(const void *block)
{
    return reserve.bytes && (const char *)block >= reserve.bytes &&
           (const char *)block < reserve.bytes + RESERVE_BYTES;
}

static void *take_reserved(size_t size)
{
    char *block = NULL;

    pthread_mutex_lock(&reserve.lock);
    if (reserve.bytes && size <= RESERVE_BYTES - reserve.used) {
        block = reserve.bytes + reserve.used;
        reserve.used += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        if (reserve.used > RESERVE_BYTES)
            reserve.used = RESERVE_BYTES;
    }
    pthread_mutex_unlock(&reserve.lock);
    return block;
}

/* What lies in the reserve has no length of its own: what follows it may be copied along. */
static size_t bytes_in(const void *block, size_t size)
{
    size_t have = is_reserved(block) ? (size_t)(reserve.bytes + RESERVE_BYTES - (const char *)block)
                                     : malloc_usable_size((void *)(uintptr_t)block);

    return have < size ? have : size;
}

static void release(void *block)
{
    if (!is_reserved(block))
        free(block); /* what was reserved and grew is not used again: tables only double */
}

static void *reallocate(void *old, size_t size)
{
    void *block = is_reserved(old) ? malloc(size) : realloc(old, size);

    if (size == 0 || (block && !is_reserved(old)))
        return block;
    if (!block)
        block = take_reserved(size);
    if (block && old) {
        memcpy(block, old, bytes_in(old, size));
        release(old);
    }
    return block;
}

void tn_memory_init(void)
{
    void *bytes;

    if (reserve.bytes)
        return;
    bytes = mmap(NULL, RESERVE_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes != MAP_FAILED)
        reserve.bytes = bytes;
    uv_replace_allocator(malloc, reallocate, calloc, release);
}

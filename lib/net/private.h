/*
 * private: what keeps libuv from ending the process when the kernel or the heap has no memory.
 *
 * For lib/net only. libuv calls abort() when epoll takes no more descriptors, and when its table of
 * descriptors can't grow. So a descriptor is registered here first, where that is an error like
 * others, and the table's growth falls back on memory that was set aside at the start.
 * Threads: tn_memory_init once, before the first loop; tn_watch on the loop's.
 */
#ifndef TN_NET_PRIVATE_H
#define TN_NET_PRIVATE_H

#include "lib/net/loop.h"

/* Registers a descriptor with the loop's epoll, without events: libuv finds it there (EEXIST) and
 * only says which events it wants, which needs no memory. 0, -ENOMEM, -ENOSPC. May be repeated. */
int tn_watch_fd(struct tn_loop *loop, int fd);

/* The same of a handle that has a descriptor. */
int tn_watch(const uv_handle_t *handle);

/* libuv's allocator: as malloc's, but a realloc that fails takes from the reserve. */
void tn_memory_init(void);

#endif

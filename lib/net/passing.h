/*
 * passing: open descriptors from one process to another over a connected Unix socket.
 *
 * Not for what they are for: whoever passes them says so in the bytes that go with them.
 * Shapes: at most TN_PASSING_MAX descriptors at a time, with at least one byte; they arrive with
 * the first of these bytes, in their order, close-on-exec, as duplicates: the sender still has his.
 * Errors: 0 or negative errno; -EAGAIN: would have to wait, nothing was sent; -EMSGSIZE: more
 * descriptors came than fit, or there was no room for them in this process: all are closed.
 * Ownership: received descriptors are the caller's. Threads: any.
 */
#ifndef TN_NET_PASSING_H
#define TN_NET_PASSING_H

#include "lib/net/stream.h"

#define TN_PASSING_MAX 64

/* All bytes or none; they should be few. */
int tn_passing_send(int fd, struct tn_str bytes, const int *descriptors, unsigned count);

/* Bytes read (0: the peer closed) or -errno; waits as the socket does. *count: room before, how
 * many came after. */
ssize_t tn_passing_receive(int fd, char *buffer, size_t size, int *descriptors, unsigned *count);

/*
 * The other end of a call that was upgraded, or whatever else is a connected Unix socket, becomes a
 * stream of the loop. The descriptor is the stream's from here on, on failure it is closed. Call
 * tn_stream_start() on it.
 */
int tn_stream_adopt(struct tn_stream *stream, struct tn_loop *loop, int fd,
                    const struct tn_stream_ops *ops);

#endif

/*
 * stream: one TCP or Unix connection, with a bounded queue of what the kernel did not take.
 *
 * Not for framing or deciding. Embedded in its owner (a client, an upstream connection, an admin
 * reader). Shapes: reads arrive in the loop's scratch buffer and are valid during on_read only.
 * Writes try at once; a tail is copied and sent later. Reading goes on all the time but for
 * pause/resume (back-pressure). Errors: writing to a broken stream gives -EPIPE and the like at
 * once, or on_broken later; after either nothing can be written. While is_eof is not set, reading
 * goes on and tells what the peer had sent before; after that only tn_stream_close() is left to do.
 * Ownership: memory belongs to the owner, and may go in or after on_closed. on_closed runs exactly
 * once per close. Callbacks: on_read, on_eof, on_broken, on_drained: never after tn_stream_close()
 * returned, and never from inside tn_stream_write(). While paused nothing is told, not even a
 * reset: every paused state needs a deadline. Threads: the loop's.
 */
#ifndef TN_NET_STREAM_H
#define TN_NET_STREAM_H

#include "lib/base/str.h"
#include "lib/net/deadline.h"

#include <sys/socket.h>

struct tn_stream;

struct tn_stream_ops {
    void (*on_read)(struct tn_stream *stream, char *data, size_t len);
    void (*on_eof)(struct tn_stream *stream); /* the peer will send no more; writing may go on */
    void (*on_broken)(struct tn_stream *stream, int error); /* reset, write failed */
    void (*on_drained)(struct tn_stream *stream);           /* the tail is out; may be NULL */
    void (*on_closed)(struct tn_stream *stream);
};

struct tn_stream_tail; /* private: bytes under way and bytes waiting */

struct tn_stream {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    const struct tn_stream_ops *ops;
    struct tn_stream_tail *tail; /* NULL: everything is out */
    bool is_open;
    bool is_reading;
    bool is_eof;     /* the peer sends no more: reading is over */
    bool is_reset;   /* close with RST */
    int early_error; /* of connecting, found by tn_stream_write_early() */
    uint64_t sent;   /* private: bytes that the kernel took, without those of a write under way */
    struct tn_deadline resuming; /* the kernel had no memory for it: again at the next sweep */
};

/* Not yet connected. family: AF_INET, AF_INET6 or AF_UNIX. -EMFILE and the like; then nothing has
 * to be closed. */
int tn_stream_open(struct tn_stream *stream, struct tn_loop *loop, int family,
                   const struct tn_stream_ops *ops);

typedef void(tn_connect_fn)(struct tn_stream *stream, int error);

/* on_connected runs once, unless the stream is closed before. Sets TCP_NODELAY and starts reading
 * on success. */
int tn_stream_connect(struct tn_stream *stream, const struct sockaddr *address,
                      tn_connect_fn *on_connected);

/* Starts reading (streams that a listener accepted are told so by their owner). */
int tn_stream_start(struct tn_stream *stream);

void tn_stream_pause(struct tn_stream *stream);
void tn_stream_resume(struct tn_stream *stream);

/*
 * What the kernel may hold that it could not send yet. Left alone it takes megabytes for a peer
 * that does not read, and a thousand of these use up what the whole machine has for TCP.
 */
#define TN_STREAM_KERNEL_BYTES 131072

#define TN_STREAM_PIECES_MAX 24

/*
 * Sends the pieces in order: at once as far as the kernel takes them, the rest from a copy.
 * 0 or a negative errno (the stream is broken, or no memory for the copy: close it).
 */
int tn_stream_write(struct tn_stream *stream, const struct tn_str *pieces, unsigned count);

/*
 * While the connection is being made: what the kernel takes already, for the handshake may be
 * through although the loop was not told of it yet. Bytes taken, from the first piece on; 0: too
 * early, or broken (on_connected tells). Nothing may be waiting in a tail.
 */
size_t tn_stream_write_early(struct tn_stream *stream, const struct tn_str *pieces, unsigned count);

/* Bytes held in the tail: above its limit the writer pauses its source. 0 means that nothing is
 * left of it; until then on_drained will follow. */
size_t tn_stream_queued(const struct tn_stream *stream);

/* Bytes that the kernel has not taken yet: how far the peer lags. Never more than
 * tn_stream_queued(). */
size_t tn_stream_unsent(const struct tn_stream *stream);

/*
 * Bytes that the peer has acknowledged, of all that were written: how far a slow reader is. What
 * the kernel took says little, for it takes megabytes that nobody reads. A system call.
 */
uint64_t tn_stream_taken(const struct tn_stream *stream);

/* Sends FIN once the tail is out. Nothing can be written after it. */
int tn_stream_shutdown(struct tn_stream *stream);

/* Drops the tail and closes; on_closed follows. May be repeated. */
void tn_stream_close(struct tn_stream *stream);

/* The same with RST: how an answer that only ends with the connection is broken off. */
void tn_stream_reset(struct tn_stream *stream);

static inline struct tn_loop *tn_stream_loop(const struct tn_stream *stream)
{
    return TN_CONTAINER_OF(stream->uv.handle.loop, struct tn_loop, uv);
}

/* The socket itself; still the stream's. */
int tn_stream_descriptor(const struct tn_stream *stream, int *ret_fd);

int tn_stream_peer(const struct tn_stream *stream, struct sockaddr_storage *ret_address);

/*
 * Who connected, by the kernel's word: as he was at that moment. A user whom our user namespace
 * does not know has its overflow id (65534), a process outside our pid namespace has pid 0.
 * -ENOTSOCK: not a Unix socket.
 */
struct tn_credentials {
    uid_t uid;
    gid_t gid;
    pid_t pid;
};
int tn_stream_credentials(const struct tn_stream *stream, struct tn_credentials *ret_credentials);

#endif

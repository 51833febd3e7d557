/*
 * listener: a listening socket of one loop.
 *
 * Not for deciding whom to serve: on_accept must take the connection or say that it cannot.
 * Shapes: TCP listeners may share their port with other loops (SO_REUSEPORT); accepted streams
 * inherit TCP_NODELAY and a bound of what the kernel may hold for them. A burst of connections is
 * taken in turns of the loop, at most TN_LISTENER_TURN in each. Without descriptors or memory for
 * one it waits in the kernel's queue, and is looked at again after TN_LISTENER_PAUSE_MS: libuv's
 * own accepting would either spin (1.44) or drop it. Errors: -EADDRINUSE, -EACCES and so on from
 * open. A Unix socket file of a living process is -EADDRINUSE; that of a dead one is replaced.
 * Ownership: the caller's memory until on_closed. Threads: the loop's.
 */
#ifndef TN_NET_LISTENER_H
#define TN_NET_LISTENER_H

#include "lib/net/deadline.h"
#include "lib/net/stream.h"

#include <sys/stat.h>

#define TN_LISTENER_TURN 64
#define TN_LISTENER_PAUSE_MS 100

struct tn_listener;

struct tn_listener_ops {
    /* Memory for the next connection (its ops set), or NULL to refuse: it is then accepted and
     * closed at once. */
    struct tn_stream *(*on_accept)(struct tn_listener *listener);
    /* The stream is connected. Call tn_stream_start() on it, now or later. */
    void (*on_accepted)(struct tn_listener *listener, struct tn_stream *stream);
    /* The stream could not be made after on_accept: the memory comes back. */
    void (*on_failed)(struct tn_listener *listener, struct tn_stream *stream, int error);
    /* No descriptor or memory for a connection (-EMFILE and the like). May be NULL. Whatever it
     * frees serves those who wait, after the pause. */
    void (*on_starved)(struct tn_listener *listener, int error);
    void (*on_closed)(struct tn_listener *listener);
};

struct tn_listener {
    union {
        uv_handle_t handle;
        uv_poll_t poll;
    } uv;
    int fd;
    const struct tn_listener_ops *ops;
    struct tn_deadline again; /* while pausing */
    char *unlink_path;        /* Unix socket to remove at close; NULL: TCP */
    bool is_open;
    bool is_started;
};

/* reuse_port: several loops share the address. */
int tn_listener_open_tcp(struct tn_listener *listener, struct tn_loop *loop,
                         const struct sockaddr *address, bool reuse_port,
                         const struct tn_listener_ops *ops);

/*
 * Whether anybody listens on the address already: -EADDRINUSE, else 0 or what else forbids it. A
 * second process of ours would otherwise share the port without a word, because both ask for that.
 */
int tn_listener_probe(const struct sockaddr *address);

int tn_listener_open_unix(struct tn_listener *listener, struct tn_loop *loop, const char *path,
                          mode_t mode, const struct tn_listener_ops *ops);

/*
 * The same in steps, for sockets that come from elsewhere or that must not be listened on yet.
 * bind: a socket that nobody can connect to; any thread. hold: takes a socket over (closes it on
 * failure) that is bound, or that listens already, perhaps in another process, too; accepts nothing
 * before start. unlink_path: NULL for TCP. A listener that was never started closes without a
 * trace: what is queued on its socket, and its file, are others'.
 */
int tn_listener_bind_tcp(const struct sockaddr *address, bool reuse_port, int *ret_fd);
int tn_listener_hold(struct tn_listener *listener, struct tn_loop *loop, int fd,
                     const char *unlink_path, const struct tn_listener_ops *ops);
int tn_listener_start(struct tn_listener *listener);

/* The address it got (port 0 is resolved). */
int tn_listener_address(const struct tn_listener *listener, struct sockaddr_storage *ret_address);

/*
 * First half of closing without loss: the kernel drops new SYNs from here on, while handshakes
 * under way end as ever. Closing at once instead would reset connections that are already queued.
 * 0, or -errno where filters are not to be had.
 */
int tn_listener_refuse_new(struct tn_listener *listener);

/* Accepts what is queued already, then closes. Best some 100 ms after tn_listener_refuse_new(). */
void tn_listener_close(struct tn_listener *listener);

/* Closes it here only: the socket, with what is queued on it, and its file are another process's
 * from now on. */
void tn_listener_release(struct tn_listener *listener);

#endif

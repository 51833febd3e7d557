#include "lib/net/listener.h"
#include "lib/net/private.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

static bool is_tcp(const struct tn_listener *listener)
{
    return !listener->unlink_path;
}

static struct tn_loop *loop_of(const struct tn_listener *listener)
{
    return TN_CONTAINER_OF(listener->uv.handle.loop, struct tn_loop, uv);
}

static void on_ready(uv_poll_t *poll, int status, int events);

/* Each start takes the descriptor out of epoll first. */
static int watch_for(struct tn_listener *listener, int events)
{
    int error = uv_poll_start(&listener->uv.poll, events, on_ready);

    if (!error)
        error = tn_watch_fd(loop_of(listener), listener->fd);
    if (error)
        uv_poll_stop(&listener->uv.poll);
    return error;
}

/* A connection that we can't have now stays in the queue of the kernel: whoever frees a descriptor
 * meanwhile serves it. Looking again at once would find the same, for ever. */
static void pause_accepting(struct tn_listener *listener, int error)
{
    /* of what never comes: the loop has something to live for */
    watch_for(listener, UV_PRIORITIZED);
    tn_deadline_after(loop_of(listener), &listener->again, TN_LISTENER_PAUSE_MS);
    if (listener->ops->on_starved)
        listener->ops->on_starved(listener, error);
}

static void on_again(struct tn_deadline *deadline)
{
    struct tn_listener *listener = TN_CONTAINER_OF(deadline, struct tn_listener, again);

    if (watch_for(listener, UV_READABLE) != 0)
        tn_deadline_after(loop_of(listener), &listener->again, TN_LISTENER_PAUSE_MS);
}

static void take(struct tn_listener *listener, int fd)
{
    struct tn_stream *stream = listener->ops->on_accept(listener);
    int error;

    if (!stream) {
        close(fd);
        return;
    }
    error =
        is_tcp(listener) ? uv_tcp_open(&stream->uv.tcp, fd) : uv_pipe_open(&stream->uv.pipe, fd);
    if (error) {
        close(fd);
        listener->ops->on_failed(listener, stream, error);
        return;
    }
    listener->ops->on_accepted(listener, stream);
}

/* Else it is of that very connection, which ended before we came to it (accept(2)): on to the next.
 */
static bool is_fatal(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM: /* a firewall */
    case EPROTO:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
        return false;
    default:
        return true;
    }
}

/* Up to so many that wait. False: one could not be had, by the error. */
static bool accept_some(struct tn_listener *listener, unsigned count, int *ret_error)
{
    while (count-- > 0) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            take(listener, fd);
            continue;
        }
        if (errno == EAGAIN)
            return true;
        if (is_fatal(errno)) {
            *ret_error = -errno;
            return false;
        }
    }
    return true;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct tn_listener *listener = TN_CONTAINER_OF(poll, struct tn_listener, uv.poll);
    int error;

    (void)status;
    (void)events;
    /* What is left is found in the loop's next turn: others come first. */
    if (!accept_some(listener, TN_LISTENER_TURN, &error) && listener->is_open)
        pause_accepting(listener, error);
}

int tn_listener_hold(struct tn_listener *listener, struct tn_loop *loop, int fd,
                     const char *unlink_path, const struct tn_listener_ops *ops)
{
    int error = 0;

    memset(listener, 0, sizeof(*listener));
    listener->ops = ops;
    listener->fd = fd;
    if (unlink_path) {
        listener->unlink_path = strdup(unlink_path);
        error = listener->unlink_path ? 0 : -ENOMEM;
    }
    if (!error)
        error = uv_poll_init(&loop->uv, &listener->uv.poll, fd);
    if (error) {
        close(fd);
        listener->fd = -1;
        free(listener->unlink_path);
        listener->unlink_path = NULL;
        return error;
    }
    listener->is_open = true;
    tn_deadline_init(&listener->again, on_again);
    return 0;
}

int tn_listener_start(struct tn_listener *listener)
{
    int error = listen(listener->fd, BACKLOG) == 0 ? 0 : -errno;

    if (!error)
        error = watch_for(listener, UV_READABLE);
    if (!error)
        listener->is_started = true;
    return error;
}

/* A listener that did not come to be. */
static void undo(struct tn_listener *listener, struct tn_loop *loop)
{
    if (!listener->is_open)
        return;
    listener->is_open = false;
    /* the memory is the caller's and may go at once: wait for the handle here */
    uv_close(&listener->uv.handle, NULL);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    close(listener->fd);
    listener->fd = -1;
    free(listener->unlink_path);
    listener->unlink_path = NULL;
}

static socklen_t size_of(const struct sockaddr *address)
{
    return address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : -errno;
}

int tn_listener_bind_tcp(const struct sockaddr *address, bool reuse_port, int *ret_fd)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error;

    if (fd < 0)
        return -errno;
    /* connections of an earlier process that are being forgotten are no hindrance */
    error = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (!error && reuse_port)
        error = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (!error && address->sa_family == AF_INET6)
        error = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    /* accepted sockets inherit both: one setsockopt per listener instead of one per connection */
    if (!error)
        error = set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (!error)
        error = set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, TN_STREAM_KERNEL_BYTES);
    if (!error && bind(fd, address, size_of(address)) != 0)
        error = -errno;
    if (error) {
        close(fd);
        return error;
    }
    *ret_fd = fd;
    return 0;
}

int tn_listener_open_tcp(struct tn_listener *listener, struct tn_loop *loop,
                         const struct sockaddr *address, bool reuse_port,
                         const struct tn_listener_ops *ops)
{
    int fd;
    int error;

    memset(listener, 0, sizeof(*listener));
    error = tn_listener_bind_tcp(address, reuse_port, &fd);
    if (!error)
        error = tn_listener_hold(listener, loop, fd, NULL, ops);
    if (error)
        return error;
    error = tn_listener_start(listener);
    if (error)
        undo(listener, loop);
    return error;
}

int tn_listener_probe(const struct sockaddr *address)
{
    int fd;
    int error = tn_listener_bind_tcp(address, false, &fd);

    if (!error)
        close(fd);
    return error;
}

/* 0: the path is free to bind. -EADDRINUSE: somebody answers there. */
static int clear_dead_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    int fd;
    int error = 0;

    if (lstat(path, &status) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN)
        error = -EADDRINUSE;
    else if (errno != ECONNREFUSED)
        error = -errno;
    else if (unlink(path) != 0)
        error = -errno;
    close(fd);
    return error;
}

static int bind_unix(const char *path, mode_t mode, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t old_mask;
    int fd;
    int error;

    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    /* Made with the final mode from the start: no moment at which others could connect. */
    old_mask = umask((mode_t)(~mode & 0777));
    error = bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : -errno;
    umask(old_mask);
    if (error) {
        close(fd);
        return error;
    }
    *ret_fd = fd;
    return 0;
}

int tn_listener_open_unix(struct tn_listener *listener, struct tn_loop *loop, const char *path,
                          mode_t mode, const struct tn_listener_ops *ops)
{
    int fd = -1;
    int error;

    memset(listener, 0, sizeof(*listener));
    if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return -ENAMETOOLONG;
    error = clear_dead_socket(path);
    if (!error)
        error = bind_unix(path, mode, &fd);
    if (error)
        return error;
    error = tn_listener_hold(listener, loop, fd, path, ops);
    if (!error) {
        error = tn_listener_start(listener);
        if (error)
            undo(listener, loop);
    }
    if (error)
        unlink(path);
    return error;
}

int tn_listener_address(const struct tn_listener *listener, struct sockaddr_storage *ret_address)
{
    socklen_t len = sizeof(*ret_address);

    return getsockname(listener->fd, (struct sockaddr *)ret_address, &len) == 0 ? 0 : -errno;
}

int tn_listener_refuse_new(struct tn_listener *listener)
{
    /* On a TCP socket the filter sees the segment from its TCP header: byte 13 holds the flags. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12), /* SYN | ACK */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

    if (!listener->is_open || !is_tcp(listener))
        return -ENOTSUP;
    if (setsockopt(listener->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
        return -errno;
    return 0;
}

static void on_uv_close(uv_handle_t *handle)
{
    struct tn_listener *listener = TN_CONTAINER_OF(handle, struct tn_listener, uv.handle);

    free(listener->unlink_path);
    listener->unlink_path = NULL;
    listener->ops->on_closed(listener);
}

static void close_socket(struct tn_listener *listener)
{
    listener->is_open = false;
    tn_deadline_clear(loop_of(listener), &listener->again);
    /* first out of epoll, which would go on with a socket that another process has, too */
    uv_close(&listener->uv.handle, on_uv_close);
    close(listener->fd);
    listener->fd = -1;
}

void tn_listener_close(struct tn_listener *listener)
{
    int error;

    if (!listener->is_open)
        return;
    /* What became ready since the loop last polled is accepted; what a filter holds off is not. */
    if (listener->is_started && is_tcp(listener))
        accept_some(listener, UINT_MAX, &error);
    if (listener->is_started && listener->unlink_path)
        unlink(listener->unlink_path);
    close_socket(listener);
}

void tn_listener_release(struct tn_listener *listener)
{
    if (listener->is_open)
        close_socket(listener);
}

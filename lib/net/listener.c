#include "lib/net/listener.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

static void on_refused_closed(uv_handle_t *handle)
{
    free(handle);
}

/* A connection that is not accepted inside the callback makes the listener deaf: accept it, then
 * close it. */
static void accept_and_close(uv_stream_t *server)
{
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } *refused = malloc(sizeof(*refused));

    if (!refused)
        return;
    if (server->type == UV_TCP)
        uv_tcp_init(server->loop, &refused->tcp);
    else
        uv_pipe_init(server->loop, &refused->pipe, 0);
    uv_accept(server, &refused->stream);
    uv_close(&refused->handle, on_refused_closed);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct tn_listener *listener = TN_CONTAINER_OF(server, struct tn_listener, uv);
    struct tn_stream *stream;
    int error;

    if (status < 0)
        return; /* libuv has dropped the connection (EMFILE); the next one is told anew */
    stream = listener->ops->on_accept(listener);
    if (!stream) {
        accept_and_close(server);
        return;
    }
    error = uv_accept(server, &stream->uv.stream);
    if (error)
        listener->ops->on_failed(listener, stream, error);
    else
        listener->ops->on_accepted(listener, stream);
}

static int open_socket(struct tn_listener *listener, struct tn_loop *loop,
                       const struct sockaddr *address, bool reuse_port)
{
    int one = 1;
    int unsent = TN_STREAM_KERNEL_BYTES;
    uv_os_fd_t fd;
    int error = uv_tcp_init_ex(&loop->uv, &listener->uv.tcp, address->sa_family);

    if (error)
        return error;
    listener->is_open = true;
    error = uv_fileno(&listener->uv.handle, &fd);
    if (error)
        return error;
    if (reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0)
        return -errno;
    /* accepted sockets inherit both: one setsockopt per listener instead of one per connection */
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent)) != 0)
        return -errno;
    return uv_tcp_bind(&listener->uv.tcp, address,
                       address->sa_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0);
}

int tn_listener_open_tcp(struct tn_listener *listener, struct tn_loop *loop,
                         const struct sockaddr *address, bool reuse_port,
                         const struct tn_listener_ops *ops)
{
    int error;

    memset(listener, 0, sizeof(*listener));
    listener->ops = ops;
    error = open_socket(listener, loop, address, reuse_port);
    if (!error)
        error = uv_listen(&listener->uv.stream, BACKLOG, on_connection);
    if (error && listener->is_open) {
        listener->is_open = false;
        /* the memory is the caller's and may go at once: wait for the handle here */
        uv_close(&listener->uv.handle, NULL);
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    }
    return error;
}

int tn_listener_probe(const struct sockaddr *address)
{
    socklen_t len =
        address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int one = 1;
    int error = 0;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    /* As libuv binds: connections of an earlier process that are being forgotten are no hindrance.
     */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        (address->sa_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
        bind(fd, address, len) != 0)
        error = -errno;
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

static bool has_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];

    if (!slash || slash == path)
        return true;
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    return access(folder, F_OK) == 0;
}

static int bind_unix(struct tn_listener *listener, const char *path, mode_t mode)
{
    mode_t old_mask;
    int error;

    /* Made with the final mode from the start: no moment at which others could connect. */
    old_mask = umask((mode_t)(~mode & 0777));
    error = uv_pipe_bind(&listener->uv.pipe, path);
    umask(old_mask);
    if (error == -EACCES && !has_folder(path))
        return -ENOENT; /* libuv says EACCES for both, as on Windows */
    if (error)
        return error;
    listener->unlink_path = strdup(path);
    return listener->unlink_path ? 0 : -ENOMEM;
}

int tn_listener_open_unix(struct tn_listener *listener, struct tn_loop *loop, const char *path,
                          mode_t mode, const struct tn_listener_ops *ops)
{
    int error;

    memset(listener, 0, sizeof(*listener));
    listener->ops = ops;
    if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return -ENAMETOOLONG;
    error = clear_dead_socket(path);
    if (error)
        return error;
    uv_pipe_init(&loop->uv, &listener->uv.pipe, 0);
    error = bind_unix(listener, path, mode);
    if (!error)
        error = uv_listen(&listener->uv.stream, BACKLOG, on_connection);
    if (error) {
        free(listener->unlink_path);
        listener->unlink_path = NULL;
        uv_close(&listener->uv.handle, NULL);
        uv_run(&loop->uv, UV_RUN_NOWAIT);
        return error;
    }
    listener->is_open = true;
    return 0;
}

int tn_listener_address(const struct tn_listener *listener, struct sockaddr_storage *ret_address)
{
    int len = sizeof(*ret_address);

    return uv_tcp_getsockname(&listener->uv.tcp, (struct sockaddr *)ret_address, &len);
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
    uv_os_fd_t fd;
    int error;

    if (!listener->is_open || listener->uv.handle.type != UV_TCP)
        return -ENOTSUP;
    error = uv_fileno(&listener->uv.handle, &fd);
    if (error)
        return error;
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0 ? 0
                                                                                        : -errno;
}

/* What libuv has not been told of yet: connections that became ready since the loop last polled. */
static void accept_queued(struct tn_listener *listener)
{
    uv_os_fd_t fd;

    if (listener->uv.handle.type != UV_TCP || uv_fileno(&listener->uv.handle, &fd) != 0)
        return;
    for (;;) {
        struct tn_stream *stream;
        int error;
        int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (peer < 0)
            return;
        stream = listener->ops->on_accept(listener);
        if (!stream) {
            close(peer);
            continue;
        }
        error = uv_tcp_open(&stream->uv.tcp, peer);
        if (error) {
            close(peer);
            listener->ops->on_failed(listener, stream, error);
            continue;
        }
        listener->ops->on_accepted(listener, stream);
    }
}

static void on_uv_close(uv_handle_t *handle)
{
    struct tn_listener *listener = TN_CONTAINER_OF(handle, struct tn_listener, uv);

    free(listener->unlink_path); /* libuv itself removed the file when it closed the socket */
    listener->unlink_path = NULL;
    listener->ops->on_closed(listener);
}

void tn_listener_close(struct tn_listener *listener)
{
    if (!listener->is_open)
        return;
    accept_queued(listener);
    listener->is_open = false;
    uv_close(&listener->uv.handle, on_uv_close);
}

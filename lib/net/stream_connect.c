#include "lib/net/private.h"
#include "lib/net/stream.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/uio.h>

struct connect_request {
    uv_connect_t uv;
    struct tn_stream *stream; /* NULL: closed meanwhile */
    tn_connect_fn *on_connected;
};

static int set_options(struct tn_stream *stream)
{
    int unsent = TN_STREAM_KERNEL_BYTES;
    uv_os_fd_t fd;
    int error = uv_tcp_nodelay(&stream->uv.tcp, 1);

    if (!error)
        error = uv_fileno(&stream->uv.handle, &fd);
    if (!error && setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent)) != 0)
        error = -errno;
    return error;
}

static void on_uv_connect(uv_connect_t *uv, int error)
{
    struct connect_request *request = TN_CONTAINER_OF(uv, struct connect_request, uv);
    struct tn_stream *stream = request->stream;
    tn_connect_fn *on_connected = request->on_connected;

    free(request);
    if (!stream->is_open || error == UV_ECANCELED)
        return;
    if (!error)
        error = stream->early_error;
    if (!error)
        error = set_options(stream);
    if (!error)
        error = tn_stream_start(stream);
    on_connected(stream, error);
}

int tn_stream_connect(struct tn_stream *stream, const struct sockaddr *address,
                      tn_connect_fn *on_connected)
{
    struct connect_request *request = malloc(sizeof(*request));
    int error;

    if (!request)
        return -ENOMEM;
    request->stream = stream;
    request->on_connected = on_connected;
    assert(stream->uv.handle.type == UV_TCP);
    error = uv_tcp_connect(&request->uv, &stream->uv.tcp, address, on_uv_connect);
    if (error) {
        free(request);
        return error;
    }
    return tn_watch(&stream->uv.handle); /* the request goes with the stream */
}

size_t tn_stream_write_early(struct tn_stream *stream, const struct tn_str *pieces, unsigned count)
{
    struct iovec buffers[TN_STREAM_PIECES_MAX];
    struct msghdr message = {.msg_iov = buffers, .msg_iovlen = count};
    uv_os_fd_t fd;
    ssize_t sent;

    assert(count <= TN_STREAM_PIECES_MAX && !stream->tail);
    if (!stream->is_open || uv_fileno(&stream->uv.handle, &fd))
        return 0;
    for (unsigned i = 0; i < count; i++) {
        buffers[i].iov_base = (char *)(uintptr_t)pieces[i].ptr;
        buffers[i].iov_len = pieces[i].len;
    }
    /* past libuv, which would not try: it has nothing of its own under way that this could overtake
     */
    sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        stream->early_error = -errno; /* told once: libuv would find no error and say "connected" */
    if (sent <= 0)
        return 0;
    stream->sent += (size_t)sent;
    return (size_t)sent;
}

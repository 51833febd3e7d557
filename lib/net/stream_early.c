#include "lib/net/stream.h"

#include <assert.h>
#include <errno.h>
#include <sys/uio.h>

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
    return sent > 0 ? (size_t)sent : 0;
}

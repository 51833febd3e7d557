#include "lib/net/passing.h"
#include "lib/net/private.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

union control {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(TN_PASSING_MAX * sizeof(int))];
};

int tn_passing_send(int fd, struct tn_str bytes, const int *descriptors, unsigned count)
{
    union control control = {.bytes = {0}};
    struct iovec piece = {(char *)(uintptr_t)bytes.ptr, bytes.len};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    struct cmsghdr *header;
    ssize_t sent;

    assert(count <= TN_PASSING_MAX && bytes.len > 0);
    if (count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
    }
    do {
        sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return -errno;
    return (size_t)sent == bytes.len ? 0 : -EPIPE; /* a half one can't be mended */
}

/* What came beside the bytes. False: too many, or they could not all be made ours. */
static bool take(struct msghdr *message, int *descriptors, unsigned room, unsigned *ret_count)
{
    bool fits = !(message->msg_flags & MSG_CTRUNC);
    unsigned count = 0;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
         header = CMSG_NXTHDR(message, header)) {
        size_t bytes = header->cmsg_len - CMSG_LEN(0);

        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
            int fd;

            memcpy(&fd, CMSG_DATA(header) + at, sizeof(fd));
            if (count < room)
                descriptors[count++] = fd;
            else {
                close(fd);
                fits = false;
            }
        }
    }
    for (unsigned i = 0; !fits && i < count; i++)
        close(descriptors[i]);
    *ret_count = fits ? count : 0;
    return fits;
}

ssize_t tn_passing_receive(int fd, char *buffer, size_t size, int *descriptors, unsigned *count)
{
    union control control;
    struct iovec piece = {buffer, size};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    unsigned room = *count;
    ssize_t len;

    *count = 0;
    do {
        len = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    } while (len < 0 && errno == EINTR);
    if (len < 0)
        return -errno;
    return take(&message, descriptors, room, count) ? len : -EMSGSIZE;
}

int tn_stream_adopt(struct tn_stream *stream, struct tn_loop *loop, int fd,
                    const struct tn_stream_ops *ops)
{
    int error = tn_stream_open(stream, loop, AF_UNIX, ops);

    if (error) {
        close(fd);
        return error;
    }
    error = uv_pipe_open(&stream->uv.pipe, fd);
    if (!error)
        return tn_watch(&stream->uv.handle);
    close(fd);
    return error;
}

int tn_stream_descriptor(const struct tn_stream *stream, int *ret_fd)
{
    return stream->is_open ? uv_fileno(&stream->uv.handle, ret_fd) : -EBADF;
}

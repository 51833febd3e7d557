#include "lib/net/stream.h"

#include <errno.h>

int tn_stream_credentials(const struct tn_stream *stream, struct tn_credentials *ret_credentials)
{
    struct ucred credentials;
    socklen_t len = sizeof(credentials);
    uv_os_fd_t fd;
    int error;

    if (stream->uv.handle.type != UV_NAMED_PIPE)
        return -ENOTSOCK;
    error = uv_fileno(&stream->uv.handle, &fd);
    if (error)
        return error;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) != 0)
        return -errno;
    *ret_credentials = (struct tn_credentials){
        .uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
    return 0;
}

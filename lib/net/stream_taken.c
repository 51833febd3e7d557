#include "lib/net/stream.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

uint64_t tn_stream_taken(const struct tn_stream *stream)
{
    uint64_t kernels = stream->sent + tn_stream_queued(stream) - tn_stream_unsent(stream);
    uv_os_fd_t fd;
    int left = 0;

    if (uv_fileno(&stream->uv.handle, &fd) != 0 || ioctl(fd, SIOCOUTQ, &left) != 0 || left < 0)
        return kernels;
    /* a FIN counts as one byte that nobody wrote */
    return (uint64_t)left < kernels ? kernels - (uint64_t)left : 0;
}

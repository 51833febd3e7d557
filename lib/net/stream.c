#include "lib/net/stream.h"
#include "lib/net/private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Bytes under way in one uv_write, and bytes that came after it. At most one write is in flight per
 * stream. */
struct tn_stream_tail {
    uv_write_t request;
    struct tn_stream *stream; /* NULL: the stream was closed, the tail frees itself */
    char *sending;
    size_t sending_len;
    char *waiting;
    size_t waiting_len;
    size_t waiting_size;
    uv_shutdown_t *shutdown; /* FIN asked for while bytes were waiting */
};

static void free_tail(struct tn_stream_tail *tail)
{
    free(tail->sending);
    free(tail->waiting);
    free(tail->shutdown);
    free(tail);
}

static void on_resuming(struct tn_deadline *deadline)
{
    tn_stream_resume(TN_CONTAINER_OF(deadline, struct tn_stream, resuming));
}

int tn_stream_open(struct tn_stream *stream, struct tn_loop *loop, int family,
                   const struct tn_stream_ops *ops)
{
    int error;

    stream->ops = ops;
    stream->tail = NULL;
    stream->is_reading = false;
    stream->is_eof = false;
    stream->is_reset = false;
    stream->early_error = 0;
    stream->sent = 0;
    tn_deadline_init(&stream->resuming, on_resuming);
    if (family == AF_UNIX)
        error = uv_pipe_init(&loop->uv, &stream->uv.pipe, 0);
    else
        error = uv_tcp_init(&loop->uv, &stream->uv.tcp);
    stream->is_open = !error;
    if (!error) {
        loop->stream_count++;
        stream->uv.handle.data = NULL;
    }
    return error;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    struct tn_loop *loop = TN_CONTAINER_OF(handle->loop, struct tn_loop, uv);

    (void)suggested;
    /* One buffer for all streams of the loop: on_read runs before the next alloc. */
    *ret_buffer = uv_buf_init(loop->scratch, TN_LOOP_SCRATCH_BYTES);
}

/*
 * libuv tells a hang-up that it polls right behind the last bytes as an end without reading on.
 * When that was a reset, an answer that ends with its connection would pass for whole.
 */
static int error_behind_eof(const struct tn_stream *stream)
{
    socklen_t len = sizeof(int);
    uv_os_fd_t fd;
    int error = 0;

    if (uv_fileno(&stream->uv.handle, &fd) || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
        return 0;
    return -error;
}

static void on_uv_read(uv_stream_t *uv, ssize_t count, const uv_buf_t *buffer)
{
    struct tn_stream *stream = TN_CONTAINER_OF(uv, struct tn_stream, uv);

    if (!stream->is_open || count == 0)
        return;
    tn_stream_loop(stream)->now_ns = 0;
    if (count > 0) {
        stream->ops->on_read(stream, buffer->base, (size_t)count);
        return;
    }
    stream->is_reading = false;
    uv_read_stop(uv);
    stream->is_eof = true;
    if (count == UV_EOF)
        count = error_behind_eof(stream);
    if (count == 0)
        stream->ops->on_eof(stream);
    else
        stream->ops->on_broken(stream, (int)count);
}

int tn_stream_start(struct tn_stream *stream)
{
    int error = tn_watch(&stream->uv.handle);

    if (!error)
        error = uv_read_start(&stream->uv.stream, on_alloc, on_uv_read);
    stream->is_reading = !error;
    return error;
}

void tn_stream_pause(struct tn_stream *stream)
{
    if (!stream->is_open)
        return;
    tn_deadline_clear(tn_stream_loop(stream), &stream->resuming);
    if (!stream->is_reading)
        return;
    uv_read_stop(&stream->uv.stream);
    stream->is_reading = false;
}

void tn_stream_resume(struct tn_stream *stream)
{
    /* after its end libuv would read it, and tell it, once more */
    if (!stream->is_open || stream->is_reading || stream->is_eof)
        return;
    if (tn_stream_start(stream))
        tn_deadline_after(tn_stream_loop(stream), &stream->resuming, 0);
}

/* libuv will watch for room: reading streams are watched already. */
static int watch_for_room(const struct tn_stream *stream)
{
    return stream->is_reading ? 0 : tn_watch(&stream->uv.handle);
}

static void send_waiting(struct tn_stream_tail *tail);

static void on_uv_write(uv_write_t *uv, int error)
{
    struct tn_stream_tail *tail = TN_CONTAINER_OF(uv, struct tn_stream_tail, request);
    struct tn_stream *stream = tail->stream;

    if (!stream) {
        free_tail(tail);
        return;
    }
    stream->sent += tail->sending_len;
    free(tail->sending);
    tail->sending = NULL;
    tail->sending_len = 0;
    if (error) {
        stream->tail = NULL;
        free_tail(tail);
        stream->ops->on_broken(stream, error);
        return;
    }
    if (tail->waiting_len > 0) {
        send_waiting(tail);
        return;
    }
    stream->tail = NULL;
    free_tail(tail);
    if (stream->ops->on_drained)
        stream->ops->on_drained(stream);
}

static void on_uv_shutdown(uv_shutdown_t *request, int error)
{
    (void)error; /* a peer that is gone needs no FIN */
    free(request);
}

/* Everything was handed to libuv: now it may send the FIN behind it. */
static void shut_down_after(struct tn_stream_tail *tail)
{
    uv_shutdown_t *request = tail->shutdown;

    tail->shutdown = NULL;
    if (request && uv_shutdown(request, &tail->stream->uv.stream, on_uv_shutdown))
        free(request);
}

static void send_waiting(struct tn_stream_tail *tail)
{
    uv_buf_t buffer;
    int error;

    tail->sending = tail->waiting;
    tail->sending_len = tail->waiting_len;
    tail->waiting = NULL;
    tail->waiting_len = 0;
    tail->waiting_size = 0;
    buffer = uv_buf_init(tail->sending, (unsigned)tail->sending_len);
    error = watch_for_room(tail->stream);
    if (!error)
        error = uv_write(&tail->request, &tail->stream->uv.stream, &buffer, 1, on_uv_write);
    if (error) {
        struct tn_stream *stream = tail->stream;

        stream->tail = NULL;
        free_tail(tail);
        stream->ops->on_broken(stream, error);
        return;
    }
    shut_down_after(tail);
}

static int append_waiting(struct tn_stream_tail *tail, const struct tn_str *pieces, unsigned count,
                          size_t skip)
{
    size_t total = 0;

    for (unsigned i = 0; i < count; i++)
        total += pieces[i].len;
    total -= skip;
    if (tail->waiting_len + total > tail->waiting_size) {
        size_t size = tail->waiting_len + total;
        char *grown = realloc(tail->waiting, size);

        if (!grown)
            return -ENOMEM;
        tail->waiting = grown;
        tail->waiting_size = size;
    }
    for (unsigned i = 0; i < count; i++) {
        size_t from = skip < pieces[i].len ? skip : pieces[i].len;

        skip -= from;
        if (pieces[i].len > from)
            memcpy(tail->waiting + tail->waiting_len, pieces[i].ptr + from, pieces[i].len - from);
        tail->waiting_len += pieces[i].len - from;
    }
    return 0;
}

/* The first tail of a stream: one uv_write is started for it. */
static int start_tail(struct tn_stream *stream, const struct tn_str *pieces, unsigned count,
                      size_t skip)
{
    struct tn_stream_tail *tail = calloc(1, sizeof(*tail));
    uv_buf_t buffer;
    int error;

    if (!tail)
        return -ENOMEM;
    tail->stream = stream;
    error = append_waiting(tail, pieces, count, skip);
    if (!error)
        error = watch_for_room(stream);
    if (error)
        goto fail;
    tail->sending = tail->waiting;
    tail->sending_len = tail->waiting_len;
    tail->waiting = NULL;
    tail->waiting_len = tail->waiting_size = 0;
    buffer = uv_buf_init(tail->sending, (unsigned)tail->sending_len);
    error = uv_write(&tail->request, &stream->uv.stream, &buffer, 1, on_uv_write);
    if (error)
        goto fail;
    stream->tail = tail;
    return 0;
fail:
    free_tail(tail);
    return error;
}

int tn_stream_write(struct tn_stream *stream, const struct tn_str *pieces, unsigned count)
{
    uv_buf_t buffers[TN_STREAM_PIECES_MAX];
    size_t total = 0;
    int written;

    assert(count <= TN_STREAM_PIECES_MAX);
    if (!stream->is_open)
        return -EPIPE;
    if (stream->tail)
        return stream->tail->shutdown ? -EPIPE : append_waiting(stream->tail, pieces, count, 0);
    for (unsigned i = 0; i < count; i++) {
        /* libuv takes a non-const pointer and only reads */
        buffers[i].base = (char *)(uintptr_t)pieces[i].ptr;
        buffers[i].len = pieces[i].len;
        total += pieces[i].len;
    }
    if (total == 0)
        return 0;
    written = uv_try_write(&stream->uv.stream, buffers, count);
    if (written == UV_EAGAIN)
        written = 0;
    if (written < 0)
        return written;
    stream->sent += (size_t)written;
    if ((size_t)written == total)
        return 0;
    return start_tail(stream, pieces, count, (size_t)written);
}

size_t tn_stream_queued(const struct tn_stream *stream)
{
    return stream->tail ? stream->tail->sending_len + stream->tail->waiting_len : 0;
}

size_t tn_stream_unsent(const struct tn_stream *stream)
{
    return stream->tail
               ? uv_stream_get_write_queue_size(&stream->uv.stream) + stream->tail->waiting_len
               : 0;
}

int tn_stream_shutdown(struct tn_stream *stream)
{
    uv_shutdown_t *request;
    int error;

    if (!stream->is_open)
        return -EPIPE;
    if (stream->tail && stream->tail->shutdown)
        return -ENOTCONN; /* as libuv says it to whoever asks twice */
    request = malloc(sizeof(*request));
    if (!request)
        return -ENOMEM;
    /* libuv sends the FIN after its write queue; bytes that wait behind it would be cut off */
    if (stream->tail && stream->tail->waiting_len > 0) {
        stream->tail->shutdown = request;
        return 0;
    }
    error = watch_for_room(stream);
    if (!error)
        error = uv_shutdown(request, &stream->uv.stream, on_uv_shutdown);
    if (error)
        free(request);
    return error;
}

static void on_uv_close(uv_handle_t *handle)
{
    struct tn_stream *stream = TN_CONTAINER_OF(handle, struct tn_stream, uv);
    struct tn_loop *loop = tn_stream_loop(stream);

    loop->stream_count--;
    stream->ops->on_closed(stream);
}

static void drop_tail(struct tn_stream *stream)
{
    if (!stream->tail)
        return;
    stream->tail->stream = NULL; /* its write is cancelled by the close and frees it */
    stream->tail = NULL;
}

void tn_stream_close(struct tn_stream *stream)
{
    if (!stream->is_open)
        return;
    stream->is_open = false;
    tn_deadline_clear(tn_stream_loop(stream), &stream->resuming);
    drop_tail(stream);
    if (stream->is_reset && stream->uv.handle.type == UV_TCP &&
        uv_tcp_close_reset(&stream->uv.tcp, on_uv_close) == 0)
        return;
    uv_close(&stream->uv.handle, on_uv_close);
}

void tn_stream_reset(struct tn_stream *stream)
{
    stream->is_reset = true;
    tn_stream_close(stream);
}

int tn_stream_peer(const struct tn_stream *stream, struct sockaddr_storage *ret_address)
{
    int len = sizeof(*ret_address);

    if (stream->uv.handle.type != UV_TCP)
        return -ENOTSOCK;
    return uv_tcp_getpeername(&stream->uv.tcp, (struct sockaddr *)ret_address, &len);
}

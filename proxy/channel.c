#include "proxy/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void lose(struct px_channel *channel)
{
    if (channel->is_lost || !channel->is_open)
        return;
    channel->is_lost = true;
    channel->on_lost(channel);
}

/* False: it is none, or the channel was closed by who got it. */
static bool tell_line(struct px_channel *channel, size_t len)
{
    json_error_t error;
    bool is_no_memory;
    json_t *line = tn_json_parse((struct tn_str){channel->in, len}, &error, &is_no_memory);

    channel->in_len -= len + 1;
    memmove(channel->in, channel->in + len + 1, channel->in_len);
    if (!json_is_object(line)) {
        json_decref(line);
        lose(channel);
        return false;
    }
    channel->on_line(channel, line);
    json_decref(line);
    return channel->is_open && !channel->is_lost;
}

static void take(struct px_channel *channel, const char *data, size_t len)
{
    char *end;

    if (channel->in_len + len > PX_CHANNEL_LINE_MAX) {
        lose(channel);
        return;
    }
    if (channel->in_len + len > channel->in_size) {
        size_t size = channel->in_size ? channel->in_size : 4096;
        char *grown;

        while (size < channel->in_len + len)
            size *= 2;
        grown = realloc(channel->in, size);
        if (!grown) {
            lose(channel);
            return;
        }
        channel->in = grown;
        channel->in_size = size;
    }
    memcpy(channel->in + channel->in_len, data, len);
    channel->in_len += len;
    while ((end = memchr(channel->in, '\n', channel->in_len))) {
        if (!tell_line(channel, (size_t)(end - channel->in)) || channel->in_len == 0)
            return;
    }
}

static struct px_channel *channel_of(struct tn_stream *stream)
{
    return TN_CONTAINER_OF(stream, struct px_channel, stream);
}

static void on_read(struct tn_stream *stream, char *data, size_t len)
{
    take(channel_of(stream), data, len);
}

static void on_eof(struct tn_stream *stream)
{
    lose(channel_of(stream));
}

static void on_broken(struct tn_stream *stream, int error)
{
    (void)error;
    lose(channel_of(stream));
}

static void on_closed(struct tn_stream *stream)
{
    struct px_channel *channel = channel_of(stream);

    free(channel->in);
    channel->in = NULL;
    channel->in_len = channel->in_size = 0;
    channel->is_busy = false;
}

static const struct tn_stream_ops stream_ops = {
    .on_read = on_read, .on_eof = on_eof, .on_broken = on_broken, .on_closed = on_closed};

int px_channel_open(struct px_channel *channel, struct tn_loop *loop, int fd)
{
    int error = tn_stream_adopt(&channel->stream, loop, fd, &stream_ops);

    channel->is_lost = false;
    channel->is_open = channel->is_busy = channel->stream.is_open;
    if (!error)
        error = tn_stream_start(&channel->stream);
    if (error)
        px_channel_close(channel);
    return error;
}

int px_channel_send_with(struct px_channel *channel, json_t *line, const int *descriptors,
                         unsigned count)
{
    char *text = line ? tn_json_text(line, JSON_COMPACT) : NULL;
    struct tn_str pieces[2] = {{text, text ? strlen(text) : 0}, TN_STR("\n")};
    int error = text ? 0 : -ENOMEM;
    int fd;

    json_decref(line);
    if (!error && (!channel->is_open || channel->is_lost))
        error = -EPIPE;
    if (!error && count > 0) {
        error = tn_stream_queued(&channel->stream) > 0
                    ? -EAGAIN
                    : tn_stream_descriptor(&channel->stream, &fd);
        if (!error)
            error = tn_passing_send(fd, (struct tn_str){text, 1}, descriptors, count);
        pieces[0].ptr++;
        pieces[0].len--;
    }
    if (!error)
        error = tn_stream_write(&channel->stream, pieces, 2);
    free(text);
    return error;
}

int px_channel_send(struct px_channel *channel, json_t *line)
{
    return px_channel_send_with(channel, line, NULL, 0);
}

bool px_channel_is_sent(const struct px_channel *channel)
{
    return channel->is_open && tn_stream_queued(&channel->stream) == 0;
}

void px_channel_cut(struct px_channel *channel)
{
    char data[4096];
    ssize_t len;
    int fd;

    if (!channel->is_open || tn_stream_descriptor(&channel->stream, &fd) != 0)
        return;
    /* what is in the queue stays readable; whoever writes after this is told */
    shutdown(fd, SHUT_RDWR);
    while (channel->is_open && !channel->is_lost &&
           (len = recv(fd, data, sizeof(data), MSG_DONTWAIT)) > 0)
        take(channel, data, (size_t)len);
}

void px_channel_close(struct px_channel *channel)
{
    channel->is_open = false;
    tn_stream_close(&channel->stream);
}

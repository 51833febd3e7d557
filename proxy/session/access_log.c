#include "proxy/session/access_format.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETRY_NS 5000000ULL                   /* a blocked file is not asked again for each line */
#define PIPE_BYTES (1 << 20)                  /* room for a reader that pauses */
#define SHARED_CHUNK_BYTES ((size_t)PIPE_BUF) /* a pipe that polls writable takes it at once */

enum fd_kind {
    FD_OWN,    /* our own description, O_NONBLOCK */
    FD_SOCKET, /* MSG_DONTWAIT */
    FD_SHARED, /* the shell's description, whose flags are not ours to change */
};

static int open_standard(int standard, uint8_t *ret_kind)
{
    /* A description of our own on the same pipe or file: O_NONBLOCK on the inherited one would show
     * in the shell and in every process that shares it. */
    const char *name = standard == 1 ? "/proc/self/fd/1" : "/proc/self/fd/2";
    int fd = open(name, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    struct stat status;

    *ret_kind = FD_OWN;
    if (fd >= 0)
        return fd;
    fd = fcntl(standard, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return -errno;
    *ret_kind = fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) ? FD_SOCKET : FD_SHARED;
    return fd;
}

static int open_where(const char *where, uint8_t *ret_kind)
{
    int fd;

    if (strcmp(where, "stdout") == 0)
        fd = open_standard(1, ret_kind);
    else if (strcmp(where, "stderr") == 0)
        fd = open_standard(2, ret_kind);
    else {
        *ret_kind = FD_OWN;
        fd = open(where, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0640);
        if (fd < 0)
            fd = -errno;
    }
    if (fd >= 0 && *ret_kind == FD_OWN)
        (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES); /* no pipe, or over a quota: then not */
    return fd;
}

static ssize_t put_shared(int fd, const char *bytes, size_t len)
{
    size_t put = 0;

    while (put < len) {
        struct pollfd question = {.fd = fd, .events = POLLOUT};
        size_t chunk = len - put < SHARED_CHUNK_BYTES ? len - put : SHARED_CHUNK_BYTES;
        ssize_t count;

        if (poll(&question, 1, 0) != 1 || !(question.revents & POLLOUT))
            break;
        count = write(fd, bytes + put, chunk);
        if (count <= 0)
            break;
        put += (size_t)count;
    }
    return (ssize_t)put;
}

/* Bytes taken, 0 when none. */
static size_t put(const struct px_access_log *log)
{
    ssize_t count;

    if (log->kind == FD_SHARED)
        count = put_shared(log->fd, log->buffer, log->used);
    else if (log->kind == FD_SOCKET)
        count = send(log->fd, log->buffer, log->used, MSG_DONTWAIT | MSG_NOSIGNAL);
    else
        count = write(log->fd, log->buffer, log->used);
    return count > 0 ? (size_t)count : 0;
}

static bool hold_sink(struct px_access_log *log)
{
    const struct px_access_log *nobody = NULL;

    return !log->sink || atomic_load_explicit(&log->sink->holder, memory_order_relaxed) == log ||
           atomic_compare_exchange_strong_explicit(&log->sink->holder, &nobody, log,
                                                   memory_order_acquire, memory_order_relaxed);
}

static void let_go_of_sink(struct px_access_log *log)
{
    const struct px_access_log *self = log;

    if (log->sink)
        atomic_compare_exchange_strong_explicit(&log->sink->holder, &self, NULL,
                                                memory_order_release, memory_order_relaxed);
}

static void write_out(struct px_access_log *log, uint64_t now_ns)
{
    size_t count;

    /* Held by another loop: it is within write(2), or has the rest of a torn line to bring. */
    if (log->used == 0 || !hold_sink(log))
        return;
    count = put(log);
    log->failed_ns = count < log->used ? now_ns : 0;
    if (count > 0) {
        log->is_torn = log->buffer[count - 1] != '\n';
        log->used -= count;
        memmove(log->buffer, log->buffer + count, log->used);
    }
    if (!log->is_torn)
        let_go_of_sink(log);
}

static size_t count_lines(const char *bytes, size_t len)
{
    size_t lines = 0;

    for (size_t i = 0; i < len; i++)
        lines += bytes[i] == '\n';
    return lines;
}

int px_access_log_init(struct px_access_log *log, const char *where, enum px_log_format format,
                       struct px_access_sink *sink, struct px_stats *stats)
{
    memset(log, 0, sizeof(*log));
    log->stats = stats;
    log->sink = sink;
    log->format = format;
    log->date.second = PX_ACCESS_NONE;
    log->fd = -1;
    if (!where)
        return 0;
    log->fd = open_where(where, &log->kind);
    if (log->fd < 0)
        return log->fd;
    log->where = strdup(where);
    log->buffer = malloc(PX_ACCESS_BUFFER_BYTES);
    if (!log->where || !log->buffer) {
        px_access_log_deinit(log);
        return -ENOMEM;
    }
    return 0;
}

static void write_if_due(struct px_access_log *log, uint64_t now_ns)
{
    if (log->failed_ns == 0 || now_ns - log->failed_ns >= RETRY_NS)
        write_out(log, now_ns);
}

void px_access_log_add(struct px_access_log *log, const struct px_access_line *line)
{
    size_t max;

    if (!px_access_log_is_on(log) || (line->is_mirror && log->format == PX_LOG_COMBINED))
        return;
    max = px_access_format_max(line);
    if (PX_ACCESS_BUFFER_BYTES - log->used < max)
        write_if_due(log, line->wall_ns);
    if (PX_ACCESS_BUFFER_BYTES - log->used < max) {
        log->stats->log_dropped++;
        return;
    }
    log->used += px_access_format(line, log->format, &log->date, log->buffer + log->used);
    if (log->used > PX_ACCESS_WRITE_BYTES)
        write_if_due(log, line->wall_ns);
}

void px_access_log_flush(struct px_access_log *log)
{
    if (px_access_log_is_on(log))
        write_out(log, 1); /* long ago: the next full buffer may try again at once */
}

/* What the old file did not take of a line must not become the first line of another. */
static void drop_torn(struct px_access_log *log)
{
    char *end;

    if (!log->is_torn)
        return;
    end = memchr(log->buffer, '\n', log->used);
    assert(end);
    end++;
    log->used -= (size_t)(end - log->buffer);
    memmove(log->buffer, end, log->used);
    log->is_torn = false;
    log->stats->log_dropped++;
    let_go_of_sink(log);
}

int px_access_log_reopen(struct px_access_log *log)
{
    uint8_t kind;
    int fd;

    if (!px_access_log_is_on(log))
        return 0;
    fd = open_where(log->where, &kind);
    if (fd < 0)
        return fd;
    write_out(log, 1);
    drop_torn(log);
    close(log->fd);
    log->fd = fd;
    log->kind = kind;
    log->failed_ns = 0;
    return 0;
}

void px_access_log_deinit(struct px_access_log *log)
{
    if (log->buffer) {
        write_out(log, 1);
        log->stats->log_dropped += count_lines(log->buffer, log->used);
        let_go_of_sink(log);
    }
    if (log->fd >= 0)
        close(log->fd);
    free(log->buffer);
    free(log->where);
    log->buffer = NULL;
    log->where = NULL;
    log->fd = -1;
}

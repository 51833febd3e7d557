/*
 * backend: the one service behind every proxy of the bench, as fast as a service can be.
 *
 *   bench_backend PORT…       each port is a version of its own: blue, green, shadow, v3, v4 …
 *
 * GET /N answers with N bytes (2 without a number), anything with a body answers when the body has
 * come. /counts says in a line for each port how many requests it got (those of /readyz and /counts
 * are not counted). One thread, edge-triggered epoll, one read and one write for a small request.
 * It trusts its peers: whoever sends no HTTP is hung up on.
 */
#include "tests/bench/ports.h"

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define PORTS_MAX 1100
#define HEAD_MAX 16384
#define BLOCK_BYTES (1u << 20)

struct port {
    int fd;
    char name[16];
    uint64_t count;
};

struct connection {
    int fd;
    struct port *port;
    char *part; /* of a head that has not come whole, HEAD_MAX bytes; NULL mostly */
    size_t part_len;
    int64_t to_read; /* of the request's body */
    bool is_chunked; /* then until its last chunk */
    bool is_in_body;
    uint64_t wanted;   /* size of the answer */
    uint64_t to_write; /* of its body */
    bool is_last;
    bool is_counting; /* asked for /counts */
    char tail[4];     /* the last bytes of a chunked body */
};

static struct port ports[PORTS_MAX];
static int port_count;
static char scratch[1u << 16], block[BLOCK_BYTES];
static int poller;

static void hang_up(struct connection *connection)
{
    close(connection->fd);
    free(connection->part);
    free(connection);
}

static size_t counts_text(char *text, size_t size)
{
    size_t len = 0;
    for (int i = 0; i < port_count && len + 64 < size; i++) {
        len += (size_t)snprintf(text + len, size - len, "%s %llu\n", ports[i].name,
                                (unsigned long long)ports[i].count);
    }
    return len;
}

/* Writes on with the body; false when the connection is gone. */
static bool write_body(struct connection *connection)
{
    while (connection->to_write > 0) {
        size_t len = connection->to_write < BLOCK_BYTES ? connection->to_write : BLOCK_BYTES;
        ssize_t written = send(connection->fd, block, len, MSG_NOSIGNAL);
        if (written < 0) {
            return errno == EAGAIN;
        }
        connection->to_write -= (uint64_t)written;
    }
    return !connection->is_last;
}

static bool answer(struct connection *connection)
{
    static char head[400], counts[65536];
    const char *body = block;
    if (connection->is_counting) {
        connection->wanted = counts_text(counts, sizeof(counts));
        body = counts;
    }
    int head_len =
        snprintf(head, sizeof(head),
                 "HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Thu, 01 Jan 2026 00:00:00 "
                 "GMT\r\nContent-Type: text/plain\r\n"
                 "Content-Length: %llu\r\nX-Version: %s\r\nCache-Control: no-store\r\n%s\r\n",
                 (unsigned long long)connection->wanted, connection->port->name,
                 connection->is_last ? "Connection: close\r\n" : "");
    size_t first = connection->wanted < BLOCK_BYTES ? connection->wanted : BLOCK_BYTES;
    struct iovec parts[2] = {{.iov_base = head, .iov_len = (size_t)head_len}, {.iov_len = first}};
    memcpy(&parts[1].iov_base, &body, sizeof(body));
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t written = sendmsg(connection->fd, &message, MSG_NOSIGNAL);
    if (written < head_len) {
        return false; /* a head always fits: what was before is read by now */
    }
    connection->to_write = connection->wanted - ((uint64_t)written - (uint64_t)head_len);
    connection->is_in_body = false;
    return connection->to_write ? write_body(connection) : !connection->is_last;
}

static bool begin(struct connection *connection, const char *head, size_t len)
{
    const char *path = memchr(head, ' ', len);
    if (!path) {
        return false;
    }
    path += 2;
    size_t left = len - (size_t)(path - head);
    bool is_probe = left > 6 && memcmp(path, "readyz", 6) == 0;
    connection->is_counting = left > 6 && memcmp(path, "counts", 6) == 0;
    connection->port->count += !is_probe && !connection->is_counting;
    connection->wanted = *path >= '0' && *path <= '9' ? strtoull(path, NULL, 10) : 2;
    size_t value_len = 0;
    const char *value = bench_field(head, len, "connection:", &value_len);
    connection->is_last = value && value_len == 5 && strncasecmp(value, "close", 5) == 0;
    int64_t body = bench_field_number(head, len, "content-length:");
    connection->is_chunked = bench_field(head, len, "transfer-encoding:", &value_len) != NULL;
    connection->to_read = body > 0 ? body : 0;
    connection->is_in_body = connection->to_read > 0 || connection->is_chunked;
    memset(connection->tail, 0, sizeof(connection->tail));
    value = bench_field(head, len, "expect:", &value_len);
    if (value && connection->is_in_body) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        if (send(connection->fd, go_on, sizeof(go_on) - 1, MSG_NOSIGNAL) < 0) {
            return false;
        }
    }
    return connection->is_in_body || answer(connection);
}

/* Takes what belongs to the body; the bytes taken. A chunked body ends with an empty line, which no
 * chunk of ours has inside. */
static size_t take_body(struct connection *connection, const char *data, size_t len)
{
    if (!connection->is_chunked) {
        size_t taken = (size_t)connection->to_read < len ? (size_t)connection->to_read : len;
        connection->to_read -= (int64_t)taken;
        connection->is_in_body = connection->to_read > 0;
        return taken;
    }
    for (size_t i = 0; i < len; i++) {
        memmove(connection->tail, connection->tail + 1, 3);
        connection->tail[3] = data[i];
        if (memcmp(connection->tail, "\r\n\r\n", 4) == 0) {
            connection->is_in_body = false;
            return i + 1;
        }
    }
    return len;
}

static bool keep_part(struct connection *connection, const char *data, size_t len)
{
    if (connection->part_len + len > HEAD_MAX) {
        return false;
    }
    if (!connection->part && !(connection->part = malloc(HEAD_MAX))) {
        return false;
    }
    memcpy(connection->part + connection->part_len, data, len);
    connection->part_len += len;
    return true;
}

/* False when the connection is to be closed. */
static bool take(struct connection *connection, const char *data, size_t len)
{
    while (len > 0) {
        if (connection->is_in_body) {
            size_t taken = take_body(connection, data, len);
            data += taken;
            len -= taken;
            if (!connection->is_in_body && !answer(connection)) {
                return false;
            }
            continue;
        }
        if (connection->part_len) { /* rare: a head in pieces */
            size_t before = connection->part_len;
            if (!keep_part(connection, data, len)) {
                return false;
            }
            size_t head = bench_head_len(connection->part, connection->part_len);
            if (!head) {
                return true;
            }
            data += head - before;
            len -= head - before;
            connection->part_len = 0;
            if (!begin(connection, connection->part, head)) {
                return false;
            }
            continue;
        }
        size_t head = bench_head_len(data, len);
        if (!head) {
            return keep_part(connection, data, len);
        }
        if (!begin(connection, data, head)) {
            return false;
        }
        data += head;
        len -= head;
    }
    return true;
}

static void on_ready(struct connection *connection, uint32_t events)
{
    if (connection->to_write && !write_body(connection)) {
        hang_up(connection);
        return;
    }
    if (!(events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))) {
        return;
    }
    for (;;) {
        ssize_t got = recv(connection->fd, scratch, sizeof(scratch), 0);
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        if (got <= 0 || !take(connection, scratch, (size_t)got)) {
            hang_up(connection);
            return;
        }
        if ((size_t)got < sizeof(scratch) && !(events & EPOLLRDHUP)) {
            return;
        }
    }
}

static void on_accept(struct port *port)
{
    for (;;) {
        int fd = accept4(port->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        struct connection *connection = calloc(1, sizeof(*connection));
        if (!connection) {
            close(fd);
            return;
        }
        connection->fd = fd;
        connection->port = port;
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                    .data.ptr = connection};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) {
            hang_up(connection);
        }
    }
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"blue", "green", "shadow"};
    if (argc < 2 || argc - 1 > PORTS_MAX) {
        errx(2, "usage: bench_backend PORT...");
    }
    signal(SIGPIPE, SIG_IGN);
    memset(block, 'x', sizeof(block));
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < argc - 1; i++) {
        ports[i].fd = bench_listen(bench_port(argv[i + 1]));
        if (i < 3) {
            snprintf(ports[i].name, sizeof(ports[i].name), "%s", names[i]);
        } else {
            snprintf(ports[i].name, sizeof(ports[i].name), "v%d", i);
        }
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &ports[i]};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, ports[i].fd, &event)) {
            err(1, "epoll_ctl");
        }
    }
    port_count = argc - 1;
    fprintf(stderr, "backend: ready\n");
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < count; i++) {
            struct port *port = events[i].data.ptr;
            if (port >= ports && port < ports + PORTS_MAX) {
                on_accept(port);
            } else {
                on_ready(events[i].data.ptr, events[i].events);
            }
        }
    }
}

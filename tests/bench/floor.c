/*
 * floor: the null forwarder, the least that a proxy can do; what every other one is measured
 * against.
 *
 *   bench_floor LISTEN UPSTREAM[:WEIGHT]… [--mirror PORT]
 *
 * Each request goes to the next upstream in turn by weight, on a pooled connection (last in, first
 * out); two reads and two writes. It looks for nothing but the length of a body, knows no errors,
 * no limits, no time and no names, changes no byte, and never says a word. What is not taken at
 * once is kept, and its source not read until it is. With --mirror a copy of each request goes to a
 * third port and the answer to it is thrown away: one read and one write more. One thread,
 * edge-triggered epoll, registered once for the life of a connection.
 */
#include "tests/bench/ports.h"

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define UPSTREAMS_MAX 8
#define KEPT_MAX 262144

struct upstream {
    uint16_t port;
    uint64_t weight;
    int64_t credit;
    struct side *idle; /* the last that became so first */
};

struct side {
    int fd;
    struct upstream *upstream; /* NULL: a client */
    struct side *peer;         /* whom what comes here goes to; NULL: thrown away */
    struct side *next;         /* idle, or ended */
    struct side *copy;         /* of a client: where the rest of the request's copy goes */
    int64_t left; /* of the message that comes in here, body only; -1: its head has not come */
    struct side *source; /* of a copy: the client that waits for it to take bytes */
    char *kept;          /* what could not be written here yet */
    size_t kept_len, kept_from;
};

static struct upstream upstreams[UPSTREAMS_MAX], mirror;
static struct side *ended; /* freed behind the batch of events, which may still name them */
static int upstream_count;
static uint64_t weight_sum;
static int poller;
static char scratch[1u << 16];

static struct side *new_side(int fd, struct upstream *upstream)
{
    struct side *side = fd < 0 ? NULL : calloc(1, sizeof(*side));
    if (!side) {
        err(1, "a connection");
    }
    side->fd = fd;
    side->upstream = upstream;
    side->left = -1;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = side};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) {
        err(1, "epoll_ctl");
    }
    return side;
}

static void end(struct side *side)
{
    if (side->fd < 0) {
        return;
    }
    close(side->fd);
    side->fd = -1;
    if (side->peer) {
        side->peer->peer = NULL;
    }
    if (side->copy) {
        side->copy->source = NULL;
    }
    if (side->source) {
        side->source->copy = NULL;
    }
    for (struct side **at = side->upstream ? &side->upstream->idle : NULL; at && *at;
         at = &(*at)->next) {
        if (*at == side) {
            *at = side->next;
            break;
        }
    }
    side->next = ended;
    ended = side;
}

static void free_ended(void)
{
    while (ended) {
        struct side *side = ended;
        ended = side->next;
        free(side->kept);
        free(side);
    }
}

static struct side *lease(struct upstream *upstream)
{
    struct side *side = upstream->idle;
    if (!side) {
        return new_side(bench_connect(upstream->port), upstream);
    }
    upstream->idle = side->next;
    return side;
}

static void release(struct side *side)
{
    side->peer = NULL;
    side->left = -1;
    side->next = side->upstream->idle;
    side->upstream->idle = side;
}

/* Smooth weighted round robin. */
static struct upstream *next_upstream(void)
{
    if (upstream_count == 1) {
        return &upstreams[0];
    }
    struct upstream *best = &upstreams[0];
    for (int i = 0; i < upstream_count; i++) {
        upstreams[i].credit += (int64_t)upstreams[i].weight;
        best = upstreams[i].credit > best->credit ? &upstreams[i] : best;
    }
    best->credit -= (int64_t)weight_sum;
    return best;
}

/* Writes, and keeps the rest. A connection that is still being made takes nothing, so all of it is
 * kept. */
static void put(struct side *side, const char *data, size_t len)
{
    ssize_t written = side->kept_len ? 0 : send(side->fd, data, len, MSG_NOSIGNAL);
    if (written < 0) {
        written = 0;
    }
    if ((size_t)written == len) {
        return;
    }
    if (!side->kept && !(side->kept = malloc(KEPT_MAX))) {
        err(1, "malloc");
    }
    size_t rest = len - (size_t)written;
    if (side->kept_from + side->kept_len + rest > KEPT_MAX) {
        memmove(side->kept, side->kept + side->kept_from, side->kept_len);
        side->kept_from = 0;
    }
    if (side->kept_len + rest > KEPT_MAX) {
        errx(1, "more was read than can be kept");
    }
    memcpy(side->kept + side->kept_from + side->kept_len, data + written, rest);
    side->kept_len += rest;
}

/* How much of the message is still to come after these bytes, the first of it. */
static int64_t left_after(const char *data, size_t len)
{
    size_t head = bench_head_len(data, len);
    if (!head) {
        errx(1, "a head in pieces");
    }
    int64_t body = bench_field_number(data, head, "content-length:");
    return (body > 0 ? body : 0) - (int64_t)(len - head);
}

static void on_request_bytes(struct side *client, char *data, size_t len)
{
    if (client->left <= 0) {
        client->peer = lease(next_upstream());
        client->peer->peer = client;
        client->left = left_after(data, len);
        if (mirror.port) {
            client->copy = lease(&mirror);
            client->copy->source = client;
        }
    } else {
        client->left -= (int64_t)len;
    }
    put(client->peer, data, len);
    if (client->copy) {
        put(client->copy, data, len);
        if (client->left <= 0) {
            client->copy->source = NULL;
            client->copy = NULL;
        }
    }
}

static void on_answer_bytes(struct side *side, char *data, size_t len)
{
    side->left = side->left < 0 ? left_after(data, len) : side->left - (int64_t)len;
    struct side *client = side->peer;
    bool is_whole = side->left <= 0;
    if (is_whole) {
        release(side); /* before the client can ask again */
    }
    if (client && client->fd >= 0) {
        put(client, data, len);
        if (is_whole) {
            client->peer = NULL;
        }
    }
}

static bool is_blocked(const struct side *side)
{
    const struct side *to = side->peer;
    return (to && to->kept_len > 0) || (side->copy && side->copy->kept_len > 0);
}

static void on_readable(struct side *side, bool is_ending)
{
    while (side->fd >= 0 && !is_blocked(side)) {
        ssize_t got = recv(side->fd, scratch, sizeof(scratch), 0);
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        if (got <= 0) {
            if (side->upstream && (side->peer || side->left >= 0)) {
                errx(1, "an upstream ended in mid-answer");
            }
            end(side);
            return;
        }
        if (side->upstream) {
            on_answer_bytes(side, scratch, (size_t)got);
        } else {
            on_request_bytes(side, scratch, (size_t)got);
        }
        if ((size_t)got < sizeof(scratch) && !is_ending) {
            return;
        }
    }
}

/* Whoever waited for this side to take bytes. */
static void on_writable(struct side *side)
{
    while (side->kept_len) {
        ssize_t written =
            send(side->fd, side->kept + side->kept_from, side->kept_len, MSG_NOSIGNAL);
        if (written < 0) {
            return;
        }
        side->kept_from += (size_t)written;
        side->kept_len -= (size_t)written;
    }
    side->kept_from = 0;
    struct side *waiting = side->peer ? side->peer : side->source;
    if (waiting) {
        on_readable(waiting, true);
    }
}

static void on_accept(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        new_side(fd, NULL);
    }
}

static void on_ready(struct side *side, uint32_t events)
{
    if (side->fd < 0) {
        return;
    }
    if ((events & EPOLLOUT) && side->kept_len) {
        on_writable(side);
    }
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) {
        on_readable(side, (events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0);
    }
}

static void read_arguments(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--mirror") == 0 && i + 1 < argc) {
            mirror.port = bench_port(argv[++i]);
            continue;
        }
        if (upstream_count == UPSTREAMS_MAX) {
            errx(2, "too many upstreams");
        }
        struct upstream *upstream = &upstreams[upstream_count++];
        char *colon = strchr(argv[i], ':');
        upstream->weight = colon ? bench_number(colon + 1) : 1;
        if (colon) {
            *colon = '\0';
        }
        upstream->port = bench_port(argv[i]);
        weight_sum += upstream->weight;
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        errx(2, "usage: bench_floor LISTEN UPSTREAM[:WEIGHT]... [--mirror PORT]");
    }
    signal(SIGPIPE, SIG_IGN);
    read_arguments(argc, argv);
    poller = epoll_create1(EPOLL_CLOEXEC);
    int listener = bench_listen(bench_port(argv[1]));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (upstream_count == 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event)) {
        errx(1, "nothing to forward to");
    }
    fprintf(stderr, "floor: ready\n");
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) {
                on_ready(events[i].data.ptr, events[i].events);
            } else {
                on_accept(listener);
            }
        }
        free_ended();
    }
}

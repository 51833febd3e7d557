#include "engine/local/os_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * Only "HTTP/1.1 2xx" matters, so a whole parser would say no more. HTTP/1.0: no keeping alive.
 */

enum { STATUS_LEN = 12 };

struct probing {
    struct en_os_probe *probe;
    size_t got;
    bool is_sent;
    char head[STATUS_LEN + 1];
};

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void fail(struct probing *probing, struct pollfd *poll, const char *why)
{
    snprintf(probing->probe->why, sizeof(probing->probe->why), "%s", why);
    if (poll->fd >= 0)
        close(poll->fd);
    poll->fd = -1;
}

static void start(struct probing *probing, struct pollfd *poll)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(probing->probe->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    poll->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    poll->events = POLLOUT;
    if (poll->fd < 0 || (connect(poll->fd, (struct sockaddr *)&address, sizeof(address)) < 0 &&
                         errno != EINPROGRESS))
        fail(probing, poll, strerror(errno));
}

static void send_request(struct probing *probing, struct pollfd *poll)
{
    char request[1200];
    int error = 0;
    socklen_t size = sizeof(error);
    int len = snprintf(request, sizeof(request),
                       "GET %s HTTP/1.0\r\nHost: localhost\r\nUser-Agent: turnout-engine\r\n\r\n",
                       probing->probe->path);

    getsockopt(poll->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (!error && (len < 0 || (size_t)len >= sizeof(request)))
        error = EMSGSIZE;
    if (!error && send(poll->fd, request, (size_t)len, MSG_NOSIGNAL) != len)
        error = errno;
    if (error) {
        fail(probing, poll, strerror(error));
        return;
    }
    probing->is_sent = true;
    poll->events = POLLIN;
}

static void receive(struct probing *probing, struct pollfd *poll)
{
    ssize_t n = recv(poll->fd, probing->head + probing->got, STATUS_LEN - probing->got, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        fail(probing, poll, n < 0 ? strerror(errno) : "closed without an answer");
        return;
    }
    probing->got += (size_t)n;
    if (probing->got < STATUS_LEN)
        return;
    probing->head[STATUS_LEN] = '\0';
    probing->probe->is_good = strncmp(probing->head, "HTTP/1.", 7) == 0 &&
                              probing->head[8] == ' ' && probing->head[9] == '2';
    fail(probing, poll, probing->probe->is_good ? "" : probing->head + 9);
}

static void turn(struct probing *probing, struct pollfd *poll)
{
    if (poll->fd < 0 || !poll->revents)
        return;
    if (probing->is_sent)
        receive(probing, poll);
    else
        send_request(probing, poll);
}

static size_t count_open(const struct pollfd *polls, size_t count)
{
    size_t open = 0;

    for (size_t i = 0; i < count; i++)
        open += polls[i].fd >= 0;
    return open;
}

void en_os_probe_all(struct en_os *os, struct en_os_probe *probes, size_t count,
                     uint64_t timeout_ms)
{
    struct probing *probing = calloc(count + 1, sizeof(*probing));
    struct pollfd *polls = calloc(count + 1, sizeof(*polls));
    uint64_t end = now_ms() + timeout_ms;

    (void)os;
    for (size_t i = 0; i < count; i++) {
        probes[i].is_good = false;
        snprintf(probes[i].why, sizeof(probes[i].why), "out of memory");
    }
    for (size_t i = 0; probing && polls && i < count; i++) {
        probing[i].probe = &probes[i];
        start(&probing[i], &polls[i]);
    }
    for (uint64_t now = now_ms(); probing && polls && now < end && count_open(polls, count) > 0;
         now = now_ms()) {
        if (poll(polls, count, (int)(end - now)) <= 0)
            continue;
        for (size_t i = 0; i < count; i++)
            turn(&probing[i], &polls[i]);
    }
    for (size_t i = 0; probing && polls && i < count; i++) {
        if (polls[i].fd >= 0)
            fail(&probing[i], &polls[i], "no answer in time");
    }
    free(probing);
    free(polls);
}

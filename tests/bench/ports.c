#include "tests/bench/ports.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int bench_listen(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(port);
    int one = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 4096)) {
        err(1, "port %u", port);
    }
    return fd;
}

int bench_connect(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int one = 1;
    struct sockaddr_in address = loopback(port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

uint64_t bench_number(const char *text)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-') {
        errx(2, "not a number: %s", text);
    }
    return number;
}

uint16_t bench_port(const char *text)
{
    uint64_t port = bench_number(text);
    if (port < 1 || port > 65535) {
        errx(2, "not a port: %s", text);
    }
    return (uint16_t)port;
}

size_t bench_head_len(const char *data, size_t len)
{
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    return end ? (size_t)(end - data) + 4 : 0;
}

const char *bench_field(const char *head, size_t len, const char *name, size_t *ret_len)
{
    size_t name_len = strlen(name);
    const char *at = head, *end = head + len;
    for (;;) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end) {
            return NULL;
        }
        at = line_end + 1;
        if ((size_t)(end - at) > name_len && strncasecmp(at, name, name_len) == 0) {
            const char *value = at + name_len;
            while (value < end && *value == ' ') {
                value++;
            }
            const char *stop = memchr(value, '\r', (size_t)(end - value));
            if (!stop) {
                return NULL;
            }
            *ret_len = (size_t)(stop - value);
            return value;
        }
    }
}

int64_t bench_field_number(const char *head, size_t len, const char *name)
{
    size_t digits = 0;
    const char *value = bench_field(head, len, name, &digits);
    if (!value) {
        return -1;
    }
    int64_t number = 0;
    for (size_t i = 0; i < digits && i < 18 && value[i] >= '0' && value[i] <= '9'; i++) {
        number = number * 10 + (value[i] - '0');
    }
    return number;
}

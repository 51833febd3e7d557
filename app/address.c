#include "app/address.h"

#include "app/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int app_address_parse(const char *text, struct app_address *ret_address)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (colon == NULL || app_text_parse_u64(colon + 1, 65535, &port) != 0) {
        return -EINVAL;
    }
    bool is_v6 = text[0] == '[';
    const char *host = is_v6 ? text + 1 : text;
    const char *end = is_v6 ? colon - 1 : colon;
    char name[INET6_ADDRSTRLEN];
    if (end <= host || (is_v6 && *end != ']') || (size_t)(end - host) >= sizeof(name)) {
        return -EINVAL;
    }
    memcpy(name, host, (size_t)(end - host));
    name[end - host] = '\0';
    struct app_address address = {.len = 0};
    if (is_v6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address.storage;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        address.len = sizeof(*v6);
        if (inet_pton(AF_INET6, name, &v6->sin6_addr) != 1) {
            return -EINVAL;
        }
    } else {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&address.storage;
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        address.len = sizeof(*v4);
        if (inet_pton(AF_INET, name, &v4->sin_addr) != 1) {
            return -EINVAL;
        }
    }
    *ret_address = address;
    return 0;
}

char *app_address_format(const struct app_address *address, char buffer[APP_ADDRESS_SIZE])
{
    char name[INET6_ADDRSTRLEN];
    if (address->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;
        inet_ntop(AF_INET6, &v6->sin6_addr, name, sizeof(name));
        (void)snprintf(buffer, APP_ADDRESS_SIZE, "[%s]:%u", name, ntohs(v6->sin6_port));
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
        inet_ntop(AF_INET, &v4->sin_addr, name, sizeof(name));
        (void)snprintf(buffer, APP_ADDRESS_SIZE, "%s:%u", name, ntohs(v4->sin_port));
    }
    return buffer;
}

bool app_address_is_loopback(const struct app_address *address)
{
    if (address->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;
        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    }
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
    return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
}

int app_address_listen(struct app_address *address, int *ret_fd)
{
    int error = 0;
    int yes = 1;
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1) {
        return -errno;
    }
    struct app_address bound = {.len = sizeof(bound.storage)};
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == -1 ||
        bind(fd, (const struct sockaddr *)&address->storage, address->len) == -1 ||
        listen(fd, SOMAXCONN) == -1 ||
        getsockname(fd, (struct sockaddr *)&bound.storage, &bound.len) == -1) {
        error = -errno;
        close(fd);
        return error;
    }
    *address = bound;
    *ret_fd = fd;
    return 0;
}

/*
 * address: where to listen, as text and as a socket.
 *
 * Not for names: only numeric addresses, so that starting never waits for a resolver.
 * Shapes: "127.0.0.1:5000", "[::1]:5000"; port 0 lets the kernel choose.
 * Errors: -EINVAL for text of another shape; of the socket calls what the kernel says.
 * Ownership: a descriptor returned is the caller's. Threads: any.
 */
#ifndef APP_ADDRESS_H
#define APP_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

struct app_address {
    struct sockaddr_storage storage;
    socklen_t len;
};

/* Room for "[IPv6 address]:port" and a terminator. */
#define APP_ADDRESS_SIZE 64

int app_address_parse(const char *text, struct app_address *ret_address);

/* Into buffer, in the shape that parse reads. Returns buffer. */
char *app_address_format(const struct app_address *address, char buffer[APP_ADDRESS_SIZE]);

bool app_address_is_loopback(const struct app_address *address);

/* A listening, non-blocking socket; address becomes what was bound (the port that was chosen). */
int app_address_listen(struct app_address *address, int *ret_fd);

#endif

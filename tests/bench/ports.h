/*
 * ports: what the bench's own servers share: non-blocking sockets on loopback and the fields of
 * small heads.
 *
 * Not for anything but our own client, backend and forwarder, which trust each other. Shapes:
 * addresses are 127.0.0.1; a head is text up to its empty line. Errors: whoever cannot open a port
 * is ended with a message, these are programs of a test. Ownership: descriptors are the caller's.
 * Threads: one.
 */
#ifndef TESTS_BENCH_PORTS_H
#define TESTS_BENCH_PORTS_H

#include <stddef.h>
#include <stdint.h>

/* A listening socket, non-blocking, TCP_NODELAY for what it accepts. */
int bench_listen(uint16_t port);

/* A socket that connects, or has connected; -1 when that failed at once. */
int bench_connect(uint16_t port);

/* A port on the command line, or the end of the program. */
uint16_t bench_port(const char *text);

/* A whole number on the command line, or the end of the program. */
uint64_t bench_number(const char *text);

/* Length of the head with its empty line, 0 if it is not whole. */
size_t bench_head_len(const char *data, size_t len);

/* The number in the field (its name with the colon, in small letters), or -1 when the head has no
 * such field. */
int64_t bench_field_number(const char *head, size_t len, const char *name);

/* The value of the field, NULL when there is none; `ret_len` its length. */
const char *bench_field(const char *head, size_t len, const char *name, size_t *ret_len);

#endif

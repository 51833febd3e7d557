/*
 * handover: what a server of an admin interface needs to pass its place to another process.
 *
 * Not for who may ask for that, nor for how the processes talk (proxy/handover.h).
 * Shapes: the one that takes over makes a server of a socket that listens already, which takes
 * nobody before tn_api_start(); the one that gives lets its server retire. Errors: 0 or negative
 * errno. Ownership: as api.h; descriptors as said. Threads: the loop's.
 */
#ifndef TN_API_HANDOVER_H
#define TN_API_HANDOVER_H

#include "lib/api/api.h"

/* A server of that socket, which is its own from now on (closed on failure). unlink_path: of a Unix
 * socket, NULL of TCP. */
int tn_api_take(const struct tn_api_options *options, int fd, const char *unlink_path,
                struct tn_api_server **ret_server);
int tn_api_start(struct tn_api_server *server);

/* The listening socket; still the server's. */
int tn_api_descriptor(const struct tn_api_server *server);

/* The socket is another process's from now on: closed here, its file stays. Connections are closed
 * after their next answer. tn_api_close() is still to be called. */
void tn_api_retire(struct tn_api_server *server);

/* Somebody waits for an answer, or has connected and may be about to ask. */
bool tn_api_is_busy(const struct tn_api_server *server);

/*
 * Ends the call with 101 and makes its connection a plain socket: ret_fd, the caller's. Bytes that
 * came behind the request are lost: the peer has to wait for the answer. On failure the call is
 * ended as well.
 */
int tn_api_upgrade(struct tn_api_call *call, const char *protocol, int *ret_fd);

#endif

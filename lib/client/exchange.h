/*
 * exchange: a request out and an answer in on a connected socket.
 *
 * Private to lib/client. Shapes, errors, ownership: as client.h. The socket stays the caller's.
 * Units: the deadline is ns of the client's monotonic clock. Threads: one at a time.
 */
#ifndef TN_CLIENT_EXCHANGE_H
#define TN_CLIENT_EXCHANGE_H

#include "lib/client/client.h"

/* Sets the socket's time limits to what is left until the deadline; -ETIMEDOUT when nothing is. */
int tn_client_arm(const struct tn_client *client, int fd, uint64_t deadline_ns);

/* The first of the client's places that is there; sets client->place. */
int tn_client_connect(struct tn_client *client, uint64_t deadline_ns, int *ret_fd);

int tn_client_send(const struct tn_client *client, int fd, uint64_t deadline_ns,
                   const struct tn_client_request *request);

/* client gives the clock, and gets protocol_error. */
int tn_client_exchange(struct tn_client *client, int fd, uint64_t deadline_ns,
                       const struct tn_client_request *request,
                       struct tn_client_answer *ret_answer);

#endif

/*
 * slow_reader: what goes to a client, and whether the client takes it: a floor for readers.
 *
 * Not for what the client sends: that has the body's floor (exchange.c). Shapes: while bytes wait
 * for the client, windows of `response_grace` follow each other, and in each it has to acknowledge
 * `response_floor` bytes a second; else its connection is reset. An answer that comes slowly from
 * its service leaves nothing waiting, and is no matter of this file. Units: ms, bytes. Errors:
 * those of tn_stream_write(). Ownership: the state is part of the client. Threads: the loop's.
 */
#ifndef PX_SESSION_SLOW_READER_H
#define PX_SESSION_SLOW_READER_H

#include "lib/base/str.h"

struct px_client;

void px_client_watch_init(struct px_client *client);

/* All that goes to a client goes through here: as tn_stream_write(). */
int px_client_write(struct px_client *client, const struct tn_str *pieces, unsigned count);

/* Nothing waits for it any more, or it is being closed. */
void px_client_unwatch(struct px_client *client);

/* No exchange, and bytes wait: from now on the floor is the client's only deadline. */
void px_client_wait_for_reader(struct px_client *client);

#endif

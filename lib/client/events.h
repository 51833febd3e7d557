/*
 * events: GET /v1/events of an admin interface, followed over its socket.
 *
 * Not for what events say. Opening waits (the client's timeout_ms) until the head of the answer is
 * here; reading never waits: the caller polls tn_client_events_fd().
 * Shapes: as sse.h. Errors: those of tn_client_call(); reading ends with -ECONNRESET when the
 * stream is over. Ownership: tn_client_events_close(). Threads: one at a time.
 */
#ifndef TN_CLIENT_EVENTS_H
#define TN_CLIENT_EVENTS_H

#include "lib/client/client.h"
#include "lib/client/sse.h"

struct tn_client_events;

/*
 * last_id: of the last event that was seen, or "". ret_refusal: when the answer is not a stream, it
 * is there (status is not 0) and *ret_events is NULL.
 */
int tn_client_events_open(struct tn_client *client, const char *last_id,
                          struct tn_client_answer *ret_refusal,
                          struct tn_client_events **ret_events);

int tn_client_events_fd(const struct tn_client_events *events);

/* What is there, to on_event; an error of it is returned. */
int tn_client_events_read(struct tn_client_events *events, tn_client_event_fn *on_event,
                          void *context);

/* NULL is fine. */
void tn_client_events_close(struct tn_client_events *events);

#endif

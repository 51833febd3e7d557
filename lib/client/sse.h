/*
 * sse: server-sent events (text/event-stream), bytes in, events out.
 *
 * Not for connections (events.h). No I/O.
 * Shapes: an event has a name ("message" unless it says one), its data (lines joined by LF,
 * terminated; never without data) and the id that was last told on the stream. Comments and fields
 * that are not known are passed over; a stream that ends within an event ends before it. Units:
 * bytes. Errors: -ENOMEM; -EMSGSIZE more than TN_CLIENT_BODY_MAX of one event; what the callback
 * returns. After an error only deinit is left. Ownership: what the callback gets is valid until it
 * returns. Threads: any.
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
#ifndef TN_CLIENT_SSE_H
#define TN_CLIENT_SSE_H

#include "lib/base/str.h"

#include <stdbool.h>

#define TN_CLIENT_SSE_NAME_SIZE 32
#define TN_CLIENT_SSE_ID_SIZE 64

struct tn_client_event {
    const char *name;
    const char *id; /* "": none yet */
    struct tn_str data;
};

/* Other than 0 ends feeding. */
typedef int(tn_client_event_fn)(void *context, const struct tn_client_event *event);

struct tn_client_sse {
    char name[TN_CLIENT_SSE_NAME_SIZE];
    char
        id[TN_CLIENT_SSE_ID_SIZE]; /* of the last event that had one; longer ones are passed over */
    struct tn_client_sse_text {
        char *ptr;
        size_t len, size;
    } line, data;
    bool has_data;
    bool after_cr; /* an LF that comes now belongs to the line before */
};

/* Zeros are a parser at its start. */
int tn_client_sse_feed(struct tn_client_sse *sse, struct tn_str bytes, tn_client_event_fn *on_event,
                       void *context);
void tn_client_sse_deinit(struct tn_client_sse *sse);

#endif

/*
 * events: one stream of server-sent events (text/event-stream) for many readers, each of whom may
 * lag so far and no farther.
 *
 * Not for what an event says, nor for what is kept for readers who come again (proxy/admin/events).
 * Shapes: an event is whole text as it goes out, "event: …\ndata: …\n\n". Two kinds: events, which
 * wait for a slow reader until he is too far behind and then end his stream (he comes again and
 * says how far he got); and pictures, of which only the newest of its slot matters: a slow reader
 * skips those between. The answer ends with the connection. Without anything else to say a comment
 * goes out now and then, so that both sides notice a connection that is dead. Units: ms, bytes.
 * Errors: as each function says; a stream that breaks just ends. Ownership: tn_api_events_free()
 * after the server whose calls came here was closed; texts are copied. Callbacks: none. Nothing
 * here waits for a reader. Threads: the loop's. Source:
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
#ifndef TN_API_EVENTS_H
#define TN_API_EVENTS_H

#include "lib/api/api.h"

#define TN_API_EVENTS_SLOTS 2
#define TN_API_EVENTS_BEHIND_MAX 256

struct tn_api_events_limits {
    uint32_t readers;      /* more are told 503 */
    uint32_t behind_count; /* events that did not leave yet; at most TN_API_EVENTS_BEHIND_MAX */
    size_t behind_bytes;   /* the same; neither counts the first answer and pictures */
    uint64_t stuck_ms;     /* something waits for the reader for so long: the stream ends */
    uint64_t beat_ms;      /* between two comments */
};

/* 32 readers, 256 events, 64 KiB, 30 s, 15 s. */
extern const struct tn_api_events_limits tn_api_events_limits_default;

struct tn_api_events_counts {
    uint32_t readers; /* now */
    uint64_t opened, refused;
    uint64_t slow; /* streams that were ended because their reader was */
};

struct tn_api_events;

/* -ENOMEM and the like. */
int tn_api_events_new(struct tn_loop *loop, const struct tn_api_events_limits *limits,
                      struct tn_api_events **ret_events);
/* NULL is fine. */
void tn_api_events_free(struct tn_api_events *events);

/*
 * Ends the call: it becomes a stream that begins with first (events; may be empty) and the present
 * pictures, or is refused (503).
 */
void tn_api_events_open(struct tn_api_events *events, struct tn_api_call *call,
                        struct tn_str first);

/* To every reader, in order. */
void tn_api_events_send(struct tn_api_events *events, struct tn_str event);

/* The newest picture of a slot. -ENOMEM: the one before stays. */
int tn_api_events_show(struct tn_api_events *events, unsigned slot, struct tn_str picture);

/* The pictures are forgotten, for they are no longer true. */
void tn_api_events_clear(struct tn_api_events *events);

/* Every stream ends after this event; whoever comes from here on is refused with the text why, a
 * constant. */
void tn_api_events_end(struct tn_api_events *events, struct tn_str last, const char *why);

struct tn_api_events_counts tn_api_events_counts(const struct tn_api_events *events);

#endif

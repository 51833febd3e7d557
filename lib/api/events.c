#include "lib/api/events.h"

#include "lib/api/connection.h"
#include "lib/net/control.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define HEAD_SIZE 1024

const struct tn_api_events_limits tn_api_events_limits_default = {
    .readers = 32,
    .behind_count = TN_API_EVENTS_BEHIND_MAX,
    .behind_bytes = 65536,
    .stuck_ms = 30000,
    .beat_ms = 15000,
};

struct text {
    char *ptr;
    size_t len;
};

struct tn_api_events {
    struct tn_loop *loop;
    struct tn_api_events_limits limits;
    struct tn_api_events_counts counts;
    struct tn_list readers;
    struct tn_timer beat;
    struct text pictures[TN_API_EVENTS_SLOTS];
    const char *ended; /* why nobody is let in any more, or NULL */
};

struct tn_api_reader {
    struct tn_api_events *events;
    struct tn_api_connection *connection;
    struct tn_list node;
    uint64_t written;     /* bytes since the answer began */
    uint64_t not_counted; /* of these, up to here: the first answer, pictures */
    unsigned owed;        /* slots, as bits: pictures that he was too slow for */
    /* Where the events end that did not leave yet: a ring. */
    uint64_t ends[TN_API_EVENTS_BEHIND_MAX];
    uint32_t first, count;
};

static struct tn_api_reader *reader_of(struct tn_list *node)
{
    return TN_CONTAINER_OF(node, struct tn_api_reader, node);
}

static bool has_all(const struct tn_api_reader *reader)
{
    return tn_stream_queued(&reader->connection->stream) == 0;
}

/* Bytes that left. */
static uint64_t taken(const struct tn_api_reader *reader)
{
    return reader->written - tn_stream_unsent(&reader->connection->stream);
}

void tn_api_reader_free(struct tn_api_reader *reader)
{
    if (!reader)
        return;
    tn_list_remove(&reader->node);
    reader->events->counts.readers--;
    if (reader->events->counts.readers == 0)
        tn_timer_stop(&reader->events->beat);
    free(reader);
}

static void close_slow(struct tn_api_reader *reader)
{
    reader->events->counts.slow++;
    tn_api_connection_close(reader->connection);
}

void tn_api_reader_stuck(struct tn_api_reader *reader)
{
    close_slow(reader);
}

/* False: it broke, and the reader is gone. */
static bool put(struct tn_api_reader *reader, struct tn_str text)
{
    struct tn_api_connection *connection = reader->connection;
    bool had_all = has_all(reader);

    if (tn_stream_write(&connection->stream, &text, 1) != 0) {
        tn_api_connection_close(connection);
        return false;
    }
    reader->written += text.len;
    if (had_all && !has_all(reader))
        tn_deadline_after(reader->events->loop, &connection->deadline,
                          reader->events->limits.stuck_ms);
    return true;
}

/* The same for what must not end a stream by its size alone. */
static bool put_uncounted(struct tn_api_reader *reader, struct tn_str text)
{
    if (!put(reader, text))
        return false;
    reader->not_counted = reader->written;
    return true;
}

static void show(struct tn_api_reader *reader)
{
    const struct tn_api_events *events = reader->events;

    for (unsigned i = 0; i < TN_API_EVENTS_SLOTS && has_all(reader); i++) {
        const struct text *picture = &events->pictures[i];
        bool is_owed = reader->owed & (1u << i);

        reader->owed &= ~(1u << i);
        if (is_owed && picture->ptr &&
            !put_uncounted(reader, (struct tn_str){picture->ptr, picture->len}))
            return;
    }
}

void tn_api_reader_drained(struct tn_api_reader *reader)
{
    tn_deadline_set(reader->events->loop, &reader->connection->deadline, TN_DEADLINE_NEVER);
    show(reader);
}

/* How many events and bytes of events the reader lags. */
static size_t behind(struct tn_api_reader *reader)
{
    uint64_t from = taken(reader);

    while (reader->count > 0 && reader->ends[reader->first] <= from) {
        reader->first = (reader->first + 1) % TN_API_EVENTS_BEHIND_MAX;
        reader->count--;
    }
    if (from < reader->not_counted)
        from = reader->not_counted;
    return (size_t)(reader->written - from);
}

static void send_event(struct tn_api_reader *reader, struct tn_str event)
{
    const struct tn_api_events_limits *limits = &reader->events->limits;
    size_t bytes = behind(reader);

    if (reader->count >= limits->behind_count || bytes + event.len > limits->behind_bytes) {
        close_slow(reader);
        return;
    }
    if (!put(reader, event))
        return;
    reader->ends[(reader->first + reader->count) % TN_API_EVENTS_BEHIND_MAX] = reader->written;
    reader->count++;
}

static void on_beat(struct tn_timer *timer)
{
    struct tn_api_events *events = TN_CONTAINER_OF(timer, struct tn_api_events, beat);
    struct tn_list *next;

    for (struct tn_list *node = events->readers.next; node != &events->readers; node = next) {
        next = node->next;
        if (has_all(reader_of(node)))
            put_uncounted(reader_of(node), TN_STR(":\n\n"));
    }
}

int tn_api_events_new(struct tn_loop *loop, const struct tn_api_events_limits *limits,
                      struct tn_api_events **ret_events)
{
    struct tn_api_events *events = calloc(1, sizeof(*events));
    int error;

    assert(limits->behind_count <= TN_API_EVENTS_BEHIND_MAX);
    if (!events)
        return -ENOMEM;
    events->loop = loop;
    events->limits = *limits;
    tn_list_init(&events->readers);
    error = tn_timer_open(&events->beat, loop, on_beat);
    if (error) {
        free(events);
        return error;
    }
    *ret_events = events;
    return 0;
}

static void on_beat_closed(struct tn_timer *timer)
{
    free(TN_CONTAINER_OF(timer, struct tn_api_events, beat));
}

void tn_api_events_clear(struct tn_api_events *events)
{
    for (unsigned i = 0; i < TN_API_EVENTS_SLOTS; i++) {
        free(events->pictures[i].ptr);
        events->pictures[i] = (struct text){0};
    }
}

void tn_api_events_free(struct tn_api_events *events)
{
    if (!events)
        return;
    assert(tn_list_is_empty(&events->readers));
    tn_api_events_clear(events);
    tn_timer_close(&events->beat, on_beat_closed);
}

static bool begin(struct tn_api_reader *reader, const struct tn_api_exchange *exchange)
{
    const struct tn_clock *clock = reader->connection->server->options.clock;
    char date[TN_HTTP_DATE_SIZE];
    char head[HEAD_SIZE];
    int len = snprintf(head, sizeof(head),
                       "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: text/event-stream\r\n"
                       "Cache-Control: no-store\r\nConnection: close\r\n%.*s\r\n",
                       tn_clock_http_date(clock->wall_ns(clock->context), date),
                       (int)exchange->fields_len, exchange->fields);

    assert(len > 0 && (size_t)len < sizeof(head));
    return put_uncounted(reader, (struct tn_str){head, (size_t)len});
}

/* False: the call was answered otherwise. */
static bool may_open(struct tn_api_events *events, struct tn_api_call *call)
{
    struct tn_api_exchange *exchange = tn_api_exchange_of(call);

    if (!exchange->connection) {
        tn_api_exchange_free(exchange);
        return false;
    }
    if (exchange->head.method == TN_HTTP_HEAD) {
        tn_api_add_field(call, "Cache-Control: no-store\r\n");
        tn_api_answer(call, 200, "text/event-stream", TN_STR(""));
        return false;
    }
    if (!events->ended && events->counts.readers < events->limits.readers)
        return true;
    events->counts.refused++;
    tn_api_add_field(call, "Retry-After: %u\r\n", events->ended ? 1 : 5);
    if (events->ended)
        tn_api_problem(call, 503, "%s", events->ended);
    else
        tn_api_problem(call, 503, "%u readers follow the events already: no more are served",
                       events->limits.readers);
    return false;
}

void tn_api_events_open(struct tn_api_events *events, struct tn_api_call *call, struct tn_str first)
{
    struct tn_api_exchange *exchange = tn_api_exchange_of(call);
    struct tn_api_reader *reader;

    if (!may_open(events, call))
        return;
    reader = calloc(1, sizeof(*reader));
    if (!reader) {
        tn_api_problem(call, 503, "out of memory");
        return;
    }
    reader->events = events;
    reader->connection = exchange->connection;
    reader->owed = (1u << TN_API_EVENTS_SLOTS) - 1;
    tn_list_push_back(&events->readers, &reader->node);
    events->counts.opened++;
    if (events->counts.readers++ == 0)
        tn_timer_start(&events->beat, events->limits.beat_ms, events->limits.beat_ms);
    tn_api_connection_stream(exchange->connection, reader);
    if (begin(reader, exchange) && (first.len == 0 || put_uncounted(reader, first)))
        show(reader);
    tn_api_exchange_free(exchange);
}

void tn_api_events_send(struct tn_api_events *events, struct tn_str event)
{
    struct tn_list *next;

    for (struct tn_list *node = events->readers.next; node != &events->readers; node = next) {
        next = node->next;
        send_event(reader_of(node), event);
    }
}

int tn_api_events_show(struct tn_api_events *events, unsigned slot, struct tn_str picture)
{
    char *copy = malloc(picture.len + 1);
    struct tn_list *next;

    assert(slot < TN_API_EVENTS_SLOTS);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, picture.ptr, picture.len);
    free(events->pictures[slot].ptr);
    events->pictures[slot] = (struct text){copy, picture.len};
    for (struct tn_list *node = events->readers.next; node != &events->readers; node = next) {
        next = node->next;
        reader_of(node)->owed |= 1u << slot;
        show(reader_of(node));
    }
    return 0;
}

void tn_api_events_end(struct tn_api_events *events, struct tn_str last, const char *why)
{
    struct tn_list *next;

    events->ended = why;
    for (struct tn_list *node = events->readers.next; node != &events->readers; node = next) {
        struct tn_api_reader *reader = reader_of(node);

        next = node->next;
        if (last.len == 0 || put_uncounted(reader, last))
            tn_api_connection_end_stream(reader->connection);
    }
}

struct tn_api_events_counts tn_api_events_counts(const struct tn_api_events *events)
{
    return events->counts;
}

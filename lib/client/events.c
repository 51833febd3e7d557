#include "lib/client/events.h"

#include "lib/client/exchange.h"
#include "lib/http/parser.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE ((size_t)64 * 1024)
#define REFUSAL_MAX ((size_t)64 * 1024)

struct tn_client_events {
    struct tn_client *client;
    int fd;
    struct tn_http_parser parser;
    struct tn_http_head head;
    struct tn_client_sse sse;
    struct tn_client_answer refusal; /* under way */
    bool is_over;
    size_t start, end; /* bytes of buffer that the parser has not used */
    char buffer[BUFFER_SIZE];
};

/* Bytes into the buffer. -EAGAIN: there are none now; -ECONNRESET: the end. */
static int receive(struct tn_client_events *events)
{
    ssize_t len;

    if (events->start == events->end)
        events->start = events->end = 0;
    if (events->end == sizeof(events->buffer)) {
        events->client->protocol_error = "header section is too large";
        return -EPROTO;
    }
    do {
        len =
            recv(events->fd, events->buffer + events->end, sizeof(events->buffer) - events->end, 0);
    } while (len < 0 && errno == EINTR);
    if (len < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    if (len == 0)
        return -ECONNRESET;
    events->end += (size_t)len;
    return 0;
}

static int step(struct tn_client_events *events, struct tn_http_step *ret_step)
{
    enum tn_http_error error = tn_http_parser_step(&events->parser, events->buffer + events->start,
                                                   events->end - events->start, ret_step);

    if (error != TN_HTTP_OK) {
        events->client->protocol_error = tn_http_error_text(error);
        return -EPROTO;
    }
    events->start += ret_step->used;
    return 0;
}

/* --- the head ------------------------------------------------------------------------------------
 */

static int receive_until(struct tn_client_events *events, uint64_t deadline_ns)
{
    int r = tn_client_arm(events->client, events->fd, deadline_ns);

    if (!r)
        r = receive(events);
    return r == -EAGAIN ? -ETIMEDOUT : r;
}

static int take_head(struct tn_client_events *events, uint64_t deadline_ns)
{
    for (;;) {
        struct tn_http_step taken = {0};
        int r = step(events, &taken);

        if (r)
            return r;
        if (taken.events & TN_HTTP_STEP_HEAD)
            return 0;
        if (taken.events == TN_HTTP_STEP_MORE && (r = receive_until(events, deadline_ns)) != 0)
            return r;
    }
}

static int add_to_refusal(struct tn_client_answer *refusal, const struct tn_http_step *taken)
{
    char *body;

    if (taken->body_len > REFUSAL_MAX - refusal->body_len)
        return -EMSGSIZE;
    body = realloc(refusal->body, refusal->body_len + taken->body_len + 1);
    if (!body)
        return -ENOMEM;
    refusal->body = body;
    for (unsigned i = 0; i < taken->body_count; i++) {
        memcpy(body + refusal->body_len, taken->body[i].ptr, taken->body[i].len);
        refusal->body_len += taken->body[i].len;
    }
    body[refusal->body_len] = '\0';
    return 0;
}

/* It is no stream: the whole answer. */
static int take_refusal(struct tn_client_events *events, uint64_t deadline_ns)
{
    events->refusal.status = events->head.status;
    for (;;) {
        struct tn_http_step taken = {0};
        int r = step(events, &taken);

        if (!r)
            r = add_to_refusal(&events->refusal, &taken);
        if (r || taken.events & TN_HTTP_STEP_END)
            return r;
        if (taken.events == TN_HTTP_STEP_MORE && (r = receive_until(events, deadline_ns)) != 0)
            return r;
    }
}

static bool is_stream(const struct tn_client_events *events)
{
    const struct tn_http_field *field;
    struct tn_str value;

    if (events->head.status != 200 ||
        tn_http_find_name(&events->head, TN_STR("content-type"), &field) == 0)
        return false;
    value = tn_http_view(&events->head, field->value);
    return value.len >= 17 &&
           tn_str_equal_nocase((struct tn_str){value.ptr, 17}, TN_STR("text/event-stream"));
}

static int begin(struct tn_client_events *events, const char *last_id, uint64_t deadline_ns)
{
    const struct tn_client_request request = {.method = "GET",
                                              .target = "/v1/events",
                                              .is_stream = true,
                                              .last_event_id = last_id[0] ? last_id : NULL};
    int r = tn_client_send(events->client, events->fd, deadline_ns, &request);

    if (!r)
        r = take_head(events, deadline_ns);
    if (!r && !is_stream(events))
        return take_refusal(events, deadline_ns);
    if (!r && fcntl(events->fd, F_SETFL, O_NONBLOCK) < 0)
        r = -errno;
    return r;
}

int tn_client_events_open(struct tn_client *client, const char *last_id,
                          struct tn_client_answer *ret_refusal,
                          struct tn_client_events **ret_events)
{
    uint64_t deadline_ns =
        client->clock->monotonic_ns(client->clock->context) + client->timeout_ms * 1000000;
    struct tn_client_events *events = calloc(1, sizeof(*events));
    int r;

    if (!events)
        return -ENOMEM;
    events->client = client;
    tn_http_parser_init(&events->parser, true, &tn_http_limits_default);
    tn_http_parser_start(&events->parser, &events->head, false);
    r = tn_client_connect(client, deadline_ns, &events->fd);
    if (r) {
        free(events);
        return r;
    }
    r = begin(events, last_id, deadline_ns);
    *ret_refusal = (struct tn_client_answer){0};
    if (!r && events->refusal.status == 0) {
        *ret_events = events;
        return 0;
    }
    if (!r) {
        *ret_refusal = events->refusal;
        events->refusal = (struct tn_client_answer){0};
        *ret_events = NULL;
    }
    tn_client_events_close(events);
    return r;
}

/* --- the stream ----------------------------------------------------------------------------------
 */

int tn_client_events_fd(const struct tn_client_events *events)
{
    return events->fd;
}

/* What is in the buffer. */
static int parse(struct tn_client_events *events, tn_client_event_fn *on_event, void *context)
{
    for (;;) {
        struct tn_http_step taken = {0};
        int r = step(events, &taken);

        for (unsigned i = 0; i < taken.body_count && !r; i++)
            r = tn_client_sse_feed(&events->sse, taken.body[i], on_event, context);
        if (r)
            return r;
        if (taken.events & TN_HTTP_STEP_END)
            events->is_over = true;
        if (events->is_over)
            return -ECONNRESET;
        if (taken.events == TN_HTTP_STEP_MORE || taken.used == 0)
            return 0;
    }
}

int tn_client_events_read(struct tn_client_events *events, tn_client_event_fn *on_event,
                          void *context)
{
    for (;;) {
        int r = parse(events, on_event, context);

        if (!r)
            r = receive(events);
        if (r)
            return r == -EAGAIN ? 0 : r;
    }
}

void tn_client_events_close(struct tn_client_events *events)
{
    if (!events)
        return;
    close(events->fd);
    tn_client_answer_deinit(&events->refusal);
    tn_client_sse_deinit(&events->sse);
    free(events);
}

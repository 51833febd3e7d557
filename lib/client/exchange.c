#include "lib/client/exchange.h"

#include "lib/http/parser.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define HEAD_SIZE 8192
/* More than a whole head may be, so that the parser says "too large" before the buffer is full. */
#define BUFFER_SIZE ((size_t)64 * 1024)

int tn_client_arm(const struct tn_client *client, int fd, uint64_t deadline_ns)
{
    uint64_t now = client->clock->monotonic_ns(client->clock->context);

    if (now >= deadline_ns)
        return -ETIMEDOUT;
    /* Rounded up: a limit of zero would mean "wait for ever". */
    uint64_t left_us = (deadline_ns - now) / 1000 + 1;
    struct timeval limit = {.tv_sec = (time_t)(left_us / 1000000),
                            .tv_usec = (suseconds_t)(left_us % 1000000)};

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
        return -errno;
    return 0;
}

static int send_all(const struct tn_client *client, int fd, uint64_t deadline_ns,
                    struct tn_str bytes)
{
    while (bytes.len > 0) {
        int r = tn_client_arm(client, fd, deadline_ns);
        if (r < 0)
            return r;
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? -ETIMEDOUT : -errno;
        bytes.ptr += n;
        bytes.len -= (size_t)n;
    }
    return 0;
}

int tn_client_send(const struct tn_client *client, int fd, uint64_t deadline_ns,
                   const struct tn_client_request *request)
{
    char head[HEAD_SIZE];
    char length[64] = "";
    char condition[64] = "";
    bool has_token = client->is_tcp && client->token;

    if (request->content_type)
        snprintf(length, sizeof(length), "Content-Length: %zu\r\n", request->body.len);
    if (request->if_revision)
        snprintf(condition, sizeof(condition), "If-Match: \"%" PRIu64 "\"\r\n",
                 *request->if_revision);

    int len = snprintf(head, sizeof(head),
                       "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s%s%s"
                       "Accept: %s\r\n%s%s%s%s%s%s%s%s\r\n",
                       request->method, request->target, has_token ? "Authorization: Bearer " : "",
                       has_token ? client->token : "", has_token ? "\r\n" : "",
                       request->is_stream ? "text/event-stream" : "application/json",
                       request->last_event_id ? "Last-Event-ID: " : "",
                       request->last_event_id ? request->last_event_id : "",
                       request->last_event_id ? "\r\n" : "",
                       request->content_type ? "Content-Type: " : "",
                       request->content_type ? request->content_type : "",
                       request->content_type ? "\r\n" : "", length, condition);
    if (len < 0 || (size_t)len >= sizeof(head))
        return -EMSGSIZE;
    int r = send_all(client, fd, deadline_ns, (struct tn_str){head, (size_t)len});
    if (r == 0)
        r = send_all(client, fd, deadline_ns, request->body);
    return r;
}

struct reader {
    struct tn_http_parser parser;
    struct tn_http_head head;
    size_t start, end; /* bytes of buffer that the parser has not used */
    bool is_done;
    struct tn_client_answer answer;
    char buffer[BUFFER_SIZE];
};

static int take_body(struct reader *reader, const struct tn_http_step *step)
{
    struct tn_client_answer *answer = &reader->answer;

    if (step->body_len > TN_CLIENT_BODY_MAX - answer->body_len)
        return -EMSGSIZE;
    char *body = realloc(answer->body, answer->body_len + step->body_len + 1);
    if (!body)
        return -ENOMEM;
    answer->body = body;
    for (unsigned i = 0; i < step->body_count; i++) {
        memcpy(body + answer->body_len, step->body[i].ptr, step->body[i].len);
        answer->body_len += step->body[i].len;
    }
    body[answer->body_len] = '\0';
    return 0;
}

static void take_head(struct reader *reader)
{
    reader->answer.status = reader->head.status;
    reader->answer.is_again = tn_http_find_name(&reader->head, TN_STR("retry-after"), NULL) > 0;
}

static int take_step(struct reader *reader, const struct tn_http_step *step)
{
    reader->start += step->used;
    if (step->events & TN_HTTP_STEP_HEAD)
        take_head(reader);
    if (step->events & TN_HTTP_STEP_BODY) {
        int r = take_body(reader, step);
        if (r < 0)
            return r;
    }
    if (!(step->events & TN_HTTP_STEP_END))
        return 0;
    /* Interim answers (103 and the like) are not what was asked for. */
    if (reader->answer.status < 200)
        tn_http_parser_start(&reader->parser, &reader->head, false);
    else
        reader->is_done = true;
    return 0;
}

/* Parses until more bytes are needed or the answer is complete. */
static int parse(struct tn_client *client, struct reader *reader)
{
    while (!reader->is_done) {
        struct tn_http_step step = {0};
        enum tn_http_error error = tn_http_parser_step(
            &reader->parser, reader->buffer + reader->start, reader->end - reader->start, &step);
        if (error != TN_HTTP_OK) {
            client->protocol_error = tn_http_error_text(error);
            return -EPROTO;
        }
        int r = take_step(reader, &step);
        if (r < 0)
            return r;
        if (step.events == TN_HTTP_STEP_MORE)
            return 0;
    }
    return 0;
}

static int finish(struct reader *reader)
{
    struct tn_http_step step = {0};

    if (tn_http_parser_finish(&reader->parser, &step) != TN_HTTP_OK)
        return -ECONNRESET;
    int r = take_step(reader, &step);
    if (r < 0)
        return r;
    return reader->is_done ? 0 : -ECONNRESET;
}

static int receive(struct tn_client *client, struct reader *reader, int fd, uint64_t deadline_ns)
{
    while (!reader->is_done) {
        int r = tn_client_arm(client, fd, deadline_ns);
        if (r < 0)
            return r;
        if (reader->start == reader->end)
            reader->start = reader->end = 0;
        if (reader->end == sizeof(reader->buffer)) {
            client->protocol_error = "header section is too large";
            return -EPROTO;
        }
        ssize_t n = recv(fd, reader->buffer + reader->end, sizeof(reader->buffer) - reader->end, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? -ETIMEDOUT : -errno;
        if (n == 0)
            return finish(reader);
        reader->end += (size_t)n;
        r = parse(client, reader);
        if (r < 0)
            return r;
    }
    return 0;
}

int tn_client_exchange(struct tn_client *client, int fd, uint64_t deadline_ns,
                       const struct tn_client_request *request, struct tn_client_answer *ret_answer)
{
    struct reader *reader = calloc(1, sizeof(*reader));

    if (!reader)
        return -ENOMEM;
    tn_http_parser_init(&reader->parser, true, &tn_http_limits_default);
    tn_http_parser_start(&reader->parser, &reader->head, false);

    int sent = tn_client_send(client, fd, deadline_ns, request);
    /* A server that has heard enough (body too large) answers and closes while we still send. */
    int r = sent == 0 || sent == -EPIPE || sent == -ECONNRESET
                ? receive(client, reader, fd, deadline_ns)
                : sent;
    if (r == 0 && !reader->answer.body) {
        reader->answer.body = calloc(1, 1);
        r = reader->answer.body ? 0 : -ENOMEM;
    }
    if (r == 0)
        *ret_answer = reader->answer;
    else
        free(reader->answer.body);
    free(reader);
    return r;
}

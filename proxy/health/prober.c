#include "proxy/health/prober.h"

#include "lib/base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void on_deadline(struct tn_deadline *deadline);

static void wait_for_next(struct px_prober *prober)
{
    struct tn_loop *loop = px_health_loop(prober->health);
    uint64_t pause = px_health_pause_ms(prober->config.interval_ms, prober->is_first,
                                        px_health_random(prober->health));
    uint64_t when = prober->started_ms + pause;

    prober->is_first = false;
    prober->state = PX_PROBER_WAITING;
    if (when <= tn_loop_now_ms(loop))
        when = tn_loop_now_ms(loop) + 1;
    tn_deadline_set(loop, &prober->deadline, when);
}

/* The probe is over: its connection goes, the next one is due. */
static void end_probe(struct px_prober *prober)
{
    free(prober->in);
    prober->in = NULL;
    prober->in_len = 0;
    if (prober->is_stream_alive)
        tn_stream_close(&prober->stream);
    wait_for_next(prober);
}

static void fail(struct px_prober *prober, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void fail(struct px_prober *prober, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(prober->detail, sizeof(prober->detail), format, args);
    va_end(args);
    end_probe(prober);
    px_health_result(prober, false);
}

/* What we have too little of says nothing about the endpoint. */
static bool is_ours(int error)
{
    switch (-error) {
    case ENOMEM:
    case ENOBUFS:
    case ENOSPC:
    case EMFILE:
    case ENFILE:
    case EADDRNOTAVAIL:
        return true;
    default:
        return false;
    }
}

/* No verdict: the next probe comes as always, the first one soon. */
static void put_off(struct px_prober *prober, int error)
{
    if (!prober->has_put_off)
        tn_log(TN_LOG_WARNING, "health", "%s can't be probed: %s", prober->endpoint->label,
               strerror(-error));
    prober->has_put_off = true;
    end_probe(prober);
    if (!prober->verdict.is_probed && prober->config.interval_ms > PX_HEALTH_AGAIN_MS)
        tn_deadline_after(px_health_loop(prober->health), &prober->deadline, PX_HEALTH_AGAIN_MS);
}

static void fail_errno(struct px_prober *prober, int error)
{
    char text[PX_HEALTH_DETAIL_SIZE];

    if (is_ours(error)) {
        put_off(prober, error);
        return;
    }

    /* strerror's sentences start with a capital; this one is a part of ours */
    snprintf(text, sizeof(text), "%s", strerror(-error));
    if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a')
        text[0] = (char)(text[0] - 'A' + 'a');
    fail(prober, "%s", text);
}

static void on_status(struct px_prober *prober)
{
    unsigned status = prober->head.status;

    if (status < 200) { /* an interim answer: the one that counts comes behind it */
        tn_http_parser_start(&prober->parser, &prober->head, false);
        return;
    }
    if (status >= 400) {
        fail(prober, "status %u", status);
        return;
    }
    prober->detail[0] = '\0';
    prober->has_put_off = false;
    prober->state = PX_PROBER_DRAINING;
    px_health_result(prober, true);
}

static void parse(struct px_prober *prober)
{
    while (prober->state == PX_PROBER_ASKING) {
        struct tn_http_step step;
        enum tn_http_error error =
            tn_http_parser_step(&prober->parser, prober->in, prober->in_len, &step);

        if (error) {
            fail(prober, "%s", tn_http_error_text(error));
            return;
        }
        if (!(step.events & TN_HTTP_STEP_HEAD))
            return;
        prober->in_len -= step.used;
        memmove(prober->in, prober->in + step.used, prober->in_len);
        on_status(prober);
    }
}

static void on_read(struct tn_stream *stream, char *data, size_t len)
{
    struct px_prober *prober = TN_CONTAINER_OF(stream, struct px_prober, stream);
    bool is_too_much;
    char *grown;

    if (prober->state == PX_PROBER_DRAINING) {
        prober->drained += len;
        if (prober->drained > PX_HEALTH_BODY_MAX)
            end_probe(prober);
        return;
    }
    is_too_much = prober->in_len + len > PX_HEALTH_HEAD_MAX;
    if (is_too_much)
        len = PX_HEALTH_HEAD_MAX - prober->in_len;
    grown = realloc(prober->in, prober->in_len + len + 1);
    if (!grown) {
        fail_errno(prober, -ENOMEM);
        return;
    }
    prober->in = grown;
    memcpy(prober->in + prober->in_len, data, len);
    prober->in_len += len;
    parse(prober);
    if (is_too_much && prober->state == PX_PROBER_ASKING)
        fail(prober, "the head of the answer is too large");
}

static void on_eof(struct tn_stream *stream)
{
    struct px_prober *prober = TN_CONTAINER_OF(stream, struct px_prober, stream);

    if (prober->state == PX_PROBER_DRAINING)
        end_probe(prober);
    else
        fail(prober, "closed without an answer");
}

static void on_broken(struct tn_stream *stream, int error)
{
    struct px_prober *prober = TN_CONTAINER_OF(stream, struct px_prober, stream);

    if (prober->state == PX_PROBER_DRAINING)
        end_probe(prober);
    else
        fail_errno(prober, error);
}

static void free_prober(struct px_prober *prober)
{
    px_health_forget(prober);
    free(prober->config.path);
    free(prober->next_path);
    free(prober->in);
    free(prober);
}

static void on_closed(struct tn_stream *stream)
{
    struct px_prober *prober = TN_CONTAINER_OF(stream, struct px_prober, stream);

    prober->is_stream_alive = false;
    if (prober->is_closing)
        free_prober(prober);
}

static const struct tn_stream_ops stream_ops = {
    .on_read = on_read,
    .on_eof = on_eof,
    .on_broken = on_broken,
    .on_closed = on_closed,
};

/* "127.0.0.1:5001", "[::1]:5001": what Host says. */
static void write_host(const struct px_endpoint *endpoint, char *buffer, size_t size)
{
    const struct sockaddr *sa = (const struct sockaddr *)&endpoint->address.sa;
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;
    char text[INET6_ADDRSTRLEN] = "";

    if (sa->sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
        snprintf(buffer, size, "[%s]:%u", text, ntohs(in6->sin6_port));
    } else {
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
        snprintf(buffer, size, "%s:%u", text, ntohs(in->sin_port));
    }
}

static void on_connected(struct tn_stream *stream, int error)
{
    struct px_prober *prober = TN_CONTAINER_OF(stream, struct px_prober, stream);
    char host[INET6_ADDRSTRLEN + 16];
    struct tn_str pieces[5];

    if (error) {
        fail_errno(prober, error);
        return;
    }
    write_host(prober->endpoint, host, sizeof(host));
    pieces[0] = TN_STR("GET ");
    pieces[1] = tn_str_of(prober->config.path);
    pieces[2] = TN_STR(" HTTP/1.1\r\nHost: ");
    pieces[3] = tn_str_of(host);
    pieces[4] =
        TN_STR("\r\nUser-Agent: turnout-health\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    error = tn_stream_write(stream, pieces, 5);
    if (error)
        fail_errno(prober, error);
}

void px_prober_start(struct px_prober *prober)
{
    struct tn_loop *loop = px_health_loop(prober->health);
    const struct sockaddr *sa = (const struct sockaddr *)&prober->endpoint->address.sa;
    int error;

    prober->started_ms = tn_loop_now_ms(loop);
    if (prober->is_stream_alive) { /* the last probe's socket is still closing */
        wait_for_next(prober);
        return;
    }
    prober->state = PX_PROBER_ASKING;
    prober->drained = 0;
    tn_http_parser_init(&prober->parser, true, &tn_http_limits_default);
    tn_http_parser_start(&prober->parser, &prober->head, false);
    tn_deadline_after(loop, &prober->deadline, prober->config.timeout_ms);
    error = tn_stream_open(&prober->stream, loop, sa->sa_family, &stream_ops);
    if (!error) {
        prober->is_stream_alive = true;
        error = tn_stream_connect(&prober->stream, sa, on_connected);
    }
    if (error)
        fail_errno(prober, error);
}

static void on_deadline(struct tn_deadline *deadline)
{
    struct px_prober *prober = TN_CONTAINER_OF(deadline, struct px_prober, deadline);

    switch (prober->state) {
    case PX_PROBER_WAITING:
        px_prober_start(prober);
        break;
    case PX_PROBER_ASKING:
        fail(prober, "no answer within %llu ms", (unsigned long long)prober->config.timeout_ms);
        break;
    case PX_PROBER_DRAINING:
        end_probe(prober);
        break;
    }
}

static bool is_path(const char *path, const struct px_health_config *config)
{
    return path && strcmp(path, config->path) == 0;
}

int px_prober_prepare(struct px_prober *prober, const struct px_health_config *config)
{
    char *path;

    if (is_path(prober->config.path, config) || is_path(prober->next_path, config))
        return 0;
    path = strdup(config->path);
    if (!path)
        return -ENOMEM;
    free(prober->next_path);
    prober->next_path = path;
    return 0;
}

int px_prober_configure(struct px_prober *prober, const struct px_health_config *config)
{
    char *path = prober->config.path;
    int error = px_prober_prepare(prober, config);

    if (error)
        return error;
    if (!is_path(path, config)) {
        free(path);
        path = prober->next_path;
        prober->next_path = NULL;
    }
    prober->config = *config;
    prober->config.path = path;
    return 0;
}

int px_prober_new(struct px_health *health, struct px_endpoint *endpoint,
                  const struct px_health_config *config, struct px_prober **ret_prober)
{
    struct px_prober *prober = calloc(1, sizeof(*prober));

    if (!prober)
        return -ENOMEM;
    prober->health = health;
    prober->endpoint = endpoint;
    prober->is_first = true;
    /* known from before: another process, or another place in the list */
    prober->verdict.is_probed = atomic_load(&endpoint->probed);
    prober->verdict.is_up = atomic_load(&endpoint->up);
    tn_deadline_init(&prober->deadline, on_deadline);
    px_ejection_init(prober);
    if (px_prober_configure(prober, config) != 0) {
        free(prober);
        return -ENOMEM;
    }
    *ret_prober = prober;
    return 0;
}

void px_prober_close(struct px_prober *prober)
{
    tn_deadline_clear(px_health_loop(prober->health), &prober->deadline);
    px_ejection_end(prober);
    prober->is_closing = true;
    prober->endpoint = NULL;
    if (prober->is_stream_alive)
        tn_stream_close(&prober->stream);
    else
        free_prober(prober);
}

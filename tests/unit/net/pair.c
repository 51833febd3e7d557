#include "tests/unit/net/pair.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define GUARD_MS 20000

static struct end *end_of(struct tn_stream *stream)
{
    struct end *end = TN_CONTAINER_OF(stream, struct end, stream);

    if (!stream->is_open)
        end->is_told_after_close = true;
    return end;
}

static void told(struct end *end, enum end_event event)
{
    if (end->close_on == (int)event)
        tn_stream_close(&end->stream);
}

static void on_read(struct tn_stream *stream, char *data, size_t len)
{
    struct end *end = end_of(stream);

    if (end->len + len > end->size) {
        end->size = (end->len + len) * 2;
        end->bytes = realloc(end->bytes, end->size);
        assert_non_null(end->bytes);
    }
    memcpy(end->bytes + end->len, data, len);
    end->len += len;
    if (end->pause_each)
        tn_stream_pause(stream);
    if (end->on_read)
        end->on_read(end);
    told(end, END_READ);
}

static void on_eof(struct tn_stream *stream)
{
    struct end *end = end_of(stream);

    end->eofs++;
    told(end, END_EOF);
}

static void on_broken(struct tn_stream *stream, int error)
{
    struct end *end = end_of(stream);

    end->brokens++;
    end->error = error;
    told(end, END_BROKEN);
}

static void on_drained(struct tn_stream *stream)
{
    struct end *end = end_of(stream);

    end->draineds++;
    told(end, END_DRAINED);
}

static void on_closed(struct tn_stream *stream)
{
    TN_CONTAINER_OF(stream, struct end, stream)->closeds++;
}

const struct tn_stream_ops end_ops = {
    .on_read = on_read,
    .on_eof = on_eof,
    .on_broken = on_broken,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

static struct tn_stream *on_accept(struct tn_listener *listener)
{
    struct pair *pair = TN_CONTAINER_OF(listener, struct pair, listener);

    assert_int_equal(tn_stream_open(&pair->server.stream, &pair->loop, AF_INET, &end_ops), 0);
    return &pair->server.stream;
}

static void on_accepted(struct tn_listener *listener, struct tn_stream *stream)
{
    struct pair *pair = TN_CONTAINER_OF(listener, struct pair, listener);

    assert_int_equal(tn_stream_start(stream), 0);
    pair->is_accepted = true;
}

static void on_failed(struct tn_listener *listener, struct tn_stream *stream, int error)
{
    (void)listener;
    (void)stream;
    (void)error;
    fail();
}

static void on_listener_closed(struct tn_listener *listener)
{
    TN_CONTAINER_OF(listener, struct pair, listener)->listener_closeds++;
}

static const struct tn_listener_ops listener_ops = {
    .on_accept = on_accept,
    .on_accepted = on_accepted,
    .on_failed = on_failed,
    .on_closed = on_listener_closed,
};

static void on_connected(struct tn_stream *stream, int error)
{
    assert_int_equal(error, 0);
    end_of(stream)->connecteds++;
}

void end_init(struct end *end)
{
    memset(end, 0, sizeof(*end));
    end->close_on = -1;
}

void pair_turn(struct pair *pair)
{
    uv_run(&pair->loop.uv, UV_RUN_NOWAIT);
}

static void on_guard(uv_timer_t *timer)
{
    TN_CONTAINER_OF(timer, struct pair, guard)->is_overdue = true;
}

void pair_guard(struct pair *pair, bool on)
{
    if (on)
        uv_timer_start(&pair->guard, on_guard, GUARD_MS, 0);
    else
        uv_timer_stop(&pair->guard);
}

void pair_open(struct pair *pair)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    struct sockaddr_storage bound;

    tn_net_init();
    memset(pair, 0, sizeof(*pair));
    end_init(&pair->client);
    end_init(&pair->server);
    assert_int_equal(tn_loop_init(&pair->loop), 0);
    uv_timer_init(&pair->loop.uv, &pair->guard);
    assert_int_equal(tn_listener_open_tcp(&pair->listener, &pair->loop,
                                          (const struct sockaddr *)&address, false, &listener_ops),
                     0);
    assert_int_equal(tn_listener_address(&pair->listener, &bound), 0);
    assert_int_equal(tn_stream_open(&pair->client.stream, &pair->loop, AF_INET, &end_ops), 0);
    assert_int_equal(
        tn_stream_connect(&pair->client.stream, (const struct sockaddr *)&bound, on_connected), 0);
    assert_int_equal(pair->client.connecteds, 0); /* never from inside the call */
    PAIR_UNTIL(pair, pair->client.connecteds && pair->is_accepted);
}

static void close_end(struct pair *pair, struct end *end)
{
    tn_stream_close(&end->stream);
    PAIR_UNTIL(pair, end->closeds > 0);
    assert_int_equal(end->closeds, 1);
    assert_false(end->is_told_after_close);
    free(end->bytes);
    end->bytes = NULL;
}

void pair_close(struct pair *pair)
{
    close_end(pair, &pair->client);
    close_end(pair, &pair->server);
    tn_listener_close(&pair->listener);
    PAIR_UNTIL(pair, pair->listener_closeds == 1);
    uv_close((uv_handle_t *)&pair->guard, NULL);
    assert_int_equal(pair->loop.stream_count, 0);
    assert_int_equal(tn_loop_deinit(&pair->loop), 0);
}

int end_write(struct end *end, const char *bytes, size_t len)
{
    struct tn_str piece = {bytes, len};

    return tn_stream_write(&end->stream, &piece, 1);
}

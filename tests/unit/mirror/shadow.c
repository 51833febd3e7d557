#include "tests/unit/mirror/shadow.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct shadow *the_shadow;

static void on_peer_read(struct tn_stream *stream, char *data, size_t len)
{
    struct shadow_peer *peer = TN_CONTAINER_OF(stream, struct shadow_peer, stream);

    if (peer->len + len >= peer->size) {
        peer->size = (peer->len + len) * 2;
        peer->bytes = reallocarray(peer->bytes, peer->size, 1); /* never made to fail */
        assert_non_null(peer->bytes);
    }
    memcpy(peer->bytes + peer->len, data, len);
    peer->len += len;
    peer->bytes[peer->len] = '\0';
}

static void on_peer_eof(struct tn_stream *stream)
{
    TN_CONTAINER_OF(stream, struct shadow_peer, stream)->is_ended = true;
    tn_stream_close(stream);
}

static void on_peer_broken(struct tn_stream *stream, int error)
{
    (void)error;
    TN_CONTAINER_OF(stream, struct shadow_peer, stream)->is_ended = true;
    tn_stream_close(stream);
}

static void on_peer_closed(struct tn_stream *stream)
{
    struct shadow_peer *peer = TN_CONTAINER_OF(stream, struct shadow_peer, stream);

    free(peer->bytes);
    peer->bytes = NULL;
    peer->len = peer->size = 0;
    peer->is_closed = true;
}

static const struct tn_stream_ops peer_ops = {.on_read = on_peer_read,
                                              .on_eof = on_peer_eof,
                                              .on_broken = on_peer_broken,
                                              .on_closed = on_peer_closed};

static struct tn_stream *on_accept(struct tn_listener *listener)
{
    struct shadow_peer *peer;

    (void)listener;
    if (the_shadow->refuse_all)
        return NULL;
    /* the random test needs more connections than there are places: closed ones are used again */
    for (unsigned i = 0; i < the_shadow->peer_count; i++) {
        peer = &the_shadow->peers[i];
        if (peer->is_closed && the_shadow->peer_count == SHADOW_PEERS)
            goto found;
    }
    if (the_shadow->peer_count == SHADOW_PEERS)
        return NULL;
    peer = &the_shadow->peers[the_shadow->peer_count++];
found:
    memset(peer, 0, sizeof(*peer));
    assert_int_equal(tn_stream_open(&peer->stream, &the_shadow->loop, AF_INET, &peer_ops), 0);
    return &peer->stream;
}

static void on_accepted(struct tn_listener *listener, struct tn_stream *stream)
{
    (void)listener;
    assert_int_equal(tn_stream_start(stream), 0);
}

static void on_accept_failed(struct tn_listener *listener, struct tn_stream *stream, int error)
{
    (void)listener;
    (void)stream;
    (void)error;
    fail();
}

static void on_listener_closed(struct tn_listener *listener)
{
    (void)listener;
}

static const struct tn_listener_ops listener_ops = {.on_accept = on_accept,
                                                    .on_accepted = on_accepted,
                                                    .on_failed = on_accept_failed,
                                                    .on_closed = on_listener_closed};

static void on_end(void *context, const struct px_mirror_end *end)
{
    struct shadow *shadow = context;

    assert_ptr_equal(end->owner, &shadow->owner);
    assert_int_equal(end->rule, SHADOW_RULE);
    assert_int_equal(end->to, SHADOW_TO);
    assert_int_equal(end->revision, 42);
    shadow->ends++;
    shadow->end = *end;
    assert_true(strlen(end->request_id) < sizeof(shadow->end_id));
    strcpy(shadow->end_id, end->request_id);
    shadow_check(shadow);
}

static void on_compared(void *context, void *owner)
{
    struct shadow *shadow = context;

    assert_ptr_equal(owner, &shadow->owner);
    shadow->cases_over++;
}

static void on_first_sent(void *context, uint32_t to)
{
    struct shadow *shadow = context;

    assert_int_equal(to, SHADOW_TO);
    shadow->first_sent++;
}

static void on_driver(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

void shadow_open(struct shadow *shadow)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    struct px_mirrors_options options = {.loop = &shadow->loop,
                                         .limits = &shadow->limits,
                                         .memory = &shadow->memory,
                                         .pair_memory = &shadow->pair_memory,
                                         .in_flight = &shadow->in_flight,
                                         .on_end = on_end,
                                         .on_first_sent = on_first_sent,
                                         .on_compared = on_compared,
                                         .context = shadow};
    static char authorization[] = "Authorization";
    static char *drops[] = {authorization};

    memset(shadow, 0, sizeof(*shadow));
    the_shadow = shadow;
    tn_net_init();
    assert_int_equal(tn_loop_init(&shadow->loop), 0);
    uv_timer_init(&shadow->loop.uv, &shadow->driver);
    assert_int_equal(tn_listener_open_tcp(&shadow->listener, &shadow->loop,
                                          (const struct sockaddr *)&address, false, &listener_ops),
                     0);
    shadow->limits = (struct px_limits){.http = tn_http_limits_default,
                                        .upstream_idle_ms = 4000,
                                        .upstream_idle_count = 32,
                                        .upstream_requests = 10000,
                                        .interim_responses = 8,
                                        .mirror_in_flight = 256,
                                        .mirror_buffer_bytes = 65536,
                                        .mirror_memory_bytes = 16u << 20,
                                        .compare_body_bytes = 4096,
                                        .mirror_connect_ms = 1000,
                                        .mirror_total_ms = 10000};
    shadow->endpoint.slot = SHADOW_SLOT;
    assert_int_equal(tn_listener_address(&shadow->listener, &shadow->endpoint.address.sa), 0);
    assert_int_equal(px_stats_new(&shadow->stats), 0);
    shadow->stats->mirrors[SHADOW_RULE][SHADOW_TO] = calloc(1, sizeof(struct px_stats_mirror));
    shadow->mirror.max_body_bytes = 1u << 30;
    shadow->mirror.drop_headers = drops;
    shadow->mirror.drop_header_count = 1;
    options.stats = shadow->stats;
    assert_int_equal(px_mirrors_new(&options, &shadow->mirrors), 0);
}

void shadow_run(struct shadow *shadow, uint64_t ms)
{
    uv_update_time(&shadow->loop.uv);
    uv_timer_start(&shadow->driver, on_driver, ms, 0);
    tn_loop_run(&shadow->loop);
    shadow_check(shadow);
}

void shadow_close(struct shadow *shadow)
{
    px_mirrors_stop(shadow->mirrors);
    shadow_run(shadow, 20);
    px_mirrors_free(shadow->mirrors);
    assert_int_equal(shadow->memory, 0);
    assert_int_equal(shadow->in_flight, 0);
    assert_int_equal(shadow->stats->mirror_memory_bytes, 0);
    assert_int_equal(shadow->endpoint.in_flight, 0);
    /* a mirror leaves no trace in what is known of its endpoint */
    assert_int_equal(shadow->stats->endpoints[SHADOW_SLOT].requests, 0);
    assert_int_equal(shadow->stats->endpoints[SHADOW_SLOT].resets, 0);
    assert_int_equal(shadow->stats->endpoints[SHADOW_SLOT].connect_failures, 0);
    assert_int_equal(px_stats_mirror_queued(shadow_counters(shadow)), 0);
    assert_int_equal(px_stats_mirror_in_flight(shadow_counters(shadow)), 0);
    assert_int_equal(shadow->ends, shadow_counters(shadow)->selected);
    for (unsigned i = 0; i < shadow->peer_count; i++)
        tn_stream_close(&shadow->peers[i].stream);
    tn_listener_close(&shadow->listener);
    uv_close((uv_handle_t *)&shadow->driver, NULL);
    assert_int_equal(tn_loop_deinit(&shadow->loop), 0);
    px_stats_free(shadow->stats);
    assert_int_equal(shadow->pair_memory, 0);
}

struct px_stats_mirror *shadow_counters(const struct shadow *shadow)
{
    return shadow->stats->mirrors[SHADOW_RULE][SHADOW_TO];
}

void shadow_check(const struct shadow *shadow)
{
    const struct px_stats_mirror *counters = shadow_counters(shadow);
    uint64_t dropped = 0;
    uint64_t failed = 0;

    for (unsigned i = 0; i < PX_MIRROR_DROP_COUNT; i++)
        dropped += counters->dropped[i];
    for (unsigned i = 0; i < PX_MIRROR_FAIL_COUNT; i++)
        failed += counters->failed[i];
    assert_true(counters->sent + dropped <= counters->selected);
    assert_true(counters->answered + failed <= counters->sent);
    /* what is not over is what the process counts as under way */
    assert_int_equal(px_stats_mirror_queued(counters) + px_stats_mirror_in_flight(counters),
                     shadow->in_flight);
    assert_true(shadow->in_flight <= shadow->limits.mirror_in_flight);
    assert_true(shadow->memory <= shadow->limits.mirror_memory_bytes);
    assert_int_equal(shadow->memory, shadow->stats->mirror_memory_bytes);
}

struct px_mirror_copy *shadow_begin(struct shadow *shadow, const char *request)
{
    struct tn_http_forward_request how = {.via_name = TN_STR("turnout"),
                                          .client_address = TN_STR("192.0.2.7"),
                                          .request_id = TN_STR("made-id"),
                                          .upgrade = true};
    struct tn_http_parser parser;
    struct tn_http_head head;
    struct tn_http_step step;
    struct px_mirror_begin begin = {.head = &head,
                                    .how = &how,
                                    .endpoint = &shadow->endpoint,
                                    .mirror = &shadow->mirror,
                                    .rule = SHADOW_RULE,
                                    .to = SHADOW_TO,
                                    .revision = 42,
                                    .compared = shadow->compared,
                                    .config_id = 7,
                                    .owner = &shadow->owner};
    struct px_mirror_copy *copy;
    unsigned ends = shadow->ends;

    tn_http_parser_init(&parser, false, &shadow->limits.http);
    tn_http_parser_start(&parser, &head, false);
    assert_int_equal(tn_http_parser_step(&parser, request, strlen(request), &step), TN_HTTP_OK);
    assert_true(step.events & TN_HTTP_STEP_HEAD);
    if (shadow->endpoint.slot != SHADOW_SLOT)
        begin.endpoint = NULL; /* the test says: nobody is up */
    copy = px_mirror_begin(shadow->mirrors, &begin);
    assert_int_equal(shadow->ends, copy ? ends : ends + 1);
    return copy;
}

void shadow_send(struct shadow *shadow, const char *request)
{
    struct px_mirror_copy *copy = shadow_begin(shadow, request);

    assert_non_null(copy);
    px_mirror_end(copy);
}

bool shadow_body(struct px_mirror_copy *copy, const char *bytes, size_t len)
{
    struct tn_str piece = {bytes, len};

    return px_mirror_body(copy, &piece, 1);
}

struct shadow_peer *shadow_peer(struct shadow *shadow, unsigned i)
{
    assert_true(i < shadow->peer_count);
    return &shadow->peers[i];
}

void shadow_answer(struct shadow_peer *peer, const char *text)
{
    struct tn_str piece = tn_str_of(text);

    peer->requests++;
    assert_int_equal(tn_stream_write(&peer->stream, &piece, 1), 0);
}

bool shadow_received(const struct shadow_peer *peer, const char *text)
{
    return peer->bytes && strstr(peer->bytes, text);
}

char shadow_much[65536];

int shadow_setup(void **state)
{
    struct shadow *shadow = malloc(sizeof(*shadow));

    assert_non_null(shadow);
    memset(shadow_much, 'x', sizeof(shadow_much));
    shadow_open(shadow);
    *state = shadow;
    return 0;
}

int shadow_teardown(void **state)
{
    shadow_close(*state);
    free(*state);
    return 0;
}

void shadow_assert_end(const struct shadow *shadow, const char *outcome, const char *reason,
                       unsigned status)
{
    assert_string_equal(shadow->end.outcome, outcome);
    assert_string_equal(shadow->end.reason, reason);
    assert_int_equal(shadow->end.status, status);
}

uint32_t shadow_connections(const struct shadow *shadow)
{
    uint32_t open = 0;

    for (unsigned i = 0; i < shadow->peer_count; i++)
        open += !shadow->peers[i].is_ended;
    return open;
}

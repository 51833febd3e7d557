/* Copies, clients and shadows doing anything in any order: the counters add up at every moment. */
#include "lib/base/random.h"
#include "tests/unit/mirror/shadow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HANDLES 24
#define STEPS 6000

#define POST_CHUNKED "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

static struct px_mirror_copy *handles[HANDLES];
static char bytes[65536];

static uint64_t dice(struct tn_random *random, uint64_t sides)
{
    return tn_random_u64(random) % sides;
}

static void begin_some(struct shadow *shadow, struct tn_random *random)
{
    uint64_t place = dice(random, HANDLES);

    shadow->endpoint.slot = dice(random, 20) ? SHADOW_SLOT : 0;
    if (handles[place] || dice(random, 2)) {
        struct px_mirror_copy *copy = shadow_begin(shadow, SHADOW_GET);

        if (copy)
            px_mirror_end(copy);
    } else {
        handles[place] = shadow_begin(shadow, POST_CHUNKED);
    }
    shadow->endpoint.slot = SHADOW_SLOT;
}

static void client_acts(struct tn_random *random)
{
    struct px_mirror_copy **handle = &handles[dice(random, HANDLES)];
    uint64_t what = dice(random, 8);

    if (!*handle)
        return;
    if (what == 0) {
        px_mirror_end(*handle);
        *handle = NULL;
    } else if (what == 1) {
        px_mirror_abort(*handle);
        *handle = NULL;
    } else if (!shadow_body(*handle, bytes, dice(random, what == 2 ? 65536 : 2000))) {
        *handle = NULL;
    }
}

static void shadow_acts(struct shadow *shadow, struct tn_random *random)
{
    static const char *const answers[] = {
        SHADOW_OK,
        SHADOW_OK,
        SHADOW_OK,
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 O",
        "HTTP/1.1 200 OK\r\n\r\nuntil close",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "nonsense\r\n\r\n",
    };
    struct shadow_peer *peer;
    uint64_t what = dice(random, 12);

    if (shadow->peer_count == 0)
        return;
    peer = &shadow->peers[dice(random, shadow->peer_count)];
    if (!peer->stream.is_open)
        return;
    if (what == 0)
        tn_stream_close(&peer->stream);
    else if (what == 1)
        tn_stream_reset(&peer->stream);
    else if (what == 2)
        tn_stream_pause(&peer->stream);
    else if (what == 3)
        tn_stream_resume(&peer->stream);
    else {
        struct tn_str answer = tn_str_of(answers[dice(random, sizeof(answers) / sizeof(*answers))]);

        tn_stream_write(&peer->stream, &answer, 1); /* may fail: the copy was given up */
    }
}

static void run_walk(uint64_t seed, uint64_t *totals)
{
    struct shadow *shadow = malloc(sizeof(*shadow));
    struct tn_random random;
    const struct px_stats_mirror *counters;

    assert_non_null(shadow);
    tn_random_init_seeded(&random, seed);
    shadow_open(shadow);
    shadow->limits.mirror_in_flight = 20;
    shadow->limits.mirror_buffer_bytes = 16384;
    shadow->limits.mirror_memory_bytes = seed % 4 ? 120000 : 30000;
    shadow->mirror.max_body_bytes = seed % 2 ? 6000 : 200000;
    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t what = dice(&random, 10);

        if (what < 2)
            begin_some(shadow, &random);
        else if (what < 5)
            client_acts(&random);
        else if (what < 8)
            shadow_acts(shadow, &random);
        else
            shadow_run(shadow, dice(&random, 100) ? dice(&random, 20) : 11000);
        shadow_check(shadow);
    }
    if (dice(&random, 2))
        px_mirrors_stop(shadow->mirrors);
    for (unsigned i = 0; i < HANDLES; i++) {
        if (handles[i])
            px_mirror_end(handles[i]);
        handles[i] = NULL;
    }
    counters = shadow_counters(shadow);
    totals[0] += counters->answered;
    for (unsigned i = 0; i < PX_MIRROR_DROP_COUNT; i++)
        totals[1 + i] += counters->dropped[i];
    for (unsigned i = 0; i < PX_MIRROR_FAIL_COUNT; i++)
        totals[1 + PX_MIRROR_DROP_COUNT + i] += counters->failed[i];
    shadow_close(shadow);
    free(shadow);
}

static void test_mirror_counters_add_up_in_any_order_of_events(void **state)
{
    uint64_t totals[1 + PX_MIRROR_DROP_COUNT + PX_MIRROR_FAIL_COUNT] = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        run_walk(seed, totals);
    /* the walk must have been everywhere, or it proves nothing */
    assert_true(totals[0] > 100);
    for (unsigned i = 0; i < PX_MIRROR_DROP_COUNT; i++) {
        if (i == PX_MIRROR_DROP_CONNECT_TIMEOUT || i == PX_MIRROR_DROP_BUFFER ||
            i == PX_MIRROR_DROP_STOPPED)
            continue; /* this server takes connections at once; the last step is rarely a stop */
        if (totals[1 + i] == 0)
            fail_msg("never dropped by %s", px_mirror_drop_label((enum px_mirror_drop)i));
    }
    for (unsigned i = 0; i < PX_MIRROR_FAIL_COUNT; i++) {
        if (i == PX_MIRROR_FAIL_BUFFER || i == PX_MIRROR_FAIL_MEMORY)
            continue; /* the kernel takes more than the walk writes: test_mirror.c fills it */
        if (totals[1 + PX_MIRROR_DROP_COUNT + i] == 0)
            fail_msg("never failed by %s", px_mirror_fail_label((enum px_mirror_fail)i));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mirror_counters_add_up_in_any_order_of_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

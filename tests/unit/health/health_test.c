#include "proxy/health/health.h"

#include "lib/base/log.h"
#include "lib/net/listener.h"
#include "proxy/health/prober.h"
#include "tests/support/virtual_time.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* --- how many of the next calls fail ------------------------------------------------------------
 */

static unsigned failing_sockets, failing_allocations;

int __real_uv_tcp_connect(uv_connect_t *request, uv_tcp_t *handle, const struct sockaddr *address,
                          uv_connect_cb on_connect);
int __wrap_uv_tcp_connect(uv_connect_t *request, uv_tcp_t *handle, const struct sockaddr *address,
                          uv_connect_cb on_connect);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

static bool fails(unsigned *count)
{
    if (*count == 0)
        return false;
    (*count)--;
    return true;
}

int __wrap_uv_tcp_connect(uv_connect_t *request, uv_tcp_t *handle, const struct sockaddr *address,
                          uv_connect_cb on_connect)
{
    return fails(&failing_sockets) ? UV_EMFILE
                                   : __real_uv_tcp_connect(request, handle, address, on_connect);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails(&failing_allocations) ? NULL : __real_calloc(count, size);
}

char *__wrap_strdup(const char *text)
{
    return fails(&failing_allocations) ? NULL : __real_strdup(text);
}

/* --- a service in the same loop that answers what the test says --------------------------------
 */

struct service;

struct visit {
    struct tn_stream stream;
    struct service *service;
};

struct service {
    struct tn_listener listener;
    uint16_t port;
    const char *answer; /* NULL: none, the connection stays open */
    bool is_closing_at_once;
    bool keeps_open; /* after the answer */
    char request[512];
    unsigned requests;
    uint64_t times_ms[64];
};

static void on_visit_read(struct tn_stream *stream, char *data, size_t len)
{
    struct visit *visit = TN_CONTAINER_OF(stream, struct visit, stream);
    struct service *service = visit->service;
    struct tn_str answer = tn_str_of(service->answer);

    snprintf(service->request, sizeof(service->request), "%.*s", (int)len, data);
    service->times_ms[service->requests++ % 64] = virtual_time_ms();
    if (!service->answer)
        return;
    tn_stream_write(stream, &answer, 1);
    if (!service->keeps_open)
        tn_stream_close(stream);
}

static void on_visit_eof(struct tn_stream *stream)
{
    tn_stream_close(stream);
}

static void on_visit_broken(struct tn_stream *stream, int error)
{
    (void)error;
    tn_stream_close(stream);
}

static void on_visit_closed(struct tn_stream *stream)
{
    free(TN_CONTAINER_OF(stream, struct visit, stream));
}

static const struct tn_stream_ops visit_ops = {.on_read = on_visit_read,
                                               .on_eof = on_visit_eof,
                                               .on_broken = on_visit_broken,
                                               .on_closed = on_visit_closed};

struct fixture {
    struct tn_loop loop;
    struct tn_random random;
    struct px_health *health;
    unsigned settled;
    unsigned closed;
    struct service services[2];
    unsigned service_count;
    struct px_endpoint endpoints[3];
    struct px_endpoint *places[3];
    struct px_snapshot_version version;
    struct px_snapshot snapshot;
};

static struct fixture *the_fixture; /* listeners know only themselves */

static struct tn_stream *on_accept(struct tn_listener *listener)
{
    struct visit *visit = calloc(1, sizeof(*visit));

    assert_non_null(visit);
    visit->service = TN_CONTAINER_OF(listener, struct service, listener);
    tn_stream_open(&visit->stream, &the_fixture->loop, AF_INET, &visit_ops);
    return &visit->stream;
}

static void on_accepted(struct tn_listener *listener, struct tn_stream *stream)
{
    struct service *service = TN_CONTAINER_OF(listener, struct service, listener);

    if (service->is_closing_at_once)
        tn_stream_close(stream);
    else
        tn_stream_start(stream);
}

static void on_failed(struct tn_listener *listener, struct tn_stream *stream, int error)
{
    (void)listener;
    (void)error;
    tn_stream_close(stream);
}

static void on_listener_closed(struct tn_listener *listener)
{
    (void)listener;
}

static const struct tn_listener_ops listener_ops = {.on_accept = on_accept,
                                                    .on_accepted = on_accepted,
                                                    .on_failed = on_failed,
                                                    .on_closed = on_listener_closed};

static void open_service(struct fixture *fixture, struct service *service, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    struct sockaddr_storage got;

    assert_int_equal(tn_listener_open_tcp(&service->listener, &fixture->loop,
                                          (struct sockaddr *)&address, true, &listener_ops),
                     0);
    assert_int_equal(tn_listener_address(&service->listener, &got), 0);
    service->port = ntohs(((struct sockaddr_in *)(void *)&got)->sin_port);
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
#define BAD "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"

/* --- the prober's side -------------------------------------------------------------------------
 */

static void on_settled(void *context)
{
    struct fixture *fixture = context;

    fixture->settled++;
}

static void on_health_closed(void *context)
{
    struct fixture *fixture = context;

    fixture->closed++;
}

static void add_endpoint(struct fixture *fixture, uint16_t port)
{
    uint32_t i = fixture->version.endpoint_count++;
    struct sockaddr_in *sa = (struct sockaddr_in *)(void *)&fixture->endpoints[i].address.sa;
    static char text[] = "an address";

    *sa = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    fixture->endpoints[i].address.text = text;
    fixture->endpoints[i].index = i;
    snprintf(fixture->endpoints[i].label, sizeof(fixture->endpoints[i].label), "blue/%u", i);
    fixture->places[i] = &fixture->endpoints[i];
}

static int setup(void **state)
{
    const struct px_health_options options = {.on_settled = on_settled};
    struct px_health_options filled = options;
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    static char path[] = "/readyz";

    assert_non_null(fixture);
    the_fixture = fixture;
    tn_log_set_level(TN_LOG_ERROR);
    tn_net_init();
    tn_random_init_seeded(&fixture->random, 1);
    assert_int_equal(tn_loop_init(&fixture->loop), 0);
    fixture->version = (struct px_snapshot_version){.name = "blue", .endpoints = fixture->places};
    fixture->version.health = (struct px_health_config){
        .path = path, .interval_ms = 2000, .timeout_ms = 1000, .up_after = 2, .down_after = 3};
    fixture->snapshot = (struct px_snapshot){.versions = &fixture->version, .version_count = 1};
    filled.loop = &fixture->loop;
    filled.random = &fixture->random;
    filled.context = fixture;
    assert_int_equal(px_health_new(&filled, &fixture->health), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    if (fixture->health)
        px_health_close(fixture->health, on_health_closed, fixture);
    for (unsigned i = 0; i < fixture->service_count; i++)
        tn_listener_close(&fixture->services[i].listener);
    assert_int_equal(tn_loop_deinit(&fixture->loop), 0);
    if (fixture->health)
        assert_int_equal(fixture->closed, 1);
    free(fixture);
    return 0;
}

static struct service *start(struct fixture *fixture, const char *answer)
{
    struct service *service = &fixture->services[fixture->service_count++];

    open_service(fixture, service, 0);
    service->answer = answer;
    add_endpoint(fixture, service->port);
    return service;
}

static void update(struct fixture *fixture)
{
    assert_int_equal(px_health_update(fixture->health, &fixture->snapshot), 0);
}

/* So much (virtual) time. */
static void pass(struct fixture *fixture, uint64_t ms)
{
    uint64_t end = virtual_time_ms() + ms;

    while (virtual_time_ms() < end)
        uv_run(&fixture->loop.uv, UV_RUN_ONCE);
}

static bool is_up(const struct fixture *fixture, uint32_t i)
{
    return atomic_load(&fixture->endpoints[i].up);
}

static const char *detail(const struct fixture *fixture, uint32_t i)
{
    return px_health_detail(fixture->health, &fixture->endpoints[i]);
}

/* --- the first result --------------------------------------------------------------------------
 */

static void test_health_first_probe_is_sent_at_once_and_decides(void **state)
{
    struct fixture *fixture = *state;
    struct service *service = start(fixture, OK);
    char expected[256];
    uint64_t begin = virtual_time_ms();

    update(fixture);
    assert_false(atomic_load(&fixture->endpoints[0].probed));
    while (!fixture->settled)
        uv_run(&fixture->loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(virtual_time_ms(), begin);
    assert_true(atomic_load(&fixture->endpoints[0].probed));
    assert_true(is_up(fixture, 0));
    assert_string_equal(detail(fixture, 0), "");
    snprintf(expected, sizeof(expected),
             "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: turnout-health\r\n"
             "Accept: */*\r\nConnection: close\r\n\r\n",
             service->port);
    assert_string_equal(service->request, expected);
}

static void test_health_first_failure_decides_too(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, BAD);
    update(fixture);
    pass(fixture, 100);
    assert_int_equal(fixture->settled, 1);
    assert_true(atomic_load(&fixture->endpoints[0].probed));
    assert_false(is_up(fixture, 0));
    assert_string_equal(detail(fixture, 0), "status 503");
}

static void test_health_settles_when_the_slowest_has_answered(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, OK);
    start(fixture, NULL); /* never answers */
    update(fixture);
    pass(fixture, 500);
    assert_int_equal(fixture->settled, 0);
    assert_true(is_up(fixture, 0));
    pass(fixture, 700);
    assert_int_equal(fixture->settled, 1);
    assert_string_equal(detail(fixture, 1), "no answer within 1000 ms");
}

static void test_health_without_endpoints_is_settled(void **state)
{
    struct fixture *fixture = *state;

    update(fixture);
    assert_int_equal(fixture->settled, 0); /* never from inside the call */
    while (!fixture->settled)
        uv_run(&fixture->loop.uv, UV_RUN_NOWAIT);
}

/* --- what we have too little of ----------------------------------------------------------------
 */

/* Says nothing about the endpoint: it stays as it is, and a first probe is made soon. */
static void test_health_without_descriptors_is_no_verdict(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, OK);
    failing_sockets = 1;
    update(fixture);
    pass(fixture, 50);
    assert_false(atomic_load(&fixture->endpoints[0].probed));
    assert_int_equal(fixture->settled, 0);
    pass(fixture, 100);
    assert_true(atomic_load(&fixture->endpoints[0].probed));
    assert_true(is_up(fixture, 0));
    assert_int_equal(fixture->settled, 1);
    failing_sockets = 4; /* more than down_after in a row */
    pass(fixture, 9000);
    assert_int_equal(failing_sockets, 0);
    assert_true(is_up(fixture, 0));
}

/* A snapshot that was made ready for is taken without memory, or left again. */
static void test_health_prepared_update_needs_no_memory(void **state)
{
    struct fixture *fixture = *state;
    struct px_snapshot_version next;
    struct px_snapshot snapshot = {.versions = &next, .version_count = 1};
    static char path[] = "/other";

    start(fixture, OK);
    update(fixture);
    pass(fixture, 100);
    start(fixture, OK); /* a second endpoint, and another path */
    next = fixture->version;
    next.health.path = path;
    fixture->version.endpoint_count = 1;
    failing_allocations = 1;
    assert_int_equal(px_health_prepare(fixture->health, &snapshot), -ENOMEM);
    update(fixture); /* back to the old one */
    assert_int_equal(px_health_prepare(fixture->health, &snapshot), 0);
    failing_allocations = 100;
    assert_int_equal(px_health_update(fixture->health, &snapshot), 0);
    failing_allocations = 0;
    pass(fixture, 3000);
    assert_true(is_up(fixture, 1));
    assert_non_null(strstr(fixture->services[0].request, "GET /other "));
    assert_non_null(strstr(fixture->services[1].request, "GET /other "));
}

/* --- what is well ------------------------------------------------------------------------------
 */

static void test_health_statuses(void **state)
{
    static const struct {
        const char *answer;
        bool is_up;
        const char *detail;
    } rows[] = {
        {"HTTP/1.1 204 No Content\r\n\r\n", true, ""},
        {"HTTP/1.0 200 OK\r\n\r\nhello", true, ""},
        {"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", true, ""},
        {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", true, ""},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", false, "status 404"},
        {"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", false, "status 500"},
        {"SSH-2.0-OpenSSH_9.2\r\n", false, "malformed status line"},
        {"HTTP/1.1 200 OK\r\nContent-Len", false, "closed without an answer"},
        {"", false, "closed without an answer"},
    };
    struct fixture *fixture = *state;
    struct service *service = start(fixture, OK);

    fixture->version.health.up_after = fixture->version.health.down_after = 1;
    update(fixture);
    pass(fixture, 100);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        service->answer = rows[i].answer;
        pass(fixture, 2200);
        if (is_up(fixture, 0) != rows[i].is_up || strcmp(detail(fixture, 0), rows[i].detail) != 0)
            fail_msg("%s: up %d, '%s'", rows[i].answer, is_up(fixture, 0), detail(fixture, 0));
    }
}

static void test_health_refused_connection(void **state)
{
    struct fixture *fixture = *state;
    struct service *service = start(fixture, OK);

    tn_listener_close(&service->listener);
    open_service(fixture, &fixture->services[fixture->service_count++],
                 0); /* keeps the loop busy */
    update(fixture);
    pass(fixture, 100);
    assert_false(is_up(fixture, 0));
    assert_string_equal(detail(fixture, 0), "connection refused");
}

static void test_health_closed_at_once(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, OK)->is_closing_at_once = true;
    update(fixture);
    pass(fixture, 100);
    assert_false(is_up(fixture, 0));
    assert_int_not_equal(strlen(detail(fixture, 0)), 0);
}

static void test_health_giant_head(void **state)
{
    struct fixture *fixture = *state;
    char *giant = malloc(40000);

    assert_non_null(giant);
    strcpy(giant, "HTTP/1.1 200 OK\r\nX: ");
    memset(giant + 20, 'x', 39979);
    giant[39999] = '\0';
    start(fixture, giant);
    update(fixture);
    pass(fixture, 100);
    assert_false(is_up(fixture, 0));
    assert_string_equal(detail(fixture, 0), "the head of the answer is too large");
    free(giant);
}

static void test_health_body_without_end_is_cut_off(void **state)
{
    struct fixture *fixture = *state;
    struct service *service = start(fixture, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");

    service->keeps_open = true;
    update(fixture);
    pass(fixture, 100);
    assert_true(is_up(fixture, 0)); /* the head has said it */
    pass(fixture, 6000);
    assert_true(is_up(fixture, 0));
    assert_true(service->requests >= 3);
}

/* --- in a row ----------------------------------------------------------------------------------
 */

static void test_health_verdict_needs_results_in_a_row(void **state)
{
    struct px_health_verdict verdict = {0};

    (void)state;
    assert_true(px_health_judge(&verdict, true, 2, 3) && verdict.is_up);
    assert_false(px_health_judge(&verdict, false, 2, 3));
    assert_false(px_health_judge(&verdict, false, 2, 3));
    assert_false(px_health_judge(&verdict, true, 2, 3)); /* the row is broken */
    assert_false(px_health_judge(&verdict, false, 2, 3));
    assert_false(px_health_judge(&verdict, false, 2, 3));
    assert_true(px_health_judge(&verdict, false, 2, 3) && !verdict.is_up);
    assert_false(px_health_judge(&verdict, true, 2, 3));
    assert_false(px_health_judge(&verdict, false, 2, 3));
    assert_false(px_health_judge(&verdict, true, 2, 3));
    assert_true(px_health_judge(&verdict, true, 2, 3) && verdict.is_up);
}

static void test_health_goes_down_after_three_and_up_after_two(void **state)
{
    struct fixture *fixture = *state;
    struct service *service = start(fixture, OK);
    uint64_t came_up;
    unsigned before;

    update(fixture);
    pass(fixture, 100);
    service->answer = BAD;
    before = service->requests;
    while (is_up(fixture, 0))
        pass(fixture, 50);
    assert_int_equal(service->requests - before, 3);
    service->answer = OK;
    before = service->requests;
    came_up = fixture->endpoints[0].up_since_ms;
    while (!is_up(fixture, 0))
        pass(fixture, 50);
    assert_int_equal(service->requests - before, 2);
    assert_true(fixture->endpoints[0].up_since_ms > came_up);
    assert_in_range(tn_loop_now_ms(&fixture->loop) - fixture->endpoints[0].up_since_ms, 0, 60);
}

static void test_health_pauses_are_an_interval_but_the_first(void **state)
{
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;

    (void)state;
    for (uint64_t random = 0; random < 5000; random++) {
        uint64_t pause = px_health_pause_ms(2000, true, random);

        least = pause < least ? pause : least;
        most = pause > most ? pause : most;
    }
    assert_int_equal(least, 1000);
    assert_int_equal(most, 2000);
    assert_int_equal(px_health_pause_ms(2000, false, 777), 2000);
    assert_int_equal(px_health_pause_ms(1, true, 5), 1);
}

static void test_health_probes_keep_their_beat(void **state)
{
    struct fixture *fixture = *state;
    struct service *service = start(fixture, OK);

    update(fixture);
    pass(fixture, 20000);
    assert_in_range(service->times_ms[1] - service->times_ms[0], 1000, 2100);
    for (unsigned i = 2; i < service->requests; i++)
        assert_in_range(service->times_ms[i] - service->times_ms[i - 1], 1900, 2150);
}

/* --- changes -----------------------------------------------------------------------------------
 */

static void test_health_endpoint_that_left_is_not_asked_or_touched(void **state)
{
    struct fixture *fixture = *state;
    struct service *service = start(fixture, OK);
    unsigned before;

    start(fixture, NULL); /* its probe is under way when it leaves */
    update(fixture);
    pass(fixture, 200);
    fixture->version.endpoint_count = 1;
    update(fixture);
    memset(&fixture->endpoints[1], 0xee, sizeof(fixture->endpoints[1]));
    before = fixture->services[1].requests;
    pass(fixture, 5000);
    assert_int_equal(fixture->services[1].requests, before);
    assert_true(service->requests > 2);
    for (size_t i = 0; i < sizeof(fixture->endpoints[1]); i++)
        assert_int_equal(((unsigned char *)&fixture->endpoints[1])[i], 0xee);
    assert_string_equal(px_health_detail(fixture->health, &fixture->endpoints[1]), "");
}

static void test_health_new_endpoint_is_asked_at_once(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, OK);
    update(fixture);
    pass(fixture, 5000);
    start(fixture, OK);
    update(fixture);
    pass(fixture, 60);
    assert_true(is_up(fixture, 1));
    assert_int_equal(fixture->settled, 1); /* once */
}

static void test_health_new_settings_count_at_once(void **state)
{
    static char path[] = "/other";
    struct fixture *fixture = *state;
    struct service *service = start(fixture, OK);

    update(fixture);
    pass(fixture, 100);
    fixture->version.health.path = path;
    fixture->version.health.interval_ms = 500;
    update(fixture);
    pass(fixture, 2200);
    assert_non_null(strstr(service->request, "GET /other HTTP/1.1\r\n"));
    assert_true(service->requests > 1);
    assert_true(is_up(fixture, 0));
}

static void test_health_close_in_the_middle_of_a_probe(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, NULL);
    update(fixture);
    pass(fixture, 100);
    px_health_close(fixture->health, on_health_closed, fixture);
    fixture->health = NULL;
    assert_int_equal(fixture->closed, 0); /* never from inside the call */
    for (int i = 0; i < 5; i++)
        uv_run(&fixture->loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(fixture->closed, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_health_first_probe_is_sent_at_once_and_decides),
        TEST(test_health_first_failure_decides_too),
        TEST(test_health_settles_when_the_slowest_has_answered),
        TEST(test_health_without_endpoints_is_settled),
        TEST(test_health_without_descriptors_is_no_verdict),
        TEST(test_health_prepared_update_needs_no_memory),
        TEST(test_health_statuses),
        TEST(test_health_refused_connection),
        TEST(test_health_closed_at_once),
        TEST(test_health_giant_head),
        TEST(test_health_body_without_end_is_cut_off),
        cmocka_unit_test(test_health_verdict_needs_results_in_a_row),
        TEST(test_health_goes_down_after_three_and_up_after_two),
        cmocka_unit_test(test_health_pauses_are_an_interval_but_the_first),
        TEST(test_health_probes_keep_their_beat),
        TEST(test_health_endpoint_that_left_is_not_asked_or_touched),
        TEST(test_health_new_endpoint_is_asked_at_once),
        TEST(test_health_new_settings_count_at_once),
        TEST(test_health_close_in_the_middle_of_a_probe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

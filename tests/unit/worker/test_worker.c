#include "lib/net/control.h"
#include "proxy/worker/worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LOOPS 2
#define PATIENCE_MS 10000
#define GRACE_MS 3000

/* --- what there is not ---------------------------------------------------------------------------
 */

static _Atomic bool is_starved; /* no allocation works */
static unsigned threads_left = UINT_MAX;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *context);

void *__wrap_malloc(size_t size)
{
    return is_starved ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_starved ? NULL : __real_calloc(count, size);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *context)
{
    if (threads_left == 0)
        return EAGAIN;
    if (threads_left != UINT_MAX)
        threads_left--;
    return __real_pthread_create(thread, attributes, run, context);
}

/* An upstream and a client, each a blocking thread of its own: the loops under test see real
 * concurrency. */
struct upstream {
    int fd;
    uint16_t port;
    pthread_t thread;
};

struct client {
    const struct px_workers *workers;
    pthread_t thread;
    unsigned requests;
    unsigned answered;
    bool is_keep_alive;
};

struct stage {
    struct tn_loop loop;
    struct px_registry *registry;
    struct px_config *config;
    struct px_workers *workers;
    struct upstream upstream;
    unsigned built, unused, switched, prepared, without_stats;
    int prepare_error;
    struct px_stats *stats;
    bool is_stopped, is_clean;
    bool is_broken_off;
    uint32_t broken_off;
    uint64_t revision;
    struct px_snapshot *current;
};

static void *answer_connection(void *context)
{
    int fd = (int)(intptr_t)context;
    char bytes[4096];

    for (;;) {
        ssize_t got = read(fd, bytes, sizeof(bytes));
        static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

        if (got > 10 && memcmp(bytes, "GET /never", 10) == 0)
            continue;
        if (got <= 0 || write(fd, answer, sizeof(answer) - 1) < 0)
            break;
    }
    close(fd);
    return NULL;
}

static void *serve(void *context)
{
    const struct upstream *upstream = context;

    for (;;) {
        pthread_t thread;
        int fd = accept(upstream->fd, NULL, NULL);

        if (fd < 0)
            return NULL;
        pthread_create(&thread, NULL, answer_connection, (void *)(intptr_t)fd);
        pthread_detach(thread);
    }
}

static void start_upstream(struct upstream *upstream)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(any);

    upstream->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(upstream->fd, (const struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(listen(upstream->fd, 64), 0);
    getsockname(upstream->fd, (struct sockaddr *)&any, &len);
    upstream->port = ntohs(any.sin_port);
    pthread_create(&upstream->thread, NULL, serve, upstream);
}

static int connect_to(const struct px_workers *workers)
{
    struct sockaddr_storage address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (px_workers_address(workers, 0, &address) != 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof(struct sockaddr_in)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool exchange(int fd, bool *ret_closes)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    char answer[4096] = "";
    size_t len = 0;

    if (write(fd, request, sizeof(request) - 1) < 0)
        return false;
    while (!strstr(answer, "\r\n\r\nok")) {
        ssize_t got = read(fd, answer + len, sizeof(answer) - 1 - len);

        if (got <= 0)
            return false;
        len += (size_t)got;
        answer[len] = '\0';
    }
    *ret_closes = strstr(answer, "Connection: close") != NULL;
    return true;
}

static void *send_requests(void *context)
{
    struct client *client = context;
    int fd = -1;

    for (unsigned i = 0; i < client->requests; i++) {
        bool closes = false;

        if (fd < 0)
            fd = connect_to(client->workers);
        if (fd < 0)
            break;
        if (exchange(fd, &closes))
            client->answered++;
        if (!client->is_keep_alive || closes) {
            close(fd);
            fd = -1;
        }
    }
    if (fd >= 0)
        close(fd);
    return NULL;
}

static void on_unused(void *context, struct px_snapshot *snapshot)
{
    struct stage *stage = context;

    stage->unused++;
    px_snapshot_free(stage->registry, snapshot);
}

static struct px_snapshot *build(struct stage *stage)
{
    struct px_snapshot_plan plan = {.config = stage->config,
                                    .rules = stage->config->rules,
                                    .rule_count = stage->config->rule_count,
                                    .revision = ++stage->revision,
                                    .previous = stage->current};
    char *why = NULL;

    assert_int_equal(px_snapshot_build(stage->registry, &plan, &why, &stage->current), 0);
    stage->built++;
    return stage->current;
}

static struct stage *new_stage(void)
{
    static const struct px_registry_ops no_keys = {NULL, NULL};
    struct stage *stage = calloc(1, sizeof(*stage));
    struct px_workers_options options = {.thread_count = LOOPS, .proxy_id = 9};
    struct px_messages messages;
    char text[512];
    char *why = NULL;

    tn_net_init();
    start_upstream(&stage->upstream);
    snprintf(text, sizeof(text),
             "listen: [\"127.0.0.1:0\"]\nversions: {blue: {endpoints: [\"127.0.0.1:%u\"]}}\n"
             "log: {access: \"off\"}\nrules: [{name: main, weights: {blue: 1}}]\n",
             stage->upstream.port);
    px_messages_init(&messages);
    assert_int_equal(px_config_parse(tn_str_of(text), "stage", ".", &messages, &stage->config), 0);
    px_messages_deinit(&messages);
    assert_int_equal(px_registry_new(&no_keys, &stage->registry), 0);
    assert_int_equal(tn_loop_init(&stage->loop), 0);
    options.control = &stage->loop;
    options.config = stage->config;
    options.snapshot = build(stage);
    options.on_unused = on_unused;
    options.context = stage;
    px_registry_endpoint(stage->registry, 0)->up = true;
    assert_int_equal(px_workers_new(&options, &why, &stage->workers), 0);
    return stage;
}

static void run_until(struct stage *stage, const bool *flag, const unsigned *count, unsigned wanted)
{
    uint64_t end;

    uv_update_time(&stage->loop.uv);
    end = tn_loop_now_ms(&stage->loop) + PATIENCE_MS;
    while (!(flag && *flag) && !(count && *count >= wanted)) {
        uv_run(&stage->loop.uv, UV_RUN_NOWAIT);
        assert_true(tn_loop_now_ms(&stage->loop) < end);
    }
}

static void on_stopped(void *context, bool is_clean)
{
    struct stage *stage = context;

    stage->is_stopped = true;
    stage->is_clean = is_clean;
}

static void tear_down(struct stage *stage)
{
    px_workers_free(stage->workers);
    assert_int_equal(stage->unused, stage->built);
    assert_int_equal(tn_loop_deinit(&stage->loop), 0);
    px_registry_free(stage->registry);
    px_config_free(stage->config);
    shutdown(stage->upstream.fd, SHUT_RDWR);
    pthread_join(stage->upstream.thread, NULL);
    close(stage->upstream.fd);
    free(stage);
}

static void free_stage(struct stage *stage)
{
    px_workers_stop(stage->workers, GRACE_MS, on_stopped, stage);
    run_until(stage, &stage->is_stopped, NULL, 0);
    assert_true(stage->is_clean); /* nothing broken off, every loop closed with no handle left */
    tear_down(stage);
}

static void on_switched(void *context)
{
    ((struct stage *)context)->switched++;
}

static void on_prepared(void *context, int error)
{
    struct stage *stage = context;

    stage->prepared++;
    stage->prepare_error = error;
}

static int prepare(struct stage *stage, struct px_snapshot *snapshot)
{
    unsigned before = stage->prepared;

    px_workers_prepare(stage->workers, snapshot, on_prepared, stage);
    run_until(stage, NULL, &stage->prepared, before + 1);
    return stage->prepare_error;
}

static void publish(struct stage *stage, struct px_snapshot *snapshot)
{
    unsigned before = stage->switched;

    assert_int_equal(prepare(stage, snapshot), 0);
    px_workers_publish(stage->workers, snapshot, on_switched, stage);
    run_until(stage, NULL, &stage->switched, before + 1);
}

static void on_stats(void *context, struct px_stats *stats)
{
    ((struct stage *)context)->stats = stats;
}

static void on_no_stats(void *context, struct px_stats *stats)
{
    assert_null(stats);
    ((struct stage *)context)->without_stats++;
}

static struct px_stats *collect(struct stage *stage)
{
    stage->stats = NULL;
    px_workers_collect(stage->workers, on_stats, stage);
    while (!stage->stats)
        uv_run(&stage->loop.uv, UV_RUN_ONCE);
    return stage->stats;
}

static void start_client(struct stage *stage, struct client *client, unsigned requests,
                         bool is_keep_alive)
{
    *client = (struct client){
        .workers = stage->workers, .requests = requests, .is_keep_alive = is_keep_alive};
    pthread_create(&client->thread, NULL, send_requests, client);
}

static void test_worker_starts_and_stops_clean(void **state)
{
    (void)state;
    free_stage(new_stage());
}

static void test_worker_publishes_under_load_and_gives_every_snapshot_back(void **state)
{
    struct stage *stage = new_stage();
    struct client clients[4];

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        start_client(stage, &clients[i], 300, i % 2 == 0);
    for (unsigned i = 1; i <= 50; i++)
        publish(stage, build(stage));
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(clients[i].thread, NULL);
        assert_int_equal(clients[i].answered, 300);
    }
    run_until(stage, NULL, &stage->unused, stage->built - 1);
    free_stage(stage);
}

static void test_worker_sums_the_counters_of_all_loops(void **state)
{
    struct stage *stage = new_stage();
    struct client client;
    struct px_stats *stats;

    (void)state;
    start_client(stage, &client, 200, false); /* many connections: both loops get some */
    pthread_join(client.thread, NULL);
    assert_int_equal(client.answered, 200);
    stats = collect(stage);
    assert_int_equal(stats->cells[0][0]->codes[px_stats_code_index(200)], 200);
    assert_int_equal(stats->client_connections_total, 200);
    assert_int_equal(stats->revision, stage->revision);
    px_stats_free(stats);
    free_stage(stage);
}

static void test_worker_stop_under_load_fails_no_request(void **state)
{
    struct stage *stage = new_stage();
    struct client clients[4];

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        start_client(stage, &clients[i], 100000, i % 2 == 0);
    while (collect(stage)->client_connections_total < 50)
        px_stats_free(stage->stats);
    px_stats_free(stage->stats);
    px_workers_stop(stage->workers, GRACE_MS, on_stopped, stage);
    run_until(stage, &stage->is_stopped, NULL, 0);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(clients[i].thread, NULL);
    /* A client stops at its first refused connection: whatever it had sent before was answered. */
    assert_true(stage->is_clean);
    tear_down(stage);
}

static void on_broken_off(void *context, uint32_t count)
{
    struct stage *stage = context;

    stage->broken_off = count;
    stage->is_broken_off = true;
}

/* One exchange in each loop's hands, more or less: all loops are asked, and the sum comes back. */
static void test_worker_breaks_off_in_every_loop(void **state)
{
    static const char request[] = "GET /never HTTP/1.1\r\nHost: x\r\n\r\n";
    struct px_selection selection = {.version = PX_ANY_VERSION};
    struct stage *stage = new_stage();
    struct px_endpoint *endpoint = px_registry_endpoint(stage->registry, 0);
    int fds[16];

    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        fds[i] = connect_to(stage->workers);
        assert_int_equal(write(fds[i], request, sizeof(request) - 1), sizeof(request) - 1);
    }
    while (atomic_load(&endpoint->in_flight) < 16)
        uv_run(&stage->loop.uv, UV_RUN_NOWAIT);
    selection.endpoint = endpoint->id + 1; /* nobody's */
    px_workers_break_off(stage->workers, &selection, on_broken_off, stage);
    run_until(stage, &stage->is_broken_off, NULL, 0);
    assert_int_equal(stage->broken_off, 0);
    stage->is_broken_off = false;
    selection.endpoint = endpoint->id;
    px_workers_break_off(stage->workers, &selection, on_broken_off, stage);
    run_until(stage, &stage->is_broken_off, NULL, 0);
    assert_int_equal(stage->broken_off, 16);
    assert_int_equal(atomic_load(&endpoint->in_flight), 0);
    for (unsigned i = 0; i < 16; i++) {
        char answer[16] = "";

        assert_true(read(fds[i], answer, sizeof(answer) - 1) > 12);
        assert_memory_equal(answer, "HTTP/1.1 503", 12);
        close(fds[i]);
    }
    free_stage(stage);
}

/* A slow exchange of an older snapshot gives its connection back after its endpoint has left. */
static void test_worker_keeps_no_connection_to_an_endpoint_that_left(void **state)
{
    struct stage *stage = new_stage();
    struct px_config *first = stage->config;
    struct px_messages messages;
    struct upstream other;
    struct client clients[2];
    char text[512];

    (void)state;
    start_upstream(&other);
    for (unsigned round = 0; round < 20; round++) {
        uint16_t port = round % 2 ? stage->upstream.port : other.port;

        start_client(stage, &clients[0], 50, true);
        start_client(stage, &clients[1], 50, false);
        snprintf(text, sizeof(text),
                 "listen: [\"127.0.0.1:0\"]\nversions: {blue: {endpoints: [\"127.0.0.1:%u\"]}}\n"
                 "log: {access: \"off\"}\nrules: [{name: main, weights: {blue: 1}}]\n",
                 port);
        px_messages_init(&messages);
        assert_int_equal(px_config_parse(tn_str_of(text), "x", ".", &messages, &stage->config), 0);
        px_messages_deinit(&messages);
        build(stage);
        for (uint32_t i = 0; i < px_registry_endpoint_count(stage->registry); i++)
            px_registry_endpoint(stage->registry, i)->up = true;
        publish(stage, stage->current);
        px_config_free(stage->config);
        for (unsigned i = 0; i < 2; i++)
            pthread_join(clients[i].thread, NULL);
        run_until(stage, NULL, &stage->unused, stage->built - 1);
        assert_int_equal(clients[0].answered + clients[1].answered, 100);
    }
    stage->config = first;
    shutdown(other.fd, SHUT_RDWR);
    pthread_join(other.thread, NULL);
    close(other.fd);
    free_stage(stage);
}

static void test_worker_says_which_address_is_taken(void **state)
{
    struct stage *stage = new_stage();
    struct px_workers_options options = {
        .control = &stage->loop, .thread_count = LOOPS, .on_unused = on_unused, .context = stage};
    struct sockaddr_storage taken;
    struct px_messages messages;
    struct px_snapshot *current = stage->current;
    struct px_workers *second;
    char text[256];
    char *why = NULL;

    (void)state;
    px_workers_address(stage->workers, 0, &taken);
    snprintf(text, sizeof(text),
             "listen: [\"127.0.0.1:%u\"]\nversions: {blue: {endpoints: [\"127.0.0.1:1\"]}}\n"
             "log: {access: \"off\"}\nrules: [{name: main, weights: {blue: 1}}]\n",
             ntohs(((const struct sockaddr_in *)&taken)->sin_port));
    px_messages_init(&messages);
    assert_int_equal(px_config_parse(tn_str_of(text), "x", ".", &messages, &options.config), 0);
    px_messages_deinit(&messages);
    options.snapshot = build(stage);
    assert_int_equal(px_workers_new(&options, &why, &second), -EADDRINUSE);
    assert_non_null(strstr(why, "cannot listen on 127.0.0.1:"));
    free(why);
    px_snapshot_free(stage->registry, options.snapshot);
    stage->built--;
    stage->current = current;
    px_config_free(options.config);
    free_stage(stage);
}

/* The second thread of two can't be made: the first one ends, and nothing is left. */
static void test_worker_without_a_thread_is_not_made(void **state)
{
    struct stage *stage = new_stage();
    struct px_workers_options options = {.control = &stage->loop,
                                         .config = stage->config,
                                         .thread_count = 2,
                                         .on_unused = on_unused,
                                         .context = stage};
    struct px_snapshot *current = stage->current;
    struct px_workers *second;
    char *why = NULL;

    (void)state;
    options.snapshot = build(stage);
    threads_left = 1;
    assert_int_equal(px_workers_new(&options, &why, &second), -EAGAIN);
    threads_left = UINT_MAX;
    assert_string_equal(why, "cannot start a thread: Resource temporarily unavailable");
    free(why);
    px_snapshot_free(stage->registry, options.snapshot);
    stage->built--;
    stage->current = current;
    free_stage(stage);
}

/* Whatever allocation fails while a snapshot is prepared, rules go on as they are; once it is
 * prepared, none is needed to publish it. */
static void test_worker_publishes_without_memory_what_was_prepared(void **state)
{
    struct stage *stage = new_stage();
    struct px_config *first = stage->config; /* the workers' own: outlives them */
    struct client client;
    struct px_messages messages;
    char text[512];

    (void)state;
    snprintf(text, sizeof(text),
             "listen: [\"127.0.0.1:0\"]\nversions: {blue: {endpoints: [\"127.0.0.1:%u\"]}}\n"
             "log: {access: \"off\"}\nrules: [{name: new, match: [{path: /}], weights: {blue: 1}},"
             " {name: main, weights: {blue: 1}}]\n",
             stage->upstream.port);
    px_messages_init(&messages);
    assert_int_equal(px_config_parse(tn_str_of(text), "x", ".", &messages, &stage->config), 0);
    px_messages_deinit(&messages);
    build(stage);
    is_starved = true;
    assert_int_equal(prepare(stage, stage->current), -ENOMEM);
    is_starved = false;
    free(stage->current->loop_uses);
    stage->current->loop_uses = NULL;
    assert_int_equal(prepare(stage, stage->current), 0);
    is_starved = true;
    px_workers_publish(stage->workers, stage->current, on_switched, stage);
    run_until(stage, NULL, &stage->switched, 1);
    run_until(stage, NULL, &stage->unused, 1);
    px_workers_reopen_log(stage->workers);
    px_workers_reopen_log(stage->workers);
    px_workers_collect(stage->workers, on_no_stats, stage);
    is_starved = false;
    assert_int_equal(stage->without_stats, 1);
    start_client(stage, &client, 10, true);
    pthread_join(client.thread, NULL);
    assert_int_equal(client.answered, 10);
    px_config_free(stage->config);
    stage->config = first;
    free_stage(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worker_starts_and_stops_clean),
        cmocka_unit_test(test_worker_publishes_under_load_and_gives_every_snapshot_back),
        cmocka_unit_test(test_worker_sums_the_counters_of_all_loops),
        cmocka_unit_test(test_worker_stop_under_load_fails_no_request),
        cmocka_unit_test(test_worker_keeps_no_connection_to_an_endpoint_that_left),
        cmocka_unit_test(test_worker_breaks_off_in_every_loop),
        cmocka_unit_test(test_worker_says_which_address_is_taken),
        cmocka_unit_test(test_worker_without_a_thread_is_not_made),
        cmocka_unit_test(test_worker_publishes_without_memory_what_was_prepared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

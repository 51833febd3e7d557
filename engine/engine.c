#include "engine/engine_parts.h"

#include "lib/base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(int error, const char *format, ...)
{
    va_list args;

    fputs("turnout engine: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return error;
}

/* --- rounds ------------------------------------------------------------------------------------
 */

static void run_round(struct tn_work *work)
{
    struct en_engine *engine = TN_CONTAINER_OF(work, struct en_engine, work);

    engine->delay_ms = en_round(&engine->core);
}

static void close_parts(struct en_engine *engine);

static void start_round(struct en_engine *engine)
{
    if (engine->is_working || engine->is_stopping)
        return;
    tn_timer_stop(&engine->timer);
    while (!tn_list_is_empty(&engine->waiting)) {
        struct tn_list *node = engine->waiting.next;

        tn_list_remove(node);
        tn_list_push_back(&engine->core.orders, node);
    }
    engine->waiting_count = 0;
    if (tn_work_start(&engine->work, &engine->loop) < 0)
        tn_timer_start(&engine->timer, 100, 0); /* no thread just now */
    else
        engine->is_working = true;
}

void en_engine_kick(struct en_engine *engine)
{
    if (!engine->is_working && !engine->is_stopping)
        tn_timer_start(&engine->timer, 0, 0);
}

static void answer_all(struct tn_list *orders)
{
    while (!tn_list_is_empty(orders)) {
        struct tn_list *node = orders->next;

        tn_list_remove(node);
        en_api_answer(TN_CONTAINER_OF(node, struct en_order, node));
    }
}

static void on_round_done(struct tn_work *work)
{
    struct en_engine *engine = TN_CONTAINER_OF(work, struct en_engine, work);
    json_t *status = en_status_json(&engine->core);
    char *text = en_metrics_text(&engine->core);

    engine->is_working = false;
    engine->has_looked = true;
    if (status) {
        json_decref(engine->status);
        engine->status = status;
    }
    if (text) {
        free(engine->metrics_text);
        engine->metrics_text = text;
    }
    answer_all(&engine->core.orders);
    if (engine->is_stopping)
        close_parts(engine);
    else if (engine->waiting_count > 0)
        start_round(engine);
    else
        tn_timer_start(&engine->timer, engine->delay_ms, 0);
}

static void on_timer(struct tn_timer *timer)
{
    start_round(TN_CONTAINER_OF(timer, struct en_engine, timer));
}

/* --- stopping ----------------------------------------------------------------------------------
 */

static void close_parts(struct en_engine *engine)
{
    answer_all(&engine->waiting);
    for (size_t i = 0; i < engine->signal_count; i++)
        tn_signal_close(&engine->signals[i].signal, NULL);
    engine->signal_count = 0;
    if (engine->has_timer)
        tn_timer_close(&engine->timer, NULL);
    engine->has_timer = false;
    if (engine->admin)
        tn_api_close(engine->admin, NULL, NULL);
    if (engine->metrics)
        tn_api_close(engine->metrics, NULL, NULL);
    engine->admin = engine->metrics = NULL;
}

static void on_signal(struct tn_signal *signal, int number)
{
    struct en_engine *engine = TN_CONTAINER_OF(signal, struct en_engine_signal, signal)->engine;

    if (engine->is_stopping) {
        unlink(engine->config->admin_path);
        _exit(1);
    }
    tn_log(TN_LOG_INFO, "engine", "%s: stopping; instances go on",
           number == SIGINT ? "SIGINT" : "SIGTERM");
    engine->is_stopping = true;
    if (!engine->is_working)
        close_parts(engine);
}

/* --- starting ----------------------------------------------------------------------------------
 */

static bool is_loopback(const struct sockaddr_storage *sa)
{
    if (sa->ss_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr) >> 24) ==
               127;
    return sa->ss_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
}

static int open_listeners(struct en_engine *engine)
{
    struct tn_api_options options = {
        .loop = &engine->loop,
        .clock = &tn_clock_system,
        .routes = en_admin_routes,
        .route_count = en_admin_route_count,
        .context = engine,
        .role = TN_API_OPERATE,
        .limits = tn_api_limits_default,
    };
    const struct px_address *metrics = &engine->config->metrics;
    int error = tn_api_open_unix(&options, engine->config->admin_path, 0600, &engine->admin);

    if (error == -EADDRINUSE)
        return fail(error, "admin unix:%s: a running process answers there already",
                    engine->config->admin_path);
    if (error)
        return fail(error, "admin unix:%s: %s", engine->config->admin_path, strerror(-error));
    if (!metrics->text)
        return 0;
    options.routes = en_metrics_routes;
    options.route_count = en_metrics_route_count;
    options.role = TN_API_READ;
    options.any_host = !is_loopback(&metrics->sa);
    error = tn_api_open_tcp(&options, (const struct sockaddr *)&metrics->sa, &engine->metrics);
    return error ? fail(error, "metrics %s: %s", metrics->text, strerror(-error)) : 0;
}

static int open_signals(struct en_engine *engine)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    int error = tn_timer_open(&engine->timer, &engine->loop, on_timer);

    engine->has_timer = !error;
    for (size_t i = 0; i < 2 && !error; i++) {
        engine->signals[i].engine = engine;
        error = tn_signal_open(&engine->signals[i].signal, &engine->loop, numbers[i], on_signal);
        engine->signal_count += !error;
    }
    return error ? fail(error, "cannot wait for signals: %s", strerror(-error)) : 0;
}

/* One line an action; a reader that is gone loses lines, nothing else. */
static void say(const char *line)
{
    if (printf("%s\n", line) < 0 || fflush(stdout) != 0)
        clearerr(stdout);
}

static int open_core(struct en_engine *engine)
{
    char *why = NULL;
    int r = en_store_open(engine->config->store_file, &why, &engine->store);

    if (r == 0) {
        struct en_local_options options = {engine->config, engine->store, &tn_clock_system,
                                           &engine->os};

        engine->core.config = engine->config;
        engine->core.store = engine->store;
        engine->core.clock = &tn_clock_system;
        engine->core.say = say;
        memcpy(engine->core.boot, engine->os.boot, sizeof(engine->core.boot));
        en_proxy_init(&engine->core.proxy, engine->config, &tn_clock_system);
        r = en_local_open(&options, &why, &engine->core.platform);
    }
    if (r == 0)
        r = en_core_restore(&engine->core, &why);
    if (r < 0)
        fail(r, "%s", why ? why : strerror(-r));
    free(why);
    return r;
}

static int load(struct en_engine *engine, const char *path)
{
    struct px_messages messages;
    char *text;
    int r;

    px_messages_init(&messages);
    r = en_config_load(path, &messages, &engine->config);
    text = px_messages_format(&messages);
    fputs(text ? text : "turnout engine: out of memory\n", stderr);
    if (r < 0 && messages.error_count == 0)
        fail(r, "%s: %s", path, strerror(-r));
    free(text);
    px_messages_deinit(&messages);
    return r;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static void sleep_ms(uint64_t ms)
{
    struct timespec time = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&time, NULL);
}

static int stop_instances(struct en_engine *engine)
{
    char *why = NULL;
    int r = en_local_stop_all(engine->core.platform, sleep_ms, &why);

    if (r < 0)
        fail(r, "%s", why ? why : strerror(-r));
    free(why);
    return r;
}

static int serve(struct en_engine *engine)
{
    int r = open_signals(engine);

    if (r == 0)
        r = open_listeners(engine);
    if (r == 0) {
        fprintf(stderr, "turnout engine: listening on %s%s%s, proxy %s\n",
                engine->config->admin_path, engine->config->metrics.text ? ", metrics " : "",
                engine->config->metrics.text ? engine->config->metrics.text : "",
                engine->config->proxy);
        start_round(engine);
        tn_loop_run(&engine->loop);
    } else {
        close_parts(engine);
    }
    return r;
}

static void deinit(struct en_engine *engine)
{
    if (tn_loop_deinit(&engine->loop) != 0)
        fail(0, "stopped with handles left open");
    json_decref(engine->status);
    free(engine->metrics_text);
    en_core_deinit(&engine->core);
    if (engine->core.platform)
        engine->core.platform->ops->close(engine->core.platform);
    en_store_close(engine->store);
    en_config_free(engine->config);
    free(engine);
}

int en_engine_main(const struct en_engine_options *options)
{
    struct en_engine *engine = calloc(1, sizeof(*engine));
    int r;

    if (!engine) {
        fail(0, "out of memory");
        return 1;
    }
    tn_list_init(&engine->waiting);
    tn_list_init(&engine->core.orders);
    engine->work.run = run_round;
    engine->work.on_done = on_round_done;
    en_os_init(&engine->os);
    tn_json_init();
    r = tn_net_init();
    if (r == 0)
        r = tn_loop_init(&engine->loop);
    if (r < 0) {
        fail(r, "cannot make an event loop: %s", strerror(-r));
        free(engine);
        return 1;
    }
    r = load(engine, options->config_path);
    if (r == 0)
        r = open_core(engine);
    if (r == 0)
        r = options->stop_instances ? stop_instances(engine) : serve(engine);
    deinit(engine);
    return r == 0 ? 0 : 1;
}

#include "proxy/server_parts.h"

#include "lib/api/json.h"
#include "lib/base/log.h"
#include "proxy/admin/events.h"
#include "proxy/admin/lease.h"
#include "proxy/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- stopping: in the reverse order of starting ------------------------------------------------
 */

/* Nothing waits for these: the loop ends by itself when the last handle is gone. */
void px_server_close_parts(struct px_server *server)
{
    for (size_t i = 0; i < server->signal_count; i++)
        tn_signal_close(&server->signals[i].signal, NULL);
    server->signal_count = 0;
    px_giver_close(server);
    px_taker_close(server);
    px_memory_close(&server->memory);
    if (server->has_timer)
        tn_timer_close(&server->timer, NULL);
    server->has_timer = false;
    if (server->admin_listener)
        tn_api_close(server->admin_listener, NULL, NULL);
    if (server->metrics_listener)
        tn_api_close(server->metrics_listener, NULL, NULL);
    server->admin_listener = server->metrics_listener = NULL;
    px_guards_close(server->guards);
    server->guards = NULL;
    px_leases_close(server->admin.leases);
    server->admin.leases = NULL;
    px_events_close(server->admin.events);
    server->admin.events = NULL;
    server->admin.health = NULL;
    if (server->health)
        px_health_close(server->health, NULL, NULL);
    server->health = NULL;
    if (server->book)
        px_rulebook_close(server->book, NULL, NULL);
    server->book = NULL;
}

/* Nobody waits for counters any more: what is left can go. */
static void on_quiet(void *context)
{
    struct px_server *server = context;

    px_workers_free(server->workers);
    server->workers = NULL;
    px_giver_hear_out(server, px_server_close_parts);
}

static void check_stopped(struct px_server *server)
{
    if (!server->are_workers_stopped || !server->is_book_idle)
        return;
    tn_timer_stop(&server->timer);
    px_admin_quiet(&server->admin, on_quiet, server);
}

static void on_book_idle(void *context)
{
    struct px_server *server = context;

    server->is_book_idle = true;
    check_stopped(server);
}

static void stop_book(struct px_server *server)
{
    if (server->is_book_stopping)
        return;
    server->is_book_stopping = true;
    px_rulebook_stop(server->book, on_book_idle, server);
}

static void on_workers_stopped(void *context, bool is_clean)
{
    struct px_server *server = context;

    server->is_clean = server->is_clean && is_clean;
    server->are_workers_stopped = true;
    tn_timer_start(&server->timer, PX_SERVER_STORE_MS, 0);
    stop_book(server);
    check_stopped(server);
}

/* Whatever is open goes with the process, but for the socket's name. */
static void end_at_once(const struct px_server *server, const char *why)
{
    fprintf(stderr, "turnout: %s: ends at once\n", why);
    if (server->config->admin_kind == PX_ADMIN_UNIX && !server->has_given_admin &&
        !(server->taker.is_taking && server->taker.has_admin))
        unlink(server->config->admin_path);
    _exit(1);
}

static void stop_workers(struct px_server *server)
{
    px_workers_stop(server->workers, px_rulebook_config(server->book)->limits.stop_grace_ms,
                    on_workers_stopped, server);
}

/* What the successor changes is followed until the loops have stopped: the book goes on. */
void px_server_end(struct px_server *server)
{
    server->admin.is_stopping = true;
    server->stage = PX_SERVER_STOPPING;
    tn_timer_stop(&server->timer);
    stop_workers(server);
}

void px_server_fail_running(struct px_server *server)
{
    server->is_clean = false;
    if (server->stage < PX_SERVER_DELAYING)
        px_server_end(server);
}

static void on_timer(struct tn_timer *timer)
{
    struct px_server *server = TN_CONTAINER_OF(timer, struct px_server, timer);

    switch (server->stage) {
    case PX_SERVER_STARTING:
        px_server_become_ready(server);
        break;
    case PX_SERVER_DELAYING:
        server->stage = PX_SERVER_STOPPING;
        stop_book(server);
        stop_workers(server);
        break;
    case PX_SERVER_STOPPING:
        end_at_once(server, "the store does not answer");
        break;
    case PX_SERVER_RUNNING:
        break;
    }
}

static void stop(struct px_server *server, int number)
{
    const struct px_limits *limits = &px_rulebook_config(server->book)->limits;

    bool is_given = !px_giver_cancel(server, "it is told to stop");

    if (server->was_told_to_end)
        end_at_once(server, "a second signal");
    server->was_told_to_end = true;
    if (is_given) {
        tn_log(TN_LOG_INFO, "server", "another process has taken over, this one is stopping");
        return;
    }
    px_notify_stopping();
    tn_log(TN_LOG_INFO, "server", "%s: stopping, at most %llu s",
           number == SIGINT ? "SIGINT" : "SIGTERM",
           (unsigned long long)((limits->stop_delay_ms + limits->stop_grace_ms + 999) / 1000));
    server->admin.is_stopping = true;
    px_events_end(server->admin.events, "stopping");
    server->stage = PX_SERVER_DELAYING;
    tn_timer_start(&server->timer, limits->stop_delay_ms, 0);
}

/* --- signals -----------------------------------------------------------------------------------
 */

/* As `turnout check` would say it. */
static void log_reload_error(const struct px_change *change, const json_t *error)
{
    const struct px_server *server = change->context;
    const char *text = json_string_value(json_object_get(error, "text"));

    if (json_object_get(error, "line"))
        tn_log(TN_LOG_ERROR, "server", "%s:%lld:%lld: error: %s", server->config->file,
               json_integer_value(json_object_get(error, "line")),
               json_integer_value(json_object_get(error, "column")), text);
    else
        tn_log(TN_LOG_ERROR, "server", "%s: error: %s", server->config->file, text);
}

static void on_reloaded(struct px_change *change)
{
    size_t i;
    json_t *item;

    if (change->status == 200) {
        json_array_foreach(json_object_get(change->answer, "notes"), i, item)
        {
            tn_log(TN_LOG_INFO, "server", "reload: %s", json_string_value(item));
        }
        tn_log(TN_LOG_INFO, "server", "reload: done, revision %llu",
               (unsigned long long)change->revision);
    }
    json_array_foreach(change->errors, i, item)
    {
        log_reload_error(change, item);
    }
    if (change->status != 200)
        tn_log(TN_LOG_ERROR, "server", "reload: nothing was changed");
    px_change_free(change);
}

static void reload(struct px_server *server)
{
    struct px_change *change = px_change_new();

    if (!change) {
        tn_log(TN_LOG_ERROR, "server", "reload: out of memory");
        return;
    }
    change->what = "reload";
    change->author = strdup("SIGHUP");
    change->on_done = on_reloaded;
    change->context = server;
    px_rulebook_submit(server->book, change);
}

static void on_signal(struct tn_signal *signal, int number)
{
    struct px_server *server = TN_CONTAINER_OF(signal, struct px_server_signal, signal)->server;

    switch (number) {
    case SIGHUP:
        reload(server);
        break;
    case SIGUSR1:
        px_workers_reopen_log(server->workers);
        break;
    case SIGUSR2:
        px_server_start_successor(server);
        break;
    default:
        stop(server, number);
    }
}

int px_server_open_signals(struct px_server *server)
{
    static const int numbers[PX_SERVER_SIGNALS] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
    int error = tn_timer_open(&server->timer, &server->loop, on_timer);

    server->has_timer = !error;
    if (!error)
        tn_timer_start(&server->timer, PX_SERVER_READY_MS, 0);
    for (size_t i = 0; i < PX_SERVER_SIGNALS && !error; i++) {
        server->signals[i].server = server;
        error = tn_signal_open(&server->signals[i].signal, &server->loop, numbers[i], on_signal);
        if (!error)
            server->signal_count++;
    }
    if (error)
        fprintf(stderr, "turnout: cannot wait for signals: %s\n", strerror(-error));
    return error;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static int deinit(struct px_server *server)
{
    int left = tn_loop_deinit(&server->loop);

    if (server->has_route)
        px_route_loop_deinit(&server->route);
    px_server_free_tokens(server);
    px_registry_free(server->registry);
    px_config_free(server->config);
    if (left)
        fprintf(stderr, "turnout: stopped with handles left open\n");
    return left;
}

int px_server_main(const struct px_server_options *options)
{
    struct px_server *server = calloc(1, sizeof(*server));
    bool has_started;
    int error;
    int left;

    if (!server) {
        fprintf(stderr, "turnout: out of memory\n");
        return 1;
    }
    server->is_clean = true;
    server->options = options;
    px_taker_init(&server->taker);
    tn_json_init();
    error = tn_net_init();
    if (!error)
        error = tn_loop_init(&server->loop);
    if (error) {
        fprintf(stderr, "turnout: cannot make an event loop: %s\n", strerror(-error));
        free(server);
        return 1;
    }
    has_started = px_server_start(server, options) == 0;
    if (has_started)
        tn_loop_run(&server->loop);
    else
        px_server_close_parts(server);
    left = deinit(server);
    if (has_started && !left)
        tn_log(TN_LOG_INFO, "server", "stopped%s", server->is_clean ? "" : ", not clean");
    has_started = has_started && server->is_clean && !left;
    free(server);
    return has_started ? 0 : 1;
}

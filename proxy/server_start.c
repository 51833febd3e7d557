#include "proxy/server_parts.h"

#include "lib/base/log.h"
#include "lib/http/parser.h"
#include "proxy/admin/events.h"
#include "proxy/admin/lease.h"
#include "proxy/cpus.h"
#include "proxy/privileges.h"
#include "proxy/route/cookie.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* --- the configuration -------------------------------------------------------------------------
 */

static int load_config(struct px_server *server, const char *path)
{
    struct px_messages messages;
    char *text;
    int error;

    px_messages_init(&messages);
    error = px_config_load(path, &messages, &server->config);
    text = messages.count > 0 ? px_messages_format(&messages) : NULL;
    if (text)
        fputs(text, stderr); /* errors, and warnings of a file that is good */
    else if (error)
        px_server_fail(error, "%s: %s", path, strerror(-error));
    free(text);
    px_messages_deinit(&messages);
    return error;
}

/* --- the rules ---------------------------------------------------------------------------------
 */

static void set_memory(struct px_server *server, const struct px_limits *limits)
{
    px_memory_set(&server->memory, limits->memory_bytes);
    server->admin.memory_limit_bytes = server->memory.limit_bytes;
}

static int on_prepare(void *context, const struct px_snapshot *snapshot, char **ret_why)
{
    struct px_server *server = context;
    int error = px_health_prepare(server->health, snapshot);

    return error ? error : px_server_prepare_config(server, snapshot->config, ret_why);
}

/* Probers first: older snapshots, and the endpoints that only they name, may go afterwards. */
static void on_snapshot(void *context, const struct px_snapshot *snapshot)
{
    struct px_server *server = context;

    if (px_health_update(server->health, snapshot) != 0)
        tn_log(TN_LOG_ERROR, "server", "out of memory: some endpoints are not probed");
    px_server_settle_config(server);
    set_memory(server, snapshot->limits);
}

static int open_book(struct px_server *server)
{
    static const struct px_registry_ops ops = {.load_keys = px_cookie_keys_load,
                                               .free_keys = px_cookie_keys_free};
    const struct px_rulebook_options options = {
        .control = &server->loop,
        .clock = &tn_clock_system,
        .registry = NULL,
        .config = server->config,
        .lock_fd = -1,
        .on_prepare = on_prepare,
        .on_snapshot = on_snapshot,
        .context = server,
    };
    struct px_rulebook_options filled = options;
    char *why = NULL;
    int error = px_registry_new(&ops, &server->registry);

    if (error)
        return px_server_fail(error, "out of memory");
    filled.registry = server->registry;
    filled.inheritance = json_object_get(server->taker.state, "inheritance");
    filled.lock_fd = server->taker.lock_fd;
    server->taker.lock_fd = -1;
    error = px_rulebook_open(&filled, &why, &server->book);
    if (error)
        px_server_fail(error, "%s", why ? why : strerror(-error));
    else if (server->taker.is_taking)
        px_handover_apply(server->taker.state, px_rulebook_snapshot(server->book));
    free(why);
    return error;
}

/* --- the admin interfaces ----------------------------------------------------------------------
 */

static int init_admin(struct px_server *server, uint32_t threads)
{
    const struct tn_clock *clock = &tn_clock_system;
    int error = px_route_loop_init(&server->route, server->proxy_id, threads);

    if (error)
        return px_server_fail(error, "out of memory");
    server->has_route = true;
    server->admin = (struct px_admin){
        .book = server->book,
        .registry = server->registry,
        .clock = clock,
        .route = &server->route,
        .loop_count = threads,
        .started_ns = clock->monotonic_ns(clock->context),
        .started_wall_ns = clock->wall_ns(clock->context),
        .on_takeover = px_giver_on_takeover,
        .on_takeover_context = server,
    };
    return 0;
}

/* --- the data loops ----------------------------------------------------------------------------
 */

static void on_unused(void *context, struct px_snapshot *snapshot)
{
    struct px_server *server = context;

    px_rulebook_unused(server->book, snapshot);
}

static void on_failing(void *context, struct px_endpoint *endpoint)
{
    struct px_server *server = context;

    px_health_eject(server->health, px_rulebook_snapshot(server->book), endpoint);
}

static void on_mirrored(void *context, uint32_t to)
{
    struct px_server *server = context;

    px_rulebook_mirrored(server->book, px_registry_version_name(server->registry, to));
}

static void on_suspect(void *context)
{
    struct px_server *server = context;

    px_guards_suspect(server->guards);
}

static void on_look(void *context)
{
    struct px_server *server = context;

    px_workers_heard(server->workers);
}

static void prepare(void *server, struct px_snapshot *snapshot,
                    void (*on_prepared)(void *context, int error), void *context)
{
    px_workers_prepare(((struct px_server *)server)->workers, snapshot, on_prepared, context);
}

static void publish(void *server, struct px_snapshot *snapshot, void (*on_switched)(void *context),
                    void *context)
{
    px_taker_publish(server, snapshot, on_switched, context);
}

static void collect(void *server, void (*on_stats)(void *context, struct px_stats *stats),
                    void *context)
{
    px_workers_collect(((struct px_server *)server)->workers, on_stats, context);
}

static void collect_ledgers(void *server, void (*on_stats)(void *context, struct px_stats *stats),
                            void *context)
{
    px_workers_collect_ledgers(((struct px_server *)server)->workers, on_stats, context);
}

static void break_off(void *server, const struct px_selection *selection,
                      void (*on_done)(void *context, uint32_t count), void *context)
{
    px_workers_break_off(((struct px_server *)server)->workers, selection, on_done, context);
}

/* No thread runs yet, and nothing is left to be bound: from here on nobody here can be root. */
static int on_bound(void *context, char **ret_why)
{
    const struct px_server *server = context;

    return server->config->user ? px_privileges_settle(ret_why) : 0;
}

static int become_user(struct px_server *server)
{
    char *why = NULL;
    int error = server->config->user ? px_privileges_become(server->config->user, &why) : 0;

    if (error)
        px_server_fail(error, "%s", why ? why : strerror(-error));
    free(why);
    return error;
}

static int open_workers(struct px_server *server, uint32_t threads)
{
    const struct px_workers_options options = {
        .control = &server->loop,
        .config = server->config,
        .thread_count = threads,
        .proxy_id = server->proxy_id,
        .snapshot = px_rulebook_snapshot(server->book),
        .sockets = server->taker.sockets,
        .socket_count = server->taker.socket_count,
        .is_held = server->taker.is_taking,
        .on_unused = on_unused,
        .on_failing = on_failing,
        .on_bound = on_bound,
        .on_mirrored = on_mirrored,
        .on_suspect = on_suspect,
        .context = server,
    };
    char *why = NULL;
    int error = px_workers_new(&options, &why, &server->workers);

    if (error)
        px_server_fail(error, "%s", why ? why : strerror(-error));
    free(why);
    if (error)
        return error;
    server->admin.publisher = (struct px_publisher){.prepare = prepare,
                                                    .publish = publish,
                                                    .collect = collect,
                                                    .collect_ledgers = collect_ledgers,
                                                    .break_off = break_off,
                                                    .workers = server};
    px_rulebook_attach(server->book, &server->admin.publisher);
    return 0;
}

static int open_guards(struct px_server *server)
{
    const struct px_guards_options options = {
        .loop = &server->loop, .admin = &server->admin, .on_look = on_look, .context = server};
    int error = px_guards_new(&options, &server->guards);

    return error ? px_server_fail(error, "out of memory") : 0;
}

static int open_events(struct px_server *server)
{
    const struct px_events_options options = {
        .loop = &server->loop, .admin = &server->admin, .limits = tn_api_events_limits_default};
    int error = px_events_new(&options, &server->admin.events);

    if (!error)
        error = px_leases_new(&server->loop, &server->admin, &server->admin.leases);
    return error ? px_server_fail(error, "out of memory") : 0;
}

static void on_memory_full(struct px_memory *memory, bool is_full)
{
    struct px_server *server = TN_CONTAINER_OF(memory, struct px_server, memory);

    if (server->workers)
        px_workers_set_memory_full(server->workers, is_full);
}

static int open_memory(struct px_server *server)
{
    int error = px_memory_open(&server->memory, &server->loop, on_memory_full);

    if (!error)
        set_memory(server, &server->config->limits);
    return error;
}

/* --- the probes -------------------------------------------------------------------------------
 */

static void on_settled(void *context)
{
    px_server_become_ready(context);
}

static int open_health(struct px_server *server)
{
    const struct px_health_options options = {.loop = &server->loop,
                                              .random = &server->random,
                                              .on_settled = on_settled,
                                              .context = server};
    int error = px_health_new(&options, &server->health);

    if (!error)
        error = px_health_update(server->health, px_rulebook_snapshot(server->book));
    server->admin.health = server->health;
    return error ? px_server_fail(error, "out of memory") : 0;
}

int px_server_start(struct px_server *server, const struct px_server_options *options)
{
    uint32_t threads;
    int error;

    if (tn_http_parser_self_check() != 0)
        return px_server_fail(-ENOTSUP,
                              "the HTTP parser library takes requests that it must refuse");
    tn_random_init_system(&server->random);
    server->proxy_id = tn_random_u64(&server->random);
    error = load_config(server, options->config_path);
    if (!error && options->is_takeover)
        error = px_taker_ask(server, options->takeover_address);
    if (error)
        return error;
    if (server->taker.is_taking) /* to those behind us the same proxy as before */
        server->proxy_id =
            (uint64_t)json_integer_value(json_object_get(server->taker.state, "proxy"));
    if (!realpath("/proc/self/exe", server->program))
        server->program[0] = '\0';
    threads = server->config->threads > 0 ? server->config->threads : px_cpus_usable();
    error = become_user(server);
    if (!error)
        error = open_book(server);
    if (!error)
        error = init_admin(server, threads);
    if (!error)
        error = px_server_open_admin(server);
    if (!error)
        error = px_server_open_metrics(server);
    if (!error)
        error = px_server_open_signals(server);
    if (!error)
        error = open_guards(server);
    if (!error)
        error = open_events(server);
    if (!error)
        error = open_health(server);
    /* the last that may fail: it has threads, which don't end at once */
    if (!error)
        error = open_workers(server, threads);
    if (!error)
        error = open_memory(server);
    if (!error)
        error = px_taker_open(server);
    px_taker_forget(&server->taker);
    return error;
}

/*
 * server_parts: the parts of a running proxy, between starting (server_start.c) and everything
 * after (server.c).
 *
 * Private to proxy/server*.c. Ownership: one struct per process; parts are closed in the reverse
 * order of starting. Threads: control.
 */
#ifndef PX_SERVER_PARTS_H
#define PX_SERVER_PARTS_H

#include "lib/net/control.h"
#include "proxy/admin/admin.h"
#include "proxy/admin/guard.h"
#include "proxy/handover.h"
#include "proxy/memory.h"
#include "proxy/server.h"
#include "proxy/worker/worker.h"

#include <limits.h>
#include <signal.h>

#define PX_SERVER_SIGNALS 5

enum px_server_stage {
    PX_SERVER_STARTING, /* until every endpoint was probed once, or PX_SERVER_READY_MS */
    PX_SERVER_RUNNING,
    PX_SERVER_DELAYING, /* readyz is 503, connections are still accepted */
    PX_SERVER_STOPPING, /* the data loops end; then at most PX_SERVER_STORE_MS for the store */
};

/* An endpoint that never answers keeps nobody from starting; a disk that never does, nobody from
 * ending. */
#define PX_SERVER_READY_MS 3000
#define PX_SERVER_STORE_MS 5000

struct px_server_signal {
    struct tn_signal signal;
    struct px_server *server;
};

struct px_server {
    const struct px_server_options *options;
    char program[PATH_MAX]; /* ours, as it was at the start: perhaps another one by now */
    struct tn_loop loop;
    struct px_config *config; /* as at the start */
    struct px_registry *registry;
    struct px_rulebook *book;
    struct px_workers *workers;
    struct px_health *health;
    struct tn_random random;
    uint64_t proxy_id;
    struct px_route_loop route; /* for explain */
    bool has_route;
    struct px_admin admin;
    struct px_guards *guards;
    struct tn_api_server *admin_listener;
    struct tn_tokens *tokens; /* of admin on TCP, else NULL */
    struct tn_api_server *metrics_listener;
    struct px_config *next_config; /* a reload's, prepared and not in force yet; a reference */
    bool has_next_metrics;         /* its metrics are elsewhere, or nowhere */
    struct tn_api_server *next_metrics;
    struct tn_tokens *next_tokens; /* or NULL */
    struct px_server_signal signals[PX_SERVER_SIGNALS];
    size_t signal_count;
    enum px_server_stage stage;
    struct px_giver giver;
    struct px_taker taker;
    bool has_given_admin; /* the socket's file is another process's */
    bool was_told_to_end; /* by a signal */
    bool is_book_stopping;
    struct px_memory memory;
    struct tn_timer timer; /* of the stage */
    bool has_timer;
    bool is_book_idle;
    bool are_workers_stopped;
    bool is_clean;
};

/* Everything, in order. Not 0: a message was printed, and what was started is left to
 * px_server_close_parts(). */
int px_server_start(struct px_server *server, const struct px_server_options *options);

/* Prints the sentence to standard error; returns error. */
int px_server_fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- server_admin.c ----------------------------------------------------------------------------
 */

int px_server_open_admin(struct px_server *server);

/* A reload's tokens are read; and when it is in force, taken. */
int px_server_prepare_tokens(struct px_server *server, const struct px_config *config,
                             char **ret_why);
void px_server_take_tokens(struct px_server *server);

/* After the listener is gone. */
void px_server_free_tokens(struct px_server *server);

/* --- server_listeners.c ------------------------------------------------------------------------
 */

int px_server_open_metrics(struct px_server *server);

/* What another config needs is opened beside what there is, or a sentence says why not; and when it
 * is decided which one is in force, taken or closed again. */
int px_server_prepare_config(struct px_server *server, struct px_config *config, char **ret_why);
void px_server_settle_config(struct px_server *server);

/* --- server_ready.c ----------------------------------------------------------------------------
 */

/* Says where it listens, and which versions can't answer. Only the first call does. */
void px_server_become_ready(struct px_server *server);

int px_server_open_signals(struct px_server *server);

/* The loops stop now, then everything; no signal has asked for it. */
void px_server_end(struct px_server *server);
/* The same because it can't go on. */
void px_server_fail_running(struct px_server *server);

/* The program is started anew, to take over. */
void px_server_start_successor(struct px_server *server);

/* Accepts a server that started only half. */
void px_server_close_parts(struct px_server *server);

#endif

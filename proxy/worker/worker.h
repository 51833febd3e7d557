/*
 * worker: the data loops: threads with a listener set, pools and counters each, and how the control
 * thread reaches them.
 *
 * Not for deciding what the rules are (admin/) nor for single requests (session/).
 * Shapes: all workers are one object to the control thread. A publish is answered when every loop
 * has switched: no request whose head is complete after that is decided by an older revision.
 * Errors: 0 or negative errno; what was prepared is switched to without needing memory; a listener
 * that cannot be opened says which address in ret_why (malloc'd). Ownership: px_workers_new …
 * px_workers_free. A published snapshot belongs to the workers until on_unused gives it back.
 * Callbacks: on the control loop, once per call. Threads: control thread.
 */
#ifndef PX_WORKER_WORKER_H
#define PX_WORKER_WORKER_H

#include "lib/net/mailbox.h"
#include "proxy/route/selection.h"
#include "proxy/stats/stats.h"

struct px_workers;

/* A listening socket, as one process passes it on to the next. */
struct px_socket {
    const char *text; /* as `listen` has it */
    struct sockaddr_storage address;
    int fd;
    bool is_taken; /* out: a loop has it, and the descriptor */
};

struct px_workers_options {
    struct tn_loop *control;
    struct px_config *config; /* listen, limits, access log; outlives the workers */
    uint32_t thread_count;    /* resolved: at least 1 */
    uint64_t proxy_id;
    struct px_snapshot *snapshot; /* the first one */
    struct px_socket *sockets;    /* of another process, used instead of new ones; outlive _new */
    uint32_t socket_count;
    bool is_held; /* nobody listens before px_workers_start_listening() */
    /* Requests to this endpoint fail (session.h, on_failing). It is alive during the call. May be
     * NULL. */
    void (*on_failing)(void *context, struct px_endpoint *endpoint);
    /* All listeners are bound and no loop runs yet; an error ends the start. May be NULL. */
    int (*on_bound)(void *context, char **ret_why);
    /* A version failed requests of a rule with a guard; not told again before px_workers_heard().
     * May be NULL. */
    void (*on_suspect)(void *context);
    /* Copies were sent to this version (its stat) since the rules changed; each loop tells. May be
     * NULL. */
    void (*on_mirrored)(void *context, uint32_t to);
    /* No loop uses this snapshot any more: free it. */
    void (*on_unused)(void *context, struct px_snapshot *snapshot);
    void *context;
};

int px_workers_new(const struct px_workers_options *options, char **ret_why,
                   struct px_workers **ret_workers);

/*
 * Every loop sets aside what it needs for the snapshot; then on_prepared with 0, or -ENOMEM: it
 * must not be published then. Until on_prepared the snapshot must stay. One call at a time.
 */
void px_workers_prepare(struct px_workers *workers, struct px_snapshot *snapshot,
                        void (*on_prepared)(void *context, int error), void *context);

/* Every loop takes `snapshot`, which was prepared, for new requests; then on_switched. It cannot
 * fail. One call at a time. */
void px_workers_publish(struct px_workers *workers, struct px_snapshot *snapshot,
                        void (*on_switched)(void *context), void *context);

/* The sum of all loops' counters, each copied between two events of its loop; the receiver frees
 * it. NULL: no memory; on_stats may then run within the call. */
void px_workers_collect(struct px_workers *workers,
                        void (*on_stats)(void *context, struct px_stats *stats), void *context);

/* The same with what came of comparisons (px_stats.ledgers), which is much. */
void px_workers_collect_ledgers(struct px_workers *workers,
                                void (*on_stats)(void *context, struct px_stats *stats),
                                void *context);

/*
 * Breaks the exchanges off that are meant (session.h), in every loop; then on_done with how many
 * there were. For what is left open after a drain's timeout, or at once at a cut: publish the rules
 * that send nobody there first. One call at a time.
 */
void px_workers_break_off(struct px_workers *workers, const struct px_selection *selection,
                          void (*on_done)(void *context, uint32_t count), void *context);

/* on_suspect was heard: tell me again. Before collecting, so that nothing goes unheard. */
void px_workers_heard(struct px_workers *workers);

/* New connections and requests get 503 from now on, or no longer; what runs goes on. At once. */
void px_workers_set_memory_full(struct px_workers *workers, bool is_full);

/* Reopens the access log (SIGUSR1). */
void px_workers_reopen_log(struct px_workers *workers);

/*
 * Stop without loss: new connections are refused, answers say Connection: close, idle connections
 * stay until grace_ms, running exchanges end; then on_stopped, with every loop closed.
 */
void px_workers_stop(struct px_workers *workers, uint64_t grace_ms,
                     void (*on_stopped)(void *context, bool is_clean), void *context);

/*
 * After on_stopped. Snapshots that are still on their way come to on_unused within the call; the
 * memory goes when the control loop turns once more.
 */
void px_workers_free(struct px_workers *workers);

/*
 * For a change of `listen` or `log`: bind opens what is new in the config, all or nothing (ret_why
 * as px_workers_new); then either unbind, or listen, which takes what is new, and closes what the
 * config (which is kept from here on) has no more, without losing a connection or a line. Before
 * the loops are asked to switch.
 */
int px_workers_bind(struct px_workers *workers, const struct px_config *config, char **ret_why);
void px_workers_unbind(struct px_workers *workers);
void px_workers_listen(struct px_workers *workers, struct px_config *config);

/* The other process has let go of its sockets: ours now. */
void px_workers_start_listening(struct px_workers *workers);

/* The i-th listening socket; the descriptor stays the loops'. False: there are no more. */
bool px_workers_socket(const struct px_workers *workers, uint32_t i, struct px_socket *ret_socket);

/* All sockets of that address are another process's now: a stop only lets go of them. */
void px_workers_give(struct px_workers *workers, const char *text);

/* The address that the i-th `listen` entry got (port 0 resolved). */
int px_workers_address(const struct px_workers *workers, uint32_t i,
                       struct sockaddr_storage *ret_address);

#endif

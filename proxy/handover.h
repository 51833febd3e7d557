/*
 * handover: one process takes the place of another: its sockets, its store, what is in force.
 *
 * Glossary: giver (the running process), taker (the new one, `turnout serve --takeover`), given
 * (the giver has heard that the taker serves). Not for sockets of loops (worker/doors.h), the rules
 * (admin/handover.h) and the lines between the two (channel.h).
 * Shapes: the taker reads its configuration, then sends POST /v1/takeover {"protocol": 1, "pid":
 * …, "version": …} over the admin socket, and is answered 101: from there on lines of JSON. The
 * giver holds its changes, and sends all listening sockets with {"type": "sockets"} lines and then
 * {"type": "state", …}: what is in force, what the sockets are, health, deals. The taker builds
 * everything, listens to nobody, and waits until its endpoints are known. Then it says that it
 * listens, sends {"type": "done", …} and begins. That line is the moment: as long as the giver does
 * not have it, whatever happens to the taker, the giver goes on as before, and to give up it first
 * cuts the channel, so that both agree. After it the giver lets go of what the taker has, and stops
 * as by SIGTERM. Until it ends, every change that the taker makes is sent ({"type": "news"}) and in
 * force there too ({"type": "followed"}) before the change is answered. {"type": "cancel", "why"}
 * says why either gives up.
 * Errors: sentences on standard error or in the log. Ownership: embedded in the server. Threads:
 * control.
 */
#ifndef PX_HANDOVER_H
#define PX_HANDOVER_H

#include "lib/net/control.h"
#include "proxy/channel.h"
#include "proxy/worker/worker.h"

#include <sys/types.h>

#define PX_HANDOVER_PROTOCOL 1

#define PX_HANDOVER_HOLD_MS 3000   /* for a change that is under way */
#define PX_HANDOVER_TAKE_MS 15000  /* from the state to done */
#define PX_HANDOVER_ADMIN_MS 1000  /* for requests to the admin interfaces at the end */
#define PX_HANDOVER_FOLLOW_MS 2000 /* for a change in the process that ends */

struct px_server;

enum px_giver_stage {
    PX_GIVER_NONE,
    PX_GIVER_HOLDING, /* until no change is under way */
    PX_GIVER_ASKED,   /* the state is sent */
    PX_GIVER_GIVEN,
};

struct px_giver {
    enum px_giver_stage stage;
    struct px_channel channel;
    struct tn_timer timer;
    bool has_timer;
    uint64_t since_ms;
    pid_t pid; /* the taker's */
    void (*on_heard)(struct px_server *server);
};

struct px_taker {
    bool is_taking; /* from the start on, until done */
    int fd;         /* -1: none, or the channel's */
    struct px_channel channel;
    bool is_refused;
    json_t *state;
    int *descriptors;
    unsigned descriptor_count;
    struct px_socket *sockets; /* of data loops */
    uint32_t socket_count;
    int admin_fd, metrics_fd, lock_fd; /* -1: none, or somebody's */
    bool has_admin, has_metrics;       /* ours now */
    pid_t pid;                         /* the giver's */

    /* a change that is on its way to the giver as well */
    struct tn_timer timer;
    bool has_timer;
    bool is_told; /* the giver was told and has not answered */
    unsigned waiting;
    void (*on_switched)(void *context);
    void *context;
};

/* --- handover_give.c ---------------------------------------------------------------------------
 */

/* struct px_admin, on_takeover. */
void px_giver_on_takeover(void *server, struct tn_api_call *call, const json_t *body);

/* Nobody takes over now: this process stops, or a change cannot wait. False: too late. */
bool px_giver_cancel(struct px_server *server, const char *why);
/* Given: waits a moment for those who still ask the admin interfaces. on_heard: at once, or later.
 */
void px_giver_hear_out(struct px_server *server, void (*on_heard)(struct px_server *server));
void px_giver_close(struct px_server *server);

/* --- handover_take.c: asking, before the loop runs ---------------------------------------------
 */

void px_taker_init(struct px_taker *taker);
/* Waits for the answer. Not 0: a message was printed. address: "unix:PATH" or NULL: the one of the
 * configuration. */
int px_taker_ask(struct px_server *server, const char *address);
/* A listener of the process that we take over from; path: of the admin socket, NULL: metrics. */
int px_taker_take_listener(struct px_server *server, const struct tn_api_options *options,
                           const char *path, struct tn_api_server **ret_listener);
/* The start is over, well or not: what nobody wanted is closed. */
void px_taker_forget(struct px_taker *taker);

/* --- handover_taken.c: the rest ----------------------------------------------------------------
 */

/* From here on the giver is heard. */
int px_taker_open(struct px_server *server);

/* Everything is ready, and `line` says so to whoever started us. False: the giver goes on. */
bool px_taker_take(struct px_server *server, const char *line);

/* px_workers_publish(), and the giver's too, if it is still there. */
void px_taker_publish(struct px_server *server, struct px_snapshot *snapshot,
                      void (*on_switched)(void *context), void *context);
void px_taker_close(struct px_server *server);

/* --- handover_state.c --------------------------------------------------------------------------
 */

/* Health of the endpoints, and where the deals are; NULL: no memory. */
json_t *px_handover_endpoints(const struct px_snapshot *snapshot);
json_t *px_handover_deals(const struct px_snapshot *snapshot);
/* The same, where this snapshot has the same. */
void px_handover_apply(const json_t *state, struct px_snapshot *snapshot);

#endif

/* The running process: asked for its place, it gives it away whole, or goes on as if nothing had
 * been. */
#include "proxy/handover.h"

#include "lib/api/handover.h"
#include "lib/base/log.h"
#include "proxy/admin/events.h"
#include "proxy/admin/handover.h"
#include "proxy/notify.h"
#include "proxy/server_parts.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 5

static struct px_server *server_of(struct px_channel *channel)
{
    return TN_CONTAINER_OF(channel, struct px_server, giver.channel);
}

/* --- giving up ---------------------------------------------------------------------------------
 */

static void go_on(struct px_server *server, const char *why)
{
    struct px_giver *giver = &server->giver;

    tn_log(TN_LOG_WARNING, "server", "takeover by process %ld: %s; nothing was changed",
           (long)giver->pid, why);
    giver->stage = PX_GIVER_NONE;
    tn_timer_stop(&giver->timer);
    px_channel_close(&giver->channel);
    px_rulebook_resume(server->book);
}

bool px_giver_cancel(struct px_server *server, const char *why)
{
    struct px_giver *giver = &server->giver;

    if (giver->stage == PX_GIVER_NONE)
        return true;
    if (giver->stage != PX_GIVER_GIVEN) {
        px_channel_send(&giver->channel, json_pack("{s:s, s:s}", "type", "cancel", "why", why));
        px_channel_cut(&giver->channel); /* it may have been done just before */
    }
    if (giver->stage == PX_GIVER_GIVEN)
        return false;
    if (giver->stage != PX_GIVER_NONE)
        go_on(server, why);
    return true;
}

static void on_urgent(void *context)
{
    px_giver_cancel(context, "a change that cannot wait came first; try again");
}

/* --- everything that we have -------------------------------------------------------------------
 */

struct parcel {
    json_t *list;
    int *descriptors;
    unsigned count;
};

static int pack(struct parcel *parcel, int fd, const char *kind, const char *text)
{
    int *grown = realloc(parcel->descriptors, (parcel->count + 1) * sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    parcel->descriptors = grown;
    parcel->descriptors[parcel->count++] = fd;
    tn_json_append(&parcel->list, json_pack("{s:s, s:s}", "kind", kind, "text", text));
    return parcel->list ? 0 : -ENOMEM;
}

/* The admin socket goes by its absolute path: the other one may be in another folder. */
static int pack_listeners(struct px_server *server, struct parcel *parcel)
{
    const struct px_config *config = px_rulebook_config(server->book);
    char path[PATH_MAX];
    int error = 0;

    if (server->admin_listener && realpath(server->config->admin_path, path))
        error = pack(parcel, tn_api_descriptor(server->admin_listener), "admin", path);
    if (!error && server->metrics_listener && config->metrics.text)
        error = pack(parcel, tn_api_descriptor(server->metrics_listener), "metrics",
                     config->metrics.text);
    if (!error && px_rulebook_lock_descriptor(server->book) >= 0)
        error = pack(parcel, px_rulebook_lock_descriptor(server->book), "lock", "");
    return error;
}

static int pack_all(struct px_server *server, struct parcel *parcel)
{
    struct px_socket socket;
    int error = 0;

    parcel->list = json_array();
    for (uint32_t i = 0; !error && px_workers_socket(server->workers, i, &socket); i++)
        error = pack(parcel, socket.fd, "data", socket.text);
    return error ? error : pack_listeners(server, parcel);
}

static int send_parcel(struct px_server *server, const struct parcel *parcel)
{
    struct px_channel *channel = &server->giver.channel;
    const struct px_snapshot *snapshot = px_rulebook_snapshot(server->book);
    int error = 0;

    for (unsigned i = 0; i < parcel->count && !error; i += TN_PASSING_MAX) {
        unsigned left = parcel->count - i;

        error = px_channel_send_with(channel, json_pack("{s:s}", "type", "sockets"),
                                     parcel->descriptors + i,
                                     left < TN_PASSING_MAX ? left : TN_PASSING_MAX);
    }
    if (!error)
        error = px_channel_send(channel,
                                json_pack("{s:s, s:i, s:i, s:I, s:o, s:o, s:o, s:O}", "type",
                                          "state", "protocol", PX_HANDOVER_PROTOCOL, "pid",
                                          (int)getpid(), "proxy", (json_int_t)server->proxy_id,
                                          "inheritance", px_rulebook_inheritance(server->book),
                                          "endpoints", px_handover_endpoints(snapshot), "deals",
                                          px_handover_deals(snapshot), "sockets", parcel->list));
    return error;
}

static void send_state(struct px_server *server)
{
    struct parcel parcel = {0};
    int error = pack_all(server, &parcel);

    if (!error)
        error = send_parcel(server, &parcel);
    json_decref(parcel.list);
    free(parcel.descriptors);
    if (error) {
        px_giver_cancel(server, strerror(-error));
        return;
    }
    server->giver.stage = PX_GIVER_ASKED;
    tn_timer_start(&server->giver.timer, PX_HANDOVER_TAKE_MS, 0);
}

/* Who asks us something at the last moment is answered, if only with who to ask. */
static void look_at_admin(struct px_server *server)
{
    bool is_busy = (server->admin_listener && tn_api_is_busy(server->admin_listener)) ||
                   (server->metrics_listener && tn_api_is_busy(server->metrics_listener));

    if (is_busy && tn_loop_now_ms(&server->loop) - server->giver.since_ms < PX_HANDOVER_ADMIN_MS)
        return;
    tn_timer_stop(&server->giver.timer);
    server->giver.on_heard(server);
}

void px_giver_hear_out(struct px_server *server, void (*on_heard)(struct px_server *server))
{
    if (server->giver.stage != PX_GIVER_GIVEN) {
        on_heard(server);
        return;
    }
    server->giver.on_heard = on_heard;
    server->giver.since_ms = tn_loop_now_ms(&server->loop);
    tn_timer_start(&server->giver.timer, LOOK_MS, LOOK_MS);
}

static void on_timer(struct tn_timer *timer)
{
    struct px_server *server = TN_CONTAINER_OF(timer, struct px_server, giver.timer);

    if (server->giver.stage == PX_GIVER_GIVEN)
        look_at_admin(server);
    else if (server->giver.stage == PX_GIVER_ASKED)
        px_giver_cancel(server, "it did not become ready in time");
    else if (px_rulebook_become_quiet(server->book))
        send_state(server);
    else if (tn_loop_now_ms(&server->loop) - server->giver.since_ms > PX_HANDOVER_HOLD_MS)
        px_giver_cancel(server, "the store does not answer");
}

/* --- given -------------------------------------------------------------------------------------
 */

static void let_go_of_data(struct px_server *server, const json_t *texts)
{
    size_t i;
    json_t *text;

    json_array_foreach(texts, i, text)
    {
        if (json_is_string(text))
            px_workers_give(server->workers, json_string_value(text));
    }
}

static void let_go_of(struct tn_api_server **listener, bool is_taken)
{
    if (!*listener)
        return;
    if (is_taken) {
        tn_api_retire(*listener);
        return;
    }
    tn_api_close(*listener, NULL, NULL);
    *listener = NULL;
}

static void on_done(struct px_server *server, const json_t *line)
{
    struct px_giver *giver = &server->giver;
    char refusal[128];

    giver->stage = PX_GIVER_GIVEN;
    tn_timer_stop(&giver->timer);
    tn_log(TN_LOG_INFO, "server", "process %ld has taken over: stopping, at most %llu s",
           (long)giver->pid,
           (unsigned long long)((px_rulebook_config(server->book)->limits.stop_grace_ms + 999) /
                                1000));
    snprintf(refusal, sizeof(refusal),
             "process %ld has taken over from this one: ask again, and it answers",
             (long)giver->pid);
    px_rulebook_bequeath(server->book, refusal);
    px_guards_close(server->guards);
    server->guards = NULL;
    let_go_of_data(server, json_object_get(line, "data"));
    server->has_given_admin = json_is_true(json_object_get(line, "admin"));
    px_events_end(server->admin.events, "handover");
    let_go_of(&server->admin_listener, server->has_given_admin);
    let_go_of(&server->metrics_listener, json_is_true(json_object_get(line, "metrics")));
    px_notify_main_pid(giver->pid);
    px_server_end(server);
}

static void on_followed(void *context, bool is_done, const char *why)
{
    struct px_server *server = context;

    px_channel_send(&server->giver.channel, json_pack("{s:s, s:b, s:s}", "type", "followed", "done",
                                                      (int)is_done, "why", why ? why : ""));
}

static void on_line(struct px_channel *channel, const json_t *line)
{
    struct px_server *server = server_of(channel);
    const char *type = json_string_value(json_object_get(line, "type"));
    const char *why = json_string_value(json_object_get(line, "why"));

    if (!type)
        return;
    if (strcmp(type, "done") == 0 && server->giver.stage == PX_GIVER_ASKED)
        on_done(server, line);
    else if (strcmp(type, "cancel") == 0 && server->giver.stage != PX_GIVER_GIVEN)
        go_on(server, why ? why : "it gave up");
    else if (strcmp(type, "news") == 0 && server->giver.stage == PX_GIVER_GIVEN &&
             px_rulebook_follow(server->book, line, on_followed, server) != 0)
        on_followed(server, false, "out of memory");
}

static void on_lost(struct px_channel *channel)
{
    struct px_server *server = server_of(channel);

    if (server->giver.stage != PX_GIVER_GIVEN && server->giver.stage != PX_GIVER_NONE)
        go_on(server, "it ended before it was ready");
}

/* --- being asked -------------------------------------------------------------------------------
 */

/* False: the call was answered. */
static bool may_take(struct px_server *server, struct tn_api_call *call, const json_t *body)
{
    const json_t *protocol = json_object_get(body, "protocol");
    const char *version = json_string_value(json_object_get(body, "version"));

    if (!json_is_integer(protocol) || json_integer_value(protocol) != PX_HANDOVER_PROTOCOL)
        tn_api_problem(call, 409,
                       "turnout %s, which runs, hands over by protocol %d, and %s asks for %lld: "
                       "stop the one and start the other",
                       TURNOUT_VERSION, PX_HANDOVER_PROTOCOL, version ? version : "the new one",
                       json_integer_value(protocol));
    else if (server->stage == PX_SERVER_STARTING || server->taker.is_taking)
        tn_api_problem(call, 503, "turnout is starting");
    else if (server->giver.stage != PX_GIVER_NONE && server->stage == PX_SERVER_RUNNING)
        tn_api_problem(call, 409, "process %ld is taking over already", (long)server->giver.pid);
    else if (server->stage != PX_SERVER_RUNNING)
        tn_api_problem(call, 503, "turnout is stopping");
    else
        return true;
    return false;
}

void px_giver_on_takeover(void *context, struct tn_api_call *call, const json_t *body)
{
    struct px_server *server = context;
    struct px_giver *giver = &server->giver;
    pid_t pid = call->peer->user.pid;
    int fd;

    if (!may_take(server, call, body))
        return;
    if (!giver->has_timer && tn_timer_open(&giver->timer, &server->loop, on_timer) != 0) {
        tn_api_problem(call, 503, "out of memory");
        return;
    }
    giver->has_timer = true;
    if (giver->channel.is_busy) {
        tn_api_problem(call, 503, "another takeover has just ended: try again");
        return;
    }
    if (tn_api_upgrade(call, "turnout-handover", &fd) != 0)
        return;
    giver->pid = pid;
    giver->channel.on_line = on_line;
    giver->channel.on_lost = on_lost;
    if (px_channel_open(&giver->channel, &server->loop, fd) != 0)
        return;
    tn_log(TN_LOG_INFO, "server", "process %ld asks to take over", (long)pid);
    giver->stage = PX_GIVER_HOLDING;
    giver->since_ms = tn_loop_now_ms(&server->loop);
    px_rulebook_hold(server->book, on_urgent, server);
    tn_timer_start(&giver->timer, 0, LOOK_MS);
}

void px_giver_close(struct px_server *server)
{
    struct px_giver *giver = &server->giver;

    if (giver->has_timer)
        tn_timer_close(&giver->timer, NULL);
    giver->has_timer = false;
    px_channel_close(&giver->channel);
}

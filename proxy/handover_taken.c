/* The new process, once it runs: the moment at which it takes over, and the changes that the other
 * one has to follow until it ends. */
#include "proxy/handover.h"

#include "lib/api/handover.h"
#include "lib/base/log.h"
#include "proxy/admin/handover.h"
#include "proxy/notify.h"
#include "proxy/server_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct px_server *server_of(struct px_channel *channel)
{
    return TN_CONTAINER_OF(channel, struct px_server, taker.channel);
}

/* --- changes -----------------------------------------------------------------------------------
 */

static void count_down(struct px_taker *taker)
{
    if (--taker->waiting == 0)
        taker->on_switched(taker->context);
}

/* The giver has answered, or won't. */
static void end_telling(struct px_taker *taker)
{
    if (!taker->is_told)
        return;
    taker->is_told = false;
    tn_timer_stop(&taker->timer);
    count_down(taker);
}

static void on_timer(struct tn_timer *timer)
{
    struct px_taker *taker = TN_CONTAINER_OF(timer, struct px_taker, timer);

    tn_log(
        TN_LOG_WARNING, "server",
        "process %ld, which ends, does not follow changes: it may serve by older rules until then",
        (long)taker->pid);
    px_channel_close(&taker->channel);
    end_telling(taker);
}

static void on_published(void *context)
{
    count_down(&((struct px_server *)context)->taker);
}

void px_taker_publish(struct px_server *server, struct px_snapshot *snapshot,
                      void (*on_switched)(void *context), void *context)
{
    struct px_taker *taker = &server->taker;
    json_t *news = NULL;

    taker->on_switched = on_switched;
    taker->context = context;
    taker->waiting = 1;
    if (taker->channel.is_open && !taker->channel.is_lost && !taker->is_taking)
        news = px_rulebook_news(server->book);
    tn_json_set(&news, "type", json_string("news"));
    if (news && px_channel_send(&taker->channel, news) == 0) {
        taker->is_told = true;
        taker->waiting++;
        tn_timer_start(&taker->timer, PX_HANDOVER_FOLLOW_MS, 0);
    }
    px_workers_publish(server->workers, snapshot, on_published, server);
}

static void on_followed(struct px_taker *taker, const json_t *line)
{
    const char *why = json_string_value(json_object_get(line, "why"));

    if (!json_is_true(json_object_get(line, "done")))
        tn_log(TN_LOG_WARNING, "server",
               "process %ld, which ends, cannot follow this change: %s; what is open there goes by "
               "older rules",
               (long)taker->pid, why ? why : "");
    end_telling(taker);
}

/* --- the moment --------------------------------------------------------------------------------
 */

static void give_up(struct px_server *server, const char *why)
{
    if (server->taker.is_refused || !server->taker.is_taking)
        return;
    server->taker.is_refused = true;
    px_server_fail(-EPROTO, "the running process goes on: %s", why);
    px_server_fail_running(server);
}

static void on_line(struct px_channel *channel, const json_t *line)
{
    struct px_server *server = server_of(channel);
    const char *type = json_string_value(json_object_get(line, "type"));
    const char *why = json_string_value(json_object_get(line, "why"));

    if (type && strcmp(type, "cancel") == 0)
        give_up(server, why ? why : "it does not say why");
    else if (type && strcmp(type, "followed") == 0)
        on_followed(&server->taker, line);
}

/* Before the moment: without a word it died, and there is nobody else now. After it: it has ended.
 */
static void on_lost(struct px_channel *channel)
{
    struct px_server *server = server_of(channel);

    px_channel_close(channel);
    end_telling(&server->taker);
}

int px_taker_open(struct px_server *server)
{
    struct px_taker *taker = &server->taker;
    int fd = taker->fd;
    int error;

    if (!taker->is_taking)
        return 0;
    taker->fd = -1;
    taker->channel.on_line = on_line;
    taker->channel.on_lost = on_lost;
    error = tn_timer_open(&taker->timer, &server->loop, on_timer);
    taker->has_timer = !error;
    if (!error)
        error = px_channel_open(&taker->channel, &server->loop, fd);
    return error ? px_server_fail(error, "out of memory") : 0;
}

static json_t *done_line(const struct px_server *server)
{
    const struct px_taker *taker = &server->taker;
    json_t *data = json_array();

    for (uint32_t i = 0; i < taker->socket_count; i++) {
        if (taker->sockets[i].is_taken)
            tn_json_append(&data, json_string(taker->sockets[i].text));
    }
    return json_pack("{s:s, s:o, s:b, s:b}", "type", "done", "data", data, "admin",
                     (int)taker->has_admin, "metrics", (int)taker->has_metrics);
}

/* Both sides agree on whether the line is there: what can't be sent is not there. */
static bool say_done(struct px_server *server)
{
    struct px_taker *taker = &server->taker;
    int error;

    if (!taker->channel.is_open || taker->channel.is_lost)
        return !taker->is_refused;
    error = px_channel_send(&taker->channel, done_line(server));
    if (!error && px_channel_is_sent(&taker->channel))
        return true;
    if (error == -ENOMEM) {
        give_up(server, "this one is out of memory");
        return false;
    }
    px_channel_cut(&taker->channel); /* why, if it is still there */
    px_channel_close(&taker->channel);
    return !taker->is_refused;
}

bool px_taker_take(struct px_server *server, const char *line)
{
    struct px_taker *taker = &server->taker;

    if (taker->is_refused)
        return false;
    /* Before the moment: whoever started us and sees us die without this line knows that the other
     * one goes on. */
    fprintf(stderr, "%s\n", line);
    if (!say_done(server))
        return false;
    taker->is_taking = false;
    tn_log(TN_LOG_INFO, "server", "took over from process %ld", (long)taker->pid);
    px_workers_start_listening(server->workers);
    if (taker->has_admin)
        tn_api_start(server->admin_listener);
    if (taker->has_metrics)
        tn_api_start(server->metrics_listener);
    px_rulebook_own(server->book);
    json_decref(taker->state);
    taker->state = NULL;
    return true;
}

void px_taker_close(struct px_server *server)
{
    struct px_taker *taker = &server->taker;

    if (taker->has_timer)
        tn_timer_close(&taker->timer, NULL);
    taker->has_timer = false;
    px_channel_close(&taker->channel);
    px_taker_forget(taker);
    free(taker->sockets);
    taker->sockets = NULL;
    json_decref(taker->state);
    taker->state = NULL;
}

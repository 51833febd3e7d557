#include "proxy/admin/events.h"

#include "proxy/admin/events_parts.h"
#include "proxy/admin/resources.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_STATE 0
#define SLOT_STATS 1

/* What pictures may come to in one look, over all readers; more makes looks rarer. */
#define LOOK_BYTES ((size_t)256 * 1024)
#define LOOK_MAX_MS 5000
#define STATE_MS 1000 /* between two that differ in no more than what is under way */

/* There was no memory for an event: what readers know is no longer whole. */
#define LOST TN_STR("event: reset\ndata: {\"revision\":null,\"why\":\"out of memory\"}\n\n")

struct kept {
    uint64_t before; /* the revision that it replaced */
    uint64_t revision;
    char *text;
};

struct px_events {
    struct px_events_options options;
    struct tn_api_events *streams;
    struct tn_timer timer;
    struct kept kept[PX_EVENTS_KEPT]; /* oldest first */
    uint32_t kept_count;
    uint64_t revision; /* that was told last */
    bool is_looking;   /* counters are on their way */
    bool is_followed;  /* looks are taken */
    json_t *seen;
    char *state, *stats; /* as shown last */
    uint64_t state_ms;
    uint64_t state_revision;
    struct px_recent recent;
};

static uint64_t now_ms(const struct px_events *events)
{
    return tn_loop_now_ms(events->options.loop);
}

/* --- what is kept for those who come again ------------------------------------------------------
 */

static void forget_kept(struct px_events *events)
{
    for (uint32_t i = 0; i < events->kept_count; i++)
        free(events->kept[i].text);
    events->kept_count = 0;
}

static void keep(struct px_events *events, uint64_t revision, char *text)
{
    if (events->kept_count == PX_EVENTS_KEPT) {
        free(events->kept[0].text);
        events->kept_count--;
        memmove(events->kept, events->kept + 1, events->kept_count * sizeof(events->kept[0]));
    }
    events->kept[events->kept_count++] = (struct kept){events->revision, revision, text};
}

/* 0: all that came after; -ENOENT: that is not known. */
static int find_kept(const struct px_events *events, uint64_t last, uint32_t *ret_first)
{
    *ret_first = events->kept_count;
    if (last == events->revision)
        return 0;
    for (uint32_t i = 0; i < events->kept_count; i++) {
        if (events->kept[i].before == last) {
            *ret_first = i;
            return 0;
        }
    }
    return -ENOENT;
}

static char *reset_text(const struct px_events *events, const char *why)
{
    return px_event_text(
        "reset", &events->revision,
        json_pack("{s:I, s:s}", "revision", (json_int_t)events->revision, "why", why));
}

static char *replay(const struct px_events *events, uint32_t first)
{
    size_t len = 0;
    char *text;
    char *end;

    for (uint32_t i = first; i < events->kept_count; i++)
        len += strlen(events->kept[i].text);
    text = end = malloc(len + 1);
    if (!text)
        return NULL;
    for (uint32_t i = first; i < events->kept_count; i++) {
        len = strlen(events->kept[i].text);
        memcpy(end, events->kept[i].text, len);
        end += len;
    }
    *end = '\0';
    return text;
}

/* What a stream begins with: what its reader missed, or "forget what you know". */
static char *first_text(const struct px_events *events, const struct tn_api_call *call)
{
    const struct tn_http_field *field;
    unsigned long long last;
    uint32_t first;

    if (tn_http_find_name(call->head, TN_STR("last-event-id"), &field) == 0)
        return reset_text(events, "new");
    if (tn_str_parse_u64(tn_http_view(call->head, field->value), UINT64_MAX, &last) != 0 ||
        find_kept(events, last, &first) != 0)
        return reset_text(events, "unknown");
    return replay(events, first);
}

/* --- looking -------------------------------------------------------------------------------------
 */

static void tell(void *context, const char *kind, json_t *data)
{
    struct px_events *events = context;
    char *text = px_event_text(kind, NULL, json_incref(data));

    tn_api_events_send(events->streams, text ? tn_str_of(text) : LOST);
    free(text);
}

/* Takes text over. */
static void show(struct px_events *events, unsigned slot, char **shown, char *text)
{
    if (text && (!*shown || strcmp(*shown, text) != 0) &&
        tn_api_events_show(events->streams, slot, tn_str_of(text)) == 0) {
        free(*shown);
        *shown = text;
        return;
    }
    free(text);
}

static void show_state(struct px_events *events)
{
    events->state_ms = now_ms(events);
    events->state_revision = events->revision;
    show(events, SLOT_STATE, &events->state,
         px_event_text("state", NULL, px_event_state(events->options.admin)));
}

static void see(struct px_events *events, const struct px_stats *stats)
{
    const struct px_admin *admin = events->options.admin;
    json_t *share = px_share_json(admin, stats);
    json_t *seen = px_seen_json(admin, share);
    size_t told = 0;

    if (seen) {
        if (events->seen)
            told = px_seen_compare(events->seen, seen, tell, events);
        json_decref(events->seen);
        events->seen = seen;
    }
    if (told > 0 || events->state_revision != events->revision ||
        now_ms(events) - events->state_ms >= STATE_MS)
        show_state(events);
    px_recent_add(&events->recent, admin, stats, now_ms(events), share);
    show(events, SLOT_STATS, &events->stats, px_event_text("stats", NULL, share));
}

/* Nobody follows: nothing is kept that is not true for long. */
static void rest(struct px_events *events)
{
    events->is_followed = false;
    tn_timer_stop(&events->timer);
    tn_api_events_clear(events->streams);
    json_decref(events->seen);
    events->seen = NULL;
    free(events->state);
    free(events->stats);
    events->state = events->stats = NULL;
    px_recent_clear(&events->recent);
}

static uint64_t spacing_ms(const struct px_events *events)
{
    size_t bytes =
        (events->state ? strlen(events->state) : 0) + (events->stats ? strlen(events->stats) : 0);
    uint64_t looks = bytes * tn_api_events_counts(events->streams).readers / LOOK_BYTES + 1;

    return looks * PX_EVENTS_LOOK_MS < LOOK_MAX_MS ? looks * PX_EVENTS_LOOK_MS : LOOK_MAX_MS;
}

static void on_stats(void *context, struct px_stats *stats)
{
    struct px_events *events = context;
    struct px_admin *admin = events->options.admin;

    events->is_looking = false;
    if (stats && events->is_followed)
        see(events, stats);
    px_stats_free(stats);
    if (events->is_followed)
        tn_timer_start(&events->timer, spacing_ms(events), 0);
    px_admin_collected(admin); /* may close us */
}

static void on_timer(struct tn_timer *timer)
{
    struct px_events *events = TN_CONTAINER_OF(timer, struct px_events, timer);
    struct px_admin *admin = events->options.admin;

    if (tn_api_events_counts(events->streams).readers == 0) {
        rest(events);
        return;
    }
    if (admin->is_over || events->is_looking)
        return;
    events->is_looking = true;
    admin->collecting++;
    admin->publisher.collect(admin->publisher.workers, on_stats, events);
}

void px_admin_get_events(struct tn_api_call *call, void *context)
{
    struct px_admin *admin = context;
    struct px_events *events = admin->events;
    char *first;

    if (!events || admin->is_over) {
        tn_api_problem(call, 503, "turnout is %s", admin->is_over ? "stopping" : "starting");
        return;
    }
    if (!events->is_followed) {
        events->is_followed = true;
        show_state(events);
        tn_timer_start(&events->timer, 0, 0);
    }
    first = first_text(events, call);
    if (first)
        tn_api_events_open(events->streams, call, tn_str_of(first));
    else
        tn_api_problem(call, 503, "out of memory");
    free(first);
}

/* --- what is told at once ------------------------------------------------------------------------
 */

void px_events_changed(struct px_events *events, const struct px_change *change)
{
    uint64_t id = change->revision;
    char *text = px_event_text("revision", &id, px_event_of_change(events->options.admin, change));

    if (text) {
        tn_api_events_send(events->streams, tn_str_of(text));
        keep(events, id, text);
    } else {
        forget_kept(events);
        tn_api_events_send(events->streams, LOST);
    }
    events->revision = id;
}

void px_events_guard(struct px_events *events, const char *rule, const char *why)
{
    json_t *data = json_pack("{s:s, s:s}", "rule", rule, "reason", why);

    if (events)
        tell(events, "guard", data);
    json_decref(data);
}

void px_events_end(struct px_events *events, const char *why)
{
    char *text = events ? px_event_text("bye", NULL, json_pack("{s:s}", "why", why)) : NULL;

    if (events)
        tn_api_events_end(events->streams, text ? tn_str_of(text) : TN_STR(""),
                          "turnout is stopping");
    free(text);
}

struct tn_api_events_counts px_events_counts(const struct px_events *events)
{
    return events ? tn_api_events_counts(events->streams) : (struct tn_api_events_counts){0};
}

static void on_changed(void *context, const struct px_change *change)
{
    px_events_changed(context, change);
}

/* --- the whole -----------------------------------------------------------------------------------
 */

int px_events_new(const struct px_events_options *options, struct px_events **ret_events)
{
    struct px_events *events = calloc(1, sizeof(*events));
    int error;

    if (!events)
        return -ENOMEM;
    events->options = *options;
    events->revision = px_rulebook_state(options->admin->book).revision;
    error = tn_api_events_new(options->loop, &options->limits, &events->streams);
    if (!error)
        error = tn_timer_open(&events->timer, options->loop, on_timer);
    if (error) {
        tn_api_events_free(events->streams);
        free(events);
        return error;
    }
    px_rulebook_listen(options->admin->book, on_changed, events);
    *ret_events = events;
    return 0;
}

static void on_timer_closed(struct tn_timer *timer)
{
    free(TN_CONTAINER_OF(timer, struct px_events, timer));
}

void px_events_close(struct px_events *events)
{
    if (!events)
        return;
    assert(!events->is_looking);
    px_rulebook_listen(events->options.admin->book, NULL, NULL);
    rest(events);
    forget_kept(events);
    tn_api_events_free(events->streams);
    tn_timer_close(&events->timer, on_timer_closed);
}

#include "proxy/admin/change.h"

#include "lib/api/json.h"
#include "lib/base/log.h"

#include <stdlib.h>
#include <string.h>

/* The timer's clock stands still while the machine sleeps, CLOCK_BOOTTIME goes on: look often. */
#define LOOK_MS 1000

static uint64_t boottime_ns(const struct px_rulebook *book)
{
    return book->options.clock->boottime_ns(book->options.clock->context);
}

uint64_t px_deadline_ns(const struct px_rulebook *book, const char *until_text, uint64_t length_ns)
{
    uint64_t now = book->options.clock->wall_ns(book->options.clock->context);
    uint64_t until = now;
    uint64_t left;

    px_time_parse(until_text, &until);
    left = until > now ? until - now : 0;
    return boottime_ns(book) + (left < length_ns ? left : length_ns);
}

static uint64_t deadline_of(const struct px_rulebook *book, const char *name)
{
    const json_t *entry = json_object_get(book->modes, name);

    return px_deadline_ns(book, px_mode_until(book->modes, name),
                          (uint64_t)json_integer_value(json_object_get(entry, "timeout_ms")) *
                              1000000);
}

static void arm(struct px_rulebook *book)
{
    uint64_t now = boottime_ns(book);
    uint64_t least = UINT64_MAX;
    const char *name;
    json_t *deadline;

    tn_timer_stop(&book->drains);
    json_object_foreach(book->deadlines, name, deadline)
    {
        uint64_t at = (uint64_t)json_integer_value(json_object_get(deadline, "at"));
        uint64_t left = at > now ? at - now : 0;

        least = left < least ? left : least;
    }
    if (least == UINT64_MAX || !book->is_attached || book->is_stopping || book->passing.is_guest ||
        book->passing.is_bequeathed)
        return;
    least = (least + 999999) / 1000000;
    tn_timer_start(&book->drains, least < LOOK_MS ? least : LOOK_MS, 0);
}

void px_drains_update(struct px_rulebook *book)
{
    json_t *deadlines = json_object();
    const char *name;
    json_t *entry;

    json_object_foreach(book->modes, name, entry)
    {
        const char *until = px_mode_until(book->modes, name);
        json_t *known = json_object_get(book->deadlines, name);

        if (!until)
            continue;
        if (known && strcmp(json_string_value(json_object_get(known, "until")), until) == 0)
            tn_json_set(&deadlines, name, json_incref(known));
        else
            tn_json_set(
                &deadlines, name,
                json_pack("{s:s, s:I}", "until", until, "at", (json_int_t)deadline_of(book, name)));
    }
    book->has_lost_deadlines = !deadlines;
    if (!deadlines) {
        tn_timer_start(&book->drains, LOOK_MS, 0);
        return;
    }
    json_decref(book->deadlines);
    book->deadlines = deadlines;
    arm(book);
}

/* If it was refused (a full queue), the same is tried again. */
static void on_done(struct px_change *change)
{
    struct px_rulebook *book = change->context;

    if (change->status == 200)
        px_drains_update(book);
    else if (!book->is_stopping)
        tn_timer_start(&book->drains, LOOK_MS, 0);
    px_change_free(change);
}

static void submit(struct px_rulebook *book, json_t *modes)
{
    struct px_change *change = px_change_new();

    if (!change || !modes) {
        json_decref(modes);
        px_change_free(change);
        tn_timer_start(&book->drains, LOOK_MS, 0);
        return;
    }
    change->what = "drained";
    change->edit = px_edit_drained;
    change->request = json_pack("{s:o}", "modes", modes);
    if (!change->request) {
        px_change_free(change);
        tn_timer_start(&book->drains, LOOK_MS, 0);
        return;
    }
    change->author = strdup("drain");
    change->reason = strdup("its time is over: nobody stays");
    change->is_urgent = true;
    change->on_done = on_done;
    change->context = book;
    px_rulebook_submit(book, change);
}

void px_drains_on_timer(struct tn_timer *timer)
{
    struct px_rulebook *book = TN_CONTAINER_OF(timer, struct px_rulebook, drains);
    uint64_t now = boottime_ns(book);
    json_t *over = json_object();
    const char *name;
    json_t *deadline;

    if (book->has_lost_deadlines) { /* no memory the last time */
        json_decref(over);
        px_drains_update(book);
        return;
    }
    json_object_foreach(book->deadlines, name, deadline)
    {
        if ((uint64_t)json_integer_value(json_object_get(deadline, "at")) <= now)
            tn_json_set(&over, name, json_incref(json_object_get(deadline, "until")));
    }
    if (over && json_object_size(over) == 0) {
        json_decref(over);
        arm(book);
        return;
    }
    submit(book, over);
}

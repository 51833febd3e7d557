#include "proxy/admin/change.h"
#include "proxy/admin/change_parts.h"

#include "lib/api/json.h"
#include "lib/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As of drains: the timer's clock stands still while the machine sleeps. */
#define LOOK_MS 1000

static uint64_t boottime_ns(const struct px_rulebook *book)
{
    return book->options.clock->boottime_ns(book->options.clock->context);
}

static const char *until_of(const json_t *entry)
{
    return json_string_value(json_object_get(entry, "until"));
}

/* What is left of an entry's time on CLOCK_BOOTTIME. */
static uint64_t left_ns(const struct px_rulebook *book, const json_t *entry)
{
    char key[24];
    uint64_t now = boottime_ns(book);
    uint64_t at;

    snprintf(key, sizeof(key), "%lld",
             (long long)json_integer_value(json_object_get(entry, "revision")));
    at = (uint64_t)json_integer_value(
        json_object_get(json_object_get(book->ttl_deadlines, key), "at"));
    return at > now ? at - now : 0;
}

static void arm(struct px_rulebook *book)
{
    uint64_t least = UINT64_MAX;
    size_t i;
    json_t *entry;

    tn_timer_stop(&book->ttl_timer);
    json_array_foreach(book->ttls, i, entry)
    {
        uint64_t left = left_ns(book, entry);

        least = left < least ? left : least;
    }
    if (least == UINT64_MAX || !book->is_attached || book->is_stopping || book->passing.is_guest ||
        book->passing.is_bequeathed)
        return;
    least = (least + 999999) / 1000000;
    tn_timer_start(&book->ttl_timer, least < LOOK_MS ? least : LOOK_MS, 0);
}

void px_ttls_update(struct px_rulebook *book)
{
    json_t *deadlines = json_object();
    char key[24];
    size_t i;
    json_t *entry;

    json_array_foreach(book->ttls, i, entry)
    {
        json_t *known;
        uint64_t length =
            (uint64_t)json_integer_value(json_object_get(entry, "length_ms")) * 1000000;

        snprintf(key, sizeof(key), "%lld",
                 (long long)json_integer_value(json_object_get(entry, "revision")));
        known = json_object_get(book->ttl_deadlines, key);
        if (known && strcmp(until_of(known), until_of(entry)) == 0)
            tn_json_set(&deadlines, key, json_incref(known));
        else
            tn_json_set(&deadlines, key,
                        json_pack("{s:s, s:I}", "until", until_of(entry), "at",
                                  (json_int_t)px_deadline_ns(book, until_of(entry), length)));
    }
    book->has_lost_ttls = !deadlines;
    if (!deadlines) {
        tn_timer_start(&book->ttl_timer, LOOK_MS, 0);
        return;
    }
    json_decref(book->ttl_deadlines);
    book->ttl_deadlines = deadlines;
    arm(book);
}

/* --- when the time is over ----------------------------------------------------------------------
 */

static void submit(struct px_rulebook *book, json_t *revisions, bool is_given_up);

/* What can't be in force again (the parser refuses it) is given up, and told; everything else is
 * tried again. */
static void on_done(struct px_change *change)
{
    struct px_rulebook *book = change->context;

    if (change->status == 200) {
        px_ttls_update(book);
    } else if (change->status == 422) {
        tn_log(TN_LOG_ERROR, "admin", "a change with a ttl can't go back: %s",
               change->detail ? change->detail : "");
        submit(book, json_incref(json_object_get(change->request, "revisions")), true);
    } else if (!book->is_stopping) {
        tn_timer_start(&book->ttl_timer, LOOK_MS, 0);
    }
    px_change_free(change);
}

/* "revision 17 was for 30m", or of the first of several */
static char *reason_of(const struct px_rulebook *book, const json_t *revisions, bool is_given_up)
{
    const json_t *first = json_array_get(revisions, 0);
    const json_t *entry = px_ttl_find(book->ttls, (uint64_t)json_integer_value(first));
    char length[PX_TTL_LENGTH_SIZE];
    char *text;

    px_ttl_length_text(json_integer_value(json_object_get(entry, "length_ms")), length);
    if (asprintf(&text, "%srevision %lld was for %s%s",
                 is_given_up ? "it could not go back, and stays: " : "", json_integer_value(first),
                 length, json_array_size(revisions) > 1 ? ", …" : "") < 0)
        return NULL;
    return text;
}

/* As a drain's end: it waits for no disk, since what is recorded says anyway that it is over. */
static void submit(struct px_rulebook *book, json_t *revisions, bool is_given_up)
{
    struct px_change *change = px_change_new();

    if (change && revisions)
        change->request = json_pack("{s:O, s:b}", "revisions", revisions, "give_up", is_given_up);
    if (!change || !change->request) {
        json_decref(revisions);
        px_change_free(change);
        tn_timer_start(&book->ttl_timer, LOOK_MS, 0);
        return;
    }
    change->what = "ttl";
    change->edit = px_edit_ttl;
    change->author = strdup("ttl");
    change->reason = reason_of(book, revisions, is_given_up);
    change->is_urgent = true;
    change->on_done = on_done;
    change->context = book;
    json_decref(revisions);
    px_rulebook_submit(book, change);
}

void px_ttls_on_timer(struct tn_timer *timer)
{
    struct px_rulebook *book = TN_CONTAINER_OF(timer, struct px_rulebook, ttl_timer);
    json_t *over = json_array();
    size_t i;
    json_t *entry;

    if (book->has_lost_ttls) { /* no memory the last time */
        json_decref(over);
        px_ttls_update(book);
        return;
    }
    json_array_foreach(book->ttls, i, entry)
    {
        if (left_ns(book, entry) == 0)
            tn_json_append(&over, json_incref(json_object_get(entry, "revision")));
    }
    if (over && json_array_size(over) == 0) {
        json_decref(over);
        arm(book);
        return;
    }
    submit(book, over, false);
}

/* --- what is told -------------------------------------------------------------------------------
 */

static json_t *names_of(const json_t *entry, const char *kind)
{
    json_t *names = json_array();
    size_t i;
    size_t k;
    json_t *part;
    json_t *known;

    json_array_foreach(json_object_get(entry, "parts"), i, part)
    {
        json_t *name = json_object_get(part, kind);
        bool is_there = !name;

        json_array_foreach(names, k, known)
        {
            is_there = is_there || json_equal(known, name);
        }
        if (!is_there)
            tn_json_append(&names, json_incref(name));
    }
    return names;
}

json_t *px_rulebook_ttls(const struct px_rulebook *book)
{
    json_t *list = json_array();
    size_t i;
    json_t *entry;

    json_array_foreach(book->ttls, i, entry)
    {
        tn_json_append(&list, json_pack("{s:O, s:O, s:I, s:o, s:o}", "revision",
                                        json_object_get(entry, "revision"), "until",
                                        json_object_get(entry, "until"), "left_ms",
                                        (json_int_t)(left_ns(book, entry) / 1000000), "rules",
                                        names_of(entry, "rule"), "modes", names_of(entry, "mode")));
    }
    return list;
}

uint64_t px_rulebook_next_ttl(const struct px_rulebook *book)
{
    uint64_t least = UINT64_MAX;
    size_t i;
    json_t *entry;

    json_array_foreach(book->ttls, i, entry)
    {
        uint64_t left = left_ns(book, entry);

        least = left < least ? left : least;
    }
    return least == UINT64_MAX ? 0
                               : book->options.clock->wall_ns(book->options.clock->context) + least;
}

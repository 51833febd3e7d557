#include "proxy/admin/handover.h"

#include "lib/api/json.h"
#include "proxy/admin/change.h"
#include "proxy/admin/change_parts.h"

#include <errno.h>
#include <stdlib.h>

/* --- the old process ---------------------------------------------------------------------------
 */

void px_rulebook_hold(struct px_rulebook *book, void (*on_urgent)(void *context), void *context)
{
    book->passing.is_held = true;
    book->passing.on_urgent = on_urgent;
    book->passing.context = context;
}

/* The change under way still needs the recorder; after it, nothing is begun any more. */
bool px_rulebook_become_quiet(struct px_rulebook *book)
{
    if (book->current || book->recorder.is_writing)
        return false;
    px_recorder_hold(&book->recorder, true);
    return true;
}

void px_rulebook_resume(struct px_rulebook *book)
{
    book->passing.is_held = false;
    book->passing.on_urgent = NULL;
    px_recorder_hold(&book->recorder, false);
    px_rulebook_start_turn(book);
}

json_t *px_rulebook_inheritance(const struct px_rulebook *book)
{
    json_t *record = px_shadowed_record(book);

    return record ? json_pack("{s:o, s:b}", "record", record, "durable", book->recorder.is_durable)
                  : NULL;
}

int px_rulebook_lock_descriptor(const struct px_rulebook *book)
{
    return book->recorder.store ? px_store_lock_descriptor(book->recorder.store) : -1;
}

void px_rulebook_bequeath(struct px_rulebook *book, const char *refusal)
{
    book->passing.is_held = false;
    book->passing.is_bequeathed = true;
    book->passing.refusal = strdup(refusal); /* NULL: said in fewer words */
    book->is_shadowed_unsaved = false;
    tn_timer_stop(&book->drains);
    tn_timer_stop(&book->ttl_timer);
    px_recorder_forget(&book->recorder);
    while (book->waiting_count > 0) {
        struct px_change *change = TN_CONTAINER_OF(book->waiting.next, struct px_change, node);

        tn_list_remove(&change->node);
        book->waiting_count--;
        px_rulebook_refuse_bequeathed(book, change);
        tn_list_push_back(&book->done, &change->node);
    }
    px_rulebook_start_turn(book);
}

void px_rulebook_refuse_bequeathed(const struct px_rulebook *book, struct px_change *change)
{
    px_change_refuse(change, 503, "%s",
                     book->passing.refusal ? book->passing.refusal : "another process took over");
    change->is_for_successor = true;
}

struct following {
    void (*on_followed)(void *context, bool is_done, const char *why);
    void *context;
};

static void on_followed(struct px_change *change)
{
    struct following *following = change->context;

    following->on_followed(following->context, change->status == 200, change->detail);
    free(following);
    px_change_free(change);
}

static int set_member(json_t **target, const json_t *record, const char *name, bool is_list)
{
    const json_t *said = json_object_get(record, name);
    json_t *value = said ? json_deep_copy(said) : is_list ? json_array() : json_object();

    json_decref(*target);
    *target = value;
    return value ? 0 : -ENOMEM;
}

/* The edit of a change that was made elsewhere: its outcome. */
static int follow(struct px_edit *edit)
{
    const json_t *record = json_object_get(edit->request, "record");
    int error = set_member(&edit->rules, record, "rules", true);

    if (!error)
        error = set_member(&edit->unbound, record, "unbound", false);
    if (!error)
        error = set_member(&edit->modes, record, "modes", false);
    if (!error)
        error = set_member(&edit->closing, edit->request, "closing", true);
    return error;
}

int px_rulebook_follow(struct px_rulebook *book, const json_t *news,
                       void (*on_done)(void *context, bool is_done, const char *why), void *context)
{
    json_int_t revision =
        json_integer_value(json_object_get(json_object_get(news, "record"), "revision"));
    struct following *following = malloc(sizeof(*following));
    struct px_change *change = px_change_new();

    if (change)
        change->request = json_deep_copy(news);
    if (!following || !change || !change->request) {
        free(following);
        px_change_free(change);
        return -ENOMEM;
    }
    *following = (struct following){on_done, context};
    /* both count alike */
    if (revision > 0 && (uint64_t)revision > book->revision)
        book->burnt_revision = (uint64_t)revision - 1;
    change->what = "successor's change";
    change->edit = follow;
    change->is_of_successor = true;
    change->is_take_over = true; /* it was allowed there */
    change->is_urgent = true;
    change->on_done = on_followed;
    change->context = following;
    px_rulebook_submit(book, change);
    return 0;
}

/* --- the new process ---------------------------------------------------------------------------
 */

void px_rulebook_own(struct px_rulebook *book)
{
    book->passing.is_guest = false;
    if (book->recorder.store)
        px_store_claim(book->recorder.store);
    px_recorder_hold(&book->recorder, false);
    px_drains_update(book);
    px_ttls_update(book);
    px_rulebook_start_turn(book);
}

json_t *px_rulebook_news(const struct px_rulebook *book)
{
    const json_t *closing = book->current ? book->current->work->closing : NULL;
    json_t *record = px_shadowed_record(book);
    json_t *names = closing ? json_deep_copy(closing) : json_array();

    if (record && names)
        return json_pack("{s:o, s:o}", "record", record, "closing", names);
    json_decref(record);
    json_decref(names);
    return NULL;
}

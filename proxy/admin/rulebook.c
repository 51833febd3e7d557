#include "proxy/admin/change.h"
#include "proxy/admin/change_parts.h"

#include <assert.h>
#include <stdlib.h>

void px_rulebook_start_turn(struct px_rulebook *book)
{
    tn_timer_start(&book->turn, 0, 0);
}

void px_rulebook_check_idle(struct px_rulebook *book)
{
    void (*on_idle)(void *context) = book->on_idle;

    if (!on_idle || book->current || book->waiting_count > 0 || book->parked_count > 0 ||
        !tn_list_is_empty(&book->done) || !px_recorder_is_idle(&book->recorder))
        return;
    book->on_idle = NULL;
    on_idle(book->on_idle_context);
}

void px_rulebook_on_recorder_idle(void *context)
{
    px_rulebook_check_idle(context);
}

void px_rulebook_on_written(void *context, const json_t *record)
{
    struct px_rulebook *book = context;

    px_history_set_durable(&book->history,
                           (uint64_t)json_integer_value(json_object_get(record, "revision")));
}

void px_rulebook_on_turn(struct tn_timer *timer)
{
    struct px_rulebook *book = TN_CONTAINER_OF(timer, struct px_rulebook, turn);

    while (!tn_list_is_empty(&book->done)) {
        struct px_change *change = TN_CONTAINER_OF(book->done.next, struct px_change, node);

        tn_list_remove(&change->node);
        change->on_done(change);
    }
    if (book->waiting_count > 0) {
        const struct px_change *next = TN_CONTAINER_OF(book->waiting.next, struct px_change, node);

        if (next->is_urgent && book->is_recording && !next->is_dry_run)
            px_apply_give_way(book, next);
    }
    if (!book->current && book->waiting_count > 0 && !book->passing.is_held) {
        book->current = TN_CONTAINER_OF(book->waiting.next, struct px_change, node);
        tn_list_remove(&book->current->node);
        book->waiting_count--;
        px_apply_run(book);
    }
    px_rulebook_check_idle(book);
}

/* Urgent ones go ahead, in their order. */
static void enqueue(struct px_rulebook *book, struct px_change *change)
{
    struct tn_list *before = book->waiting.prev;

    if (change->is_urgent) {
        before = &book->waiting;
        while (before->next != &book->waiting &&
               TN_CONTAINER_OF(before->next, struct px_change, node)->is_urgent)
            before = before->next;
    }
    tn_list_insert_after(before, &change->node);
    book->waiting_count++;
}

void px_rulebook_submit(struct px_rulebook *book, struct px_change *change)
{
    change->revision = book->revision;
    if (book->passing.is_bequeathed && !change->is_of_successor)
        px_rulebook_refuse_bequeathed(book, change);
    else if (book->is_stopping || !book->is_attached || book->passing.is_guest)
        px_change_refuse(change, 503, "turnout is %s", book->is_stopping ? "stopping" : "starting");
    else if (book->waiting_count >= PX_CHANGES_MAX * (change->is_urgent ? 2 : 1))
        px_change_refuse(change, 503, "too many changes are waiting");
    if (change->status) {
        tn_list_push_back(&book->done, &change->node);
    } else {
        enqueue(book, change);
    }
    px_rulebook_start_turn(book);
    if (book->passing.is_held && change->is_urgent && !change->is_dry_run && !change->status &&
        book->passing.on_urgent)
        book->passing.on_urgent(book->passing.context);
}

/* --- the rest ----------------------------------------------------------------------------------
 */

void px_rulebook_attach(struct px_rulebook *book, const struct px_publisher *publisher)
{
    book->publisher = *publisher;
    book->is_attached = true;
    px_drains_update(book);
    px_ttls_update(book);
}

void px_rulebook_unused(struct px_rulebook *book, struct px_snapshot *snapshot)
{
    /* The last one stays for status and metrics, and for the prober's endpoints. */
    if (snapshot != book->snapshot)
        px_snapshot_free(book->options.registry, snapshot);
}

struct px_snapshot *px_rulebook_snapshot(const struct px_rulebook *book)
{
    return book->snapshot;
}

const struct px_config *px_rulebook_config(const struct px_rulebook *book)
{
    return book->config;
}

json_t *px_rulebook_rules(const struct px_rulebook *book)
{
    return book->rules;
}

const json_t *px_rulebook_modes(const struct px_rulebook *book)
{
    return book->modes;
}

json_t *px_rulebook_history(const struct px_rulebook *book, size_t count)
{
    json_t *list = px_history_json(&book->history, count);

    return list ? json_pack("{s:I, s:I, s:o}", "revision", (json_int_t)book->revision, "oldest",
                            (json_int_t)px_history_oldest(&book->history), "revisions", list)
                : NULL;
}

struct px_rulebook_state px_rulebook_state(const struct px_rulebook *book)
{
    return (struct px_rulebook_state){.revision = book->revision,
                                      .applied_wall_ns = book->applied_wall_ns,
                                      .is_durable = book->recorder.is_durable,
                                      .has_store = book->recorder.store != NULL,
                                      .is_reload_ok = book->is_reload_ok,
                                      .reloaded_wall_ns = book->reloaded_wall_ns};
}

void px_rulebook_listen(struct px_rulebook *book,
                        void (*on_changed)(void *context, const struct px_change *change),
                        void *context)
{
    book->on_changed = on_changed;
    book->on_changed_context = context;
}

void px_rulebook_stop(struct px_rulebook *book, void (*on_idle)(void *context), void *context)
{
    book->is_stopping = true;
    tn_timer_stop(&book->drains);
    tn_timer_stop(&book->ttl_timer);
    book->on_idle = on_idle;
    book->on_idle_context = context;
    if (book->passing.is_guest)
        px_recorder_forget(&book->recorder); /* the store was never ours */
    else
        px_recorder_stop(&book->recorder);
    px_rulebook_start_turn(book);
}

static void on_closed(void *context)
{
    struct px_rulebook *book = context;

    if (book->on_closed)
        book->on_closed(book->on_closed_context);
    free(book);
}

static void on_ttls_closed(struct tn_timer *timer)
{
    struct px_rulebook *book = TN_CONTAINER_OF(timer, struct px_rulebook, ttl_timer);

    px_recorder_close(&book->recorder, on_closed);
}

static void on_drains_closed(struct tn_timer *timer)
{
    struct px_rulebook *book = TN_CONTAINER_OF(timer, struct px_rulebook, drains);

    tn_timer_close(&book->ttl_timer, on_ttls_closed);
}

static void on_turn_closed(struct tn_timer *timer)
{
    struct px_rulebook *book = TN_CONTAINER_OF(timer, struct px_rulebook, turn);

    tn_timer_close(&book->drains, on_drains_closed);
}

void px_rulebook_close(struct px_rulebook *book, void (*on_closed_fn)(void *context), void *context)
{
    assert(!book->current && book->waiting_count == 0 && tn_list_is_empty(&book->done));
    book->on_closed = on_closed_fn;
    book->on_closed_context = context;
    px_snapshot_free(book->options.registry, book->snapshot);
    book->snapshot = NULL;
    px_shadowed_save(book);
    px_config_free(book->config);
    json_decref(book->rules);
    json_decref(book->hashes);
    json_decref(book->unbound);
    json_decref(book->modes);
    json_decref(book->deadlines);
    json_decref(book->ttls);
    json_decref(book->ttl_deadlines);
    json_decref(book->owners);
    json_decref(book->shadowed);
    free(book->passing.refusal);
    px_history_deinit(&book->history);
    for (uint32_t i = 0; i < PX_RULES_MAX; i++)
        free(book->baselines[i]);
    tn_timer_close(&book->turn, on_turn_closed);
}

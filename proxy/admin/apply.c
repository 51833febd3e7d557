#include "proxy/admin/change.h"
#include "proxy/admin/change_parts.h"

#include "lib/base/log.h"
#include "proxy/admin/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t wall_ns(const struct px_rulebook *book)
{
    return book->options.clock->wall_ns(book->options.clock->context);
}

static void log_change(const struct px_change *change)
{
    const char *reason = change->reason ? change->reason : "";
    char buffer[PX_PEER_TEXT_SIZE];
    const char *who = px_peer_text(change->author, change->peer, buffer);

    if (change->status != 200)
        tn_log(TN_LOG_WARNING, "admin", "%s by %s was refused: %s", change->what, who,
               change->detail ? change->detail : "");
    else if (change->work->is_changed && !change->is_dry_run)
        tn_log(TN_LOG_INFO, "admin", "revision %llu: %s by %s%s%s",
               (unsigned long long)change->revision, change->what, who, *reason ? ": " : "",
               reason);
    if (change->work->not_durable)
        tn_log(TN_LOG_ERROR, "admin", "revision %llu: applied, NOT durable: %s",
               (unsigned long long)change->revision, change->work->not_durable);
}

static bool is_reload(const struct px_change *change)
{
    return !change->edit && !change->yaml && !change->work->is_note;
}

/* A file that was refused stays there, and the next start trips over it: an alert asks for this. */
static void note_reload(struct px_rulebook *book, const struct px_change *change)
{
    if (!is_reload(change) || change->is_dry_run)
        return;
    book->is_reload_ok = change->status == 200;
    if (book->is_reload_ok)
        book->reloaded_wall_ns = wall_ns(book);
}

static void answer(struct px_rulebook *book, struct px_change *change, uint64_t revision)
{
    note_reload(book, change);
    change->revision = revision;
    if (change->status == 200)
        px_change_set_answer(book, change);
    log_change(change);
    change->on_done(change);
    if (book->waiting_count > 0)
        px_rulebook_start_turn(book);
    px_rulebook_check_idle(book);
}

static void finish(struct px_rulebook *book)
{
    struct px_change *change = book->current;

    book->current = NULL;
    book->is_recording = false;
    answer(book, change, book->revision);
}

/* --- recording ---------------------------------------------------------------------------------
 */

static void publish(struct px_rulebook *book);

static void tell_snapshot(struct px_rulebook *book)
{
    if (book->options.on_snapshot)
        book->options.on_snapshot(book->options.context, book->snapshot);
}

/* The change was refused after its snapshot was built. */
static void give_up(struct px_rulebook *book)
{
    struct px_change_work *work = book->current->work;

    if (work->snapshot)
        tell_snapshot(book); /* who made himself ready for the other one forgets it */
    px_snapshot_free(book->options.registry, work->snapshot);
    work->snapshot = NULL;
    finish(book);
}

/* Of a change that is not applied before it is on the disk. */
static void on_recorded(void *context, int error, const char *why)
{
    struct px_change *change = context;
    struct px_rulebook *book = change->work->book;

    book->is_recording = false;
    if (!error) {
        change->status = 200;
        if (change->work->is_note)
            finish(book);
        else
            publish(book);
        return;
    }
    book->is_shadowed_unsaved = px_has_notes(book);
    px_change_refuse(change, error == -ENOSPC || error == -EDQUOT ? 507 : 500,
                     "%s; nothing was changed", why ? why : "the store can't be written");
    give_up(book);
}

/* Of a change that is in force already. */
static void on_parked_recorded(void *context, int error, const char *why)
{
    struct px_change *change = context;
    struct px_rulebook *book = change->work->book;

    if (error) {
        change->work->not_durable = strdup(why ? why : "the store can't be written");
        book->is_shadowed_unsaved = px_has_notes(book);
    }
    book->parked_count--;
    answer(book, change, change->work->revision);
}

/* Whatever the disk does, the next change need not wait for it. */
static void park(struct px_rulebook *book)
{
    struct px_change *change = book->current;

    book->current = NULL;
    book->parked_count++;
    px_recorder_put(&book->recorder, json_incref(change->work->record), true, on_parked_recorded,
                    change);
    if (book->waiting_count > 0)
        px_rulebook_start_turn(book);
}

/* What is applied only once it is on the disk. */
static void record(struct px_rulebook *book)
{
    struct px_change *change = book->current;

    change->work->book = book;
    book->is_recording = true;
    if (change->work->is_note) {
        change->work->record = px_shadowed_record(book);
        book->is_shadowed_unsaved = false; /* unless on_recorded says otherwise */
    }
    px_recorder_put(&book->recorder, json_incref(change->work->record), false, on_recorded, change);
    if (book->waiting_count > 0)
        px_rulebook_start_turn(book); /* an urgent one may have come while loops were asked */
}

/*
 * An urgent change does not wait for the disk that the current one waits for. Its record may get
 * there nevertheless, so its revision is used up: what comes now is a later one, and overrules it.
 */
void px_apply_give_way(struct px_rulebook *book, const struct px_change *urgent)
{
    struct px_change *change = book->current;
    char who[PX_PEER_TEXT_SIZE];

    if (px_recorder_withdraw(&book->recorder, change) &&
        change->work->revision > book->burnt_revision)
        book->burnt_revision = change->work->revision;
    book->is_shadowed_unsaved = px_has_notes(book);
    px_change_refuse(change, 412, "%s by %s came first; nothing was changed", urgent->what,
                     px_peer_text(urgent->author, urgent->peer, who));
    give_up(book);
}

/* --- applying ----------------------------------------------------------------------------------
 */

/* It is in force. */
static void settle(struct px_rulebook *book)
{
    struct px_change *change = book->current;

    change->status = 200;
    if (change->work->is_changed && book->on_changed)
        book->on_changed(book->on_changed_context, change);
    if (change->is_urgent && change->work->is_changed && book->recorder.store)
        park(book);
    else
        finish(book);
}

static void on_stats(void *context, struct px_stats *stats)
{
    struct px_rulebook *book = context;

    px_baseline_set(book, book->current->work, stats);
    px_stats_free(stats);
    settle(book);
}

/* --- ending what is open ------------------------------------------------------------------------
 */

static void close_next(struct px_rulebook *book);

static void on_broken_off(void *context, uint32_t count)
{
    struct px_rulebook *book = context;

    book->current->work->closed_count += count;
    close_next(book);
}

/* One name after the other; then the counters. */
static void close_next(struct px_rulebook *book)
{
    struct px_change_work *work = book->current->work;
    struct px_selection selection;

    while (work->closing_done < json_array_size(work->closing)) {
        const char *name = json_string_value(json_array_get(work->closing, work->closing_done++));

        if (!px_mode_select(book->snapshot, name, &selection))
            continue;
        book->publisher.break_off(book->publisher.workers, &selection, on_broken_off, book);
        return;
    }
    if (work->snapshot)
        book->publisher.collect(book->publisher.workers, on_stats, book);
    else
        settle(book);
}

static void on_switched(void *context)
{
    close_next(context);
}

static void replace(json_t **target, json_t *with)
{
    json_decref(*target);
    *target = json_incref(with);
}

static void adopt(struct px_rulebook *book, struct px_change_work *work)
{
    struct px_config *old = book->config;

    book->snapshot = work->snapshot;
    book->config = px_config_ref(work->config);
    px_config_free(old);
    replace(&book->rules, work->after);
    replace(&book->hashes, work->hashes);
    replace(&book->unbound, work->unbound);
    replace(&book->modes, work->modes);
    replace(&book->ttls, work->ttls);
    if (work->accepted[0])
        json_object_del(book->shadowed, work->accepted);
    if (work->is_changed)
        book->applied_wall_ns = work->wall_ns;
    if (work->entry)
        px_history_add(&book->history, work->entry);
    work->entry = NULL;
    book->revision = work->revision;
}

static void publish(struct px_rulebook *book)
{
    struct px_change_work *work = book->current->work;

    adopt(book, work);
    px_modes_apply(book->modes, work->snapshot);
    px_unbound_apply(book->unbound, work->snapshot);
    px_drains_update(book);
    px_ttls_update(book);
    tell_snapshot(book);
    book->publisher.publish(book->publisher.workers, work->snapshot, on_switched, book);
}

static int build(struct px_rulebook *book, struct px_change *change)
{
    struct px_change_work *work = change->work;
    struct px_snapshot_plan plan = {.config = work->config,
                                    .rules = work->rules,
                                    .rule_count = work->rule_count,
                                    .revision = work->revision,
                                    .previous = book->snapshot};
    char *why = NULL;
    int error = px_snapshot_build(book->options.registry, &plan, &why, &work->snapshot);

    if (!error)
        work->rules = NULL; /* the snapshot's now */
    else
        px_change_refuse(change, error == -ENOMEM ? 503 : 422, "%s", why ? why : "out of memory");
    free(why);
    return error;
}

/* Everybody has what he needs: from here on only the store can refuse. */
static void on_prepared(void *context, int error)
{
    struct px_rulebook *book = context;
    struct px_change *change = book->current;
    const struct px_change_work *work = change->work;
    /* the answer too: what was done should not be told as a failure */
    change->revision = work->revision;
    if (!error)
        px_change_set_answer(book, change);
    if (!change->answer || px_change_make_record(book, change) != 0) {
        if (!change->detail)
            px_change_refuse(change, 503, "out of memory; nothing was changed");
        give_up(book);
        return;
    }
    if (!book->recorder.store || change->is_urgent || !px_change_has_news(book, work))
        publish(book);
    else
        record(book);
}

static void prepare(struct px_rulebook *book)
{
    struct px_snapshot *snapshot = book->current->work->snapshot;
    char *why = NULL;
    int error = 0;

    if (book->options.on_prepare)
        error = book->options.on_prepare(book->options.context, snapshot, &why);
    if (error && why)
        px_change_refuse(book->current, 422, "%s; nothing was changed", why);
    free(why);
    if (error)
        on_prepared(book, error);
    else
        book->publisher.prepare(book->publisher.workers, snapshot, on_prepared, book);
}

void px_apply_run(struct px_rulebook *book)
{
    struct px_change *change = book->current;
    struct px_change_work *work = change->work;

    if (work->is_note) {
        change->status = 200;
        if (!book->recorder.store || !book->is_shadowed_unsaved)
            finish(book);
        else
            record(book);
        return;
    }
    if (px_change_compute(book, change) != 0) {
        finish(book);
        return;
    }
    /* a reload without a change still brings new key files */
    if (change->is_dry_run ||
        (!work->is_changed && !is_reload(change) && json_array_size(work->closing) == 0)) {
        change->status = 200;
        finish(book);
        return;
    }
    work->book = book;
    if (!work->is_changed && json_array_size(work->closing) > 0) {
        close_next(book); /* cut already, but something is still open */
        return;
    }
    work->wall_ns = wall_ns(book);
    work->revision = work->is_changed ? px_change_next_revision(book) : book->revision;
    work->previous = book->revision;
    if (build(book, change) != 0)
        finish(book);
    else
        prepare(book);
}

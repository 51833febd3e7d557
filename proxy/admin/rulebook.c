#include "proxy/admin/change.h"

#include "lib/base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t wall_ns(const struct px_rulebook *book)
{
    return book->options.clock->wall_ns(book->options.clock->context);
}

static void start_turn(struct px_rulebook *book)
{
    tn_timer_start(&book->turn, 0, 0);
}

static void check_idle(struct px_rulebook *book)
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
    check_idle(context);
}

/* --- answering ---------------------------------------------------------------------------------
 */

static void log_change(const struct px_change *change)
{
    const char *author = change->author ? change->author : "somebody";

    if (change->status != 200)
        tn_log(TN_LOG_WARNING, "admin", "%s by %s was refused: %s", change->what, author,
               change->detail ? change->detail : "");
    else if (change->work->is_changed && !change->is_dry_run)
        tn_log(TN_LOG_INFO, "admin", "revision %llu: %s by %s%s%s",
               (unsigned long long)change->revision, change->what, author,
               change->reason ? ": " : "", change->reason ? change->reason : "");
    if (change->work->not_durable)
        tn_log(TN_LOG_ERROR, "admin", "revision %llu: applied, NOT durable: %s",
               (unsigned long long)change->revision, change->work->not_durable);
}

static void answer(struct px_rulebook *book, struct px_change *change, uint64_t revision)
{
    change->revision = revision;
    if (change->status == 200)
        change->answer = px_change_answer(book, change);
    log_change(change);
    change->on_done(change);
    if (book->waiting_count > 0)
        start_turn(book);
    check_idle(book);
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
    book->is_shadowed_unsaved = json_object_size(book->shadowed) > 0;
    px_snapshot_free(book->options.registry, change->work->snapshot);
    change->work->snapshot = NULL;
    px_change_refuse(change, error == -ENOSPC || error == -EDQUOT ? 507 : 500,
                     "%s; nothing was changed", why ? why : "the store can't be written");
    finish(book);
}

/* Of a change that is in force already. */
static void on_parked_recorded(void *context, int error, const char *why)
{
    struct px_change *change = context;
    struct px_rulebook *book = change->work->book;

    if (error) {
        change->work->not_durable = strdup(why ? why : "the store can't be written");
        book->is_shadowed_unsaved = json_object_size(book->shadowed) > 0;
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
    book->is_shadowed_unsaved = false; /* unless on_parked_recorded says otherwise */
    px_recorder_put(&book->recorder, px_change_record(book, change), true, on_parked_recorded,
                    change);
    if (book->waiting_count > 0)
        start_turn(book);
}

/* What is applied only once it is on the disk. */
static void record(struct px_rulebook *book)
{
    struct px_change *change = book->current;

    change->work->book = book;
    book->is_recording = true;
    book->is_shadowed_unsaved = false; /* unless on_recorded says otherwise */
    px_recorder_put(&book->recorder,
                    change->work->is_note ? px_shadowed_record(book)
                                          : px_change_record(book, change),
                    false, on_recorded, change);
}

/*
 * An urgent change does not wait for the disk that the current one waits for. Its record may get
 * there nevertheless, so its revision is used up: what comes now is a later one, and overrules it.
 */
static void give_way(struct px_rulebook *book, const struct px_change *urgent)
{
    struct px_change *change = book->current;

    if (px_recorder_withdraw(&book->recorder, change) &&
        change->work->revision > book->burnt_revision)
        book->burnt_revision = change->work->revision;
    book->is_shadowed_unsaved = json_object_size(book->shadowed) > 0;
    px_snapshot_free(book->options.registry, change->work->snapshot);
    change->work->snapshot = NULL;
    px_change_refuse(change, 412, "%s by %s came first; nothing was changed", urgent->what,
                     urgent->author ? urgent->author : "somebody");
    finish(book);
}

/* --- applying ----------------------------------------------------------------------------------
 */

static void on_stats(void *context, struct px_stats *stats)
{
    struct px_rulebook *book = context;

    px_baseline_set(book, book->current->work, stats);
    px_stats_free(stats);
    book->current->status = 200;
    if (book->current->is_urgent && book->recorder.store)
        park(book);
    else
        finish(book);
}

static void on_switched(void *context)
{
    struct px_rulebook *book = context;

    book->publisher.collect(book->publisher.workers, on_stats, book);
}

static void adopt(struct px_rulebook *book, struct px_change_work *work)
{
    struct px_config *old = book->config;

    book->snapshot = work->snapshot;
    book->config = px_config_ref(work->config);
    px_config_free(old);
    json_decref(book->rules);
    book->rules = json_incref(work->after);
    json_decref(book->hashes);
    book->hashes = json_incref(work->hashes);
    json_decref(book->unbound);
    book->unbound = json_incref(work->unbound);
    if (work->is_changed)
        book->applied_wall_ns = work->wall_ns;
    book->revision = work->revision;
}

static void publish(struct px_rulebook *book)
{
    struct px_change_work *work = book->current->work;

    adopt(book, work);
    px_unbound_apply(book->unbound, work->snapshot);
    if (book->options.on_snapshot)
        book->options.on_snapshot(book->options.context, work->snapshot);
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

/* The current change, from its request to the moment where somebody has to be waited for. */
static void run(struct px_rulebook *book)
{
    struct px_change *change = book->current;
    struct px_change_work *work = change->work;
    bool is_reload = !change->edit && !change->yaml;

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
    if (change->is_dry_run || (!work->is_changed && !is_reload)) {
        change->status = 200;
        finish(book);
        return;
    }
    work->wall_ns = wall_ns(book);
    work->revision = work->is_changed ? px_change_next_revision(book) : book->revision;
    if (build(book, change) != 0) {
        finish(book);
        return;
    }
    work->book = book;
    if (!book->recorder.store || change->is_urgent ||
        (!work->is_changed && json_equal(work->hashes, book->hashes)))
        publish(book);
    else
        record(book);
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
            give_way(book, next);
    }
    if (!book->current && book->waiting_count > 0) {
        book->current = TN_CONTAINER_OF(book->waiting.next, struct px_change, node);
        tn_list_remove(&book->current->node);
        book->waiting_count--;
        run(book);
    }
    check_idle(book);
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
    if (book->is_stopping || !book->is_attached)
        px_change_refuse(change, 503, "turnout is %s", book->is_stopping ? "stopping" : "starting");
    else if (book->waiting_count >= PX_CHANGES_MAX * (change->is_urgent ? 2 : 1))
        px_change_refuse(change, 503, "too many changes are waiting");
    if (change->status) {
        tn_list_push_back(&book->done, &change->node);
    } else {
        enqueue(book, change);
    }
    start_turn(book);
}

/* --- the rest ----------------------------------------------------------------------------------
 */

void px_rulebook_attach(struct px_rulebook *book, const struct px_publisher *publisher)
{
    book->publisher = *publisher;
    book->is_attached = true;
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

struct px_rulebook_state px_rulebook_state(const struct px_rulebook *book)
{
    return (struct px_rulebook_state){book->revision, book->applied_wall_ns,
                                      book->recorder.is_durable};
}

void px_rulebook_stop(struct px_rulebook *book, void (*on_idle)(void *context), void *context)
{
    book->is_stopping = true;
    book->on_idle = on_idle;
    book->on_idle_context = context;
    px_recorder_stop(&book->recorder);
    start_turn(book);
}

static void on_closed(void *context)
{
    struct px_rulebook *book = context;

    if (book->on_closed)
        book->on_closed(book->on_closed_context);
    free(book);
}

static void on_turn_closed(struct tn_timer *timer)
{
    struct px_rulebook *book = TN_CONTAINER_OF(timer, struct px_rulebook, turn);

    px_recorder_close(&book->recorder, on_closed);
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
    json_decref(book->shadowed);
    for (uint32_t i = 0; i < PX_RULES_MAX; i++)
        free(book->baselines[i]);
    tn_timer_close(&book->turn, on_turn_closed);
}

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

    if (!on_idle || book->current || book->waiting_count > 0 || !tn_list_is_empty(&book->done))
        return;
    book->on_idle = NULL;
    on_idle(book->on_idle_context);
}

/* --- answering ---------------------------------------------------------------------------------
 */

static void log_change(const struct px_rulebook *book, const struct px_change *change)
{
    const char *author = change->author ? change->author : "somebody";

    if (change->status != 200)
        tn_log(TN_LOG_WARNING, "admin", "%s by %s was refused: %s", change->what, author,
               change->detail ? change->detail : "");
    else if (change->work->is_changed && !change->is_dry_run)
        tn_log(TN_LOG_INFO, "admin", "revision %llu: %s by %s%s%s",
               (unsigned long long)book->revision, change->what, author, change->reason ? ": " : "",
               change->reason ? change->reason : "");
}

static void finish(struct px_rulebook *book)
{
    struct px_change *change = book->current;

    book->current = NULL;
    change->revision = book->revision;
    if (change->status == 200)
        change->answer = px_change_answer(book, change);
    log_change(book, change);
    change->on_done(change);
    if (book->waiting_count > 0)
        start_turn(book);
    check_idle(book);
}

/* --- applying ----------------------------------------------------------------------------------
 */

static void on_stats(void *context, struct px_stats *stats)
{
    struct px_rulebook *book = context;

    px_baseline_set(book, book->current->work, stats);
    px_stats_free(stats);
    book->current->status = 200;
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
    if (work->is_changed)
        book->applied_wall_ns = work->wall_ns;
    book->revision = work->revision;
}

static void publish(struct px_rulebook *book)
{
    struct px_change_work *work = book->current->work;

    adopt(book, work);
    if (book->options.on_snapshot)
        book->options.on_snapshot(book->options.context, work->snapshot);
    book->publisher.publish(book->publisher.workers, work->snapshot, on_switched, book);
}

static void on_recorded(void *context, int error, const char *why)
{
    struct px_rulebook *book = context;
    struct px_change *change = book->current;

    if (!error) {
        book->is_durable = true;
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

static int record(struct px_rulebook *book)
{
    const struct px_change *change = book->current;
    json_t *text =
        change->work->is_note ? px_shadowed_record(book) : px_change_record(book, change);
    int error = text ? px_store_append(book->store, book->options.control, text, on_recorded, book)
                     : -ENOMEM;

    json_decref(text);
    if (!error)
        book->is_shadowed_unsaved = false; /* unless on_recorded says otherwise */
    return error;
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
        if (!book->store || !book->is_shadowed_unsaved)
            finish(book);
        else if (record(book) != 0)
            on_recorded(book, -ENOMEM, "out of memory");
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
    work->revision = book->revision + work->is_changed;
    if (build(book, change) != 0) {
        finish(book);
        return;
    }
    if (!book->store || (!work->is_changed && json_equal(work->hashes, book->hashes)))
        publish(book);
    else if (record(book) != 0)
        on_recorded(book, -ENOMEM, "out of memory");
}

void px_rulebook_on_turn(struct tn_timer *timer)
{
    struct px_rulebook *book = TN_CONTAINER_OF(timer, struct px_rulebook, turn);

    while (!tn_list_is_empty(&book->done)) {
        struct px_change *change = TN_CONTAINER_OF(book->done.next, struct px_change, node);

        tn_list_remove(&change->node);
        change->on_done(change);
    }
    if (!book->current && book->waiting_count > 0) {
        book->current = TN_CONTAINER_OF(book->waiting.next, struct px_change, node);
        tn_list_remove(&book->current->node);
        book->waiting_count--;
        run(book);
    }
    check_idle(book);
}

void px_rulebook_submit(struct px_rulebook *book, struct px_change *change)
{
    change->revision = book->revision;
    if (book->is_stopping || !book->is_attached)
        px_change_refuse(change, 503, "turnout is %s", book->is_stopping ? "stopping" : "starting");
    else if (book->waiting_count >= PX_CHANGES_MAX)
        px_change_refuse(change, 503, "too many changes are waiting");
    if (change->status) {
        tn_list_push_back(&book->done, &change->node);
    } else {
        tn_list_push_back(&book->waiting, &change->node);
        book->waiting_count++;
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
    return (struct px_rulebook_state){book->revision, book->applied_wall_ns, book->is_durable};
}

void px_rulebook_stop(struct px_rulebook *book, void (*on_idle)(void *context), void *context)
{
    book->is_stopping = true;
    book->on_idle = on_idle;
    book->on_idle_context = context;
    start_turn(book);
}

static void on_turn_closed(struct tn_timer *timer)
{
    struct px_rulebook *book = TN_CONTAINER_OF(timer, struct px_rulebook, turn);

    if (book->on_closed)
        book->on_closed(book->on_closed_context);
    free(book);
}

void px_rulebook_close(struct px_rulebook *book, void (*on_closed)(void *context), void *context)
{
    assert(!book->current && book->waiting_count == 0 && tn_list_is_empty(&book->done));
    book->on_closed = on_closed;
    book->on_closed_context = context;
    px_snapshot_free(book->options.registry, book->snapshot);
    book->snapshot = NULL;
    px_shadowed_save(book);
    px_store_close(book->store);
    px_config_free(book->config);
    json_decref(book->rules);
    json_decref(book->hashes);
    json_decref(book->shadowed);
    for (uint32_t i = 0; i < PX_RULES_MAX; i++)
        free(book->baselines[i]);
    tn_timer_close(&book->turn, on_turn_closed);
}

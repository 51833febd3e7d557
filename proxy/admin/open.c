#include "proxy/admin/open.h"
#include "proxy/admin/change.h"
#include "proxy/admin/change_parts.h"

#include "lib/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* The start is a change like others, from what the store holds to what is in force. */
struct opening {
    struct px_rulebook *book;
    struct px_change *change;
    json_t *last;      /* the store's last record, or what is in force elsewhere, or NULL */
    bool is_unwritten; /* the store does not have it */
    char **ret_why;
};

static int refuse(struct opening *opening, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(struct opening *opening, int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (!*opening->ret_why && vasprintf(opening->ret_why, format, args) < 0)
        *opening->ret_why = NULL;
    va_end(args);
    return error;
}

/* Rules that were set at run time, joined with what the file says now. */
static int join(struct opening *opening)
{
    struct px_rulebook *book = opening->book;
    struct px_change_work *work = opening->change->work;
    struct px_merge merge = {.current = json_object_get(opening->last, "rules"),
                             .applied = json_object_get(opening->last, "file"),
                             .hashes = work->hashes,
                             .notes = work->notes};
    json_t *merged = NULL;
    int error;

    merge.file = px_rules_to_json(book->config->rules, book->config->rule_count);
    error = merge.file ? px_merge_rules(&merge, &merged) : -ENOMEM;
    json_decref(merge.file);
    if (!error &&
        px_change_parse(opening->change, merged, book->config, book->config->store_file) != 0)
        error = refuse(opening, -EINVAL,
                       "%s: the rules of revision %lld do not fit %s: %s. Mend the file, or move "
                       "the store away to start with the file's rules",
                       book->config->store_file,
                       json_integer_value(json_object_get(opening->last, "revision")),
                       book->config->file,
                       opening->change->detail ? opening->change->detail : "out of memory");
    json_decref(merged);
    return error;
}

static uint64_t parse_at(const json_t *record, uint64_t now)
{
    const char *text = json_string_value(json_object_get(record, "at"));
    struct tm tm = {0};

    /* only shown to people: a text that is none is as good as now */
    if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
        return now;
    return (uint64_t)timegm(&tm) * 1000000000;
}

static bool is_same_or_none(const json_t *modes, const json_t *said)
{
    return said ? json_equal(modes, said) : json_object_size(modes) == 0;
}

static void compare(struct opening *opening)
{
    struct px_rulebook *book = opening->book;
    struct px_change_work *work = opening->change->work;
    uint64_t before = (uint64_t)json_integer_value(json_object_get(opening->last, "revision"));

    work->wall_ns = book->options.clock->wall_ns(book->options.clock->context);
    book->applied_wall_ns = work->wall_ns;
    work->is_changed =
        !opening->last || !json_equal(work->after, json_object_get(opening->last, "rules")) ||
        !is_same_or_none(work->modes, json_object_get(opening->last, "modes")) ||
        json_array_size(work->ttls) != json_array_size(json_object_get(opening->last, "ttls"));
    work->revision = before + work->is_changed;
    work->previous = before;
    if (!work->is_changed)
        book->applied_wall_ns = parse_at(opening->last, work->wall_ns);
}

static int build(struct opening *opening)
{
    struct px_rulebook *book = opening->book;
    struct px_change_work *work = opening->change->work;
    struct px_snapshot_plan plan = {.config = book->config,
                                    .rules = work->rules ? work->rules : book->config->rules,
                                    .rule_count =
                                        work->rules ? work->rule_count : book->config->rule_count,
                                    .revision = work->revision};
    int error = px_snapshot_build(book->options.registry, &plan, opening->ret_why, &book->snapshot);

    if (error)
        return refuse(opening, error, "out of memory");
    work->rules = NULL;
    book->rules = json_incref(work->after);
    book->hashes = json_incref(work->hashes);
    book->unbound = json_incref(work->unbound);
    book->modes = json_incref(work->modes);
    book->ttls = json_incref(work->ttls);
    px_modes_apply(book->modes, book->snapshot);
    px_unbound_apply(book->unbound, book->snapshot);
    book->revision = work->revision;
    return 0;
}

/* Records of several revisions reach the store in their order, or wait for each other. */
int px_open_record(struct px_rulebook *book, json_t *record)
{
    struct px_revision *entry = px_revision_new(record, false);
    struct px_recorder *recorder = &book->recorder;
    char *why = NULL;

    if (!entry)
        return -ENOMEM;
    if (recorder->store && book->passing.is_guest) {
        px_recorder_put(recorder, json_incref(record), true, NULL, NULL);
    } else if (recorder->store && recorder->count == 0 &&
               px_store_append_now(recorder->store, record, &why) == 0) {
        entry->is_durable = true;
    } else if (recorder->store) {
        px_recorder_put_failed(recorder, json_incref(record), why);
    }
    free(why);
    px_history_add(&book->history, entry);
    return 0;
}

static int record(struct opening *opening)
{
    struct px_change_work *work = opening->change->work;

    if (!work->is_changed && !opening->is_unwritten &&
        json_equal(work->hashes, json_object_get(opening->last, "file")))
        return 0;
    work->record = px_change_record(opening->book, opening->change);
    return work->record ? px_open_record(opening->book, work->record) : -ENOMEM;
}

static void log_notes(const struct opening *opening)
{
    size_t i;
    json_t *note;

    json_array_foreach(opening->change->work->notes, i, note)
    {
        tn_log(TN_LOG_INFO, "store", "%s", json_string_value(note));
    }
}

/* As the store has them, with what ran out meanwhile, and as the file's endpoints are now. */
static int restore_modes(struct opening *opening)
{
    struct px_rulebook *book = opening->book;
    struct px_change_work *work = opening->change->work;
    uint64_t now = book->options.clock->wall_ns(book->options.clock->context);
    json_t *addresses = px_addresses_of(book->config);
    json_t *said = px_modes_parse(json_object_get(opening->last, "modes"));

    if (addresses && said && px_modes_expire(said, now) >= 0)
        work->modes = px_modes_fit(said, addresses, work->notes);
    json_decref(addresses);
    json_decref(said);
    return work->modes ? 0 : -ENOMEM;
}

/* Those that the file's changes touch are over, as with a reload. */
static int keep_ttls(struct opening *opening)
{
    struct px_change_work *work = opening->change->work;
    const json_t *last = opening->last;
    json_t *said = px_ttl_parse(json_object_get(last, "ttls"));
    json_t *touched = px_touched_by_file(json_object_get(last, "file"), work->hashes);
    struct px_ttl_change change = {
        .ttls = said,
        .before = {json_object_get(last, "rules"), json_object_get(last, "modes")},
        .after = {work->after, work->modes},
        .touched = touched,
    };

    work->ttls = said && touched ? px_ttl_after(&change) : NULL;
    json_decref(said);
    json_decref(touched);
    return work->ttls ? 0 : -ENOMEM;
}

/* Where the store says the same as the other process, it says more. */
static void inherit(struct opening *opening)
{
    json_t *record = json_object_get(opening->book->options.inheritance, "record");
    const json_t *last = opening->last;

    if (!record ||
        (last &&
         json_equal(json_object_get(last, "revision"), json_object_get(record, "revision")) &&
         json_equal(json_object_get(last, "rules"), json_object_get(record, "rules")) &&
         json_is_true(json_object_get(opening->book->options.inheritance, "durable"))))
        return;
    json_decref(opening->last);
    opening->last = json_incref(record);
    opening->is_unwritten = opening->book->recorder.store != NULL;
}

static int run(struct opening *opening)
{
    struct px_rulebook *book = opening->book;
    struct px_change_work *work = opening->change->work;
    int error = 0;

    opening->change->what = "start";
    if (book->config->store_file) {
        error =
            px_store_open_locked(book->config->store_file, book->options.lock_fd, &book->history,
                                 opening->ret_why, &opening->last, &book->recorder.store);
        if (error)
            return refuse(opening, error, "%s: %s", book->config->store_file, strerror(-error));
        book->recorder.is_durable = true;
        error = opening->last && !book->passing.is_guest ? px_open_expire(book, &opening->last) : 0;
        if (error)
            return refuse(opening, error, "out of memory");
    } else if (book->options.lock_fd >= 0) {
        close(book->options.lock_fd);
    }
    inherit(opening);
    work->notes = json_array();
    work->hashes = px_hashes_of(book->config);
    work->unbound = json_object_get(opening->last, "unbound")
                        ? json_deep_copy(json_object_get(opening->last, "unbound"))
                        : json_object();
    if (!work->notes || !work->hashes || !work->unbound || restore_modes(opening) != 0)
        return refuse(opening, -ENOMEM, "out of memory");
    book->shadowed = px_shadowed_parse(json_object_get(opening->last, "shadowed"));
    book->owners = px_owners_parse(json_object_get(opening->last, "owners"));
    book->had_owners = json_object_size(book->owners) > 0;
    if (!book->shadowed || !book->owners)
        return refuse(opening, -ENOMEM, "out of memory");
    if (opening->last)
        error = join(opening);
    if (error)
        return refuse(opening, error, "out of memory");
    work->after = work->rules ? px_rules_to_json(work->rules, work->rule_count)
                              : px_rules_to_json(book->config->rules, book->config->rule_count);
    if (!work->after)
        return refuse(opening, -ENOMEM, "out of memory");
    error = keep_ttls(opening);
    if (error)
        return refuse(opening, error, "out of memory");
    compare(opening);
    error = build(opening);
    if (!error)
        error = record(opening);
    if (error)
        return refuse(opening, error, "out of memory");
    log_notes(opening);
    return 0;
}

static struct px_rulebook *new_book(const struct px_rulebook_options *options)
{
    struct px_rulebook *book = calloc(1, sizeof(*book));

    if (!book)
        return NULL;
    book->options = *options;
    book->is_reload_ok = true;
    book->reloaded_wall_ns = options->clock->wall_ns(options->clock->context);
    book->config = px_config_ref(options->config);
    book->passing.is_guest = options->inheritance != NULL;
    tn_list_init(&book->waiting);
    tn_list_init(&book->done);
    tn_timer_open(&book->turn, options->control, px_rulebook_on_turn);
    tn_timer_open(&book->drains, options->control, px_drains_on_timer);
    tn_timer_open(&book->ttl_timer, options->control, px_ttls_on_timer);
    px_recorder_init(&book->recorder, options->control, px_rulebook_on_written,
                     px_rulebook_on_recorder_idle, book);
    px_recorder_hold(&book->recorder, book->passing.is_guest);
    return book;
}

int px_rulebook_open(const struct px_rulebook_options *options, char **ret_why,
                     struct px_rulebook **ret_book)
{
    struct opening opening = {
        .book = new_book(options), .change = px_change_new(), .ret_why = ret_why};
    int error = -ENOMEM;

    *ret_why = NULL;
    if (opening.book && opening.change)
        error = run(&opening);
    json_decref(opening.last);
    px_change_free(opening.change);
    if (error) {
        if (opening.book)
            px_rulebook_close(opening.book, NULL, NULL);
        return error;
    }
    *ret_book = opening.book;
    return 0;
}

#include "proxy/admin/store.h"

#include "lib/api/json.h"
#include "lib/base/log.h"
#include "lib/journal/journal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Where the first record of a revision begins. */
struct px_store_mark {
    uint64_t revision;
    uint64_t start;
};

struct px_store {
    struct tn_journal *journal;
    struct tn_work work;
    bool is_writing;
    char *record;      /* being written */
    uint64_t revision; /* of it */
    int error;
    char *why;
    char *compact_why; /* the record is safe, but the file could not be made smaller */
    px_store_done_fn *on_done;
    void *context;
    struct px_store_mark marks[PX_HISTORY_MAX]; /* the last revisions, the oldest first */
    uint32_t mark_count;
    uint64_t last_line; /* where the last record begins */
};

static int refuse(char **ret_why, const char *text)
{
    *ret_why = strdup(text);
    return -EBADMSG;
}

/* Only what later code relies on; what the rules say is checked against the configuration. */
static int check_record(const json_t *record, char **ret_why)
{
    const json_t *format = json_object_get(record, "format");
    const json_t *revision = json_object_get(record, "revision");

    if (!json_is_object(record))
        return refuse(ret_why, "the record is not a JSON object");
    if (!json_is_integer(format) || json_integer_value(format) != PX_STORE_FORMAT)
        return refuse(ret_why, "the record is not of format 1: was a newer Turnout here?");
    if (!json_is_integer(revision) || json_integer_value(revision) < 1)
        return refuse(ret_why, "the record has no revision");
    if (!json_is_array(json_object_get(record, "rules")) ||
        !json_is_object(json_object_get(record, "file")))
        return refuse(ret_why, "the record has no rules");
    return 0;
}

/* What a revision's first record begins with moves with every revision; that of the oldest one that
 * is to be kept is where a smaller file begins. */
static void count_line(struct px_store *store, uint64_t revision, uint64_t start)
{
    store->last_line = start;
    if (store->mark_count > 0 && revision <= store->marks[store->mark_count - 1].revision)
        return;
    if (store->mark_count == PX_HISTORY_MAX) {
        store->mark_count--;
        memmove(&store->marks[0], &store->marks[1], store->mark_count * sizeof(store->marks[0]));
    }
    store->marks[store->mark_count++] = (struct px_store_mark){revision, start};
}

/* --- reading -----------------------------------------------------------------------------------
 */

struct reading {
    struct px_store *store;
    struct px_history *history;
    json_t *last;
    uint64_t at; /* where the line begins */
};

static int take_record(struct reading *reading, json_t *record, size_t len)
{
    struct px_revision *revision = reading->history ? px_revision_new(record, true) : NULL;

    if (reading->history && !revision)
        return -ENOMEM;
    if (revision)
        px_history_add(reading->history, revision);
    count_line(reading->store, (uint64_t)json_integer_value(json_object_get(record, "revision")),
               reading->at);
    reading->at += len + TN_JOURNAL_OVERHEAD;
    json_decref(reading->last);
    reading->last = json_incref(record);
    return 0;
}

static int on_record(void *context, unsigned line, struct tn_str text, char **ret_why)
{
    json_error_t error;
    bool is_no_memory;
    json_t *record = tn_json_parse(text, &error, &is_no_memory);
    int r;

    (void)line;
    if (is_no_memory)
        return -ENOMEM;
    if (!record) {
        if (asprintf(ret_why, "the record is not JSON: %s", error.text) < 0)
            *ret_why = NULL;
        return -EBADMSG;
    }
    r = check_record(record, ret_why);
    if (!r)
        r = take_record(context, record, text.len);
    json_decref(record);
    return r;
}

int px_store_open(const char *path, struct px_history *history, char **ret_why, json_t **ret_last,
                  struct px_store **ret_store)
{
    return px_store_open_locked(path, -1, history, ret_why, ret_last, ret_store);
}

int px_store_lock_descriptor(const struct px_store *store)
{
    return tn_journal_lock_descriptor(store->journal);
}

void px_store_claim(struct px_store *store)
{
    tn_journal_claim(store->journal);
}

int px_store_open_locked(const char *path, int lock_fd, struct px_history *history, char **ret_why,
                         json_t **ret_last, struct px_store **ret_store)
{
    struct px_store *store = calloc(1, sizeof(*store));
    struct reading reading = {.store = store, .history = history};
    const struct tn_journal_options options = {
        .path = path, .on_record = on_record, .context = &reading, .lock_fd = lock_fd};
    size_t cut = 0;
    int error;

    if (!store) {
        if (lock_fd >= 0)
            close(lock_fd);
        return -ENOMEM;
    }
    error = tn_journal_open_with(&options, &cut, ret_why, &store->journal);
    if (error) {
        json_decref(reading.last);
        free(store);
        return error;
    }
    if (cut > 0)
        tn_log(TN_LOG_WARNING, "store",
               "%s: the last line (%zu bytes) was cut off by a crash before anybody was answered: "
               "removed",
               path, cut);
    *ret_last = reading.last;
    *ret_store = store;
    return 0;
}

/* --- writing -----------------------------------------------------------------------------------
 */

/* Where a smaller file would begin: at the oldest revision that the history keeps. Of notes on one
 * revision without end only the last says what is in force. */
static uint64_t kept_from(const struct px_store *store)
{
    uint64_t size = tn_journal_size(store->journal);
    uint32_t oldest = 0;

    while (oldest + 2 < store->mark_count && size - store->marks[oldest].start > PX_HISTORY_BYTES)
        oldest++;
    if (size - store->marks[oldest].start > 2 * (uint64_t)TN_JOURNAL_RECORD_MAX)
        return store->last_line;
    return store->marks[oldest].start;
}

static void forget_before(struct px_store *store, uint64_t from)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < store->mark_count; i++) {
        if (store->marks[i].start >= from)
            store->marks[kept++] =
                (struct px_store_mark){store->marks[i].revision, store->marks[i].start - from};
    }
    if (kept == 0) /* only notes on the last revision are left */
        store->marks[kept++] =
            (struct px_store_mark){store->marks[store->mark_count - 1].revision, 0};
    store->mark_count = kept;
    store->last_line -= from;
}

static void compact(struct px_store *store)
{
    uint64_t size = tn_journal_size(store->journal);
    uint64_t from;

    if (size <= PX_STORE_COMPACT_BYTES)
        return;
    from = kept_from(store);
    if (size < 2 * (size - from))
        return;
    tn_journal_compact(store->journal, from, &store->compact_why);
    if (tn_journal_size(store->journal) == size - from)
        forget_before(store, from); /* the file is the new one, whatever failed after that */
}

static void write_record(struct px_store *store)
{
    uint64_t start = tn_journal_size(store->journal);

    store->error = tn_journal_append(store->journal, tn_str_of(store->record), &store->why);
    if (store->error)
        return;
    count_line(store, store->revision, start);
    compact(store);
}

static void tell_compaction(struct px_store *store)
{
    if (!store->compact_why)
        return;
    tn_log(TN_LOG_WARNING, "store", "%s", store->compact_why);
    free(store->compact_why);
    store->compact_why = NULL;
}

static bool set_record(struct px_store *store, const json_t *record)
{
    store->record = tn_json_text(record, JSON_COMPACT);
    store->revision = (uint64_t)json_integer_value(json_object_get(record, "revision"));
    return store->record != NULL;
}

int px_store_append_now(struct px_store *store, const json_t *record, char **ret_why)
{
    assert(!store->is_writing);
    *ret_why = NULL;
    if (!set_record(store, record))
        return -ENOMEM;
    write_record(store);
    tell_compaction(store);
    free(store->record);
    store->record = NULL;
    *ret_why = store->why;
    store->why = NULL;
    return store->error;
}

static void on_pool_thread(struct tn_work *work)
{
    write_record(TN_CONTAINER_OF(work, struct px_store, work));
}

static void on_written(struct tn_work *work)
{
    struct px_store *store = TN_CONTAINER_OF(work, struct px_store, work);
    char *why = store->why;

    store->is_writing = false;
    store->why = NULL;
    free(store->record);
    store->record = NULL;
    tell_compaction(store);
    store->on_done(store->context, store->error, why);
    free(why);
}

int px_store_append(struct px_store *store, struct tn_loop *loop, const json_t *record,
                    px_store_done_fn *on_done, void *context)
{
    int error;

    assert(!store->is_writing);
    if (!set_record(store, record))
        return -ENOMEM;
    store->on_done = on_done;
    store->context = context;
    store->work.run = on_pool_thread;
    store->work.on_done = on_written;
    error = tn_work_start(&store->work, loop);
    if (error) {
        free(store->record);
        store->record = NULL;
        return error;
    }
    store->is_writing = true;
    return 0;
}

void px_store_close(struct px_store *store)
{
    if (!store)
        return;
    assert(!store->is_writing);
    tn_journal_close(store->journal);
    free(store);
}

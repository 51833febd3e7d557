#include "proxy/admin/store.h"

#include "lib/api/json.h"
#include "lib/base/log.h"
#include "lib/journal/journal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct px_store {
    struct tn_journal *journal;
    struct tn_work work;
    bool is_writing;
    char *record; /* being written */
    int error;
    char *why;
    char *compact_why; /* the record is safe, but the file could not be made smaller */
    px_store_done_fn *on_done;
    void *context;
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

static int on_record(void *context, unsigned line, struct tn_str text, char **ret_why)
{
    json_t **last = context;
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
    if (r) {
        json_decref(record);
        return r;
    }
    json_decref(*last);
    *last = record;
    return 0;
}

int px_store_open(const char *path, char **ret_why, json_t **ret_last, struct px_store **ret_store)
{
    struct px_store *store = calloc(1, sizeof(*store));
    json_t *last = NULL;
    size_t cut = 0;
    int error;

    *ret_why = NULL;
    if (!store)
        return -ENOMEM;
    error = tn_journal_open(path, on_record, &last, &cut, ret_why, &store->journal);
    if (error) {
        json_decref(last);
        free(store);
        return error;
    }
    if (cut > 0)
        tn_log(TN_LOG_WARNING, "store",
               "%s: the last line (%zu bytes) was cut off by a crash before anybody was answered: "
               "removed",
               path, cut);
    *ret_last = last;
    *ret_store = store;
    return 0;
}

static void write_record(struct px_store *store)
{
    struct tn_str record = tn_str_of(store->record);

    store->error = tn_journal_append(store->journal, record, &store->why);
    if (store->error || tn_journal_size(store->journal) <= PX_STORE_COMPACT_BYTES ||
        tn_journal_size(store->journal) < 2 * record.len)
        return;
    tn_journal_compact(store->journal, record, &store->compact_why);
}

static void tell_compaction(struct px_store *store)
{
    if (!store->compact_why)
        return;
    tn_log(TN_LOG_WARNING, "store", "%s", store->compact_why);
    free(store->compact_why);
    store->compact_why = NULL;
}

int px_store_append_now(struct px_store *store, const json_t *record, char **ret_why)
{
    assert(!store->is_writing);
    *ret_why = NULL;
    store->record = tn_json_text(record, JSON_COMPACT);
    if (!store->record)
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
    store->record = tn_json_text(record, JSON_COMPACT);
    if (!store->record)
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

#include "engine/store.h"

#include "engine/platform.h"
#include "lib/api/json.h"
#include "lib/journal/journal.h"

#include <errno.h>
#include <stdlib.h>

struct en_store {
    struct tn_journal *journal;
    json_t *values;
    size_t cut_bytes;
};

static int take_record(void *context, unsigned line, struct tn_str record, char **ret_why)
{
    struct en_store *store = context;
    bool no_memory = false;
    json_error_t error;
    json_t *values = tn_json_parse(record, &error, &no_memory);

    (void)line;
    if (!values && no_memory)
        return -ENOMEM;
    if (!json_is_object(values)) {
        json_decref(values);
        return en_fail(ret_why, -EBADMSG, "no record of an engine");
    }
    json_decref(store->values);
    store->values = values;
    return 0;
}

int en_store_open(const char *path, char **ret_why, struct en_store **ret_store)
{
    struct en_store *store = calloc(1, sizeof(*store));
    int r = -ENOMEM;

    if (store)
        store->values = json_object();
    if (store && store->values)
        r = tn_journal_open(path, take_record, store, &store->cut_bytes, ret_why, &store->journal);
    if (r < 0)
        en_store_close(store);
    else
        *ret_store = store;
    return r;
}

json_t *en_store_get(const struct en_store *store, const char *name)
{
    return json_object_get(store->values, name);
}

uint64_t en_store_cut_bytes(const struct en_store *store)
{
    return store->cut_bytes;
}

static int append(struct en_store *store, const json_t *values, char **ret_why)
{
    char *text = tn_json_text(values, JSON_COMPACT);
    uint64_t before = tn_journal_size(store->journal);
    int r = text ? tn_journal_append(store->journal, tn_str_of(text), ret_why) : -ENOMEM;

    /* Each record is the whole. What can't be made shorter now is so the next time. */
    if (r == 0 && before > EN_STORE_COMPACT_BYTES)
        (void)tn_journal_compact(store->journal, before, NULL);
    free(text);
    return r;
}

int en_store_put(struct en_store *store, const char *name, json_t *value, char **ret_why)
{
    json_t *values = json_copy(store->values);
    int r;

    if (value && json_equal(value, json_object_get(store->values, name))) {
        json_decref(value);
        json_decref(values);
        return 0;
    }
    tn_json_set(&values, name, value);
    r = values ? append(store, values, ret_why) : -ENOMEM;
    if (r < 0) {
        json_decref(values);
        if (r == -ENOMEM)
            en_fail(ret_why, r, "out of memory");
        return r;
    }
    json_decref(store->values);
    store->values = values;
    return 0;
}

void en_store_close(struct en_store *store)
{
    if (!store)
        return;
    tn_journal_close(store->journal);
    json_decref(store->values);
    free(store);
}

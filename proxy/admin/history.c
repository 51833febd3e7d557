#include "proxy/admin/history.h"

#include "lib/api/json.h"
#include "proxy/admin/differ.h"

#include <assert.h>
#include <stdlib.h>

static uint64_t number_of(const json_t *record, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(record, key));

    return number > 0 ? (uint64_t)number : 0;
}

struct px_revision *px_revision_new(const json_t *record, bool is_durable)
{
    char *text = record ? tn_json_text(record, JSON_COMPACT) : NULL;
    size_t len = text ? strlen(text) : 0;
    struct px_revision *revision = text ? malloc(sizeof(*revision) + len + 1) : NULL;

    if (revision) {
        *revision = (struct px_revision){.number = number_of(record, "revision"),
                                         .previous = number_of(record, "previous"),
                                         .is_durable = is_durable,
                                         .len = len};
        memcpy(revision->text, text, len + 1);
    }
    free(text);
    return revision;
}

json_t *px_revision_record(const struct px_revision *revision)
{
    json_error_t error;
    bool is_no_memory;

    return tn_json_parse((struct tn_str){revision->text, revision->len}, &error, &is_no_memory);
}

static void drop(struct px_history *history, size_t place)
{
    history->bytes -= history->entries[place]->len;
    free(history->entries[place]);
    history->count--;
    memmove(&history->entries[place], &history->entries[place + 1],
            (history->count - place) * sizeof(history->entries[0]));
}

void px_history_add(struct px_history *history, struct px_revision *revision)
{
    assert(revision);
    while (revision->previous > 0 && history->count > 0 &&
           history->entries[history->count - 1]->number > revision->previous)
        drop(history, history->count - 1);
    if (history->count > 0 && history->entries[history->count - 1]->number >= revision->number) {
        free(revision); /* a note on a revision that is here */
        return;
    }
    while (history->count == PX_HISTORY_MAX ||
           (history->count >= 2 && history->bytes + revision->len > PX_HISTORY_BYTES))
        drop(history, 0);
    history->entries[history->count++] = revision;
    history->bytes += revision->len;
}

static struct px_revision *find(const struct px_history *history, uint64_t number)
{
    for (size_t i = history->count; i-- > 0;) {
        if (history->entries[i]->number == number)
            return history->entries[i];
    }
    return NULL;
}

void px_history_set_durable(struct px_history *history, uint64_t number)
{
    struct px_revision *revision = find(history, number);

    if (revision)
        revision->is_durable = true;
}

const struct px_revision *px_history_find(const struct px_history *history, uint64_t number)
{
    return find(history, number);
}

const struct px_revision *px_history_before(const struct px_history *history, uint64_t number)
{
    for (size_t i = history->count; i-- > 1;) {
        if (history->entries[i]->number == number)
            return history->entries[i - 1];
    }
    return NULL;
}

uint64_t px_history_oldest(const struct px_history *history)
{
    return history->count > 0 ? history->entries[0]->number : 0;
}

/* --- as JSON ------------------------------------------------------------------------------------
 */

static json_t *member_or_null(const json_t *record, const char *key)
{
    json_t *value = json_object_get(record, key);

    return value ? json_incref(value) : json_null();
}

/* What it changed; before: the record of the revision before it, or NULL: that is not kept. */
static void put_changes(json_t **entry, const json_t *before, const json_t *record)
{
    json_t *rules = json_object_get(record, "rules");
    json_t *old = json_object_get(before, "rules");

    if (!before && number_of(record, "revision") > 1) {
        tn_json_set(entry, "before", json_null());
        tn_json_set(entry, "after", json_null());
        tn_json_set(entry, "modes", json_null());
        return;
    }
    tn_json_set(entry, "before", px_differing_rules(old, rules));
    tn_json_set(entry, "after", px_differing_rules(rules, old));
    tn_json_set(
        entry, "modes",
        px_differing_modes(json_object_get(before, "modes"), json_object_get(record, "modes")));
}

static json_t *entry_json(const struct px_revision *revision, const json_t *before,
                          const json_t *record)
{
    static const char *const copied[] = {"at", "what", "author", "peer", "reason", "to_revision"};
    json_t *entry = json_pack("{s:I, s:b}", "revision", (json_int_t)revision->number, "durable",
                              revision->is_durable);

    for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
        tn_json_set(&entry, copied[i], member_or_null(record, copied[i]));
    put_changes(&entry, before, record);
    return entry;
}

json_t *px_history_json(const struct px_history *history, size_t count)
{
    json_t *list = json_array();
    size_t place = history->count;
    json_t *record = place > 0 ? px_revision_record(history->entries[place - 1]) : NULL;

    for (; list && place > 0 && count > 0; place--, count--) {
        json_t *before = place > 1 ? px_revision_record(history->entries[place - 2]) : NULL;
        bool has_memory = record && (before || place == 1);

        tn_json_append(&list,
                       has_memory ? entry_json(history->entries[place - 1], before, record) : NULL);
        json_decref(record);
        record = before;
    }
    json_decref(record);
    return list;
}

void px_history_deinit(struct px_history *history)
{
    while (history->count > 0)
        drop(history, history->count - 1);
}

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

static void read_ttls(struct px_revision *revision, const json_t *record)
{
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(record, "ttls"), i, item)
    {
        if (revision->ttl_count < PX_TTL_MAX)
            revision->ttls[revision->ttl_count++] =
                (struct px_revision_ttl){number_of(item, "revision"),
                                         (uint32_t)json_array_size(json_object_get(item, "parts"))};
    }
    json_array_foreach(json_object_get(record, "reverts"), i, item)
    {
        if (revision->revert_count < PX_TTL_MAX)
            revision->reverts[revision->revert_count++] = (uint64_t)json_integer_value(item);
    }
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
        read_ttls(revision, record);
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

static const struct px_revision_ttl *find_ttl(const struct px_revision *revision, uint64_t number)
{
    for (uint32_t i = 0; i < revision->ttl_count; i++) {
        if (revision->ttls[i].number == number)
            return &revision->ttls[i];
    }
    return NULL;
}

static bool has_reverted(const struct px_revision *revision, uint64_t number)
{
    for (uint32_t i = 0; i < revision->revert_count; i++) {
        if (revision->reverts[i] == number)
            return true;
    }
    return false;
}

/*
 * What became of a change with a ttl: the newest revision that does not know it any more, while the
 * one before does, ended it. One that waited under another is known again once that is over.
 */
static json_t *ttl_json(const struct px_history *history, size_t place, const json_t *record)
{
    const struct px_revision *revision = history->entries[place];
    const struct px_revision_ttl *own = find_ttl(revision, revision->number);
    const json_t *entry = px_ttl_find(json_object_get(record, "ttls"), revision->number);
    const struct px_revision_ttl *last = own;
    size_t end = history->count;

    if (!own || !entry)
        return json_null();
    while (end > place + 1 && !find_ttl(history->entries[end - 1], revision->number))
        end--;
    last = find_ttl(history->entries[end - 1], revision->number);
    return json_pack("{s:O, s:O, s:s, s:b, s:o}", "until", json_object_get(entry, "until"),
                     "length_ms", json_object_get(entry, "length_ms"), "state",
                     end == history->count                                   ? "running"
                     : has_reverted(history->entries[end], revision->number) ? "went_back"
                                                                             : "superseded",
                     "partly_superseded", last->part_count < own->part_count, "by",
                     end == history->count
                         ? json_null()
                         : json_integer((json_int_t)history->entries[end]->number));
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
        json_t *entry = record && (before || place == 1)
                            ? entry_json(history->entries[place - 1], before, record)
                            : NULL;

        if (entry)
            tn_json_set(&entry, "ttl", ttl_json(history, place - 1, record));
        tn_json_append(&list, entry);
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

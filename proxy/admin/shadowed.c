#include "proxy/admin/change.h"

#include "lib/api/json.h"
#include "lib/base/log.h"

#include <stdlib.h>

json_t *px_shadowed_parse(const json_t *said)
{
    json_t *object = json_object();
    const char *version;
    json_t *since;

    json_object_foreach((json_t *)(uintptr_t)said, version, since)
    {
        if (json_is_string(since) && json_object_set(object, version, since) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

json_t *px_shadowed_record(const struct px_rulebook *book)
{
    char at[TN_RFC3339_SIZE];

    /* the rules are as old as before */
    json_t *record = json_pack(
        "{s:i, s:I, s:s, s:s, s:O, s:O, s:O}", "format", PX_STORE_FORMAT, "revision",
        (json_int_t)book->revision, "at", tn_clock_rfc3339(book->applied_wall_ns, at), "what",
        "shadowed", "rules", book->rules, "file", book->hashes, "shadowed", book->shadowed);

    if (json_object_size(book->unbound) > 0)
        tn_json_set(&record, "unbound", json_incref(book->unbound));
    if (json_object_size(book->modes) > 0)
        tn_json_set(&record, "modes", json_incref(book->modes));
    if (json_object_size(book->owners) > 0)
        tn_json_set(&record, "owners", json_deep_copy(book->owners));
    if (json_array_size(book->ttls) > 0)
        tn_json_set(&record, "ttls", json_incref(book->ttls));
    return record;
}

void px_shadowed_save(struct px_rulebook *book)
{
    json_t *record = NULL;
    char *why = NULL;

    if (!book->recorder.store || !book->is_shadowed_unsaved || book->passing.is_guest)
        return;
    record = px_shadowed_record(book);
    if (!record || px_store_append_now(book->recorder.store, record, &why) != 0)
        tn_log(TN_LOG_ERROR, "store", "%s: which versions got mirrored requests is NOT recorded",
               why ? why : "no memory");
    free(why);
    json_decref(record);
}

static void on_noted(struct px_change *change)
{
    px_change_free(change); /* a refusal was logged; the next record, or the end, says it */
}

void px_rulebook_mirrored(struct px_rulebook *book, const char *version)
{
    const struct tn_clock *clock = book->options.clock;
    struct px_change *change;
    char at[TN_RFC3339_SIZE];

    if (json_object_get(book->shadowed, version))
        return;
    tn_clock_rfc3339(clock->wall_ns(clock->context), at);
    if (json_object_set_new(book->shadowed, version, json_string(at)) != 0)
        return; /* told again with the next rules */
    tn_log(TN_LOG_INFO, "admin", "version %s gets mirrored requests: its data is shadow data now",
           version);
    book->is_shadowed_unsaved = true;
    change = px_change_new();
    if (!change)
        return;
    change->what = "shadowed";
    change->work->is_note = true;
    change->on_done = on_noted;
    px_rulebook_submit(book, change);
}

const char *px_rulebook_shadowed_since(const struct px_rulebook *book, const char *version)
{
    return json_string_value(json_object_get(book->shadowed, version));
}

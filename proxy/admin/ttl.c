#include "proxy/admin/ttl.h"

#include "lib/api/json.h"
#include "lib/base/clock.h"
#include "proxy/admin/modes.h"
#include "proxy/admin/ttl_parts.h"

#include <errno.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static uint64_t revision_of(const json_t *entry)
{
    return (uint64_t)json_integer_value(json_object_get(entry, "revision"));
}

static uint64_t until_of(const json_t *entry)
{
    uint64_t until = 0;

    px_time_parse(text_of(entry, "until"), &until);
    return until;
}

json_t *px_ttl_find(const json_t *ttls, uint64_t revision)
{
    size_t i;
    json_t *entry;

    json_array_foreach(ttls, i, entry)
    {
        if (revision_of(entry) == revision)
            return entry;
    }
    return NULL;
}

/* --- what a change is about although it leaves it as it is --------------------------------------
 */

static bool is_of_rule(const char *name, const char *rule)
{
    size_t len = strlen(rule);

    return name && strncmp(name, rule, len) == 0 && (name[len] == '\0' || name[len] == '/');
}

static bool is_named(const json_t *touched, const json_t *part)
{
    size_t i;
    json_t *one;

    json_array_foreach(touched, i, one)
    {
        const char *rule = text_of(one, "rule");

        if (px_ttl_is_same_part(one, part))
            return true;
        if (rule && !json_object_get(one, "key") && is_of_rule(text_of(part, "rule"), rule))
            return true;
    }
    return false;
}

/* 1: it is another one now, or the change was about it; 0: not; -ENOMEM. */
static int is_touched(const struct px_ttl_change *change, const json_t *part)
{
    json_t *before = px_ttl_value(&change->before, part);
    json_t *after = px_ttl_value(&change->after, part);
    int r = !before || !after ? -ENOMEM : !json_equal(before, after);

    json_decref(before);
    json_decref(after);
    return r == 0 ? is_named(change->touched, part) : r;
}

/* --- entries that stay --------------------------------------------------------------------------
 */

/* The entry with these parts, which it takes over. */
static json_t *entry_with(const json_t *entry, json_t *parts)
{
    json_t *copy = parts ? json_copy((json_t *)(uintptr_t)entry) : NULL;

    tn_json_set(&copy, "parts", parts);
    return copy;
}

static json_t *untouched_parts(const struct px_ttl_change *change, const json_t *entry)
{
    json_t *parts = json_array();
    size_t i;
    json_t *part;

    json_array_foreach(json_object_get(entry, "parts"), i, part)
    {
        int r = change->is_end_of_drain ? 0 : is_touched(change, part);

        if (r < 0)
            tn_json_append(&parts, NULL);
        else if (r == 0)
            tn_json_append(&parts, json_incref(part));
    }
    return parts;
}

static bool is_dropped(const struct px_ttl_change *change, const json_t *entry)
{
    size_t i;
    json_t *revision;

    json_array_foreach(change->drop, i, revision)
    {
        if (json_integer_value(revision) == (json_int_t)revision_of(entry))
            return true;
    }
    return false;
}

static json_t *entries_that_stay(const struct px_ttl_change *change)
{
    json_t *list = json_array();
    size_t i;
    json_t *entry;

    json_array_foreach(change->ttls, i, entry)
    {
        json_t *parts;

        if (is_dropped(change, entry))
            continue;
        parts = untouched_parts(change, entry);
        if (parts && json_array_size(parts) == 0)
            json_decref(parts);
        else
            tn_json_append(&list, entry_with(entry, parts));
    }
    return list;
}

/* --- entries that come --------------------------------------------------------------------------
 */

/* Parts of an entry that is there already join it. */
static int add_entry(json_t *list, json_t *entry)
{
    json_t *known = px_ttl_find(list, revision_of(entry));

    if (!known)
        return json_array_append(list, entry) == 0 ? 0 : -ENOMEM;
    return json_array_extend(json_object_get(known, "parts"), json_object_get(entry, "parts")) == 0
               ? 0
               : -ENOMEM;
}

static json_t *find_part(const json_t *parts, const json_t *part)
{
    size_t i;
    json_t *other;

    json_array_foreach(parts, i, other)
    {
        if (px_ttl_is_same_part(part, other))
            return other;
    }
    return NULL;
}

/* The part of an entry that this one takes the place of; ret_entry: of which. NULL: none. */
static json_t *find_pending(const json_t *ttls, const json_t *part, const json_t **ret_entry)
{
    size_t i;
    json_t *entry;

    json_array_foreach(ttls, i, entry)
    {
        json_t *other = find_part(json_object_get(entry, "parts"), part);

        if (!other)
            continue;
        *ret_entry = entry;
        return other;
    }
    return NULL;
}

/* What was set for a longer time than this one waits under it. */
static json_t *waiting(const json_t *from, const json_t *before, const json_t *under)
{
    json_t *level = json_pack("{s:O, s:O, s:O, s:O}", "revision", json_object_get(from, "revision"),
                              "until", json_object_get(from, "until"), "length_ms",
                              json_object_get(from, "length_ms"), "before", before);

    if (under)
        tn_json_set(&level, "under", json_incref((json_t *)(uintptr_t)under));
    return level;
}

/*
 * Where a part goes back to when another change with a ttl holds it: not to what is temporary as
 * well, unless that is to last longer. With the same value nothing was put on top of that one: its
 * time is set anew.
 */
static int inherit(const struct px_ttl_change *change, json_t *part, bool is_same)
{
    const json_t *level = NULL; /* whose "before" is what lies below it */
    json_t *pending = find_pending(change->ttls, part, &level);
    json_t *before;
    json_t *under;

    if (!pending || (!is_same && until_of(level) > change->until_wall_ns)) {
        json_t *waits = pending ? waiting(level, json_object_get(pending, "before"),
                                          json_object_get(pending, "under"))
                                : NULL;

        if (pending && (!waits || json_object_set_new(part, "under", waits) != 0))
            return -ENOMEM;
        return 0;
    }
    before = json_object_get(pending, "before");
    under = json_object_get(pending, "under");
    while (under && until_of(under) <= change->until_wall_ns) {
        before = json_object_get(under, "before");
        under = json_object_get(under, "under");
    }
    if (json_object_set(part, "before", before) != 0 ||
        (under && json_object_set(part, "under", under) != 0))
        return -ENOMEM;
    return 0;
}

/* Parts that stay as they are and are about to get another time. */
static int add_renewed(const struct px_ttl_change *change, json_t *parts)
{
    json_t *entry;
    size_t i;
    size_t k;
    json_t *part;

    json_array_foreach(change->ttls, i, entry)
    {
        json_array_foreach(json_object_get(entry, "parts"), k, part)
        {
            json_t *copy;

            if (find_part(parts, part) || !is_named(change->touched, part))
                continue;
            copy = json_copy(part);
            if (copy)
                json_object_del(copy, "under");
            if (!copy || inherit(change, copy, true) != 0 || json_array_append(parts, copy) != 0) {
                json_decref(copy);
                return -ENOMEM;
            }
            json_decref(copy);
        }
    }
    return 0;
}

static json_t *own_parts(const struct px_ttl_change *change)
{
    json_t *parts = px_ttl_differing(&change->before, &change->after);
    size_t i;
    json_t *part;
    int error = parts ? 0 : -ENOMEM;

    json_array_foreach(parts, i, part)
    {
        if (!error)
            error = inherit(change, part, false);
    }
    if (!error)
        error = add_renewed(change, parts);
    if (!error)
        return parts;
    json_decref(parts);
    return NULL;
}

static int add_own(const struct px_ttl_change *change, json_t *list)
{
    char until[TN_RFC3339_SIZE];
    json_t *parts = own_parts(change);
    json_t *entry;
    int error;

    if (parts && json_array_size(parts) == 0) {
        json_decref(parts);
        return 0;
    }
    entry = json_pack("{s:I, s:s, s:I}", "revision", (json_int_t)change->revision, "until",
                      tn_clock_rfc3339(change->until_wall_ns, until), "length_ms",
                      (json_int_t)change->length_ms);
    tn_json_set(&entry, "parts", parts);
    error = entry ? add_entry(list, entry) : -ENOMEM;
    json_decref(entry);
    return error;
}

json_t *px_ttl_after(const struct px_ttl_change *change)
{
    json_t *list = entries_that_stay(change);
    size_t i;
    json_t *entry;
    int error = list ? 0 : -ENOMEM;

    json_array_foreach(change->add, i, entry)
    {
        if (!error)
            error = add_entry(list, entry);
    }
    if (!error && change->length_ms > 0)
        error = add_own(change, list);
    if (!error)
        return list;
    json_decref(list);
    return NULL;
}

#include "proxy/admin/ttl.h"

#include "lib/api/json.h"
#include "proxy/admin/modes.h"
#include "proxy/admin/ttl_parts.h"

#include <errno.h>
#include <string.h>

/* --- taking back --------------------------------------------------------------------------------
 */

/* What waited under a part is an entry again, with that part. */
static int surface(json_t *add, const json_t *part, const json_t *under)
{
    json_t *own = json_copy((json_t *)(uintptr_t)part);
    json_t *deeper = json_object_get(under, "under");
    json_t *entry;
    int error;

    tn_json_set(&own, "before", json_incref(json_object_get(under, "before")));
    if (own)
        json_object_del(own, "under");
    if (deeper)
        tn_json_set(&own, "under", json_incref(deeper));
    entry = json_pack("{s:O, s:O, s:O, s:[o]}", "revision", json_object_get(under, "revision"),
                      "until", json_object_get(under, "until"), "length_ms",
                      json_object_get(under, "length_ms"), "parts", own);
    error = entry && json_array_append(add, entry) == 0 ? 0 : -ENOMEM;
    json_decref(entry);
    return error;
}

static bool is_order(const json_t *part)
{
    return json_object_get(part, "order") != NULL;
}

/* The order last: it is that of all rules, those that came back with it included. */
static int take_back_parts(const json_t *entry, json_t *rules, json_t *modes, json_t *add)
{
    int error = 0;

    for (unsigned round = 0; round < 2; round++) {
        size_t i;
        json_t *part;

        json_array_foreach(json_object_get(entry, "parts"), i, part)
        {
            const json_t *under = json_object_get(part, "under");

            if (error || is_order(part) != (round == 1))
                continue;
            error = px_ttl_set_part(rules, modes, part, json_object_get(part, "before"));
            if (!error && under)
                error = surface(add, part, under);
        }
    }
    return error;
}

int px_ttl_take_back(const json_t *entries, json_t *rules, json_t *modes, json_t *add)
{
    size_t i;
    json_t *entry;
    int error = 0;

    json_array_foreach(entries, i, entry)
    {
        if (!error)
            error = take_back_parts(entry, rules, modes, add);
    }
    return error;
}

json_t *px_ttl_expired(const json_t *ttls, uint64_t wall_ns)
{
    json_t *expired = json_array();

    for (size_t i = json_array_size(ttls); expired && i-- > 0;) {
        json_t *entry = json_array_get(ttls, i);
        uint64_t until;

        if (px_time_parse(json_string_value(json_object_get(entry, "until")), &until) &&
            until <= wall_ns)
            tn_json_append(&expired, json_incref(entry));
    }
    return expired;
}

const char *px_ttl_length_text(int64_t length_ms, char text[PX_TTL_LENGTH_SIZE])
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    size_t i = 0;

    while (length_ms % units[i].ms != 0)
        i++;
    snprintf(text, PX_TTL_LENGTH_SIZE, "%lld%s", (long long)(length_ms / units[i].ms),
             units[i].unit);
    return text;
}

/* --- from a record ------------------------------------------------------------------------------
 */

static bool makes_sense(const json_t *entry)
{
    const json_t *length = json_object_get(entry, "length_ms");
    uint64_t until;
    size_t i;
    json_t *part;

    json_array_foreach(json_object_get(entry, "parts"), i, part)
    {
        bool has_name = json_is_string(json_object_get(part, "rule")) ||
                        json_is_string(json_object_get(part, "mode")) || is_order(part);

        if (!has_name || !json_object_get(part, "before"))
            return false;
    }
    return json_is_integer(json_object_get(entry, "revision")) && json_is_integer(length) &&
           json_integer_value(length) > 0 && json_array_size(json_object_get(entry, "parts")) > 0 &&
           px_time_parse(json_string_value(json_object_get(entry, "until")), &until);
}

json_t *px_ttl_parse(const json_t *said)
{
    json_t *ttls = json_array();
    size_t i;
    json_t *entry;

    json_array_foreach(said, i, entry)
    {
        if (makes_sense(entry))
            tn_json_append(&ttls, json_incref(entry));
    }
    return ttls;
}

/* --- whether it can be taken back ---------------------------------------------------------------
 */

static const char *missing(const json_t *addresses, const char *version)
{
    return version && !json_object_get(addresses, version) ? version : NULL;
}

/* Of a rule, its traffic, or one mirror: each has what it is about under the same names. */
static const char *missing_in(const json_t *addresses, const json_t *value)
{
    const char *found = missing(addresses, json_string_value(json_object_get(value, "stable")));
    const char *version;
    json_t *item;
    size_t i;

    if (!found)
        found = missing(addresses, json_string_value(json_object_get(value, "to")));
    json_object_foreach(json_object_get(value, "weights"), version, item)
    {
        if (!found)
            found = missing(addresses, version);
    }
    json_array_foreach(json_object_get(value, "mirror"), i, item)
    {
        if (!found)
            found = missing(addresses, json_string_value(json_object_get(item, "to")));
    }
    return found;
}

static const char *missing_of_part(const json_t *addresses, const json_t *part)
{
    const char *found = missing_in(addresses, json_object_get(part, "before"));
    const json_t *under = json_object_get(part, "under");

    for (; under && !found; under = json_object_get(under, "under"))
        found = missing_in(addresses, json_object_get(under, "before"));
    return found;
}

const char *px_ttl_missing_version(const json_t *ttls, const json_t *addresses,
                                   const json_t **ret_entry, const char **ret_rule)
{
    size_t i;
    size_t k;
    json_t *entry;
    json_t *part;

    json_array_foreach(ttls, i, entry)
    {
        json_array_foreach(json_object_get(entry, "parts"), k, part)
        {
            const char *rule = json_string_value(json_object_get(part, "rule"));
            const char *version = rule ? missing_of_part(addresses, part) : NULL;

            if (!version)
                continue;
            *ret_entry = entry;
            *ret_rule = rule;
            return version;
        }
    }
    return NULL;
}

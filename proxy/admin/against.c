#include "proxy/admin/against.h"

#include "lib/api/json.h"

#include <string.h>

static json_t *find(const json_t *rules, const char *name)
{
    size_t i;
    json_t *rule;

    json_array_foreach(rules, i, rule)
    {
        const char *own = json_string_value(json_object_get(rule, "name"));

        if (own && strcmp(own, name) == 0)
            return rule;
    }
    return NULL;
}

static bool is_same(json_t *a, json_t *b)
{
    return a && b ? json_equal(a, b) : a == b;
}

static json_t *or_null(const json_t *record, const char *key)
{
    json_t *value = json_object_get(record, key);

    return value ? json_incref(value) : json_null();
}

/* Which revision made this rule what it is, as far back as is known. */
static void put_origin(json_t **entry, const struct px_history *history, const char *name)
{
    json_t *record = NULL; /* the later of two */
    bool is_found = false;

    for (size_t i = history->count; *entry && !is_found && i-- > 0;) {
        json_t *earlier = px_revision_record(history->entries[i]);

        if (!earlier) {
            json_decref(*entry);
            *entry = NULL;
        } else if (record && !is_same(find(json_object_get(earlier, "rules"), name),
                                      find(json_object_get(record, "rules"), name))) {
            is_found = true;
            json_decref(earlier);
            break;
        }
        json_decref(record);
        record = earlier;
    }
    tn_json_set(entry, "revision", is_found ? or_null(record, "revision") : json_null());
    tn_json_set(entry, "what", is_found ? or_null(record, "what") : json_null());
    tn_json_set(entry, "author", is_found ? or_null(record, "author") : json_null());
    json_decref(record);
}

/* Keys whose values differ; what only one of two has too. */
static json_t *members_of(json_t *a, json_t *b)
{
    json_t *members = json_array();
    const char *key;
    json_t *value;

    json_object_foreach(a, key, value)
    {
        if (!is_same(value, json_object_get(b, key)))
            tn_json_append(&members, json_string(key));
    }
    json_object_foreach(b, key, value)
    {
        if (!json_object_get(a, key))
            tn_json_append(&members, json_string(key));
    }
    return members;
}

static void keep(json_t **list, const struct px_history *history, const char *state, json_t *file,
                 json_t *after)
{
    const char *name = json_string_value(json_object_get(after ? after : file, "name"));
    json_t *entry = json_pack("{s:s, s:s}", "rule", name, "state", state);

    tn_json_set(&entry, "members", file && after ? members_of(file, after) : json_array());
    put_origin(&entry, history, name);
    tn_json_append(list, entry);
}

json_t *px_reload_kept(const struct px_history *history, const json_t *file, const json_t *after)
{
    json_t *list = json_array();
    size_t i;
    json_t *rule;

    json_array_foreach(after, i, rule)
    {
        json_t *there = find(file, json_string_value(json_object_get(rule, "name")));

        if (!there || !json_equal(there, rule))
            keep(&list, history, there ? "changed" : "added", there, rule);
    }
    json_array_foreach(file, i, rule)
    {
        if (!find(after, json_string_value(json_object_get(rule, "name"))))
            keep(&list, history, "removed", rule, NULL);
    }
    return list;
}

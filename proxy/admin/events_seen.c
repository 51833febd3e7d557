#include "proxy/admin/events_parts.h"
#include "proxy/admin/modes.h"

#include <string.h>

static void put_health(json_t **all, const struct px_admin *admin,
                       const struct px_snapshot_version *version)
{
    for (uint32_t i = 0; i < version->endpoint_count; i++) {
        struct px_endpoint *endpoint = version->endpoints[i];
        const char *detail = admin->health ? px_health_detail(admin->health, endpoint) : "";
        bool is_up = atomic_load(&endpoint->up);

        /* what is wrong with one that is up may change with every probe */
        tn_json_set(all, endpoint->label,
                    json_pack("{s:s, s:i, s:s, s:b, s:b, s:s, s:s}", "version", version->name,
                              "endpoint", endpoint->index, "address", endpoint->address.text, "up",
                              is_up, "ejected", atomic_load(&endpoint->ejected), "mode",
                              px_mode_word(atomic_load(&endpoint->mode)), "detail",
                              is_up ? "" : detail));
    }
}

static void put_verdicts(json_t **verdicts, json_t **splits, const json_t *rule)
{
    const json_t *name = json_object_get(rule, "name");
    const json_t *mismatch = json_object_get(json_object_get(rule, "split"), "mismatch");
    size_t i;
    json_t *version;

    json_array_foreach(json_object_get(rule, "versions"), i, version)
    {
        const json_t *finding = json_object_get(version, "finding");
        const char *verdict = json_string_value(json_object_get(finding, "verdict"));
        char key[2 * 128 + 2];

        if (!verdict)
            continue;
        snprintf(key, sizeof(key), "%s/%s", json_string_value(name),
                 json_string_value(json_object_get(version, "name")));
        tn_json_set(verdicts, key,
                    json_pack("{s:O, s:O, s:s, s:O}", "rule", name, "version",
                              json_object_get(version, "name"), "verdict", verdict, "unit",
                              json_object_get(finding, "unit")));
    }
    if (json_is_boolean(mismatch))
        tn_json_set(splits, json_string_value(name),
                    json_pack("{s:O, s:O}", "rule", name, "mismatch", mismatch));
}

static json_t *ttls_json(const struct px_admin *admin)
{
    json_t *list = px_rulebook_ttls(admin->book);
    json_t *all = list ? json_object() : NULL;
    size_t i;
    json_t *ttl;

    json_array_foreach(list, i, ttl)
    {
        char key[24];

        snprintf(key, sizeof(key), "%lld", json_integer_value(json_object_get(ttl, "revision")));
        json_object_del(ttl, "left_ms");
        tn_json_set(&all, key, json_incref(ttl));
    }
    json_decref(list);
    return all;
}

json_t *px_seen_json(const struct px_admin *admin, const json_t *share)
{
    const struct px_snapshot *snapshot = px_rulebook_snapshot(admin->book);
    json_t *health = json_object();
    json_t *verdicts = json_object();
    json_t *splits = json_object();
    size_t i;
    json_t *rule;

    for (uint32_t v = 0; v < snapshot->version_count; v++)
        put_health(&health, admin, &snapshot->versions[v]);
    json_array_foreach(json_object_get(share, "rules"), i, rule)
    {
        put_verdicts(&verdicts, &splits, rule);
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:{s:{s:b}}}", "health", health, "verdict", verdicts,
                     "split", splits, "ttl", ttls_json(admin), "durable", "", "durable",
                     px_rulebook_state(admin->book).is_durable);
}

size_t px_seen_compare(const json_t *before, const json_t *after, px_seen_fn *tell, void *context)
{
    size_t count = 0;
    const char *kind;
    json_t *entries;

    json_object_foreach((json_t *)(uintptr_t)after, kind, entries)
    {
        const char *key;
        json_t *entry;

        json_object_foreach(entries, key, entry)
        {
            if (json_equal(entry, json_object_get(json_object_get(before, kind), key)))
                continue;
            tell(context, kind, entry);
            count++;
        }
    }
    return count;
}

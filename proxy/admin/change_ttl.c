#include "proxy/admin/change.h"
#include "proxy/admin/change_parts.h"

#include "lib/api/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void touch_all_rules(json_t **list, const json_t *rules)
{
    size_t i;
    json_t *rule;

    json_array_foreach(rules, i, rule)
    {
        tn_json_append(list, json_pack("{s:O}", "rule", json_object_get(rule, "name")));
    }
}

static void touch_mode(json_t **list, const json_t *request)
{
    const char *version = json_string_value(json_object_get(request, "version"));
    const json_t *index = json_object_get(request, "endpoint");
    char name[PX_MODE_NAME_SIZE];

    if (index)
        px_mode_endpoint_name(version, (uint32_t)json_integer_value(index), name);
    else
        snprintf(name, sizeof(name), "%.128s", version);
    tn_json_append(list, json_pack("{s:s}", "mode", name));
}

static void touch_mirror(json_t **list, const char *rule, const json_t *request)
{
    char key[160];

    snprintf(key, sizeof(key), "mirror %.128s", json_string_value(json_object_get(request, "to")));
    tn_json_append(list, json_pack("{s:s, s:s}", "rule", rule, "key", key));
}

json_t *px_touched_by_file(const json_t *before, const json_t *after)
{
    const json_t *sides[] = {before, after};
    json_t *list = json_array();
    const char *name;
    json_t *hash;

    for (size_t side = 0; side < 2; side++) {
        json_object_foreach((json_t *)(uintptr_t)sides[side], name, hash)
        {
            const json_t *other = json_object_get(sides[!side], name);

            if (!other || (side == 0 && !json_equal(hash, other)))
                tn_json_append(&list, json_pack("{s:s}", "rule", name));
        }
    }
    return list;
}

/* Whoever says what is to be means it, also when it is so already. NULL: no memory. */
static json_t *touched_by(const struct px_rulebook *book, const struct px_change *change)
{
    const struct px_change_work *work = change->work;
    json_t *list = json_array();

    if (!change->edit && !change->yaml) {
        json_decref(list);
        list = px_touched_by_file(book->hashes, work->hashes);
    } else if (change->edit == px_edit_weights || change->edit == px_edit_share) {
        tn_json_append(&list, json_pack("{s:s, s:s}", "rule", work->rule, "key", "traffic"));
    } else if (change->edit == px_edit_mirror) {
        touch_mirror(&list, work->rule, change->request);
    } else if (change->edit == px_edit_abort && !work->rule[0]) {
        touch_all_rules(&list, book->rules);
    } else if (change->edit == px_edit_route || change->edit == px_edit_promote ||
               change->edit == px_edit_abort) {
        tn_json_append(&list, json_pack("{s:s}", "rule", work->rule));
    } else if (change->edit == px_edit_mode) {
        touch_mode(&list, change->request);
    }
    return list;
}

int px_change_set_ttl(struct px_change *change, const json_t *ttl_ms)
{
    change->ttl_ms = json_integer_value(ttl_ms);
    if (!ttl_ms || (json_is_integer(ttl_ms) && change->ttl_ms >= PX_TTL_LENGTH_MIN_MS &&
                    change->ttl_ms <= PX_TTL_LENGTH_MAX_MS))
        return 0;
    return px_change_refuse(change, 422, "ttl_ms must be a whole number, %d (a second) to %lld",
                            PX_TTL_LENGTH_MIN_MS, PX_TTL_LENGTH_MAX_MS);
}

int px_change_set_ttl_text(struct px_change *change, const char *ttl_ms)
{
    json_t *number = json_loads(ttl_ms, JSON_DECODE_ANY, NULL);
    json_t *other = number ? NULL : json_false();
    int error = px_change_set_ttl(change, number ? number : other);

    json_decref(number);
    return error;
}

/* --- what is refused ----------------------------------------------------------------------------
 */

static bool is_cut(const struct px_change *change)
{
    const char *mode = json_string_value(json_object_get(change->request, "mode"));

    return change->edit == px_edit_mode && mode && strcmp(mode, "cut") == 0;
}

static int check_ttl(const struct px_rulebook *book, struct px_change *change)
{
    if (change->ttl_ms == 0)
        return 0;
    if ((!change->edit && !change->yaml) || change->edit == px_edit_abort ||
        change->edit == px_edit_undo || change->edit == px_edit_promote || is_cut(change))
        return px_change_refuse(change, 422, "%s takes no ttl: it stays until somebody changes it",
                                change->what);
    if (json_array_size(book->ttls) >= PX_TTL_MAX)
        return px_change_refuse(change, 422, "%d changes are to go back already: no more than that",
                                PX_TTL_MAX);
    return 0;
}

/* A file without a version that some change goes back to is like one without a version in use. */
static int check_versions(struct px_change *change)
{
    json_t *addresses = px_addresses_of(change->work->config);
    const json_t *entry = NULL;
    const char *rule = NULL;
    const char *version;
    int error = 0;

    if (!addresses)
        return px_change_refuse(change, 503, "out of memory");
    version = px_ttl_missing_version(change->work->ttls, addresses, &entry, &rule);
    if (version)
        error = px_change_refuse(
            change, 422,
            "version '%s' can't be removed: rule %s goes back to it at %s (revision "
            "%lld has a ttl)",
            version, rule, json_string_value(json_object_get(entry, "until")),
            json_integer_value(json_object_get(entry, "revision")));
    json_decref(addresses);
    return error;
}

/* --- what comes of it ---------------------------------------------------------------------------
 */

static void note_outcome(struct px_change *change, const struct px_ttl_change *ttl)
{
    struct px_change_work *work = change->work;
    const json_t *own = px_ttl_find(work->ttls, ttl->revision);

    if (ttl->length_ms > 0 && own)
        tn_json_append(
            &work->notes,
            json_sprintf("goes back at %.19sZ", json_string_value(json_object_get(own, "until"))));
    else if (ttl->length_ms > 0)
        tn_json_append(&work->notes,
                       json_string("nothing differs, so there is nothing to go back"));
}

/* Changes with a ttl that this one touches: whoever made it should hear that they stay. */
static void note_superseded(const struct px_rulebook *book, struct px_change *change)
{
    struct px_change_work *work = change->work;
    size_t i;
    json_t *entry;

    json_array_foreach(book->ttls, i, entry)
    {
        json_int_t revision = json_integer_value(json_object_get(entry, "revision"));

        if (!px_ttl_find(work->ttls, (uint64_t)revision))
            tn_json_append(&work->notes,
                           json_sprintf("revision %lld, which was to go back at %.19sZ, does not "
                                        "any more",
                                        revision,
                                        json_string_value(json_object_get(entry, "until"))));
    }
}

int px_change_ttls(const struct px_rulebook *book, struct px_change *change)
{
    struct px_change_work *work = change->work;
    json_t *touched = touched_by(book, change);
    struct px_ttl_change ttl = {
        .ttls = book->ttls,
        .before = {book->rules, book->modes},
        .after = {work->after, work->modes},
        .touched = touched,
        .is_end_of_drain = change->edit == px_edit_drained,
        .drop = work->ttls_drop,
        .add = work->ttls_add,
        .revision = px_change_next_revision(book),
        .length_ms = change->ttl_ms,
        .until_wall_ns = book->options.clock->wall_ns(book->options.clock->context) +
                         (uint64_t)change->ttl_ms * 1000000,
    };

    if (check_ttl(book, change) != 0) {
        json_decref(touched);
        return -EINVAL;
    }
    json_decref(work->ttls);
    work->ttls = touched ? px_ttl_after(&ttl) : NULL;
    json_decref(touched);
    if (!work->ttls)
        return px_change_refuse(change, 503, "out of memory");
    if (!json_equal(work->ttls, book->ttls))
        work->is_changed = true;
    note_outcome(change, &ttl);
    if (change->edit != px_edit_ttl)
        note_superseded(book, change);
    return change->edit || change->yaml ? 0 : check_versions(change);
}

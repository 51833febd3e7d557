#include "proxy/admin/edit_route.h"
#include "proxy/admin/modes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Who may be left out: the one version besides stable that has weight. */
static int find_version(struct px_edit *edit, const json_t *rule, const char **ret_version)
{
    const char *stable = json_string_value(json_object_get(rule, "stable"));
    unsigned count = 0;
    const char *version;
    json_t *weight;

    if (json_object_get(edit->request, "version"))
        return px_edit_text(edit, "version", ret_version);
    json_object_foreach(json_object_get(rule, "weights"), version, weight)
    {
        if (json_integer_value(weight) <= 0 || (stable && strcmp(stable, version) == 0))
            continue;
        count++;
        *ret_version = version;
    }
    if (count == 1)
        return 0;
    return px_edit_refuse(edit,
                          count == 0 ? "no other version than stable has weight in rule %.64s: say "
                                       "which one to promote"
                                     : "several versions have weight in rule %.64s: say which one "
                                       "to promote",
                          edit->rule);
}

/* An answer of a version that nobody reaches, or whose data is made of copies, is no success. */
static int check_version(struct px_edit *edit, const char *version)
{
    const json_t *accept = json_object_get(edit->request, "accept_shadow_data");
    const char *since = json_string_value(json_object_get(edit->shadowed, version));
    enum strategy_mode mode;

    if (!json_object_get(edit->addresses, version))
        return px_edit_refuse(edit, "there is no version '%.64s'", version);
    mode = px_mode_of_version(edit->modes, edit->addresses, version);
    if (mode != STRATEGY_ACTIVE)
        return px_edit_refuse(edit, "%.64s is %s: undrain it first", version, px_mode_word(mode));
    if (accept && !json_is_boolean(accept))
        return px_edit_refuse(edit, "'accept_shadow_data' must be true or false");
    if (!since)
        return 0;
    if (!json_is_true(accept))
        return px_edit_refuse(
            edit,
            "%.64s got mirrored requests since %.40s, so its data is not only its own: accept "
            "that with --accept-shadow-data, or reset its disks first and then say the same",
            version, since);
    px_edit_note(edit, "%.64s got mirrored requests since %.40s: its data counts as its own now",
                 version, since);
    snprintf(edit->accepted, sizeof(edit->accepted), "%s", version);
    return 0;
}

static void remove_mirrors_to(json_t *rule, const char *version)
{
    json_t *mirrors = json_object_get(rule, "mirror");

    for (size_t i = json_array_size(mirrors); i-- > 0;) {
        const char *to = json_string_value(json_object_get(json_array_get(mirrors, i), "to"));

        if (to && strcmp(to, version) == 0)
            json_array_remove(mirrors, i);
    }
    if (mirrors && json_array_size(mirrors) == 0)
        json_object_del(rule, "mirror");
}

int px_edit_promote(struct px_edit *edit)
{
    static const char *const members[] = {"version", "accept_shadow_data", NULL};
    struct px_route_edit route = {.edit = edit};
    const char *found = NULL;
    char version[128];
    int error = px_edit_check_members(edit, members);

    if (!error)
        error = px_edit_find_rule(edit, &route.index, &route.rule);
    if (!error)
        error = find_version(edit, route.rule, &found);
    if (!error)
        error = check_version(edit, found);
    if (error)
        return error;
    snprintf(version, sizeof(version), "%s", found); /* it may be a key of what is replaced */
    px_route_edit_remove_made(&route);
    px_edit_switch_on(edit, route.rule);
    remove_mirrors_to(route.rule, version);
    error = px_route_edit_one(route.rule, version);
    if (!error)
        error = px_edit_set(route.rule, "stable", json_string(version));
    if (!error)
        px_route_edit_note_elsewhere(&route);
    return error;
}

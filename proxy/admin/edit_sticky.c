#include "proxy/admin/edit.h"

#include <string.h>

/* `route canary` makes {by: cookie}, `route ab --by` makes {by, seed}; both keep scope and what
 * belongs to it. A stickiness with anything else was thought out by a person. */
static bool could_be_routes(const json_t *sticky)
{
    static const char *const made[] = {"by", "seed", "scope", "on_missing"};
    const char *by = json_string_value(json_object_get(sticky, "by"));
    size_t known = 0;

    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
        known += json_object_get(sticky, made[i]) != NULL;
    if (known != json_object_size(sticky) || !by)
        return false;
    return strcmp(by, "cookie") != 0 || !json_object_get(sticky, "seed");
}

const json_t *px_edit_users_sticky(const struct px_edit *edit, const json_t *rule)
{
    const json_t *own = json_object_get(rule, "sticky");
    const char *name = json_string_value(json_object_get(rule, "name"));

    if (own && !could_be_routes(own))
        return own;
    return json_object_get(px_edit_find_by_name(edit->file_rules, name), "sticky");
}

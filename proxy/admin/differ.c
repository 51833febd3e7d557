#include "proxy/admin/differ.h"

#include "lib/api/json.h"
#include "proxy/admin/edit.h"
#include "proxy/admin/modes.h"

json_t *px_differing_rules(const json_t *a, const json_t *b)
{
    json_t *list = json_array();
    size_t i;
    json_t *rule;

    json_array_foreach(a, i, rule)
    {
        const char *name = json_string_value(json_object_get(rule, "name"));
        const json_t *other = px_edit_find_by_name(b, name);

        if (!other || !json_equal(rule, other))
            tn_json_append(&list, json_incref(rule));
    }
    return list;
}

static json_t *changed_mode(const json_t *before, const json_t *after, const char *name)
{
    return json_pack("{s:s, s:s, s:s, s:s?}", "name", name, "before",
                     px_mode_word(px_mode_of(before, name)), "after",
                     px_mode_word(px_mode_of(after, name)), "until", px_mode_until(after, name));
}

json_t *px_differing_modes(const json_t *before, const json_t *after)
{
    const json_t *sides[] = {before, after};
    json_t *list = json_array();
    const char *name;
    json_t *entry;

    for (unsigned side = 0; side < 2; side++) {
        json_object_foreach((json_t *)(uintptr_t)sides[side], name, entry)
        {
            const json_t *other = json_object_get(sides[!side], name);

            if ((other && (side == 1 || json_equal(entry, other))))
                continue;
            tn_json_append(&list, changed_mode(before, after, name));
        }
    }
    return list;
}

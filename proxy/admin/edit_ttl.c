#include "proxy/admin/edit.h"
#include "proxy/admin/ttl.h"

#include <errno.h>
#include <inttypes.h>

/* The entries that are asked for and still there; the later its change, the earlier an entry is
 * taken back. */
static int collect(struct px_edit *edit, json_t *entries)
{
    const json_t *revisions = json_object_get(edit->request, "revisions");

    for (size_t i = json_array_size(revisions); i-- > 0;) {
        json_t *revision = json_array_get(revisions, i);
        json_t *entry = px_ttl_find(edit->ttls, (uint64_t)json_integer_value(revision));

        if (!entry)
            continue; /* somebody was faster */
        if (json_array_append(entries, entry) != 0 || json_array_append(edit->ttls_drop, revision))
            return -ENOMEM;
    }
    return 0;
}

int px_edit_ttl(struct px_edit *edit)
{
    json_t *entries = json_array();
    int error = entries ? collect(edit, entries) : -ENOMEM;

    if (!error && !json_is_true(json_object_get(edit->request, "give_up")))
        error = px_ttl_take_back(entries, edit->rules, edit->modes, edit->ttls_add);
    json_decref(entries);
    return error;
}

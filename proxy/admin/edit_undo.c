#include "proxy/admin/edit.h"
#include "proxy/admin/history.h"
#include "proxy/admin/modes.h"
#include "proxy/admin/ttl.h"

#include "lib/api/json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct undo_edit {
    struct px_edit *edit;
    const struct px_revision *target;
    json_t *record;
};

/* --- which revision -----------------------------------------------------------------------------
 */

static int refuse_number(struct px_edit *edit, uint64_t number)
{
    uint64_t oldest = px_history_oldest(edit->history);

    if (number > edit->revision)
        return px_edit_refuse(edit,
                              "there is no revision %" PRIu64 " yet: the rules are at %" PRIu64,
                              number, edit->revision);
    if (number < oldest)
        return px_edit_refuse(edit,
                              "revision %" PRIu64 " is not kept any more: the oldest is %" PRIu64,
                              number, oldest);
    return px_edit_refuse(edit, "revision %" PRIu64 " was never in force", number);
}

static int find_target(struct undo_edit *undo)
{
    struct px_edit *edit = undo->edit;
    const json_t *wanted = json_object_get(edit->request, "to_revision");

    if (wanted && (!json_is_integer(wanted) || json_integer_value(wanted) < 1))
        return px_edit_refuse(edit, "'to_revision' must be the number of a revision");
    if (wanted) {
        uint64_t number = (uint64_t)json_integer_value(wanted);

        undo->target = px_history_find(edit->history, number);
        return undo->target ? 0 : refuse_number(edit, number);
    }
    undo->target = px_history_before(edit->history, edit->revision);
    if (undo->target)
        return 0;
    if (edit->revision == 1)
        return px_edit_refuse(edit, "there is nothing to undo: revision 1 is the first");
    return px_edit_refuse(edit, "what was before revision %" PRIu64 " is not kept any more",
                          edit->revision);
}

/* --- whether it can be in force again -----------------------------------------------------------
 */

static int need_version(struct undo_edit *undo, const char *rule, const char *version)
{
    if (!version || json_object_get(undo->edit->addresses, version))
        return 0;
    return px_edit_refuse(undo->edit,
                          "revision %" PRIu64 " can't be in force again: its rule %.64s uses "
                          "version '%.64s', which is not configured any more",
                          undo->target->number, rule, version);
}

static int check_rule(struct undo_edit *undo, const json_t *rule)
{
    const char *name = json_string_value(json_object_get(rule, "name"));
    const char *version;
    json_t *value;
    size_t i;
    int error = need_version(undo, name, json_string_value(json_object_get(rule, "stable")));

    json_object_foreach(json_object_get(rule, "weights"), version, value)
    {
        if (!error)
            error = need_version(undo, name, version);
    }
    json_array_foreach(json_object_get(rule, "mirror"), i, value)
    {
        if (!error)
            error = need_version(undo, name, json_string_value(json_object_get(value, "to")));
    }
    return error;
}

static int check_rules(struct undo_edit *undo)
{
    size_t i;
    json_t *rule;
    int error = 0;

    json_array_foreach(json_object_get(undo->record, "rules"), i, rule)
    {
        if (!error)
            error = check_rule(undo, rule);
    }
    return error;
}

/* --- going there --------------------------------------------------------------------------------
 */

static int replace_object(json_t *object, json_t *with)
{
    return with && json_object_clear(object) == 0 && json_object_update(object, with) == 0
               ? 0
               : -ENOMEM;
}

/* A drain whose time ran out since is a cut; endpoints are found by their addresses. */
static int restore_modes(struct undo_edit *undo)
{
    struct px_edit *edit = undo->edit;
    json_t *modes = px_modes_parse(json_object_get(undo->record, "modes"));
    json_t *fitted = NULL;
    int error;

    if (modes && px_modes_expire(modes, edit->wall_ns) >= 0)
        fitted = px_modes_fit(modes, edit->addresses, edit->notes);
    error = replace_object(edit->modes, fitted);
    json_decref(modes);
    json_decref(fitted);
    return error;
}

static int restore(struct undo_edit *undo)
{
    struct px_edit *edit = undo->edit;
    json_t *rules = json_object_get(undo->record, "rules");
    json_t *unbound = json_object_get(undo->record, "unbound");
    int error = restore_modes(undo);

    if (!error && (json_array_clear(edit->rules) != 0 || json_array_extend(edit->rules, rules)))
        error = -ENOMEM;
    if (!error)
        error = unbound ? replace_object(edit->unbound, unbound)
                        : (json_object_clear(edit->unbound) == 0 ? 0 : -ENOMEM);
    return error;
}

/* --- what was to go back then --------------------------------------------------------------------
 */

static bool is_in_force(const json_t *entry, const json_t *part)
{
    size_t i;
    json_t *own;

    json_array_foreach(json_object_get(entry, "parts"), i, own)
    {
        if (json_equal(own, part))
            return true;
    }
    return false;
}

/* What was temporary in that revision still is, with the time that it has left. */
static int restore_ttl(struct undo_edit *undo, json_t *entry)
{
    struct px_edit *edit = undo->edit;
    const json_t *current =
        px_ttl_find(edit->ttls, (uint64_t)json_integer_value(json_object_get(entry, "revision")));
    json_t *copy = json_copy(entry);
    json_t *parts = json_array();
    size_t i;
    json_t *part;

    json_array_foreach(json_object_get(entry, "parts"), i, part)
    {
        if (!is_in_force(current, part))
            tn_json_append(&parts, json_incref(part));
    }
    if (copy && parts && json_array_size(parts) == 0) {
        json_decref(copy);
        json_decref(parts);
        return 0;
    }
    tn_json_set(&copy, "parts", parts);
    return copy && json_array_append_new(edit->ttls_add, copy) == 0 ? 0 : -ENOMEM;
}

static int restore_ttls(struct undo_edit *undo)
{
    json_t *said = px_ttl_parse(json_object_get(undo->record, "ttls"));
    size_t i;
    json_t *entry;
    int error = said ? 0 : -ENOMEM;

    json_array_foreach(said, i, entry)
    {
        uint64_t until = 0;
        const char *text = json_string_value(json_object_get(entry, "until"));

        px_time_parse(text, &until);
        if (until <= undo->edit->wall_ns)
            px_edit_note(undo->edit,
                         "what revision %lld made was to go back at %.19sZ; now it stays",
                         json_integer_value(json_object_get(entry, "revision")), text);
        else if (!error)
            error = restore_ttl(undo, entry);
    }
    json_decref(said);
    return error;
}

static const char *text_of(const json_t *record, const char *key)
{
    const char *text = json_string_value(json_object_get(record, key));

    return text ? text : "";
}

static void note_target(struct undo_edit *undo)
{
    const char *author = text_of(undo->record, "author");

    px_edit_note(undo->edit, "as of revision %" PRIu64 ": %s%s%s of %.19sZ", undo->target->number,
                 text_of(undo->record, "what"), author[0] ? " by " : "", author,
                 text_of(undo->record, "at"));
}

int px_edit_undo(struct px_edit *edit)
{
    static const char *const members[] = {"to_revision", NULL};
    struct undo_edit undo = {.edit = edit};
    int error = px_edit_check_members(edit, members);

    if (!error && json_object_get(edit->request, "rule"))
        error =
            px_edit_refuse(edit, "'rule' has no meaning here: all that was in force comes back");
    if (!error)
        error = find_target(&undo);
    if (error)
        return error;
    undo.record = px_revision_record(undo.target);
    if (!undo.record)
        return -ENOMEM;
    edit->to_revision = undo.target->number;
    error = check_rules(&undo);
    if (!error)
        error = restore(&undo);
    if (!error)
        error = restore_ttls(&undo);
    if (!error)
        note_target(&undo);
    json_decref(undo.record);
    return error;
}

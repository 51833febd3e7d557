#include "proxy/admin/change.h"
#include "proxy/admin/change_parts.h"

#include "lib/api/json.h"

#include <errno.h>
#include <string.h>

json_t *px_owners_parse(const json_t *said)
{
    json_t *owners = json_object();
    const char *rule;
    json_t *entry;

    json_object_foreach((json_t *)(uintptr_t)said, rule, entry)
    {
        if (json_is_string(json_object_get(entry, "owner")) &&
            json_is_string(json_object_get(entry, "on_lost")) &&
            json_integer_value(json_object_get(entry, "length_ms")) > 0)
            tn_json_set(&owners, rule, json_incref(entry));
    }
    return owners;
}

const json_t *px_rulebook_owners(const struct px_rulebook *book)
{
    return book->owners;
}

static void on_noted(struct px_change *change)
{
    px_change_free(change); /* a refusal was logged; the next record, or the end, says it */
}

/* A record of its own, without a revision: it must survive a crash, and changes no rule. */
void px_rulebook_set_owner(struct px_rulebook *book, const char *rule, json_t *entry)
{
    struct px_change *change;

    if (entry && json_equal(entry, json_object_get(book->owners, rule))) {
        json_decref(entry);
        return;
    }
    if (!entry && json_object_del(book->owners, rule) != 0)
        return;
    if (entry && json_object_set_new(book->owners, rule, entry) != 0)
        return; /* told again with the next renewal */
    book->had_owners = true;
    book->is_shadowed_unsaved = true;
    change = px_change_new();
    if (!change)
        return;
    change->what = "owner";
    change->work->is_note = true;
    change->on_done = on_noted;
    px_rulebook_submit(book, change);
}

bool px_has_notes(const struct px_rulebook *book)
{
    return json_object_size(book->shadowed) > 0 || book->had_owners;
}

/* --- who may change what ------------------------------------------------------------------------
 */

/* The rule itself, or one that route made for it. */
static const char *owner_of(const struct px_rulebook *book, const char *name, const char **ret_rule)
{
    const char *rule;
    json_t *entry;

    json_object_foreach(book->owners, rule, entry)
    {
        size_t len = strlen(rule);

        if (strncmp(name, rule, len) == 0 && (name[len] == '\0' || name[len] == '/')) {
            *ret_rule = rule;
            return json_string_value(json_object_get(entry, "owner"));
        }
    }
    return NULL;
}

/* Abort, cut and drain always work, and what goes back by itself was agreed to before. */
static bool is_always_allowed(const struct px_change *change)
{
    return change->edit == px_edit_abort || change->edit == px_edit_mode ||
           change->edit == px_edit_drained || change->edit == px_edit_ttl;
}

static int check_rules(const struct px_rulebook *book, struct px_change *change,
                       const json_t *touched)
{
    size_t i;
    json_t *item;

    json_array_foreach(touched, i, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        const char *rule = NULL;
        const char *owner = owner_of(book, name, &rule);

        if (owner && (!change->author || strcmp(change->author, owner) != 0))
            return px_change_refuse(change, 409,
                                    "rule %s is in the care of %s: abort, cut and drain work as "
                                    "always, everything else needs --take-over",
                                    rule, owner);
    }
    return 0;
}

int px_change_check_owner(const struct px_rulebook *book, struct px_change *change)
{
    const json_t *asked = json_object_get(change->request, "take_over");
    int error = 0;

    if (asked && !json_is_boolean(asked))
        return px_change_refuse(change, 422, "'take_over' must be true or false");
    if (is_always_allowed(change) || json_is_true(asked) || change->is_take_over)
        return 0;
    error = check_rules(book, change, change->work->touched_before);
    return error ? error : check_rules(book, change, change->work->touched_after);
}

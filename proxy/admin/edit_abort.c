#include "proxy/admin/edit.h"

#include <errno.h>
#include <string.h>

struct abort_edit {
    struct px_edit *edit;
    const char *fallback; /* where a request goes that no rule with a match takes; NULL: unknown */
};

static const char *name_of(const json_t *rule)
{
    return json_string_value(json_object_get(rule, "name"));
}

/* What a rule goes back to: its stable, or the one version that answers all of it. */
static const char *base_of(const json_t *rule)
{
    const char *stable = json_string_value(json_object_get(rule, "stable"));
    const char *one = NULL;

    if (!stable && px_edit_count_positive(rule, &one) == 1)
        stable = one;
    return stable;
}

/* Of a rule that `route` made, what its rule goes back to: its requests go there without it. */
static const char *fallback_of(const struct abort_edit *abort, const json_t *rule)
{
    size_t i;
    json_t *other;

    json_array_foreach(abort->edit->rules, i, other)
    {
        if (px_edit_is_made_for(rule, name_of(other)) && base_of(other))
            return base_of(other);
    }
    return abort->fallback;
}

/* Bindings that were made until now hold no more, whichever version they name. */
static int unbind(struct abort_edit *abort, const json_t *rule)
{
    struct px_edit *edit = abort->edit;
    const char *affinity =
        json_string_value(json_object_get(json_object_get(rule, "sticky"), "affinity"));
    const json_t *since = json_object_get(edit->unbound, name_of(rule));

    if (!affinity || strcmp(affinity, "session") != 0)
        return 0;
    if (since && (uint64_t)json_integer_value(since) == edit->revision)
        return 0; /* nothing was bound since: the last change was an abort as well */
    return px_edit_set(edit->unbound, name_of(rule), json_integer((json_int_t)edit->next_revision));
}

static int go_back(struct abort_edit *abort, json_t *rule)
{
    const char *stable = json_string_value(json_object_get(rule, "stable"));
    const char *fallback = fallback_of(abort, rule);
    const char *one = NULL;
    bool is_one = px_edit_count_positive(rule, &one) == 1;

    if (stable) {
        if (!is_one || strcmp(one, stable) != 0)
            return px_edit_set(rule, "weights", json_pack("{s:i}", stable, 1));
    } else if (!json_object_get(rule, "match")) {
        px_edit_note(abort->edit, "rule %.64s has no stable and sends all to %.64s: it stays",
                     name_of(rule), one ? one : "nobody");
    } else if (!is_one || !fallback || strcmp(one, fallback) != 0) {
        if (json_is_true(json_object_get(rule, "switched_off")))
            return 0;
        px_edit_note(abort->edit, "rule %.64s has no stable and names %.64s: it is switched off",
                     name_of(rule), one ? one : "others");
        return px_edit_set(rule, "switched_off", json_true());
    }
    return 0;
}

static int abort_rule(struct abort_edit *abort, json_t *rule)
{
    int error = go_back(abort, rule);

    json_object_del(rule, "mirror");
    return error ? error : unbind(abort, rule);
}

int px_edit_abort(struct px_edit *edit)
{
    static const char *const members[] = {NULL};
    bool is_one_rule = json_object_get(edit->request, "rule") != NULL;
    struct abort_edit abort = {.edit = edit};
    size_t i;
    json_t *rule;
    int error = px_edit_check_members(edit, members);

    if (!error && is_one_rule)
        error = px_edit_find_rule(edit, &i, &rule);
    if (error)
        return error;
    abort.fallback = base_of(json_array_get(edit->rules, json_array_size(edit->rules) - 1));
    json_array_foreach(edit->rules, i, rule)
    {
        if (is_one_rule && strcmp(name_of(rule), edit->rule) != 0 &&
            !px_edit_is_made_for(rule, edit->rule))
            continue;
        error = abort_rule(&abort, rule);
        if (error)
            return error;
    }
    return 0;
}

#include "proxy/admin/edit.h"

#include "proxy/admin/shares.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int px_edit_refuse(struct px_edit *edit, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(edit->detail, sizeof(edit->detail), format, args);
    va_end(args);
    return -EINVAL;
}

void px_edit_note(struct px_edit *edit, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (json_array_append_new(edit->notes, json_string(text)) != 0)
        edit->has_lost_note = true;
}

int px_edit_set(json_t *object, const char *key, json_t *value)
{
    return value && json_object_set_new(object, key, value) == 0 ? 0 : -ENOMEM;
}

static bool is_listed(const char *name, const char *const *names)
{
    for (; *names; names++) {
        if (strcmp(name, *names) == 0)
            return true;
    }
    return false;
}

int px_edit_check_members(struct px_edit *edit, const char *const *names)
{
    static const char *const common[] = {"rule",   "reason",    "author", "dry_run",
                                         "ttl_ms", "take_over", NULL};
    void *members = json_object_iter(edit->request);

    for (; members; members = json_object_iter_next(edit->request, members)) {
        const char *name = json_object_iter_key(members);

        if (!is_listed(name, names) && !is_listed(name, common))
            return px_edit_refuse(edit, "unknown member '%.64s'", name);
    }
    return 0;
}

json_t *px_edit_find_by_name(const json_t *rules, const char *name)
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

static int refuse_rule(struct px_edit *edit, const char *name)
{
    size_t used;
    size_t i;
    json_t *rule;

    px_edit_refuse(edit, "there is no rule '%.64s': the rules are", name);
    used = strlen(edit->detail);
    json_array_foreach(edit->rules, i, rule)
    {
        int len = snprintf(edit->detail + used, sizeof(edit->detail) - used, "%s %.64s",
                           i == 0 ? "" : ",", json_string_value(json_object_get(rule, "name")));

        if (len < 0 || (size_t)len >= sizeof(edit->detail) - used)
            break;
        used += (size_t)len;
    }
    return -EINVAL;
}

int px_edit_find_rule(struct px_edit *edit, size_t *ret_index, json_t **ret_rule)
{
    const json_t *wanted = json_object_get(edit->request, "rule");
    size_t count = json_array_size(edit->rules);
    const char *name;

    if (wanted && !json_is_string(wanted))
        return px_edit_refuse(edit, "'rule' must be the name of a rule");
    for (size_t i = count; i-- > 0;) {
        json_t *rule = json_array_get(edit->rules, i);

        name = json_string_value(json_object_get(rule, "name"));
        if (wanted && strcmp(name, json_string_value(wanted)) != 0)
            continue;
        snprintf(edit->rule, sizeof(edit->rule), "%s", name);
        *ret_index = i;
        *ret_rule = rule;
        return 0;
    }
    return refuse_rule(edit, wanted ? json_string_value(wanted) : "");
}

int px_edit_text(struct px_edit *edit, const char *name, const char **ret_text)
{
    const char *text = json_string_value(json_object_get(edit->request, name));

    if (!text || text[0] == '\0')
        return px_edit_refuse(edit, "'%s' is missing or is no text", name);
    *ret_text = text;
    return 0;
}

int px_edit_ppm(struct px_edit *edit, const char *name, const json_t *value, unsigned *ret_ppm)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > PX_SHARES_PPM)
        return px_edit_refuse(edit,
                              "'%.64s' must be a whole number of parts per million, "
                              "0 to 1000000",
                              name);
    *ret_ppm = (unsigned)json_integer_value(value);
    return 0;
}

size_t px_edit_count_positive(const json_t *rule, const char **ret_one)
{
    json_t *weights = json_object_get(rule, "weights");
    const char *version;
    json_t *weight;
    size_t count = 0;

    json_object_foreach(weights, version, weight)
    {
        if (json_integer_value(weight) <= 0)
            continue;
        count++;
        *ret_one = version;
    }
    return count;
}

void px_edit_switch_on(struct px_edit *edit, json_t *rule)
{
    if (json_object_del(rule, "switched_off") == 0)
        px_edit_note(edit, "rule %.64s, which an abort switched off, is on again",
                     json_string_value(json_object_get(rule, "name")));
}

bool px_edit_is_made_for(const json_t *rule, const char *parent)
{
    const char *name = json_string_value(json_object_get(rule, "name"));
    size_t len = strlen(parent);

    return json_is_true(json_object_get(rule, "made_by_route")) &&
           strncmp(name, parent, len) == 0 && name[len] == '/';
}

int px_edit_need_stable(struct px_edit *edit, json_t *rule, const json_t *before)
{
    const char *one = NULL;

    if (json_object_get(rule, "stable") || px_edit_count_positive(rule, &one) < 2)
        return 0;
    if (px_edit_count_positive(before, &one) != 1)
        return px_edit_refuse(edit, "the rule has no 'stable', the version that abort goes back "
                                    "to: say which it is");
    px_edit_note(edit, "stable is now %s, which answered everything before: abort goes back to it",
                 one);
    return px_edit_set(rule, "stable", json_string(one));
}

int px_edit_rules(struct px_edit *edit)
{
    static const char *const members[] = {"rules", NULL};
    json_t *rules = json_object_get(edit->request, "rules");
    int error = px_edit_check_members(edit, members);

    if (error)
        return error;
    if (json_object_get(edit->request, "rule"))
        return px_edit_refuse(edit, "'rule' has no meaning here: the whole list is replaced");
    if (!json_is_array(rules))
        return px_edit_refuse(edit, "'rules' must be a list of rules");
    if (json_array_clear(edit->rules) != 0 || json_array_extend(edit->rules, rules) != 0)
        return -ENOMEM;
    return 0;
}

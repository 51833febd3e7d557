#include "proxy/admin/reload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *name_of(const json_t *rule)
{
    return json_string_value(json_object_get(rule, "name"));
}

static size_t find(const json_t *rules, const char *name)
{
    size_t i;
    json_t *rule;

    json_array_foreach(rules, i, rule)
    {
        if (strcmp(name_of(rule), name) == 0)
            break;
    }
    return i;
}

static bool has(const json_t *rules, const char *name)
{
    return find(rules, name) < json_array_size(rules);
}

static void say(const struct px_merge *merge, const char *name, const char *what)
{
    if (json_array_append_new(merge->notes, json_sprintf("rule %s%s", name, what)) != 0 &&
        merge->has_lost_note)
        *merge->has_lost_note = true;
}

/* The file says something else about this rule than when it was last applied, or nothing any more.
 */
static bool is_changed(const struct px_merge *merge, const char *name)
{
    const json_t *before = json_object_get(merge->applied, name);
    const json_t *now = json_object_get(merge->hashes, name);

    return !before || !now || !json_equal(before, now);
}

static bool is_of_file(const struct px_merge *merge, const char *name)
{
    return json_object_get(merge->applied, name) || json_object_get(merge->hashes, name);
}

/* A match rule that `route` made belongs to the arrangement of its rule: it goes when that does. */
static bool lost_its_rule(const struct px_merge *merge, const json_t *rule)
{
    char parent[128];
    char *slash;

    if (!json_is_true(json_object_get(rule, "made_by_route")))
        return false;
    snprintf(parent, sizeof(parent), "%s", name_of(rule));
    slash = strrchr(parent, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return is_of_file(merge, parent) && is_changed(merge, parent);
}

/* Does a rule that is in force stay, as it is or as the file has it now? NULL: neither. Borrowed.
 */
static json_t *successor(const struct px_merge *merge, json_t *rule)
{
    const char *name = name_of(rule);
    size_t place = find(merge->file, name);

    if (!is_of_file(merge, name)) {
        if (!lost_its_rule(merge, rule))
            return rule;
        say(merge, name, ", made by route, is gone with the arrangement of its rule");
        return NULL;
    }
    if (!is_changed(merge, name))
        return rule;
    if (place == json_array_size(merge->file)) {
        say(merge, name, " is gone, as in the file");
        return NULL;
    }
    if (!json_equal(rule, json_array_get(merge->file, place)))
        say(merge, name, " is taken from the file");
    return json_array_get(merge->file, place);
}

/* In front of the first of the rules behind `place` of `order` that is in the result, else last. */
static int insert(json_t *result, const json_t *order, size_t place, json_t *rule)
{
    size_t at = json_array_size(result);

    for (size_t i = place + 1; i < json_array_size(order); i++) {
        const char *name = name_of(json_array_get(order, i));

        if (has(result, name)) {
            at = find(result, name);
            break;
        }
    }
    return json_array_insert(result, at, rule) == 0 ? 0 : -ENOMEM;
}

static bool has_same_names(json_t *a, json_t *b)
{
    void *x = json_object_iter(a);
    void *y = json_object_iter(b);

    while (x && y && strcmp(json_object_iter_key(x), json_object_iter_key(y)) == 0) {
        x = json_object_iter_next(a, x);
        y = json_object_iter_next(b, y);
    }
    return !x && !y;
}

/* The order is that in force: what the file did not move stays where run time put it. */
static int merge_by_current(const struct px_merge *merge, json_t *result)
{
    size_t i;
    json_t *rule;
    int error = 0;

    json_array_foreach(merge->current, i, rule)
    {
        json_t *next = successor(merge, rule);

        if (next && json_array_append(result, next) != 0)
            return -ENOMEM;
    }
    json_array_foreach(merge->file, i, rule)
    {
        if (!error && is_changed(merge, name_of(rule)) && !has(result, name_of(rule)))
            error = insert(result, merge->file, i, rule);
    }
    return error;
}

/* The order is the file's; rules of run time stand in front of whom they stood in front of. */
static int merge_by_file(const struct px_merge *merge, json_t *result)
{
    size_t i;
    json_t *rule;

    json_array_foreach(merge->file, i, rule)
    {
        size_t place = find(merge->current, name_of(rule));
        json_t *next = rule;

        if (place < json_array_size(merge->current))
            next = successor(merge, json_array_get(merge->current, place));
        else if (!is_changed(merge, name_of(rule)))
            continue; /* removed at run time, and the file has nothing new to say */
        if (next && json_array_append(result, next) != 0)
            return -ENOMEM;
    }
    for (i = json_array_size(merge->current); i-- > 0;) {
        json_t *next;

        rule = json_array_get(merge->current, i);
        if (has(merge->file, name_of(rule)))
            continue;
        next = successor(merge, rule);
        if (next && insert(result, merge->current, i, next) != 0)
            return -ENOMEM;
    }
    return 0;
}

int px_merge_rules(const struct px_merge *merge, json_t **ret_rules)
{
    json_t *result = json_array();
    int error;

    if (!result)
        return -ENOMEM;
    error = has_same_names(merge->applied, merge->hashes) ? merge_by_current(merge, result)
                                                          : merge_by_file(merge, result);
    if (error) {
        json_decref(result);
        return error;
    }
    *ret_rules = result;
    return 0;
}

json_t *px_hashes_of(const struct px_config *config)
{
    json_t *hashes = json_object();

    for (uint32_t i = 0; hashes && i < config->rule_count; i++) {
        uint64_t hash = px_rule_hash(config->rules[i]);
        json_t *text = hash ? json_sprintf("%016" PRIx64, hash) : NULL; /* 0: no memory */

        if (!text || json_object_set_new(hashes, config->rules[i]->name, text) != 0) {
            json_decref(hashes);
            return NULL;
        }
    }
    return hashes;
}

json_t *px_rules_to_json(struct px_rule *const *rules, uint32_t count)
{
    json_t *list = json_array();

    for (uint32_t i = 0; list && i < count; i++) {
        json_t *rule = px_rule_to_json(rules[i]);

        if (!rule || json_array_append_new(list, rule) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

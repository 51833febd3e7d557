#include "proxy/admin/ttl_parts.h"

#include "lib/api/json.h"
#include "proxy/admin/edit.h"

#include <errno.h>
#include <string.h>

#define MIRROR "mirror "

static const char *const traffic[] = {"weights", "stable", "sticky", "match", "switched_off"};

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static bool is_same_text(const json_t *a, const json_t *b, const char *key)
{
    const char *x = text_of(a, key);
    const char *y = text_of(b, key);

    return x && y ? strcmp(x, y) == 0 : x == y;
}

bool px_ttl_is_same_part(const json_t *a, const json_t *b)
{
    return is_same_text(a, b, "rule") && is_same_text(a, b, "key") && is_same_text(a, b, "mode") &&
           !json_object_get(a, "order") == !json_object_get(b, "order");
}

static bool is_traffic(const char *key)
{
    for (size_t i = 0; i < sizeof(traffic) / sizeof(traffic[0]); i++) {
        if (strcmp(key, traffic[i]) == 0)
            return true;
    }
    return false;
}

static size_t find_mirror(const json_t *rule, const char *to)
{
    const json_t *mirrors = json_object_get(rule, "mirror");
    size_t i;
    json_t *mirror;

    json_array_foreach(mirrors, i, mirror)
    {
        const char *own = text_of(mirror, "to");

        if (own && strcmp(own, to) == 0)
            break;
    }
    return i;
}

/* --- what it is ---------------------------------------------------------------------------------
 */

static json_t *or_null(json_t *value)
{
    return value ? json_incref(value) : json_null();
}

static json_t *traffic_of(const json_t *rule)
{
    json_t *value = json_object();

    for (size_t i = 0; i < sizeof(traffic) / sizeof(traffic[0]); i++) {
        if (json_object_get(rule, traffic[i]))
            tn_json_set(&value, traffic[i], json_incref(json_object_get(rule, traffic[i])));
    }
    return value;
}

static json_t *names_of(const json_t *rules)
{
    json_t *names = json_array();
    size_t i;
    json_t *rule;

    json_array_foreach(rules, i, rule)
    {
        tn_json_append(&names, json_incref(json_object_get(rule, "name")));
    }
    return names;
}

json_t *px_ttl_value(const struct px_ttl_state *state, const json_t *part)
{
    const char *mode = text_of(part, "mode");
    const char *key = text_of(part, "key");
    json_t *rule;

    if (mode)
        return or_null(json_object_get(state->modes, mode));
    if (json_object_get(part, "order"))
        return names_of(state->rules);
    rule = px_edit_find_by_name(state->rules, text_of(part, "rule"));
    if (!key || !rule)
        return or_null(rule);
    if (strcmp(key, "traffic") == 0)
        return traffic_of(rule);
    if (strncmp(key, MIRROR, strlen(MIRROR)) == 0)
        return or_null(json_array_get(json_object_get(rule, "mirror"),
                                      find_mirror(rule, key + strlen(MIRROR))));
    return or_null(json_object_get(rule, key));
}

/* --- what differs -------------------------------------------------------------------------------
 */

struct differing {
    const struct px_ttl_state *before, *after;
    json_t *parts;
};

/* Takes the part over; kept with its "before" if it differs. */
static void put(struct differing *differing, json_t *part)
{
    json_t *before = part ? px_ttl_value(differing->before, part) : NULL;
    json_t *after = part ? px_ttl_value(differing->after, part) : NULL;

    if (!before || !after) {
        json_decref(differing->parts);
        differing->parts = NULL;
    } else if (!json_equal(before, after)) {
        tn_json_set(&part, "before", json_incref(before));
        tn_json_append(&differing->parts, json_incref(part));
    }
    json_decref(before);
    json_decref(after);
    json_decref(part);
}

static void put_key(struct differing *differing, const char *rule, const char *key)
{
    put(differing, json_pack("{s:s, s:s}", "rule", rule, "key", key));
}

static void put_rule(struct differing *differing, const char *name, const json_t *before,
                     const json_t *after)
{
    const json_t *sides[] = {before, after};
    char key[160];
    const char *member;
    json_t *value;
    size_t i;

    put_key(differing, name, "traffic");
    for (size_t side = 0; side < 2; side++) {
        json_array_foreach(json_object_get(sides[side], "mirror"), i, value)
        {
            const char *to = text_of(value, "to");

            snprintf(key, sizeof(key), MIRROR "%.128s", to);
            if (side == 0 ||
                !json_array_get(json_object_get(before, "mirror"), find_mirror(before, to)))
                put_key(differing, name, key);
        }
        json_object_foreach((json_t *)(uintptr_t)sides[side], member, value)
        {
            if (!is_traffic(member) && strcmp(member, "mirror") != 0 &&
                (side == 0 || !json_object_get(before, member)))
                put_key(differing, name, member);
        }
    }
}

static void put_rules(struct differing *differing)
{
    const json_t *sides[] = {differing->before->rules, differing->after->rules};
    size_t i;
    json_t *rule;

    for (size_t side = 0; side < 2; side++) {
        json_array_foreach(sides[side], i, rule)
        {
            const char *name = text_of(rule, "name");
            json_t *other = px_edit_find_by_name(sides[!side], name);

            if (!other)
                put(differing, json_pack("{s:s}", "rule", name));
            else if (side == 0)
                put_rule(differing, name, rule, other);
        }
    }
}

static void put_modes(struct differing *differing)
{
    const json_t *sides[] = {differing->before->modes, differing->after->modes};
    const char *name;
    json_t *mode;

    for (size_t side = 0; side < 2; side++) {
        json_object_foreach((json_t *)(uintptr_t)sides[side], name, mode)
        {
            if (side == 0 || !json_object_get(sides[0], name))
                put(differing, json_pack("{s:s}", "mode", name));
        }
    }
}

/* Those that were there still are, and in the same order among each other? Where one stood that
 * went is known by the order alone. */
static bool is_order_kept(const json_t *before, const json_t *after)
{
    size_t next = 0;
    size_t i;
    json_t *rule;

    json_array_foreach(before, i, rule)
    {
        const char *name = text_of(rule, "name");
        size_t place = next;

        while (place < json_array_size(after) &&
               strcmp(text_of(json_array_get(after, place), "name"), name) != 0)
            place++;
        if (place == json_array_size(after))
            return false;
        next = place + 1;
    }
    return true;
}

json_t *px_ttl_differing(const struct px_ttl_state *before, const struct px_ttl_state *after)
{
    struct differing differing = {.before = before, .after = after, .parts = json_array()};

    put_rules(&differing);
    if (!is_order_kept(before->rules, after->rules))
        put(&differing, json_pack("{s:b}", "order", 1));
    put_modes(&differing);
    return differing.parts;
}

/* --- setting one --------------------------------------------------------------------------------
 */

static int set_member(json_t *object, const char *key, json_t *value)
{
    if (!json_is_null(value))
        return json_object_set(object, key, value) == 0 ? 0 : -ENOMEM;
    json_object_del(object, key);
    return 0;
}

static size_t place_of(const json_t *rules, const char *name)
{
    size_t i;
    json_t *rule;

    json_array_foreach(rules, i, rule)
    {
        if (name && strcmp(text_of(rule, "name"), name) == 0)
            break;
    }
    return i;
}

/* A rule that came goes. One that went comes back to the front, and then to its place if the order,
 * a part of its own, goes back as well: the last rule takes all that is left, so it is not that. */
static int set_rule(json_t *rules, const char *name, json_t *value)
{
    size_t place = place_of(rules, name);
    json_t *copy;
    int error;

    if (place < json_array_size(rules)) {
        if (json_is_null(value))
            return json_array_size(rules) > 1 && json_array_remove(rules, place) ? -ENOMEM : 0;
        copy = json_deep_copy(value);
        return copy && json_array_set_new(rules, place, copy) == 0 ? 0 : -ENOMEM;
    }
    if (json_is_null(value))
        return 0;
    copy = json_deep_copy(value);
    error = copy && json_array_insert_new(rules, 0, copy) == 0 ? 0 : -ENOMEM;
    return error;
}

/* As it was, if the rules are the same again. */
static int set_order(json_t *rules, const json_t *names)
{
    json_t *ordered = json_array();
    size_t i;
    json_t *name;
    int error = ordered ? 0 : -ENOMEM;

    json_array_foreach(names, i, name)
    {
        json_t *rule = px_edit_find_by_name(rules, json_string_value(name));

        if (!error && rule && json_array_append(ordered, rule) != 0)
            error = -ENOMEM;
    }
    if (!error && json_array_size(ordered) == json_array_size(rules) &&
        (json_array_clear(rules) != 0 || json_array_extend(rules, ordered) != 0))
        error = -ENOMEM;
    json_decref(ordered);
    return error;
}

static int set_traffic(json_t *rule, const json_t *value)
{
    int error = 0;

    for (size_t i = 0; i < sizeof(traffic) / sizeof(traffic[0]); i++) {
        json_t *own = json_object_get(value, traffic[i]);

        if (!error)
            error = set_member(rule, traffic[i], own ? own : json_null());
    }
    return error;
}

static int set_mirror(json_t *rule, const char *to, json_t *value)
{
    json_t *mirrors = json_object_get(rule, "mirror");
    size_t place = find_mirror(rule, to);
    bool is_there = place < json_array_size(mirrors);

    if (json_is_null(value)) {
        if (is_there && json_array_remove(mirrors, place) != 0)
            return -ENOMEM;
        if (mirrors && json_array_size(mirrors) == 0)
            json_object_del(rule, "mirror");
        return 0;
    }
    if (is_there)
        return json_array_set(mirrors, place, value) == 0 ? 0 : -ENOMEM;
    if (!mirrors) {
        mirrors = json_array();
        if (!mirrors || json_object_set_new(rule, "mirror", mirrors) != 0)
            return -ENOMEM;
    }
    return json_array_append(mirrors, value) == 0 ? 0 : -ENOMEM;
}

int px_ttl_set_part(json_t *rules, json_t *modes, const json_t *part, json_t *value)
{
    const char *mode = text_of(part, "mode");
    const char *key = text_of(part, "key");
    json_t *rule;

    if (mode)
        return set_member(modes, mode, value);
    if (json_object_get(part, "order"))
        return set_order(rules, value);
    if (!key)
        return set_rule(rules, text_of(part, "rule"), value);
    rule = px_edit_find_by_name(rules, text_of(part, "rule"));
    if (!rule)
        return 0;
    if (strcmp(key, "traffic") == 0)
        return set_traffic(rule, value);
    if (strncmp(key, MIRROR, strlen(MIRROR)) == 0)
        return set_mirror(rule, key + strlen(MIRROR), value);
    return set_member(rule, key, value);
}

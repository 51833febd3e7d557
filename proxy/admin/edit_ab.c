#include "proxy/admin/edit_route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- ab: who carries it ------------------------------------------------------------------------
 */

/* Each header and each cookie is an alternative of its own. kind: "headers" or "cookies". */
static int add_carriers(struct px_route_edit *route, const char *kind, json_t *matches)
{
    json_t *given = json_object_get(route->edit->request, kind);
    size_t i;
    json_t *item;

    if (given && !json_is_array(given))
        return px_edit_refuse(route->edit, "'%s' must be a list of {name, value}", kind);
    json_array_foreach(given, i, item)
    {
        json_t *match = json_pack("{s:[O]}", kind, item);

        if (!json_is_object(item)) {
            json_decref(match);
            return px_edit_refuse(route->edit, "'%s' must be a list of {name, value}", kind);
        }
        if (!match || json_array_append_new(matches, match) != 0)
            return -ENOMEM;
    }
    return 0;
}

/* A carrier within one of the alternatives that the rule itself has: both must hold. */
static json_t *join(const json_t *own, const json_t *carrier)
{
    static const char *const kinds[] = {"headers", "cookies"};
    json_t *both = json_deep_copy(own);

    for (size_t i = 0; both && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        json_t *added = json_object_get(carrier, kinds[i]);
        json_t *list = json_object_get(both, kinds[i]);

        if (!added)
            continue;
        if (list ? json_array_extend(list, added) != 0
                 : json_object_set_new(both, kinds[i], json_deep_copy(added)) != 0) {
            json_decref(both);
            both = NULL;
        }
    }
    return both;
}

/* The rule's alternatives times the carriers; takes over nothing. */
static json_t *join_all(json_t *own, json_t *carriers)
{
    json_t *matches;
    size_t i;
    size_t k;
    json_t *alternative;
    json_t *carrier;

    if (!own)
        return json_deep_copy(carriers);
    matches = json_array();
    json_array_foreach(own, i, alternative)
    {
        json_array_foreach(carriers, k, carrier)
        {
            if (matches && json_array_append_new(matches, join(alternative, carrier)) != 0) {
                json_decref(matches);
                matches = NULL;
            }
        }
    }
    return matches;
}

/* "main/ab-1", or the next number that no rule has. */
static void name_made(const struct px_route_edit *route, char *name, size_t size)
{
    unsigned number = 1;

    do
        snprintf(name, size, "%s/ab-%u", route->edit->rule, number++);
    while (px_edit_find_by_name(route->edit->rules, name));
}

/* What a user meets besides the version stays as in the rule: timeouts, limits, and the endpoint of
 * those who stick to one (with the same seed, or it would be another). */
static int copy_manners(const struct px_route_edit *route, json_t *made)
{
    static const char *const manners[] = {"timeouts", "max_body"};
    const char *scope = json_string_value(json_object_get(route->sticky, "scope"));
    json_t *sticky;
    int error = 0;

    for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]) && !error; i++) {
        json_t *value = json_object_get(route->before, manners[i]);

        if (value)
            error = px_edit_set(made, manners[i], json_deep_copy(value));
    }
    if (error || !scope || strcmp(scope, "endpoint") != 0)
        return error;
    sticky = json_deep_copy(route->sticky);
    if (!sticky)
        return -ENOMEM;
    if (!json_object_get(sticky, "seed"))
        error = px_edit_set(sticky, "seed", json_string(route->edit->rule));
    if (!error)
        error = px_edit_set(made, "sticky", json_incref(sticky));
    json_decref(sticky);
    return error;
}

static int insert_made(struct px_route_edit *route, json_t *carriers, const char *canary)
{
    json_t *matches = join_all(json_object_get(route->before, "match"), carriers);
    json_t *made;
    char name[160];
    int error;

    name_made(route, name, sizeof(name));
    made = json_pack("{s:s, s:o, s:{s:i}, s:b}", "name", name, "match", matches, "weights", canary,
                     1, "made_by_route", 1);
    if (!made)
        return -ENOMEM;
    error = copy_manners(route, made);
    if (!error && json_array_insert(route->edit->rules, route->index, made) != 0)
        error = -ENOMEM;
    json_decref(made);
    route->index++;
    return error;
}

static int route_ab_carried(struct px_route_edit *route)
{
    static const char *const members[] = {"strategy", "stable",  "canary",
                                          "headers",  "cookies", NULL};
    json_t *carriers = json_array();
    const char *stable;
    const char *canary;
    int error = carriers ? px_edit_check_members(route->edit, members) : -ENOMEM;

    if (!error)
        error = px_route_edit_pair(route, &stable, &canary);
    if (!error)
        error = add_carriers(route, "headers", carriers);
    if (!error)
        error = add_carriers(route, "cookies", carriers);
    if (!error && json_array_size(carriers) == 0)
        error = px_edit_refuse(route->edit, "strategy ab needs 'headers' or 'cookies' (who carries "
                                            "it) or 'by' and 'split' (who is drawn)");
    if (!error)
        error = px_route_edit_one(route->rule, stable);
    if (!error)
        error = px_edit_set(route->rule, "stable", json_string(stable));
    if (!error)
        error = px_route_edit_sticky(route, route->sticky);
    if (!error)
        error = insert_made(route, carriers, canary);
    json_decref(carriers);
    return error;
}

/* --- ab: who is drawn --------------------------------------------------------------------------
 */

static int set_drawn_sticky(struct px_route_edit *route, const char *by, const char *seed)
{
    static const char *const kept[] = {"scope", "on_missing"};
    json_t *sticky = json_pack("{s:s}", "by", by);
    int error = sticky ? 0 : -ENOMEM;

    if (!error && seed)
        error = px_edit_set(sticky, "seed", json_string(seed));
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]) && !error; i++) {
        json_t *value = json_object_get(route->sticky, kept[i]);

        if (value)
            error = px_edit_set(sticky, kept[i], json_incref(value));
    }
    if (!error)
        error = px_edit_set(route->rule, "sticky", json_incref(sticky));
    json_decref(sticky);
    return error;
}

/* The stable that was said, else the rule's own, else the first of the split. */
static int set_drawn_stable(struct px_route_edit *route, json_t *split)
{
    const json_t *said = json_object_get(route->edit->request, "stable");
    const char *first = json_object_iter_key(json_object_iter(split));

    if (said)
        return px_edit_set(route->rule, "stable", json_deep_copy(said));
    if (json_object_get(route->rule, "stable"))
        return 0;
    px_edit_note(route->edit, "stable is now %.64s: abort goes back to it", first);
    return px_edit_set(route->rule, "stable", json_string(first));
}

static int route_ab_drawn(struct px_route_edit *route)
{
    static const char *const members[] = {"strategy", "by", "split", "seed", "stable", NULL};
    json_t *split = json_object_get(route->edit->request, "split");
    const json_t *seed = json_object_get(route->edit->request, "seed");
    const char *by;
    int error = px_edit_check_members(route->edit, members);

    if (!error)
        error = px_edit_text(route->edit, "by", &by);
    if (!error && seed && (!json_is_string(seed) || json_string_length(seed) == 0))
        error = px_edit_refuse(route->edit, "'seed' must be a text");
    if (!error && json_object_size(split) == 0)
        error = px_edit_refuse(route->edit, "'split' must name versions with their weights, such "
                                            "as {\"blue\": 50, \"green\": 50}");
    if (!error)
        error = px_edit_set(route->rule, "weights", json_deep_copy(split));
    if (!error)
        error = set_drawn_sticky(route, by, json_string_value(seed));
    if (!error)
        error = set_drawn_stable(route, split);
    return error;
}

int px_route_edit_ab(struct px_route_edit *route)
{
    return json_object_get(route->edit->request, "by") ? route_ab_drawn(route)
                                                       : route_ab_carried(route);
}

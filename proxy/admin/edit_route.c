#include "proxy/admin/edit_route.h"
#include "proxy/admin/shares.h"
#include "proxy/config/units.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SHADOW_ALL 1000000u

void px_route_edit_remove_made(struct px_route_edit *route)
{
    json_t *rules = route->edit->rules;

    for (size_t i = json_array_size(rules); i-- > 0;) {
        if (!px_edit_is_made_for(json_array_get(rules, i), route->edit->rule))
            continue;
        json_array_remove(rules, i);
        if (i < route->index)
            route->index--;
    }
}

int px_route_edit_sticky(struct px_route_edit *route, const json_t *sticky)
{
    if (sticky)
        return px_edit_set(route->rule, "sticky", json_deep_copy(sticky));
    json_object_del(route->rule, "sticky");
    return 0;
}

/* Weights {a: ppm of b's rest, b: ppm}. */
static int set_two(struct px_route_edit *route, const char *a, const char *b, unsigned ppm_of_b)
{
    uint32_t weights[2] = {PX_SHARES_PPM - ppm_of_b, ppm_of_b};
    json_t *object = json_object();
    int error = object ? 0 : -ENOMEM;

    px_shares_reduce(weights, 2);
    if (!error)
        error = px_edit_set(object, a, json_integer(weights[0]));
    if (!error)
        error = px_edit_set(object, b, json_integer(weights[1]));
    if (!error)
        error = px_edit_set(route->rule, "weights", json_incref(object));
    json_decref(object);
    return error;
}

int px_route_edit_one(json_t *rule, const char *version)
{
    return px_edit_set(rule, "weights", json_pack("{s:i}", version, 1));
}

int px_route_edit_pair(struct px_route_edit *route, const char **ret_stable,
                       const char **ret_canary)
{
    int error = px_edit_text(route->edit, "stable", ret_stable);

    if (!error)
        error = px_edit_text(route->edit, "canary", ret_canary);
    if (!error && strcmp(*ret_stable, *ret_canary) == 0)
        error = px_edit_refuse(route->edit, "'stable' and 'canary' are the same version");
    return error;
}

/* --- all ---------------------------------------------------------------------------------------
 */

static int route_all(struct px_route_edit *route)
{
    static const char *const members[] = {"strategy", "version", NULL};
    const char *stable = json_string_value(json_object_get(route->rule, "stable"));
    const char *version;
    int error = px_edit_check_members(route->edit, members);

    if (!error)
        error = px_edit_text(route->edit, "version", &version);
    if (!error)
        error = px_route_edit_one(route->rule, version);
    if (!error)
        error = px_route_edit_sticky(route, route->sticky);
    if (!error && stable && strcmp(stable, version) != 0)
        px_edit_note(route->edit, "stable stays %.64s: abort goes back to it", stable);
    return error;
}

/* --- canary ------------------------------------------------------------------------------------
 */

static int route_canary(struct px_route_edit *route)
{
    static const char *const members[] = {"strategy",  "stable",      "canary",
                                          "share_ppm", "per_request", NULL};
    const json_t *per_request = json_object_get(route->edit->request, "per_request");
    json_t *cookie = NULL;
    const char *stable;
    const char *canary;
    unsigned ppm = 0;
    int error = px_edit_check_members(route->edit, members);

    if (!error)
        error = px_route_edit_pair(route, &stable, &canary);
    if (!error)
        error = px_edit_ppm(route->edit, "share_ppm",
                            json_object_get(route->edit->request, "share_ppm"), &ppm);
    if (!error && per_request && !json_is_boolean(per_request))
        error = px_edit_refuse(route->edit, "'per_request' must be true or false");
    if (!error)
        error = set_two(route, stable, canary, ppm);
    if (!error)
        error = px_edit_set(route->rule, "stable", json_string(stable));
    if (!error && json_is_true(per_request))
        return px_route_edit_sticky(route, NULL);
    if (!error && !route->sticky) {
        cookie = json_pack("{s:s}", "by", "cookie");
        error = cookie ? 0 : -ENOMEM;
    }
    if (!error)
        error = px_route_edit_sticky(route, cookie ? cookie : route->sticky);
    json_decref(cookie);
    return error;
}

/* --- shadow ------------------------------------------------------------------------------------
 */

static const json_t *find_mirror(const json_t *rule, const char *to)
{
    size_t i;
    json_t *mirror;

    json_array_foreach(json_object_get(rule, "mirror"), i, mirror)
    {
        const char *own = json_string_value(json_object_get(mirror, "to"));

        if (own && strcmp(own, to) == 0)
            return mirror;
    }
    return NULL;
}

/* What was said about copies to this version (which headers are dropped, which methods go) is
 * safety, not traffic: it stays. */
static json_t *make_mirror(const struct px_route_edit *route, const char *to)
{
    const json_t *said = find_mirror(route->before, to);

    if (!said)
        said = find_mirror(px_edit_find_by_name(route->edit->file_rules, route->edit->rule), to);
    return said ? json_deep_copy(said) : json_pack("{s:s}", "to", to);
}

static int route_shadow(struct px_route_edit *route)
{
    static const char *const members[] = {"strategy", "stable", "canary", "ppm", NULL};
    const json_t *given = json_object_get(route->edit->request, "ppm");
    char percent[PX_UNITS_TEXT_SIZE];
    json_t *mirror = NULL;
    const char *stable;
    const char *canary;
    unsigned ppm = SHADOW_ALL;
    int error = px_edit_check_members(route->edit, members);

    if (!error)
        error = px_route_edit_pair(route, &stable, &canary);
    if (!error && given)
        error = px_edit_ppm(route->edit, "ppm", given, &ppm);
    if (!error && ppm == 0)
        error = px_edit_refuse(route->edit, "a shadow of 0 %% mirrors nothing: 'all' does that");
    if (!error)
        error = px_route_edit_one(route->rule, stable);
    if (!error)
        error = px_edit_set(route->rule, "stable", json_string(stable));
    if (!error)
        error = px_route_edit_sticky(route, route->sticky);
    if (error)
        return error;
    mirror = make_mirror(route, canary);
    error = mirror
                ? px_edit_set(mirror, "percent", json_string(px_units_write_percent(ppm, percent)))
                : -ENOMEM;
    if (!error && !json_object_get(route->rule, "sticky"))
        json_object_del(mirror, "sample"); /* no key to sample by */
    if (!error)
        error = px_edit_set(route->rule, "mirror", json_pack("[O]", mirror));
    json_decref(mirror);
    return error;
}

/* --- the strategies by name --------------------------------------------------------------------
 */

static const struct {
    const char *name;
    int (*run)(struct px_route_edit *route);
} strategies[] = {{"all", route_all},
                  {"canary", route_canary},
                  {"ab", px_route_edit_ab},
                  {"shadow", route_shadow}};

static bool sends_alike(const json_t *a, const json_t *b)
{
    const char *version;
    json_t *weight;

    json_object_foreach(json_object_get(a, "weights"), version, weight)
    {
        if (json_integer_value(weight) > 0 &&
            json_integer_value(json_object_get(json_object_get(b, "weights"), version)) <= 0)
            return false;
    }
    return true;
}

/* Rules in front of this one take their requests first, wherever they send them. */
void px_route_edit_note_elsewhere(struct px_route_edit *route)
{
    for (size_t i = 0; i < route->index; i++) {
        json_t *other = json_array_get(route->edit->rules, i);
        char versions[256] = "";
        size_t used = 0;
        const char *version;
        json_t *weight;

        if (px_edit_is_made_for(other, route->edit->rule) ||
            json_is_true(json_object_get(other, "switched_off")) ||
            (sends_alike(other, route->rule) && sends_alike(route->rule, other)))
            continue;
        json_object_foreach(json_object_get(other, "weights"), version, weight)
        {
            if (json_integer_value(weight) > 0 && used < sizeof(versions) - 80)
                used += (size_t)snprintf(versions + used, sizeof(versions) - used, "%s%.64s",
                                         used ? ", " : "", version);
        }
        px_edit_note(route->edit, "rule %.64s still sends to %s",
                     json_string_value(json_object_get(other, "name")), versions);
    }
}

static int run_strategy(struct px_route_edit *route, const char *name)
{
    for (size_t i = 0; i < sizeof(strategies) / sizeof(strategies[0]); i++) {
        if (strcmp(strategies[i].name, name) == 0)
            return strategies[i].run(route);
    }
    return px_edit_refuse(route->edit, "unknown strategy '%.64s': all, canary, ab, shadow", name);
}

int px_edit_route(struct px_edit *edit)
{
    struct px_route_edit route = {.edit = edit};
    const char *strategy;
    int error = px_edit_find_rule(edit, &route.index, &route.rule);

    if (!error)
        error = px_edit_text(edit, "strategy", &strategy);
    if (error)
        return error;
    route.before = json_deep_copy(route.rule);
    if (!route.before)
        return -ENOMEM;
    route.sticky = px_edit_users_sticky(edit, route.before);
    px_route_edit_remove_made(&route);
    json_object_del(route.rule, "mirror");
    px_edit_switch_on(edit, route.rule);
    error = run_strategy(&route, strategy);
    if (!error)
        px_route_edit_note_elsewhere(&route);
    json_decref(route.before);
    return error;
}

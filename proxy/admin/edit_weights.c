#include "proxy/admin/edit.h"
#include "proxy/admin/shares.h"
#include "proxy/config/units.h"

#include "strategies/traffic/strategy.h"

#include <errno.h>
#include <string.h>

static int check_weights(struct px_edit *edit, json_t *weights)
{
    void *at = json_object_iter(weights);

    if (!at)
        return px_edit_refuse(edit, "'weights' must name versions with their weights, such as "
                                    "{\"blue\": 90, \"green\": 10}");
    for (; at; at = json_object_iter_next(weights, at)) {
        const json_t *weight = json_object_iter_value(at);

        if (!json_is_integer(weight) || json_integer_value(weight) < 0 ||
            json_integer_value(weight) > STRATEGY_WEIGHT_MAX)
            return px_edit_refuse(edit, "the weight of '%.64s' must be a whole number, 0 to %u",
                                  json_object_iter_key(at), STRATEGY_WEIGHT_MAX);
    }
    return 0;
}

int px_edit_weights(struct px_edit *edit)
{
    static const char *const members[] = {"weights", "stable", NULL};
    json_t *weights = json_object_get(edit->request, "weights");
    json_t *before;
    json_t *rule;
    size_t index;
    int error = px_edit_check_members(edit, members);

    if (!error)
        error = px_edit_find_rule(edit, &index, &rule);
    if (!error)
        error = check_weights(edit, weights);
    if (error)
        return error;
    before = json_deep_copy(rule);
    if (!before)
        return -ENOMEM;
    px_edit_switch_on(edit, rule);
    error = px_edit_set(rule, "weights", json_deep_copy(weights));
    if (!error && json_object_get(edit->request, "stable"))
        error = px_edit_set(rule, "stable", json_incref(json_object_get(edit->request, "stable")));
    if (!error)
        error = px_edit_need_stable(edit, rule, before);
    json_decref(before);
    return error;
}

/* The versions of a rule and of the request, with what each has and what it is to get. */
struct vector {
    uint32_t count;
    const char *names[STRATEGY_VERSIONS_MAX];
    uint64_t weights[STRATEGY_VERSIONS_MAX];
    uint32_t fixed[STRATEGY_VERSIONS_MAX];
    uint32_t ppm[STRATEGY_VERSIONS_MAX];
};

static uint32_t find_name(const struct vector *vector, const char *name)
{
    uint32_t i = 0;

    while (i < vector->count && strcmp(vector->names[i], name) != 0)
        i++;
    return i;
}

static int add(struct px_edit *edit, struct vector *vector, const char *name, uint64_t weight,
               uint32_t fixed)
{
    uint32_t i = find_name(vector, name);

    if (i == STRATEGY_VERSIONS_MAX)
        return px_edit_refuse(edit, "more than %d versions", STRATEGY_VERSIONS_MAX);
    if (i == vector->count) {
        vector->count++;
        vector->names[i] = name;
        vector->weights[i] = weight;
        vector->fixed[i] = PX_SHARES_FREE;
    }
    if (fixed != PX_SHARES_FREE)
        vector->fixed[i] = fixed;
    return 0;
}

static int collect(struct px_edit *edit, const json_t *rule, json_t *share, struct vector *vector)
{
    void *at = json_object_iter(json_object_get(rule, "weights"));
    int error = 0;

    for (; at && !error; at = json_object_iter_next(json_object_get(rule, "weights"), at))
        error = add(edit, vector, json_object_iter_key(at),
                    (uint64_t)json_integer_value(json_object_iter_value(at)), PX_SHARES_FREE);
    at = json_object_iter(share);
    for (; at && !error; at = json_object_iter_next(share, at)) {
        unsigned ppm = 0;

        error = px_edit_ppm(edit, json_object_iter_key(at), json_object_iter_value(at), &ppm);
        if (!error)
            error = add(edit, vector, json_object_iter_key(at), 0, ppm);
    }
    return error;
}

/* Nobody of those that are scaled has weight: the rest is for stable, or for the only one. */
static int find_heir(struct px_edit *edit, const json_t *rule, struct vector *vector)
{
    const char *stable = json_string_value(json_object_get(rule, "stable"));
    uint32_t heir = vector->count;
    uint32_t free_count = 0;

    if (stable && add(edit, vector, stable, 0, PX_SHARES_FREE) != 0)
        return -EINVAL;
    for (uint32_t i = 0; i < vector->count; i++) {
        if (vector->fixed[i] != PX_SHARES_FREE)
            continue;
        free_count++;
        heir = i;
    }
    if (stable && vector->fixed[find_name(vector, stable)] == PX_SHARES_FREE)
        heir = find_name(vector, stable);
    else if (free_count != 1)
        return px_edit_refuse(edit, "these shares leave something over and no other version has "
                                    "weight: say who gets the rest");
    vector->weights[heir] = 1;
    return 0;
}

static int scale(struct px_edit *edit, const json_t *rule, struct vector *vector)
{
    int error = px_shares_scale(vector->weights, vector->fixed, vector->count, vector->ppm);

    if (error == -ENOENT) {
        error = find_heir(edit, rule, vector);
        if (!error)
            error = px_shares_scale(vector->weights, vector->fixed, vector->count, vector->ppm);
    }
    if (error == -ERANGE)
        return px_edit_refuse(edit, "the shares add up to more than 100 %%");
    if (!error)
        px_shares_reduce(vector->ppm, vector->count);
    return error;
}

int px_edit_share(struct px_edit *edit)
{
    static const char *const members[] = {"share", NULL};
    json_t *share = json_object_get(edit->request, "share");
    struct vector vector = {.count = 0};
    json_t *weights;
    json_t *before;
    json_t *rule;
    size_t index;
    int error = px_edit_check_members(edit, members);

    if (!error)
        error = px_edit_find_rule(edit, &index, &rule);
    if (!error && json_object_size(share) == 0)
        error = px_edit_refuse(edit, "'share' must name versions with parts per million, such as "
                                     "{\"green\": 100000}");
    if (!error)
        error = collect(edit, rule, share, &vector);
    if (!error)
        error = scale(edit, rule, &vector);
    if (error)
        return error;
    before = json_deep_copy(rule);
    weights = json_object();
    px_edit_switch_on(edit, rule);
    error = before && weights ? 0 : -ENOMEM;
    for (uint32_t i = 0; !error && i < vector.count; i++)
        error = px_edit_set(weights, vector.names[i], json_integer(vector.ppm[i]));
    if (!error)
        error = px_edit_set(rule, "weights", json_incref(weights));
    if (!error)
        error = px_edit_need_stable(edit, rule, before);
    json_decref(weights);
    json_decref(before);
    return error;
}

static size_t find_mirror(const json_t *mirrors, const char *to)
{
    size_t i;
    json_t *mirror;

    json_array_foreach(mirrors, i, mirror)
    {
        const char *own = json_string_value(json_object_get(mirror, "to"));

        if (own && strcmp(own, to) == 0)
            break;
    }
    return i;
}

static int remove_mirror(struct px_edit *edit, json_t *rule, const char *to)
{
    json_t *mirrors = json_object_get(rule, "mirror");
    size_t place = find_mirror(mirrors, to);

    if (place >= json_array_size(mirrors)) {
        px_edit_note(edit, "rule %s has no mirror to %.64s", edit->rule, to);
        return 0;
    }
    json_array_remove(mirrors, place);
    if (json_array_size(mirrors) == 0)
        json_object_del(rule, "mirror");
    return 0;
}

int px_edit_mirror(struct px_edit *edit)
{
    static const char *const members[] = {"to", "ppm", NULL};
    char percent[PX_UNITS_TEXT_SIZE];
    const char *only = NULL;
    const char *to = NULL;
    json_t *mirrors;
    json_t *mirror;
    json_t *rule;
    unsigned ppm = 0;
    size_t index;
    int error = px_edit_check_members(edit, members);

    if (!error)
        error = px_edit_find_rule(edit, &index, &rule);
    if (!error)
        error = px_edit_text(edit, "to", &to);
    if (!error)
        error = px_edit_ppm(edit, "ppm", json_object_get(edit->request, "ppm"), &ppm);
    if (error)
        return error;
    if (ppm == 0)
        return remove_mirror(edit, rule, to);
    if (!json_object_get(rule, "mirror") && px_edit_set(rule, "mirror", json_array()) != 0)
        return -ENOMEM;
    mirrors = json_object_get(rule, "mirror");
    mirror = json_array_get(mirrors, find_mirror(mirrors, to));
    if (!mirror) {
        mirror = json_pack("{s:s}", "to", to);
        if (!mirror || json_array_append_new(mirrors, mirror) != 0)
            return -ENOMEM;
    }
    if (px_edit_count_positive(rule, &only) == 1 && strcmp(only, to) == 0)
        px_edit_note(edit, "%.64s itself answers all of rule %s: nothing will be mirrored", to,
                     edit->rule);
    return px_edit_set(mirror, "percent", json_string(px_units_write_percent(ppm, percent)));
}

#include "proxy/handover.h"

#include <string.h>

/* --- health ------------------------------------------------------------------------------------
 */

json_t *px_handover_endpoints(const struct px_snapshot *snapshot)
{
    json_t *list = json_array();

    for (uint32_t v = 0; v < snapshot->version_count; v++) {
        const struct px_snapshot_version *version = &snapshot->versions[v];

        for (uint32_t e = 0; e < version->endpoint_count; e++) {
            struct px_endpoint *endpoint = version->endpoints[e];

            tn_json_append(&list, json_pack("{s:s, s:s, s:b, s:b, s:I}", "version", version->name,
                                            "address", endpoint->address.text, "probed",
                                            (int)atomic_load(&endpoint->probed), "up",
                                            (int)atomic_load(&endpoint->up), "since_ms",
                                            (json_int_t)atomic_load(&endpoint->up_since_ms)));
        }
    }
    return list;
}

static bool is_text(const json_t *object, const char *name, const char *text)
{
    const char *said = json_string_value(json_object_get(object, name));

    return said && strcmp(said, text) == 0;
}

static void apply_health(const json_t *list, const struct px_snapshot_version *version,
                         struct px_endpoint *endpoint)
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        if (!is_text(item, "version", version->name) ||
            !is_text(item, "address", endpoint->address.text) ||
            !json_is_true(json_object_get(item, "probed")))
            continue;
        /* both processes read the same clock */
        atomic_store(&endpoint->up_since_ms,
                     (uint64_t)json_integer_value(json_object_get(item, "since_ms")));
        atomic_store(&endpoint->up, json_is_true(json_object_get(item, "up")));
        atomic_store(&endpoint->probed, true);
    }
}

/* --- deals -------------------------------------------------------------------------------------
 */

static json_t *weights_of(const struct px_snapshot *snapshot, const struct px_snapshot_rule *rule)
{
    json_t *weights = json_object();

    for (uint32_t i = 0; i < rule->version_count; i++) {
        if (rule->weights[i] > 0)
            tn_json_set(&weights, snapshot->versions[rule->versions[i]].name,
                        json_integer(rule->weights[i]));
    }
    return weights;
}

/* 64 bits in a signed number: only to be compared. */
static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *deal_json(json_t *what, const struct px_deal *deal)
{
    tn_json_set(&what, "seed", number(deal->seed));
    tn_json_set(&what, "n", number(atomic_load(&deal->n)));
    return what;
}

json_t *px_handover_deals(const struct px_snapshot *snapshot)
{
    json_t *list = json_array();

    for (uint32_t r = 0; r < snapshot->rule_count; r++) {
        const struct px_snapshot_rule *rule = &snapshot->rules[r];
        json_t *item = json_pack("{s:s}", "rule", rule->rule->name);

        tn_json_set(&item, "weights", weights_of(snapshot, rule));
        tn_json_append(&list, deal_json(item, rule->deal));
        for (uint32_t m = 0; m < rule->mirror_count; m++)
            tn_json_append(&list, deal_json(json_pack("{s:s, s:s, s:I}", "rule", rule->rule->name,
                                                      "to", rule->mirrors[m].mirror->to, "ppm",
                                                      (json_int_t)rule->mirrors[m].mirror->ppm),
                                            rule->mirrors[m].deal));
    }
    return list;
}

/* The count goes on where it was; what is dealt meanwhile is dealt by the other one as well. */
static void apply_deal(const json_t *item, struct px_deal *deal)
{
    if ((uint64_t)json_integer_value(json_object_get(item, "seed")) == deal->seed)
        atomic_store(&deal->n, (uint64_t)json_integer_value(json_object_get(item, "n")));
}

static void apply_deals(const json_t *list, const struct px_snapshot *snapshot,
                        const struct px_snapshot_rule *rule)
{
    json_t *weights = weights_of(snapshot, rule);
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        if (!is_text(item, "rule", rule->rule->name))
            continue;
        if (!json_object_get(item, "to") && weights &&
            json_equal(weights, json_object_get(item, "weights")))
            apply_deal(item, rule->deal);
        for (uint32_t m = 0; m < rule->mirror_count; m++) {
            const struct px_mirror *mirror = rule->mirrors[m].mirror;

            if (is_text(item, "to", mirror->to) &&
                json_integer_value(json_object_get(item, "ppm")) == (json_int_t)mirror->ppm)
                apply_deal(item, rule->mirrors[m].deal);
        }
    }
    json_decref(weights);
}

void px_handover_apply(const json_t *state, struct px_snapshot *snapshot)
{
    const json_t *endpoints = json_object_get(state, "endpoints");
    const json_t *deals = json_object_get(state, "deals");

    for (uint32_t v = 0; v < snapshot->version_count; v++) {
        for (uint32_t e = 0; e < snapshot->versions[v].endpoint_count; e++)
            apply_health(endpoints, &snapshot->versions[v], snapshot->versions[v].endpoints[e]);
    }
    for (uint32_t r = 0; r < snapshot->rule_count; r++)
        apply_deals(deals, snapshot, &snapshot->rules[r]);
}

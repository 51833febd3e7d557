#include "engine/platform.h"
#include "engine/proxy.h"
#include "proxy/config/units.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

static uint64_t count_of(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));

    return value > 0 ? (uint64_t)value : 0;
}

static const json_t *find_named(const json_t *list, const char *member, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(text_of(json_array_get(list, i), member), name) == 0)
            return json_array_get(list, i);
    }
    return NULL;
}

static enum strategy_mode mode_of(const json_t *object)
{
    const char *word = text_of(object, "mode");

    if (strcmp(word, "cut") == 0)
        return STRATEGY_CUT;
    return strcmp(word, "draining") == 0 ? STRATEGY_DRAINING : STRATEGY_ACTIVE;
}

int en_proxy_read_status(const struct en_config *config, const json_t *status,
                         struct en_proxy_view *view, char **ret_why)
{
    view->revision = count_of(status, "revision");
    view->is_durable = json_is_true(json_object_get(status, "durable"));
    for (uint32_t v = 0; v < EN_VERSIONS; v++) {
        const json_t *version =
            find_named(json_object_get(status, "versions"), "name", config->versions[v].name);
        const json_t *endpoints = json_object_get(version, "endpoints");
        struct en_proxy_version *target = &view->versions[v];

        if (!version)
            return en_fail(ret_why, -ENOENT, "the proxy has no version '%s'",
                           config->versions[v].name);
        target->mode = mode_of(version);
        target->is_shadowed = json_is_string(json_object_get(version, "shadowed_since"));
        for (size_t i = 0; i < json_array_size(endpoints) && i < EN_INSTANCES_MAX; i++) {
            const json_t *endpoint = json_array_get(endpoints, i);

            target->endpoints[target->endpoint_count++] = (struct en_proxy_endpoint){
                .is_up = json_is_true(json_object_get(endpoint, "up")) &&
                         json_is_true(json_object_get(endpoint, "probed")) &&
                         !json_is_true(json_object_get(endpoint, "ejected")),
                .mode = mode_of(endpoint),
                .in_flight = (uint32_t)count_of(endpoint, "in_flight"),
            };
        }
    }
    return 0;
}

/* --- the rule ----------------------------------------------------------------------------------
 */

static uint32_t version_index(const struct en_config *config, const char *name)
{
    int index = en_config_find_version(config, name);

    return index < 0 ? EN_VERSIONS : (uint32_t)index;
}

static void read_weights(const struct en_config *config, const json_t *rule,
                         struct en_proxy_view *view)
{
    const json_t *weights = json_object_get(rule, "weights");
    uint64_t sum = 0;
    const char *name;
    json_t *weight;

    json_object_foreach((json_t *)(uintptr_t)weights, name, weight)
    {
        sum += (uint64_t)json_integer_value(weight);
        view->has_others = view->has_others || (json_integer_value(weight) > 0 &&
                                                version_index(config, name) == EN_VERSIONS);
    }
    for (uint32_t v = 0; v < EN_VERSIONS && sum > 0; v++) {
        uint64_t own = count_of(weights, config->versions[v].name);

        view->state.share_ppm[v] = (uint32_t)((own * STRATEGY_ALL_PPM + sum / 2) / sum);
    }
}

static void read_mirrors(const struct en_config *config, const json_t *rule,
                         struct en_proxy_view *view)
{
    const json_t *mirrors = json_object_get(rule, "mirror");

    for (size_t i = 0; i < json_array_size(mirrors); i++) {
        const json_t *mirror = json_array_get(mirrors, i);
        uint32_t v = version_index(config, text_of(mirror, "to"));
        uint32_t ppm = STRATEGY_ALL_PPM;

        /* Left out when it is all of them. */
        if (json_object_get(mirror, "percent") &&
            px_units_parse_percent(tn_str_of(text_of(mirror, "percent")), &ppm) < 0)
            ppm = 0;
        if (v < EN_VERSIONS)
            view->state.mirror_ppm[v] += ppm;
    }
}

static void read_matches(const struct en_config *config, const json_t *list, const char *name,
                         struct en_proxy_view *view)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *rule = json_array_get(list, i);
        const char *own = text_of(rule, "name");

        if (strncmp(own, name, len) != 0 || own[len] != '/' ||
            !json_is_true(json_object_get(rule, "made_by_route")) ||
            json_is_true(json_object_get(rule, "switched_off")))
            continue;
        for (uint32_t v = 0; v < EN_VERSIONS; v++)
            view->state.has_match[v] =
                view->state.has_match[v] ||
                count_of(json_object_get(rule, "weights"), config->versions[v].name) > 0;
    }
}

static void read_stickiness(const json_t *rule, struct en_proxy_view *view)
{
    const json_t *sticky = json_object_get(rule, "sticky");

    view->is_sticky = json_is_object(sticky);
    view->holds_users = strcmp(text_of(sticky, "affinity"), "session") == 0 ||
                        strcmp(text_of(sticky, "scope"), "endpoint") == 0;
}

int en_proxy_read_rules(const struct en_config *config, const json_t *rules, const char *name,
                        struct en_proxy_view *view, char **ret_why)
{
    const json_t *list = json_object_get(rules, "rules");
    const json_t *rule =
        name ? find_named(list, "name", name) : json_array_get(list, json_array_size(list) - 1);

    if (!rule)
        return en_fail(ret_why, -ENOENT, "the proxy has no rule '%s'", name ? name : "");
    snprintf(view->rule, sizeof(view->rule), "%s", text_of(rule, "name"));
    view->state.stable = version_index(config, text_of(rule, "stable"));
    read_weights(config, rule, view);
    read_mirrors(config, rule, view);
    read_matches(config, list, view->rule, view);
    read_stickiness(rule, view);
    /* One version with all of it needs no stable: it is what an abort would lead to. */
    for (uint32_t v = 0; v < EN_VERSIONS && view->state.stable == EN_VERSIONS; v++) {
        if (view->state.share_ppm[v] == STRATEGY_ALL_PPM)
            view->state.stable = v;
    }
    return 0;
}

/* --- figures -----------------------------------------------------------------------------------
 */

static enum strategy_verdict verdict_of(const json_t *object)
{
    const char *word = text_of(object, "verdict");

    for (int i = 0; i < STRATEGY_VERDICT_COUNT; i++) {
        if (strcmp(word, strategy_verdict_word((enum strategy_verdict)i)) == 0)
            return (enum strategy_verdict)i;
    }
    return STRATEGY_VERDICT_INCONCLUSIVE;
}

void en_proxy_read_share(const struct en_config *config, const json_t *share, const char *goal,
                         struct en_proxy_view *view)
{
    const json_t *rule = find_named(json_object_get(share, "rules"), "name", view->rule);

    for (uint32_t v = 0; v < EN_VERSIONS; v++) {
        const char *name = config->versions[v].name;
        const json_t *version = find_named(json_object_get(rule, "versions"), "name", name);
        const json_t *finding = json_object_get(version, "finding");
        const json_t *mirror = find_named(json_object_get(rule, "mirrors"), "to", name);
        struct en_proxy_figures *figures = &view->figures[v];

        figures->requests = count_of(json_is_object(finding) ? finding : version, "requests");
        figures->errors = count_of(json_is_object(finding) ? finding : version, "errors");
        figures->users = count_of(finding, "users");
        figures->error_share =
            figures->requests ? (double)figures->errors / (double)figures->requests : 0;
        figures->p99_ms = json_number_value(json_object_get(version, "p99_ms"));
        figures->mirrored = count_of(mirror, "answered");
        figures->verdict = verdict_of(finding);
        figures->goal =
            goal ? verdict_of(find_named(json_object_get(finding, "goals"), "name", goal))
                 : STRATEGY_VERDICT_INCONCLUSIVE;
    }
}

#include "engine/update.h"

#include "proxy/config/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, WHOLE, FLAG, AMOUNT, LIST, OBJECT };

static const struct member {
    const char *name;
    enum kind kind;
} members[] = {
    {"strategy", TEXT},
    {"to", TEXT},
    {"rule", TEXT},
    {"max_surge", AMOUNT},
    {"max_unavailable", AMOUNT},
    {"across", FLAG},
    {"steps", LIST},
    {"shares", LIST},
    {"for_ms", WHOLE},
    {"after_requests", WHOLE},
    {"verdict", FLAG},
    {"keep_ms", WHOLE},
    {"test", TEXT},
    {"approve", FLAG},
    {"headers", LIST},
    {"cookies", LIST},
    {"by", TEXT},
    {"split_ppm", WHOLE},
    {"ppm", WHOLE},
    {"metric", TEXT},
    {"decide_within_ms", WHOLE},
    {"on_undecided", TEXT},
    {"min_ready_ms", WHOLE},
    {"progress_ms", WHOLE},
    {"drain_ms", WHOLE},
    {"per_request", FLAG},
    {"accept_separate_disks", FLAG},
    {"accept_shadow_data", FLAG},
    {"reset_disks", FLAG},
    {"max_error_rate_ppm", WHOLE},
    {"max_p99_ms", WHOLE},
    {"min_requests", WHOLE},
    {"author", TEXT},
    {"reason", TEXT},
    {"dry_run", FLAG},
    {"hooks", WHOLE},
    {"state", WHOLE},
    {"has_disks", FLAG},
    {"replicas", WHOLE},
};

static bool is_of(const json_t *value, enum kind kind)
{
    switch (kind) {
    case TEXT:
        return json_is_string(value) && json_string_length(value) > 0 &&
               json_string_length(value) <= 1024;
    case WHOLE:
        return json_is_integer(value) && json_integer_value(value) >= 0;
    case FLAG:
        return json_is_boolean(value);
    case AMOUNT:
        return (json_is_integer(value) && json_integer_value(value) >= 0) || json_is_string(value);
    case LIST:
        return json_is_array(value);
    default:
        return json_is_object(value);
    }
}

static int check_members(const json_t *request, char **ret_why)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)request, name, value)
    {
        size_t i = 0;

        while (i < sizeof(members) / sizeof(members[0]) && strcmp(members[i].name, name) != 0)
            i++;
        if (i == sizeof(members) / sizeof(members[0]))
            return en_fail(ret_why, -EINVAL, "unknown member '%.64s'", name);
        if (!is_of(value, members[i].kind))
            return en_fail(ret_why, -EINVAL, "'%s' is not what it should be", name);
    }
    return 0;
}

static uint64_t whole(const json_t *request, const char *name, uint64_t fallback)
{
    const json_t *value = json_object_get(request, name);

    return value ? (uint64_t)json_integer_value(value) : fallback;
}

static bool flag(const json_t *request, const char *name)
{
    return json_is_true(json_object_get(request, name));
}

static const char *text(const json_t *request, const char *name)
{
    return json_string_value(json_object_get(request, name));
}

static int read_kind(const json_t *request, enum strategy_kind *ret_kind, char **ret_why)
{
    const char *word = text(request, "strategy");

    if (!word)
        return en_fail(ret_why, -EINVAL, "'strategy' is missing");
    for (int i = 0; i < STRATEGY_KIND_COUNT; i++) {
        if (strcmp(word, strategy_kind_word((enum strategy_kind)i)) == 0) {
            *ret_kind = (enum strategy_kind)i;
            return 0;
        }
    }
    return en_fail(ret_why, -EINVAL,
                   "there is no strategy '%.40s': there are rolling, ramped, best-effort, "
                   "recreate, blue-green, canary, ab, shadow",
                   word);
}

static int read_amount(const json_t *request, const char *name, struct strategy_amount *amount,
                       char **ret_why)
{
    const json_t *value = json_object_get(request, name);
    uint32_t ppm = 0;

    if (!value)
        return 0;
    if (json_is_integer(value)) {
        *amount = (struct strategy_amount){.value = (uint32_t)json_integer_value(value)};
        return 0;
    }
    struct tn_str percent = tn_str_of(json_string_value(value));
    if (percent.len < 2 || percent.ptr[percent.len - 1] != '%' ||
        px_units_parse_percent(percent, &ppm) < 0 || ppm % 10000 != 0)
        return en_fail(ret_why, -EINVAL, "'%s': expected a number such as 1, or 25%%", name);
    *amount = (struct strategy_amount){.value = ppm / 10000, .is_percent = true};
    return 0;
}

static int read_undecided(const json_t *request, struct strategy_plan *plan, char **ret_why)
{
    const char *word = text(request, "on_undecided");

    if (!word || strcmp(word, "hold") == 0)
        return 0;
    if (strcmp(word, "abort") != 0)
        return en_fail(ret_why, -EINVAL, "'on_undecided': expected hold or abort");
    plan->on_undecided = STRATEGY_UNDECIDED_ABORT;
    return 0;
}

static int read_plan(const json_t *request, struct strategy_plan *plan, char **ret_why)
{
    int r = read_amount(request, "max_surge", &plan->surge, ret_why);

    if (r == 0)
        r = read_amount(request, "max_unavailable", &plan->unavailable, ret_why);
    if (r == 0)
        r = read_undecided(request, plan, ret_why);
    /* A surge needs the other version: in place there is one process for each place. */
    if (plan->kind == STRATEGY_KIND_ROLLING && plan->surge.value > 0)
        plan->is_across = true;
    plan->is_across = plan->is_across || flag(request, "across");
    plan->progress_ms = whole(request, "progress_ms", plan->progress_ms);
    plan->drain_ms = whole(request, "drain_ms", plan->drain_ms);
    plan->min_ready_ms = whole(request, "min_ready_ms", plan->min_ready_ms);
    plan->decide_within_ms = whole(request, "decide_within_ms", plan->decide_within_ms);
    plan->keep_ms = whole(request, "keep_ms", plan->keep_ms);
    plan->accepts_separate_disks = flag(request, "accept_separate_disks");
    plan->accepts_shadow_data = flag(request, "accept_shadow_data");
    plan->resets_disks = flag(request, "reset_disks");
    plan->hooks = (uint32_t)whole(request, "hooks", 0);
    plan->state = (enum strategy_state)whole(request, "state", 0);
    plan->has_disks = flag(request, "has_disks");
    plan->replicas = (uint32_t)whole(request, "replicas", 1);
    return r;
}

int en_request_plan(const struct en_config *config, struct en_update *update, char **ret_why)
{
    struct strategy_plan *plan = &update->plan;
    char problem[STRATEGY_PROBLEM_LEN];
    enum strategy_kind kind = STRATEGY_KIND_ROLLING;
    int r = read_kind(update->request, &kind, ret_why);

    if (r < 0)
        return r;
    strategy_plan_init(plan, kind);
    r = read_plan(update->request, plan, ret_why);
    plan->idle_replicas = update->idle_replicas;
    plan->is_shadowed = update->is_shadowed;
    plan->from = config->versions[update->versions[STRATEGY_FROM]].name;
    plan->to = config->versions[update->versions[STRATEGY_TO]].name;
    plan->from_build = update->starting[STRATEGY_FROM];
    plan->to_build = update->target;
    plan->last_served = update->last_served[0] ? update->last_served : NULL;
    if (r == 0)
        r = en_request_steps(update->request, plan, ret_why);
    if (r == 0 && strategy_plan_complete(plan, problem) < 0)
        r = en_fail(ret_why, -EINVAL, "%s", problem);
    return r;
}

/* --- a new one ---------------------------------------------------------------------------------
 */

/* What the configuration says counts as it is now, for as long as the update lasts. */
static int add_context(json_t *request, const struct en_config *config)
{
    uint32_t hooks = 0;
    int r = 0;

    for (uint32_t i = 0; i < STRATEGY_HOOK_COUNT; i++) {
        if (config->hooks[i].url || config->hooks[i].command)
            hooks |= 1u << i;
    }
    r |= json_object_set_new(request, "hooks", json_integer(hooks));
    r |= json_object_set_new(request, "state", json_integer(config->state));
    r |= json_object_set_new(
        request, "has_disks",
        json_boolean(config->versions[0].data != NULL || config->versions[1].data != NULL));
    r |= json_object_set_new(request, "replicas", json_integer(config->replicas));
    if (!json_object_get(request, "progress_ms"))
        r |= json_object_set_new(request, "progress_ms",
                                 json_integer((json_int_t)config->progress_ms));
    if (!json_object_get(request, "drain_ms"))
        r |= json_object_set_new(request, "drain_ms", json_integer((json_int_t)config->drain_ms));
    return r == 0 ? 0 : -ENOMEM;
}

static int check_given(const json_t *request, char **ret_why)
{
    static const char *const own[] = {"hooks", "state", "has_disks", "replicas"};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (json_object_get(request, own[i]))
            return en_fail(ret_why, -EINVAL, "unknown member '%s'", own[i]);
    }
    return text(request, "to") && strlen(text(request, "to")) < EN_NAME_SIZE
               ? 0
               : en_fail(ret_why, -EINVAL, "'to' is missing: the build to update to");
}

/* FROM is who serves: the rule's stable, with all of its requests. */
static int name_parts(struct en_update *update, const struct en_request_view *view, char **ret_why)
{
    const struct en_config *config = view->config;
    const struct en_rule_state *state = &view->proxy->state;
    uint32_t from = state->stable;

    if (from == EN_VERSIONS)
        return en_fail(ret_why, -EINVAL,
                       "rule %s has no stable of %s and %s: say which one serves with 'turnout "
                       "promote'",
                       view->proxy->rule, config->versions[0].name, config->versions[1].name);
    uint32_t to = 1 - from;
    if (view->proxy->has_others || state->share_ppm[from] != STRATEGY_ALL_PPM ||
        state->has_match[to] || state->mirror_ppm[to] > 0)
        return en_fail(ret_why, -EINVAL,
                       "rule %s does not send all of its requests to %s alone: finish that first "
                       "('turnout abort' or 'turnout promote')",
                       view->proxy->rule, config->versions[from].name);
    if (config->replicas > view->proxy->versions[from].endpoint_count ||
        config->replicas > view->proxy->versions[to].endpoint_count)
        return en_fail(ret_why, -EINVAL, "the proxy knows fewer endpoints than %u replicas",
                       config->replicas);
    update->versions[STRATEGY_FROM] = from;
    update->versions[STRATEGY_TO] = to;
    for (int part = 0; part < STRATEGY_PARTS; part++)
        memcpy(update->starting[part], view->platform->versions[update->versions[part]].build,
               EN_NAME_SIZE);
    update->idle_replicas = view->platform->versions[to].replicas;
    update->is_shadowed = view->proxy->versions[to].is_shadowed;
    update->ours = *state;
    update->revision = view->proxy->revision;
    memcpy(update->rule, view->proxy->rule, sizeof(update->rule));
    return 0;
}

static int check_serving(const struct en_update *update, const struct en_request_view *view,
                         char **ret_why)
{
    const struct en_version *from = &view->platform->versions[update->versions[STRATEGY_FROM]];

    if (strcmp(from->build, update->target) == 0)
        return en_fail(ret_why, -EINVAL, "%s already runs build %s",
                       view->config->versions[update->versions[STRATEGY_FROM]].name,
                       update->target);
    for (uint32_t i = 0; i < view->config->replicas; i++) {
        const struct en_instance *instance = &from->instances[i];

        if (instance->phase != EN_READY)
            return en_fail(ret_why, -EINVAL,
                           "%s/%u is %s: an update begins with all instances of the serving "
                           "version ready%s%s",
                           view->config->versions[update->versions[STRATEGY_FROM]].name, i,
                           en_phase_words[instance->phase], instance->why[0] ? ": " : "",
                           instance->why);
    }
    return 0;
}

static void copy_text(char *target, size_t size, const char *source)
{
    snprintf(target, size, "%s", source ? source : "");
}

int en_request_accept(const json_t *request, const struct en_request_view *view, char **ret_why,
                      struct en_update **ret_update)
{
    struct en_update *update = calloc(1, sizeof(*update));
    int r = check_members(request, ret_why);

    if (r == 0)
        r = check_given(request, ret_why);
    if (r == 0 && update) {
        update->request = json_deep_copy(request);
        update->modes = json_object();
        update->held = json_object();
        update->hooks = json_object();
    }
    if (r == 0 && (!update || !update->request || !update->modes || !update->held ||
                   !update->hooks || add_context(update->request, view->config) < 0))
        r = en_fail(ret_why, -ENOMEM, "out of memory");
    if (r == 0) {
        copy_text(update->target, sizeof(update->target), text(request, "to"));
        copy_text(update->author, sizeof(update->author), text(request, "author"));
        copy_text(update->reason, sizeof(update->reason), text(request, "reason"));
        r = name_parts(update, view, ret_why);
    }
    if (r == 0)
        r = check_serving(update, view, ret_why);
    if (r == 0)
        r = en_request_plan(view->config, update, ret_why);
    if (r < 0)
        en_update_free(update);
    else
        *ret_update = update;
    return r;
}

#include "engine/round.h"

#include <stdio.h>
#include <string.h>

static bool is_same(const struct en_rule_state *a, const struct en_rule_state *b)
{
    bool is = a->stable == b->stable;

    for (uint32_t v = 0; v < EN_VERSIONS; v++)
        is = is && a->share_ppm[v] == b->share_ppm[v] && a->mirror_ppm[v] == b->mirror_ppm[v] &&
             a->has_match[v] == b->has_match[v];
    return is;
}

/* Less of the new build than we had: an abort, by whatever name. */
static bool is_back(const struct en_update *update, const struct en_rule_state *seen)
{
    uint32_t from = update->versions[STRATEGY_FROM];
    uint32_t to = update->versions[STRATEGY_TO];
    const struct en_rule_state *ours = &update->ours;

    return seen->share_ppm[to] < ours->share_ppm[to] ||
           seen->mirror_ppm[to] < ours->mirror_ppm[to] ||
           (ours->has_match[to] && !seen->has_match[to]) ||
           (ours->stable == to && seen->stable == from);
}

void en_mode_name(const struct en_core *core, uint32_t version, uint32_t index,
                  char name[EN_NAME_SIZE + 12])
{
    if (index == STRATEGY_WHOLE_VERSION)
        snprintf(name, EN_NAME_SIZE + 12, "%s", core->config->versions[version].name);
    else
        snprintf(name, EN_NAME_SIZE + 12, "%s/%u", core->config->versions[version].name, index);
}

bool en_mode_is_held(const struct en_core *core, uint32_t version, uint32_t index,
                     enum strategy_mode seen)
{
    char name[EN_NAME_SIZE + 12];
    const char *ours;

    if (seen == STRATEGY_ACTIVE)
        return false;
    en_mode_name(core, version, index, name);
    ours = json_string_value(json_object_get(core->update->modes, name));
    if (!ours)
        return true;
    /* A drain of ours ends as a cut by itself; a cut where we drained, too, is no news. */
    return strcmp(ours, "active") == 0;
}

/* Somebody cut or drained what the update is about, after it began. */
static bool is_taken(const struct en_core *core, uint32_t version, uint32_t index,
                     enum strategy_mode seen)
{
    char name[EN_NAME_SIZE + 12];

    en_mode_name(core, version, index, name);
    return en_mode_is_held(core, version, index, seen) &&
           !json_object_get(core->update->held, name);
}

static bool is_any_taken(const struct en_core *core)
{
    const struct en_update *update = core->update;
    uint32_t target = update->versions[update->plan.is_across ? STRATEGY_TO : STRATEGY_FROM];
    const struct en_proxy_version *version = &core->seen.versions[target];
    bool is = is_taken(core, target, STRATEGY_WHOLE_VERSION, version->mode);

    for (uint32_t i = 0; i < version->endpoint_count && i < core->config->replicas; i++)
        is = is || is_taken(core, target, i, version->endpoints[i].mode);
    return is;
}

enum strategy_owner en_owner(struct en_core *core)
{
    struct en_update *update = core->update;
    const struct en_rule_state *seen = &core->seen.state;

    if (update->has_next && is_same(seen, &update->next)) {
        update->ours = update->next;
        update->has_next = false;
    }
    if (is_any_taken(core))
        return STRATEGY_OWNER_GONE;
    if (is_same(seen, &update->ours))
        return STRATEGY_OWNER_OURS;
    return is_back(update, seen) ? STRATEGY_OWNER_GONE : STRATEGY_OWNER_OTHER;
}

#include "engine/round.h"

#include "lib/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Of its length, before it is renewed. */
#define RENEWALS 5

static bool is_seen_by_users(const struct en_core *core)
{
    const struct en_update *update = core->update;
    uint32_t to = update->versions[STRATEGY_TO];
    const struct en_rule_state *ours = &update->ours;

    return update->plan.is_across && !en_update_is_over(update) &&
           update->record.course == STRATEGY_FORWARD && ours->stable != to &&
           (ours->share_ppm[to] > 0 || ours->has_match[to] || ours->mirror_ppm[to] > 0);
}

static bool goes_back(const struct en_core *core)
{
    if (core->config->on_lost == EN_LOST_DEFAULT)
        return core->update->plan.kind == STRATEGY_KIND_CANARY;
    return core->config->on_lost == EN_LOST_ABORT;
}

static int send_lease(struct en_core *core, uint64_t ms, char **ret_why)
{
    char owner[40];
    json_t *body;

    snprintf(owner, sizeof(owner), "update %" PRIu64, core->update->id);
    body = json_pack("{s:s, s:s, s:s, s:I}", "rule", core->update->rule, "owner", owner, "on_lost",
                     goes_back(core) ? "abort" : "hold", "ttl_ms", (json_int_t)ms);
    return en_proxy_put(&core->proxy, "/v1/lease", body, ret_why);
}

void en_lease(struct en_core *core)
{
    uint64_t now = core->clock->boottime_ns(core->clock->context) / 1000000;
    struct en_told *told = &core->told;
    char *why = NULL;
    bool is_due;

    if (!core->update || !told->is_proxy_known)
        return;
    if (!is_seen_by_users(core)) {
        if (told->leased_ms && send_lease(core, 0, NULL) == 0)
            told->leased_ms = 0;
        return;
    }
    is_due = told->leased_ms == 0 || now - told->leased_ms >= core->config->lease_ms / RENEWALS;
    if (!is_due)
        return;
    if (send_lease(core, core->config->lease_ms, &why) == 0)
        told->leased_ms = now;
    else
        tn_log(TN_LOG_WARNING, "engine", "the lease: %s", why ? why : "out of memory");
    free(why);
}

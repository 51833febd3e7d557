/*
 * update: one update: what was asked, how far it is, and how the store keeps it.
 *
 * Not for deciding what comes next (strategies/updates) nor for doing it (act.c).
 * Shapes: the request is the JSON that `POST /v1/updates` took, checked (request.c); the plan is
 * made of it anew after each start. `ours` is how the engine left the rule, `next` what it was just
 * about to make of it when it wrote this: seen either, nobody else has touched it. Units: ms of
 * en_now_ms(). Errors: negative errno and a sentence. Ownership: en_update_free. Threads: one at
 * a time.
 */
#ifndef EN_UPDATE_H
#define EN_UPDATE_H

#include "engine/platform.h"
#include "engine/proxy.h"

#include <jansson.h>

enum { EN_HOOK_STATES = STRATEGY_HOOK_COUNT };

struct en_update {
    uint64_t id;
    json_t *request;
    uint32_t versions[STRATEGY_PARTS]; /* index of FROM and TO in the configuration */
    char starting[STRATEGY_PARTS][EN_NAME_SIZE];
    char target[EN_NAME_SIZE];
    char rule[EN_NAME_SIZE];
    uint32_t idle_replicas;
    bool is_shadowed;
    char last_served[40];
    struct strategy_plan plan; /* made of the above */

    struct strategy_record record;
    struct strategy_wishes wishes;
    struct en_rule_state ours, next;
    bool has_next;
    json_t *modes;       /* {"blue/1": "draining"}: set by us */
    json_t *held;        /* the same, by others before we began */
    json_t *hooks;       /* {"before": "good", "instance 123-4": "running"} */
    uint32_t hook_step;  /* of which step `hooks` speaks */
    uint32_t reset_step; /* step + 1 in which disks were recreated */
    struct strategy_figures baseline;
    uint64_t baseline_since_ms; /* of the evidence that it is the baseline of */
    uint64_t exposed_errors, exposed_users, exposed_requests; /* of TO, over all steps before */
    uint64_t last_errors, last_users, last_requests;          /* of this step */
    uint64_t stable_errors, stable_requests;                  /* of FROM, this step */

    uint64_t begun_wall_ns, ended_wall_ns, turned_wall_ns; /* turned: going back began */
    uint64_t revision;                                     /* in force after the last own change */
    char author[64], reason[160];                          /* of who asked for it */
    char said_by[64], said[160];                           /* of who aborted it */
};

void en_update_free(struct en_update *update);

bool en_update_is_over(const struct en_update *update);

/* Both as the store has it; parse makes the plan, too. NULL: no memory. */
json_t *en_update_json(const struct en_update *update);
int en_update_parse(const json_t *json, const struct en_config *config, char **ret_why,
                    struct en_update **ret_update);

/* --- request.c ----------------------------------------------------------------------------------
 */

/* What of the world a new update needs. */
struct en_request_view {
    const struct en_config *config;
    const struct en_view *platform;
    const struct en_proxy_view *proxy;
};

/* Checks, names the parts, makes the plan. -EINVAL and a sentence: refused. */
int en_request_accept(const json_t *request, const struct en_request_view *view, char **ret_why,
                      struct en_update **ret_update);

/* The plan of an update whose other members are there. */
int en_request_plan(const struct en_config *config, struct en_update *update, char **ret_why);

/* --- request_steps.c ---------------------------------------------------------------------------
 */

/* The caller's own steps; refers to texts of the request. */
int en_request_steps(const json_t *request, struct strategy_plan *plan, char **ret_why);

/* What a MATCH step of this number is about: {"headers": [...], "cookies": [...]}, borrowed. */
json_t *en_request_match(const json_t *request, uint32_t reference);
const char *en_request_test(const json_t *request, uint32_t reference);

#endif

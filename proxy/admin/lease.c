#include "proxy/admin/lease.h"

#include "lib/api/json.h"
#include "lib/base/log.h"
#include "proxy/admin/resources.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The timer's clock stands still while the machine sleeps, CLOCK_BOOTTIME goes on: look often. */
#define LOOK_MS 200

struct lease {
    char rule[128]; /* "": free */
    char owner[PX_LEASE_OWNER_SIZE];
    uint64_t length_ms, end_ms;
    bool is_abort;
};

struct px_leases {
    struct px_admin *admin;
    struct tn_timer timer;
    struct lease leases[PX_RULES_MAX];
};

static uint64_t now_ms(const struct px_leases *leases)
{
    const struct tn_clock *clock = leases->admin->clock;

    return clock->boottime_ns(clock->context) / 1000000;
}

static struct lease *find(struct px_leases *leases, const char *rule)
{
    for (size_t i = 0; i < PX_RULES_MAX; i++) {
        if (strcmp(leases->leases[i].rule, rule) == 0)
            return &leases->leases[i];
    }
    return NULL;
}

static bool is_any(const struct px_leases *leases)
{
    for (size_t i = 0; i < PX_RULES_MAX; i++) {
        if (leases->leases[i].rule[0])
            return true;
    }
    return false;
}

static void on_aborted(void *context, unsigned status, bool is_changed, const char *detail)
{
    (void)context;
    (void)is_changed;
    if (status != 200)
        tn_log(TN_LOG_ERROR, "lease", "the abort was refused: %s", detail ? detail : "");
}

/* False: no memory to abort; it is tried again with the next look. */
static bool end(struct px_leases *leases, const struct lease *lease)
{
    char why[200];

    snprintf(why, sizeof(why), "%s was not heard of for %.1f s", lease->owner,
             (double)lease->length_ms / 1000);
    if (!lease->is_abort) {
        tn_log(TN_LOG_WARNING, "lease", "rule %s: %s: left as it is", lease->rule, why);
        return true;
    }
    if (px_rulebook_abort(leases->admin->book, lease->rule, "lease", why, on_aborted, NULL) != 0)
        return false;
    tn_log(TN_LOG_WARNING, "lease", "rule %s: %s: aborting", lease->rule, why);
    return true;
}

static void forget(struct px_leases *leases, struct lease *lease)
{
    px_rulebook_set_owner(leases->admin->book, lease->rule, NULL);
    *lease = (struct lease){0};
}

static void on_timer(struct tn_timer *timer)
{
    struct px_leases *leases = TN_CONTAINER_OF(timer, struct px_leases, timer);
    uint64_t now = now_ms(leases);

    for (size_t i = 0; i < PX_RULES_MAX; i++) {
        struct lease *lease = &leases->leases[i];

        if (lease->rule[0] && now >= lease->end_ms && end(leases, lease))
            forget(leases, lease);
    }
    if (!is_any(leases))
        tn_timer_stop(&leases->timer);
}

int px_leases_take(struct px_leases *leases, const char *rule, const char *owner, uint64_t ms,
                   bool is_abort, const char **ret_owner)
{
    struct lease *lease = find(leases, rule);

    if (lease && strcmp(lease->owner, owner) != 0) {
        *ret_owner = lease->owner;
        return -EEXIST;
    }
    if (ms == 0) {
        if (lease)
            forget(leases, lease);
        return 0;
    }
    if (!lease)
        lease = find(leases, "");
    if (!lease)
        return -ENOSPC;
    snprintf(lease->rule, sizeof(lease->rule), "%s", rule);
    snprintf(lease->owner, sizeof(lease->owner), "%s", owner);
    lease->length_ms = ms;
    lease->end_ms = now_ms(leases) + ms;
    lease->is_abort = is_abort;
    tn_timer_start(&leases->timer, LOOK_MS, LOOK_MS);
    px_rulebook_set_owner(leases->admin->book, lease->rule,
                          json_pack("{s:s, s:s, s:I}", "owner", lease->owner, "on_lost",
                                    is_abort ? "abort" : "hold", "length_ms", (json_int_t)ms));
    return 0;
}

/* After a restart whoever holds one has all of its length to be heard of again. */
static void restore(struct px_leases *leases)
{
    const char *rule;
    json_t *entry;
    size_t next = 0;

    json_object_foreach((json_t *)(uintptr_t)px_rulebook_owners(leases->admin->book), rule, entry)
    {
        struct lease *lease = &leases->leases[next];

        if (next++ == PX_RULES_MAX)
            break;
        snprintf(lease->rule, sizeof(lease->rule), "%s", rule);
        snprintf(lease->owner, sizeof(lease->owner), "%s",
                 json_string_value(json_object_get(entry, "owner")));
        lease->length_ms = (uint64_t)json_integer_value(json_object_get(entry, "length_ms"));
        lease->end_ms = now_ms(leases) + lease->length_ms;
        lease->is_abort =
            strcmp(json_string_value(json_object_get(entry, "on_lost")), "abort") == 0;
    }
    if (is_any(leases))
        tn_timer_start(&leases->timer, LOOK_MS, LOOK_MS);
}

json_t *px_leases_json(const struct px_leases *leases)
{
    uint64_t now = now_ms(leases);
    json_t *list = json_array();

    for (size_t i = 0; i < PX_RULES_MAX; i++) {
        const struct lease *lease = &leases->leases[i];

        if (lease->rule[0])
            tn_json_append(
                &list, json_pack("{s:s, s:s, s:s, s:I}", "rule", lease->rule, "owner", lease->owner,
                                 "on_lost", lease->is_abort ? "abort" : "hold", "left_ms",
                                 (json_int_t)(lease->end_ms > now ? lease->end_ms - now : 0)));
    }
    return list ? json_pack("{s:o}", "leases", list) : NULL;
}

int px_leases_new(struct tn_loop *loop, struct px_admin *admin, struct px_leases **ret_leases)
{
    struct px_leases *leases = calloc(1, sizeof(*leases));
    int error = leases ? tn_timer_open(&leases->timer, loop, on_timer) : -ENOMEM;

    if (error) {
        free(leases);
        return error;
    }
    leases->admin = admin;
    restore(leases);
    *ret_leases = leases;
    return 0;
}

static void on_closed(struct tn_timer *timer)
{
    free(TN_CONTAINER_OF(timer, struct px_leases, timer));
}

void px_leases_close(struct px_leases *leases)
{
    if (leases)
        tn_timer_close(&leases->timer, on_closed);
}

/* --- the resource ------------------------------------------------------------------------------
 */

static const char *text_of(const json_t *body, const char *name, size_t max)
{
    const json_t *value = json_object_get(body, name);

    return json_is_string(value) && json_string_length(value) > 0 && json_string_length(value) < max
               ? json_string_value(value)
               : NULL;
}

static bool has_rule(const struct px_admin *admin, const char *name)
{
    const json_t *rules = px_rulebook_rules(admin->book);

    for (size_t i = 0; i < json_array_size(rules); i++) {
        const char *own = json_string_value(json_object_get(json_array_get(rules, i), "name"));

        if (own && strcmp(own, name) == 0)
            return true;
    }
    return false;
}

static void answer(struct px_admin *admin, struct tn_api_call *call)
{
    px_admin_add_etag(admin, call);
    tn_api_answer_json(call, 200, px_leases_json(admin->leases));
}

static void take(struct px_admin *admin, struct tn_api_call *call, const json_t *body)
{
    const char *rule = text_of(body, "rule", 128);
    const char *owner = text_of(body, "owner", PX_LEASE_OWNER_SIZE);
    const char *on_lost = text_of(body, "on_lost", 8);
    const json_t *ms = json_object_get(body, "ttl_ms");
    const char *other = NULL;
    int r;

    if (!rule || !owner) {
        tn_api_problem(call, 422, "'rule' and 'owner' must be texts");
    } else if (!has_rule(admin, rule)) {
        tn_api_problem(call, 422, "there is no rule '%s'", rule);
    } else if (!json_is_integer(ms) || json_integer_value(ms) < 0 ||
               json_integer_value(ms) > PX_LEASE_MS_MAX) {
        tn_api_problem(call, 422, "'ttl_ms' must be a whole number, 0 to %u (an hour)",
                       PX_LEASE_MS_MAX);
    } else if (!on_lost || (strcmp(on_lost, "abort") != 0 && strcmp(on_lost, "hold") != 0)) {
        tn_api_problem(call, 422, "'on_lost' must be abort or hold");
    } else {
        r = px_leases_take(admin->leases, rule, owner, (uint64_t)json_integer_value(ms),
                           strcmp(on_lost, "abort") == 0, &other);
        if (r == -EEXIST)
            tn_api_problem(call, 409, "rule %s is in the care of %s", rule, other);
        else if (r < 0)
            tn_api_problem(call, 503, "too many leases");
        else
            answer(admin, call);
    }
}

void px_admin_put_lease(struct tn_api_call *call, void *context)
{
    struct px_admin *admin = context;
    json_t *body;

    if (!admin->leases) {
        tn_api_problem(call, 503, "turnout is not ready yet");
        return;
    }
    body = tn_api_body_json(call);
    if (body)
        take(admin, call, body);
    json_decref(body);
}

void px_admin_get_lease(struct tn_api_call *call, void *context)
{
    struct px_admin *admin = context;

    if (!admin->leases)
        tn_api_problem(call, 503, "turnout is not ready yet");
    else
        answer(admin, call);
}

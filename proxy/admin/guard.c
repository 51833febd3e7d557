#include "proxy/admin/guard.h"

#include "lib/base/log.h"
#include "proxy/admin/events.h"
#include "proxy/admin/finding.h"
#include "proxy/admin/resources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SPACING_MS 10 /* between two looks, however much fails */
#define PERIOD_MS 1000

/* What the guard remembers of one rule. */
struct guarded {
    uint64_t trial;
    bool is_tripped;
    struct strategy_counts seen[PX_VERSIONS_MAX]; /* that the alarms know of */
    struct strategy_alarm alarms[PX_VERSIONS_MAX];
};

struct px_guards {
    struct px_guards_options options;
    struct tn_timer timer;
    struct guarded rules[PX_RULES_MAX];
    bool is_looking; /* counters are on their way */
    bool is_due;     /* told meanwhile */
};

/* A version in its rule, for one look. */
struct suspect {
    const struct px_snapshot *snapshot;
    const struct px_snapshot_rule *rule;
    const struct px_stats_trial *trial;
    uint32_t place;
    char *why; /* WHY_MAX */
};

#define WHY_MAX 320

static const char *version_name(const struct suspect *suspect, uint32_t place)
{
    return suspect->snapshot->versions[suspect->rule->versions[place]].name;
}

static double percent(uint64_t part, uint64_t all)
{
    return all > 0 ? 100 * (double)part / (double)all : 0;
}

/* --- the four reasons ----------------------------------------------------------------------------
 */

static bool has_row(const struct suspect *suspect)
{
    const struct px_guard *guard = &suspect->rule->rule->guard;

    if (guard->consecutive_failures == 0 ||
        !atomic_load(&suspect->rule->trial->is_row_full[suspect->place]))
        return false;
    snprintf(suspect->why, WHY_MAX, "%s: %u requests in a row failed (consecutive_failures %u)",
             version_name(suspect, suspect->place), guard->consecutive_failures,
             guard->consecutive_failures);
    return true;
}

static bool has_high_rate(const struct suspect *suspect)
{
    const struct px_guard *guard = &suspect->rule->rule->guard;
    const struct px_stats_arm *arm = &suspect->trial->arms[suspect->place];

    if (guard->max_error_ppm == 0 || arm->requests < guard->min_requests ||
        (double)arm->errors * 1e6 <= (double)guard->max_error_ppm * (double)arm->requests)
        return false;
    snprintf(suspect->why, WHY_MAX,
             "%s: %llu of %llu requests failed, %.4g%% (max_error_rate %.4g%%)",
             version_name(suspect, suspect->place), (unsigned long long)arm->errors,
             (unsigned long long)arm->requests, percent(arm->errors, arm->requests),
             guard->max_error_ppm / 1e4);
    return true;
}

/* Those of late: many good requests before don't hide them. */
static bool has_high_rate_of_late(const struct suspect *suspect, struct guarded *guarded)
{
    const struct px_guard *guard = &suspect->rule->rule->guard;
    const struct px_stats_arm *arm = &suspect->trial->arms[suspect->place];
    struct strategy_counts *seen = &guarded->seen[suspect->place];
    struct strategy_alarm *alarm = &guarded->alarms[suspect->place];
    bool is_alarm;

    if (guard->max_error_ppm == 0)
        return false;
    is_alarm = strategy_alarm_add(alarm, guard->max_error_ppm / 1e6, arm->requests - seen->of,
                                  arm->errors - seen->events);
    *seen = (struct strategy_counts){arm->errors, arm->requests};
    if (!is_alarm || arm->requests < guard->min_requests)
        return false;
    snprintf(suspect->why, WHY_MAX,
             "%s: %llu of the latest %llu requests failed, %.4g%% (max_error_rate %.4g%%)",
             version_name(suspect, suspect->place), (unsigned long long)alarm->errors,
             (unsigned long long)alarm->requests, percent(alarm->errors, alarm->requests),
             guard->max_error_ppm / 1e4);
    return true;
}

static bool is_worse(const struct suspect *suspect)
{
    const struct px_stats_arm *arm = &suspect->trial->arms[suspect->place];
    const struct px_stats_arm *stable;
    struct px_finding finding;

    if (!suspect->rule->rule->guard.on_worse || arm->errors == 0)
        return false;
    px_find(suspect->rule, suspect->trial, suspect->place, &finding);
    if (finding.errors.why || finding.errors.verdict != STRATEGY_VERDICT_WORSE)
        return false;
    stable = &suspect->trial->arms[suspect->rule->stable];
    snprintf(suspect->why, WHY_MAX,
             "%s is worse than %s: %llu of %llu requests failed, %.4g%%; %s %llu of %llu, %.4g%%; "
             "the difference, by %s, is %.4g to %.4g points",
             version_name(suspect, suspect->place), version_name(suspect, suspect->rule->stable),
             (unsigned long long)arm->errors, (unsigned long long)arm->requests,
             percent(arm->errors, arm->requests), version_name(suspect, suspect->rule->stable),
             (unsigned long long)stable->errors, (unsigned long long)stable->requests,
             percent(stable->errors, stable->requests), px_unit_word(finding.unit),
             100 * finding.errors.difference.low, 100 * finding.errors.difference.high);
    return true;
}

/* --- looking -------------------------------------------------------------------------------------
 */

static void on_aborted(void *context, unsigned status, bool is_changed, const char *detail)
{
    (void)context;
    if (status != 200)
        tn_log(TN_LOG_ERROR, "guard", "the abort was refused: %s", detail ? detail : "");
    else if (!is_changed)
        tn_log(TN_LOG_WARNING, "guard", "there was nothing to abort");
}

static void trip(struct px_guards *guards, const struct suspect *suspect, struct guarded *guarded)
{
    const char *name = suspect->rule->rule->name;

    tn_log(TN_LOG_WARNING, "guard", "rule %s: %s: aborting", name, suspect->why);
    px_events_guard(guards->options.admin->events, name, suspect->why);
    guarded->is_tripped = px_rulebook_abort(guards->options.admin->book, name, "guard",
                                            suspect->why, on_aborted, NULL) == 0;
}

static void look_at_rule(struct px_guards *guards, const struct px_snapshot *snapshot,
                         const struct px_snapshot_rule *rule, const struct px_stats_trial *trial)
{
    struct guarded *guarded = &guards->rules[rule->stat];
    char why[WHY_MAX];
    struct suspect suspect = {snapshot, rule, trial, 0, why};

    if (guarded->trial != trial->number)
        *guarded = (struct guarded){.trial = trial->number};
    for (; suspect.place < rule->version_count && !guarded->is_tripped; suspect.place++) {
        if (suspect.place == rule->stable)
            continue;
        if (has_row(&suspect) || has_high_rate(&suspect) ||
            has_high_rate_of_late(&suspect, guarded) || is_worse(&suspect))
            trip(guards, &suspect, guarded);
    }
}

static bool has_guard(const struct px_guards *guards)
{
    const struct px_snapshot *snapshot = px_rulebook_snapshot(guards->options.admin->book);

    for (uint32_t i = 0; i < snapshot->rule_count; i++) {
        if (snapshot->rules[i].rule->guard.is_set)
            return true;
    }
    return false;
}

static void on_stats(void *context, struct px_stats *stats)
{
    struct px_guards *guards = context;
    struct px_admin *admin = guards->options.admin;
    const struct px_snapshot *snapshot = px_rulebook_snapshot(admin->book);

    for (uint32_t i = 0; stats && i < snapshot->rule_count; i++) {
        const struct px_snapshot_rule *rule = &snapshot->rules[i];
        const struct px_stats_trial *trial = px_stats_trial(stats, rule);

        if (rule->rule->guard.is_set && trial && !rule->rule->is_switched_off)
            look_at_rule(guards, snapshot, rule, trial);
    }
    px_stats_free(stats);
    guards->is_looking = false;
    tn_timer_start(&guards->timer, guards->is_due ? SPACING_MS : PERIOD_MS, PERIOD_MS);
    guards->is_due = false;
    px_admin_collected(admin);
}

static void look(struct px_guards *guards)
{
    struct px_admin *admin = guards->options.admin;

    if (admin->is_over || guards->is_looking || !has_guard(guards))
        return;
    guards->is_looking = true;
    if (guards->options.on_look)
        guards->options.on_look(guards->options.context);
    admin->collecting++;
    admin->publisher.collect(admin->publisher.workers, on_stats, guards);
}

static void on_timer(struct tn_timer *timer)
{
    look(TN_CONTAINER_OF(timer, struct px_guards, timer));
}

void px_guards_suspect(struct px_guards *guards)
{
    if (guards->is_looking)
        guards->is_due = true;
    else
        tn_timer_start(&guards->timer, SPACING_MS, PERIOD_MS);
}

int px_guards_new(const struct px_guards_options *options, struct px_guards **ret_guards)
{
    struct px_guards *guards = calloc(1, sizeof(*guards));
    int error;

    if (!guards)
        return -ENOMEM;
    guards->options = *options;
    error = tn_timer_open(&guards->timer, options->loop, on_timer);
    if (error) {
        free(guards);
        return error;
    }
    tn_timer_start(&guards->timer, PERIOD_MS, PERIOD_MS);
    *ret_guards = guards;
    return 0;
}

static void on_closed(struct tn_timer *timer)
{
    free(TN_CONTAINER_OF(timer, struct px_guards, timer));
}

void px_guards_close(struct px_guards *guards)
{
    if (guards)
        tn_timer_close(&guards->timer, on_closed);
}

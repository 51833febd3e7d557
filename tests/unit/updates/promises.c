#include "tests/unit/updates/promises.h"

#include <string.h>

static uint32_t places(const struct strategy_plan *plan)
{
    return plan->replicas > plan->idle_replicas ? plan->replicas : plan->idle_replicas;
}

static bool has_ramp(const struct strategy_plan *plan)
{
    for (uint32_t i = 0; i < plan->step_count; i++)
        if (plan->steps[i].kind == STRATEGY_STEP_RAMP)
            return true;
    return false;
}

static bool is_at(const struct world *world, const struct strategy_plan *plan,
                  enum strategy_step_kind kind)
{
    return world->step < plan->step_count && plan->steps[world->step].kind == kind;
}

/* Ready, or fallen by itself. */
static uint32_t count_excused(const struct world *world, const struct strategy_plan *plan, int part)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < places(plan); i++)
        count += world_is_ready(&world->instances[part][i]) || world->instances[part][i].is_fallen;
    return count;
}

/* Ready and not drained, or fallen by itself. */
static uint32_t count_serving(const struct world *world, const struct strategy_plan *plan, int part)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < places(plan); i++) {
        const struct world_instance *instance = &world->instances[part][i];

        count += (world_is_ready(instance) && !instance->is_drained) || instance->is_fallen;
    }
    return count;
}

static uint32_t count_fit(const struct world *world, const struct strategy_plan *plan, int part,
                          bool is_target)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < plan->replicas; i++)
        count += world->instances[part][i].life == WORLD_READY &&
                 world->instances[part][i].is_target == is_target;
    return count;
}

static bool has_two_builds(const struct world *world, const struct strategy_plan *plan)
{
    bool has[2] = {false, false};

    for (uint32_t i = 0; i < plan->replicas; i++)
        if (world->instances[STRATEGY_FROM][i].life != WORLD_GONE)
            has[world->instances[STRATEGY_FROM][i].is_target] = true;
    return has[0] && has[1];
}

static const char *of_recreate(const struct world *world, const struct strategy_plan *plan)
{
    if (has_two_builds(world, plan))
        return "recreate: two builds at the same time";
    if (count_excused(world, plan, STRATEGY_FROM) == 0 &&
        world->versions[STRATEGY_FROM].mode != STRATEGY_CUT)
        return "recreate: the gap is not announced";
    return NULL;
}

static const char *of_ramp(const struct world *world, const struct strategy_plan *plan)
{
    uint32_t floor = plan->replicas - plan->unavailable_count;
    uint32_t serving = 0;

    if (count_excused(world, plan, STRATEGY_FROM) + count_excused(world, plan, STRATEGY_TO) < floor)
        return "ready below N - unavailable";
    if (world_count_exist(world, plan, STRATEGY_FROM) +
            world_count_exist(world, plan, STRATEGY_TO) >
        plan->replicas + plan->surge_count)
        return "total above N + surge";
    if (world->course != STRATEGY_FORWARD || world->owner != STRATEGY_OWNER_OURS)
        return NULL;
    if (world->share_ppm < STRATEGY_ALL_PPM)
        serving += count_serving(world, plan, STRATEGY_FROM);
    if (world->share_ppm > 0)
        serving += count_serving(world, plan, STRATEGY_TO);
    return serving < floor ? "fewer than N - unavailable get users" : NULL;
}

static const char *of_steps(const struct world *world, const struct strategy_plan *plan)
{
    uint32_t from = count_excused(world, plan, STRATEGY_FROM);
    uint32_t to = count_excused(world, plan, STRATEGY_TO);
    bool is_regrowing = world->course != STRATEGY_FORWARD && is_at(world, plan, STRATEGY_STEP_STOP);

    if (!is_regrowing && world->share_ppm < STRATEGY_ALL_PPM && from < plan->replicas)
        return "the version with the users lost instances";
    if (is_regrowing && from + to < plan->replicas)
        return "too few in both versions";
    if (world_count_exist(world, plan, STRATEGY_TO) > places(plan))
        return "total above 2 N";
    return NULL;
}

const char *promise_of_world(const struct world *world, const struct strategy_plan *plan)
{
    uint32_t floor = plan->replicas - plan->unavailable_count;

    if (has_ramp(plan))
        return of_ramp(world, plan);
    if (plan->is_across)
        return of_steps(world, plan);
    if (world_count_exist(world, plan, STRATEGY_TO) != plan->idle_replicas)
        return "in place: the idle version was touched";
    if (plan->kind == STRATEGY_KIND_RECREATE)
        return of_recreate(world, plan);
    if (count_excused(world, plan, STRATEGY_FROM) < floor)
        return "ready below N - unavailable";
    if (world->course == STRATEGY_FORWARD && count_serving(world, plan, STRATEGY_FROM) < floor)
        return "fewer than N - unavailable get users";
    return NULL;
}

static bool is_home(const struct world *world)
{
    return world->stable == STRATEGY_FROM && world->share_ppm == 0 && world->mirror_ppm == 0 &&
           !world->has_match;
}

static const char *of_return(const struct world *world, const struct strategy_plan *plan)
{
    const struct world_version *from = &world->versions[STRATEGY_FROM];
    const struct world_version *to = &world->versions[STRATEGY_TO];

    if (!is_home(world))
        return "returned, and the rule does not say so";
    if (from->is_target || from->replicas != plan->replicas || from->mode != STRATEGY_ACTIVE)
        return "returned, and FROM is not as it was";
    if (to->is_target || to->replicas != plan->idle_replicas || to->mode != STRATEGY_ACTIVE)
        return "returned, and TO is not as it was";
    for (int part = 0; part < STRATEGY_PARTS; part++)
        for (uint32_t i = 0; i < places(plan); i++)
            if (world->instances[part][i].is_target || world->instances[part][i].is_drained)
                return "returned, and an instance is not as it was";
    if (!plan->is_across && plan->kind != STRATEGY_KIND_RECREATE &&
        count_fit(world, plan, STRATEGY_FROM, false) < plan->replicas)
        return "returned before all were ready again";
    return NULL;
}

static const char *of_done(const struct world *world, const struct strategy_plan *plan)
{
    int part = plan->is_across ? STRATEGY_TO : STRATEGY_FROM;

    if (!world->is_agreed || world->is_silent)
        return "done without every proxy";
    if (!world->versions[part].is_target || world->versions[part].mode != STRATEGY_ACTIVE)
        return "done without the build";
    if (plan->is_across) {
        if (world->stable != STRATEGY_TO || world->share_ppm != STRATEGY_ALL_PPM)
            return "done without all traffic";
        if (world->versions[STRATEGY_FROM].replicas > 0 ||
            world_count_exist(world, plan, STRATEGY_FROM) > 0 ||
            world->versions[STRATEGY_FROM].mode != STRATEGY_ACTIVE)
            return "done, and FROM is still there";
        return NULL;
    }
    if (count_fit(world, plan, part, true) < plan->replicas)
        return "done before all were ready";
    for (uint32_t i = 0; i < plan->replicas; i++)
        if (world->instances[part][i].is_drained)
            return "done, and an endpoint is drained";
    return NULL;
}

/* Whether the step that is being left had become what it wants to be. */
static const char *of_step(const struct world *seen, const struct strategy_plan *plan)
{
    const struct strategy_step *step = &plan->steps[seen->step];
    bool has_to = seen->versions[STRATEGY_TO].is_target &&
                  count_fit(seen, plan, STRATEGY_TO, true) == plan->replicas;
    bool is_promoted = seen->promoted > seen->step;
    bool is_right = has_to;

    if ((plan->hooks & 1u << STRATEGY_HOOK_STEP) != 0 &&
        seen->hooks[STRATEGY_HOOK_STEP] != STRATEGY_HOOK_GOOD)
        return "a step without its hook";
    if (step->kind == STRATEGY_STEP_SHARE)
        is_right = has_to && seen->share_ppm >= step->ppm;
    else if (step->kind == STRATEGY_STEP_MATCH)
        is_right = has_to && seen->has_match;
    else if (step->kind == STRATEGY_STEP_MIRROR)
        is_right = has_to && seen->mirror_ppm == step->ppm;
    else if (step->kind == STRATEGY_STEP_TEST)
        is_right = has_to && (is_promoted || seen->hooks[STRATEGY_HOOK_TEST] == STRATEGY_HOOK_GOOD);
    else if (step->kind == STRATEGY_STEP_RAMP)
        is_right = has_to && seen->share_ppm == STRATEGY_ALL_PPM;
    else if (step->kind == STRATEGY_STEP_HANDOVER)
        is_right = has_to && seen->hooks[STRATEGY_HOOK_COMMIT] == STRATEGY_HOOK_GOOD &&
                   seen->hooks[STRATEGY_HOOK_PREPARE] == STRATEGY_HOOK_GOOD &&
                   seen->versions[STRATEGY_FROM].mode == STRATEGY_CUT;
    else if (step->kind == STRATEGY_STEP_RESTART)
        is_right = has_to && seen->has_reset && seen->mirror_ppm == 0;
    else if (step->kind == STRATEGY_STEP_START)
        is_right = has_to && (!plan->resets_disks || seen->has_reset);
    else if (step->kind == STRATEGY_STEP_SWITCH)
        is_right = has_to && seen->stable == STRATEGY_TO && seen->share_ppm == STRATEGY_ALL_PPM &&
                   seen->mirror_ppm == 0 && !seen->has_match;
    else if (step->kind == STRATEGY_STEP_STOP)
        is_right = seen->versions[STRATEGY_FROM].replicas == 0 &&
                   world_count_exist(seen, plan, STRATEGY_FROM) == 0;
    return is_right ? NULL : "a step was left before it was what it wants to be";
}

static const char *of_evidence(const struct world *seen, const struct strategy_plan *plan)
{
    const struct strategy_evidence *evidence = &plan->steps[seen->step].evidence;
    bool is_empty = evidence->for_ms == 0 && evidence->requests == 0 && !evidence->verdict &&
                    !evidence->goal && !evidence->person && !evidence->confirm;

    if (is_empty || seen->promoted > seen->step)
        return NULL;
    if (seen->evidence == WORLD_UNSET)
        return "evidence from before every proxy had the step";
    if (evidence->for_ms > 0 && seen->evidence < WORLD_OLD)
        return "a step was shorter than asked for";
    if (evidence->requests > 0 && seen->figures == WORLD_NOTHING)
        return "too few requests";
    if ((evidence->verdict || evidence->goal) && seen->figures != WORLD_GOOD)
        return "no verdict";
    if (evidence->person)
        return "nobody promoted";
    if (evidence->confirm && seen->hooks[STRATEGY_HOOK_CONFIRM] != STRATEGY_HOOK_GOOD)
        return "not confirmed";
    return NULL;
}

/* Back only with a reason, and always with one. */
static const char *of_cause(const struct world *seen, const struct strategy_plan *plan,
                            const struct strategy_record *next)
{
    bool must = seen->abort || seen->owner == STRATEGY_OWNER_GONE || seen->figures >= WORLD_WORSE;
    bool may = false;

    switch (next->cause) {
    case STRATEGY_CAUSE_NONE:
    case STRATEGY_CAUSE_COUNT:
        break;
    case STRATEGY_CAUSE_PERSON:
        may = seen->abort;
        break;
    case STRATEGY_CAUSE_TAKEN_BACK:
        may = seen->owner == STRATEGY_OWNER_GONE;
        break;
    case STRATEGY_CAUSE_WORSE:
        may = seen->figures == WORLD_WORSE;
        break;
    case STRATEGY_CAUSE_LIMIT:
        may = seen->figures == WORLD_OVER_LIMIT;
        break;
    case STRATEGY_CAUSE_GOAL:
        break;
    case STRATEGY_CAUSE_UNDECIDED:
        may = seen->evidence == WORLD_TOO_OLD && plan->on_undecided == STRATEGY_UNDECIDED_ABORT &&
              seen->figures != WORLD_GOOD;
        break;
    case STRATEGY_CAUSE_DEADLINE:
        may = seen->waiting == WORLD_OLD;
        break;
    case STRATEGY_CAUSE_TEST:
        may = seen->hooks[STRATEGY_HOOK_TEST] == STRATEGY_HOOK_BAD;
        break;
    case STRATEGY_CAUSE_HOOK:
        may = seen->hooks[STRATEGY_HOOK_PREPARE] == STRATEGY_HOOK_BAD ||
              seen->hooks[STRATEGY_HOOK_COMMIT] == STRATEGY_HOOK_BAD;
        break;
    }
    if (next->course == STRATEGY_BACK && !may)
        return "back for no reason";
    if (next->course == STRATEGY_FORWARD && must)
        return "forward where it must go back";
    if (next->course == STRATEGY_FORWARD && seen->evidence == WORLD_TOO_OLD &&
        seen->figures == WORLD_NOTHING && plan->decide_within_ms > 0 &&
        plan->on_undecided == STRATEGY_UNDECIDED_ABORT && seen->step == next->step &&
        plan->steps[seen->step].evidence.requests > 0 && seen->promoted <= seen->step &&
        seen->waiting == WORLD_UNSET && !seen->pause && seen->owner == STRATEGY_OWNER_OURS &&
        seen->is_agreed && !seen->is_silent &&
        count_fit(seen, plan, STRATEGY_TO, true) == plan->replicas &&
        (plan->hooks & 1u << STRATEGY_HOOK_STEP) == 0)
        return "undecided for too long, and goes on";
    return NULL;
}

static const char *of_record(const struct world *seen, const struct strategy_plan *plan,
                             const struct strategy_record *next)
{
    const char *broken;

    if (next->step != seen->step) {
        if (next->step != seen->step + 1u || seen->course != STRATEGY_FORWARD)
            return "steps out of order";
        if (next->evidence_since_ms != 0)
            return "evidence of one step counts for the next";
        broken = of_step(seen, plan);
        if (broken == NULL)
            broken = of_evidence(seen, plan);
        if (broken != NULL)
            return broken;
    }
    if (seen->course == STRATEGY_FORWARD && next->course == STRATEGY_RETURNED)
        return "returned without going back";
    if (seen->course == STRATEGY_BACK &&
        (next->course == STRATEGY_FORWARD || next->course == STRATEGY_DONE))
        return "forward again after going back";
    if (seen->course == STRATEGY_BACK && next->cause != (enum strategy_cause)seen->cause)
        return "another cause than it went back for";
    if (next->course == STRATEGY_RETURNED)
        return of_return(seen, plan);
    if (next->course == STRATEGY_DONE)
        return plan->is_across && next->step != plan->step_count ? "done before the last step"
                                                                 : of_done(seen, plan);
    return seen->course == STRATEGY_FORWARD ? of_cause(seen, plan, next) : NULL;
}

static bool has_command(const struct strategy_action *action, enum strategy_command_kind kind,
                        enum strategy_part part, uint32_t index)
{
    for (uint32_t i = 0; i < action->count; i++)
        if (action->commands[i].kind == kind && action->commands[i].part == part &&
            action->commands[i].index == index)
            return true;
    return false;
}

/* Going back in place: as soon as anybody else can take them, new users are led away. */
static bool leads_away(const struct world *seen, const struct strategy_plan *plan,
                       const struct strategy_action *action)
{
    if (count_fit(seen, plan, STRATEGY_FROM, false) == 0)
        return true;
    for (uint32_t i = 0; i < plan->replicas; i++) {
        const struct world_instance *instance = &seen->instances[STRATEGY_FROM][i];

        if (instance->is_target && instance->life != WORLD_GONE && !instance->is_drained &&
            !has_command(action, STRATEGY_DO_DRAIN, STRATEGY_FROM, i))
            return false;
    }
    return true;
}

static const char *of_back(const struct world *seen, const struct strategy_plan *plan,
                           const struct strategy_action *action)
{
    const struct world_version *to = &seen->versions[STRATEGY_TO];
    bool is_sent = has_command(action, STRATEGY_DO_STABLE, STRATEGY_FROM, STRATEGY_WHOLE_VERSION);

    if (seen->course != STRATEGY_BACK || (seen->owner == STRATEGY_OWNER_OTHER && !seen->abort))
        return NULL;
    if (plan->is_across && !is_home(seen)) {
        if (has_ramp(plan)) {
            bool has_from = seen->versions[STRATEGY_FROM].mode == STRATEGY_ACTIVE &&
                            count_serving(seen, plan, STRATEGY_FROM) > 0 &&
                            count_fit(seen, plan, STRATEGY_FROM, false) ==
                                world_count_ready(seen, plan, STRATEGY_FROM) &&
                            world_count_fallen(seen, plan, STRATEGY_FROM) == 0;

            if (has_from && to->mode == STRATEGY_ACTIVE && !is_sent &&
                !has_command(action, STRATEGY_DO_DRAIN, STRATEGY_TO, STRATEGY_WHOLE_VERSION))
                return "back, and new users still reach the new build";
        } else if (!is_at(seen, plan, STRATEGY_STEP_STOP) && !is_sent) {
            return "back, and users are not sent home at once";
        }
    }
    if (!plan->is_across && plan->kind != STRATEGY_KIND_RECREATE && !leads_away(seen, plan, action))
        return "back, and new users still reach the new build";
    return NULL;
}

/* Forward: when too few serve, what was drained to be taken away serves again. */
static const char *of_lack(const struct world *seen, const struct strategy_plan *plan,
                           const struct strategy_action *action)
{
    uint32_t floor = plan->replicas - plan->unavailable_count;
    uint32_t serving = 0;
    bool may_help = false;
    bool helps = false;

    if (seen->course != STRATEGY_FORWARD || action->record.course != STRATEGY_FORWARD ||
        seen->pause || seen->owner != STRATEGY_OWNER_OURS || !seen->is_agreed || seen->is_silent ||
        plan->hooks != 0 || plan->kind == STRATEGY_KIND_RECREATE ||
        (plan->is_across && !is_at(seen, plan, STRATEGY_STEP_RAMP)))
        return NULL;
    for (int part = 0; part < STRATEGY_PARTS; part++)
        for (uint32_t i = 0; i < plan->replicas; i++) {
            const struct world_instance *instance = &seen->instances[part][i];

            serving += instance->life == WORLD_READY && !instance->is_drained;
            may_help |= instance->life == WORLD_READY && instance->is_drained;
        }
    for (uint32_t i = 0; i < action->count; i++)
        helps |= action->commands[i].kind == STRATEGY_DO_UNDRAIN;
    return serving < floor && may_help && !helps ? "too few serve, and one that could does not"
                                                 : NULL;
}

const char *promise_of_action(const struct world *seen, const struct strategy_plan *plan,
                              const struct strategy_action *action)
{
    bool is_ended = seen->course == STRATEGY_DONE || seen->course == STRATEGY_RETURNED;
    const char *broken;

    if (is_ended)
        return action->record.course == (enum strategy_course)seen->course
                   ? NULL
                   : "goes on after its end";
    broken = of_record(seen, plan, &action->record);
    if (broken != NULL)
        return broken;
    if (seen->course == STRATEGY_FORWARD && action->record.course == STRATEGY_FORWARD &&
        action->count > 0 && (seen->pause || seen->owner != STRATEGY_OWNER_OURS))
        return "acts while it is paused or taken over";
    broken = of_lack(seen, plan, action);
    if (broken != NULL)
        return broken;
    return of_back(seen, plan, action);
}

/* An instance that may be serving somebody is taken away. */
static const char *of_taking(const struct world *seen, const struct strategy_plan *plan, int part,
                             uint32_t i)
{
    const struct world_instance *instance = &seen->instances[part][i];
    const struct world_version *version = &seen->versions[part];

    if (!world_is_ready(instance))
        return NULL;
    if (!seen->is_agreed || seen->is_silent)
        return "an instance is taken away, and not every proxy has agreed";
    if (version->has_users && !(instance->is_drained && instance->is_quiet) &&
        !(version->mode != STRATEGY_ACTIVE && version->is_quiet))
        return "an instance is taken away from its users";
    if (seen->course == STRATEGY_FORWARD && part == STRATEGY_FROM &&
        (plan->hooks & 1u << STRATEGY_HOOK_INSTANCE) != 0 && !plan->is_across &&
        seen->instance_hooks[i] != STRATEGY_HOOK_GOOD)
        return "an instance is taken away without its hook";
    return NULL;
}

static const char *of_scale(const struct world *seen, const struct strategy_plan *plan,
                            const struct strategy_command *command)
{
    for (uint32_t i = command->count; i < places(plan); i++) {
        const char *broken = of_taking(seen, plan, (int)command->part, i);

        if (broken != NULL && seen->instances[command->part][i].life != WORLD_STOPPING)
            return broken;
    }
    return NULL;
}

/* The new build gets users or requests. */
static const char *of_showing(const struct world *seen, const struct strategy_plan *plan,
                              const struct strategy_command *command)
{
    uint32_t fit = count_fit(seen, plan, STRATEGY_TO, true);

    if (seen->owner != STRATEGY_OWNER_OURS || seen->abort || seen->course != STRATEGY_FORWARD)
        return "raises a share after it was taken back";
    if (fit < (has_ramp(plan) && command->kind == STRATEGY_DO_SHARE ? 1 : plan->replicas))
        return "users before the instances are ready";
    if (command->kind != STRATEGY_DO_MIRROR && plan->kind == STRATEGY_KIND_SHADOW &&
        !seen->has_promoted)
        return "shadow: users see the new build";
    if (command->kind == STRATEGY_DO_STABLE) {
        if (plan->kind == STRATEGY_KIND_AB && !seen->has_promoted)
            return "ab: all see the new build, and nobody promoted";
        return is_at(seen, plan, STRATEGY_STEP_SWITCH) ? NULL : "a switch out of its step";
    }
    if (command->kind == STRATEGY_DO_MATCH)
        return is_at(seen, plan, STRATEGY_STEP_MATCH) ? NULL : "a match out of its step";
    if (command->kind == STRATEGY_DO_MIRROR)
        return is_at(seen, plan, STRATEGY_STEP_MIRROR) &&
                       command->ppm == plan->steps[seen->step].ppm
                   ? NULL
                   : "a mirror out of its step";
    if (plan->kind == STRATEGY_KIND_BLUE_GREEN)
        return "blue-green: requests are split";
    if (command->ppm <= seen->share_ppm)
        return "a share falls";
    if (!has_ramp(plan) &&
        (!is_at(seen, plan, STRATEGY_STEP_SHARE) || command->ppm != plan->steps[seen->step].ppm))
        return "a share out of its step";
    return NULL;
}

static const char *of_rule(const struct world *seen, const struct strategy_plan *plan,
                           const struct strategy_command *command)
{
    if (command->kind == STRATEGY_DO_MIRROR && command->ppm == 0)
        return NULL;
    if (command->kind == STRATEGY_DO_STABLE && command->part == STRATEGY_FROM)
        return seen->course == STRATEGY_BACK || is_at(seen, plan, STRATEGY_STEP_START) ||
                       is_at(seen, plan, STRATEGY_STEP_RESTART) ||
                       is_at(seen, plan, STRATEGY_STEP_HANDOVER)
                   ? NULL
                   : "sent home for no reason";
    if (seen->course == STRATEGY_BACK && command->kind == STRATEGY_DO_SHARE)
        return command->ppm < seen->share_ppm && has_ramp(plan) ? NULL
                                                                : "a share rises on the way back";
    return of_showing(seen, plan, command);
}

static const char *of_undrain(const struct world *seen, const struct strategy_plan *plan,
                              const struct strategy_command *command)
{
    if (plan->kind == STRATEGY_KIND_RECREATE && seen->course == STRATEGY_FORWARD &&
        count_fit(seen, plan, STRATEGY_FROM, true) < plan->replicas)
        return "recreate: open before all are ready";
    if (!plan->is_across && command->index != STRATEGY_WHOLE_VERSION &&
        seen->instances[STRATEGY_FROM][command->index].life != WORLD_READY)
        return "an endpoint gets users before it is up";
    if (!plan->is_across && seen->course == STRATEGY_BACK &&
        command->index != STRATEGY_WHOLE_VERSION &&
        seen->instances[STRATEGY_FROM][command->index].is_target)
        return "the new build gets users again on the way back";
    return NULL;
}

static const char *of_hook(const struct world *seen, const struct strategy_plan *plan,
                           const struct strategy_command *command)
{
    const struct world_version *from = &seen->versions[STRATEGY_FROM];

    if (command->hook == STRATEGY_HOOK_COMMIT &&
        (from->mode != STRATEGY_CUT || from->has_users || !seen->is_agreed || seen->is_silent ||
         seen->share_ppm > 0 || seen->hooks[STRATEGY_HOOK_PREPARE] != STRATEGY_HOOK_GOOD))
        return "data is moved while somebody may write";
    if (command->hook == STRATEGY_HOOK_PREPARE && count_fit(seen, plan, STRATEGY_TO, true) == 0)
        return "data is moved to nobody";
    return NULL;
}

const char *promise_of_command(const struct world *seen, const struct strategy_plan *plan,
                               const struct strategy_action *action,
                               const struct strategy_command *command)
{
    if (action->record.course == STRATEGY_FORWARD && seen->course == STRATEGY_FORWARD) {
        if (!seen->is_agreed || seen->is_silent)
            return "a step without the acknowledgement of every proxy";
        if ((plan->hooks & 1u << STRATEGY_HOOK_BEFORE) != 0 &&
            seen->hooks[STRATEGY_HOOK_BEFORE] != STRATEGY_HOOK_GOOD &&
            command->hook != STRATEGY_HOOK_BEFORE)
            return "begun before the hook before";
        if ((plan->hooks & 1u << STRATEGY_HOOK_STEP) != 0 &&
            seen->hooks[STRATEGY_HOOK_STEP] != STRATEGY_HOOK_GOOD &&
            command->kind != STRATEGY_DO_HOOK && plan->is_across)
            return "a step before its hook";
    }
    switch (command->kind) {
    case STRATEGY_DO_SET_BUILD:
        return (command->build == STRATEGY_BUILD_TARGET) == (seen->course == STRATEGY_FORWARD)
                   ? NULL
                   : "the wrong build";
    case STRATEGY_DO_SCALE:
        return of_scale(seen, plan, command);
    case STRATEGY_DO_REPLACE:
        return of_taking(seen, plan, (int)command->part, command->index);
    case STRATEGY_DO_UNDRAIN:
        return of_undrain(seen, plan, command);
    case STRATEGY_DO_SHARE:
    case STRATEGY_DO_MIRROR:
    case STRATEGY_DO_MATCH:
    case STRATEGY_DO_STABLE:
        return of_rule(seen, plan, command);
    case STRATEGY_DO_RESET_DISKS:
        return world_count_exist(seen, plan, STRATEGY_TO) > 0 ||
                       seen->versions[STRATEGY_TO].replicas > 0 || seen->share_ppm > 0 ||
                       seen->has_match || seen->mirror_ppm > 0
                   ? "disks of a version in use are recreated"
                   : NULL;
    case STRATEGY_DO_HOOK:
        return of_hook(seen, plan, command);
    default:
        return NULL;
    }
}

#include "tests/unit/updates/world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const uint64_t AGES_MS[] = {
    [WORLD_UNSET] = 0, [WORLD_FRESH] = 0, [WORLD_OLD] = 300000, [WORLD_TOO_OLD] = 3000000};

void world_init(struct world *world, const struct strategy_plan *plan,
                const struct world_rules *rules)
{
    memset(world, 0, sizeof(*world));
    world->left = rules->disturbances;
    assert(plan->replicas <= WORLD_REPLICAS && plan->idle_replicas <= WORLD_REPLICAS);
    world->versions[STRATEGY_FROM].replicas = (uint8_t)plan->replicas;
    world->versions[STRATEGY_FROM].has_users = 1;
    world->versions[STRATEGY_TO].replicas = (uint8_t)plan->idle_replicas;
    for (uint32_t i = 0; i < plan->replicas; i++)
        world->instances[STRATEGY_FROM][i].life = WORLD_READY;
    for (uint32_t i = 0; i < plan->idle_replicas; i++)
        world->instances[STRATEGY_TO][i].life = WORLD_READY;
    world->is_agreed = 1;
}

bool world_is_ready(const struct world_instance *instance)
{
    return instance->life == WORLD_UNSEEN || instance->life == WORLD_READY;
}

static uint32_t places(const struct strategy_plan *plan)
{
    return plan->replicas > plan->idle_replicas ? plan->replicas : plan->idle_replicas;
}

uint32_t world_count_ready(const struct world *world, const struct strategy_plan *plan, int part)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < places(plan); i++)
        count += world_is_ready(&world->instances[part][i]);
    return count;
}

uint32_t world_count_fallen(const struct world *world, const struct strategy_plan *plan, int part)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < places(plan); i++)
        count += world->instances[part][i].is_fallen;
    return count;
}

uint32_t world_count_exist(const struct world *world, const struct strategy_plan *plan, int part)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < places(plan); i++)
        count += world->instances[part][i].life != WORLD_GONE;
    return count;
}

static void observe_instance(const struct world *world, const struct strategy_plan *plan, int part,
                             uint32_t i, struct strategy_instance *ret_seen)
{
    const struct world_instance *instance = &world->instances[part][i];

    *ret_seen = (struct strategy_instance){
        .build = instance->is_target ? STRATEGY_BUILD_TARGET : STRATEGY_BUILD_STARTING,
        .exists = instance->life != WORLD_GONE,
        .is_stopping = instance->life == WORLD_STOPPING,
        .is_ready = world_is_ready(instance) || instance->life == WORLD_STOPPING,
        .ready_for_ms = instance->life >= WORLD_UNSEEN ? plan->min_ready_ms : 0,
        .is_up = instance->life == WORLD_READY || instance->life == WORLD_STOPPING,
        .mode = instance->is_drained ? STRATEGY_DRAINING : STRATEGY_ACTIVE,
        .open = !instance->is_quiet,
        .bound = !instance->is_quiet,
        .hook = part == STRATEGY_FROM ? world->instance_hooks[i] : STRATEGY_HOOK_IDLE,
    };
}

void world_observe(const struct world *world, const struct strategy_plan *plan,
                   struct strategy_observation *ret_seen)
{
    static const enum strategy_verdict verdicts[] = {
        [WORLD_NOTHING] = STRATEGY_VERDICT_INCONCLUSIVE,
        [WORLD_UNDECIDED] = STRATEGY_VERDICT_INCONCLUSIVE,
        [WORLD_GOOD] = STRATEGY_VERDICT_SAME,
        [WORLD_WORSE] = STRATEGY_VERDICT_WORSE,
        [WORLD_OVER_LIMIT] = STRATEGY_VERDICT_INCONCLUSIVE,
    };

    ret_seen->now_ms = WORLD_NOW_MS;
    for (int part = 0; part < STRATEGY_PARTS; part++) {
        const struct world_version *version = &world->versions[part];
        struct strategy_version *seen = &ret_seen->versions[part];

        seen->build = version->is_target ? STRATEGY_BUILD_TARGET : STRATEGY_BUILD_STARTING;
        seen->replicas = version->replicas;
        seen->mode = version->mode;
        seen->mode_for_ms = 0;
        seen->open = seen->bound = version->has_users && !version->is_quiet;
        seen->count = places(plan);
        for (uint32_t i = 0; i < seen->count; i++)
            observe_instance(world, plan, part, i, &seen->instances[i]);
    }
    ret_seen->rule = (struct strategy_rule){.owner = world->owner,
                                            .stable = world->stable,
                                            .share_ppm = world->share_ppm,
                                            .mirror_ppm = world->mirror_ppm,
                                            .has_match = world->has_match};
    ret_seen->proxies = (struct strategy_proxies){
        .count = 2, .agreed = 1 + world->is_agreed, .silent = world->is_silent};
    ret_seen->figures = (struct strategy_figures){
        .requests = world->figures == WORLD_NOTHING ? 0 : UINT32_MAX,
        .verdict = verdicts[world->figures],
        .goal =
            world->figures == WORLD_GOOD ? STRATEGY_VERDICT_BETTER : STRATEGY_VERDICT_INCONCLUSIVE,
        .is_over_limit = world->figures == WORLD_OVER_LIMIT};
    ret_seen->wishes = (struct strategy_wishes){.pause = world->pause,
                                                .abort = world->abort,
                                                .retry = world->retry,
                                                .promoted = world->promoted};
    for (int i = 0; i < STRATEGY_HOOK_COUNT; i++)
        ret_seen->hooks[i] = world->hooks[i];
    ret_seen->has_reset = world->has_reset;
    ret_seen->record = (struct strategy_record){
        .course = world->course,
        .cause = world->cause,
        .is_stuck = world->is_stuck,
        .step = world->step,
        .step_since_ms = 1,
        .evidence_since_ms =
            world->evidence == WORLD_UNSET ? 0 : WORLD_NOW_MS - AGES_MS[world->evidence],
        .waiting_since_ms = world->waiting == WORLD_UNSET ? 0
                            : world->waiting == WORLD_OLD ? WORLD_NOW_MS - plan->progress_ms
                                                          : WORLD_NOW_MS,
        .progress = world->progress,
    };
}

/* Figures, hooks and disks are those of a step. */
static void begin_step(struct world *world)
{
    static const enum strategy_hook of_step[] = {STRATEGY_HOOK_STEP, STRATEGY_HOOK_CONFIRM,
                                                 STRATEGY_HOOK_PREPARE, STRATEGY_HOOK_COMMIT,
                                                 STRATEGY_HOOK_TEST};

    for (size_t i = 0; i < sizeof(of_step) / sizeof(of_step[0]); i++)
        world->hooks[of_step[i]] = STRATEGY_HOOK_IDLE;
    world->has_reset = 0;
}

void world_store(struct world *world, const struct strategy_plan *plan,
                 const struct strategy_record *record)
{
    if (record->step != world->step)
        begin_step(world);
    if (record->evidence_since_ms == 0) {
        world->evidence = WORLD_UNSET;
        world->figures = WORLD_NOTHING;
    } else if (record->evidence_since_ms == WORLD_NOW_MS && world->evidence == WORLD_UNSET) {
        world->evidence = WORLD_FRESH;
        world->figures = WORLD_NOTHING;
    }
    if (record->waiting_since_ms == 0)
        world->waiting = WORLD_UNSET;
    else
        world->waiting = record->waiting_since_ms == WORLD_NOW_MS ? WORLD_FRESH : WORLD_OLD;
    if (world->course != record->course && record->course == STRATEGY_BACK)
        world->retry = 0;
    world->course = (uint8_t)record->course;
    world->cause = (uint8_t)record->cause;
    world->is_stuck = record->is_stuck;
    if (!record->is_stuck)
        world->retry = 0;
    world->step = (uint8_t)record->step;
    /* says nothing any more; kept as large as can be, so that it is known to say nothing */
    if (world->course != STRATEGY_FORWARD)
        world->promoted = 0;
    else if (world->promoted < world->step)
        world->promoted = world->step;
    assert(record->progress <= UINT8_MAX);
    world->progress = (uint8_t)record->progress;
    (void)plan;
}

/* Users as the rule and the modes now send them. */
static void lead_users(struct world *world, const struct strategy_plan *plan)
{
    world->is_agreed = 0;
    if (world->share_ppm < STRATEGY_ALL_PPM &&
        world->versions[STRATEGY_FROM].mode == STRATEGY_ACTIVE)
        world->versions[STRATEGY_FROM].has_users = 1;
    if ((world->share_ppm > 0 || world->has_match) &&
        world->versions[STRATEGY_TO].mode == STRATEGY_ACTIVE)
        world->versions[STRATEGY_TO].has_users = 1;
    for (int part = 0; part < STRATEGY_PARTS; part++) {
        if (world->versions[part].mode == STRATEGY_ACTIVE)
            world->versions[part].is_quiet = 0;
        for (uint32_t i = 0; i < places(plan); i++)
            if (!world->instances[part][i].is_drained)
                world->instances[part][i].is_quiet = 0;
    }
}

static void set_mode(struct world *world, const struct strategy_plan *plan,
                     const struct strategy_command *command, enum strategy_mode mode)
{
    struct world_version *version = &world->versions[command->part];
    struct world_instance *instance;

    if (command->index == STRATEGY_WHOLE_VERSION) {
        if (command->ends_open && world->is_agreed) {
            version->is_quiet = 1;
            version->has_users = 0;
        }
        if (version->mode == mode)
            return;
        version->mode = (uint8_t)mode;
        lead_users(world, plan);
        return;
    }
    instance = &world->instances[command->part][command->index];
    if (instance->is_drained == (mode != STRATEGY_ACTIVE))
        return;
    instance->is_drained = mode != STRATEGY_ACTIVE;
    /* nobody is at one that is not ready */
    instance->is_quiet = instance->is_drained && !world_is_ready(instance);
    if (!instance->is_drained && world_is_ready(instance))
        instance->is_fallen = 0;
    lead_users(world, plan);
}

static void set_rule(struct world *world, const struct strategy_plan *plan,
                     const struct strategy_command *command)
{
    switch (command->kind) {
    case STRATEGY_DO_SHARE:
        world->share_ppm = command->ppm;
        break;
    case STRATEGY_DO_MIRROR:
        world->mirror_ppm = command->ppm;
        break;
    case STRATEGY_DO_MATCH:
        world->has_match = 1;
        break;
    default:
        world->stable = (uint8_t)command->part;
        world->share_ppm = command->part == STRATEGY_TO ? STRATEGY_ALL_PPM : 0;
        world->mirror_ppm = 0;
        world->has_match = 0;
        break;
    }
    lead_users(world, plan);
}

static void stop(struct world *world, int part, uint32_t i)
{
    struct world_instance *instance = &world->instances[part][i];

    if (instance->life != WORLD_GONE)
        instance->life = WORLD_STOPPING;
    if (part == STRATEGY_FROM)
        world->instance_hooks[i] = STRATEGY_HOOK_IDLE;
}

static void scale(struct world *world, const struct strategy_plan *plan,
                  const struct strategy_command *command)
{
    struct world_version *version = &world->versions[command->part];

    version->replicas = (uint8_t)command->count;
    for (uint32_t i = command->count; i < places(plan); i++) {
        world->instances[command->part][i].is_fallen = 0;
        stop(world, command->part, i);
    }
}

void world_carry_out(struct world *world, const struct strategy_plan *plan,
                     const struct strategy_command *command)
{
    struct world_instance *instance;

    switch (command->kind) {
    case STRATEGY_DO_SET_BUILD:
        world->versions[command->part].is_target = command->build == STRATEGY_BUILD_TARGET;
        break;
    case STRATEGY_DO_SCALE:
        scale(world, plan, command);
        break;
    case STRATEGY_DO_REPLACE:
        instance = &world->instances[command->part][command->index];
        if (instance->is_target != world->versions[command->part].is_target)
            stop(world, (int)command->part, command->index);
        break;
    case STRATEGY_DO_DRAIN:
        set_mode(world, plan, command, STRATEGY_DRAINING);
        break;
    case STRATEGY_DO_UNDRAIN:
        set_mode(world, plan, command, STRATEGY_ACTIVE);
        break;
    case STRATEGY_DO_CUT:
        set_mode(world, plan, command, STRATEGY_CUT);
        break;
    case STRATEGY_DO_SHARE:
    case STRATEGY_DO_MIRROR:
    case STRATEGY_DO_MATCH:
    case STRATEGY_DO_STABLE:
        set_rule(world, plan, command);
        break;
    case STRATEGY_DO_RESET_DISKS:
        world->has_reset = 1;
        break;
    case STRATEGY_DO_HOOK:
        if (command->hook == STRATEGY_HOOK_INSTANCE)
            world->instance_hooks[command->index] = STRATEGY_HOOK_RUNNING;
        else
            world->hooks[command->hook] = STRATEGY_HOOK_RUNNING;
        break;
    case STRATEGY_COMMAND_COUNT:
        assert(false);
    }
}

const char *world_event_word(enum world_event_kind kind)
{
    static const char *const words[WORLD_EVENT_COUNT] = {"none",           "start",
                                                         "ready",          "up",
                                                         "stopped",        "quiet",
                                                         "version-quiet",  "agree",
                                                         "speak",          "hook-good",
                                                         "snapshot-good",  "age",
                                                         "good",           "expire",
                                                         "crash",          "lose",
                                                         "blip",           "silent",
                                                         "hook-bad",       "snapshot-bad",
                                                         "undecided",      "worse",
                                                         "over-limit",     "pause",
                                                         "resume",         "abort",
                                                         "abort-at-proxy", "promote",
                                                         "take-over",      "take-over-and-set",
                                                         "retry"};

    return words[kind];
}

void world_print(const struct world *world, const struct strategy_plan *plan)
{
    static const char lives[] = "-surx";

    for (int part = 0; part < STRATEGY_PARTS; part++) {
        const struct world_version *version = &world->versions[part];

        printf("%s build %d x%d %s%s%s [", part == 0 ? "from" : "  to", version->is_target,
               version->replicas, (const char *[]){"active", "draining", "cut"}[version->mode],
               version->is_quiet ? " quiet" : "", version->has_users ? " users" : "");
        for (uint32_t i = 0; i < places(plan); i++) {
            const struct world_instance *instance = &world->instances[part][i];

            printf("%s%c%d%s%s%s", i > 0 ? " " : "", lives[instance->life], instance->is_target,
                   instance->is_drained ? "d" : "", instance->is_quiet ? "q" : "",
                   instance->is_fallen ? "!" : "");
        }
        printf("] ");
    }
    printf("| stable %d share %u mirror %u match %d owner %d | agreed %d silent %d figures %d | ",
           world->stable, world->share_ppm, world->mirror_ppm, world->has_match, world->owner,
           world->is_agreed, world->is_silent, world->figures);
    printf("pause %d abort %d promoted %d | course %d %s%s step %d (%s) evidence %d waiting %d "
           "progress %d\n",
           world->pause, world->abort, world->promoted, world->course,
           strategy_cause_word(world->cause), world->is_stuck ? " stuck" : "", world->step,
           world->step < plan->step_count ? strategy_step_word(plan->steps[world->step].kind) : "",
           world->evidence, world->waiting, world->progress);
}

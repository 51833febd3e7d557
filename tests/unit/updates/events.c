#include "tests/unit/updates/world.h"

#include <assert.h>
#include <stddef.h>

struct list {
    struct world_event *events;
    uint32_t count;
    uint8_t left;
};

static bool is_disturbance(enum world_event_kind kind)
{
    return (kind >= WORLD_EVENT_EXPIRE && kind <= WORLD_EVENT_PAUSE &&
            kind != WORLD_EVENT_UNDECIDED) ||
           kind == WORLD_EVENT_ABORT_AT_PROXY || kind == WORLD_EVENT_TAKE_OVER ||
           kind == WORLD_EVENT_TAKE_OVER_AND_SET;
}

static void add(struct list *list, enum world_event_kind kind, int part, uint32_t index)
{
    if (list->left == 0 && is_disturbance(kind))
        return;
    assert(list->count < WORLD_EVENTS_MAX);
    list->events[list->count++] =
        (struct world_event){.kind = (uint8_t)kind, .part = (uint8_t)part, .index = (uint8_t)index};
}

static uint32_t places(const struct strategy_plan *plan)
{
    return plan->replicas > plan->idle_replicas ? plan->replicas : plan->idle_replicas;
}

static void add_of_instance(struct list *list, const struct world *world, int part, uint32_t i,
                            const struct world_rules *rules, bool may_fall)
{
    const struct world_instance *instance = &world->instances[part][i];

    switch ((enum world_life)instance->life) {
    case WORLD_GONE:
        if (i < world->versions[part].replicas)
            add(list, WORLD_EVENT_START, part, i);
        break;
    case WORLD_STARTING:
        add(list, rules->has_unseen ? WORLD_EVENT_READY : WORLD_EVENT_UP, part, i);
        break;
    case WORLD_UNSEEN:
        add(list, WORLD_EVENT_UP, part, i);
        break;
    case WORLD_STOPPING:
        add(list, WORLD_EVENT_STOPPED, part, i);
        break;
    case WORLD_READY:
        if (may_fall && rules->has_blips)
            add(list, WORLD_EVENT_BLIP, part, i);
        break;
    }
    if (world_is_ready(instance) && may_fall) {
        add(list, WORLD_EVENT_CRASH, part, i);
        add(list, WORLD_EVENT_LOSE, part, i);
    }
    if (instance->is_drained && !instance->is_quiet && world->is_agreed && !world->is_silent)
        add(list, WORLD_EVENT_QUIET, part, i);
    if (part == STRATEGY_FROM && world->instance_hooks[i] == STRATEGY_HOOK_RUNNING) {
        add(list, WORLD_EVENT_INSTANCE_HOOK_GOOD, part, i);
        add(list, WORLD_EVENT_INSTANCE_HOOK_BAD, part, i);
    }
}

static bool has_traffic(const struct world *world)
{
    return world->share_ppm > 0 || world->mirror_ppm > 0 || world->has_match;
}

static void add_of_figures(struct list *list, const struct world *world)
{
    if (world->evidence != WORLD_UNSET && world->evidence != WORLD_TOO_OLD)
        add(list, WORLD_EVENT_AGE, 0, 0);
    if (world->evidence == WORLD_UNSET || !has_traffic(world))
        return;
    if (world->figures == WORLD_NOTHING)
        add(list, WORLD_EVENT_UNDECIDED, 0, 0);
    if (world->figures < WORLD_GOOD)
        add(list, WORLD_EVENT_GOOD, 0, 0);
    if (world->figures < WORLD_WORSE) {
        add(list, WORLD_EVENT_WORSE, 0, 0);
        add(list, WORLD_EVENT_OVER_LIMIT, 0, 0);
    }
}

static void add_of_people(struct list *list, const struct world *world,
                          const struct strategy_plan *plan, const struct world_rules *rules)
{
    const struct strategy_step *step = &plan->steps[world->step];
    bool has_evidence = world->step < plan->step_count && world->course == STRATEGY_FORWARD &&
                        (step->kind == STRATEGY_STEP_TEST || world->evidence != WORLD_UNSET);

    add(list,
        world->pause || world->owner == STRATEGY_OWNER_OTHER ? WORLD_EVENT_RESUME
                                                             : WORLD_EVENT_PAUSE,
        0, 0);
    if (!world->abort &&
        (world->course == STRATEGY_FORWARD || world->owner == STRATEGY_OWNER_OTHER))
        add(list, WORLD_EVENT_ABORT, 0, 0);
    if (world->owner == STRATEGY_OWNER_OURS) {
        add(list, WORLD_EVENT_ABORT_AT_PROXY, 0, 0);
        add(list, WORLD_EVENT_TAKE_OVER, 0, 0);
        if (rules->has_person_share && plan->is_across && world->stable == STRATEGY_FROM)
            add(list, WORLD_EVENT_TAKE_OVER_AND_SET, 0, 0);
    }
    if (has_evidence && world->promoted <= world->step)
        add(list, WORLD_EVENT_PROMOTE, 0, 0);
    if (world->is_stuck && !world->retry)
        add(list, WORLD_EVENT_RETRY, 0, 0);
}

uint32_t world_events(const struct world *world, const struct strategy_plan *plan,
                      const struct world_rules *rules,
                      struct world_event ret_events[WORLD_EVENTS_MAX])
{
    struct list list = {.events = ret_events, .left = world->left};
    uint32_t fallen = world_count_fallen(world, plan, STRATEGY_FROM) +
                      world_count_fallen(world, plan, STRATEGY_TO);

    for (int part = 0; part < STRATEGY_PARTS; part++) {
        const struct world_version *version = &world->versions[part];

        for (uint32_t i = 0; i < places(plan); i++)
            add_of_instance(&list, world, part, i, rules, fallen < rules->fallen_max);
        if (version->mode != STRATEGY_ACTIVE && version->has_users && world->is_agreed &&
            !world->is_silent)
            add(&list, WORLD_EVENT_VERSION_QUIET, part, 0);
    }
    if (world->is_silent)
        add(&list, WORLD_EVENT_SPEAK, 0, 0);
    else if (!world->is_agreed)
        add(&list, WORLD_EVENT_AGREE, 0, 0);
    if (!world->is_silent)
        add(&list, WORLD_EVENT_SILENT, 0, 0);
    for (uint32_t i = 0; i < STRATEGY_HOOK_COUNT; i++)
        if (world->hooks[i] == STRATEGY_HOOK_RUNNING) {
            add(&list, WORLD_EVENT_HOOK_GOOD, 0, i);
            add(&list, WORLD_EVENT_HOOK_BAD, 0, i);
        } else if (world->hooks[i] == STRATEGY_HOOK_BAD) {
            add(&list, WORLD_EVENT_RETRY, 1, i);
        }
    for (uint32_t i = 0; i < plan->replicas; i++)
        if (world->instance_hooks[i] == STRATEGY_HOOK_BAD)
            add(&list, WORLD_EVENT_RETRY, 2, i);
    if (world->waiting == WORLD_FRESH)
        add(&list, WORLD_EVENT_EXPIRE, 0, 0);
    add_of_figures(&list, world);
    add_of_people(&list, world, plan, rules);
    return list.count;
}

static void fall(struct world *world, int part, uint32_t i, enum world_life life)
{
    struct world_instance *instance = &world->instances[part][i];

    instance->life = life;
    instance->is_fallen = 1;
    if (instance->is_drained && life != WORLD_UNSEEN)
        instance->is_quiet = 1;
    /* another pod: nothing was asked about it */
    if (part == STRATEGY_FROM && life == WORLD_GONE)
        world->instance_hooks[i] = STRATEGY_HOOK_IDLE;
}

static void change_instance(struct world *world, const struct world_event *event)
{
    struct world_instance *instance = &world->instances[event->part][event->index];

    switch ((enum world_event_kind)event->kind) {
    case WORLD_EVENT_START:
        instance->life = WORLD_STARTING;
        instance->is_target = world->versions[event->part].is_target != 0;
        break;
    case WORLD_EVENT_READY:
    case WORLD_EVENT_UP:
        instance->life = event->kind == WORLD_EVENT_READY ? WORLD_UNSEEN : WORLD_READY;
        if (!instance->is_drained && instance->life == WORLD_READY)
            instance->is_fallen = 0;
        break;
    case WORLD_EVENT_STOPPED:
        instance->life = WORLD_GONE;
        instance->is_target = 0;
        instance->is_quiet = instance->is_drained;
        break;
    case WORLD_EVENT_QUIET:
        instance->is_quiet = 1;
        break;
    case WORLD_EVENT_CRASH:
        fall(world, event->part, event->index, WORLD_STARTING);
        break;
    case WORLD_EVENT_LOSE:
        fall(world, event->part, event->index, WORLD_GONE);
        instance->is_target = 0;
        break;
    case WORLD_EVENT_BLIP:
        fall(world, event->part, event->index, WORLD_UNSEEN);
        break;
    case WORLD_EVENT_INSTANCE_HOOK_GOOD:
        world->instance_hooks[event->index] = STRATEGY_HOOK_GOOD;
        break;
    default:
        assert(event->kind == WORLD_EVENT_INSTANCE_HOOK_BAD);
        world->instance_hooks[event->index] = STRATEGY_HOOK_BAD;
        break;
    }
}

static void set_person_share(struct world *world, uint32_t ppm)
{
    world->share_ppm = ppm;
    world->is_agreed = 0;
    if (world->versions[STRATEGY_FROM].mode == STRATEGY_ACTIVE)
        world->versions[STRATEGY_FROM].has_users = 1;
    if (ppm > 0 && world->versions[STRATEGY_TO].mode == STRATEGY_ACTIVE)
        world->versions[STRATEGY_TO].has_users = 1;
    for (int part = 0; part < STRATEGY_PARTS; part++)
        if (world->versions[part].mode == STRATEGY_ACTIVE)
            world->versions[part].is_quiet = 0;
}

static void change_by_person(struct world *world, const struct world_event *event)
{
    switch ((enum world_event_kind)event->kind) {
    case WORLD_EVENT_PAUSE:
        world->pause = 1;
        break;
    case WORLD_EVENT_RESUME:
        world->pause = 0;
        if (world->owner == STRATEGY_OWNER_OTHER)
            world->owner = STRATEGY_OWNER_OURS;
        break;
    case WORLD_EVENT_ABORT:
        world->abort = 1;
        break;
    case WORLD_EVENT_ABORT_AT_PROXY:
        world->owner = STRATEGY_OWNER_GONE;
        world->has_match = 0;
        world->mirror_ppm = 0;
        set_person_share(world, world->stable == STRATEGY_TO ? STRATEGY_ALL_PPM : 0);
        break;
    case WORLD_EVENT_TAKE_OVER_AND_SET:
        set_person_share(world, 300000);
        world->owner = STRATEGY_OWNER_OTHER;
        break;
    case WORLD_EVENT_TAKE_OVER:
        world->owner = STRATEGY_OWNER_OTHER;
        break;
    case WORLD_EVENT_PROMOTE:
        world->promoted = (uint8_t)(world->step + 1);
        world->has_promoted = 1;
        break;
    default:
        assert(event->kind == WORLD_EVENT_RETRY);
        if (event->part == 1)
            world->hooks[event->index] = STRATEGY_HOOK_IDLE;
        else if (event->part == 2)
            world->instance_hooks[event->index] = STRATEGY_HOOK_IDLE;
        else
            world->retry = 1;
        break;
    }
}

void world_happen(struct world *world, const struct strategy_plan *plan,
                  const struct world_event *event)
{
    static const uint8_t figures[] = {[WORLD_EVENT_GOOD] = WORLD_GOOD,
                                      [WORLD_EVENT_UNDECIDED] = WORLD_UNDECIDED,
                                      [WORLD_EVENT_WORSE] = WORLD_WORSE,
                                      [WORLD_EVENT_OVER_LIMIT] = WORLD_OVER_LIMIT};

    (void)plan;
    if (world->left != WORLD_ENDLESS && world->left > 0 && is_disturbance(event->kind))
        world->left--;
    switch ((enum world_event_kind)event->kind) {
    case WORLD_EVENT_VERSION_QUIET:
        world->versions[event->part].is_quiet = 1;
        world->versions[event->part].has_users = 0;
        break;
    case WORLD_EVENT_AGREE:
        world->is_agreed = 1;
        break;
    case WORLD_EVENT_SPEAK:
    case WORLD_EVENT_SILENT:
        world->is_silent = event->kind == WORLD_EVENT_SILENT;
        break;
    case WORLD_EVENT_HOOK_GOOD:
    case WORLD_EVENT_HOOK_BAD:
        world->hooks[event->index] =
            event->kind == WORLD_EVENT_HOOK_GOOD ? STRATEGY_HOOK_GOOD : STRATEGY_HOOK_BAD;
        break;
    case WORLD_EVENT_AGE:
        world->evidence++;
        break;
    case WORLD_EVENT_GOOD:
    case WORLD_EVENT_UNDECIDED:
    case WORLD_EVENT_WORSE:
    case WORLD_EVENT_OVER_LIMIT:
        world->figures = figures[event->kind];
        break;
    case WORLD_EVENT_EXPIRE:
        world->waiting = WORLD_OLD;
        break;
    default:
        if (event->kind >= WORLD_EVENT_PAUSE)
            change_by_person(world, event);
        else
            change_instance(world, event);
        break;
    }
}

bool world_find_fair(const struct world *world, const struct strategy_plan *plan, bool is_bad,
                     struct world_event *ret_event)
{
    static const struct world_rules rules = {.has_unseen = true, .disturbances = 1};
    struct world_event events[WORLD_EVENTS_MAX];
    struct world with = *world;
    const struct world_event *best = NULL;
    uint32_t count;

    with.left = WORLD_ENDLESS;
    count = world_events(&with, plan, &rules, events);

    for (uint32_t i = 0; i < count; i++) {
        const struct world_event *event = &events[i];
        bool is_of_target = event->kind <= WORLD_EVENT_UP && event->kind != WORLD_EVENT_START &&
                            world->instances[event->part][event->index].is_target;
        bool is_good = event->kind == WORLD_EVENT_GOOD || event->kind == WORLD_EVENT_HOOK_GOOD;

        if (is_bad ? is_of_target || is_good : event->kind == WORLD_EVENT_EXPIRE)
            continue;
        if (event->kind > WORLD_EVENT_EXPIRE &&
            !(is_bad && (event->kind == WORLD_EVENT_WORSE || event->kind == WORLD_EVENT_HOOK_BAD)))
            continue;
        if (best == NULL || event->kind < best->kind)
            best = event;
    }
    if (best == NULL)
        return false;
    *ret_event = *best;
    return true;
}

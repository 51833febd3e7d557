#include "tests/unit/updates/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strategies/traffic/mix.h"

/* Flags in the low bits of a hash. */
enum { VISITED = 1, GOOD = 2, BAD = 4, ABORTED = 8, FLAGS = 15 };

struct entry {
    uint64_t key;
    uint64_t rest; /* 0: free */
};

struct table {
    struct entry *entries;
    uint64_t size, used;
};

struct stack {
    struct world *worlds;
    size_t count, size;
};

struct walk {
    const struct walk_case *given;
    struct walk_result *result;
    struct table table;
    struct stack stack;
    struct entry *path; /* of a run to its end */
    size_t path_size;
};

static void *grow(void *old, size_t bytes)
{
    void *memory = realloc(old, bytes);

    if (memory == NULL) {
        fprintf(stderr, "walk: out of memory\n");
        abort();
    }
    return memory;
}

static struct entry hash(const struct world *world)
{
    uint64_t words[(sizeof(*world) + 7) / 8] = {0};
    struct entry entry = {.key = 0x9e3779b97f4a7c15u, .rest = 0x2545f4914f6cdd1du};
    struct world bare = *world;

    bare.cause = 0; /* changes nothing in what follows */
    memcpy(words, &bare, sizeof(bare));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        entry.key = strategy_mix64(entry.key ^ words[i]);
        entry.rest = strategy_mix64(entry.rest + words[i]) ^ (entry.key >> 7);
    }
    entry.rest = (entry.rest | (1u << 4)) & ~(uint64_t)FLAGS;
    return entry;
}

static struct entry *find(struct table *table, const struct entry *wanted)
{
    uint64_t i = wanted->key & (table->size - 1);

    while (table->entries[i].rest != 0 &&
           (table->entries[i].key != wanted->key ||
            (table->entries[i].rest & ~(uint64_t)FLAGS) != wanted->rest))
        i = (i + 1) & (table->size - 1);
    return &table->entries[i];
}

static void enlarge(struct table *table)
{
    struct table larger = {.size = table->size == 0 ? 1u << 16 : table->size * 2,
                           .used = table->used};

    larger.entries = calloc(larger.size, sizeof(*larger.entries));
    if (larger.entries == NULL)
        abort();
    for (uint64_t i = 0; i < table->size; i++)
        if (table->entries[i].rest != 0) {
            struct entry bare = {.key = table->entries[i].key,
                                 .rest = table->entries[i].rest & ~(uint64_t)FLAGS};

            *find(&larger, &bare) = table->entries[i];
        }
    free(table->entries);
    *table = larger;
}

/* Sets the flag; true if it was not set. */
static bool mark(struct table *table, const struct entry *wanted, unsigned flag)
{
    struct entry *entry;

    if (table->used * 4 >= table->size * 3)
        enlarge(table);
    entry = find(table, wanted);
    if (entry->rest == 0) {
        *entry = *wanted;
        table->used++;
    }
    if ((entry->rest & flag) != 0)
        return false;
    entry->rest |= flag;
    return true;
}

static bool has_mark(struct table *table, const struct entry *wanted, unsigned flag)
{
    return table->size > 0 && (find(table, wanted)->rest & flag) != 0;
}

static void report(struct walk *walk, const struct world *world, const char *broken)
{
    struct strategy_action action;
    struct strategy_observation *seen;

    if (walk->result->broken != NULL)
        return;
    walk->result->broken = broken;
    if (getenv("WALK_QUIET") != NULL)
        return;
    seen = calloc(1, sizeof(*seen));
    if (seen == NULL)
        return;
    printf("%s: %s\n  ", walk->given->name, broken);
    world_print(world, &walk->given->plan);
    world_observe(world, &walk->given->plan, seen);
    strategy_update_next(&walk->given->plan, seen, &action);
    printf("  it says: course %d step %u wait %s%s;", action.record.course, action.record.step,
           strategy_wait_words(action.wait), action.is_for_person ? " (person)" : "");
    for (uint32_t i = 0; i < action.count; i++)
        printf(" %s %s %d n=%u ppm=%u build=%d hook=%s;",
               strategy_command_word(action.commands[i].kind),
               action.commands[i].part == STRATEGY_FROM ? "from" : "to",
               (int)action.commands[i].index, action.commands[i].count, action.commands[i].ppm,
               action.commands[i].build, strategy_hook_word(action.commands[i].hook));
    printf("\n");
    free(seen);
}

const char *walk_ask(const struct world *world, const struct strategy_plan *plan,
                     struct strategy_action *ret_action)
{
    static struct strategy_observation seen; /* 20 KiB, of which each question sets its part */
    const char *broken;

    world_observe(world, plan, &seen);
    strategy_update_next(plan, &seen, ret_action);
    broken = promise_of_action(world, plan, ret_action);
    for (uint32_t i = 0; broken == NULL && i < ret_action->count; i++)
        broken = promise_of_command(world, plan, ret_action, &ret_action->commands[i]);
    return broken;
}

const char *walk_obey(struct world *world, const struct strategy_plan *plan,
                      const struct strategy_action *action)
{
    const char *broken = NULL;

    world_store(world, plan, &action->record);
    for (uint32_t i = 0; i < action->count && broken == NULL; i++) {
        world_carry_out(world, plan, &action->commands[i]);
        broken = promise_of_world(world, plan);
    }
    return broken;
}

static bool is_ended(const struct world *world)
{
    return world->course == STRATEGY_DONE || world->course == STRATEGY_RETURNED;
}

static void visit(struct walk *walk, const struct world *world)
{
    struct entry entry = hash(world);
    const char *broken;

    walk->result->moves++;
    if (!mark(&walk->table, &entry, VISITED))
        return;
    walk->result->worlds++;
    broken = promise_of_world(world, &walk->given->plan);
    if (broken != NULL) {
        report(walk, world, broken);
        return;
    }
    if (walk->stack.count == walk->stack.size) {
        walk->stack.size = walk->stack.size == 0 ? 4096 : walk->stack.size * 2;
        walk->stack.worlds =
            grow(walk->stack.worlds, walk->stack.size * sizeof(*walk->stack.worlds));
    }
    walk->stack.worlds[walk->stack.count++] = *world;
}

/* Killed after any number of commands. */
static void visit_prefixes(struct walk *walk, const struct world *world,
                           const struct strategy_action *action)
{
    struct world after = *world;

    world_store(&after, &walk->given->plan, &action->record);
    visit(walk, &after);
    for (uint32_t i = 0; i < action->count; i++) {
        world_carry_out(&after, &walk->given->plan, &action->commands[i]);
        visit(walk, &after);
    }
}

/* Whether a command, decided before the event, would still be carried out: compare-and-swap for
 * what proxies are told, the very instance that was seen for the rest. */
static bool is_still_meant(const struct strategy_command *command, const struct world_event *event)
{
    switch (command->kind) {
    case STRATEGY_DO_SHARE:
    case STRATEGY_DO_MIRROR:
    case STRATEGY_DO_MATCH:
    case STRATEGY_DO_STABLE:
    case STRATEGY_DO_DRAIN:
    case STRATEGY_DO_UNDRAIN:
    case STRATEGY_DO_CUT:
        return event->kind != WORLD_EVENT_ABORT_AT_PROXY && event->kind != WORLD_EVENT_TAKE_OVER &&
               event->kind != WORLD_EVENT_TAKE_OVER_AND_SET;
    case STRATEGY_DO_REPLACE:
        return event->kind != WORLD_EVENT_LOSE || event->part != command->part ||
               event->index != command->index;
    default:
        return true;
    }
}

static void visit_stale(struct walk *walk, const struct world *world,
                        const struct strategy_action *action, const struct world_event *event)
{
    struct world after = *world;

    world_happen(&after, &walk->given->plan, event);
    world_store(&after, &walk->given->plan, &action->record);
    for (uint32_t i = 0; i < action->count; i++) {
        if (!is_still_meant(&action->commands[i], event))
            break;
        world_carry_out(&after, &walk->given->plan, &action->commands[i]);
        visit(walk, &after);
    }
}

/* One more move of a run that is to end; what it breaks, or NULL. */
static const char *move_on(struct walk *walk, struct world *world, unsigned kind, bool *ret_ended)
{
    const struct strategy_plan *plan = &walk->given->plan;
    struct strategy_action action;
    struct world_event event;
    struct world before = *world;
    const char *broken = walk_ask(world, plan, &action);

    if (broken == NULL)
        broken = walk_obey(world, plan, &action);
    if (broken != NULL || memcmp(&before, world, sizeof(before)) != 0)
        return broken;
    /* who is stuck goes on by itself if the platform does */
    if (action.is_for_person && action.wait != STRATEGY_WAIT_STUCK) {
        *ret_ended = true;
        return kind == ABORTED ? "an abort waits for a person" : NULL;
    }
    if (action.wait == STRATEGY_WAIT_NOTHING && !is_ended(world))
        return "does nothing, waits for nothing, and has not ended";
    if (!world_find_fair(world, plan, kind == BAD, &event)) {
        *ret_ended = kind == BAD && action.is_for_person;
        return *ret_ended ? NULL : "waits for what will never come";
    }
    world_happen(world, plan, &event);
    return promise_of_world(world, plan);
}

/* Every world leads to an end: told by one run, and by those seen before that it meets. */
static void run_to_end(struct walk *walk, const struct world *from, unsigned kind)
{
    struct world world = *from;
    size_t length = 0;
    bool has_ended = false;
    const char *broken = NULL;

    if (kind == ABORTED) {
        world.abort = 1;
        world.pause = 0;
    }
    for (;;) {
        struct entry entry = hash(&world);

        if (has_mark(&walk->table, &entry, kind))
            break;
        if (length == walk->path_size) {
            walk->path_size = walk->path_size == 0 ? 1024 : walk->path_size * 2;
            walk->path = grow(walk->path, walk->path_size * sizeof(*walk->path));
        }
        walk->path[length++] = entry;
        if (is_ended(&world)) {
            if (kind == ABORTED && world.course == STRATEGY_DONE)
                broken = "an abort did not lead back";
            break;
        }
        broken = length > 20000 ? "goes round in circles" : move_on(walk, &world, kind, &has_ended);
        if (broken != NULL || has_ended)
            break;
    }
    if (broken != NULL) {
        report(walk, from, broken);
        if (getenv("WALK_QUIET") == NULL)
            world_print(&world, &walk->given->plan);
    }
    for (size_t i = 0; i < length; i++)
        mark(&walk->table, &walk->path[i], kind);
}

static void expand(struct walk *walk, const struct world *world)
{
    const struct strategy_plan *plan = &walk->given->plan;
    struct world_event events[WORLD_EVENTS_MAX];
    struct strategy_action action;
    const char *broken = walk_ask(world, plan, &action);
    uint32_t count;

    if (broken != NULL) {
        report(walk, world, broken);
        return;
    }
    walk->result->done += world->course == STRATEGY_DONE;
    walk->result->returned += world->course == STRATEGY_RETURNED;
    walk->result->held += action.is_for_person;
    if (is_ended(world))
        return;
    run_to_end(walk, world, GOOD);
    run_to_end(walk, world, BAD);
    run_to_end(walk, world, ABORTED);
    visit_prefixes(walk, world, &action);
    count = world_events(world, plan, &walk->given->rules, events);
    for (uint32_t i = 0; i < count; i++) {
        struct world after = *world;

        if (walk->given->has_stale)
            visit_stale(walk, world, &action, &events[i]);
        world_happen(&after, plan, &events[i]);
        visit(walk, &after);
    }
}

void walk_run(const struct walk_case *given, struct walk_result *ret_result)
{
    struct walk walk = {.given = given, .result = ret_result};
    struct world world;

    memset(ret_result, 0, sizeof(*ret_result));
    enlarge(&walk.table);
    world_init(&world, &given->plan, &given->rules);
    visit(&walk, &world);
    while (walk.stack.count > 0 && ret_result->broken == NULL) {
        world = walk.stack.worlds[--walk.stack.count];
        expand(&walk, &world);
    }
    free(walk.table.entries);
    free(walk.stack.worlds);
    free(walk.path);
}

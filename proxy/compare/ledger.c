#include "proxy/compare/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const uint64_t px_ledger_bucket_us[PX_LEDGER_BUCKETS - 1] = {
    100,    250,    500,     1000,    2500,    5000,     10000,    25000,    50000,    100000,
    250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000, 300000000};

int px_ledger_new(uint64_t config_id, uint64_t now_s, struct px_ledger **ret_ledger)
{
    struct px_ledger *ledger = calloc(1, sizeof(*ledger));

    if (!ledger)
        return -ENOMEM;
    ledger->config_id = config_id;
    ledger->since_s = now_s;
    ledger->minute = now_s / 60;
    *ret_ledger = ledger;
    return 0;
}

void px_ledger_free(struct px_ledger *ledger)
{
    if (!ledger)
        return;
    for (uint32_t i = 0; i < ledger->group_count; i++)
        free(ledger->groups[i]);
    px_pairs_clear(&ledger->pairs);
    free(ledger);
}

void px_ledger_restart(struct px_ledger *ledger, uint64_t config_id, uint64_t now_s)
{
    for (uint32_t i = 0; i < ledger->group_count; i++)
        free(ledger->groups[i]);
    px_pairs_clear(&ledger->pairs);
    *ledger = (struct px_ledger){.config_id = config_id, .since_s = now_s, .minute = now_s / 60};
}

/* --- time --------------------------------------------------------------------------------------
 */

static void clear_minutes(struct px_count *counts, size_t size, uint64_t from, uint64_t to)
{
    for (size_t i = 0; i < size / sizeof(*counts); i++) {
        for (uint64_t minute = from; minute <= to; minute++)
            counts[i].minutes[minute % PX_LEDGER_MINUTES] = 0;
    }
}

static void advance_group(struct px_ledger_group *group, uint64_t from, uint64_t to)
{
    struct px_count *const singles[] = {&group->same,        &group->unanswered,
                                        &group->baselines,   &group->baseline_other,
                                        &group->field_other, &group->set_other};

    for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++)
        clear_minutes(singles[i], sizeof(*singles[i]), from, to);
    clear_minutes(group->skipped, sizeof(group->skipped), from, to);
    clear_minutes(group->primary_us, sizeof(group->primary_us), from, to);
    clear_minutes(group->shadow_us, sizeof(group->shadow_us), from, to);
    for (uint32_t i = 0; i < group->field_count; i++) {
        clear_minutes(&group->fields[i].differs, sizeof(struct px_count), from, to);
        clear_minutes(&group->fields[i].baseline, sizeof(struct px_count), from, to);
    }
    for (uint32_t i = 0; i < group->set_count; i++)
        clear_minutes(&group->sets[i].count, sizeof(struct px_count), from, to);
}

void px_ledger_advance(struct px_ledger *ledger, uint64_t now_s)
{
    uint64_t now = now_s / 60;
    uint64_t from = ledger->minute + 1;

    if (now <= ledger->minute) /* or the clock was set back: what was counted stays where it is */
        return;
    if (now - ledger->minute > PX_LEDGER_MINUTES)
        from = now - PX_LEDGER_MINUTES + 1;
    for (uint32_t i = 0; i < ledger->group_count; i++)
        advance_group(ledger->groups[i], from, now);
    ledger->minute = now;
}

static void count(const struct px_ledger *ledger, struct px_count *counter)
{
    counter->total++;
    counter->minutes[ledger->minute % PX_LEDGER_MINUTES]++;
}

/* --- groups, fields, sets ----------------------------------------------------------------------
 */

static struct px_ledger_group *find_group(struct px_ledger *ledger, const char *name)
{
    struct px_ledger_group *group;

    for (uint32_t i = 0; i < ledger->group_count; i++) {
        if (strcmp(ledger->groups[i]->name, name) == 0)
            return ledger->groups[i];
    }
    if (ledger->group_count == PX_LEDGER_GROUPS)
        return NULL;
    group = calloc(1, sizeof(*group));
    if (!group)
        return NULL;
    (void)snprintf(group->name, sizeof(group->name), "%s", name);
    ledger->groups[ledger->group_count++] = group;
    return group;
}

/* The field's place, made if need be; PX_LEDGER_FIELDS: there is none. */
static uint32_t find_field(struct px_ledger_group *group, enum px_compare_kind kind,
                           const char *path)
{
    uint32_t i = 0;

    while (i < group->field_count &&
           (group->fields[i].kind != kind || strcmp(group->fields[i].path, path) != 0))
        i++;
    if (i == group->field_count && i < PX_LEDGER_FIELDS) {
        group->fields[i].kind = kind;
        (void)snprintf(group->fields[i].path, sizeof(group->fields[i].path), "%s", path);
        group->field_count++;
    }
    return i;
}

static struct px_ledger_set *find_set(struct px_ledger_group *group, uint64_t fields)
{
    for (uint32_t i = 0; i < group->set_count; i++) {
        if (group->sets[i].fields == fields)
            return &group->sets[i];
    }
    if (group->set_count == PX_LEDGER_SETS)
        return NULL;
    group->sets[group->set_count] = (struct px_ledger_set){.fields = fields};
    return &group->sets[group->set_count++];
}

static uint64_t noise_of(const struct px_ledger_group *group)
{
    uint64_t noise = 0;

    for (uint32_t i = 0; i < group->field_count; i++) {
        if (px_ledger_is_noise(group, &group->fields[i]))
            noise |= 1ull << i;
    }
    return noise;
}

static void add_count(struct px_count *into, const struct px_count *from)
{
    into->total += from->total;
    for (uint32_t i = 0; i < PX_LEDGER_MINUTES; i++)
        into->minutes[i] += from->minutes[i];
}

/* Fields that are noise by now are taken out of all sets, so that equal ones become one. */
static void make_room(struct px_ledger_group *group, uint64_t noise)
{
    uint32_t count = group->set_count;

    group->set_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct px_ledger_set set = group->sets[i];
        uint64_t fields = set.fields & ~noise;

        if (fields == 0)
            add_count(&group->same, &set.count);
        else
            add_count(&find_set(group, fields)->count, &set.count);
    }
}

/* Where a pair with this set is counted. */
static struct px_count *find_count(struct px_ledger_group *group, uint64_t fields)
{
    struct px_ledger_set *set = find_set(group, fields);
    uint64_t noise;

    if (set)
        return &set->count;
    noise = noise_of(group);
    make_room(group, noise);
    if ((fields & ~noise) == 0)
        return &group->same;
    set = find_set(group, fields & ~noise);
    return set ? &set->count : &group->set_other;
}

/* --- recording ---------------------------------------------------------------------------------
 */

static void note_last(struct px_ledger_field *field, const struct px_ledger_entry *entry,
                      const struct px_compare_difference *difference)
{
    size_t len = entry->request_id.len < sizeof(field->request_id) - 1
                     ? entry->request_id.len
                     : sizeof(field->request_id) - 1;

    if (!field->first_s)
        field->first_s = entry->now_s;
    field->last_s = entry->now_s;
    field->primary = difference->primary;
    field->shadow = difference->shadow;
    if (len > 0)
        memcpy(field->request_id, entry->request_id.ptr, len);
    field->request_id[len] = '\0';
}

/* Counts each field, of the mirror's or of the baseline's answers; the set of them. */
static uint64_t record_fields(struct px_ledger *ledger, struct px_ledger_group *group,
                              const struct px_ledger_entry *entry, bool is_baseline)
{
    const struct px_compare_outcome *comparison = entry->comparison;
    uint64_t set = comparison->has_more ? 1ull << PX_LEDGER_OTHER_BIT : 0;

    for (uint32_t i = 0; i < comparison->count; i++) {
        const struct px_compare_difference *difference = &comparison->differences[i];
        uint32_t place = find_field(group, difference->kind, difference->path);

        if (place == PX_LEDGER_FIELDS) {
            if (!is_baseline)
                count(ledger, &group->field_other);
            set |= 1ull << PX_LEDGER_OTHER_BIT;
            continue;
        }
        set |= 1ull << place;
        count(ledger, is_baseline ? &group->fields[place].baseline : &group->fields[place].differs);
        if (!is_baseline)
            note_last(&group->fields[place], entry, difference);
    }
    return set;
}

static void record_latency(const struct px_ledger *ledger, struct px_count *buckets, uint64_t us)
{
    uint32_t i = 0;

    if (us == UINT64_MAX)
        return;
    while (i < PX_LEDGER_BUCKETS - 1 && us > px_ledger_bucket_us[i])
        i++;
    count(ledger, &buckets[i]);
}

enum px_compare_result px_ledger_record(struct px_ledger *ledger,
                                        const struct px_ledger_entry *entry)
{
    struct px_ledger_group *group;
    uint64_t fields;

    px_ledger_advance(ledger, entry->now_s);
    group = find_group(ledger, entry->group);
    if (!group) {
        ledger->lost++;
        return entry->result;
    }
    if (entry->primary_us != UINT64_MAX && entry->shadow_us != UINT64_MAX) {
        record_latency(ledger, group->primary_us, entry->primary_us);
        record_latency(ledger, group->shadow_us, entry->shadow_us);
    }
    switch (entry->result) {
    case PX_COMPARE_SAME:
        count(ledger, &group->same);
        return PX_COMPARE_SAME;
    case PX_COMPARE_UNANSWERED:
        count(ledger, &group->unanswered);
        return PX_COMPARE_UNANSWERED;
    case PX_COMPARE_SKIPPED:
        count(ledger, &group->skipped[entry->skip]);
        return PX_COMPARE_SKIPPED;
    default:
        fields = record_fields(ledger, group, entry, false);
        count(ledger, find_count(group, fields));
        return px_ledger_judge(group, fields);
    }
}

void px_ledger_record_baseline(struct px_ledger *ledger, const struct px_ledger_entry *entry)
{
    struct px_ledger_group *group;

    px_ledger_advance(ledger, entry->now_s);
    group = find_group(ledger, entry->group);
    if (!group)
        return;
    if (entry->result == PX_COMPARE_SKIPPED || entry->result == PX_COMPARE_UNANSWERED) {
        count(ledger, &group->baseline_other);
        return;
    }
    count(ledger, &group->baselines);
    if (entry->result != PX_COMPARE_SAME)
        record_fields(ledger, group, entry, true);
}

/* --- the sum of several ------------------------------------------------------------------------
 */

/* Bit by bit, from the places in one table to those in the other. */
static uint64_t translate(uint64_t fields, const uint32_t *places)
{
    uint64_t into = fields & 1ull << PX_LEDGER_OTHER_BIT;

    for (uint32_t i = 0; i < PX_LEDGER_FIELDS; i++) {
        if (fields & 1ull << i)
            into |= 1ull << (places[i] == PX_LEDGER_FIELDS ? PX_LEDGER_OTHER_BIT : places[i]);
    }
    return into;
}

static void add_field(struct px_ledger_field *into, const struct px_ledger_field *from)
{
    add_count(&into->differs, &from->differs);
    add_count(&into->baseline, &from->baseline);
    if (from->first_s && (!into->first_s || from->first_s < into->first_s))
        into->first_s = from->first_s;
    if (from->last_s > into->last_s) {
        into->last_s = from->last_s;
        into->primary = from->primary;
        into->shadow = from->shadow;
        memcpy(into->request_id, from->request_id, sizeof(into->request_id));
    }
}

static void add_counts(struct px_count *into, const struct px_count *from, size_t size)
{
    for (size_t i = 0; i < size / sizeof(*into); i++)
        add_count(&into[i], &from[i]);
}

static void add_group(struct px_ledger_group *into, const struct px_ledger_group *from)
{
    uint32_t places[PX_LEDGER_FIELDS] = {0};

    add_count(&into->same, &from->same);
    add_count(&into->unanswered, &from->unanswered);
    add_count(&into->baselines, &from->baselines);
    add_count(&into->baseline_other, &from->baseline_other);
    add_count(&into->field_other, &from->field_other);
    add_count(&into->set_other, &from->set_other);
    add_counts(into->skipped, from->skipped, sizeof(into->skipped));
    add_counts(into->primary_us, from->primary_us, sizeof(into->primary_us));
    add_counts(into->shadow_us, from->shadow_us, sizeof(into->shadow_us));
    for (uint32_t i = 0; i < from->field_count; i++) {
        places[i] = find_field(into, from->fields[i].kind, from->fields[i].path);
        if (places[i] == PX_LEDGER_FIELDS)
            add_count(&into->field_other, &from->fields[i].differs);
        else
            add_field(&into->fields[places[i]], &from->fields[i]);
    }
    for (uint32_t i = 0; i < from->set_count; i++)
        add_count(find_count(into, translate(from->sets[i].fields, places)), &from->sets[i].count);
}

/* A later one, which is copied before its minutes are moved: from stays as it is. */
static int add_same(struct px_ledger *into, const struct px_ledger *from)
{
    px_ledger_advance(into, from->minute * 60);
    for (uint32_t i = 0; i < from->group_count; i++) {
        struct px_ledger_group *copy = malloc(sizeof(*copy));
        struct px_ledger_group *group = find_group(into, from->groups[i]->name);

        if (!copy || !group) {
            free(copy);
            return -ENOMEM;
        }
        memcpy(copy, from->groups[i], sizeof(*copy));
        if (into->minute > from->minute)
            advance_group(copy,
                          into->minute - from->minute > PX_LEDGER_MINUTES
                              ? into->minute - PX_LEDGER_MINUTES + 1
                              : from->minute + 1,
                          into->minute);
        add_group(group, copy);
        free(copy);
    }
    into->lost += from->lost;
    px_pairs_add(&into->pairs, &from->pairs);
    if (from->since_s < into->since_s)
        into->since_s = from->since_s;
    return 0;
}

int px_ledger_add(struct px_ledger *into, const struct px_ledger *from)
{
    if (into->config_id != from->config_id) {
        if (into->config_id != 0 && into->since_s >= from->since_s)
            return 0;
        px_ledger_restart(into, from->config_id, from->since_s);
    }
    return add_same(into, from);
}

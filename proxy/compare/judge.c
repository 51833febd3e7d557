#include "proxy/compare/ledger.h"

/* How much more often than two stable answers the mirror's may differ in a field that is noise:
 * shares of few baselines are known roughly. */
#define NOISE_FACTOR 4

uint64_t px_count_window(const struct px_ledger *ledger, const struct px_count *count,
                         uint32_t minutes)
{
    uint64_t sum = 0;

    if (minutes == PX_LEDGER_ALL)
        return count->total;
    for (uint32_t i = 0; i < minutes && i < PX_LEDGER_MINUTES && i <= ledger->minute; i++)
        sum += count->minutes[(ledger->minute - i) % PX_LEDGER_MINUTES];
    return sum;
}

static uint64_t count_compared(const struct px_ledger_group *group)
{
    uint64_t sum = group->same.total + group->set_other.total;

    for (uint32_t i = 0; i < group->set_count; i++)
        sum += group->sets[i].count.total;
    return sum;
}

bool px_ledger_is_noise(const struct px_ledger_group *group, const struct px_ledger_field *field)
{
    uint64_t compared = count_compared(group);

    if (field->baseline.total == 0)
        return false;
    /* differs / compared <= NOISE_FACTOR * (baseline + 1) / baselines */
    return (double)field->differs.total * (double)group->baselines.total <=
           NOISE_FACTOR * (double)(field->baseline.total + 1) * (double)(compared ? compared : 1);
}

enum px_compare_result px_ledger_judge(const struct px_ledger_group *group, uint64_t fields)
{
    enum px_compare_result result = PX_COMPARE_SAME;

    for (uint32_t i = 0; i < group->field_count; i++) {
        const struct px_ledger_field *field = &group->fields[i];

        if (!(fields & 1ull << i) || px_ledger_is_noise(group, field))
            continue;
        if (field->kind == PX_COMPARE_KIND_STATUS)
            return PX_COMPARE_STATUS;
        if (field->kind == PX_COMPARE_KIND_HEADER)
            result = PX_COMPARE_HEADERS;
        else if (result == PX_COMPARE_SAME)
            result = PX_COMPARE_BODY;
    }
    if (result == PX_COMPARE_SAME && (fields & 1ull << PX_LEDGER_OTHER_BIT))
        result = PX_COMPARE_BODY; /* nobody knows better */
    return result;
}

void px_ledger_results(const struct px_ledger *ledger, const struct px_ledger_group *group,
                       uint32_t minutes, uint64_t ret_counts[PX_COMPARE_RESULT_COUNT])
{
    memset(ret_counts, 0, PX_COMPARE_RESULT_COUNT * sizeof(*ret_counts));
    ret_counts[PX_COMPARE_SAME] = px_count_window(ledger, &group->same, minutes);
    ret_counts[PX_COMPARE_UNANSWERED] = px_count_window(ledger, &group->unanswered, minutes);
    ret_counts[PX_COMPARE_BODY] = px_count_window(ledger, &group->set_other, minutes);
    for (uint32_t i = 0; i < PX_COMPARE_SKIP_COUNT; i++)
        ret_counts[PX_COMPARE_SKIPPED] += px_count_window(ledger, &group->skipped[i], minutes);
    for (uint32_t i = 0; i < group->set_count; i++)
        ret_counts[px_ledger_judge(group, group->sets[i].fields)] +=
            px_count_window(ledger, &group->sets[i].count, minutes);
}

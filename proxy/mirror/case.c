#include "proxy/mirror/case.h"

#include "lib/base/clock.h"
#include "proxy/compare/ledger.h"
#include "proxy/mirror/copy.h"

#include <assert.h>
#include <stdlib.h>

/* --- the ledger and the counters ---------------------------------------------------------------
 */

/* The configuration may be another one by now: then this belongs to no ledger. */
static bool has_ledger(const struct px_case_side *side)
{
    return side->ledger && side->ledger->config_id == side->config_id;
}

enum px_compare_result px_case_record(struct px_mirror_case *compared, uint32_t place,
                                      enum px_compare_result result, enum px_compare_skip skip,
                                      const struct px_compare_outcome *comparison)
{
    struct px_case_side *side = &compared->sides[place];
    struct px_ledger_entry entry = {
        .now_s = tn_clock_system.wall_ns(tn_clock_system.context) / 1000000000,
        .group = side->group,
        .result = result,
        .skip = skip,
        .comparison = comparison,
        .request_id = {compared->request_id, compared->request_id_len},
        .primary_us = compared->primary_us,
        .shadow_us = side->us,
    };
    bool is_current = has_ledger(side);

    if (side->is_waiting)
        side->counters->compare_waiting--;
    side->is_waiting = false;
    if (place == PX_CASE_BASELINE) {
        side->counters->compared[result]++;
        if (is_current)
            px_ledger_record_baseline(side->ledger, &entry);
        return result;
    }
    if (is_current)
        result = px_ledger_record(side->ledger, &entry);
    side->counters->compared[result]++;
    return result;
}

void px_case_keep(struct px_mirror_case *compared, uint32_t place, enum px_compare_result result,
                  struct px_pair *pair)
{
    const struct px_case_side *side = &compared->sides[place];
    const struct px_mirrors_options *options = &compared->mirrors->options;
    bool is_different = result == PX_COMPARE_STATUS || result == PX_COMPARE_HEADERS ||
                        result == PX_COMPARE_BODY; /* and in more than noise */

    if (pair && is_different && has_ledger(side)) {
        pair->result = result;
        px_pairs_push(&side->ledger->pairs, pair, tn_clock_system.wall_ns(tn_clock_system.context),
                      options->pair_memory, px_pairs_limit(options->limits->mirror_memory_bytes));
    } else {
        px_pair_give(pair);
    }
}

static void skip(struct px_mirror_case *compared, uint32_t place, enum px_compare_skip why)
{
    px_case_record(compared, place, PX_COMPARE_SKIPPED, why, NULL);
}

void px_case_skip_waiting(struct px_mirror_case *compared, enum px_compare_skip why)
{
    for (uint32_t i = PX_CASE_SIDES; i-- > 0;) {
        if (compared->sides[i].is_waiting)
            skip(compared, i, why);
    }
}

/* --- the end -----------------------------------------------------------------------------------
 */

void px_case_free(struct px_mirror_case *compared)
{
    const struct px_mirrors_options *options = &compared->mirrors->options;
    void *owner = compared->owner;

    px_capture_deinit(&compared->primary);
    for (uint32_t i = 0; i < PX_CASE_SIDES; i++)
        px_capture_deinit(&compared->sides[i].capture);
    tn_list_remove(&compared->node);
    px_mirrors_uncharge(compared->mirrors, sizeof(*compared) + compared->path_len);
    free(compared->path);
    free(compared);
    options->on_compared(options->context, owner);
}

/* --- settling ----------------------------------------------------------------------------------
 */

/* A side whose answer is there: most are equal at a glance. */
static void settle_answered(struct px_mirror_case *compared, uint32_t place)
{
    struct px_case_side *side = &compared->sides[place];
    const struct px_compare *compare = side->mirror->compare;
    struct px_capture_view primary;
    struct px_capture_view shadow;
    bool is_same;

    if (!side->capture.is_whole) {
        skip(compared, place,
             side->capture.is_out_of_memory ? PX_COMPARE_SKIP_MEMORY : PX_COMPARE_SKIP_TOO_LARGE);
        return;
    }
    if (!px_capture_view(&compared->primary, compare, &primary)) {
        skip(compared, place, PX_COMPARE_SKIP_MEMORY);
        return;
    }
    if (!px_capture_view(&side->capture, compare, &shadow)) {
        px_capture_view_deinit(&primary);
        skip(compared, place, PX_COMPARE_SKIP_MEMORY);
        return;
    }
    is_same = px_compare_at_a_glance(compare, &primary.answer, &shadow.answer);
    px_capture_view_deinit(&primary);
    px_capture_view_deinit(&shadow);
    if (is_same) {
        px_case_record(compared, place, PX_COMPARE_SAME, PX_COMPARE_SKIP_COUNT, NULL);
        return;
    }
    side->is_waiting = true;
    side->counters->compare_waiting++;
}

static void settle_side(struct px_mirror_case *compared, uint32_t place)
{
    const struct px_capture *primary = &compared->primary;

    switch (compared->sides[place].state) {
    case PX_SIDE_ANSWERED:
        if (primary->is_whole)
            settle_answered(compared, place);
        else
            skip(compared, place,
                 primary->is_out_of_memory ? PX_COMPARE_SKIP_MEMORY : PX_COMPARE_SKIP_PRIMARY);
        break;
    case PX_SIDE_FAILED:
        px_case_record(compared, place, PX_COMPARE_UNANSWERED, PX_COMPARE_SKIP_COUNT, NULL);
        break;
    default:
        break; /* nothing was sent: there is nothing to compare */
    }
}

/* Nobody has anything to tell any more. */
static void settle(struct px_mirror_case *compared)
{
    struct px_mirrors *mirrors = compared->mirrors;
    bool is_waiting = false;

    for (uint32_t i = PX_CASE_SIDES; i-- > 0;) {
        settle_side(compared, i);
        is_waiting = is_waiting || compared->sides[i].is_waiting;
    }
    if (is_waiting && (mirrors->is_stopping || mirrors->waiting_count == PX_CASES_WAITING_MAX)) {
        px_case_skip_waiting(compared, PX_COMPARE_SKIP_BUSY);
        is_waiting = false;
    }
    if (!is_waiting) {
        px_case_free(compared);
        return;
    }
    tn_list_remove(&compared->node);
    tn_list_push_back(&mirrors->waiting, &compared->node);
    mirrors->waiting_count++;
    px_bench_next(mirrors);
}

static void close_one(struct px_mirror_case *compared)
{
    assert(compared->open > 0);
    if (--compared->open == 0)
        settle(compared);
}

/* --- the copies --------------------------------------------------------------------------------
 */

void px_case_join(struct px_mirror_case *compared, uint32_t place,
                  const struct px_mirror_begin *begin)
{
    struct px_case_side *side = &compared->sides[place];
    const struct px_stats *stats = compared->mirrors->options.stats;
    const struct px_compare *compare = begin->mirror->compare;
    uint32_t group;

    assert(side->state == PX_SIDE_UNUSED && compare);
    side->state = PX_SIDE_OPEN;
    side->mirror = begin->mirror;
    side->config_id = begin->config_id;
    side->us = UINT64_MAX;
    px_capture_init(&side->capture, compared->mirrors);
    if (place == PX_CASE_BASELINE) {
        const struct px_case_side *of = &compared->sides[compared->baseline_of];

        side->counters = stats->baselines[begin->rule];
        side->ledger = of->ledger;
        side->group = of->group;
    } else {
        group = px_compare_group(compare, &compared->mirrors->tools,
                                 (struct tn_str){compared->path, compared->path_len});
        side->group = group < compare->group_count ? compare->groups[group].name : "";
        side->counters = stats->mirrors[begin->rule][begin->to];
        side->capture.keeps_start = begin->mirror->keep_pairs > 0;
        compared->primary.keeps_start |= side->capture.keeps_start;
        side->ledger = stats->ledgers[begin->rule][begin->to];
    }
    compared->open++;
}

struct px_capture *px_case_capture(struct px_mirror_case *compared, uint32_t place)
{
    return &compared->sides[place].capture;
}

void px_case_leave(struct px_mirror_case *compared, uint32_t place, bool is_sent, bool is_answered,
                   uint64_t first_byte_us)
{
    struct px_case_side *side = &compared->sides[place];

    assert(side->state == PX_SIDE_OPEN);
    side->state = is_answered ? PX_SIDE_ANSWERED : is_sent ? PX_SIDE_FAILED : PX_SIDE_DROPPED;
    side->us = is_answered ? first_byte_us : UINT64_MAX;
    close_one(compared);
}

/* --- the session -------------------------------------------------------------------------------
 */

struct px_mirror_case *px_mirror_case_begin(struct px_mirrors *mirrors, struct tn_str path,
                                            struct tn_str request_id, void *owner)
{
    struct px_mirror_case *compared = NULL;
    size_t size = sizeof(*compared) + path.len;

    if (mirrors->is_stopping || !px_mirrors_charge(mirrors, size))
        return NULL;
    compared = calloc(1, sizeof(*compared));
    if (compared)
        compared->path = malloc(path.len + 1);
    if (!compared || !compared->path) {
        free(compared);
        px_mirrors_uncharge(mirrors, size);
        return NULL;
    }
    memcpy(compared->path, path.ptr, path.len);
    compared->path_len = (uint32_t)path.len;
    compared->mirrors = mirrors;
    compared->owner = owner;
    compared->open = 1;
    compared->primary_us = UINT64_MAX;
    compared->request_id_len =
        (uint8_t)(request_id.len < sizeof(compared->request_id) ? request_id.len
                                                                : sizeof(compared->request_id));
    memcpy(compared->request_id, request_id.ptr, compared->request_id_len);
    px_capture_init(&compared->primary, mirrors);
    for (uint32_t i = 0; i < PX_CASE_SIDES; i++)
        px_capture_init(&compared->sides[i].capture, mirrors);
    tn_list_push_back(&mirrors->cases, &compared->node);
    return compared;
}

bool px_mirror_case_wants_baseline(const struct px_mirror_case *compared,
                                   const struct px_mirror *mirror)
{
    const struct px_mirror_baseline *baseline = &mirror->baseline;

    return px_compare_path_matches(&compared->mirrors->tools, baseline->codes, baseline->path_count,
                                   (struct tn_str){compared->path, compared->path_len});
}

void px_mirror_case_head(struct px_mirror_case *compared, const struct tn_http_head *head,
                         uint64_t first_byte_us)
{
    compared->primary_us = first_byte_us;
    px_capture_head(&compared->primary, head);
}

void px_mirror_case_body(struct px_mirror_case *compared, const struct tn_str *pieces,
                         unsigned count)
{
    px_capture_body(&compared->primary, pieces, count);
}

void px_mirror_case_end(struct px_mirror_case *compared, bool is_whole)
{
    if (is_whole)
        px_capture_end(&compared->primary);
    close_one(compared);
}

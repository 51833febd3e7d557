#include "proxy/mirror/copy.h"

#define DECODED_FACTOR 4 /* a body may be so much larger once it is decoded */

/* What is kept of a side whose answers differ, if anything is; copied here, off the loop. */
static struct px_pair *make_pair(const struct px_mirror_case *compared,
                                 const struct px_case_side *side,
                                 const struct px_capture_view *primary,
                                 const struct px_capture_view *shadow,
                                 const struct px_compare_outcome *comparison)
{
    struct px_pair_of of = {.compare = side->mirror->compare,
                            .answers = {&primary->answer, &shadow->answer},
                            .outcome = comparison,
                            .group = side->group,
                            .path = {compared->path, compared->path_len},
                            .request_id = {compared->request_id, compared->request_id_len}};

    if (side == &compared->sides[PX_CASE_BASELINE] || side->mirror->keep_pairs == 0 ||
        comparison->result == PX_COMPARE_SAME || comparison->result == PX_COMPARE_SKIPPED)
        return NULL;
    return px_pair_new(&of);
}

/* On a thread of the pool. */
static void compare_all(struct tn_work *work)
{
    struct px_compare_bench *bench = TN_CONTAINER_OF(work, struct px_compare_bench, work);
    struct px_mirror_case *compared = bench->at;

    for (uint32_t i = 0; i < PX_CASE_SIDES; i++) {
        struct px_case_side *side = &compared->sides[i];
        struct px_compare_outcome *comparison = &bench->comparisons[i];
        struct px_capture_view primary;
        struct px_capture_view shadow;

        bench->pairs[i] = NULL;
        if (!side->is_waiting)
            continue;
        *comparison = (struct px_compare_outcome){.result = PX_COMPARE_SKIPPED,
                                                  .skip = PX_COMPARE_SKIP_MEMORY};
        if (!px_capture_view(&compared->primary, side->mirror->compare, &primary))
            continue;
        if (px_capture_view(&side->capture, side->mirror->compare, &shadow)) {
            px_compare_answers(side->mirror->compare, &bench->tools, &bench->budget,
                               &primary.answer, &shadow.answer, comparison);
            bench->pairs[i] = make_pair(compared, side, &primary, &shadow, comparison);
            px_capture_view_deinit(&shadow);
        }
        px_capture_view_deinit(&primary);
    }
}

static void on_compared(struct tn_work *work)
{
    struct px_compare_bench *bench = TN_CONTAINER_OF(work, struct px_compare_bench, work);
    struct px_mirror_case *compared = bench->at;
    struct px_mirrors *mirrors = compared->mirrors;

    /* the baseline first: what it shows to be noise is noise for this very request, too */
    for (uint32_t i = PX_CASE_SIDES; i-- > 0;) {
        const struct px_compare_outcome *comparison = &bench->comparisons[i];

        if (compared->sides[i].is_waiting)
            px_case_keep(
                compared, i,
                px_case_record(compared, i, comparison->result, comparison->skip, comparison),
                bench->pairs[i]);
    }
    px_mirrors_uncharge(mirrors, bench->charged);
    bench->charged = 0;
    bench->at = NULL;
    px_case_free(compared);
    px_bench_next(mirrors);
}

/* Upper bound of the pair that make_pair() makes. */
static uint64_t find_pair_cost(const struct px_mirror_case *compared,
                               const struct px_case_side *side)
{
    if (side == &compared->sides[PX_CASE_BASELINE] || side->mirror->keep_pairs == 0)
        return 0;
    return sizeof(struct px_pair) + PX_COMPARE_HEADERS_MAX * sizeof(struct px_pair_header) +
           PX_COMPARE_DIFFERENCES_MAX * (sizeof(struct px_pair_field) + PX_COMPARE_PATH_BYTES) +
           compared->path_len + compared->primary.len + side->capture.len +
           /* names and values of fields, and Content-Encoding once more */
           3 * ((uint64_t)compared->primary.head->len + side->capture.head->len);
}

/* What comparing this case takes at once: its sides come one after the other, their pairs stay
 * until the end. */
static uint64_t find_cost(const struct px_mirror_case *compared,
                          const struct px_compare_budget *budget)
{
    uint64_t most = 0;
    uint64_t pairs = 0;

    for (uint32_t i = 0; i < PX_CASE_SIDES; i++) {
        const struct px_case_side *side = &compared->sides[i];
        struct px_compare_answer answers[2] = {
            {.body = {compared->primary.body, compared->primary.len},
             .is_whole = !compared->primary.is_cut,
             /* whatever it is, it is decoded at the worst */
             .content_encoding = TN_STR("gzip")},
            {.body = {side->capture.body, side->capture.len},
             .is_whole = !side->capture.is_cut,
             .content_encoding = TN_STR("gzip")}};
        uint64_t cost;

        if (!side->is_waiting)
            continue;
        for (uint32_t k = 0; k < 2; k++) {
            const struct px_capture *capture = k ? &side->capture : &compared->primary;

            if (!tn_http_find_name(capture->head, TN_STR("content-encoding"), NULL))
                answers[k].content_encoding = TN_STR("");
        }
        cost = px_compare_cost(budget, &answers[0], &answers[1]);
        most = cost > most ? cost : most;
        pairs += find_pair_cost(compared, side);
    }
    return most + pairs;
}

/* False: it can't be compared now, and was skipped. */
static bool start(struct px_mirrors *mirrors, struct px_mirror_case *compared)
{
    struct px_compare_bench *bench = &mirrors->bench;
    uint64_t cost;

    bench->budget.decoded_bytes =
        (size_t)mirrors->options.limits->compare_body_bytes * DECODED_FACTOR;
    cost = find_cost(compared, &bench->budget);
    if (!px_mirrors_charge(mirrors, cost)) {
        px_case_skip_waiting(compared, PX_COMPARE_SKIP_MEMORY);
        return false;
    }
    bench->at = compared;
    bench->charged = cost;
    bench->work.run = compare_all;
    bench->work.on_done = on_compared;
    if (tn_work_start(&bench->work, mirrors->options.loop) != 0) {
        bench->at = NULL;
        bench->charged = 0;
        px_mirrors_uncharge(mirrors, cost);
        px_case_skip_waiting(compared, PX_COMPARE_SKIP_BUSY);
        return false;
    }
    return true;
}

void px_bench_next(struct px_mirrors *mirrors)
{
    while (!mirrors->bench.at && !tn_list_is_empty(&mirrors->waiting)) {
        struct px_mirror_case *compared =
            TN_CONTAINER_OF(mirrors->waiting.next, struct px_mirror_case, node);

        tn_list_remove(&compared->node);
        tn_list_push_back(&mirrors->cases, &compared->node);
        mirrors->waiting_count--;
        if (!start(mirrors, compared))
            px_case_free(compared);
    }
}

void px_cases_stop(struct px_mirrors *mirrors)
{
    while (!tn_list_is_empty(&mirrors->waiting)) {
        struct px_mirror_case *compared =
            TN_CONTAINER_OF(mirrors->waiting.next, struct px_mirror_case, node);

        mirrors->waiting_count--;
        px_case_skip_waiting(compared, PX_COMPARE_SKIP_BUSY);
        px_case_free(compared);
    }
}

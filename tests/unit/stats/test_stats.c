/* Counters: labels, cells that a snapshot names, and the sum over loops. */
#include "lib/base/random.h"
#include "proxy/stats/stats.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned countdown; /* allocation that fails; 0: none */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
    if (countdown > 0 && --countdown == 0)
        return NULL;
    return __real_calloc(count, size);
}

/* ---- labels ---- */

static void test_stats_code_index_names_the_code_or_its_class(void **state)
{
    (void)state;
    for (unsigned status = 0; status < 1200; status++) {
        const char *label = px_stats_code_label(px_stats_code_index(status));
        char exact[8];
        char class[8];

        snprintf(exact, sizeof(exact), "%u", status);
        snprintf(class, sizeof(class), "%uxx", status / 100);
        assert_non_null(label);
        if (status < 100 || status > 599)
            assert_string_equal(label, "other");
        else if (strcmp(label, exact) != 0)
            assert_string_equal(label, class);
    }
}

static void test_stats_codes_of_our_own_answers_have_counters(void **state)
{
    static const unsigned codes[] = {101, 200, 204, 206, 301, 302, 304, 400, 401, 403, 404, 405,
                                     408, 413, 414, 417, 429, 431, 500, 501, 502, 503, 504, 505};

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char exact[8];

        snprintf(exact, sizeof(exact), "%u", codes[i]);
        assert_string_equal(px_stats_code_label(px_stats_code_index(codes[i])), exact);
    }
}

static void test_stats_code_labels_are_unique_and_end(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < PX_STATS_CODES; i++)
        for (uint32_t k = 0; k < i; k++)
            assert_string_not_equal(px_stats_code_label(i), px_stats_code_label(k));
    assert_null(px_stats_code_label(PX_STATS_CODES));
    assert_null(px_stats_code_label(UINT32_MAX));
}

static void test_stats_reasons_have_words(void **state)
{
    (void)state;
    assert_string_equal(px_mirror_drop_label(PX_MIRROR_DROP_IN_FLIGHT), "in_flight");
    assert_string_equal(px_mirror_drop_label(PX_MIRROR_DROP_NO_ENDPOINT), "no_endpoint");
    assert_string_equal(px_mirror_drop_label(PX_MIRROR_DROP_TIMEOUT), "timeout");
    assert_string_equal(px_mirror_fail_label(PX_MIRROR_FAIL_TIMEOUT), "timeout");
    assert_string_equal(px_mirror_fail_label(PX_MIRROR_FAIL_MEMORY), "memory");
    assert_string_equal(px_retry_label(PX_RETRY_CONNECT), "connect");
    assert_string_equal(px_retry_label(PX_RETRY_REUSED), "reused");
}

static void test_stats_buckets_grow(void **state)
{
    (void)state;
    for (unsigned i = 1; i < PX_STATS_BUCKETS - 1; i++)
        assert_true(px_stats_bucket_us[i] > px_stats_bucket_us[i - 1]);
}

/* ---- cells ---- */

static struct px_snapshot_version versions[3] = {{.stat = 4}, {.stat = 9}, {.stat = 0}};

static struct px_snapshot snapshot_of(struct px_snapshot_rule *rules, uint32_t count)
{
    return (struct px_snapshot){
        .versions = versions, .version_count = 3, .rules = rules, .rule_count = count};
}

static void test_stats_adopt_makes_the_cells_of_a_snapshot(void **state)
{
    struct px_snapshot_rule rules[2] = {
        {.stat = 7,
         .version_count = 2,
         .versions = {1, 0},
         .mirrors = {{.to = 2}},
         .mirror_count = 1},
        {.stat = 2, .version_count = 1, .versions = {2}},
    };
    struct px_snapshot snapshot = snapshot_of(rules, 2);
    struct px_stats *stats;
    struct px_stats_cell *kept;

    (void)state;
    assert_int_equal(px_stats_new(&stats), 0);
    assert_non_null(stats->cells[PX_STATS_NO_RULE][PX_STATS_NOBODY]);
    assert_null(stats->cells[7][9]);
    assert_int_equal(px_stats_adopt(stats, &snapshot), 0);
    assert_non_null(stats->cells[7][9]);
    assert_non_null(stats->cells[7][4]);
    assert_null(stats->cells[7][0]);
    assert_non_null(stats->cells[7][PX_STATS_NOBODY]);
    assert_non_null(stats->cells[2][0]);
    assert_null(stats->cells[2][4]);
    assert_non_null(stats->mirrors[7][0]);
    assert_null(stats->mirrors[2][0]);
    /* what was counted stays: counters never go back */
    kept = stats->cells[7][9];
    kept->codes[0] = 5;
    rules[0].version_count = 0;
    rules[0].mirror_count = 0;
    assert_int_equal(px_stats_adopt(stats, &snapshot), 0);
    assert_ptr_equal(stats->cells[7][9], kept);
    assert_int_equal(kept->codes[0], 5);
    px_stats_free(stats);
    px_stats_free(NULL);
}

static void fill(struct tn_random *random, void *bytes, size_t len)
{
    uint64_t *numbers = bytes;

    for (size_t i = 0; i < len / sizeof(*numbers); i++)
        numbers[i] = tn_random_u64(random) % 1000;
}

/* All members are 64-bit numbers: the sum must be the sum of each. */
static void assert_sum(const void *sum, const void *one, const void *two, size_t len)
{
    const uint64_t *sums = sum;
    const uint64_t *ones = one;
    const uint64_t *twos = two;

    for (size_t i = 0; i < len / sizeof(*sums); i++)
        assert_int_equal(sums[i], (ones ? ones[i] : 0) + (twos ? twos[i] : 0));
}

static struct px_stats *random_stats(struct tn_random *random, struct px_snapshot_rule *rules,
                                     uint32_t count)
{
    struct px_snapshot snapshot = snapshot_of(rules, count);
    struct px_stats *stats;

    assert_int_equal(px_stats_new(&stats), 0);
    assert_int_equal(px_stats_adopt(stats, &snapshot), 0);
    for (uint32_t rule = 0; rule <= PX_RULES_MAX; rule++)
        for (uint32_t version = 0; version <= PX_VERSIONS_MAX; version++)
            if (stats->cells[rule][version])
                fill(random, stats->cells[rule][version], sizeof(struct px_stats_cell));
    for (uint32_t rule = 0; rule < PX_RULES_MAX; rule++)
        for (uint32_t to = 0; to < PX_VERSIONS_MAX; to++)
            if (stats->mirrors[rule][to])
                fill(random, stats->mirrors[rule][to], sizeof(struct px_stats_mirror));
    fill(random, stats->endpoints, sizeof(stats->endpoints));
    fill(random, stats->retries, sizeof(*stats) - offsetof(struct px_stats, retries));
    return stats;
}

static void assert_all_summed(const struct px_stats *sum, const struct px_stats *one,
                              const struct px_stats *two)
{
    for (uint32_t rule = 0; rule <= PX_RULES_MAX; rule++) {
        for (uint32_t version = 0; version <= PX_VERSIONS_MAX; version++) {
            assert_int_equal(!!sum->cells[rule][version],
                             one->cells[rule][version] || two->cells[rule][version]);
            if (sum->cells[rule][version])
                assert_sum(sum->cells[rule][version], one->cells[rule][version],
                           two->cells[rule][version], sizeof(struct px_stats_cell));
        }
    }
    for (uint32_t rule = 0; rule < PX_RULES_MAX; rule++)
        for (uint32_t to = 0; to < PX_VERSIONS_MAX; to++)
            if (sum->mirrors[rule][to])
                assert_sum(sum->mirrors[rule][to], one->mirrors[rule][to], two->mirrors[rule][to],
                           sizeof(struct px_stats_mirror));
    assert_sum(sum->endpoints, one->endpoints, two->endpoints, sizeof(sum->endpoints));
    assert_sum(sum->retries, one->retries, two->retries,
               offsetof(struct px_stats, revision) - offsetof(struct px_stats, retries));
    assert_int_equal(sum->mirror_memory_bytes, one->mirror_memory_bytes + two->mirror_memory_bytes);
}

static void test_stats_add_sums_every_member(void **state)
{
    struct px_snapshot_rule one_rule = {.stat = 0,
                                        .version_count = 2,
                                        .versions = {0, 1},
                                        .mirrors = {{.to = 1}},
                                        .mirror_count = 1};
    struct px_snapshot_rule two_rules[2] = {
        {.stat = 0, .version_count = 1, .versions = {1}, .mirrors = {{.to = 1}}, .mirror_count = 1},
        {.stat = PX_RULES_MAX - 1, .version_count = 1, .versions = {2}},
    };
    struct tn_random random;
    struct px_stats *one;
    struct px_stats *two;
    struct px_stats *sum;

    (void)state;
    tn_random_init_seeded(&random, 11);
    one = random_stats(&random, &one_rule, 1);
    two = random_stats(&random, two_rules, 2);
    one->revision = 18;
    two->revision = 17;
    assert_int_equal(px_stats_new(&sum), 0);
    assert_int_equal(px_stats_add(sum, one), 0);
    assert_int_equal(sum->revision, 18);
    assert_int_equal(px_stats_add(sum, two), 0);
    assert_int_equal(sum->revision, 17); /* what all loops are at least at */
    assert_all_summed(sum, one, two);
    px_stats_free(one);
    px_stats_free(two);
    px_stats_free(sum);
}

static void test_stats_sum_of_gauges_may_pass_through_negative_parts(void **state)
{
    struct px_stats *one;
    struct px_stats *two;

    (void)state;
    assert_int_equal(px_stats_new(&one), 0);
    assert_int_equal(px_stats_new(&two), 0);
    one->cells[PX_STATS_NO_RULE][PX_STATS_NOBODY]->in_flight = -2;
    two->cells[PX_STATS_NO_RULE][PX_STATS_NOBODY]->in_flight = 5;
    assert_int_equal(px_stats_add(one, two), 0);
    assert_int_equal(one->cells[PX_STATS_NO_RULE][PX_STATS_NOBODY]->in_flight, 3);
    px_stats_free(one);
    px_stats_free(two);
}

static void test_stats_without_memory_add_nothing(void **state)
{
    struct px_snapshot_rule rule = {.stat = 1,
                                    .version_count = 3,
                                    .versions = {0, 1, 2},
                                    .mirrors = {{.to = 1}},
                                    .mirror_count = 1};
    struct tn_random random;
    struct px_stats *from;
    unsigned number = 0;
    int error;

    (void)state;
    tn_random_init_seeded(&random, 12);
    from = random_stats(&random, &rule, 1);
    do {
        struct px_stats *into;

        assert_int_equal(px_stats_new(&into), 0);
        countdown = ++number;
        error = px_stats_add(into, from);
        countdown = 0;
        if (error) {
            assert_int_equal(error, -ENOMEM);
            assert_int_equal(into->client_connections_total, 0);
            assert_int_equal(into->cells[PX_STATS_NO_RULE][PX_STATS_NOBODY]->duration_us, 0);
        }
        px_stats_free(into);
    } while (error);
    assert_int_equal(number, 6); /* three versions, nobody, a mirror; then it worked */
    px_stats_free(from);
}

static void test_stats_new_and_adopt_without_memory(void **state)
{
    struct px_snapshot_rule rule = {
        .stat = 1, .version_count = 1, .versions = {0}, .mirrors = {{.to = 1}}, .mirror_count = 1};
    struct px_snapshot snapshot = snapshot_of(&rule, 1);
    struct px_stats *stats = NULL;

    (void)state;
    for (unsigned i = 1; i <= 2; i++) {
        countdown = i;
        assert_int_equal(px_stats_new(&stats), -ENOMEM);
        assert_null(stats);
    }
    assert_int_equal(px_stats_new(&stats), 0);
    for (unsigned i = 1; i <= 3; i++) {
        countdown = 1;
        assert_int_equal(px_stats_adopt(stats, &snapshot), -ENOMEM);
        countdown = i + 1; /* what was made stays */
        assert_int_equal(px_stats_adopt(stats, &snapshot), i < 3 ? -ENOMEM : 0);
        countdown = 0;
        px_stats_free(stats);
        assert_int_equal(px_stats_new(&stats), 0);
    }
    px_stats_free(stats);
}

/* ---- mirrors ---- */

static void test_stats_mirror_leaves_queued_and_in_flight_over(void **state)
{
    struct px_stats_mirror mirror = {.selected = 100, .sent = 60, .answered = 40};

    (void)state;
    mirror.dropped[PX_MIRROR_DROP_BUFFER] = 3;
    mirror.dropped[PX_MIRROR_DROP_TIMEOUT] = 7;
    mirror.failed[PX_MIRROR_FAIL_TIMEOUT] = 1;
    mirror.failed[PX_MIRROR_FAIL_MEMORY] = 4;
    assert_int_equal(px_stats_mirror_queued(&mirror), 30);
    assert_int_equal(px_stats_mirror_in_flight(&mirror), 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stats_code_index_names_the_code_or_its_class),
        cmocka_unit_test(test_stats_codes_of_our_own_answers_have_counters),
        cmocka_unit_test(test_stats_code_labels_are_unique_and_end),
        cmocka_unit_test(test_stats_reasons_have_words),
        cmocka_unit_test(test_stats_buckets_grow),
        cmocka_unit_test(test_stats_adopt_makes_the_cells_of_a_snapshot),
        cmocka_unit_test(test_stats_add_sums_every_member),
        cmocka_unit_test(test_stats_sum_of_gauges_may_pass_through_negative_parts),
        cmocka_unit_test(test_stats_without_memory_add_nothing),
        cmocka_unit_test(test_stats_new_and_adopt_without_memory),
        cmocka_unit_test(test_stats_mirror_leaves_queued_and_in_flight_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What is counted of comparisons: groups, fields, minutes, noise, and the sum of several loops. */
#include "proxy/compare/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW 1000000020ull /* in the middle of a minute */

static struct px_ledger *ledger;

static int setup(void **state)
{
    (void)state;
    return px_ledger_new(7, NOW, &ledger);
}

static int teardown(void **state)
{
    (void)state;
    px_ledger_free(ledger);
    ledger = NULL;
    return 0;
}

/* "value /a, header X-B" as what one comparison found; NULL: the same. */
static struct px_ledger_entry entry_of(const char *group, const char *found,
                                       struct px_compare_outcome *comparison)
{
    struct px_ledger_entry entry = {.now_s = NOW,
                                    .group = group,
                                    .comparison = comparison,
                                    .request_id = TN_STR("id-1"),
                                    .primary_us = UINT64_MAX,
                                    .shadow_us = UINT64_MAX};
    char text[400];
    char *rest = text;
    char *part;

    *comparison = (struct px_compare_outcome){.result = PX_COMPARE_SAME};
    if (!found)
        return entry;
    comparison->result = entry.result = PX_COMPARE_BODY;
    (void)snprintf(text, sizeof(text), "%s", found);
    while ((part = strsep(&rest, ","))) {
        struct px_compare_difference *one = &comparison->differences[comparison->count++];
        char *path;

        part += part[0] == ' ';
        path = strchr(part, ' ');
        *path++ = '\0';
        for (uint32_t i = 0; i < PX_COMPARE_KIND_COUNT; i++) {
            if (strcmp(part, px_compare_kind_label(i)) == 0)
                one->kind = i;
        }
        (void)snprintf(one->path, sizeof(one->path), "%s", path);
        one->primary = comparison->count;
        one->shadow = 100 + comparison->count;
    }
    return entry;
}

static enum px_compare_result found(const char *group, const char *what)
{
    struct px_compare_outcome comparison;
    struct px_ledger_entry entry = entry_of(group, what, &comparison);

    return px_ledger_record(ledger, &entry);
}

static void baseline(const char *group, const char *what)
{
    struct px_compare_outcome comparison;
    struct px_ledger_entry entry = entry_of(group, what, &comparison);

    px_ledger_record_baseline(ledger, &entry);
}

static const struct px_ledger_group *group_at(uint32_t i)
{
    assert_true(i < ledger->group_count);
    return ledger->groups[i];
}

static uint64_t result_of(uint32_t group, enum px_compare_result result)
{
    uint64_t counts[PX_COMPARE_RESULT_COUNT];

    px_ledger_results(ledger, group_at(group), PX_LEDGER_ALL, counts);
    return counts[result];
}

static const struct px_ledger_field *field_at(uint32_t group, const char *path)
{
    for (uint32_t i = 0; i < group_at(group)->field_count; i++) {
        if (strcmp(group_at(group)->fields[i].path, path) == 0)
            return &group_at(group)->fields[i];
    }
    fail_msg("no field %s", path);
    return NULL;
}

/* ---- counting ---- */

static void test_ledger_counts_by_group_and_field(void **state)
{
    (void)state;
    assert_int_equal(found("user", NULL), PX_COMPARE_SAME);
    assert_int_equal(found("user", "value /price"), PX_COMPARE_BODY);
    assert_int_equal(found("user", "value /price, missing /x"), PX_COMPARE_BODY);
    assert_int_equal(found("", "value /price"), PX_COMPARE_BODY);
    assert_int_equal(ledger->group_count, 2);
    assert_string_equal(group_at(0)->name, "user");
    assert_string_equal(group_at(1)->name, "");
    assert_int_equal(field_at(0, "/price")->differs.total, 2);
    assert_int_equal(field_at(0, "/x")->differs.total, 1);
    assert_int_equal(field_at(1, "/price")->differs.total, 1);
    assert_int_equal(result_of(0, PX_COMPARE_SAME), 1);
    assert_int_equal(result_of(0, PX_COMPARE_BODY), 2);
    assert_int_equal(group_at(0)->set_count, 2);
}

static void test_ledger_remembers_the_last_of_each_field(void **state)
{
    struct px_compare_outcome comparison;
    struct px_ledger_entry entry = entry_of("", "value /a", &comparison);

    (void)state;
    px_ledger_record(ledger, &entry);
    entry.now_s = NOW + 100;
    entry.request_id = TN_STR("id-2");
    comparison.differences[0].shadow = 55;
    px_ledger_record(ledger, &entry);
    assert_int_equal(field_at(0, "/a")->first_s, NOW);
    assert_int_equal(field_at(0, "/a")->last_s, NOW + 100);
    assert_int_equal(field_at(0, "/a")->shadow, 55);
    assert_string_equal(field_at(0, "/a")->request_id, "id-2");
}

static void test_ledger_status_before_headers_before_body(void **state)
{
    (void)state;
    assert_int_equal(found("", "status 200 -> 500"), PX_COMPARE_STATUS);
    assert_int_equal(found("", "value /a, header X-A"), PX_COMPARE_HEADERS);
    assert_int_equal(found("", "bytes "), PX_COMPARE_BODY);
    assert_int_equal(result_of(0, PX_COMPARE_STATUS), 1);
    assert_int_equal(result_of(0, PX_COMPARE_HEADERS), 1);
    assert_int_equal(result_of(0, PX_COMPARE_BODY), 1);
}

static void test_ledger_counts_what_was_not_compared(void **state)
{
    struct px_compare_outcome comparison;
    struct px_ledger_entry entry = entry_of("", NULL, &comparison);

    (void)state;
    entry.result = PX_COMPARE_UNANSWERED;
    assert_int_equal(px_ledger_record(ledger, &entry), PX_COMPARE_UNANSWERED);
    entry.result = PX_COMPARE_SKIPPED;
    entry.skip = PX_COMPARE_SKIP_BUSY;
    assert_int_equal(px_ledger_record(ledger, &entry), PX_COMPARE_SKIPPED);
    assert_int_equal(result_of(0, PX_COMPARE_UNANSWERED), 1);
    assert_int_equal(result_of(0, PX_COMPARE_SKIPPED), 1);
    assert_int_equal(group_at(0)->skipped[PX_COMPARE_SKIP_BUSY].total, 1);
}

static void test_ledger_latency_of_both_or_none(void **state)
{
    struct px_compare_outcome comparison;
    struct px_ledger_entry entry = entry_of("", NULL, &comparison);

    (void)state;
    entry.primary_us = 99;
    px_ledger_record(ledger, &entry);
    assert_int_equal(group_at(0)->primary_us[0].total, 0);
    entry.shadow_us = 400000000;
    px_ledger_record(ledger, &entry);
    assert_int_equal(group_at(0)->primary_us[0].total, 1);
    assert_int_equal(group_at(0)->shadow_us[PX_LEDGER_BUCKETS - 1].total, 1);
}

/* ---- time ---- */

static void test_ledger_windows_by_the_minute(void **state)
{
    struct px_compare_outcome comparison;
    struct px_ledger_entry entry = entry_of("", "value /a", &comparison);
    const struct px_count *differs;

    (void)state;
    for (int minute = 0; minute < 200; minute++) {
        entry.now_s = NOW + (uint64_t)minute * 60;
        px_ledger_record(ledger, &entry);
    }
    differs = &field_at(0, "/a")->differs;
    assert_int_equal(px_count_window(ledger, differs, PX_LEDGER_ALL), 200);
    assert_int_equal(px_count_window(ledger, differs, 1), 1);
    assert_int_equal(px_count_window(ledger, differs, 60), 60);
    px_ledger_advance(ledger, entry.now_s + 120);
    assert_int_equal(px_count_window(ledger, differs, 2), 0);
    assert_int_equal(px_count_window(ledger, differs, 60), 58);
    px_ledger_advance(ledger, entry.now_s + 100000);
    assert_int_equal(px_count_window(ledger, differs, 60), 0);
    assert_int_equal(px_count_window(ledger, &group_at(0)->sets[0].count, 60), 0);
    assert_int_equal(px_count_window(ledger, differs, PX_LEDGER_ALL), 200);
}

static void test_ledger_clock_that_is_set_back_loses_nothing(void **state)
{
    struct px_compare_outcome comparison;
    struct px_ledger_entry entry = entry_of("", "value /a", &comparison);

    (void)state;
    px_ledger_record(ledger, &entry);
    entry.now_s = NOW - 3600;
    px_ledger_record(ledger, &entry);
    assert_int_equal(px_count_window(ledger, &field_at(0, "/a")->differs, 1), 2);
}

/* ---- noise ---- */

/* Clocks differ in every pair: no false alarm once one baseline was seen, not even for before. */
static void test_ledger_noise_is_noise_from_the_start(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        assert_int_equal(found("", "value /now"), PX_COMPARE_BODY);
    baseline("", "value /now");
    assert_int_equal(found("", "value /now"), PX_COMPARE_SAME);
    assert_int_equal(found("", "value /now, value /price"), PX_COMPARE_BODY);
    assert_int_equal(result_of(0, PX_COMPARE_SAME), 11);
    assert_int_equal(result_of(0, PX_COMPARE_BODY), 1);
    assert_true(px_ledger_is_noise(group_at(0), field_at(0, "/now")));
    assert_false(px_ledger_is_noise(group_at(0), field_at(0, "/price")));
}

static void test_ledger_noise_is_of_its_group(void **state)
{
    (void)state;
    found("a", "value /now");
    found("b", "value /now");
    baseline("a", "value /now");
    assert_int_equal(result_of(0, PX_COMPARE_SAME), 1);
    assert_int_equal(result_of(1, PX_COMPARE_BODY), 1);
}

/* A field that once differed between two stable answers, and always in the mirror's, is no noise.
 */
static void test_ledger_rare_noise_does_not_hide_what_always_differs(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        found("", "value /price");
        baseline("", i == 500 ? "value /price" : NULL);
    }
    assert_false(px_ledger_is_noise(group_at(0), field_at(0, "/price")));
    assert_int_equal(result_of(0, PX_COMPARE_BODY), 1000);
    /* where both are as rare it is */
    for (int i = 0; i < 1000; i++) {
        found("", i == 7 ? "value /flaky" : NULL);
        baseline("", i == 500 ? "value /flaky" : NULL);
    }
    assert_true(px_ledger_is_noise(group_at(0), field_at(0, "/flaky")));
}

static void test_ledger_baselines_that_were_not_compared(void **state)
{
    struct px_compare_outcome comparison;
    struct px_ledger_entry entry = entry_of("", NULL, &comparison);

    (void)state;
    entry.result = PX_COMPARE_UNANSWERED;
    px_ledger_record_baseline(ledger, &entry);
    baseline("", NULL);
    assert_int_equal(group_at(0)->baseline_other.total, 1);
    assert_int_equal(group_at(0)->baselines.total, 1);
}

/* ---- bounds ---- */

static void test_ledger_fields_beyond_the_table_are_counted(void **state)
{
    char what[40];

    (void)state;
    for (int i = 0; i < 100; i++) {
        (void)snprintf(what, sizeof(what), "value /k%d", i);
        assert_int_equal(found("", what), PX_COMPARE_BODY);
    }
    assert_int_equal(group_at(0)->field_count, PX_LEDGER_FIELDS);
    assert_int_equal(group_at(0)->field_other.total, 100 - PX_LEDGER_FIELDS);
    assert_int_equal(result_of(0, PX_COMPARE_BODY), 100);
}

/* Ten fields that come and go at random make a thousand sets: noise is taken out to make room. */
static void test_ledger_sets_beyond_the_table_lose_nothing(void **state)
{
    uint64_t pairs = 0;

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (unsigned set = 1; set < 256; set++) {
            char what[200] = "";
            size_t len = 0;

            for (unsigned bit = 0; bit < 8; bit++) {
                if (set & 1u << bit)
                    len += (size_t)snprintf(what + len, sizeof(what) - len, "%svalue /f%u",
                                            len ? "," : "", bit);
            }
            found("", what);
            pairs++;
        }
        for (unsigned bit = 0; round == 0 && bit < 8; bit++) {
            char what[40];

            (void)snprintf(what, sizeof(what), "value /f%u", bit);
            baseline("", what);
        }
    }
    assert_int_equal(result_of(0, PX_COMPARE_SAME) + result_of(0, PX_COMPARE_BODY), pairs);
    assert_int_equal(result_of(0, PX_COMPARE_SAME), 48 + 255); /* the rest had no place yet */
    assert_int_equal(group_at(0)->set_other.total, 255 - 48);
}

static void test_ledger_groups_have_an_end(void **state)
{
    char name[20];

    (void)state;
    for (int i = 0; i < PX_LEDGER_GROUPS + 3; i++) {
        (void)snprintf(name, sizeof(name), "g%d", i);
        found(name, NULL);
    }
    assert_int_equal(ledger->group_count, PX_LEDGER_GROUPS);
    assert_int_equal(ledger->lost, 3);
}

/* ---- sums ---- */

static void test_ledger_sum_of_loops(void **state)
{
    struct px_ledger *mine = ledger;
    struct px_ledger *other;
    struct px_ledger *sum;

    (void)state;
    found("a", "value /x, value /y");
    found("a", NULL);
    assert_int_equal(px_ledger_new(7, NOW + 5, &other), 0);
    ledger = other;
    found("b", "value /z");
    found("a", "value /y");           /* its first field is the other's second */
    found("a", "value /y, value /x"); /* the same set in another order */
    baseline("a", "value /y");
    assert_int_equal(px_ledger_new(0, 0, &sum), 0);
    assert_int_equal(px_ledger_add(sum, mine), 0);
    assert_int_equal(px_ledger_add(sum, other), 0);
    ledger = sum;
    assert_int_equal(sum->since_s, NOW);
    assert_int_equal(sum->group_count, 2);
    assert_int_equal(field_at(0, "/x")->differs.total, 2);
    assert_int_equal(field_at(0, "/y")->differs.total, 3);
    assert_int_equal(field_at(0, "/y")->baseline.total, 1);
    assert_int_equal(group_at(0)->set_count, 2);
    /* the noise that one loop learned is the other's as well */
    assert_int_equal(result_of(0, PX_COMPARE_SAME), 2);
    assert_int_equal(result_of(0, PX_COMPARE_BODY), 2);
    assert_int_equal(px_count_window(sum, &field_at(0, "/y")->differs, 1), 3);
    assert_int_equal(mine->groups[0]->same.total, 1); /* as it was */
    px_ledger_free(other);
    px_ledger_free(sum);
    ledger = mine;
}

/* Loops that last counted in different minutes: each count stays in its own. */
static void test_ledger_sum_of_different_minutes(void **state)
{
    struct px_compare_outcome comparison;
    struct px_ledger_entry entry = entry_of("", "value /a", &comparison);
    struct px_ledger *mine = ledger;
    struct px_ledger *other;

    (void)state;
    px_ledger_record(mine, &entry);
    assert_int_equal(px_ledger_new(7, NOW, &other), 0);
    entry.now_s = NOW + 600;
    px_ledger_record(other, &entry);
    assert_int_equal(px_ledger_add(other, mine), 0);
    ledger = other;
    assert_int_equal(px_count_window(other, &field_at(0, "/a")->differs, 5), 1);
    assert_int_equal(px_count_window(other, &field_at(0, "/a")->differs, 11), 2);
    assert_int_equal(px_ledger_add(mine, other), 0);
    ledger = mine;
    assert_int_equal(px_count_window(mine, &field_at(0, "/a")->differs, 11), 3);
    px_ledger_free(other);
}

static void test_ledger_of_another_configuration_is_not_added(void **state)
{
    struct px_ledger *mine = ledger;
    struct px_ledger *other;

    (void)state;
    found("", "value /a");
    assert_int_equal(px_ledger_new(8, NOW + 1, &other), 0);
    ledger = other;
    found("", "value /b");
    assert_int_equal(px_ledger_add(other, mine), 0); /* the older one counts no more */
    assert_int_equal(result_of(0, PX_COMPARE_BODY), 1);
    assert_int_equal(px_ledger_add(mine, other), 0);
    ledger = mine;
    assert_int_equal(mine->config_id, 8);
    assert_int_equal(field_at(0, "/b")->differs.total, 1);
    px_ledger_restart(mine, 9, NOW + 2);
    assert_int_equal(mine->group_count, 0);
    assert_int_equal(mine->since_s, NOW + 2);
    px_ledger_free(other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_ledger_counts_by_group_and_field),
        TEST(test_ledger_remembers_the_last_of_each_field),
        TEST(test_ledger_status_before_headers_before_body),
        TEST(test_ledger_counts_what_was_not_compared),
        TEST(test_ledger_latency_of_both_or_none),
        TEST(test_ledger_windows_by_the_minute),
        TEST(test_ledger_clock_that_is_set_back_loses_nothing),
        TEST(test_ledger_noise_is_noise_from_the_start),
        TEST(test_ledger_noise_is_of_its_group),
        TEST(test_ledger_rare_noise_does_not_hide_what_always_differs),
        TEST(test_ledger_baselines_that_were_not_compared),
        TEST(test_ledger_fields_beyond_the_table_are_counted),
        TEST(test_ledger_sets_beyond_the_table_lose_nothing),
        TEST(test_ledger_groups_have_an_end),
        TEST(test_ledger_sum_of_loops),
        TEST(test_ledger_sum_of_different_minutes),
        TEST(test_ledger_of_another_configuration_is_not_added),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

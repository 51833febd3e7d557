#include "proxy/admin/history.h"

#include "tests/unit/admin/edit_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add_json(struct px_history *history, const char *text)
{
    json_t *record = edit_json(text);
    struct px_revision *revision = px_revision_new(record, true);

    assert_non_null(revision);
    px_history_add(history, revision);
    json_decref(record);
}

/* pad: bytes of a reason, to make it large. */
static void add(struct px_history *history, int number, int previous, int pad)
{
    size_t size = (size_t)pad + 256;
    char *text = malloc(size);

    assert_non_null(text);
    snprintf(text, size,
             "{'revision':%d,'previous':%d,'at':'2026-11-23T05:00:00.000Z','what':'weights',"
             "'reason':'%0*d','rules':[{'name':'main','weights':{'blue':%d}}]}",
             number, previous, pad, 7, number);
    add_json(history, text);
    free(text);
}

static void expect(const struct px_history *history, const char *numbers)
{
    char found[1024] = "";

    for (size_t i = 0; i < history->count; i++)
        snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%d", i == 0 ? "" : " ",
                 (int)history->entries[i]->number);
    assert_string_equal(found, numbers);
}

static void test_history_finds_revisions_and_what_was_before_them(void **state)
{
    struct px_history history = {0};

    (void)state;
    assert_null(px_history_find(&history, 1));
    assert_int_equal(px_history_oldest(&history), 0);
    add(&history, 3, 2, 1);
    add(&history, 4, 3, 1);
    add(&history, 7, 4, 1);
    assert_int_equal(px_history_oldest(&history), 3);
    assert_int_equal(px_history_find(&history, 4)->number, 4);
    assert_null(px_history_find(&history, 5));
    assert_int_equal(px_history_before(&history, 7)->number, 4);
    assert_null(px_history_before(&history, 3));
    assert_null(px_history_before(&history, 6));
    px_history_deinit(&history);
}

/* Its change was told that nothing was changed; the record may be on the disk all the same. */
static void test_history_drops_what_never_was_in_force(void **state)
{
    struct px_history history = {0};

    (void)state;
    add(&history, 1, 0, 1);
    add(&history, 2, 1, 1);
    add(&history, 3, 2, 1); /* gave way */
    add(&history, 4, 2, 1); /* to this one */
    expect(&history, "1 2 4");
    add(&history, 5, 4, 1);
    expect(&history, "1 2 4 5");
    px_history_deinit(&history);
}

static void test_history_notes_are_no_revisions(void **state)
{
    struct px_history history = {0};
    json_t *record;

    (void)state;
    add_json(&history, "{'revision':1,'what':'start','rules':[]}");
    add_json(&history, "{'revision':1,'what':'shadowed','rules':[]}");
    expect(&history, "1");
    record = px_revision_record(history.entries[0]);
    assert_string_equal(json_string_value(json_object_get(record, "what")), "start");
    json_decref(record);
    px_history_deinit(&history);
}

static void test_history_is_bounded_by_count_and_bytes(void **state)
{
    struct px_history history = {0};
    struct px_history large = {0};

    (void)state;
    for (int i = 1; i <= 1000; i++)
        add(&history, i, i - 1, 1);
    assert_int_equal(history.count, PX_HISTORY_MAX);
    assert_int_equal(px_history_oldest(&history), 1000 - PX_HISTORY_MAX + 1);
    for (int i = 1; i <= 20; i++) {
        add(&large, i, i - 1, 1000000);
        assert_true(large.bytes <= PX_HISTORY_BYTES);
    }
    expect(&large, "17 18 19 20");
    for (int i = 21; i <= 24; i++)
        add(&large, i, i - 1, 3000000);
    expect(&large, "23 24"); /* two always stay */
    px_history_deinit(&history);
    px_history_deinit(&large);
}

static void test_history_as_json(void **state)
{
    struct px_history history = {0};
    json_t *list;

    (void)state;
    for (int i = 2; i <= 4; i++)
        add(&history, i, i - 1, 1);
    history.entries[2]->is_durable = false;
    list = px_history_json(&history, 2);
    edit_assert_json(
        "two", list,
        "[{'revision':4,'durable':false,'at':'2026-11-23T05:00:00.000Z','what':"
        "'weights','author':null,'peer':null,'reason':'7','to_revision':null,'ttl':null,"
        "'before':[{'name':'main','weights':{'blue':3}}],"
        "'after':[{'name':'main','weights':{'blue':4}}],'modes':[]},"
        "{'revision':3,'durable':true,'at':'2026-11-23T05:00:00.000Z','what':"
        "'weights','author':null,'peer':null,'reason':'7','to_revision':null,'ttl':null,"
        "'before':[{'name':'main','weights':{'blue':2}}],"
        "'after':[{'name':'main','weights':{'blue':3}}],'modes':[]}]");
    json_decref(list);
    list = px_history_json(&history, 99);
    assert_int_equal(json_array_size(list), 3);
    assert_true(json_is_null(json_object_get(json_array_get(list, 2), "before")));
    json_decref(list);
    px_history_set_durable(&history, 4);
    px_history_set_durable(&history, 9);
    assert_true(history.entries[2]->is_durable);
    px_history_deinit(&history);
}

static void test_history_without_memory_gives_nothing_rather_than_half(void **state)
{
    struct px_history history = {0};
    bool has_failed = true;

    (void)state;
    add(&history, 1, 0, 1);
    add(&history, 2, 1, 1);
    for (int i = 0; has_failed; i++) {
        json_t *list;

        edit_fail_allocation(i);
        list = px_history_json(&history, 9);
        has_failed = edit_end_failing();
        if (has_failed)
            assert_null(list);
        json_decref(list);
    }
    px_history_deinit(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history_finds_revisions_and_what_was_before_them),
        cmocka_unit_test(test_history_drops_what_never_was_in_force),
        cmocka_unit_test(test_history_notes_are_no_revisions),
        cmocka_unit_test(test_history_is_bounded_by_count_and_bytes),
        cmocka_unit_test(test_history_as_json),
        cmocka_unit_test(test_history_without_memory_gives_nothing_rather_than_half),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

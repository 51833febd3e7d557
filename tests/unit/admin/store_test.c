#include "proxy/admin/store.h"

#include "lib/base/log.h"
#include "tests/unit/admin/edit_table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct tn_loop loop;
    struct px_store *store;
    char folder[64];
    char path[96];
    unsigned done;
    int error;
    char why[256];
};

/* --- a rename that fails -----------------------------------------------------------------------
 */

static bool is_rename_broken;

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

int __wrap_rename(const char *from, const char *to)
{
    if (!is_rename_broken)
        return __real_rename(from, to);
    errno = EIO;
    return -1;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    tn_log_set_level(TN_LOG_ERROR);
    strcpy(fixture->folder, "/tmp/turnout-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof(fixture->path), "%s/store", fixture->folder);
    assert_int_equal(tn_loop_init(&fixture->loop), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];

    is_rename_broken = false;
    px_store_close(fixture->store);
    assert_int_equal(tn_loop_deinit(&fixture->loop), 0);
    snprintf(command, sizeof(command), "rm -r %s", fixture->folder);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

/* The last record, or NULL. */
static json_t *reopen(struct fixture *fixture)
{
    char *why = NULL;
    json_t *last = NULL;

    px_store_close(fixture->store);
    fixture->store = NULL;
    if (px_store_open(fixture->path, NULL, &why, &last, &fixture->store) != 0)
        fail_msg("%s", why);
    return last;
}

/* pad: bytes of a rule's name, to make records large. */
static json_t *record(int revision, int pad)
{
    json_t *json = edit_json("{'format':1,'rules':[],'file':{}}");

    json_object_set_new(json, "revision", json_integer(revision));
    json_array_append_new(json_object_get(json, "rules"), json_sprintf("%0*d", pad, 7));
    return json;
}

static void append(struct fixture *fixture, int revision, int pad)
{
    json_t *json = record(revision, pad);
    char *why = NULL;

    assert_int_equal(px_store_append_now(fixture->store, json, &why), 0);
    assert_null(why);
    json_decref(json);
}

static size_t size_of(const struct fixture *fixture)
{
    struct stat status;

    assert_int_equal(stat(fixture->path, &status), 0);
    return (size_t)status.st_size;
}

static void expect_last(struct fixture *fixture, int revision)
{
    json_t *last = reopen(fixture);

    assert_int_equal(json_integer_value(json_object_get(last, "revision")), revision);
    json_decref(last);
}

static void test_store_last_record_wins(void **state)
{
    struct fixture *fixture = *state;

    assert_null(reopen(fixture));
    append(fixture, 1, 1);
    append(fixture, 2, 1);
    expect_last(fixture, 2);
}

static void on_done(void *context, int error, const char *why)
{
    struct fixture *fixture = context;

    fixture->done++;
    fixture->error = error;
    snprintf(fixture->why, sizeof(fixture->why), "%s", why ? why : "");
}

static void append_async(struct fixture *fixture, int revision)
{
    json_t *json = record(revision, 1);

    fixture->done = 0;
    assert_int_equal(px_store_append(fixture->store, &fixture->loop, json, on_done, fixture), 0);
    json_decref(json); /* it may change at once */
    assert_int_equal(fixture->done, 0);
    tn_loop_run(&fixture->loop);
    assert_int_equal(fixture->done, 1);
}

static void test_store_appends_on_another_thread(void **state)
{
    struct fixture *fixture = *state;

    assert_null(reopen(fixture));
    append_async(fixture, 1);
    assert_int_equal(fixture->error, 0);
    append_async(fixture, 2);
    expect_last(fixture, 2);
}

static void test_store_failure_is_told_with_its_reason(void **state)
{
    struct fixture *fixture = *state;

    assert_null(reopen(fixture));
    append_async(fixture, 1);
    assert_int_equal(unlink(fixture->path), 0);
    append_async(fixture, 2);
    assert_int_equal(fixture->error, -ENOENT);
    assert_non_null(strstr(fixture->why, "store: No such file or directory"));
}

/* Whatever the size of a record: the file is bounded, and the last revisions are in it. */
static void test_store_growth_is_bounded_and_keeps_the_last_revisions(void **state)
{
    static const struct {
        int pad, records;
        size_t most;  /* bytes of the file, ever */
        size_t least; /* revisions kept */
    } rows[] = {
        {200, 5000, PX_STORE_COMPACT_BYTES + 1000, PX_HISTORY_MAX},
        {100000, 300, 2 * PX_HISTORY_BYTES + 300000, 40},
        {3000000, 12, 4 * 3000000 + 3000000, 2},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct px_history history = {0};
        char *why = NULL;
        json_t *last = NULL;
        size_t most = 0;

        unlink(fixture->path);
        assert_null(reopen(fixture));
        for (int revision = 1; revision <= rows[i].records; revision++) {
            append(fixture, revision, rows[i].pad);
            most = size_of(fixture) > most ? size_of(fixture) : most;
        }
        px_store_close(fixture->store);
        assert_int_equal(px_store_open(fixture->path, &history, &why, &last, &fixture->store), 0);
        assert_int_equal(json_integer_value(json_object_get(last, "revision")), rows[i].records);
        json_decref(last);
        print_message("records of %d: at most %zu bytes, %zu kept\n", rows[i].pad, most,
                      history.count);
        assert_true(most <= rows[i].most);
        assert_true(history.count >= rows[i].least);
        for (size_t k = 0; k < history.count; k++)
            assert_int_equal(history.entries[k]->number, rows[i].records - history.count + 1 + k);
        px_history_deinit(&history);
    }
}

/* Notes do not count as revisions, and do not make the file grow without end either. */
static void test_store_notes_on_one_revision_are_bounded(void **state)
{
    struct fixture *fixture = *state;

    assert_null(reopen(fixture));
    append(fixture, 1, 100);
    for (int i = 0; i < 60; i++)
        append(fixture, 2, 1000000);
    assert_true(size_of(fixture) < (size_t)40 * 1024 * 1024);
    expect_last(fixture, 2);
    append(fixture, 3, 100);
    expect_last(fixture, 3);
}

static void test_store_that_cannot_shrink_goes_on(void **state)
{
    struct fixture *fixture = *state;

    assert_null(reopen(fixture));
    is_rename_broken = true;
    for (int revision = 1; revision <= 100; revision++)
        append(fixture, revision, 100000);
    assert_true(size_of(fixture) > 2 * PX_HISTORY_BYTES);
    is_rename_broken = false;
    append(fixture, 101, 1);
    assert_true(size_of(fixture) <= PX_HISTORY_BYTES);
    expect_last(fixture, 101);
}

static void test_store_refuses_what_is_no_record(void **state)
{
    static const struct {
        const char *record;
        const char *part;
    } rows[] = {{"[1]", "not a JSON object"},
                {"{'format':1,'revision':1,'rules':[]}", "has no rules"},
                {"{'format':1,'revision':1,'rules':{},'file':{}}", "has no rules"},
                {"{'format':1,'revision':0,'rules':[],'file':{}}", "has no revision"},
                {"{'format':1,'rules':[],'file':{}}", "has no revision"},
                {"{'revision':1,'rules':[],'file':{}}", "not of format 1"}};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *json = edit_json(rows[i].record);
        char *why = NULL;
        json_t *last;
        struct px_store *store;

        unlink(fixture->path);
        assert_null(reopen(fixture));
        assert_int_equal(px_store_append_now(fixture->store, json, &why), 0);
        px_store_close(fixture->store);
        fixture->store = NULL;
        json_decref(json);
        assert_int_equal(px_store_open(fixture->path, NULL, &why, &last, &store), -EBADMSG);
        if (!strstr(why, rows[i].part) || !strstr(why, "store:1: "))
            fail_msg("%s: %s", rows[i].record, why);
        free(why);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_store_last_record_wins),
        TEST(test_store_appends_on_another_thread),
        TEST(test_store_failure_is_told_with_its_reason),
        TEST(test_store_growth_is_bounded_and_keeps_the_last_revisions),
        TEST(test_store_notes_on_one_revision_are_bounded),
        TEST(test_store_that_cannot_shrink_goes_on),
        TEST(test_store_refuses_what_is_no_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* transfers: the lines of the log, and which damage is a crash and which is a loss. */
#include "app/transfers.h"
#include "tests/unit/app/fake_disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct app_transfers transfers;
static size_t good_len;
static size_t bad_line;

static int setup(void **state)
{
    (void)state;
    app_transfers_init(&transfers);
    good_len = 4242;
    bad_line = 4242;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    app_transfers_deinit(&transfers);
    return 0;
}

static int load(const char *bytes, size_t len)
{
    return app_transfers_load(&transfers, bytes, len, &good_len, &bad_line);
}

static void test_transfers_line_has_its_form(void **state)
{
    struct app_transfer transfer = {.id = "blue-0:42", .amount = 114, .before = 7, .after = 121};
    char line[APP_TRANSFER_LINE_SIZE];
    char expected[APP_TRANSFER_LINE_SIZE];
    (void)state;
    size_t len = fake_disk_line(expected, "blue-0:42", 114, 7);
    assert_int_equal(app_transfer_format(&transfer, line), len);
    assert_string_equal(line, expected);
    assert_memory_equal(line, "1 blue-0:42 114 7 121 ", 22);
    assert_int_equal(line[len - 1], '\n');
}

static void test_transfers_longest_line_fits(void **state)
{
    struct app_transfer transfer = {
        .amount = UINT64_MAX, .before = UINT64_MAX, .after = UINT64_MAX};
    char line[APP_TRANSFER_LINE_SIZE];
    (void)state;
    memset(transfer.id, 'a', APP_TRANSFER_ID_SIZE - 1);
    assert_in_range(app_transfer_format(&transfer, line), 130, APP_TRANSFER_LINE_SIZE - 1);
}

static void test_transfers_ids(void **state)
{
    char id[APP_TRANSFER_ID_SIZE + 1];
    (void)state;
    assert_true(app_transfer_is_id("a"));
    assert_true(app_transfer_is_id("blue-0_2026-11-03T07:12.5"));
    assert_false(app_transfer_is_id(""));
    assert_false(app_transfer_is_id("a b"));
    assert_false(app_transfer_is_id("a\n"));
    assert_false(app_transfer_is_id("a/b"));
    assert_false(app_transfer_is_id("\xc3\xa9"));
    memset(id, 'a', sizeof(id));
    id[APP_TRANSFER_ID_SIZE - 1] = '\0';
    assert_true(app_transfer_is_id(id));
    id[APP_TRANSFER_ID_SIZE - 1] = 'a';
    id[APP_TRANSFER_ID_SIZE] = '\0';
    assert_false(app_transfer_is_id(id));
}

/* Three lines into bytes; returns the length, and where the last begins. */
static size_t write_lines(char *bytes, size_t *ret_last)
{
    size_t len = fake_disk_line(bytes, "t0", 4, 2);
    len += fake_disk_line(bytes + len, "t1", 5, 10);
    *ret_last = len;
    return len + fake_disk_line(bytes + len, "t2", 1, 20);
}

static void test_transfers_load_what_was_written(void **state)
{
    char bytes[1024];
    size_t last;
    size_t len = write_lines(bytes, &last);
    (void)state;
    assert_int_equal(load(bytes, len), 0);
    assert_int_equal(good_len, len);
    assert_int_equal(transfers.count, 3);
    const struct app_transfer *found = app_transfers_find(&transfers, "t1");
    assert_non_null(found);
    assert_int_equal(found->amount, 5);
    assert_int_equal(found->before, 10);
    assert_int_equal(found->after, 15);
    assert_null(app_transfers_find(&transfers, "t"));
    assert_null(app_transfers_find(&transfers, "t11"));
}

static void test_transfers_load_nothing(void **state)
{
    (void)state;
    assert_int_equal(load("", 0), 0);
    assert_int_equal(good_len, 0);
    assert_int_equal(transfers.count, 0);
}

/* A crash may leave any part of the last line. */
static void test_transfers_load_cuts_every_torn_last_line(void **state)
{
    char bytes[1024];
    size_t last;
    size_t len = write_lines(bytes, &last);
    (void)state;
    for (size_t cut = last; cut < len; cut++) {
        app_transfers_deinit(&transfers);
        assert_int_equal(load(bytes, cut), 0);
        assert_int_equal(good_len, last);
        assert_int_equal(transfers.count, 2);
    }
}

static void test_transfers_load_cuts_a_last_line_with_holes(void **state)
{
    char bytes[1024];
    size_t last;
    size_t len = write_lines(bytes, &last);
    (void)state;
    for (size_t at = last; at < len; at++) {
        char kept = bytes[at];
        app_transfers_deinit(&transfers);
        bytes[at] = '\0';
        assert_int_equal(load(bytes, len), 0);
        assert_int_equal(good_len, last);
        assert_int_equal(transfers.count, 2);
        bytes[at] = kept;
    }
}

static void test_transfers_load_refuses_damage_before_the_end(void **state)
{
    char bytes[1024];
    size_t last;
    size_t len = write_lines(bytes, &last);
    (void)state;
    for (size_t at = 0; at < last; at++) {
        char kept = bytes[at];
        app_transfers_deinit(&transfers);
        bytes[at] = (char)(kept ^ 0x10);
        assert_int_equal(load(bytes, len), -EINVAL);
        assert_in_range(bad_line, 1, 2);
        bytes[at] = kept;
    }
    assert_int_equal(good_len, 4242);
}

/* A whole last line was durable: damage to it is no crash. */
static void test_transfers_load_refuses_damage_in_a_whole_last_line(void **state)
{
    char bytes[1024];
    size_t last;
    size_t len = write_lines(bytes, &last);
    (void)state;
    for (size_t at = last; at < len - 1; at++) {
        char kept = bytes[at];
        app_transfers_deinit(&transfers);
        bytes[at] = (char)(kept ^ 0x10);
        assert_int_equal(load(bytes, len), -EINVAL);
        assert_int_equal(bad_line, 3);
        bytes[at] = kept;
    }
}

/* Lines whose checksum is right and whose content is not. */
static void test_transfers_load_refuses_lines_that_no_build_wrote(void **state)
{
    static const char *const lines[] = {"2 t1 5 10 15", "1 t1 5 10 16",   "1 t1 5 15 10",
                                        "1 t1 5 10",    "1 t1 5 10 15 7", "1 t/1 5 10 15",
                                        "1 t1 -5 10 5", "1 t1 x 10 15",   ""};
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char bytes[512];
        int text_len = snprintf(bytes, sizeof(bytes), "%s", lines[i]);
        size_t len = fake_disk_checksum(bytes, (size_t)text_len);
        size_t first = len;
        len += fake_disk_line(bytes + len, "t2", 1, 20);
        app_transfers_deinit(&transfers);
        assert_int_equal(load(bytes, len), -EINVAL);
        assert_int_equal(bad_line, 1);
        app_transfers_deinit(&transfers);
        assert_int_equal(load(bytes, first), -EINVAL); /* alone, too: it is whole */
    }
}

static void test_transfers_load_refuses_a_line_too_long(void **state)
{
    char bytes[1024];
    (void)state;
    memset(bytes, 'a', 300);
    bytes[300] = '\n';
    size_t len = 301 + fake_disk_line(bytes + 301, "t2", 1, 20);
    assert_int_equal(load(bytes, len), -EINVAL);
    assert_int_equal(bad_line, 1);
}

static void test_transfers_are_bounded(void **state)
{
    struct app_transfer transfer = {.amount = 1, .before = 0, .after = 1};
    (void)state;
    for (unsigned i = 0; i < APP_TRANSFERS_MAX; i++) {
        (void)snprintf(transfer.id, sizeof(transfer.id), "t%u", i);
        assert_int_equal(app_transfers_reserve(&transfers), 0);
        app_transfers_push(&transfers, &transfer);
    }
    assert_int_equal(app_transfers_reserve(&transfers), -E2BIG);
    assert_non_null(app_transfers_find(&transfers, "t0"));
    assert_non_null(app_transfers_find(&transfers, "t4095"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_transfers_line_has_its_form),
        TEST(test_transfers_longest_line_fits),
        TEST(test_transfers_ids),
        TEST(test_transfers_load_what_was_written),
        TEST(test_transfers_load_nothing),
        TEST(test_transfers_load_cuts_every_torn_last_line),
        TEST(test_transfers_load_cuts_a_last_line_with_holes),
        TEST(test_transfers_load_refuses_damage_before_the_end),
        TEST(test_transfers_load_refuses_damage_in_a_whole_last_line),
        TEST(test_transfers_load_refuses_lines_that_no_build_wrote),
        TEST(test_transfers_load_refuses_a_line_too_long),
        TEST(test_transfers_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

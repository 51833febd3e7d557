/* ledger: opening what is found on a disk, counting, importing, and refusing without changing. */
#include "app/ledger.h"
#include "tests/unit/app/fake_disk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct app_ledger ledger;
static char problem[1024];

static int open_ledger(void)
{
    struct app_text text;
    app_text_init(&text, problem, sizeof(problem));
    return app_ledger_open(&ledger, fake_disk.path, &fake_disk_ops, &text);
}

static void check_refused(const char *why)
{
    assert_int_not_equal(open_ledger(), 0);
    if (strstr(problem, why) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", why, problem);
    }
    app_ledger_close(&ledger);
}

static void open_well(uint64_t expected)
{
    assert_int_equal(open_ledger(), 0);
    assert_true(ledger.value == expected);
    assert_false(ledger.is_broken);
    assert_true(fake_disk_visits() == expected);
}

static void test_ledger_starts_at_nothing(void **state)
{
    (void)state;
    open_well(0);
    app_ledger_close(&ledger);
    open_well(0);
    app_ledger_close(&ledger);
}

static void test_ledger_counts_and_keeps(void **state)
{
    (void)state;
    open_well(0);
    assert_int_equal(app_ledger_add(&ledger, 1), 0);
    assert_int_equal(app_ledger_add(&ledger, 299), 0);
    assert_int_equal(fake_disk_visits(), 300);
    app_ledger_close(&ledger);
    open_well(300);
    app_ledger_close(&ledger);
}

static void test_ledger_syncs_once_for_any_number(void **state)
{
    (void)state;
    open_well(0);
    fake_disk_heal();
    assert_int_equal(app_ledger_add(&ledger, 64), 0);
    assert_int_equal(fake_disk.calls, 2); /* one pwrite, one fdatasync */
    assert_int_equal(fake_disk.syncs, 1);
    app_ledger_close(&ledger);
}

static void test_ledger_reads_short_files(void **state)
{
    static const unsigned char bytes[] = {1, 2, 3, 4, 5, 6, 7};
    uint64_t value = 0;
    (void)state;
    for (size_t len = 1; len <= sizeof(bytes); len++) {
        value |= (uint64_t)bytes[len - 1] << (8 * (len - 1));
        fake_disk_write("visits.bin", bytes, len);
        open_well(value); /* checks that it is 8 bytes now */
        app_ledger_close(&ledger);
    }
}

static void test_ledger_refuses_other_lengths(void **state)
{
    char bytes[64] = "123456789";
    (void)state;
    fake_disk_write("visits.bin", bytes, 9);
    check_refused("visits.bin is 9 bytes long, expected 1 to 8");
    assert_int_equal(fake_disk_read("visits.bin", bytes, sizeof(bytes)), 9);
    assert_memory_equal(bytes, "123456789", 9);
    fake_disk_write("visits.bin", bytes, 0);
    check_refused("visits.bin is 0 bytes long");
    assert_int_equal(fake_disk_read("visits.bin", bytes, sizeof(bytes)), 0);
}

static void test_ledger_refuses_what_is_no_file(void **state)
{
    char path[128];
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/visits.bin", fake_disk.path);
    assert_int_equal(mkfifo(path, 0600), 0);
    check_refused("visits.bin is not a regular file");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("elsewhere", path), 0);
    check_refused("cannot open");
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof(path), "%s/counter.lock", fake_disk.path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    check_refused("cannot lock");
    assert_int_equal(rmdir(path), 0);
}

static void test_ledger_refuses_a_second_one(void **state)
{
    struct app_ledger second;
    struct app_text text;
    (void)state;
    open_well(0);
    app_text_init(&text, problem, sizeof(problem));
    assert_int_equal(app_ledger_open(&second, fake_disk.path, &fake_disk_ops, &text), -EWOULDBLOCK);
    app_ledger_close(&second);
    assert_non_null(strstr(problem, "is in use by another counter (process "));
    assert_int_equal(app_ledger_add(&ledger, 1), 0);
    app_ledger_close(&ledger);
}

static void test_ledger_that_cannot_be_made_leaves_nothing(void **state)
{
    char bytes[16];
    (void)state;
    for (unsigned call = 1; call <= 3; call++) {
        fake_disk_fail(call, FAKE_DISK_FOREVER, ENOSPC, 0);
        check_refused("visits.bin: No space left on device");
        assert_int_equal(fake_disk_read("visits.bin", bytes, sizeof(bytes)), -1);
        assert_int_equal(fake_disk_read("visits.bin.tmp", bytes, sizeof(bytes)), -1);
    }
}

static void test_ledger_that_cannot_be_widened_is_untouched(void **state)
{
    char bytes[16];
    (void)state;
    for (unsigned call = 1; call <= 3; call++) {
        fake_disk_write("visits.bin", "abc", 3);
        fake_disk_fail(call, FAKE_DISK_FOREVER, EDQUOT, 0);
        check_refused("visits.bin");
        assert_int_equal(fake_disk_read("visits.bin", bytes, sizeof(bytes)), 3);
    }
}

static void test_ledger_write_that_fails_does_not_count(void **state)
{
    static const int errors[] = {ENOSPC, EIO, EDQUOT, EROFS};
    (void)state;
    open_well(0);
    assert_int_equal(app_ledger_add(&ledger, 10), 0);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        for (unsigned call = 1; call <= 2; call++) {
            fake_disk_fail(call, 1, errors[i], 0);
            assert_int_equal(app_ledger_add(&ledger, 5), -errors[i]);
            assert_int_equal(ledger.value, 10);
            assert_true(ledger.is_broken);
            assert_in_range(fake_disk_visits(), 10, 15);
            assert_int_equal(app_ledger_repair(&ledger), 0);
            assert_false(ledger.is_broken);
            assert_int_equal(fake_disk_visits(), 10);
        }
    }
    app_ledger_close(&ledger);
}

static void test_ledger_short_write_is_taken_back(void **state)
{
    (void)state;
    for (size_t short_len = 1; short_len < 8; short_len++) {
        fake_disk_heal();
        fake_disk_write("visits.bin", "\xff\xff\xff\xff\xff\xff\xff\x00", 8);
        assert_int_equal(open_ledger(), 0);
        fake_disk_fail(1, 2, ENOSPC, short_len);
        assert_int_equal(app_ledger_add(&ledger, 1), -ENOSPC);
        assert_true(fake_disk_visits() == UINT64_C(0x00ffffffffffffff));
        assert_int_equal(app_ledger_add(&ledger, 1), 0);
        assert_true(fake_disk_visits() == UINT64_C(1) << 56);
        app_ledger_close(&ledger);
    }
}

static void test_ledger_short_write_is_continued(void **state)
{
    (void)state;
    open_well(0);
    fake_disk_fail(1, 1, ENOSPC, 3);
    assert_int_equal(app_ledger_add(&ledger, 7), 0);
    assert_int_equal(fake_disk_visits(), 7);
    app_ledger_close(&ledger);
}

/* After a failed sync the kernel may call lost bytes clean, so the file is written anew. */
static void test_ledger_does_not_trust_a_place_after_a_failed_sync(void **state)
{
    struct stat before;
    struct stat after;
    (void)state;
    open_well(0);
    fake_disk_fail(2, 1, EIO, 0);
    assert_int_equal(app_ledger_add(&ledger, 1), -EIO);
    assert_int_equal(fstat(ledger.visits, &before), 0);
    assert_int_equal(app_ledger_add(&ledger, 1), 0);
    assert_int_equal(fstat(ledger.visits, &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);
    assert_int_equal(fake_disk_visits(), 1);
    fake_disk_heal();
    assert_int_equal(app_ledger_add(&ledger, 1), 0);
    assert_int_equal(fake_disk.calls, 2); /* in place again */
    app_ledger_close(&ledger);
}

static void test_ledger_full_count_is_refused_without_writing(void **state)
{
    bool was_new;
    (void)state;
    fake_disk_write("visits.bin", "\xfe\xff\xff\xff\xff\xff\xff\xff", 8);
    open_well(UINT64_MAX - 1);
    fake_disk_heal();
    assert_int_equal(app_ledger_add(&ledger, 2), -EOVERFLOW);
    assert_int_equal(app_ledger_import(&ledger, "t1", 2, &was_new), -EOVERFLOW);
    assert_int_equal(fake_disk.calls, 0);
    assert_false(ledger.is_broken);
    assert_int_equal(app_ledger_add(&ledger, 1), 0);
    app_ledger_close(&ledger);
}

static void import_well(const char *id, uint64_t amount, bool expected)
{
    bool was_new = !expected;
    assert_int_equal(app_ledger_import(&ledger, id, amount, &was_new), 0);
    assert_int_equal(was_new, expected);
}

static void test_ledger_imports_once(void **state)
{
    bool was_new;
    (void)state;
    open_well(0);
    assert_int_equal(app_ledger_add(&ledger, 2), 0);
    import_well("t1", 114, true);
    import_well("t1", 114, false);
    assert_int_equal(app_ledger_import(&ledger, "t1", 115, &was_new), -EEXIST);
    assert_int_equal(fake_disk_visits(), 116);
    app_ledger_close(&ledger);
    open_well(116);
    import_well("t1", 114, false);
    import_well("t2", 1, true);
    assert_int_equal(fake_disk_visits(), 117);
    app_ledger_close(&ledger);
}

/* A file's name is durable only when its folder was synced. */
static void test_ledger_makes_the_name_of_the_log_durable(void **state)
{
    bool was_new;
    (void)state;
    open_well(0);
    fake_disk_fail(3, 1, EIO, 0); /* line, its sync, the folder's */
    assert_int_equal(app_ledger_import(&ledger, "t1", 5, &was_new), -EIO);
    assert_int_equal(ledger.value, 0);
    assert_int_equal(app_ledger_repair(&ledger), 0);
    fake_disk_heal();
    import_well("t1", 5, true);
    assert_int_equal(fake_disk.calls, 5); /* the three again; the count and its sync */
    fake_disk_heal();
    import_well("t2", 5, true);
    assert_int_equal(fake_disk.calls, 4);
    app_ledger_close(&ledger);
}

static void test_ledger_remembers_only_so_many_imports(void **state)
{
    bool was_new;
    (void)state;
    open_well(0);
    for (unsigned i = 0; i < APP_TRANSFERS_MAX; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "t%u", i);
        import_well(id, 1, true);
    }
    assert_int_equal(app_ledger_import(&ledger, "more", 1, &was_new), -E2BIG);
    assert_false(ledger.is_broken);
    import_well("t0", 1, false);
    app_ledger_close(&ledger);
    open_well(APP_TRANSFERS_MAX);
    app_ledger_close(&ledger);
}

static void write_data(uint64_t visits, const char *log, size_t log_len)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(visits >> (8 * i));
    }
    fake_disk_write("visits.bin", bytes, 8);
    fake_disk_write("transfers.log", log, log_len);
}

/* visits: what the file says; the only line: 5 on top of 10. */
static void check_finish(uint64_t visits, uint64_t expected, bool is_known)
{
    char log[APP_TRANSFER_LINE_SIZE];
    size_t len = fake_disk_line(log, "t1", 5, 10);
    write_data(visits, log, len);
    open_well(expected);
    import_well("t1", 5, !is_known);
    assert_int_equal(fake_disk_visits(), is_known ? expected : expected + 5);
    app_ledger_close(&ledger);
    open_well(is_known ? expected : expected + 5);
    app_ledger_close(&ledger);
}

static void test_ledger_finishes_the_last_import(void **state)
{
    (void)state;
    check_finish(10, 15, true);  /* the line was durable, the count not yet */
    check_finish(15, 15, true);  /* both were */
    check_finish(99, 99, true);  /* and visits came after */
    check_finish(12, 12, false); /* visits came instead: the line never was durable */
}

static void test_ledger_refuses_a_count_below_its_log(void **state)
{
    char log[APP_TRANSFER_LINE_SIZE];
    char bytes[16];
    size_t len = fake_disk_line(log, "t1", 5, 10);
    (void)state;
    write_data(9, log, len);
    check_refused("visits.bin holds less, but transfers.log says that 15 were counted");
    assert_int_equal(fake_disk_visits(), 9);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/visits.bin", fake_disk.path);
    assert_int_equal(unlink(path), 0);
    check_refused("visits.bin is missing, but transfers.log");
    assert_int_equal(fake_disk_read("visits.bin", bytes, sizeof(bytes)), -1);
}

static void test_ledger_refuses_a_damaged_log(void **state)
{
    char log[2 * APP_TRANSFER_LINE_SIZE];
    char bytes[sizeof(log)];
    size_t len = fake_disk_line(log, "t0", 5, 0);
    log[3] = 'x';
    len += fake_disk_line(log + len, "t1", 5, 10);
    (void)state;
    write_data(20, log, len);
    check_refused("transfers.log is damaged in line 1");
    assert_int_equal(fake_disk_read("transfers.log", bytes, sizeof(bytes)), len);
    assert_memory_equal(bytes, log, len);
}

static void test_ledger_refuses_a_log_too_large(void **state)
{
    char path[128];
    (void)state;
    write_data(1, "", 0);
    (void)snprintf(path, sizeof(path), "%s/transfers.log", fake_disk.path);
    assert_int_equal(truncate(path, 100 << 20), 0);
    check_refused("transfers.log: File too large");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_disk_open, fake_disk_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ledger_starts_at_nothing),
        TEST(test_ledger_counts_and_keeps),
        TEST(test_ledger_syncs_once_for_any_number),
        TEST(test_ledger_reads_short_files),
        TEST(test_ledger_refuses_other_lengths),
        TEST(test_ledger_refuses_what_is_no_file),
        TEST(test_ledger_refuses_a_second_one),
        TEST(test_ledger_that_cannot_be_made_leaves_nothing),
        TEST(test_ledger_that_cannot_be_widened_is_untouched),
        TEST(test_ledger_write_that_fails_does_not_count),
        TEST(test_ledger_short_write_is_taken_back),
        TEST(test_ledger_short_write_is_continued),
        TEST(test_ledger_does_not_trust_a_place_after_a_failed_sync),
        TEST(test_ledger_full_count_is_refused_without_writing),
        TEST(test_ledger_imports_once),
        TEST(test_ledger_makes_the_name_of_the_log_durable),
        TEST(test_ledger_remembers_only_so_many_imports),
        TEST(test_ledger_finishes_the_last_import),
        TEST(test_ledger_refuses_a_count_below_its_log),
        TEST(test_ledger_refuses_a_damaged_log),
        TEST(test_ledger_refuses_a_log_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* files: what stands on the disk after each way in which a write can fail. */
#include "tests/unit/app/fake_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD "old content"
#define NEW "new!"

static int folder = -1;

static int setup(void **state)
{
    if (fake_disk_open(state) != 0) {
        return -1;
    }
    return app_file_open_folder(fake_disk.path, &folder);
}

static int teardown(void **state)
{
    close(folder);
    return fake_disk_close(state);
}

static int replace(int model, int *ret_fd)
{
    struct app_file_content content = {NEW, sizeof(NEW) - 1};
    return app_file_replace(&fake_disk_ops, folder, "f", content, model, ret_fd);
}

static void check_content(const char *expected)
{
    char buffer[64] = "";
    assert_int_equal(fake_disk_read("f", buffer, sizeof(buffer) - 1), strlen(expected));
    assert_string_equal(buffer, expected);
    assert_int_equal(fake_disk_read("f.tmp", buffer, sizeof(buffer)), -1);
}

static void test_files_replace_makes_a_file(void **state)
{
    int fd;
    (void)state;
    assert_int_equal(replace(-1, &fd), 0);
    check_content(NEW);
    assert_int_equal(pwrite(fd, "N", 1, 0), 1); /* the descriptor is the file's */
    check_content("New!");
    close(fd);
}

static void test_files_replace_keeps_mode(void **state)
{
    struct stat status;
    int fd;
    (void)state;
    fake_disk_write("f", OLD, sizeof(OLD) - 1);
    int model = openat(folder, "f", O_RDWR | O_CLOEXEC);
    assert_int_equal(fchmod(model, 0640), 0);
    assert_int_equal(replace(model, &fd), 0);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    check_content(NEW);
    close(model);
    close(fd);
}

static void test_files_replace_takes_over_a_left_over_file(void **state)
{
    int fd;
    (void)state;
    fake_disk_write("f.tmp", "a long remainder of a crash", 27);
    assert_int_equal(replace(-1, &fd), 0);
    check_content(NEW);
    close(fd);
}

/* pwrite, fsync, rename: the old file stands and nothing is left over. The last one, the fsync of
 * the folder, comes when the new one has its place. */
static void test_files_replace_that_fails_leaves_old_or_new(void **state)
{
    (void)state;
    for (unsigned call = 1; call <= 4; call++) {
        int fd = -2;
        fake_disk_write("f", OLD, sizeof(OLD) - 1);
        fake_disk_fail(call, 1, ENOSPC, 0);
        assert_int_equal(replace(-1, &fd), -ENOSPC);
        assert_int_equal(fd, -2);
        check_content(call < 4 ? OLD : NEW);
    }
}

static void test_files_replace_continues_a_short_write(void **state)
{
    int fd;
    (void)state;
    fake_disk_fail(1, 1, ENOSPC, 2);
    assert_int_equal(replace(-1, &fd), 0);
    check_content(NEW);
    close(fd);
}

static int open_file(void)
{
    fake_disk_write("f", OLD, sizeof(OLD) - 1);
    int fd = openat(folder, "f", O_RDWR | O_CLOEXEC);
    assert_int_not_equal(fd, -1);
    return fd;
}

static void test_files_write_tells_how_far_it_came(void **state)
{
    size_t written = 42;
    int fd = open_file();
    (void)state;
    fake_disk_fail(1, 2, EIO, 2);
    assert_int_equal(app_file_write(&fake_disk_ops, fd, NEW, 4, 0, &written), -EIO);
    assert_int_equal(written, 2);
    check_content("ned content");
    fake_disk_fail(1, 1, EDQUOT, 0);
    assert_int_equal(app_file_write(&fake_disk_ops, fd, NEW, 4, 0, &written), -EDQUOT);
    assert_int_equal(written, 0);
    close(fd);
}

static void test_files_write_goes_on_after_a_signal(void **state)
{
    size_t written;
    int fd = open_file();
    (void)state;
    fake_disk_fail(1, 3, EINTR, 0);
    assert_int_equal(app_file_write(&fake_disk_ops, fd, NEW, 4, 4, &written), 0);
    assert_int_equal(written, 4);
    check_content("old new!ent");
    close(fd);
}

static ssize_t write_nothing(int fd, const void *bytes, size_t len, off_t offset)
{
    (void)fd, (void)bytes, (void)len, (void)offset;
    return 0;
}

static void test_files_write_of_nothing_is_an_error_and_no_endless_loop(void **state)
{
    struct app_file_ops ops = fake_disk_ops;
    size_t written;
    int fd = open_file();
    (void)state;
    ops.pwrite = write_nothing;
    assert_int_equal(app_file_write(&ops, fd, NEW, 4, 0, &written), -EIO);
    close(fd);
}

static void test_files_lock_is_exclusive_and_names_its_owner(void **state)
{
    int first;
    int second = -2;
    pid_t owner = 0;
    (void)state;
    assert_int_equal(app_file_lock(folder, "lock", &first, &owner), 0);
    assert_int_equal(app_file_lock(folder, "lock", &second, &owner), -EWOULDBLOCK);
    assert_int_equal(second, -2);
    assert_int_equal(owner, getpid());
    close(first);
    assert_int_equal(app_file_lock(folder, "lock", &second, &owner), 0);
    close(second);
}

static void test_files_lock_of_someone_who_does_not_say_who(void **state)
{
    int first;
    int second;
    pid_t owner = 42;
    (void)state;
    assert_int_equal(app_file_lock(folder, "lock", &first, &owner), 0);
    assert_int_equal(ftruncate(first, 0), 0);
    assert_int_equal(app_file_lock(folder, "lock", &second, &owner), -EWOULDBLOCK);
    assert_int_equal(owner, 0);
    close(first);
}

static void test_files_lock_does_not_follow_a_link(void **state)
{
    char bytes[8];
    int fd;
    pid_t owner;
    (void)state;
    assert_int_equal(symlinkat("elsewhere", folder, "lock"), 0);
    assert_int_equal(app_file_lock(folder, "lock", &fd, &owner), -ELOOP);
    assert_int_equal(fake_disk_read("elsewhere", bytes, sizeof(bytes)), -1);
}

static void test_files_folder_is_made_without_parents(void **state)
{
    char path[128];
    int fd = -2;
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/a/b", fake_disk.path);
    assert_int_equal(app_file_open_folder(path, &fd), -ENOENT);
    assert_int_equal(fd, -2);
    (void)snprintf(path, sizeof(path), "%s/a", fake_disk.path);
    assert_int_equal(app_file_open_folder(path, &fd), 0);
    close(fd);
    assert_int_equal(app_file_open_folder(path, &fd), 0);
    close(fd);
}

static void test_files_folder_that_is_a_file(void **state)
{
    char path[128];
    int fd;
    (void)state;
    fake_disk_write("f", OLD, 3);
    (void)snprintf(path, sizeof(path), "%s/f", fake_disk.path);
    assert_int_equal(app_file_open_folder(path, &fd), -ENOTDIR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_files_replace_makes_a_file),
        TEST(test_files_replace_keeps_mode),
        TEST(test_files_replace_takes_over_a_left_over_file),
        TEST(test_files_replace_that_fails_leaves_old_or_new),
        TEST(test_files_replace_continues_a_short_write),
        TEST(test_files_write_tells_how_far_it_came),
        TEST(test_files_write_goes_on_after_a_signal),
        TEST(test_files_write_of_nothing_is_an_error_and_no_endless_loop),
        TEST(test_files_lock_is_exclusive_and_names_its_owner),
        TEST(test_files_lock_of_someone_who_does_not_say_who),
        TEST(test_files_lock_does_not_follow_a_link),
        TEST(test_files_folder_is_made_without_parents),
        TEST(test_files_folder_that_is_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "lib/journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* --- faults: each counter says how many calls still succeed; -1: all ----------------------------
 */

static struct {
    ssize_t pwrite_room; /* bytes until the disk is full; -1: never */
    int fdatasync_left;
    int fsync_left;
    int ftruncate_left;
    int rename_left;
} faults;

ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t offset);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_ftruncate(int fd, off_t len);
int __real_rename(const char *from, const char *to);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_ftruncate(int fd, off_t len);
int __wrap_rename(const char *from, const char *to);

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    if (faults.pwrite_room == 0) {
        errno = ENOSPC;
        return -1;
    }
    if (faults.pwrite_room > 0) {
        if (len > (size_t)faults.pwrite_room)
            len = (size_t)faults.pwrite_room;
        faults.pwrite_room -= (ssize_t)len;
    }
    return __real_pwrite(fd, bytes, len, offset);
}

static int fails(int *left)
{
    if (*left < 0)
        return 0;
    if (*left > 0) {
        (*left)--;
        return 0;
    }
    errno = EIO;
    return 1;
}

int __wrap_fdatasync(int fd)
{
    return fails(&faults.fdatasync_left) ? -1 : __real_fdatasync(fd);
}

int __wrap_fsync(int fd)
{
    return fails(&faults.fsync_left) ? -1 : __real_fsync(fd);
}

int __wrap_ftruncate(int fd, off_t len)
{
    return fails(&faults.ftruncate_left) ? -1 : __real_ftruncate(fd, len);
}

int __wrap_rename(const char *from, const char *to)
{
    return fails(&faults.rename_left) ? -1 : __real_rename(from, to);
}

static void no_faults(void)
{
    memset(&faults, -1, sizeof(faults));
}

/* --- fixture: a folder of its own, and what was read -------------------------------------------
 */

struct fixture {
    char folder[64];
    char path[96];
    char seen[4096]; /* records, each followed by '|' */
    unsigned last_line;
    int refuse_line; /* on_record refuses this line */
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    strcpy(fixture->folder, "/tmp/turnout-journal-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof(fixture->path), "%s/store", fixture->folder);
    no_faults();
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];

    no_faults();
    snprintf(command, sizeof(command), "rm -r %s", fixture->folder);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static int remember(void *context, unsigned line, struct tn_str record, char **ret_why)
{
    struct fixture *fixture = context;
    size_t used = strlen(fixture->seen);

    if ((int)line == fixture->refuse_line) {
        *ret_why = strdup("I do not like it");
        return -EINVAL;
    }
    assert_int_equal(line, fixture->last_line + 1);
    fixture->last_line = line;
    snprintf(fixture->seen + used, sizeof(fixture->seen) - used, "%.*s|", TN_STR_ARGS(record));
    return 0;
}

static int try_open(struct fixture *fixture, char **ret_why, struct tn_journal **ret_journal,
                    size_t *ret_cut)
{
    fixture->seen[0] = '\0';
    fixture->last_line = 0;
    return tn_journal_open(fixture->path, remember, fixture, ret_cut, ret_why, ret_journal);
}

static struct tn_journal *open_good(struct fixture *fixture)
{
    struct tn_journal *journal = NULL;
    size_t cut = 99;
    char *why = NULL;
    int error = try_open(fixture, &why, &journal, &cut);

    if (error)
        print_error("%s\n", why);
    assert_int_equal(error, 0);
    return journal;
}

static void open_bad(struct fixture *fixture, int error, const char *part_of_message)
{
    struct tn_journal *journal = NULL;
    size_t cut;
    char *why = NULL;

    assert_int_equal(try_open(fixture, &why, &journal, &cut), error);
    assert_null(journal);
    assert_non_null(why);
    if (!strstr(why, part_of_message))
        fail_msg("'%s' does not hold '%s'", why, part_of_message);
    free(why);
}

static void append(struct tn_journal *journal, const char *record)
{
    assert_int_equal(tn_journal_append(journal, tn_str_of(record), NULL), 0);
}

static size_t slurp(const char *path, char *buffer, size_t size)
{
    FILE *file = fopen(path, "r");
    size_t len;

    assert_non_null(file);
    len = fread(buffer, 1, size, file);
    fclose(file);
    return len;
}

static void spill(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

#define FIRST_LINE (7 + TN_JOURNAL_OVERHEAD) /* of three_records, and of its second */

static void three_records(struct fixture *fixture)
{
    struct tn_journal *journal = open_good(fixture);

    append(journal, "{\"a\":1}");
    append(journal, "{\"b\":2}");
    append(journal, "{\"c\":\"three\"}");
    tn_journal_close(journal);
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void test_journal_new_file_is_private_and_empty(void **state)
{
    struct fixture *fixture = *state;
    struct tn_journal *journal = open_good(fixture);
    struct stat status;

    assert_string_equal(fixture->seen, "");
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(tn_journal_size(journal), 0);
    tn_journal_close(journal);
}

static void test_journal_gives_back_what_was_appended(void **state)
{
    struct fixture *fixture = *state;

    three_records(fixture);
    tn_journal_close(open_good(fixture));
    assert_string_equal(fixture->seen, "{\"a\":1}|{\"b\":2}|{\"c\":\"three\"}|");
}

static void test_journal_line_is_checksum_space_record(void **state)
{
    struct fixture *fixture = *state;
    struct tn_journal *journal = open_good(fixture);
    char text[64];
    size_t len;

    append(journal, "{}");
    tn_journal_close(journal);
    len = slurp(fixture->path, text, sizeof(text));
    assert_int_equal(len, 16 + 1 + 2 + 1);
    text[len] = '\0';
    assert_string_equal(text, "1349cde127705c16 {}\n");
}

static void test_journal_appends_after_reopening(void **state)
{
    struct fixture *fixture = *state;
    struct tn_journal *journal;

    three_records(fixture);
    journal = open_good(fixture);
    append(journal, "four");
    tn_journal_close(journal);
    tn_journal_close(open_good(fixture));
    assert_string_equal(fixture->seen, "{\"a\":1}|{\"b\":2}|{\"c\":\"three\"}|four|");
}

/* Whatever a crash leaves of the file, the whole lines are there and the next append works. */
static void test_journal_cut_at_every_byte_keeps_whole_lines(void **state)
{
    struct fixture *fixture = *state;
    char whole[256];
    size_t len;

    three_records(fixture);
    len = slurp(fixture->path, whole, sizeof(whole));
    for (size_t cut = 0; cut <= len; cut++) {
        unsigned lines = 0;
        size_t good = 0;
        size_t cut_bytes = 99;
        struct tn_journal *journal = NULL;

        for (size_t i = 0; i < cut; i++) {
            if (whole[i] == '\n') {
                lines++;
                good = i + 1;
            }
        }
        spill(fixture->path, whole, cut);
        assert_int_equal(try_open(fixture, NULL, &journal, &cut_bytes), 0);
        assert_int_equal(fixture->last_line, lines);
        assert_int_equal(cut_bytes, cut - good);
        assert_int_equal(tn_journal_size(journal), good);
        append(journal, "next");
        tn_journal_close(journal);
        tn_journal_close(open_good(fixture));
        assert_int_equal(fixture->last_line, lines + 1);
    }
}

/* Any one byte changed: the start is refused with file and line, and the file is not touched. But a
 * lost last "\n" is a cut line. */
static void test_journal_flipped_byte_is_refused_with_its_line(void **state)
{
    struct fixture *fixture = *state;
    char whole[256];
    char after[256];
    size_t len;
    unsigned line = 1;

    three_records(fixture);
    len = slurp(fixture->path, whole, sizeof(whole));
    for (size_t i = 0; i + 1 < len; i++) {
        char before = whole[i];
        char expected[160];

        whole[i] ^= 0x04;
        spill(fixture->path, whole, len);
        snprintf(expected, sizeof(expected), "%s:%u: ", fixture->path, line);
        open_bad(fixture, -EBADMSG, expected);
        assert_int_equal(slurp(fixture->path, after, sizeof(after)), len);
        assert_memory_equal(whole, after, len);
        whole[i] = before;
        if (before == '\n')
            line++;
    }
}

static void test_journal_line_too_short_is_refused(void **state)
{
    struct fixture *fixture = *state;

    spill(fixture->path, "\n", 1);
    open_bad(fixture, -EBADMSG, ":1: this is not a checksum of 16 digits");
    spill(fixture->path, "rules: []\n", 10);
    open_bad(fixture, -EBADMSG, ":1: this is not a checksum of 16 digits");
}

static void test_journal_zeros_behind_the_end_are_a_cut_line(void **state)
{
    struct fixture *fixture = *state;
    char whole[512] = {0};
    size_t len;

    three_records(fixture);
    len = slurp(fixture->path, whole, 256);
    spill(fixture->path, whole, len + 100);
    tn_journal_close(open_good(fixture));
    assert_int_equal(fixture->last_line, 3);
}

static void test_journal_record_that_its_reader_refuses(void **state)
{
    struct fixture *fixture = *state;

    three_records(fixture);
    fixture->refuse_line = 2;
    open_bad(fixture, -EINVAL, ":2: I do not like it");
}

static void test_journal_second_process_is_refused_with_a_pid(void **state)
{
    struct fixture *fixture = *state;
    struct tn_journal *journal = open_good(fixture);
    char expected[160];

    snprintf(expected, sizeof(expected), "%s is in use by process %ld", fixture->path,
             (long)getpid());
    open_bad(fixture, -EAGAIN, expected);
    append(journal, "mine");
    tn_journal_close(journal);
    tn_journal_close(open_good(fixture));
    assert_string_equal(fixture->seen, "mine|");
}

static void test_journal_lock_of_a_killed_process_is_free(void **state)
{
    struct fixture *fixture = *state;
    int status;
    pid_t child = fork();

    if (child == 0) {
        size_t cut;
        struct tn_journal *journal;

        _exit(try_open(fixture, NULL, &journal, &cut) ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    tn_journal_close(open_good(fixture));
}

static void test_journal_is_no_folder_and_no_pipe(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(mkdir(fixture->path, 0700), 0);
    open_bad(fixture, -EISDIR, "cannot open");
    assert_int_equal(rmdir(fixture->path), 0);
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    open_bad(fixture, -EINVAL, "is not a regular file");
}

static void test_journal_missing_folder_is_told(void **state)
{
    struct fixture *fixture = *state;

    snprintf(fixture->path, sizeof(fixture->path), "%s/no/store", fixture->folder);
    open_bad(fixture, -ENOENT, "No such file or directory");
}

static void test_journal_unreadable_file_is_told(void **state)
{
    const uid_t nobody = 65534;
    struct fixture *fixture = *state;
    char lock[128];

    three_records(fixture);
    snprintf(lock, sizeof(lock), "%s.lock", fixture->path);
    assert_int_equal(chmod(fixture->path, 0), 0);
    if (geteuid() != 0) {
        open_bad(fixture, -EACCES, "Permission denied");
        return;
    }
    /* root reads everything: as somebody else, who owns all but the file */
    assert_int_equal(chown(fixture->folder, nobody, nobody), 0);
    assert_int_equal(chown(lock, nobody, nobody), 0);
    assert_int_equal(seteuid(nobody), 0);
    open_bad(fixture, -EACCES, "Permission denied");
    assert_int_equal(seteuid(0), 0);
}

static void test_journal_giant_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    int fd = open(fixture->path, O_RDWR | O_CREAT, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)TN_JOURNAL_FILE_MAX + 1), 0);
    close(fd);
    open_bad(fixture, -EFBIG, "is larger than");
}

static void test_journal_record_must_be_one_line(void **state)
{
    struct fixture *fixture = *state;
    struct tn_journal *journal = open_good(fixture);

    assert_int_equal(tn_journal_append(journal, TN_STR("a\nb"), NULL), -EINVAL);
    assert_int_equal(tn_journal_append(journal, TN_STR(""), NULL), -EINVAL);
    assert_int_equal(tn_journal_compact(journal, 1, NULL), -EINVAL);
    assert_int_equal(tn_journal_size(journal), 0);
    tn_journal_close(journal);
}

/* The disk is full after every possible number of bytes: the file is as it was, and works again
 * when there is room. */
static void test_journal_full_disk_leaves_the_file_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    const char *record = "{\"d\":4}";
    char before[256];
    char after[256];
    size_t len;
    struct tn_journal *journal;

    three_records(fixture);
    len = slurp(fixture->path, before, sizeof(before));
    journal = open_good(fixture);
    for (ssize_t room = 0; room < (ssize_t)strlen(record) + 18; room++) {
        char *why = NULL;

        faults.pwrite_room = room;
        assert_int_equal(tn_journal_append(journal, tn_str_of(record), &why), -ENOSPC);
        assert_non_null(strstr(why, "No space left on device"));
        free(why);
        assert_int_equal(slurp(fixture->path, after, sizeof(after)), len);
        assert_memory_equal(before, after, len);
    }
    no_faults();
    append(journal, record);
    tn_journal_close(journal);
    tn_journal_close(open_good(fixture));
    assert_int_equal(fixture->last_line, 4);
}

static void test_journal_failed_sync_takes_the_line_back(void **state)
{
    struct fixture *fixture = *state;
    struct tn_journal *journal = open_good(fixture);

    append(journal, "one");
    faults.fdatasync_left = 0;
    assert_int_equal(tn_journal_append(journal, TN_STR("two"), NULL), -EIO);
    no_faults();
    append(journal, "three");
    tn_journal_close(journal);
    tn_journal_close(open_good(fixture));
    assert_string_equal(fixture->seen, "one|three|");
}

/* The undoing fails as well: nothing is appended behind the torn bytes until it has worked. */
static void test_journal_torn_end_is_undone_before_the_next_append(void **state)
{
    struct fixture *fixture = *state;
    struct tn_journal *journal = open_good(fixture);

    append(journal, "one");
    faults.pwrite_room = 5;
    faults.ftruncate_left = 0;
    assert_int_equal(tn_journal_append(journal, TN_STR("two"), NULL), -ENOSPC);
    faults.pwrite_room = -1;
    assert_int_equal(tn_journal_append(journal, TN_STR("three"), NULL), -EIO);
    no_faults();
    append(journal, "four");
    tn_journal_close(journal);
    tn_journal_close(open_good(fixture));
    assert_string_equal(fixture->seen, "one|four|");
}

static void test_journal_file_changed_by_others_is_not_written(void **state)
{
    struct fixture *fixture = *state;
    struct tn_journal *journal = open_good(fixture);
    FILE *file;
    char *why = NULL;

    append(journal, "one");
    file = fopen(fixture->path, "a");
    fputs("x", file);
    fclose(file);
    assert_int_equal(tn_journal_append(journal, TN_STR("two"), &why), -ESTALE);
    assert_non_null(strstr(why, "was changed by another program"));
    free(why);
    tn_journal_close(journal);
}

static void test_journal_file_removed_is_not_written(void **state)
{
    struct fixture *fixture = *state;
    struct tn_journal *journal = open_good(fixture);
    char *why = NULL;

    append(journal, "one");
    unlink(fixture->path);
    assert_int_equal(tn_journal_append(journal, TN_STR("two"), &why), -ENOENT);
    free(why);
    spill(fixture->path, "", 0);
    assert_int_equal(tn_journal_append(journal, TN_STR("two"), &why), -ESTALE);
    assert_non_null(strstr(why, "was replaced"));
    free(why);
    tn_journal_close(journal);
}

static void test_journal_compact_keeps_the_last_records_and_goes_on(void **state)
{
    struct fixture *fixture = *state;
    struct tn_journal *journal;

    three_records(fixture);
    journal = open_good(fixture);
    assert_int_equal(tn_journal_compact(journal, FIRST_LINE, NULL), 0);
    assert_int_equal(tn_journal_size(journal), FIRST_LINE + 13 + TN_JOURNAL_OVERHEAD);
    append(journal, "next");
    open_bad(fixture, -EAGAIN, "in use");
    tn_journal_close(journal);
    tn_journal_close(open_good(fixture));
    assert_string_equal(fixture->seen, "{\"b\":2}|{\"c\":\"three\"}|next|");
}

static void test_journal_compact_from_within_a_line_or_of_a_damaged_one_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char before[256];
    char after[256];
    char *why = NULL;
    size_t len;
    struct tn_journal *journal;
    FILE *file;

    three_records(fixture);
    journal = open_good(fixture);
    assert_int_equal(tn_journal_compact(journal, FIRST_LINE + 3, NULL), -EBADMSG);
    file = fopen(fixture->path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 2 * FIRST_LINE - 2, SEEK_SET), 0);
    assert_int_equal(fputc('!', file), '!');
    assert_int_equal(fclose(file), 0);
    len = slurp(fixture->path, before, sizeof(before));
    assert_int_equal(tn_journal_compact(journal, FIRST_LINE, &why), -EBADMSG);
    assert_non_null(strstr(why, "is damaged"));
    free(why);
    assert_int_equal(slurp(fixture->path, after, sizeof(after)), len);
    assert_memory_equal(before, after, len);
    assert_int_equal(tn_journal_compact(journal, 2 * FIRST_LINE, NULL), 0); /* only what is kept */
    tn_journal_close(journal);
    tn_journal_close(open_good(fixture));
    assert_string_equal(fixture->seen, "{\"c\":\"three\"}|");
}

/* Each step of the rewriting fails in turn: the old file stays, nothing is left lying about, and
 * appends go on. */
static void test_journal_compact_that_fails_leaves_the_file(void **state)
{
    struct fixture *fixture = *state;
    char temporary[128];

    three_records(fixture);
    snprintf(temporary, sizeof(temporary), "%s.tmp", fixture->path);
    for (int step = 0; step < 3; step++) {
        struct tn_journal *journal = open_good(fixture);
        char *why = NULL;
        int error;

        if (step == 0)
            faults.pwrite_room = 3;
        if (step == 1)
            faults.fsync_left = 0;
        if (step == 2)
            faults.rename_left = 0;
        error = tn_journal_compact(journal, FIRST_LINE, &why);
        assert_int_equal(error, step == 0 ? -ENOSPC : -EIO);
        assert_non_null(strstr(why, "cannot rewrite"));
        free(why);
        no_faults();
        assert_int_equal(access(temporary, F_OK), -1);
        append(journal, "more");
        tn_journal_close(journal);
        tn_journal_close(open_good(fixture));
        assert_int_equal(fixture->last_line, 3 + step + 1);
    }
}

/* The rename worked, the folder's fsync did not: the name points to the new file, and so must
 * appends. */
static void test_journal_compact_without_folder_sync_appends_to_the_new_file(void **state)
{
    struct fixture *fixture = *state;
    struct tn_journal *journal;

    three_records(fixture);
    journal = open_good(fixture);
    faults.fsync_left = 1;
    assert_int_equal(tn_journal_compact(journal, 2 * FIRST_LINE, NULL), -EIO);
    faults.fsync_left = 0; /* a crash could bring the old file back: nothing may be answered yet */
    assert_int_equal(tn_journal_append(journal, TN_STR("lost"), NULL), -EIO);
    no_faults();
    append(journal, "next");
    faults.fsync_left = 0; /* once is enough */
    append(journal, "last");
    no_faults();
    tn_journal_close(journal);
    tn_journal_close(open_good(fixture));
    assert_string_equal(fixture->seen, "{\"c\":\"three\"}|next|last|");
}

static void test_journal_compact_replaces_a_left_over_temporary_file(void **state)
{
    struct fixture *fixture = *state;
    struct tn_journal *journal;
    char temporary[128];

    snprintf(temporary, sizeof(temporary), "%s.tmp", fixture->path);
    spill(temporary, "half", 4);
    journal = open_good(fixture);
    assert_int_equal(tn_journal_compact(journal, 0, NULL), 0);
    tn_journal_close(journal);
    assert_int_equal(access(temporary, F_OK), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_journal_new_file_is_private_and_empty),
        TEST(test_journal_gives_back_what_was_appended),
        TEST(test_journal_line_is_checksum_space_record),
        TEST(test_journal_appends_after_reopening),
        TEST(test_journal_cut_at_every_byte_keeps_whole_lines),
        TEST(test_journal_flipped_byte_is_refused_with_its_line),
        TEST(test_journal_line_too_short_is_refused),
        TEST(test_journal_zeros_behind_the_end_are_a_cut_line),
        TEST(test_journal_record_that_its_reader_refuses),
        TEST(test_journal_second_process_is_refused_with_a_pid),
        TEST(test_journal_lock_of_a_killed_process_is_free),
        TEST(test_journal_is_no_folder_and_no_pipe),
        TEST(test_journal_missing_folder_is_told),
        TEST(test_journal_unreadable_file_is_told),
        TEST(test_journal_giant_file_is_refused),
        TEST(test_journal_record_must_be_one_line),
        TEST(test_journal_full_disk_leaves_the_file_as_it_was),
        TEST(test_journal_failed_sync_takes_the_line_back),
        TEST(test_journal_torn_end_is_undone_before_the_next_append),
        TEST(test_journal_file_changed_by_others_is_not_written),
        TEST(test_journal_file_removed_is_not_written),
        TEST(test_journal_compact_keeps_the_last_records_and_goes_on),
        TEST(test_journal_compact_from_within_a_line_or_of_a_damaged_one_is_refused),
        TEST(test_journal_compact_that_fails_leaves_the_file),
        TEST(test_journal_compact_without_folder_sync_appends_to_the_new_file),
        TEST(test_journal_compact_replaces_a_left_over_temporary_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

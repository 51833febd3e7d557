/*
 * The input is a journal file. It is refused and left as it was, or opened; then one record more is
 * there after the next opening, behind those that were told before.
 */
#include "lib/journal/journal.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ADDED "one record more"

struct told {
    unsigned count;
    uint32_t hash; /* of all records, in order */
    bool is_last_added;
};

static char path[64];
static char lock_path[80];

static void remove_files(void)
{
    unlink(path);
    unlink(lock_path);
}

static void name_files(void)
{
    if (path[0])
        return;
    snprintf(path, sizeof(path), "/dev/shm/turnout-fuzz-journal-%ld", (long)getpid());
    snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
    atexit(remove_files);
}

static void write_file(const uint8_t *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
}

static bool is_file(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, bytes, size + 1);
    bool is_same = got == (ssize_t)size && memcmp(bytes, data, size) == 0;

    close(fd);
    free(bytes);
    return is_same;
}

static int on_record(void *context, unsigned line, struct tn_str record, char **ret_why)
{
    struct told *told = context;

    (void)ret_why;
    if (line != told->count + 1)
        abort();
    told->count++;
    told->hash = told->hash * 31 + fuzz_number_of((const uint8_t *)record.ptr, record.len);
    told->is_last_added = tn_str_equal(record, TN_STR(ADDED));
    return 0;
}

static struct tn_journal *open_journal(struct told *told)
{
    struct tn_journal *journal = NULL;
    size_t cut;
    char *why = NULL;

    *told = (struct told){0};
    if (tn_journal_open(path, on_record, told, &cut, &why, &journal) != 0)
        journal = NULL;
    free(why);
    return journal;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct told before, after;
    struct tn_journal *journal;
    char *why = NULL;

    name_files();
    write_file(data, size);
    journal = open_journal(&before);
    if (!journal) {
        if (!is_file(data, size))
            abort();
        return 0;
    }
    if (tn_journal_append(journal, TN_STR(ADDED), &why) != 0)
        abort();
    tn_journal_close(journal);
    journal = open_journal(&after);
    if (!journal || after.count != before.count + 1 || !after.is_last_added)
        abort();
    if (after.hash != before.hash * 31 + fuzz_number_of((const uint8_t *)ADDED, sizeof(ADDED) - 1))
        abort();
    tn_journal_close(journal);
    return 0;
}

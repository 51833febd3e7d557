#include "lib/journal/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens the file, or makes it and its entry in the folder durable. */
static int open_file(const char *path, int *ret_fd, char **ret_why)
{
    int error = 0;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT) {
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0)
            error = tn_journal_sync_folder(path);
    }
    if (fd < 0)
        error = -errno;
    if (error) {
        if (fd >= 0)
            close(fd);
        return tn_journal_fail(ret_why, error, "cannot open %s: %s", path, strerror(-error));
    }
    *ret_fd = fd;
    return 0;
}

/* Takes away whatever lies behind the last good line. */
static int cut_back(struct tn_journal *journal)
{
    if (ftruncate(journal->fd, (off_t)journal->size) != 0 || fdatasync(journal->fd) != 0)
        return -errno;
    journal->is_torn = false;
    return 0;
}

static int load(struct tn_journal *journal, tn_journal_record_fn *on_record, void *context,
                size_t *ret_cut_bytes, char **ret_why)
{
    char *bytes;
    size_t len;
    size_t good;
    int error = tn_journal_read_file(journal->path, journal->fd, &bytes, &len, ret_why);

    if (error)
        return error;
    error = tn_journal_read_lines(journal->path, (struct tn_str){bytes, len}, on_record, context,
                                  &good, ret_why);
    free(bytes);
    if (error)
        return error;
    journal->size = good;
    if (good < len) {
        error = cut_back(journal);
        if (error)
            return tn_journal_fail(ret_why, error, "cannot cut the last line of %s: %s",
                                   journal->path, strerror(-error));
    }
    *ret_cut_bytes = len - good;
    return 0;
}

int tn_journal_open(const char *path, tn_journal_record_fn *on_record, void *context,
                    size_t *ret_cut_bytes, char **ret_why, struct tn_journal **ret_journal)
{
    const struct tn_journal_options options = {
        .path = path, .on_record = on_record, .context = context, .lock_fd = -1};

    return tn_journal_open_with(&options, ret_cut_bytes, ret_why, ret_journal);
}

int tn_journal_open_with(const struct tn_journal_options *options, size_t *ret_cut_bytes,
                         char **ret_why, struct tn_journal **ret_journal)
{
    struct tn_journal *journal = calloc(1, sizeof(*journal));
    int error;

    if (!journal) {
        if (options->lock_fd >= 0)
            close(options->lock_fd);
        return tn_journal_fail(ret_why, -ENOMEM, "no memory");
    }
    journal->fd = -1;
    journal->lock_fd = options->lock_fd;
    journal->path = strdup(options->path);
    if (!journal->path) {
        error = tn_journal_fail(ret_why, -ENOMEM, "no memory");
        goto fail;
    }
    if (!tn_journal_is_lock_of(journal->lock_fd, journal->path)) {
        if (journal->lock_fd >= 0)
            close(journal->lock_fd);
        journal->lock_fd = -1;
        error = tn_journal_lock(journal->path, &journal->lock_fd, ret_why);
        if (error)
            goto fail;
    }
    error = open_file(journal->path, &journal->fd, ret_why);
    if (error)
        goto fail;
    error = load(journal, options->on_record, options->context, ret_cut_bytes, ret_why);
    if (error)
        goto fail;
    *ret_journal = journal;
    return 0;
fail:
    tn_journal_close(journal);
    return error;
}

/* Is the file still the one that we wrote? Its name may have been removed, its end moved. */
static int check_untouched(struct tn_journal *journal, char **ret_why)
{
    struct stat status;
    struct stat named;

    if (fstat(journal->fd, &status) != 0 || stat(journal->path, &named) != 0) {
        int error = -errno;

        return tn_journal_fail(ret_why, error, "%s: %s", journal->path, strerror(-error));
    }
    if (status.st_ino != named.st_ino || status.st_dev != named.st_dev)
        return tn_journal_fail(ret_why, -ESTALE, "%s was replaced while it was in use",
                               journal->path);
    if (!journal->is_torn && (uint64_t)status.st_size != journal->size)
        return tn_journal_fail(ret_why, -ESTALE, "%s was changed by another program",
                               journal->path);
    return 0;
}

/* Until the folder is on the disk a crash may bring the old file back, without what was appended to
 * the new one since. */
static int sync_name(struct tn_journal *journal)
{
    int error = journal->is_name_unsure ? tn_journal_sync_folder(journal->path) : 0;

    if (!error)
        journal->is_name_unsure = false;
    return error;
}

int tn_journal_append(struct tn_journal *journal, struct tn_str record, char **ret_why)
{
    uint64_t line_len = record.len + TN_JOURNAL_OVERHEAD;
    int error;

    if (record.len == 0 || memchr(record.ptr, '\n', record.len))
        return tn_journal_fail(ret_why, -EINVAL, "a record must be one line");
    if (record.len > TN_JOURNAL_RECORD_MAX || journal->size + line_len > TN_JOURNAL_FILE_MAX)
        return tn_journal_fail(ret_why, -EFBIG, "the record does not fit into %s", journal->path);
    error = check_untouched(journal, ret_why);
    if (error)
        return error;
    if (journal->is_torn)
        error = cut_back(journal);
    if (!error)
        error = sync_name(journal);
    if (!error) {
        journal->is_torn = true;
        error = tn_journal_write_line(journal->fd, journal->size, record);
    }
    if (!error && fdatasync(journal->fd) != 0)
        error = -errno;
    if (error) {
        tn_journal_fail(ret_why, error, "cannot write %s: %s", journal->path, strerror(-error));
        cut_back(journal); /* if it fails, is_torn stays and the next append tries again */
        return error;
    }
    journal->is_torn = false;
    journal->size += line_len;
    return 0;
}

/* The temporary file, complete and durable, open. */
static int make_compacted(const char *temporary, struct tn_str lines, int *ret_fd)
{
    int error;
    int fd;

    unlink(temporary); /* left by a crash; the lock says that nobody uses it */
    fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    error = tn_journal_write_all(fd, 0, lines.ptr, lines.len);
    if (!error && fsync(fd) != 0)
        error = -errno;
    if (error) {
        close(fd);
        unlink(temporary);
        return error;
    }
    *ret_fd = fd;
    return 0;
}

static int replace_file(struct tn_journal *journal, const char *temporary, struct tn_str lines)
{
    int fd = -1;
    int error = make_compacted(temporary, lines, &fd);

    if (error)
        return error;
    if (rename(temporary, journal->path) != 0) {
        error = -errno;
        close(fd);
        unlink(temporary);
        return error;
    }
    /* From here on the new file is the journal, whatever the folder's fsync says: appends must go
     * where the name points. */
    close(journal->fd);
    journal->fd = fd;
    journal->size = lines.len;
    journal->is_torn = false;
    journal->is_name_unsure = true;
    return sync_name(journal);
}

static int pass_record(void *context, unsigned line, struct tn_str record, char **ret_why)
{
    (void)context;
    (void)line;
    (void)record;
    (void)ret_why;
    return 0;
}

/* A damaged line must not be carried into the new file, where it would stop the next start. */
static int read_kept(struct tn_journal *journal, uint64_t from, char **ret_bytes, char **ret_why)
{
    size_t len = (size_t)(journal->size - from);
    size_t good = 0;
    int error = tn_journal_read_tail(journal->fd, from, journal->size, ret_bytes);

    if (error)
        return tn_journal_fail(ret_why, error, "cannot read %s: %s", journal->path,
                               strerror(-error));
    error = tn_journal_read_lines(journal->path, (struct tn_str){*ret_bytes, len}, pass_record,
                                  NULL, &good, ret_why);
    if (!error && good < len)
        error = tn_journal_fail(ret_why, -EBADMSG, "%s: its last line has no end", journal->path);
    if (error)
        free(*ret_bytes);
    return error;
}

int tn_journal_compact(struct tn_journal *journal, uint64_t from, char **ret_why)
{
    char *temporary;
    char *bytes;
    int error;

    if (from > journal->size)
        return tn_journal_fail(ret_why, -EINVAL, "%s is not that long", journal->path);
    error = check_untouched(journal, ret_why);
    if (!error)
        error = read_kept(journal, from, &bytes, ret_why);
    if (error)
        return error;
    if (asprintf(&temporary, "%s.tmp", journal->path) < 0) {
        free(bytes);
        return tn_journal_fail(ret_why, -ENOMEM, "no memory");
    }
    error =
        replace_file(journal, temporary, (struct tn_str){bytes, (size_t)(journal->size - from)});
    if (error)
        tn_journal_fail(ret_why, error, "cannot rewrite %s: %s", journal->path, strerror(-error));
    free(temporary);
    free(bytes);
    return error;
}

int tn_journal_lock_descriptor(const struct tn_journal *journal)
{
    return journal->lock_fd;
}

void tn_journal_claim(struct tn_journal *journal)
{
    tn_journal_sign_lock(journal->lock_fd);
}

uint64_t tn_journal_size(const struct tn_journal *journal)
{
    return journal->size;
}

void tn_journal_close(struct tn_journal *journal)
{
    if (!journal)
        return;
    if (journal->fd >= 0)
        close(journal->fd);
    if (journal->lock_fd >= 0)
        close(journal->lock_fd);
    free(journal->path);
    free(journal);
}

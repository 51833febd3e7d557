#include "lib/journal/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* The process that holds the lock wrote its number into the file: whoever is refused can be told.
 */
static int tell_holder(int fd, const char *path, char **ret_why)
{
    char text[24];
    ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

    text[len > 0 ? len : 0] = '\0';
    text[strspn(text, "0123456789")] = '\0';
    if (text[0])
        return tn_journal_fail(ret_why, -EAGAIN, "%s is in use by process %s", path, text);
    return tn_journal_fail(ret_why, -EAGAIN, "%s is in use by another process", path);
}

/* Only for the message above: that it fails on a full disk does no harm. */
void tn_journal_sign_lock(int fd)
{
    char pid[24];
    int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)len, 0) < 0)
        errno = 0;
}

bool tn_journal_is_lock_of(int fd, const char *path)
{
    char lock_path[4096];
    struct stat passed;
    struct stat named;

    return fd >= 0 &&
           snprintf(lock_path, sizeof(lock_path), "%s.lock", path) < (int)sizeof(lock_path) &&
           fstat(fd, &passed) == 0 && stat(lock_path, &named) == 0 &&
           passed.st_dev == named.st_dev && passed.st_ino == named.st_ino &&
           flock(fd, LOCK_EX | LOCK_NB) == 0;
}

int tn_journal_lock(const char *path, int *ret_fd, char **ret_why)
{
    char lock_path[4096];
    int fd;
    int error;

    if (snprintf(lock_path, sizeof(lock_path), "%s.lock", path) >= (int)sizeof(lock_path))
        return tn_journal_fail(ret_why, -ENAMETOOLONG, "the path of the store is too long");
    fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        error = -errno;
        return tn_journal_fail(ret_why, error, "cannot open %s: %s", lock_path, strerror(-error));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        error = -errno;
        if (error == -EWOULDBLOCK)
            error = tell_holder(fd, path, ret_why);
        else
            tn_journal_fail(ret_why, error, "cannot lock %s: %s", lock_path, strerror(-error));
        close(fd);
        return error;
    }
    tn_journal_sign_lock(fd);
    *ret_fd = fd;
    return 0;
}

static int read_all(int fd, uint64_t offset, char *bytes, size_t size, size_t *ret_len)
{
    size_t len = 0;

    while (len < size) {
        ssize_t count = pread(fd, bytes + len, size - len, (off_t)(offset + len));

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        if (count == 0)
            break;
        len += (size_t)count;
    }
    *ret_len = len;
    return 0;
}

int tn_journal_read_file(const char *path, int fd, char **ret_bytes, size_t *ret_len,
                         char **ret_why)
{
    struct stat status;
    char *bytes;
    size_t len = 0;
    int error;

    if (fstat(fd, &status) != 0) {
        error = -errno;
        return tn_journal_fail(ret_why, error, "cannot read %s: %s", path, strerror(-error));
    }
    if (!S_ISREG(status.st_mode))
        return tn_journal_fail(ret_why, -EINVAL, "%s is not a regular file", path);
    if ((uint64_t)status.st_size > TN_JOURNAL_FILE_MAX)
        return tn_journal_fail(ret_why, -EFBIG, "%s is larger than %u bytes: not a file of ours",
                               path, TN_JOURNAL_FILE_MAX);
    bytes = malloc((size_t)status.st_size + 1);
    if (!bytes)
        return tn_journal_fail(ret_why, -ENOMEM, "no memory to read %s", path);
    error = read_all(fd, 0, bytes, (size_t)status.st_size, &len);
    if (error) {
        free(bytes);
        return tn_journal_fail(ret_why, error, "cannot read %s: %s", path, strerror(-error));
    }
    *ret_bytes = bytes;
    *ret_len = len;
    return 0;
}

int tn_journal_read_tail(int fd, uint64_t from, uint64_t size, char **ret_bytes)
{
    size_t wanted = (size_t)(size - from);
    size_t len = 0;
    char *bytes = malloc(wanted + 1);
    int error;

    if (!bytes)
        return -ENOMEM;
    error = read_all(fd, from, bytes, wanted, &len);
    if (!error && len < wanted)
        error = -ESTALE;
    if (error) {
        free(bytes);
        return error;
    }
    *ret_bytes = bytes;
    return 0;
}

int tn_journal_write_all(int fd, uint64_t offset, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t count = pwrite(fd, bytes, len, (off_t)offset);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        if (count == 0)
            return -EIO;
        bytes += count;
        len -= (size_t)count;
        offset += (uint64_t)count;
    }
    return 0;
}

int tn_journal_write_line(int fd, uint64_t offset, struct tn_str record)
{
    size_t len = record.len + TN_JOURNAL_OVERHEAD;
    char *line = malloc(len);
    int error;

    if (!line)
        return -ENOMEM;
    tn_journal_checksum(record, line);
    line[TN_JOURNAL_HEX] = ' ';
    memcpy(line + TN_JOURNAL_HEX + 1, record.ptr, record.len);
    line[len - 1] = '\n';
    error = tn_journal_write_all(fd, offset, line, len);
    free(line);
    return error;
}

int tn_journal_sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    int error = 0;
    int fd;

    if (!folder)
        return -ENOMEM;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd < 0)
        return -errno;
    if (fsync(fd) != 0)
        error = -errno;
    close(fd);
    return error;
}

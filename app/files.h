/*
 * files: the few file operations whose order decides whether a visit survives.
 *
 * Not for the meaning of the bytes (counter.h, transfers.h).
 * Shape: names are relative to the data folder's descriptor, so that a renamed folder changes
 * nothing. Errors: negative errno of the call that failed; -EWOULDBLOCK from lock when another
 * process has it. Ownership: descriptors returned are the caller's. Threads: whoever holds the
 * lock, one at a time.
 *
 * app_file_ops: the calls that may fail on a bad or full disk, as a table that a test replaces.
 */
#ifndef APP_FILES_H
#define APP_FILES_H

#include <stddef.h>
#include <sys/types.h>

struct app_file_ops {
    ssize_t (*pwrite)(int fd, const void *bytes, size_t len, off_t offset);
    int (*fdatasync)(int fd);
    int (*fsync)(int fd);
    int (*ftruncate)(int fd, off_t len);
    int (*rename)(int folder, const char *from, int to_folder, const char *to);
};

/* The kernel's. */
extern const struct app_file_ops app_file_ops_system;

/* Opens the folder, making it (but not its parents) when it is absent. */
int app_file_open_folder(const char *path, int *ret_fd);

/* Takes an exclusive lock that ends with the process, however it ends. On -EWOULDBLOCK *ret_owner
 * is the other process, or 0 if the lock file does not say. */
int app_file_lock(int folder, const char *name, int *ret_fd, pid_t *ret_owner);

/* Writes all of it; a short write is continued. *ret_written (also on failure): bytes that are
 * different now. */
int app_file_write(const struct app_file_ops *ops, int fd, const void *bytes, size_t len,
                   off_t offset, size_t *ret_written);

struct app_file_content {
    const void *bytes;
    size_t len;
};

/*
 * Makes or replaces a file so that at any moment the old or the new content stands under its name:
 * temporary file, fsync, rename, fsync of the folder. model: a descriptor whose mode and owner the
 * new file takes over, or -1. On success *ret_fd is the new file, open for reading and writing. On
 * failure the old content stands, or, if only the last fsync failed, the new.
 */
int app_file_replace(const struct app_file_ops *ops, int folder, const char *name,
                     struct app_file_content content, int model, int *ret_fd);

#endif

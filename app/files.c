#include "app/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

const struct app_file_ops app_file_ops_system = {.pwrite = pwrite,
                                                 .fdatasync = fdatasync,
                                                 .fsync = fsync,
                                                 .ftruncate = ftruncate,
                                                 .rename = renameat};

int app_file_open_folder(const char *path, int *ret_fd)
{
    if (mkdir(path, 0755) == -1 && errno != EEXIST) {
        return -errno;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1) {
        return -errno;
    }
    *ret_fd = fd;
    return 0;
}

int app_file_lock(int folder, const char *name, int *ret_fd, pid_t *ret_owner)
{
    int fd = openat(folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    if (fd == -1) {
        return -errno;
    }
    char owner[32] = "";
    if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
        int error = -errno;
        if (pread(fd, owner, sizeof(owner) - 1, 0) > 0) {
            *ret_owner = (pid_t)strtol(owner, NULL, 10);
        } else {
            *ret_owner = 0;
        }
        close(fd);
        return error;
    }
    /* The number only serves another process's message: a full disk must not keep us from starting.
     */
    int len = snprintf(owner, sizeof(owner), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0 && pwrite(fd, owner, (size_t)len, 0) != len) {
        (void)!ftruncate(fd, 0);
    }
    *ret_fd = fd;
    return 0;
}

int app_file_write(const struct app_file_ops *ops, int fd, const void *bytes, size_t len,
                   off_t offset, size_t *ret_written)
{
    size_t done = 0;
    int error = 0;
    while (done < len && error == 0) {
        ssize_t n = ops->pwrite(fd, (const char *)bytes + done, len - done, offset + (off_t)done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0) {
            error = -EIO;
        } else if (errno != EINTR) {
            error = -errno;
        }
    }
    *ret_written = done;
    return error;
}

static void copy_mode_and_owner(int fd, int model)
{
    struct stat status;
    if (model == -1 || fstat(model, &status) == -1) {
        return;
    }
    /* Best effort: only root may give files away, and the count matters more than its owner. */
    (void)!fchown(fd, status.st_uid, status.st_gid);
    (void)!fchmod(fd, status.st_mode & 07777);
}

int app_file_replace(const struct app_file_ops *ops, int folder, const char *name,
                     struct app_file_content content, int model, int *ret_fd)
{
    char temporary[64];
    (void)snprintf(temporary, sizeof(temporary), "%s.tmp", name);
    if (unlinkat(folder, temporary, 0) == -1 && errno != ENOENT) {
        return -errno;
    }
    int fd = openat(folder, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd == -1) {
        return -errno;
    }
    copy_mode_and_owner(fd, model);
    size_t written;
    int error = app_file_write(ops, fd, content.bytes, content.len, 0, &written);
    if (error == 0 && ops->fsync(fd) == -1) {
        error = -errno;
    }
    if (error == 0 && ops->rename(folder, temporary, folder, name) == -1) {
        error = -errno;
    }
    if (error != 0) {
        unlinkat(folder, temporary, 0);
        close(fd);
        return error;
    }
    if (ops->fsync(folder) == -1) {
        error = -errno;
        close(fd);
        return error;
    }
    *ret_fd = fd;
    return 0;
}

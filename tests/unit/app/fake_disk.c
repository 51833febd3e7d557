#include "tests/unit/app/fake_disk.h"

#include "app/counter.h"
#include "app/transfers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

struct fake_disk fake_disk = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                              .changed = PTHREAD_COND_INITIALIZER};

static bool fails_now(void)
{
    fake_disk.calls++;
    bool fails = fake_disk.fail_from != 0 && fake_disk.calls >= fake_disk.fail_from &&
                 fake_disk.calls - fake_disk.fail_from < fake_disk.fail_count;
    if (fails) {
        errno = fake_disk.fail_error;
    }
    return fails;
}

static ssize_t fake_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    if (!fails_now()) {
        return pwrite(fd, bytes, len, offset);
    }
    if (fake_disk.short_len > 0 && fake_disk.short_len < len) {
        ssize_t written = pwrite(fd, bytes, fake_disk.short_len, offset);
        fake_disk.short_len = 0;
        return written;
    }
    errno = fake_disk.fail_error;
    return -1;
}

static int fake_fdatasync(int fd)
{
    pthread_mutex_lock(&fake_disk.mutex);
    fake_disk.syncs++;
    fake_disk.waiting++;
    pthread_cond_broadcast(&fake_disk.changed);
    while (fake_disk.is_gated) {
        pthread_cond_wait(&fake_disk.changed, &fake_disk.mutex);
    }
    fake_disk.waiting--;
    pthread_mutex_unlock(&fake_disk.mutex);
    return fails_now() ? -1 : fdatasync(fd);
}

static int fake_fsync(int fd)
{
    return fails_now() ? -1 : fsync(fd);
}

static int fake_ftruncate(int fd, off_t len)
{
    return fails_now() ? -1 : ftruncate(fd, len);
}

static int fake_rename(int folder, const char *from, int to_folder, const char *to)
{
    return fails_now() ? -1 : renameat(folder, from, to_folder, to);
}

const struct app_file_ops fake_disk_ops = {.pwrite = fake_pwrite,
                                           .fdatasync = fake_fdatasync,
                                           .fsync = fake_fsync,
                                           .ftruncate = fake_ftruncate,
                                           .rename = fake_rename};

int fake_disk_open(void **state)
{
    (void)state;
    /* Not on the machine's real disk where there is a choice: these tests sync thousands of times.
     */
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(fake_disk.path, sizeof(fake_disk.path), "%s/counter-test-XXXXXX", base);
    fake_disk_heal();
    return mkdtemp(fake_disk.path) == NULL ? -1 : 0;
}

int fake_disk_close(void **state)
{
    (void)state;
    DIR *folder = opendir(fake_disk.path);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        if (unlinkat(dirfd(folder), entry->d_name, 0) == -1) {
            unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return rmdir(fake_disk.path);
}

void fake_disk_heal(void)
{
    fake_disk.calls = 0;
    fake_disk.syncs = 0;
    fake_disk.fail_from = 0;
    fake_disk.is_gated = false;
}

void fake_disk_fail(unsigned from, unsigned count, int error, size_t short_len)
{
    fake_disk_heal();
    fake_disk.fail_from = from;
    fake_disk.fail_count = count;
    fake_disk.fail_error = error;
    fake_disk.short_len = short_len;
}

static void join_path(char *buffer, size_t size, const char *name)
{
    assert_true(snprintf(buffer, size, "%s/%s", fake_disk.path, name) < (int)size);
}

void fake_disk_write(const char *name, const void *bytes, size_t len)
{
    char path[256];
    join_path(path, sizeof(path), name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_int_not_equal(fd, -1);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

long fake_disk_read(const char *name, void *bytes, size_t size)
{
    char path[256];
    join_path(path, sizeof(path), name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        return -1;
    }
    long len = (long)read(fd, bytes, size);
    close(fd);
    return len;
}

uint64_t fake_disk_visits(void)
{
    unsigned char bytes[APP_COUNTER_SIZE + 1];
    uint64_t value;
    assert_int_equal(fake_disk_read("visits.bin", bytes, sizeof(bytes)), APP_COUNTER_SIZE);
    assert_int_equal(app_counter_decode(bytes, APP_COUNTER_SIZE, &value), 0);
    return value;
}

size_t fake_disk_checksum(char *line, size_t len)
{
    unsigned long crc = crc32(0, (const unsigned char *)line, (unsigned)len);
    return len + (size_t)snprintf(line + len, 16, " %08lx\n", crc);
}

size_t fake_disk_line(char *line, const char *id, uint64_t amount, uint64_t before)
{
    int len = snprintf(line, APP_TRANSFER_LINE_SIZE, "1 %s %" PRIu64 " %" PRIu64 " %" PRIu64, id,
                       amount, before, before + amount);
    return fake_disk_checksum(line, (size_t)len);
}

void fake_disk_wait_at_gate(void)
{
    pthread_mutex_lock(&fake_disk.mutex);
    while (fake_disk.waiting == 0) {
        pthread_cond_wait(&fake_disk.changed, &fake_disk.mutex);
    }
    pthread_mutex_unlock(&fake_disk.mutex);
}

void fake_disk_open_gate(void)
{
    pthread_mutex_lock(&fake_disk.mutex);
    fake_disk.is_gated = false;
    pthread_cond_broadcast(&fake_disk.changed);
    pthread_mutex_unlock(&fake_disk.mutex);
}

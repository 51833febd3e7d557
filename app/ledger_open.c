#include "app/counter.h"
#include "app/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct opening {
    struct app_ledger *ledger;
    const char *path;
    struct app_text *problem;
};

/* "cannot VERB PATH/NAME: why" */
static int say(const struct opening *opening, const char *verb, const char *name, int error)
{
    app_text_add(opening->problem, "cannot %s %s%s%s: %s", verb, opening->path,
                 name[0] == '\0' ? "" : "/", name, strerror(-error));
    return error;
}

static int lock_folder(const struct opening *opening)
{
    struct app_ledger *ledger = opening->ledger;
    pid_t owner = 0;
    int error = app_file_open_folder(opening->path, &ledger->folder);
    if (error == -ENOENT) {
        say(opening, "make the data folder", "", error);
        app_text_add(opening->problem, " (its parent must exist)");
        return error;
    }
    if (error != 0) {
        return say(opening, "open the data folder", "", error);
    }
    error = app_file_lock(ledger->folder, APP_LEDGER_LOCK, &ledger->lock, &owner);
    if (error == -EWOULDBLOCK) {
        app_text_add(opening->problem, "the data folder %s is in use by another counter",
                     opening->path);
        if (owner > 0) {
            app_text_add(opening->problem, " (process %ld)", (long)owner);
        }
        return error;
    }
    return error == 0 ? 0 : say(opening, "lock", APP_LEDGER_LOCK, error);
}

/* Opens a regular file that exists. -ENOENT is not told. Non-blocking, or a pipe would hang us. */
static int open_regular(const struct opening *opening, const char *name, int *ret_fd,
                        uint64_t *ret_len)
{
    struct stat status;
    int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int fd = openat(opening->ledger->folder, name, flags);
    if (fd == -1) {
        return errno == ENOENT ? -ENOENT : say(opening, "open", name, -errno);
    }
    if (fstat(fd, &status) == -1) {
        int error = -errno;
        close(fd);
        return say(opening, "read", name, error);
    }
    if (!S_ISREG(status.st_mode)) {
        close(fd);
        app_text_add(opening->problem, "%s/%s is not a regular file", opening->path, name);
        return -EINVAL;
    }
    *ret_fd = fd;
    *ret_len = (uint64_t)status.st_size;
    return 0;
}

/* *ret_len: 0 if there is no file yet, else 1 to 8. */
static int read_visits(const struct opening *opening, size_t *ret_len)
{
    struct app_ledger *ledger = opening->ledger;
    unsigned char bytes[APP_COUNTER_SIZE];
    uint64_t len = 0;
    int error = open_regular(opening, APP_LEDGER_VISITS, &ledger->visits, &len);
    if (error == -ENOENT) {
        *ret_len = 0;
        return 0;
    }
    if (error != 0) {
        return error;
    }
    if (len == 0 || len > APP_COUNTER_SIZE) {
        app_text_add(opening->problem,
                     "%s/" APP_LEDGER_VISITS " is %" PRIu64 " bytes long, expected 1 to %d: not a "
                     "count that any build wrote; it was left as it is",
                     opening->path, len, APP_COUNTER_SIZE);
        return -EINVAL;
    }
    ssize_t got = pread(ledger->visits, bytes, len, 0);
    if (got != (ssize_t)len) {
        return say(opening, "read", APP_LEDGER_VISITS, got == -1 ? -errno : -EIO);
    }
    *ret_len = len;
    return app_counter_decode(bytes, len, &ledger->value);
}

static int parse_log(const struct opening *opening, const char *bytes, size_t len)
{
    struct app_ledger *ledger = opening->ledger;
    size_t good;
    size_t line;
    int error = app_transfers_load(&ledger->transfers, bytes, len, &good, &line);
    if (error == -EINVAL) {
        app_text_add(opening->problem,
                     "%s/" APP_LEDGER_LOG " is damaged in line %zu; it was left as it is",
                     opening->path, line);
        return error;
    }
    if (error != 0) {
        return say(opening, "load", APP_LEDGER_LOG, error);
    }
    ledger->log_len = good;
    ledger->is_log_dirty = good < len;
    return 0;
}

static int read_log(const struct opening *opening)
{
    struct app_ledger *ledger = opening->ledger;
    uint64_t len = 0;
    int error = open_regular(opening, APP_LEDGER_LOG, &ledger->log, &len);
    if (error != 0) {
        return error == -ENOENT ? 0 : error;
    }
    if (len > (uint64_t)APP_TRANSFERS_MAX * APP_TRANSFER_LINE_SIZE) {
        return say(opening, "load", APP_LEDGER_LOG, -EFBIG);
    }
    char *bytes = malloc(len + 1);
    if (bytes == NULL) {
        return say(opening, "load", APP_LEDGER_LOG, -ENOMEM);
    }
    ssize_t got = pread(ledger->log, bytes, len, 0);
    if (got == (ssize_t)len) {
        error = parse_log(opening, bytes, len);
    } else {
        error = say(opening, "read", APP_LEDGER_LOG, got == -1 ? -errno : -EIO);
    }
    free(bytes);
    return error;
}

/* The last import may have been under way when the process died: see the header. */
static int finish_last_import(const struct opening *opening, bool has_visits)
{
    struct app_ledger *ledger = opening->ledger;
    if (ledger->transfers.count == 0) {
        return 0;
    }
    const struct app_transfer *last = &ledger->transfers.items[ledger->transfers.count - 1];
    if (!has_visits || ledger->value < last->before) {
        app_text_add(opening->problem,
                     "%s/" APP_LEDGER_VISITS " %s, but " APP_LEDGER_LOG " says that %" PRIu64
                     " were counted: put the right one back, or remove both to start from nothing",
                     opening->path, has_visits ? "holds less" : "is missing", last->after);
        return -EINVAL;
    }
    if (ledger->value == last->before) {
        ledger->value = last->after;
        ledger->is_broken = true;
    } else if (ledger->value < last->after) {
        char line[APP_TRANSFER_LINE_SIZE];
        ledger->log_len -= app_transfer_format(last, line);
        ledger->is_log_dirty = true;
        ledger->transfers.count--;
    }
    return 0;
}

int app_ledger_open(struct app_ledger *ledger, const char *path, const struct app_file_ops *ops,
                    struct app_text *problem)
{
    struct opening opening = {ledger, path, problem};
    size_t len = 0;
    *ledger = (struct app_ledger){.ops = ops, .folder = -1, .lock = -1, .visits = -1, .log = -1};
    app_transfers_init(&ledger->transfers);
    int error = lock_folder(&opening);
    if (error == 0) {
        error = read_visits(&opening, &len);
    }
    if (error == 0) {
        error = read_log(&opening);
    }
    if (error == 0) {
        error = finish_last_import(&opening, len > 0);
    }
    if (error == 0 && (len < APP_COUNTER_SIZE || ledger->is_broken || ledger->is_log_dirty)) {
        error = app_ledger_write_anew(ledger, ledger->value);
        if (error != 0) {
            say(&opening, "write", APP_LEDGER_VISITS, error);
        }
    }
    return error;
}

#include "app/ledger.h"

#include "app/counter.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void app_ledger_close(struct app_ledger *ledger)
{
    int *descriptors[] = {&ledger->log, &ledger->visits, &ledger->lock, &ledger->folder};
    for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++) {
        if (*descriptors[i] != -1) {
            close(*descriptors[i]);
        }
        *descriptors[i] = -1;
    }
    app_transfers_deinit(&ledger->transfers);
}

/* A new visits.bin in place of the old one. */
static int replace_visits(struct app_ledger *ledger, uint64_t value)
{
    unsigned char bytes[APP_COUNTER_SIZE];
    int fd;
    app_counter_encode(value, bytes);
    struct app_file_content content = {bytes, sizeof(bytes)};
    int error = app_file_replace(ledger->ops, ledger->folder, APP_LEDGER_VISITS, content,
                                 ledger->visits, &fd);
    if (error != 0) {
        return error;
    }
    if (ledger->visits != -1) {
        close(ledger->visits);
    }
    ledger->visits = fd;
    return 0;
}

static int cut_log(struct app_ledger *ledger)
{
    if (ledger->ops->ftruncate(ledger->log, (off_t)ledger->log_len) == -1 ||
        ledger->ops->fdatasync(ledger->log) == -1) {
        return -errno;
    }
    ledger->is_log_dirty = false;
    return 0;
}

int app_ledger_write_anew(struct app_ledger *ledger, uint64_t value)
{
    int error = ledger->is_log_dirty ? cut_log(ledger) : 0;
    if (error == 0) {
        error = replace_visits(ledger, value);
    }
    ledger->is_broken = error != 0;
    return error;
}

/* The fast way: 8 bytes in their place. */
static int write_in_place(struct app_ledger *ledger, uint64_t old, uint64_t value)
{
    unsigned char bytes[APP_COUNTER_SIZE];
    size_t written;
    app_counter_encode(value, bytes);
    int error = app_file_write(ledger->ops, ledger->visits, bytes, sizeof(bytes), 0, &written);
    if (error == 0) {
        if (ledger->ops->fdatasync(ledger->visits) == 0) {
            return 0;
        }
        error = -errno;
    } else if (written > 0) {
        /* Half a number is garbage: put the old bytes back over those that were written. */
        app_counter_encode(old, bytes);
        (void)app_file_write(ledger->ops, ledger->visits, bytes, written, 0, &written);
    }
    ledger->is_broken = true;
    return error;
}

/* old: what visits.bin holds now, unless the ledger is broken. */
static int write_value(struct app_ledger *ledger, uint64_t old, uint64_t value)
{
    return ledger->is_broken ? app_ledger_write_anew(ledger, value)
                             : write_in_place(ledger, old, value);
}

int app_ledger_add(struct app_ledger *ledger, uint64_t count)
{
    uint64_t sum;
    int error = app_counter_add(ledger->value, count, &sum);
    if (error == 0) {
        error = write_value(ledger, ledger->value, sum);
    }
    if (error == 0) {
        ledger->value = sum;
    }
    return error;
}

int app_ledger_repair(struct app_ledger *ledger)
{
    return ledger->is_broken ? app_ledger_write_anew(ledger, ledger->value) : 0;
}

static int append_line(struct app_ledger *ledger, const struct app_transfer *transfer)
{
    char line[APP_TRANSFER_LINE_SIZE];
    size_t len = app_transfer_format(transfer, line);
    size_t written;
    if (ledger->log == -1) {
        int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
        int fd = openat(ledger->folder, APP_LEDGER_LOG, flags, 0644);
        if (fd == -1) {
            return -errno;
        }
        ledger->log = fd;
    }
    ledger->is_log_dirty = true;
    int error =
        app_file_write(ledger->ops, ledger->log, line, len, (off_t)ledger->log_len, &written);
    if (error == 0 && ledger->ops->fdatasync(ledger->log) == -1) {
        error = -errno;
    }
    if (error == 0 && ledger->log_len == 0 && ledger->ops->fsync(ledger->folder) == -1) {
        error = -errno; /* the file's name must be durable too */
    }
    if (error != 0) {
        ledger->is_broken = true;
        return error;
    }
    ledger->is_log_dirty = false;
    ledger->log_len += len;
    return 0;
}

static int check_known(const struct app_transfer *known, uint64_t amount)
{
    return known->amount == amount ? 0 : -EEXIST;
}

int app_ledger_import(struct app_ledger *ledger, const char *id, uint64_t amount, bool *ret_was_new)
{
    struct app_transfer transfer = {.amount = amount, .before = ledger->value};
    const struct app_transfer *known = app_transfers_find(&ledger->transfers, id);
    int error = known != NULL ? check_known(known, amount)
                              : app_counter_add(transfer.before, transfer.amount, &transfer.after);
    if (error == 0) {
        /* The line is true only if `before` is what stands on disk when it is written. */
        error = app_ledger_repair(ledger);
    }
    if (error == 0 && known != NULL) {
        *ret_was_new = false;
        return 0;
    }
    if (error == 0) {
        error = app_transfers_reserve(&ledger->transfers);
    }
    if (error == 0) {
        memcpy(transfer.id, id, strlen(id) + 1);
        error = append_line(ledger, &transfer);
    }
    if (error != 0) {
        return error;
    }
    app_transfers_push(&ledger->transfers, &transfer);
    /* From here on it counts: should the next write fail, a later one or the next start does it. */
    ledger->value = transfer.after;
    error = write_value(ledger, transfer.before, transfer.after);
    if (error == 0) {
        *ret_was_new = true;
    }
    return error;
}

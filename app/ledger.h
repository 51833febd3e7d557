/*
 * ledger: the count on disk: DIR/visits.bin, DIR/transfers.log and the lock on both.
 *
 * Not for threads or waiting (store.h): every call returns when the change is durable, or failed.
 *
 * Promises, at any moment of a kill:
 *   visits.bin holds a number that is at least every value that a call returned as durable;
 *   an import counts once, and is known after its call returned, whatever happened in between.
 * How: 8 bytes are overwritten in place and synced. After any failure the place is not trusted
 * (after a failed fsync the kernel forgets what was not written), so the next change replaces the
 * file. An import is first a line of the log that says the count before and after it. When the
 * ledger is opened, the last line decides: count at least `after`: done; count equal to `before`:
 * it is done now; in between: the line was never durable, and is taken off.
 *
 * Errors: negative errno. -EEXIST: the transfer id stands for another amount; -E2BIG: too many ids;
 * -EOVERFLOW: the sum does not fit: nothing was tried then. All others: the disk failed, the change
 * is not counted (an import: may be counted later, and is safe to repeat), `is_broken` is true.
 * Ownership: open fills the caller's struct, close empties it. Threads: one at a time.
 */
#ifndef APP_LEDGER_H
#define APP_LEDGER_H

#include "app/files.h"
#include "app/text.h"
#include "app/transfers.h"

#include <stdbool.h>
#include <stdint.h>

struct app_ledger {
    const struct app_file_ops *ops;
    uint64_t
        value; /* durable, but for an import whose line is durable and whose count is not yet */
    bool is_broken; /* the last attempt to write failed; the next replaces the files */
    /* private */
    int folder;
    int lock;
    int visits;
    int log; /* -1 until the first import */
    uint64_t log_len;
    bool is_log_dirty; /* bytes may stand behind log_len */
    struct app_transfers transfers;
};

/* Makes the folder and the files as needed. On error nothing that stood there was changed, and
 * problem is one line for a person. */
int app_ledger_open(struct app_ledger *ledger, const char *path, const struct app_file_ops *ops,
                    struct app_text *problem);

/* Also on a ledger whose open failed. */
void app_ledger_close(struct app_ledger *ledger);

/* Counts `count` visits. On success they are numbers value - count + 1 to value. */
int app_ledger_add(struct app_ledger *ledger, uint64_t count);

/* Adds `amount` unless the id is known. *ret_was_new: false if it had been added before. */
int app_ledger_import(struct app_ledger *ledger, const char *id, uint64_t amount,
                      bool *ret_was_new);

/* Tries to leave the broken state without counting anything. */
int app_ledger_repair(struct app_ledger *ledger);

/* Private part, shared by ledger.c and ledger_open.c. */
#define APP_LEDGER_VISITS "visits.bin"
#define APP_LEDGER_LOG "transfers.log"
#define APP_LEDGER_LOCK "counter.lock"

/* The slow and safe way to write a value: what a failure left is put right, then the file is
 * replaced. */
int app_ledger_write_anew(struct app_ledger *ledger, uint64_t value);

#endif

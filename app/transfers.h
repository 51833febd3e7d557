/*
 * transfers: which imports were taken, as a list in memory and as lines of DIR/transfers.log.
 *
 * Not for deciding whether an import is finished (ledger.h does, from the count on disk).
 * Shape: one line each, "1 ID AMOUNT BEFORE AFTER CRC\n"; 1 is the version of the format, CRC the
 * CRC-32 of what stands before it as 8 hexadecimal digits.
 * Limits: APP_TRANSFERS_MAX lines; none is ever forgotten, since a forgotten id could count twice.
 * Errors: -EINVAL bad id or damaged text, -ENOMEM, -E2BIG too many. Ownership: deinit frees.
 * Threads: one at a time.
 */
#ifndef APP_TRANSFERS_H
#define APP_TRANSFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define APP_TRANSFER_ID_SIZE 65
#define APP_TRANSFER_LINE_SIZE 192
#define APP_TRANSFERS_MAX 4096

struct app_transfer {
    char id[APP_TRANSFER_ID_SIZE];
    uint64_t amount;
    uint64_t before; /* the count when it came */
    uint64_t after;  /* before + amount */
};

struct app_transfers {
    struct app_transfer *items;
    size_t count;
    size_t capacity;
};

void app_transfers_init(struct app_transfers *transfers);
void app_transfers_deinit(struct app_transfers *transfers);

/* 1 to 64 letters, digits and . _ : - */
bool app_transfer_is_id(const char *id);

const struct app_transfer *app_transfers_find(const struct app_transfers *transfers,
                                              const char *id);

/* Makes room for one more, so that push after the line is on disk cannot fail. */
int app_transfers_reserve(struct app_transfers *transfers);

/* After a reserve that succeeded. */
void app_transfers_push(struct app_transfers *transfers, const struct app_transfer *transfer);

/* Returns the length of the line, without terminator. */
size_t app_transfer_format(const struct app_transfer *transfer, char line[APP_TRANSFER_LINE_SIZE]);

/*
 * Reads a whole log. A last line without its newline, or with NUL bytes where blocks were never
 * written, is what a crash leaves of an import that was never answered: it is left out, and
 * *ret_good_len is where the good lines end. Any other damage is -EINVAL with *ret_line its number,
 * from 1.
 */
int app_transfers_load(struct app_transfers *transfers, const char *bytes, size_t len,
                       size_t *ret_good_len, size_t *ret_line);

#endif

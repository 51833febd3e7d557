/*
 * counter: the number of visits as a value and as bytes on disk. Pure.
 *
 * Not for files (ledger.h) or for counting requests (metrics.h).
 * Shape on disk: unsigned, little-endian, APP_COUNTER_SIZE bytes; older builds wrote fewer.
 * Errors: -EINVAL for a length no build ever wrote, -EOVERFLOW for a sum that does not fit.
 * Threads: any.
 */
#ifndef APP_COUNTER_H
#define APP_COUNTER_H

#include <stddef.h>
#include <stdint.h>

#define APP_COUNTER_SIZE 8

void app_counter_encode(uint64_t value, unsigned char bytes[APP_COUNTER_SIZE]);

/* len: 1 to APP_COUNTER_SIZE, else -EINVAL. */
int app_counter_decode(const unsigned char *bytes, size_t len, uint64_t *ret_value);

/* -EOVERFLOW rather than starting again at 0. */
int app_counter_add(uint64_t value, uint64_t amount, uint64_t *ret_sum);

#endif

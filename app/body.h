/*
 * body: bodies that are made while they are sent: those of /bytes/N, and any body sent slowly.
 *
 * Not for answers at full speed that are in memory (libmicrohttpd has those).
 * Shape of the pattern: lines of 16 bytes, each the offset of its first byte as 15 hexadecimal
 * digits and a newline, so that a byte that is lost, doubled or moved shows.
 * Errors: NULL when memory is short. Ownership: the response frees the body.
 * Callbacks: none to the caller. Threads: the server's, and the delay's to wake it.
 */
#ifndef APP_BODY_H
#define APP_BODY_H

#include "app/delay.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app_body_plan {
    struct MHD_Connection *connection;
    struct app_delay *delay;
    uint32_t slow_ms; /* spread over this time, 0: as fast as it goes */
    const char *text; /* copied; NULL: the pattern */
    uint64_t len;
    bool is_chunked; /* the length is not told */
};

/* The body sends itself; the response goes to MHD_queue_response. */
struct MHD_Response *app_body_new_response(const struct app_body_plan *plan);

/* `len` bytes of the pattern from `offset` on. */
void app_body_fill_pattern(uint64_t offset, char *buffer, size_t len);

/* How much of `len` may be sent when elapsed_ms of slow_ms are over; slices of a tenth. If that is
 * no more than `sent`, *ret_wait_ms is when there will be more. */
uint64_t app_body_allowed(uint64_t len, uint64_t sent, uint64_t elapsed_ms, uint32_t slow_ms,
                          uint64_t *ret_wait_ms);

#endif

/*
 * clock: the three clocks, as functions that a test can replace.
 *
 * Not for timers (lib/net/deadline.h).
 * Units: monotonic and boottime in ns, wall time in ns since 1970 (journal and log only).
 * Errors: none; the kernel's clocks used here cannot fail. Threads: any.
 */
#ifndef TN_BASE_CLOCK_H
#define TN_BASE_CLOCK_H

#include <stdint.h>

struct tn_clock {
    uint64_t (*monotonic_ns)(void *context); /* durations and deadlines */
    uint64_t (*boottime_ns)(void *context);  /* ttl: goes on while the machine sleeps */
    uint64_t (*wall_ns)(void *context);      /* what a person reads; may jump */
    void *context;
};

/* The kernel's clocks. */
extern const struct tn_clock tn_clock_system;

#define TN_RFC3339_SIZE 32

/* "2026-11-03T07:12:33.123Z" into buffer (TN_RFC3339_SIZE bytes, terminated). Returns buffer. */
char *tn_clock_rfc3339(uint64_t wall_ns, char *buffer);

#define TN_HTTP_DATE_SIZE 30

/* "Tue, 03 Nov 2026 07:12:33 GMT" (IMF-fixdate, RFC 9110 5.6.7), 29 bytes and a terminator. Returns
 * buffer. */
char *tn_clock_http_date(uint64_t wall_ns, char *buffer);

#endif

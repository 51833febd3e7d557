/*
 * units: durations, sizes and percents between text and exact whole numbers.
 *
 * Not for numbers without a unit (lib/base/str.h). No floating point: 0.1 % is 1,000 ppm, exactly.
 * Shapes: "500ms", "2s", "5m", "1h", "7d"; "1048576", "64KiB", "16MiB", "1GiB"; "25", "25 %",
 * "12.5%" (at most four decimals). The words `off` and `unlimited` belong to the caller.
 * Errors: -EINVAL not such a text, -ERANGE too large. Threads: any.
 */
#ifndef PX_CONFIG_UNITS_H
#define PX_CONFIG_UNITS_H

#include "lib/base/str.h"

#include <stdint.h>

#define PX_UNITS_DURATION_MAX_MS (365ull * 24 * 3600 * 1000)
#define PX_UNITS_SIZE_MAX (1ull << 50)
#define PX_UNITS_PPM_MAX 1000000u
#define PX_UNITS_TEXT_SIZE 32

int px_units_parse_duration(struct tn_str text, uint64_t *ret_ms);
int px_units_parse_size(struct tn_str text, uint64_t *ret_bytes);
int px_units_parse_percent(struct tn_str text, uint32_t *ret_ppm);

/* The shortest text that parses to the same number, into buffer (PX_UNITS_TEXT_SIZE). Returns it.
 */
char *px_units_write_duration(uint64_t ms, char *buffer);
char *px_units_write_size(uint64_t bytes, char *buffer);
char *px_units_write_percent(uint32_t ppm, char *buffer); /* "12.5%" */

#endif

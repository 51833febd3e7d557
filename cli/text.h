/*
 * text: strings and numbers as a person reads them.
 *
 * Shapes: malloc'd texts are the caller's. Units: ppm, ms, s in the names. Errors: out of memory
 * ends the process with exit code 1, as at any start: nothing was changed that is not told already.
 * Threads: any.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "lib/base/str.h"

#include <stdint.h>
#include <stdio.h>

char *cli_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Nothing of the text moves a terminal's cursor any more: controls become '?'. */
void cli_make_printable(char *text);

/* A copy in which nothing moves a terminal's cursor: controls become '?'. */
char *cli_printable(const char *text);

/* pointer, or the end of the process when it is NULL. */
void *cli_need(void *pointer);

#define CLI_TEXT_SIZE 48

/* "10%", "0.1%", "33.3333%": what `set share` takes back. */
char *cli_write_ppm(uint64_t ppm, char *buffer);

/* "90.01%": two decimals, four when the share is below 0.01 %. */
char *cli_write_measured(double ratio, char *buffer);

/* "9,000" */
char *cli_write_count(uint64_t count, char *buffer);

/* "3 s", "12 min", "3 h 4 min", "2 d 3 h" */
char *cli_write_age(uint64_t seconds, char *buffer);

/* "0.4 ms", "12 ms", "1.5 s" */
char *cli_write_latency(double ms, char *buffer);

/* Seconds since 1970 of "2026-11-03T07:12:33.123Z"; -EINVAL. Only UTC ("Z"), as the server writes.
 */
int cli_parse_time(const char *text, int64_t *ret_s);

#endif

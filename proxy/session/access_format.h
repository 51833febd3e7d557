/*
 * access_format: one request to one line of the access log.
 *
 * Not for writing it (access_log.h, which says what a line looks like); internal to the log.
 * Shape: text into the caller's buffer, which must have room for px_access_format_max() bytes; no
 * allocation, no printf: it runs once per request. Errors: none. Ownership: none. Threads: any.
 */
#ifndef PX_SESSION_ACCESS_FORMAT_H
#define PX_SESSION_ACCESS_FORMAT_H

#include "proxy/session/access_log.h"

/* Never less than px_access_format() writes. */
size_t px_access_format_max(const struct px_access_line *line);

/* Bytes written, the line's end included. date belongs to one format. */
size_t px_access_format(const struct px_access_line *line, enum px_log_format format,
                        struct px_access_date *date, char *buffer);

#endif

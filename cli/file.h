/*
 * file: a whole file as text.
 *
 * Shapes: at most 1 MiB, as the admin interface takes; "-" is standard input. Errors: NULL with a
 * message (malloc'd). Ownership: the caller frees the bytes. Threads: any.
 */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include "lib/base/str.h"

#define CLI_FILE_MAX ((size_t)1024 * 1024)

char *cli_read_file(const char *path, struct tn_str *ret_text, char **ret_why);

#endif

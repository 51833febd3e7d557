/*
 * os_parts: the functions of struct en_os that live in files of their own (os_files.c, os_probe.c).
 *
 * Private to engine/local. Shapes, errors, ownership, threads: as os.h.
 */
#ifndef EN_LOCAL_OS_PARTS_H
#define EN_LOCAL_OS_PARTS_H

#include "engine/local/os.h"

void en_os_probe_all(struct en_os *os, struct en_os_probe *probes, size_t count,
                     uint64_t timeout_ms);
int en_os_make_folder(struct en_os *os, const char *path);
int en_os_remove_folder(struct en_os *os, const char *path);
void en_os_last_line(struct en_os *os, const char *path, char *line, size_t size);

#endif

/*
 * process: what the kernel says about this process.
 *
 * Not for limits or decisions. Shape: read anew with each call, from /proc, by a descriptor
 * that is kept. Units: bytes.
 * Errors: 0 where it can't be read. Threads: any.
 */
#ifndef TN_BASE_PROCESS_H
#define TN_BASE_PROCESS_H

#include <stdint.h>

/* Resident memory without the files behind it: the pages that only this process's end gives back.
 */
uint64_t tn_process_memory(void);

#endif

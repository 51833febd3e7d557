/*
 * instructions: how many instructions a function takes, counted one by one.
 *
 * Not for time, and not for what makes system calls: a child process is single-stepped (ptrace), so
 * the count is exact and the same on a busy machine. Errors: negative errno when this machine
 * forbids it. Ownership: none. Threads: one test.
 */
#ifndef TESTS_SUPPORT_INSTRUCTIONS_H
#define TESTS_SUPPORT_INSTRUCTIONS_H

#include <stdint.h>

/* run(context), the second of two runs, in a child that ends afterwards; what it writes is lost. */
int64_t instructions_of(void (*run)(void *context), void *context);

#endif

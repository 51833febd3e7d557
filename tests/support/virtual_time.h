/*
 * virtual_time: a loop test whose clock jumps to the next timer instead of waiting for it.
 *
 * Not for programs with threads that talk to each other: a clock that jumps while another thread
 * works tells nothing. Shape: linking virtual_time.c into a test replaces clock_gettime() and the
 * epoll waits of the whole process, libuv included. All clocks start at a fixed moment and stand
 * still while there is something to do; a wait with a timeout that finds nothing ready moves them
 * by that timeout and returns. A wait without a timeout that finds nothing within seconds of real
 * time aborts: the test hangs. Threads: any.
 */
#ifndef TESTS_SUPPORT_VIRTUAL_TIME_H
#define TESTS_SUPPORT_VIRTUAL_TIME_H

#include <stdint.h>

#define VIRTUAL_TIME_START_MS 1000000ULL
#define VIRTUAL_TIME_WALL_S 1790000000ULL /* CLOCK_REALTIME at the start */

/* Monotonic. */
uint64_t virtual_time_ms(void);

/* As if the machine had done something else for so long. */
void virtual_time_pass(uint64_t ms);

#endif

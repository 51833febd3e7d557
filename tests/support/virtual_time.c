#include "tests/support/virtual_time.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HANG_MS 20000
#define NS_PER_MS 1000000ULL

/* libuv must find these instead of libc's: they have to be seen from outside the program. */
#define REPLACES_LIBC __attribute__((visibility("default")))

static _Atomic uint64_t now_ms = VIRTUAL_TIME_START_MS;

uint64_t virtual_time_ms(void)
{
    return now_ms;
}

void virtual_time_pass(uint64_t ms)
{
    now_ms += ms;
}

REPLACES_LIBC int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    uint64_t ms = now_ms;

    if (clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID)
        return (int)syscall(SYS_clock_gettime, clock, ret_time);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        ms += VIRTUAL_TIME_WALL_S * 1000 - VIRTUAL_TIME_START_MS;
    ret_time->tv_sec = (time_t)(ms / 1000);
    ret_time->tv_nsec = (long)(ms % 1000 * NS_PER_MS);
    return 0;
}

static int wait_really(int fd, struct epoll_event *events, int max, int timeout_ms,
                       const sigset_t *mask)
{
    return (int)syscall(SYS_epoll_pwait, fd, events, max, timeout_ms, mask, _NSIG / 8);
}

static int wait_virtually(int fd, struct epoll_event *events, int max, int timeout_ms,
                          const sigset_t *mask)
{
    int count = wait_really(fd, events, max, 0, mask);

    if (count != 0 || timeout_ms == 0)
        return count;
    if (timeout_ms > 0) {
        virtual_time_pass((uint64_t)timeout_ms);
        return 0;
    }
    count = wait_really(fd, events, max, HANG_MS, mask);
    if (count == 0) {
        fprintf(stderr, "virtual_time: nothing happens any more\n");
        abort();
    }
    return count;
}

REPLACES_LIBC int epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
    return wait_virtually(fd, events, max, timeout_ms, NULL);
}

REPLACES_LIBC int epoll_pwait(int fd, struct epoll_event *events, int max, int timeout_ms,
                              const sigset_t *mask)
{
    return wait_virtually(fd, events, max, timeout_ms, mask);
}

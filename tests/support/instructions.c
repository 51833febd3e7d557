#include "tests/support/instructions.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Told apart from the stop of a single step, which is SIGTRAP. */
static void mark(void)
{
    syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR2);
}

static void be_counted(void (*run)(void *context), void *context)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(1);
    run(context); /* the dynamic linker's work is done by then */
    mark();
    run(context);
    mark();
    _exit(0);
}

static bool wait_stop(pid_t child, int *ret_signal)
{
    int status;

    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return false;
    }
    *ret_signal = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
    return WIFSTOPPED(status);
}

int64_t instructions_of(void (*run)(void *context), void *context)
{
    pid_t child = fork();
    int64_t count = 0;
    int signal = 0;
    int status;

    if (child < 0)
        return -errno;
    if (child == 0)
        be_counted(run, context);
    if (!wait_stop(child, &signal))
        return -EPERM; /* it has ended: not allowed here */
    do {
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0 || !wait_stop(child, &signal))
            return -EPERM;
        count++;
    } while (signal != SIGUSR2);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return count;
}

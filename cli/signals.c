#include "cli/signals.h"

static volatile sig_atomic_t ending; /* the signal */
static volatile sig_atomic_t has_stopped, has_new_size;

static void on_signal(int number)
{
    if (number == SIGTSTP)
        has_stopped = 1;
    else if (number == SIGWINCH || number == SIGCONT)
        has_new_size = 1;
    else
        ending = number;
}

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};

void cli_signals_take(sigset_t *ret_waiting)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t blocked;

    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction before;

        /* nohup, and shells that start us in the background, want some to be ignored */
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN)
            continue;
        sigaction(numbers[i], &action, NULL);
        sigaddset(&blocked, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &blocked, ret_waiting);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigdelset(ret_waiting, numbers[i]);
}

void cli_signals_raise(int number)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    struct sigaction before;
    sigset_t mask;
    sigset_t own;

    sigemptyset(&mask);
    sigaddset(&mask, number);
    sigaction(number, &action, &before);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &mask, &own);
    sigprocmask(SIG_SETMASK, &own, NULL); /* continued */
    sigaction(number, &before, NULL);
}

int cli_signals_ending(void)
{
    return ending;
}

bool cli_signals_stopped(void)
{
    bool was = has_stopped;

    has_stopped = 0;
    return was;
}

bool cli_signals_resized(void)
{
    bool was = has_new_size;

    has_new_size = 0;
    return was;
}

/* The only program of a pod's sandbox: holds its namespaces until it is told to go, and reaps
 * orphans. */
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_end(int number)
{
    (void)number;
    _exit(0);
}

static void on_child(int number)
{
    (void)number;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

int main(void)
{
    const struct sigaction end = {.sa_handler = on_end};
    const struct sigaction child = {.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP};

    if (sigaction(SIGINT, &end, NULL) || sigaction(SIGTERM, &end, NULL) ||
        sigaction(SIGCHLD, &child, NULL))
        return 1;
    for (;;)
        pause();
}

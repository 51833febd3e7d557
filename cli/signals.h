/*
 * signals: those that end, stop or resize a page in a terminal, taken only while we wait.
 *
 * Not for the proxy (lib/net/control.h). Shapes: blocked from cli_signals_take() on, but for the
 * mask that it gives, which is ppoll()'s; what came is asked for afterwards. Those that were
 * ignored (nohup, shells that start us in the background) stay so. Errors: none. Threads: one.
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

void cli_signals_take(sigset_t *ret_waiting);

/* SIGINT, SIGTERM, SIGHUP or SIGQUIT came; 0: none. */
int cli_signals_ending(void);

/* SIGTSTP came since the last call; the same for SIGWINCH and SIGCONT. */
bool cli_signals_stopped(void);
bool cli_signals_resized(void);

/* Does what the signal does when nobody catches it; of SIGTSTP it returns, continued. */
void cli_signals_raise(int number);

#endif

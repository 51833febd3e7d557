/*
 * notify: tells a service manager what this process is at, as sd_notify(3) does.
 *
 * Not for logging. Shapes: datagrams to $NOTIFY_SOCKET; without it nothing happens. Errors: none
 * that anybody could do something about. Threads: control.
 */
#ifndef PX_NOTIFY_H
#define PX_NOTIFY_H

#include <sys/types.h>

/* It serves, and is the process to look after. */
void px_notify_ready(void);
/* Another one is, from now on. */
void px_notify_main_pid(pid_t pid);
void px_notify_stopping(void);

#endif

#include "lib/base/log.h"

#include "lib/base/clock.h"

#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static _Atomic int log_level = TN_LOG_INFO;

void tn_log_set_level(enum tn_log_level level)
{
    log_level = (int)level;
}

/* What a peer sent may be in the text: it must not start a line of its own or drive a terminal. */
static void neutralise(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
    }
}

/* A pipe that is ready has room for PIPE_BUF bytes, more than a line: the write will not wait. */
static bool would_block(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};

    return poll(&ready, 1, 0) == 0;
}

void tn_log(enum tn_log_level level, const char *part, const char *format, ...)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    char line[LINE_MAX_BYTES];
    char time[TN_RFC3339_SIZE];
    size_t used;
    int more;
    va_list args;

    if ((int)level > log_level)
        return;
    tn_clock_rfc3339(tn_clock_system.wall_ns(NULL), time);
    used = (size_t)snprintf(line, sizeof(line), "%s %s %s: ", time, names[level], part);
    va_start(args, format);
    more = vsnprintf(line + used, sizeof(line) - used, format, args);
    va_end(args);
    if (more > 0)
        used += (size_t)more < sizeof(line) - used ? (size_t)more : sizeof(line) - used - 1;
    neutralise(line, used);
    line[used++] = '\n';
    if (would_block(STDERR_FILENO) || write(STDERR_FILENO, line, used) < 0)
        return; /* nobody is left to tell */
}

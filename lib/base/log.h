/*
 * log: the process's own messages, one line each, to standard error.
 *
 * Not for the access log (proxy/session/access_log.h). Library rooms below session/ never log; they
 * return. Shape: "2026-11-03T07:12:33.123Z warning health: blue/1 is down (connection refused)".
 * Errors: a blocked or closed standard error loses the line, never the caller. Threads: any; one
 * write(2) a line.
 */
#ifndef TN_BASE_LOG_H
#define TN_BASE_LOG_H

enum tn_log_level { TN_LOG_ERROR, TN_LOG_WARNING, TN_LOG_INFO, TN_LOG_DEBUG };

/* Lines above this level are dropped; TN_LOG_INFO at start. */
void tn_log_set_level(enum tn_log_level level);

/* part: the room that speaks, for example "health". Lines are cut at 2,048 bytes; control bytes
 * become '?'. */
void tn_log(enum tn_log_level level, const char *part, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

/*
 * reply: queues the answer to a request, with the header fields that every answer carries.
 *
 * Not for choosing what to answer (handlers.h).
 * Shape: X-Served-By, X-Version and X-Build always tell the truth, also under a fault, so that a
 * test can tally who answered; X-Visits where an answer shows the count. Errors are JSON with an
 * "error".
 * Errors: MHD_NO (libmicrohttpd then closes the connection) when memory is short.
 * Threads: the server's.
 */
#ifndef APP_REPLY_H
#define APP_REPLY_H

#include "app/page.h"
#include "app/server.h"

struct app_reply {
    unsigned status;
    const char *content_type;
    const char *text; /* terminated */
    const char *allow;
    bool has_visits;
    uint64_t visits;
};

enum MHD_Result app_reply_send(struct app_request *request, const struct app_reply *reply);

enum MHD_Result app_reply_error(struct app_request *request, unsigned status, const char *why);

/* Version, build and name, without a count. */
struct app_identity app_reply_identify(const struct app_request *request);

/* Gives request->job to the store; the handler runs again, at APP_STAGE_COMMITTED, when it is done.
 */
enum MHD_Result app_reply_commit(struct app_request *request);

/* 503 with what the disk said. */
enum MHD_Result app_reply_fail_write(struct app_request *request, const char *what);

/* len bytes of the pattern of body.h. */
enum MHD_Result app_reply_pattern(struct app_request *request, uint64_t len, bool is_chunked);

#endif

/*
 * handlers: which path and method gives which answer.
 *
 * Not for connections and bodies (server.h). One row of the table in handlers.c is one kind of
 * request; only GET / counts.
 * Shape: choose once when the head is there; run when the body is there, and again after each wait.
 * Errors: as answers; MHD_NO when memory is short. Threads: the server's.
 */
#ifndef APP_HANDLERS_H
#define APP_HANDLERS_H

#include "app/server.h"

typedef enum MHD_Result(app_handler_fn)(struct app_request *request);

struct app_handler {
    const char *path;    /* exact, but for /bytes/ */
    const char *methods; /* "GET, HEAD" */
    app_handler_fn *run;
    enum app_route route;
    bool is_probed; /* machinery: faults leave it alone */
};

/* Sets route and handler of the request. */
void app_handlers_choose(struct app_request *request, const char *url, const char *method);

enum MHD_Result app_handlers_run(struct app_request *request);

#endif

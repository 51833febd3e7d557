/*
 * faults_server: the listener on which faults are shown and set, apart from the service's own.
 *
 * Not for what the faults do (faults.h). No proxy knows its address, it binds to loopback only, and
 * it refuses requests that a web page of another origin sends.
 * Shape: / only. GET shows all fields as JSON; PUT or POST sets those named in the query or,
 * without a query, in the body, all or none; DELETE ends every fault. Errors: start -EIO when
 * libmicrohttpd refuses; to clients 400 with an "error", 403, 404, 405, 413. Threads: one of its
 * own.
 */
#ifndef APP_FAULTS_SERVER_H
#define APP_FAULTS_SERVER_H

#include "app/faults.h"

#include <microhttpd.h>

/* Takes over fd; the faults must stay until the daemon is stopped. */
int app_faults_server_start(struct app_faults *faults, int fd, struct MHD_Daemon **ret_daemon);

#endif
